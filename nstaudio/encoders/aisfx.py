"""A network that was trained to tell the classes of sound libraries: aiSFX.

Ma & Lerch, "Representation learning for the automatic indexing of sound effects libraries" (ISMIR
2022). The weights are the authors' (CC BY 4.0, see LICENSES.md in this folder), converted by
`scripts/convert_aisfx.py`.
"""

from collections.abc import Callable
from functools import cache, partial
from importlib import resources
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from nstaudio.analysis.representations import Representation
from nstaudio.analysis.spectrogram import MelSpec
from nstaudio.encoders.base import ActivationEncoder, Spectrogram, check_bands, check_levels
from nstaudio.encoders.random_convolution import along_both
from nstaudio.errors import number

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

    Attributes:
        convolution: in place of the library's, for one window.
    """

    convolution: Callable[..., Array] = jax.lax.conv_general_dilated

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
                y = nn.relu(self._layer(width, f"conv{block}_{i}")(_between_silence(y)))
            activations[f"block{block}"] = y
        return activations

    def _layer(self, width: int, name: str) -> nn.Conv:
        return nn.Conv(
            width,
            (3, 3),
            padding=((0, 0), (1, 1)),
            kernel_init=partial(_published, name, "kernel"),
            bias_init=partial(_published, name, "bias"),
            conv_general_dilated=self.convolution,
            name=name,
        )


class AisfxEncoder(ActivationEncoder, kw_only=True):
    """The four blocks of the network that judges results elsewhere (`nstaudio.evaluation.judge`).

    For textures, on which it was trained. What it has optimised it cannot judge: runs with it have
    no figures of the judge. No seed changes its weights.

    It hears what it was trained on with `spectrogram=aisfx`: 96 bands up to 22 kHz. Like the
    published network it hears silence before a clip and after it.

    Attributes:
        peak_db: level of the clip's loudest band, which is 1 in the input, in the units of
            `spectrogram=aisfx`: music with peaks at full scale reaches 44 to 51 dB.
        floor_db: level of the input's 0 relative to its 1, dB: that of the spectrogram.
        input_layer: see `ActivationEncoder`.

    Raises:
        InputError: a value outside its limits.
    """

    peak_db: float = 48.0
    floor_db: float = -100.0

    def __post_init__(self) -> None:
        number("encoder.peak_db", self.peak_db, at_least=-60, at_most=80)
        number("encoder.floor_db", self.floor_db, at_least=-140, at_most=-20)
        super().__post_init__()

    @property
    def network_layers(self) -> tuple[str, ...]:
        """`block1` to `block4`."""
        return tuple(f"block{i}" for i in range(1, len(_BLOCKS) + 1))

    @property
    def receptive_field(self) -> int:
        """Frames of the shortest usable input, of which one is left in the last block."""
        return 2 ** (len(_BLOCKS) - 1)

    @nn.nowrap
    def check_input(self, representation: Representation, spec: MelSpec) -> None:
        """Check for the levels that the network was trained on.

        Raises:
            InputError: another representation or spectrogram.
        """
        check_levels("aisfx", SPEC, representation, spec)

    @nn.compact
    def __call__(self, x: Spectrogram) -> dict[str, Float[Array, "_ _ _"]]:
        """Activations of each block, `frames bands channels`, each with half as many of both.

        Raises:
            InputError: not the 96 bands that it was trained on.
        """
        check_bands("aisfx", SPEC.n_mels, x, representation="levels")
        level_db = (x - 1.0) * -self.floor_db + self.peak_db
        power = 10.0 ** (level_db / 10.0) / jnp.asarray(SPEC.filters.sum(axis=0))[None]
        network = Network(along_both, name="network")
        return {name: y[0] for name, y in network(compressed(power)[None]).items()}


def _between_silence(y: Float[Array, "windows frames *rest"]) -> Float[Array, "windows _ *rest"]:
    """A frame of zeros before the first and behind the last."""
    return jnp.pad(y, ((0, 0), (1, 1), (0, 0), (0, 0)))


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


def _published(
    layer: str, kind: str, key: Any, shape: tuple[int, ...], dtype: Any = jnp.float32
) -> Array:
    """The weights in place of random ones."""
    del key
    return jnp.asarray(weights()["params"][layer][kind], dtype).reshape(shape)
