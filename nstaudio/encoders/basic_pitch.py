"""A network that was trained to transcribe: Basic Pitch, `nstaudio.notes.basic_pitch`."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from nstaudio.analysis.representations import ConstantQ, Representation
from nstaudio.analysis.spectrogram import MelSpec
from nstaudio.encoders.base import ActivationEncoder, Spectrogram, check_bands
from nstaudio.errors import InputError
from nstaudio.notes import basic_pitch
from nstaudio.notes.basic_pitch import HOP_LENGTH, SR

HEARD = ConstantQ(f_min_hz=27.5, f_max_hz=10400.0, bins_per_octave=36)
"""What it hears: a third of a semitone a band."""

N_BANDS = 309


class BasicPitchEncoder(ActivationEncoder, kw_only=True):
    """The layers of a convolutional network that was trained to find notes.

    Bittner et al. (ICASSP 2022), with the published weights (Apache 2.0), which no seed changes.
    Above all for a content loss: `contour` (that a pitch sounds, three bins a semitone), `note` and
    `onset` (that one of 88 semitones from A0 sounds, or begins) are probabilities of what is
    played, whatever plays it. Their bins are channels, so a Gram matrix of them says what sounds
    together. `contour_1`, `note_1` and `onset_1`, from which they are made, are rectified.

    Levels are from the spectrogram's floor to the input's loudest cell, where the published network
    takes them from the quietest cell of windows of 2 s: the gradient at a cell that is quiet by
    chance would outweigh all others. The constant-Q transform is `analysis.constant_q`'s, whose
    bands are the same but for what the published one's decimation lets alias.

    Attributes:
        input_layer: see `ActivationEncoder`.
    """

    @property
    def network_layers(self) -> tuple[str, ...]:
        """`contour_1`, `contour`, `note_1`, `note`, `onset_1`, `onset`."""
        return basic_pitch.LAYERS

    @property
    def receptive_field(self) -> int:
        """One frame: beyond the edges is silence, so any input is long enough."""
        return 1

    @nn.nowrap
    def check_input(self, representation: Representation, spec: MelSpec) -> None:
        """Check for the bands and the rate that the network was trained on.

        Raises:
            InputError: another representation, or frames at another rate.
        """
        if representation != HEARD or (spec.sr, spec.hop_length) != (SR, HOP_LENGTH):
            raise InputError(
                "encoder=basic_pitch was trained on representation=basic_pitch with "
                f"spectrogram.sr={SR} spectrogram.hop_length={HOP_LENGTH} and without "
                "multiscale.factors: choose these, and parametrization=waveform or content_gain"
            )

    @nn.compact
    def __call__(self, x: Spectrogram) -> dict[str, Float[Array, "frames bins *channels"]]:
        """Activations, `frames bins channels` or, of probabilities, `frames bins`.

        Raises:
            InputError: not the 309 bands that it was trained on.
        """
        check_bands("basic_pitch", N_BANDS, x, representation="basic_pitch")
        params = self.param("network", _published)
        peak = x.max()
        level = jnp.where(peak > 0, x / jnp.where(peak > 0, peak, 1.0), 0.0)
        found: Any = _Layers(parent=None).apply({"params": params}, level[None])
        return {
            name: y[0, ..., 0] if y.shape[-1] == 1 else y[0]
            for name, y in ((name, found[name]) for name in self.network_layers)
        }


class _Layers(nn.Module):
    """`basic_pitch.layers` as a module."""

    @nn.compact
    def __call__(self, level: Float[Array, "windows frames bins"]) -> dict[str, Array]:
        return basic_pitch.layers(level)


def _published(key: PRNGKeyArray) -> dict[str, Any]:
    """The weights in place of random ones."""
    del key
    return jax.tree.map(jnp.asarray, basic_pitch.weights()["params"])
