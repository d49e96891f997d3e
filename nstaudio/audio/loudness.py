"""Loudness and true peak of recordings (ITU-R BS.1770-5), and the gain from one level to another.

Everything reads its samples in blocks, so those of hours can stay in a memory-mapped file. The
filters are pyloudnorm's; it takes whole recordings of up to five channels, so it is given sections
of three channels, and its blocks are gated here.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pyloudnorm
import soxr

from nstaudio.audio.samples import Channels, Waveform
from nstaudio.errors import InputError, integer, number

MIN_DB = -200.0
"""The lowest level: that of silence, far below any recording."""

_BLOCK_SAMPLES = 2**18  # of all channels together
_MIN_FILTER_HZ = 32_000  # far below, the filters lose their shape
_SECTION_HOPS = 300
_SETTLING_HOPS = 10  # after which the filters no longer depend on where they began

# Weights of the channels by their number, in the order of wav files. Only 5.0 and 5.1 have any but
# ones: the surrounds, at the listener's sides, count 1.5 dB more, and the LFE does not count.
_WEIGHTS = {
    5: (1.0, 1.0, 1.0, 1.41, 1.41),
    6: (1.0, 1.0, 1.0, 0.0, 1.41, 1.41),
}


class Level(NamedTuple):
    """The level of a recording.

    Attributes:
        lufs: `integrated_lufs`.
        power_db, true_peak_db: see the functions of these names.
    """

    lufs: float | None
    power_db: float
    true_peak_db: float

    def amplified(self, gain_db: float) -> "Level":
        """The level of the same recording after a gain."""
        lufs = None if self.lufs is None else self.lufs + gain_db
        return Level(lufs, self.power_db + gain_db, self.true_peak_db + gain_db)


class Gain(NamedTuple):
    """A gain, dB, and whether the limit of the true peak reduced it."""

    gain_db: float
    limited: bool
    """True where the gain is less than what was asked for, for the sake of the true peak."""

    @property
    def factor(self) -> float:
        """The factor of samples."""
        return 10 ** (self.gain_db / 20)


def measure(y: Waveform, sr: int) -> Level:
    """The levels of a recording.

    Raises:
        InputError: no samples, a NaN or an infinity, a rate outside 1 kHz to 768 kHz.
    """
    return Level(integrated_lufs(y, sr), power_db(y), true_peak_db(y, sr))


def gain(level: Level, target: Level | float, *, max_true_peak_db: float | None) -> Gain:
    """The gain that makes one recording as loud as another, as far as its true peak allows.

    Powers are compared where either loudness is undefined. What is silent stays as it is.

    Args:
        level: of the recording to amplify.
        target: the level of the other recording, or a loudness, LUFS.
        max_true_peak_db: limit of the true peak afterwards, dBTP. A lower gain keeps it: the
            result is then below the target. `None` is no limit.

    Raises:
        InputError: a number that is not finite.
    """
    if max_true_peak_db is not None:
        number("max_true_peak_db", max_true_peak_db)
    if not isinstance(target, Level):
        # A tone at 1 kHz has about this loudness and this power.
        lufs = number("target loudness", target)
        target = Level(lufs, lufs, MIN_DB)
    if level.power_db <= MIN_DB:
        return Gain(0.0, False)
    if level.lufs is None or target.lufs is None:
        gain_db = target.power_db - level.power_db
    else:
        gain_db = target.lufs - level.lufs
    if max_true_peak_db is None:
        return Gain(gain_db, False)
    max_gain_db = max_true_peak_db - level.true_peak_db
    return Gain(min(gain_db, max_gain_db), gain_db > max_gain_db)


def integrated_lufs(y: Waveform, sr: int) -> float | None:
    """Loudness of a whole recording, with both gates; `None` where it is undefined.

    That is where it is shorter than 0.4 s or never louder than -70 LUFS. Channels weigh as in 5.0
    or 5.1 where there are five or six, otherwise all alike. Rates below 32 kHz are multiplied
    first, so that the filters keep their shape.

    Raises:
        InputError: no samples, a NaN or an infinity, a rate outside 1 kHz to 768 kHz.
    """
    y = _checked(y, sr)
    n_hops = len(y) * 10 // sr  # of 0.1 s; a block is four of them
    if n_hops < 4:
        return None
    factor = -(-_MIN_FILTER_HZ // sr)
    weights = _WEIGHTS.get(y.shape[1], (1.0,) * y.shape[1])
    counted = [channel for channel, weight in enumerate(weights) if weight]
    power = np.zeros(n_hops - 3)
    for first in range(0, len(power), _SECTION_HOPS):
        last = min(first + _SECTION_HOPS, len(power))
        settling = min(first, _SETTLING_HOPS)
        span = slice((first - settling) * sr // 10, (last + 3) * sr // 10)
        for group in (counted[i : i + 3] for i in range(0, len(counted), 3)):
            section = y[span][:, group] * np.sqrt([weights[channel] for channel in group])
            if factor > 1:
                section = soxr.resample(section, sr, factor * sr)
            meter = pyloudnorm.Meter(factor * sr, filter_class="DeMan")
            meter.integrated_loudness(section)
            lufs = np.asarray(meter.blockwise_loudness)[settling:][: last - first]
            power[first : first + len(lufs)] += _power(lufs)
    if not np.isfinite(power).all():
        raise InputError("a sample is not a finite number")
    for gate in (-70.0, None):
        threshold = _power(gate) if gate is not None else 0.1 * power.mean()
        power = power[power > threshold]
        if not power.size:
            return None
    return float(10 * np.log10(power.mean()) - 0.691)


def true_peak_db(y: Waveform, sr: int) -> float:
    """The true peak, the highest point of the waveform between samples too, dBTP.

    Over all channels. Oversampled four times, twice from 96 kHz, not at all from 192 kHz; never
    below the highest sample. At least -200.

    Raises:
        InputError: no samples, a NaN or an infinity, a rate outside 1 kHz to 768 kHz.
    """
    y = _checked(y, sr)
    factor = 4 if sr < 96_000 else 2 if sr < 192_000 else 1
    peak = 0.0
    for times in {1, factor}:
        peak = max(peak, *(float(np.abs(block).max()) for block in _blocks(y, sr, times)), 0.0)
    return _db(peak**2)


def power_db(y: Waveform) -> float:
    """Mean square, summed over channels as loudness is, dB; at least -200.

    Raises:
        InputError: no samples, a NaN or an infinity.
    """
    y = _checked(y, 1000)
    total = sum(float(np.square(b, dtype=np.float64).sum()) for b in _blocks(y, 1000, 1))
    return _db(total / len(y))


def _checked(y: Waveform, sr: int) -> Channels:
    """`y` as `samples channels`, not copied.

    Raises:
        InputError: no samples, or a rate outside 1 kHz to 768 kHz.
    """
    integer("sample rate", sr, at_least=1000, at_most=768_000)
    if y.ndim > 2 or not y.size:
        raise InputError(
            f"samples must have the axes (samples,) or (samples, channels), not the shape {y.shape}"
        )
    return y if y.ndim == 2 else y[:, None]


def _blocks(y: Channels, sr: int, factor: int) -> Iterator[Channels]:
    """`y` in blocks, at `factor` times its rate.

    Raises:
        InputError: a sample is a NaN or an infinity.
    """
    step = max(1, _BLOCK_SAMPLES // y.shape[1])
    stream = soxr.ResampleStream(sr, factor * sr, y.shape[1], "float32") if factor > 1 else None
    for start in range(0, len(y), step):
        block = np.asarray(y[start : start + step])
        if not np.isfinite(block).all():
            raise InputError("a sample is not a finite number")
        if stream is None:
            yield block
            continue
        last = start + step >= len(y)
        block = stream.resample_chunk(np.ascontiguousarray(block, np.float32), last=last)
        if len(block):
            yield block


def _power(lufs: Any) -> Any:
    return 10 ** ((lufs + 0.691) / 10)


def _db(power: float) -> float:
    return float(max(10 * np.log10(max(power, 1e-300)), MIN_DB))
