"""Basic Pitch: the probability of each note at each moment, by a small trained network.

Bittner, Bosch, Rubinstein, Meseguer-Brocal & Ewert, "A lightweight instrument-agnostic model for
polyphonic note transcription and multipitch estimation" (ICASSP 2022). The weights are the ones
Spotify published (Apache 2.0, see LICENSE and NOTICE in this folder); they were converted by
`scripts/convert_basic_pitch.py`.
"""

from functools import cache
from importlib import resources
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import scipy.signal
from jaxtyping import Array, Float

from nstaudio.analysis.spectrogram import hann

SR = 22050
"""The rate the network was trained at, Hz."""
HOP_LENGTH = 256
N_SAMPLES = 2 * SR - HOP_LENGTH
"""Samples in the network's window."""
N_FRAMES = 1 + N_SAMPLES // HOP_LENGTH
MIN_MIDI = 21
"""The piano's lowest key, A0 at 27.5 Hz, is the first of the note bins."""
N_NOTES = 88

LAYERS = ("contour_1", "contour", "note_1", "note", "onset_1", "onset")
"""Names of the layers' activations."""

_BINS_PER_SEMITONE = 3
_BINS_PER_OCTAVE = 12 * _BINS_PER_SEMITONE
_N_PITCH_BINS = N_NOTES * _BINS_PER_SEMITONE
# The constant-Q transform reaches 15 semitones above the highest note, for its harmonics.
_N_CQT_BINS = _N_PITCH_BINS + 15 * _BINS_PER_SEMITONE
_N_OCTAVES = -(-_N_CQT_BINS // _BINS_PER_OCTAVE)
_KERNEL_SIZE = 256
_HARMONICS = (0.5, 1, 2, 3, 4, 5, 6, 7)

# A window's first and last frames have seen zeros instead of music: a neighbour's are taken.
_MARGIN_FRAMES = 15
_KEPT_FRAMES = N_FRAMES - 2 * _MARGIN_FRAMES
_WINDOWS_AT_ONCE = 2

_PRECISION = jax.lax.Precision.HIGHEST


class Activations(NamedTuple):
    """The network's three pictures of the music, probabilities from 0 to 1."""

    note: Float[Array, "*windows frames notes"]
    """That a note sounds; 88 semitones from A0."""
    onset: Float[Array, "*windows frames notes"]
    """That a note begins."""
    contour: Float[Array, "*windows frames bins"]
    """That a pitch sounds; three bins a semitone, the middle one of the first three is A0."""


def _cqt_kernels() -> tuple[np.ndarray, np.ndarray]:
    """The filters of the highest octave, `samples bins` of real and imaginary parts; all gains.

    Brown & Puckette (1992): windowed complex exponentials, here of unit 1-norm.
    """
    q = 1.0 / (2 ** (1 / _BINS_PER_OCTAVE) - 1)
    hz = 27.5 * 2.0 ** (np.arange(_N_CQT_BINS) / _BINS_PER_OCTAVE)
    lengths = np.ceil(q * SR / hz)
    kernels = np.zeros((_KERNEL_SIZE, _BINS_PER_OCTAVE), np.complex128)
    for k in range(_BINS_PER_OCTAVE):
        f, n = hz[k - _BINS_PER_OCTAVE], int(lengths[k - _BINS_PER_OCTAVE])
        window = hann(n)
        start = _KERNEL_SIZE // 2 - n // 2 - n % 2
        wave = np.exp(2j * np.pi * f / SR * (np.arange(n) - (n + 1) // 2))
        kernels[start : start + n, k] = window * wave / window.sum()
    parts = np.concatenate([kernels.real, kernels.imag], axis=1)
    return parts.astype(np.float32), np.sqrt(lengths).astype(np.float32)


def _low_pass() -> np.ndarray:
    """The filter before samples are halved; its cut is half of the new rate, 0.1 % wide."""
    edges = [0.0, 0.5 / 1.001, 0.5 * 1.001, 1.0]
    kernel = scipy.signal.firwin2(_KERNEL_SIZE, edges, [1.0, 1.0, 0.0, 0.0])
    return np.asarray(kernel, np.float32)


def _correlate(
    y: Float[Array, "windows samples"], kernels: np.ndarray, stride: int
) -> Float[Array, "windows frames kernels"]:
    return jax.lax.conv_general_dilated(
        y[..., None],
        jnp.asarray(kernels, y.dtype)[:, None, :],
        (stride,),
        "VALID",
        dimension_numbers=("NWC", "WIO", "NWC"),
        precision=_PRECISION,
    )


def cqt_power(y: Float[Array, "windows samples"]) -> Float[Array, "windows frames bins"]:
    """Power of a constant-Q transform, 36 bins an octave from 27.5 Hz, 309 in all.

    One octave's filters serve all: each octave halves the samples (Schoerkhuber & Klapuri 2010).
    """
    kernels, gains = _cqt_kernels()
    half = _low_pass()[:, None]
    octaves = []
    for octave in range(_N_OCTAVES):
        centred = jnp.pad(y, ((0, 0), (_KERNEL_SIZE // 2,) * 2), mode="reflect")
        octaves.append(_correlate(centred, kernels, HOP_LENGTH >> octave))
        y = _correlate(jnp.pad(y, ((0, 0), (_KERNEL_SIZE // 2 - 1,) * 2)), half, 2)[..., 0]
    real, imag = (
        jnp.concatenate([parts[..., side] for parts in reversed(octaves)], axis=-1)
        for side in (slice(_BINS_PER_OCTAVE), slice(_BINS_PER_OCTAVE, None))
    )
    power = (real**2 + imag**2)[..., -_N_CQT_BINS:]
    return power * jnp.asarray(gains**2)[None, None]


def _normalised(level: Float[Array, "windows frames bins"]) -> Float[Array, "windows _ _"]:
    """Levels, linear in dB, with each window's quietest cell at 0 and its loudest at 1."""
    level = level - level.min(axis=(1, 2), keepdims=True)
    peak = level.max(axis=(1, 2), keepdims=True)
    return jnp.where(peak > 0, level / jnp.where(peak > 0, peak, 1.0), 0.0)


def _harmonic_stack(x: Float[Array, "windows frames bins"]) -> Float[Array, "windows _ _ _"]:
    """A channel a harmonic: shifted so that a pitch's harmonics lie above one another."""
    channels = []
    for harmonic in _HARMONICS:
        shift = round(_BINS_PER_OCTAVE * np.log2(harmonic))
        # Where there are no bins there is silence; the highest bins are beyond the pitches.
        shifted = jnp.pad(x, ((0, 0), (0, 0), (max(-shift, 0), max(shift, 0))))
        start = max(shift, 0)
        channels.append(shifted[..., start : start + _N_PITCH_BINS])
    return jnp.stack(channels, axis=-1)


class _Affine(nn.Module):
    """A trained batch normalisation, folded to one scale and one bias."""

    @nn.compact
    def __call__(self, x: Float[Array, "windows frames bins"]) -> Float[Array, "windows _ _"]:
        scale = self.param("scale", nn.initializers.ones, ())
        return x * scale + self.param("bias", nn.initializers.zeros, ())


class Network(nn.Module):
    """The network, on windows of `N_SAMPLES` samples at `SR`, full scale 1."""

    @nn.compact
    def __call__(self, y: Float[Array, "windows samples"]) -> Activations:
        """Activations of `N_FRAMES` frames, one every `HOP_LENGTH` samples."""
        found = layers(_normalised(10.0 * jnp.log10(cqt_power(y) + 1e-10)))
        return Activations(*(found[name][..., 0] for name in Activations._fields))


def layers(
    level: Float[Array, "windows frames bins"],
) -> dict[str, Float[Array, "windows frames _ channels"]]:
    """Activations of all layers by name, in a module's compact method, whose parameters they get.

    Three have 8 to 32 channels and are rectified: `contour_1`, `note_1` and `onset_1`, of which
    the fields of `Activations`, one channel each, are made.

    Args:
        level: of the bins of `cqt_power`, linear in dB, 0 for the quietest to 1 for the loudest.
    """

    def conv(name: str, features: int, frames: int, bins: int, stride: int = 1) -> nn.Conv:
        return nn.Conv(features, (frames, bins), (1, stride), precision=_PRECISION, name=name)

    x = _harmonic_stack(_Affine(name="input")(level))
    contour_1 = nn.relu(conv("contour_1", 8, 3, 39)(x))
    contour = nn.sigmoid(conv("contour_2", 1, 5, 5)(contour_1))
    note_1 = nn.relu(conv("note_1", 32, 7, 7, stride=_BINS_PER_SEMITONE)(contour))
    note = nn.sigmoid(conv("note_2", 1, 7, 3)(note_1))
    onset_1 = nn.relu(conv("onset_1", 32, 5, 5, stride=_BINS_PER_SEMITONE)(x))
    onset = nn.sigmoid(conv("onset_2", 1, 3, 3)(jnp.concatenate([note, onset_1], axis=-1)))
    found = (contour_1, contour, note_1, note, onset_1, onset)
    return dict(zip(LAYERS, found, strict=True))


@cache
def weights() -> dict[str, Any]:
    """The published weights, as `Network().apply` takes them."""
    file = resources.files("nstaudio.notes") / "basic_pitch.npz"
    params: dict[str, Any] = {}
    with file.open("rb") as stream, np.load(stream) as arrays:
        for name, array in arrays.items():
            layer, kind = name.split("/")
            params.setdefault(layer, {})[kind] = array
    return {"params": params}


@jax.jit
def _apply(variables: dict[str, Any], y: Float[Array, "windows samples"]) -> Activations:
    return Network().apply(variables, y)  # type: ignore[return-value]


def activations(y: Float[np.ndarray, " samples"]) -> Activations:
    """Activations of a whole clip, one frame every `HOP_LENGTH` samples from the first.

    The windows overlap, and each gives its inner frames. They advance by a whole number of frames,
    so that frame t lies at t * HOP_LENGTH / SR seconds however long the clip is (the authors' own
    code advances by 141.3 frames, keeps 142 and mends the times). Two windows at a time, so memory
    does not grow with the clip but for the result, 1.8 kB a frame.

    Args:
        y: mono samples at `SR`, full scale 1.
    """
    n_frames = 1 + len(y) // HOP_LENGTH
    n_batches = -(-n_frames // (_KEPT_FRAMES * _WINDOWS_AT_ONCE))
    n_windows = n_batches * _WINDOWS_AT_ONCE
    before, step = _MARGIN_FRAMES * HOP_LENGTH, _KEPT_FRAMES * HOP_LENGTH
    after = max(0, (n_windows - 1) * step + N_SAMPLES - before - len(y))
    padded = np.pad(np.asarray(y, np.float32), (before, after))
    windows = np.lib.stride_tricks.sliding_window_view(padded, N_SAMPLES)[::step][:n_windows]
    batches = [
        jax.tree.map(
            lambda a: np.asarray(a[:, _MARGIN_FRAMES:-_MARGIN_FRAMES]).reshape(-1, a.shape[-1]),
            _apply(weights(), jnp.asarray(windows[i : i + _WINDOWS_AT_ONCE])),
        )
        for i in range(0, n_windows, _WINDOWS_AT_ONCE)
    ]
    return jax.tree.map(lambda *parts: np.concatenate(parts)[:n_frames], *batches)
