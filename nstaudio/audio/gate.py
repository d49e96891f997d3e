"""The spans of a recording that sound, between silence and the noise of a room.

The gate is relative, as that of ITU-R BS.1770, but lower: quiet music stays.
"""

import functools
from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool, Float, Int

from nstaudio.audio.samples import Channels

_BLOCK_S = 0.01
_GATE = 10 ** (-38 / 10)  # of the level of what sounds; quiet passages lie 30 dB below it
# Steady noise this faint is the room's also where it is less far below a quiet recording.
_ROOM_GATE, _MAX_ROOM_POWER = 10 ** (-26 / 10), 10 ** (-54 / 10)
_MIN_STEADY = 0.8  # share of blocks near the median
_NOISE_FFT, _NOISE_FRAMES, _NOISE_BINS = 1024, 64, 8
_MAX_NOISE_PEAKS_DB = 1.5  # arithmetic over geometric mean of bins side by side: noise has 0.2
_SILENT = 1e-12  # -120 dBFS: below all recordings, above what rounding leaves
_ZERO = 1e-6  # samples of that power
MIN_GAP_S = 0.3
_LEAST_TRIMMED_S = 0.001
_MAX_TAIL_S, _MAX_ATTACK_S = 0.2, 0.04
_OWN = 2.0  # power of a tail or an attack over the median of the gap near it, or its inverse
_NEAR_S = 1.0
_PEAK = 5.0  # standard deviations that noise, for hundreds of samples, does not exceed
# Of the loudest sample: noise of a room may hide an end that is softer.
_SOFT, MAX_SOFT_S = 10 ** (-30 / 20), 0.1
_AT_ONCE = 2**18  # samples: a recording may be longer than memory


def spans(y: Channels, sr: int) -> list[slice]:
    """Spans that sound, in order, of a recording of any length at the rate `sr`, Hz.

    Gaps of less than `MIN_GAP_S` stay, but for those at the ends of the recording: what it is
    cut from makes no difference. Nor does noise there, which would hide what is soft: so up to
    `MAX_SOFT_S` before the first sample within 30 dB of the loudest, and after the last one, are
    left out, noise or not. All of a silent recording stays.
    """
    loudest = _loudest(y)
    gaps = _gaps(y, sr, loudest)
    edges = [0, *(edge for gap in gaps for edge in (gap.start, gap.stop)), len(y)]
    found = [slice(*edges[i : i + 2]) for i in range(0, len(edges), 2)]
    found = [_trimmed(span, y, sr) for span in found if span.start < span.stop]
    return _without_soft_ends(found, y, sr, float(np.abs(y[loudest]).max()))


def parts(span: slice) -> Iterator[slice]:
    """A span in pieces that fit in memory."""
    for start in range(span.start, span.stop, _AT_ONCE):
        yield slice(start, min(start + _AT_ONCE, span.stop))


def _trimmed(span: slice, y: Channels, sr: int) -> slice:
    """A span without the digital silence, too short for a gap, in which it begins and ends.

    Beside a gap and at an end of the recording alike: silence before it makes no difference.
    """
    longest, least = round(MIN_GAP_S * sr), round(_LEAST_TRIMMED_S * sr)
    before = _n_digital_silence(y[span.start : min(span.start + longest, span.stop)])
    after = _n_digital_silence(y[max(span.start, span.stop - longest) : span.stop][::-1])
    # As much as a gap is found only where all is silent
    start, stop = (n if least <= n < longest else 0 for n in (before, after))
    trimmed = slice(span.start + start, span.stop - stop)
    return trimmed if trimmed.start < trimmed.stop else span


def _n_digital_silence(y: Channels) -> int:
    """The samples that a sound begins with and that are nothing in any channel."""
    return _n_leading(np.abs(y).max(axis=1) < _ZERO)


def _block_edges(n_samples: int, block: int, loudest: int) -> Int[np.ndarray, " edges"]:
    """The edges of blocks of so many samples; the first and the last block may be longer.

    The loudest sample begins a block, so that they lie alike in the sound whatever is beside it.
    """
    edges = np.arange(loudest % block, n_samples, block)
    inner = edges[(edges >= block) & (edges <= n_samples - block)]
    return np.concatenate([[0], inner, [n_samples]])


def _loudest(y: Channels) -> int:
    """The sample with the largest magnitude in any channel, the first of several."""
    peaks = [(float(np.abs(y[part]).max()), part) for part in parts(slice(0, len(y)))]
    _, part = max(peaks, key=lambda peak: peak[0])
    return part.start + int(np.argmax(np.abs(y[part]).max(axis=1)))


def _block_powers(y: Channels, edges: Int[np.ndarray, " edges"]) -> Float[np.ndarray, " blocks"]:
    """The power of the loudest channel in each block."""
    n_at_once = max(1, _AT_ONCE // int(np.diff(edges).max()))
    powers = []
    for i in range(0, len(edges) - 1, n_at_once):
        at = edges[i : i + n_at_once + 1]
        squares = np.square(y[at[0] : at[-1]], dtype=np.float64)
        sums = np.add.reduceat(squares, at[:-1] - at[0], axis=0)
        powers.append((sums / np.diff(at)[:, None]).max(axis=1))
    return np.concatenate(powers)


def _gaps(y: Channels, sr: int, loudest: int) -> list[slice]:
    """The samples that are left out, but for what is soft."""
    block = max(1, round(_BLOCK_S * sr))
    edges, block_s = _block_edges(len(y), block, loudest), block / sr
    powers = _block_powers(y, edges)
    quiet = _quiet(y, edges, powers, block_s)
    if quiet.all():
        return []
    gaps = []
    for start, stop in _runs(quiet):
        at_end = start == 0 or stop == len(powers)
        is_short = (stop - start) * block_s < MIN_GAP_S
        if is_short and not at_end:
            continue
        # A recording's first and last moments, as if there were digital silence beyond
        inside, near = powers[start:stop], round(_NEAR_S / block_s)
        noise = [0.0 if is_short else float(np.median(p)) for p in (inside[:near], inside[-near:])]
        if not at_end:
            tail = _unlike(inside, noise[0])
            start += min(_n_leading(tail), round(_MAX_TAIL_S / block_s))
        if stop < len(powers):
            attack = _unlike(inside, noise[1]) | is_short
            stop -= min(_n_leading(attack[::-1]), round(_MAX_ATTACK_S / block_s))
        if stop > start and (at_end or (stop - start) * block_s >= MIN_GAP_S):
            gaps.append(_with_ends(y, edges, slice(start, stop), noise[start == 0]))
    return gaps


def _with_ends(y: Channels, edges: Int[np.ndarray, " edges"], gap: slice, noise: float) -> slice:
    """The samples of a gap's blocks and, at an end of the recording, those up to the sound.

    Within the block beside the gap, that is: to the sample, since transcription and descent answer
    even to a shift of a millisecond.

    Args:
        noise: the power of the gap near its end.
    """
    start, stop = int(edges[gap.start]), int(edges[gap.stop])
    if gap.start == 0:
        last, beside = (y[edges[i] : edges[i + 1]] for i in (gap.stop - 1, gap.stop))
        stop += _n_noise(last, beside, noise)
    if gap.stop == len(edges) - 1:
        beside, first = (y[edges[i] : edges[i + 1]][::-1] for i in (gap.start - 1, gap.start))
        start -= _n_noise(first, beside, noise)
    return slice(start, stop)


def _without_soft_ends(found: list[slice], y: Channels, sr: int, peak: float) -> list[slice]:
    """Spans whose first begins, and whose last ends, with a sample within 30 dB of the peak."""
    n, near = round(MAX_SOFT_S * sr), round(_NEAR_S * sr)
    span = found[0]
    beginning, before = y[span][:n], y[max(0, span.start - near) : span.start]
    found = [slice(span.start + _n_soft(beginning, before, peak), span.stop), *found[1:]]
    span = found[-1]
    end, after = y[span][-n:], y[span.stop : span.stop + near]
    return [*found[:-1], slice(span.start, span.stop - _n_soft(end[::-1], after, peak))]


def _n_soft(end: Channels, beyond: Float[np.ndarray, "beyond channels"], peak: float) -> int:
    """The samples at an end before the first one that is not soft; none where all are."""
    noise = np.square(beyond, dtype=np.float64).mean(axis=0).max() if len(beyond) else 0.0
    soft = np.abs(end).max(axis=1) < max(_SOFT * peak, _PEAK * noise**0.5)
    return 0 if soft.all() else _n_leading(soft)


def _n_noise(gap: Channels, beside: Float[np.ndarray, "beside channels"], noise: float) -> int:
    """The samples of the block beside a gap that belong to it; below 0, of the gap that do not.

    Up to what stands out of noise of that power; of a block that is much softer, as far as the
    noise goes; none where it is neither.

    Args:
        gap: the block before `beside`.
    """
    peaks = np.abs(beside).max(axis=1)
    if (stands_out := peaks > _PEAK * noise**0.5).any():
        return _n_leading(~stands_out)
    if np.square(beside).mean(axis=0).max() < noise / _OWN:
        peaks = np.abs(np.concatenate([gap, beside])).max(axis=1)
        return len(beside) - _n_leading(peaks[::-1] < noise**0.5)
    return 0


def _quiet(
    y: Channels,
    edges: Int[np.ndarray, " edges"],
    powers: Float[np.ndarray, " blocks"],
    block_s: float,
) -> Bool[np.ndarray, " blocks"]:
    """The blocks that are silent beside what sounds, and those of a room's noise.

    The level of what sounds is the mean of the powers weighted by themselves, on which neither
    silence nor faint noise of any length has an influence.
    """
    level = float(np.square(powers).sum() / max(powers.sum(), 1e-300))
    quiet = powers < max(_GATE * level, _SILENT)
    # Digital silence beside the noise would have it look unsteady.
    faint = (powers >= _SILENT) & (powers < min(_ROOM_GATE * level, _MAX_ROOM_POWER))
    for start, stop in _runs(faint):
        if (stop - start) * block_s >= MIN_GAP_S and not quiet[start:stop].all():
            noise = float(np.median(powers[start:stop]))
            steady = 1 - np.mean(_unlike(powers[start:stop], noise))
            if steady > _MIN_STEADY and _is_noise(y[edges[start] : edges[stop]]):
                quiet[start:stop] = True
    return quiet


def _runs(flags: Bool[np.ndarray, " blocks"]) -> list[tuple[int, int]]:
    """The beginning and the end of each run of flags that are set."""
    edges = np.flatnonzero(np.diff(flags, prepend=False, append=False))
    return [(int(start), int(stop)) for start, stop in edges.reshape(-1, 2)]


def _unlike(powers: Float[np.ndarray, " blocks"], noise: float) -> Bool[np.ndarray, " blocks"]:
    return (powers > _OWN * noise) | (powers < noise / _OWN)


def _is_noise(y: Channels) -> bool:
    """True if a mean spectrum is smooth where its energy is: notes and voices have partials."""
    n_fft = min(_NOISE_FFT, len(y))
    starts = np.linspace(0, len(y) - n_fft, _NOISE_FRAMES).astype(int)
    window = np.hanning(n_fft)[:, None]
    frames = (np.abs(np.fft.rfft(y[i : i + n_fft] * window, axis=0)) ** 2 for i in starts)
    powers = functools.reduce(np.add, frames).sum(axis=1) + 1e-30
    n_bands = len(powers) // _NOISE_BINS
    bands = powers[: n_bands * _NOISE_BINS].reshape(n_bands, -1)[1:]  # an offset is no note
    means = bands.mean(axis=1)
    peaks_db = 10 * np.log10(means) - (10 * np.log10(bands)).mean(axis=1)
    return bool((means * peaks_db).sum() < _MAX_NOISE_PEAKS_DB * means.sum())


def _n_leading(flags: Bool[np.ndarray, " flags"]) -> int:
    return len(flags) if flags.all() else int(np.argmin(flags))
