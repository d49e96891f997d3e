"""A result at the analysis rate, given the content's own sample rate and channels.

Where the result is the content's mix filtered, every channel is filtered alike. Sound that is new
is placed where the content is, see `stereo_image`. All that is done to single channels cancels in
their mean, so the mean is the result. The highs above the analysis band are the content's, as much
louder as what is just below them has become.
"""

from typing import NamedTuple

import numpy as np
import soxr
from jaxtyping import Bool, Float

from nstaudio.analysis.numpy_stft import BlockStft, ChannelSpectrum
from nstaudio.audio.samples import Channels
from nstaudio.inversion.filter_estimate import MARGIN_FRAMES, estimate_filter, level_ratio
from nstaudio.inversion.stereo_image import match_image, placements

Bins = Float[np.ndarray, " bins"]

_HOP_S = 0.0116  # the windows of 46 ms are `ContentGain`'s, whose gains are to be found again
_BLOCK = 32  # frames: every 0.37 s it is looked up where the content is
_INNER = slice(MARGIN_FRAMES, MARGIN_FRAMES + _BLOCK)

# Of the lower of both rates: where the highs begin (there soxr takes 6 to 40 dB, most of which is
# compensated), and what below that tells how loud they are.
_HIGHS = (0.475, 0.485)
_REFERENCE = (0.33, 0.445)
_MAX_COMPENSATION = 10 ** (30 / 20)


def restore(
    content: Channels,
    mono: Float[np.ndarray, " analysis_samples"],
    generated: Float[np.ndarray, " generated_samples"],
    *,
    sr: int,
    analysis_sr: int,
) -> Channels:
    """The generated sound with the content's rate, channels and length, float32.

    Of more than 8 channels, new sound is placed along the 7 main directions in which they differ.

    Args:
        content: full scale 1.
        mono: the mean of its channels at `analysis_sr`, as `samples.prepare` makes it.
        generated: what has become of `mono`, at its level; a few samples more or less do not
            matter.
        sr: the content's rate, Hz.
        analysis_sr: the rate of `mono` and `generated`, Hz.
    """
    blocks = BlockStft.at(sr, hop_s=_HOP_S, n_frames=_BLOCK)
    crossover = _Crossover.of(blocks, sr, analysis_sr)
    change = _change(mono[:, None], generated[:, None], analysis_sr, sr, length=len(content))
    y = content.astype(np.float32)
    for start, placement in placements(content, blocks):
        x, d = (blocks.stft(a, start, margin=MARGIN_FRAMES) for a in (content, change))
        d = crossover.compensation * d
        gain, widening = (a[_INNER] for a in estimate_filter(x, d[0], blocks))
        highs_gain = level_ratio(x, d[0], crossover.reference)[_INNER]
        x, d = x[:, _INNER], d[0, _INNER]
        new = d - (gain - 1) * x.mean(axis=0)
        spread = 1 + np.real(placement) + 1j * (widening * np.imag(placement))
        blocks.add(y, crossover.join((gain - 1) * x + spread * new, x, highs_gain), start)
    return match_image(y, content, sr)


def add_highs(
    content: Channels,
    resampled: Float[np.ndarray, "analysis_samples channels"],
    generated: Float[np.ndarray, "generated_samples channels"],
    *,
    sr: int,
    analysis_sr: int,
) -> Channels:
    """The same where every channel has been generated: the highs are all that is missing.

    Args:
        content: full scale 1.
        resampled: every channel at `analysis_sr`.
        generated: what has become of `resampled`; a few samples more or less do not matter.
        sr: the content's rate, Hz.
        analysis_sr: the rate of `resampled` and `generated`, Hz.
    """
    change = _change(resampled, generated, analysis_sr, sr, length=len(content))
    y = content.astype(np.float32)
    if sr <= analysis_sr:
        return match_image(y + change, content, sr)
    blocks = BlockStft.at(sr, hop_s=_HOP_S, n_frames=_BLOCK)
    crossover = _Crossover.of(blocks, sr, analysis_sr)
    for start in blocks.starts(len(content)):
        x, d = (blocks.stft(a, start, margin=MARGIN_FRAMES) for a in (content, change))
        d = crossover.compensation * d
        highs_gain = level_ratio(x, d.mean(axis=0), crossover.reference)
        blocks.add(y, crossover.join(d, x, highs_gain)[:, _INNER], start)
    return match_image(y, content, sr)


def _change(
    resampled: np.ndarray, generated: np.ndarray, analysis_sr: int, sr: int, *, length: int
) -> Float[np.ndarray, "length channels"]:
    """The sound that was added, at the content's rate: nothing where nothing has changed."""
    n = min(len(resampled), len(generated))
    change = (generated[:n] - resampled[:n]).astype(np.float32)
    change = soxr.resample(change, analysis_sr, sr, quality="VHQ")[:length]
    return np.pad(change, ((0, length - len(change)), (0, 0)))


class _Crossover(NamedTuple):
    """Weights of each bin between the result below and the content's highs above."""

    low: Bins
    """1 where the result is known, 0 in the highs."""
    reference: Bool[np.ndarray, " bins"]
    """Bins whose change of level the highs follow."""
    compensation: Bins
    """The inverse of what resampling to the analysis rate and back takes."""

    @classmethod
    def of(cls, blocks: BlockStft, sr: int, analysis_sr: int) -> "_Crossover":
        hz, n_fft = blocks.grid.hz, blocks.grid.n_fft
        lower, impulse = min(sr, analysis_sr), np.zeros(n_fft, np.float32)
        position = np.clip((hz / lower - _HIGHS[0]) / (_HIGHS[1] - _HIGHS[0]), 0, 1)
        low = np.cos(np.pi / 2 * position * (sr != analysis_sr)).astype(np.float32) ** 2
        impulse[n_fft // 2] = 1
        response = soxr.resample(impulse, sr, analysis_sr, quality="VHQ")
        response = soxr.resample(response, analysis_sr, sr, quality="VHQ")
        response = np.abs(np.fft.rfft(response, n_fft))
        compensation = 1 / np.maximum(response, 1 / _MAX_COMPENSATION)
        reference = (hz > _REFERENCE[0] * lower) & (hz < _REFERENCE[1] * lower)
        return cls(low, reference, compensation.astype(np.float32))

    def join(
        self, change: ChannelSpectrum, x: ChannelSpectrum, highs_gain: Float[np.ndarray, "frames 1"]
    ) -> ChannelSpectrum:
        """The change of `x` below, and above what the gain of the highs makes of it."""
        return self.low * change + (1 - self.low) * (highs_gain - 1) * x
