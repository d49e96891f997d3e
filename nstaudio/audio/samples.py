"""Checks of samples, and their conversion to other rates and channels; types of their arrays."""

import os
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import soxr
from jaxtyping import Float, Shaped

from nstaudio.audio.polarity import alignment
from nstaudio.errors import InputError, integer, one_line

MAX_CHANNELS = 64

Samples = Float[np.ndarray, " samples"]
"""Mono samples; `analysis.clip` has those of JAX."""

Other = Float[np.ndarray, " other_samples"]
"""Mono samples of a second clip, which may have another length."""

Third = Float[np.ndarray, " third_samples"]
"""Mono samples of a third clip."""

Channels = Float[np.ndarray, "samples channels"]
"""Samples with an axis of channels."""

Waveform = Float[np.ndarray, "samples *channels"]
"""Samples with an axis of channels or without."""

MAX_AMPLITUDE = 1e6
"""Samples above this (+120 dBFS) are integers taken for floats, or damaged."""

_BLOCK = 2**18  # samples processed together: a recording may be longer than memory


def unit_power(y: Samples, *, name: str) -> Samples:
    """Mono samples scaled to a mean square of 1, float32.

    Args:
        name: their name in an error.

    Raises:
        InputError: silence, no samples at all, or one that is not a finite number.
    """
    power = float(np.mean(np.square(y, dtype=np.float64))) if y.size else 0.0
    if not 0 < power < np.inf:
        raise InputError(f"{name} has {y.size} samples of power {power:g}; it must not be silent")
    return np.asarray(y / np.sqrt(power), np.float32)


def as_floats(y: Any, *, name: str) -> Float[np.ndarray, "..."]:
    """Samples of any float type, byte order and strides as float32 or float64 in order.

    Not copied where they are so already.

    Args:
        y: an array, or what numpy makes one of.
        name: their name in an error.

    Raises:
        InputError: no array of floats; a pair of samples and their rate among them.
    """
    refuse_pair(y, name=name)
    if isinstance(y, str | bytes | os.PathLike):
        raise InputError(
            f"{name} must be samples, not the name of a file, {one_line(repr(y))}: "
            "nstaudio.audio.files.load reads files"
        )
    try:
        y = np.asanyarray(y)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"{name}: samples must be an array of numbers: {one_line(error)}"
        ) from error
    if y.dtype.kind == "V" and "float" in y.dtype.name:  # JAX's bfloat16
        y = y.astype(np.float32)
    if y.dtype.kind not in "fiu":
        raise InputError(f"{name}: samples must be real numbers, not {y.dtype}")
    if y.dtype.kind != "f":
        raise InputError(
            f"{name}: samples must be floats with full scale 1, not {y.dtype}; "
            "divide by the largest integer"
        )
    with np.errstate(over="ignore"):  # infinities are refused
        return np.require(y, np.float32 if y.dtype.itemsize <= 4 else np.float64, "C")


def refuse_pair(y: Any, *, name: str) -> None:
    """Check that `y` is no pair of samples and their rate.

    Raises:
        InputError: it is, as soundfile's `read`, librosa's and torchaudio's `load` return it.
    """
    if isinstance(y, list | tuple) and len(y) == 2 and np.ndim(y[0]) > 0 and np.ndim(y[1]) == 0:
        raise InputError(
            f"{name} is a pair of samples and their rate ({one_line(y[1])}): give the first as "
            f"{name}, the second as the sample rate"
        )


def check(y: Any, sr: int, *, name: str) -> Channels:
    """Check samples of any kind; returns them as `samples channels`, see `as_floats`.

    Args:
        y: `samples` or `samples channels`, full scale 1; of any length, in memory or on disk.
        sr: their rate, Hz.
        name: their name in an error.

    Raises:
        InputError: not numbers, the wrong shape, fewer than 2 samples, a NaN or an infinity,
            silence.
    """
    y = as_floats(y, name=name)
    if y.ndim not in (1, 2):
        raise InputError(
            f"{name}: samples must have the axes (samples,) or (samples, channels), not the shape "
            f"{y.shape}"
        )
    if y.ndim == 2 and y.shape[1] > MAX_CHANNELS >= y.shape[0] > 0:
        raise InputError(
            f"{name} has the shape {y.shape}, but the axes are (samples, channels), of which at "
            f"most {MAX_CHANNELS}: transpose it, {name}.T"
        )
    check_format(sr, 1 if y.ndim == 1 else y.shape[1], name=name)
    if y.shape[0] < 2:
        raise InputError(f"{name} has {y.shape[0]} samples; at least 2 are needed")
    y = y.reshape(len(y), -1)
    silent = True
    for start in range(0, len(y), _BLOCK):
        block = y[start : start + _BLOCK]
        finite = np.isfinite(block)
        if not finite.all():
            bad = start + int(np.argmax(~finite.all(axis=1)))
            raise InputError(
                f"{name} has a sample that is not a finite number, the first at {bad / sr:.3f} s"
            )
        peak = float(np.abs(block).max())
        if peak > MAX_AMPLITUDE:
            raise InputError(
                f"{name} has a sample of {peak:g}; full scale is 1, and {MAX_AMPLITUDE:g} the limit"
            )
        silent = silent and peak == 0
    if silent:
        raise InputError(f"{name} is silent: all {len(y)} samples are zero")
    return y


def check_format(sr: int, n_channels: int, *, name: str) -> None:
    """Check a rate, Hz, and a number of channels.

    Raises:
        InputError: outside the limits.
    """
    integer(f"sample rate of {name}", sr, at_least=1000, at_most=768_000)
    if not 1 <= n_channels <= MAX_CHANNELS:
        raise InputError(
            f"{name} has {n_channels} channels; at least 1 and at most {MAX_CHANNELS} can be used"
        )


def to_mono(y: Channels, sr: int, target_sr: int) -> Float[np.ndarray, " resampled"]:
    """The channels' mean at another rate, float32 (soxr, very high quality)."""
    mean = y.mean(axis=1, dtype=np.float32) if y.shape[1] > 1 else y[:, 0].astype(np.float32)
    return soxr.resample(mean, sr, target_sr, quality="VHQ")


def prepare(
    y: Shaped[np.ndarray, "..."], sr: int, *, target_sr: int, name: str
) -> Float[np.ndarray, " resampled"]:
    """`check` and `to_mono`, the channels in phase: mono float32 samples at `target_sr`.

    Raises:
        InputError: as `check`, and where nothing is left at `target_sr`.
    """
    checked = check(y, sr, name=name)
    aligned = alignment(checked, sr)
    if aligned is not None:
        checked = np.concatenate(list(aligned.blocks(checked)))
    mixed = to_mono(checked, sr, target_sr)
    if not mixed.any():
        raise InputError(f"{name} is silent, or too short, at {target_sr} Hz")
    return mixed


def convert(
    y: Channels, sr: int, target_sr: int, n_channels: int
) -> Iterator[Float[np.ndarray, "block target_channels"]]:
    """Samples of any length at another rate and with other channels, in blocks.

    Args:
        y: samples at the rate `sr`, Hz.
        n_channels: the number of `y`; or 1, their mean; or any number of copies of a mono sound.
    """
    stream = None
    if target_sr != sr:
        stream = soxr.ResampleStream(sr, target_sr, n_channels, dtype="float32", quality="VHQ")
    n_left = round(len(y) * target_sr / sr)
    for start in range(0, len(y), _BLOCK):
        block = y[start : start + _BLOCK]
        if n_channels != y.shape[1]:
            block = np.repeat(block.mean(axis=1, keepdims=True), n_channels, axis=1)
        block = np.ascontiguousarray(block, np.float32)
        if stream is not None:
            block = stream.resample_chunk(block, last=start + _BLOCK >= len(y))[:n_left]
            block = block.reshape(-1, n_channels)
            n_left -= len(block)
        yield block
    if stream is not None and n_left > 0:
        yield np.zeros((n_left, n_channels), np.float32)


_FADE_S = 0.005


def join(
    clips: Sequence[Float[np.ndarray, " _samples"]], sr: int, *, level: bool = True
) -> Float[np.ndarray, " joined"]:
    """Clips one after the other, faded where they meet.

    Args:
        clips: mono samples that are not silent.
        sr: their rate, Hz.
        level: make all as loud as the first.

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
        scale = np.sqrt(power / np.mean(np.square(y, dtype=np.float64))) if level else 1.0
        joined.append((y * edges * scale).astype(np.float32))
    return np.concatenate(joined)


_NOISE_FRAME = 2048  # samples, of the frames whose mean spectrum the noise gets


def noise_like(y: Samples, n: int, *, seed: int) -> Float[np.ndarray, " noise_samples"]:
    """Gaussian noise with the mean spectrum and the power of a sound, `n` samples, float32.

    The plainest texture with that spectrum. Its spectrum is that of Welch (1967): the mean over
    frames that overlap by half, weighted by a periodic Hann window.

    Args:
        y: mono samples, at the rate of the noise; zeros are appended to what is shorter than a
            frame.
        n: at least 1.
        seed: equal seeds give equal noise.
    """
    y = np.pad(y, (0, max(0, _NOISE_FRAME - len(y))))
    window = np.sin(np.pi * np.arange(_NOISE_FRAME) / _NOISE_FRAME) ** 2
    frames = np.lib.stride_tricks.sliding_window_view(y, _NOISE_FRAME)[:: _NOISE_FRAME // 2]
    powers = np.mean(np.abs(np.fft.rfft(frames * window, axis=1)) ** 2, axis=0)
    powers[0] = 0.0  # an offset is no sound
    fine, coarse = np.fft.rfftfreq(n), np.fft.rfftfreq(_NOISE_FRAME)
    white = np.fft.rfft(np.random.default_rng(seed).standard_normal(n))
    noise = np.fft.irfft(white * np.sqrt(np.interp(fine, coarse, powers)), n)
    power = np.mean(np.square(y, dtype=np.float64)) / max(np.mean(noise**2), 1e-30)
    return (noise * np.sqrt(power)).astype(np.float32)
