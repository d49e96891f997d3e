"""The network of aiSFX, which was trained to tell the classes of sound libraries.

Ma & Lerch, "Representation learning for the automatic indexing of sound effects libraries" (ISMIR
2022). The weights are the authors' (CC BY 4.0, see LICENSES.md in this folder), converted by
`scripts/convert_aisfx.py`.
"""

from functools import cache
from importlib import resources
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from nstaudio.analysis.spectrogram import MelSpec

SPEC = MelSpec(sr=44100, n_fft=2048, hop_length=1024, n_mels=96, mel_scale="htk", mel_norm=None)
"""What it hears, but for the weights of each band, which are to sum up to 1."""

N_FEATURES = 512
"""Channels of the last block."""

_COMPRESSION = 10000.0
_MAX_LEVEL = 9.457798957824707  # of the spectrograms that the network was trained on
_BLOCKS = (64, 128, 256, N_FEATURES)


class Network(nn.Module):
    """The network up to its embedding: four blocks of two convolutions of 3 frames by 3 bands.

    Its batch normalisations are folded into the convolutions.
    """

    @nn.compact
    def __call__(
        self, x: Float[Array, "windows frames bands"]
    ) -> dict[str, Float[Array, "windows _ _ _"]]:
        """The activations of `block1` to `block4`, `windows frames bands channels`.

        Args:
            x: spectrograms as `compressed` has them, 8 frames and bands or more.
        """
        y, activations = x[..., None], {}
        for block, width in enumerate(_BLOCKS, start=1):
            if activations:
                y = _halved(y)
            for i in (1, 2):
                y = nn.relu(nn.Conv(width, (3, 3), name=f"conv{block}_{i}")(y))
            activations[f"block{block}"] = y
        return activations


def _halved(y: Float[Array, "windows frames bands channels"]) -> Float[Array, "windows _ _ _"]:
    """The largest of each two frames by two bands; what is left over at the end is dropped."""
    n, frames, bands, channels = (
        size // halves for size, halves in zip(y.shape, (1, 2, 2, 1), strict=True)
    )
    pairs = y[:, : 2 * frames, : 2 * bands].reshape(n, frames, 2, bands, 2, channels)
    return pairs.max(axis=(2, 4))


@cache
def weights() -> dict[str, Any]:
    """The published weights, rounded to 8 bits, as `Network().apply` takes them."""
    file = resources.files("nstaudio.encoders") / "aisfx.npz"
    with file.open("rb") as stream, np.load(stream) as arrays:
        names = {name.split("/")[0] for name in arrays}
        params = {
            name: {
                "kernel": arrays[f"{name}/kernel"] * arrays[f"{name}/scale"],
                "bias": arrays[f"{name}/bias"],
            }
            for name in names
        }
    return {"params": params}


def compressed(power: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """log10(1 + 10000 power), 0 (silence) to about 1.

    Args:
        power: mel power, by bands whose weights sum up to 1.
    """
    return jnp.log10(1.0 + _COMPRESSION * power) / _MAX_LEVEL
