"""A network that was trained on music: musicnn's VGG."""

from functools import cache, partial, reduce
from importlib import resources
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from nstaudio.analysis.representations import Representation
from nstaudio.analysis.spectrogram import MelSpec
from nstaudio.encoders.base import ActivationEncoder, Spectrogram, check_bands, check_levels
from nstaudio.encoders.random_convolution import Pair
from nstaudio.errors import number

SPEC = MelSpec(sr=16000, n_fft=512, hop_length=256, n_mels=96)
"""What it hears."""

N_FEATURES = 128
"""Channels of each layer."""

_COMPRESSION = 10000.0
_EPSILON = 1e-3  # TensorFlow's, of batch normalisation
_POOLING = (((4, 1), (2, 2)), ((2, 2), (2, 2)), ((2, 2), (2, 2)))  # size and stride of each layer


class MusicnnEncoder(ActivationEncoder, kw_only=True):
    """The first three layers of a convolutional network that was trained to tag music.

    Pons & Serra, "musicnn: pre-trained convolutional neural networks for music audio tagging"
    (ISMIR late-breaking 2019), the model `MTT_vgg`: convolutions of 3 frames by 3 bands, rectified,
    normalised and pooled. The weights are the authors' (ISC licence, see LICENSES.md in this
    folder), converted by `scripts/convert_musicnn.py`; no seed changes them. Means and deviations
    of `pool3` in regions of frequency agree with human ratings of timbre better than cepstra and
    random features do (`benchmarks/timbre_ratings.py`).

    It hears what it was trained on with `spectrogram=musicnn`: 96 bands up to 8 kHz. No padding in
    time, so activations are those of the published network but beside its windows' edges.

    Attributes:
        peak_db: level of the clip's loudest band, which is 1 in the input, in the units of the
            published network: a sound with peaks at full scale reaches 15 to 21 dB.
        floor_db: level of the input's 0 relative to its 1, dB: that of the spectrogram.
        input_layer: see `ActivationEncoder`.

    Raises:
        InputError: a value outside its limits.
    """

    peak_db: float = 18.0
    floor_db: float = -80.0

    def __post_init__(self) -> None:
        number("encoder.peak_db", self.peak_db, at_least=-60, at_most=60)
        number("encoder.floor_db", self.floor_db, at_least=-140, at_most=-20)
        super().__post_init__()

    @property
    def network_layers(self) -> tuple[str, ...]:
        """`pool1`, `pool2`, `pool3`."""
        return tuple(f"pool{i}" for i in range(1, len(_POOLING) + 1))

    @property
    def receptive_field(self) -> int:
        """Frames that one activation of the last layer depends on: the shortest usable input."""
        frames = 1
        for (size, _), (stride, _) in reversed(_POOLING):
            frames = (frames - 1) * stride + size + 2
        return frames

    @nn.nowrap
    def check_input(self, representation: Representation, spec: MelSpec) -> None:
        """Check for the levels that the network was trained on.

        Raises:
            InputError: another representation or spectrogram.
        """
        check_levels("musicnn", SPEC, representation, spec)

    @nn.compact
    def __call__(self, x: Spectrogram) -> dict[str, Float[Array, "_ _ 128"]]:
        """Activations after each pooling, `frames bands channels`: 48, 24 and 12 bands.

        Raises:
            InputError: not the 96 bands that it was trained on.
        """
        check_bands("musicnn", SPEC.n_mels, x, representation="levels")
        db = (x - 1.0) * -self.floor_db + self.peak_db
        y = jnp.log10(1.0 + _COMPRESSION * 10.0 ** (db / 10.0))
        y = _Normalization(name="norm0")(y[..., None])
        activations = {}
        for i, (size, strides) in enumerate(_POOLING, start=1):
            y = nn.relu(_convolution(f"conv{i}")(y))
            y = _largest(_Normalization(name=f"norm{i}")(y), size, strides)
            activations[f"pool{i}"] = y
        return activations


def _largest(
    y: Float[Array, "frames bands channels"], size: Pair, strides: Pair
) -> Float[Array, "fewer_frames fewer_bands channels"]:
    """Max pooling without padding, by slices: `nn.max_pool` of it is compiled wrongly on CPUs."""
    n_frames, n_bands = (
        (n - width) // step + 1 for n, width, step in zip(y.shape, size, strides, strict=False)
    )
    (step_t, step_b) = strides
    parts = [
        y[t : t + (n_frames - 1) * step_t + 1 : step_t, b : b + (n_bands - 1) * step_b + 1 : step_b]
        for t in range(size[0])
        for b in range(size[1])
    ]
    return reduce(jnp.maximum, parts)


def _convolution(name: str) -> nn.Conv:
    return nn.Conv(
        N_FEATURES,
        (3, 3),
        padding=((0, 0), (1, 1)),
        kernel_init=partial(_published, f"{name}/kernel"),
        bias_init=partial(_published, f"{name}/bias"),
        name=name,
    )


class _Normalization(nn.Module):
    """A trained batch normalisation, as one scale and one bias a channel."""

    @nn.compact
    def __call__(self, x: Float[Array, "frames bands channels"]) -> Float[Array, "frames bands _"]:
        shape = x.shape[-1:]
        scale = self.param("scale", partial(_published, f"{self.name}/scale"), shape)
        bias = self.param("bias", partial(_published, f"{self.name}/bias"), shape)
        return x * scale[None, None] + bias[None, None]


def _published(name: str, key: Any, shape: tuple[int, ...], dtype: Any = jnp.float32) -> Array:
    """The weights in place of random ones."""
    del key
    return jnp.asarray(_weights()[name], dtype).reshape(shape)


@cache
def _weights() -> dict[str, np.ndarray]:
    file = resources.files("nstaudio.encoders") / "musicnn.npz"
    with file.open("rb") as stream, np.load(stream) as arrays:
        found = dict(arrays)
    for i in range(len(_POOLING) + 1):
        gamma, beta, mean, variance = (
            found.pop(f"norm{i}/{kind}").astype(np.float64)
            for kind in ("scale", "bias", "mean", "var")
        )
        scale = gamma / np.sqrt(variance + _EPSILON)
        found[f"norm{i}/scale"], found[f"norm{i}/bias"] = scale, beta - mean * scale
    return found
