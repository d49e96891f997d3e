"""Clips padded to one of a few sizes, so that clips of many lengths share their compiled programs.

A padded clip says how many of its samples are its own. What follows them has no say: functions here
take it out of arrays, and out of means over frames.
"""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Inexact, Int

from nstaudio.analysis.clip import Clip
from nstaudio.analysis.spectrogram import MelSpec

_LEAST_FRAMES, _LEAST_COARSE_FRAMES = 256, 1536
_LARGEST_N_FFT = 2048  # of longer frames fewer are the least, or they would not fit

Count = Int[Array, ""]


def size(n_frames: int, spec: MelSpec, *, coarse: bool) -> int:
    """Frames of a padded clip.

    Args:
        n_frames: the clip's own.
        coarse: two sizes an octave from 1536 frames on, for what is computed once; else four from
            256 on, for the steps of a descent.
    """
    least = _LEAST_COARSE_FRAMES if coarse else _LEAST_FRAMES
    octave = 1 << (n_frames.bit_length() - 1)
    step = max(octave // (2 if coarse else 4), 1)
    least = least * _LARGEST_N_FFT // max(spec.n_fft, _LARGEST_N_FFT)
    return max(least, -(-n_frames // step) * step)


def n_samples(n_frames: int, spec: MelSpec) -> int:
    """Samples of a padded clip: the most of which there are `n_frames` frames."""
    return n_frames * spec.hop_length - 1


def pad_samples(
    y: Float[np.ndarray, " samples"], n_frames: int, spec: MelSpec
) -> Float[Array, " padded"]:
    """Samples with silence at the end, as many as make `n_frames` frames."""
    padded = np.zeros(n_samples(n_frames, spec), np.float32)
    padded[: len(y)] = y
    return jax.device_put(padded)  # `jnp.asarray` would compile


def pad(clip: Clip, n_frames: int, spec: MelSpec) -> Clip:
    """A clip with silence at its end, its last levels held, `n_frames` frames in all."""
    y, level_db = np.asarray(clip.y), np.asarray(clip.level_db)
    held_db = np.pad(level_db, ((0, n_frames - len(level_db)), (0, 0)), mode="edge")
    own = np.int32(len(y))
    return Clip(pad_samples(y, n_frames, spec), *jax.device_put((held_db, own)))


def frames_of(clip: Clip, spec: MelSpec) -> Count | None:
    """The frames of a padded clip that are its own; `None` of one that is not padded."""
    return None if clip.n_samples is None else 1 + clip.n_samples // spec.hop_length


def cleared(x: Inexact[Array, "n *rest"], n: Count | None) -> Inexact[Array, "n *rest"]:
    """Zeros from entry `n` of the first axis on; `None` leaves all."""
    return x if n is None else jnp.where(_is_own(x, n), x, 0)


def held(x: Float[Array, "n *rest"], n: Count | None) -> Float[Array, "n *rest"]:
    """The last entry before `n` of the first axis repeated from there on; `None` leaves all."""
    if n is None:
        return x
    last = jax.lax.dynamic_index_in_dim(x, n - 1)
    return jnp.where(_is_own(x, n), x, last)


def counted(
    activations: Mapping[str, Float[Array, "..."]], n_input: int, n_frames: Count
) -> dict[str, Float[Array, "..."]]:
    """Activations whose means over frames of products of two are those without padding.

    Frames that have seen padding become 0, the others as much larger as they are fewer.

    Args:
        activations: by layer, of an encoder without padding: what a layer has fewer than `n_input`
            frames, each of its filters spans.
        n_frames: the input's own.
    """

    def layer(x: Array) -> Array:
        n = n_frames - (n_input - x.shape[0])
        return cleared(x, n) * jnp.sqrt(x.shape[0] / n)

    return {name: layer(x) for name, x in activations.items()}


def _is_own(x: Array, n: Count) -> Array:
    return (jnp.arange(x.shape[0]) < n).reshape(-1, *[1] * (x.ndim - 1))
