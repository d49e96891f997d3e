"""Samples in memory: what is refused, and how any of them become mono at the analysis rate."""

from collections.abc import Sequence

import numpy as np
import soxr

from nstaudio.errors import InputError, integer

MAX_CHANNELS = 64


def unit_power(y: np.ndarray, *, name: str) -> np.ndarray:
    """Mono samples scaled to a mean square of 1, float32.

    Args:
        name: what to call them in an error.

    Raises:
        InputError: silence, no samples at all, or one that is not a finite number.
    """
    power = float(np.mean(np.square(y, dtype=np.float64))) if y.size else 0.0
    if not 0 < power < np.inf:
        raise InputError(f"{name} has {y.size} samples of power {power:g}; it must sound")
    return np.asarray(y / np.sqrt(power), np.float32)


def prepare(y: np.ndarray, sr: int, *, target_sr: int, name: str) -> np.ndarray:
    """Mono float32 samples at `target_sr`: the channels' mean, resampled (soxr, very high quality).

    Args:
        y: `samples` or `samples channels`, full scale 1.
        sr: their rate, Hz.
        name: what to call them in an error.

    Raises:
        InputError: not numbers, the wrong shape, fewer than 2 samples, a NaN or an infinity,
            silence.
    """
    integer(f"sample rate of {name}", sr, at_least=1000, at_most=768_000)
    y = np.asarray(y)
    if y.dtype.kind not in "fiu":
        raise InputError(f"{name}: samples must be real numbers, not {y.dtype}")
    if y.dtype.kind != "f":
        raise InputError(
            f"{name}: samples must be floats with full scale 1, not {y.dtype}; "
            "divide by the largest integer"
        )
    if y.ndim not in (1, 2) or (y.ndim == 2 and not 1 <= y.shape[1] <= MAX_CHANNELS):
        raise InputError(
            f"{name}: samples must have the axes (samples,) or (samples, channels) with at most "
            f"{MAX_CHANNELS} channels, not the shape {y.shape}"
        )
    if y.shape[0] < 2:
        raise InputError(f"{name} has {y.shape[0]} samples; at least 2 are needed")
    if not np.isfinite(y).all():
        bad = int(np.argmax(~np.isfinite(y.reshape(y.shape[0], -1)).all(axis=1)))
        raise InputError(
            f"{name} has a sample that is not a finite number, the first at {bad / sr:.3f} s"
        )
    if not y.any():
        raise InputError(f"{name} is silent: all {y.shape[0]} samples are zero")
    mono = y if y.ndim == 1 else y.mean(axis=1)
    if not mono.any():
        raise InputError(f"{name} is silent once its channels are mixed: they cancel each other")
    return soxr.resample(mono.astype(np.float32), sr, target_sr, quality="VHQ")


_FADE_S = 0.005


def join(clips: Sequence[np.ndarray], sr: int) -> np.ndarray:
    """Clips one after the other, all as loud as the first, faded where they meet.

    Args:
        clips: mono samples that are not silent.
        sr: their rate, Hz.

    Raises:
        InputError: no clip at all.
    """
    if not clips:
        raise InputError("a style of no clips: give at least one")
    if len(clips) == 1:
        return clips[0]
    power = np.mean(np.square(clips[0], dtype=np.float64))
    joined = []
    for y in clips:
        fade = np.linspace(0, 1, min(int(_FADE_S * sr), len(y) // 2), endpoint=False)
        edges = np.ones(len(y))
        edges[: len(fade)] *= fade
        edges[len(y) - len(fade) :] *= fade[::-1]
        scale = np.sqrt(power / np.mean(np.square(y, dtype=np.float64)))
        joined.append((y * edges * scale).astype(np.float32))
    return np.concatenate(joined)
