"""No network at all."""

from nstaudio.encoders.base import INPUT, ActivationEncoder, Spectrogram


class IdentityEncoder(ActivationEncoder):
    """The spectrogram itself as the only layer, `input`: mel bands are its channels.

    What losses do on their own, without any random features, and the plainest baseline.
    """

    @property
    def network_layers(self) -> tuple[str, ...]:
        """`input`."""
        return (INPUT,)

    @property
    def layer_names(self) -> tuple[str, ...]:
        """`input`, once, whatever `input_layer` says."""
        return self.network_layers

    @property
    def receptive_field(self) -> int:
        """A frame."""
        return 1

    def __call__(self, x: Spectrogram) -> dict[str, Spectrogram]:
        """The input."""
        return {INPUT: x}
