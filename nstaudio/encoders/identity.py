"""No network at all."""

from nstaudio.encoders.base import INPUT, ActivationEncoder, Spectrogram


class IdentityEncoder(ActivationEncoder):
    """The spectrogram itself as the only layer, `input`: mel bands are its channels.

    The plainest baseline: losses of the spectrogram, without any random features.

    Attributes:
        input_layer: no matter: the input is the only layer.
    """

    @property
    def network_layers(self) -> tuple[str, ...]:
        """`input`."""
        return (INPUT,)

    @property
    def layer_names(self) -> tuple[str, ...]:
        """`input`, once, for either `input_layer`."""
        return self.network_layers

    @property
    def receptive_field(self) -> int:
        """One frame."""
        return 1

    def __call__(self, x: Spectrogram) -> dict[str, Spectrogram]:
        """The input."""
        return {INPUT: x}
