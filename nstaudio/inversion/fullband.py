"""A mono result at the analysis rate, given the content's own sample rate and channels.

Where the result is the content's mix filtered, every channel is filtered alike. Sound that is new
is placed where the content is: what of a channel can be predicted from the mix, as in USAC's stereo
prediction (Helmrich et al., ICASSP 2011), is a share of the new sound; the rest is the same sound
decorrelated, as in parametric stereo (Breebaart et al., EURASIP JASP 2005). All that is done to
single channels cancels in their mean, so the mean is the result. The highs above the analysis band
are the content's, as much louder as what is just below them has become.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import scipy.ndimage
import soxr
from jaxtyping import Bool, Complex, Float

from nstaudio.analysis.spectrogram import hann, hz_to_mel
from nstaudio.audio.samples import Channels

Spectrum = Complex[np.ndarray, "channels frames bins"]
Frames = Complex[np.ndarray, "frames bins"]
Real = Float[np.ndarray, "frames bins"]
Bins = Float[np.ndarray, " bins"]

_HOP_S = 0.0116  # the windows of 46 ms are `ContentGain`'s, whose gains are to be found again
_HOPS = 4  # in a window
_BLOCK = 32  # frames: every 0.37 s it is looked up where the content is

# The neighbourhood in which the result is compared with the mix: standard deviations.
_NEAR_FRAMES, _NEAR_BINS = 1.0, 0.4
_ROUNDS = 3
_REACH = 9  # frames that are compared beyond those of a block
_INNER = slice(_REACH, _REACH + _BLOCK)
_CHANCE = 0.3  # how alike unrelated sounds look there: squared correlation
_SILENT = 1e-4  # a mix 40 dB below its channels does not say how they were filtered
_MAX_GAIN = 10 ** (40 / 20)
_MAX_LOUDER = 10 ** (30 / 20)
_TINY = 1e-15

# Of the lower of both rates: where the highs begin (there soxr takes 6 to 40 dB, most of which is
# made up for), and what below that tells how loud they are.
_HIGHS = (0.475, 0.485)
_BELOW = (0.33, 0.445)
_MAX_MADE_UP = 10 ** (30 / 20)

_BAND_MELS = 0.6  # 40 Hz, above 1 kHz 4 % of the frequency
_PLACE_BLOCKS = 0.75  # standard deviation of the smoothing of places in time: 0.28 s
_LONG_TERM = 1e-3  # the whole clip's share in what is measured of a moment
_MAX_WIDTH = 2.0  # energy of the channels over that of the mix, over what one channel alone has
_IMAGE_HOP_S = 0.0464
_IMAGE_MELS = 0.4  # 27 Hz, above 1 kHz 3 % of the frequency
_MOST_REMIXED = 4.0
_MAX_SIDES = 7
_TURN_HZ, _TURN_WIDTH_HZ = 200.0, 50.0


def restore(
    content: Channels,
    heard: Float[np.ndarray, " heard_samples"],
    generated: Float[np.ndarray, " generated_samples"],
    *,
    sr: int,
    heard_sr: int,
) -> Channels:
    """The generated sound with the content's rate, channels and length, float32.

    Of more than 8 channels, new sound is placed along the 7 main directions in which they differ.

    Args:
        content: full scale 1.
        heard: the mean of its channels at `heard_sr`, as `samples.prepare` makes it.
        generated: what has become of `heard`, at its level; a few samples more or less do not
            matter.
        sr: the content's rate, Hz.
        heard_sr: the rate of `heard` and `generated`, Hz.
    """
    grid = _Grid.at(sr)
    bands = _Bands.of(grid, sr, heard_sr)
    change = _change(heard[:, None], generated[:, None], heard_sr, sr, length=len(content))
    y = content.astype(np.float32)
    for first, place in _places(content, grid):
        x, d = (grid.stft(a, first - _REACH, _BLOCK + 2 * _REACH) for a in (content, change))
        d = bands.made_up * d
        gain, widening = (a[_INNER] for a in _compare(x, d[0], grid))
        louder = _louder(x, d[0], bands.below)[_INNER]
        x, d = x[:, _INNER], d[0, _INNER]
        new = d - (gain - 1) * x.mean(axis=0)
        spread = 1 + np.real(place) + 1j * (widening * np.imag(place))
        changed = (gain - 1) * x + spread * new
        changed = bands.known * changed + (1 - bands.known) * (louder - 1) * x
        grid.add(y, changed, first)
    return _as_wide(y, content, sr)


def add_highs(
    content: Channels,
    heard: Float[np.ndarray, "heard_samples channels"],
    generated: Float[np.ndarray, "generated_samples channels"],
    *,
    sr: int,
    heard_sr: int,
) -> Channels:
    """The same where every channel has been generated: the highs are all that is missing.

    Args:
        content, sr, heard_sr: as in `restore`.
        heard, generated: every channel at `heard_sr`, and what has become of it.
    """
    change = _change(heard, generated, heard_sr, sr, length=len(content))
    y, grid = content.astype(np.float32), _Grid.at(sr)
    if sr <= heard_sr:
        return _as_wide(y + change, content, sr)
    bands = _Bands.of(grid, sr, heard_sr)
    for first in range(0, grid.n_blocks(len(content)) * _BLOCK, _BLOCK):
        x, d = (grid.stft(a, first - _REACH, _BLOCK + 2 * _REACH) for a in (content, change))
        d = bands.made_up * d
        louder = _louder(x, d.mean(axis=0), bands.below)
        changed = bands.known * d + (1 - bands.known) * (louder - 1) * x
        grid.add(y, changed[:, _INNER], first)
    return _as_wide(y, content, sr)


def _change(
    heard: np.ndarray, generated: np.ndarray, heard_sr: int, sr: int, *, length: int
) -> Float[np.ndarray, "length channels"]:
    """What was added, at the content's rate: nothing where nothing has changed."""
    n = min(len(heard), len(generated))
    change = (generated[:n] - heard[:n]).astype(np.float32)
    change = soxr.resample(change, heard_sr, sr, quality="VHQ")[:length]
    return np.pad(change, ((0, length - len(change)), (0, 0)))


class _Grid(NamedTuple):
    """Frames as long whatever the rate; frame 0 is the first that reaches into the samples."""

    sr: int
    hop: int
    window: Float[np.ndarray, " n_fft"]

    @classmethod
    def at(cls, sr: int, *, hop_s: float = _HOP_S) -> "_Grid":
        hop = 16 * max(1, round(hop_s * sr / 16))  # a transform of small factors
        return cls(sr, hop, hann(_HOPS * hop).astype(np.float32))

    @property
    def hz(self) -> Bins:
        return np.fft.rfftfreq(len(self.window), 1 / self.sr)

    def n_blocks(self, n_samples: int) -> int:
        n_frames = -(-n_samples // self.hop) + _HOPS - 1
        return -(-n_frames // _BLOCK)

    def stft(self, y: Channels, first: int, n_frames: int) -> Spectrum:
        """Frames from `first` on; before and after the samples is silence."""
        start = (first - _HOPS + 1) * self.hop
        part = np.zeros((y.shape[1], (n_frames + _HOPS - 1) * self.hop), np.float32)
        low = min(max(start, 0), len(y))
        found = y[low : max(start + part.shape[1], 0)].T
        part[:, low - start :][:, : found.shape[1]] = found
        return self._transform(part)

    def add(self, y: Channels, spectrum: Spectrum, first: int) -> None:
        """Add the inverse to `y`, where it belongs."""
        start = (first - _HOPS + 1) * self.hop
        low = max(start, 0)
        kept = self._inverse(spectrum)[:, low - start : max(len(y) - start, 0)]
        y[low : low + kept.shape[1]] += kept.T

    def again(self, spectrum: Frames) -> Frames:
        """The transform of what a spectrum becomes."""
        return self._transform(self._inverse(spectrum[None]))[0]

    def _transform(self, y: np.ndarray) -> Spectrum:
        frames = np.lib.stride_tricks.sliding_window_view(y, len(self.window), axis=1)
        return np.fft.rfft(frames[:, :: self.hop] * self.window)

    def _inverse(self, spectrum: Spectrum) -> np.ndarray:
        # Four squared Hann windows add up to 1.5.
        frames = np.fft.irfft(spectrum, len(self.window)) * (self.window / np.float32(1.5))
        n_channels, n_frames = frames.shape[:2]
        y = np.zeros((n_channels, n_frames + _HOPS - 1, self.hop), np.float32)
        for i in range(_HOPS):
            y[:, i : i + n_frames] += frames[..., i * self.hop : (i + 1) * self.hop]
        return y.reshape(n_channels, -1)


class _Bands(NamedTuple):
    """What is known of each frequency at the analysis rate."""

    known: Bins
    """How far the result is: 1, in the highs 0."""
    below: Bool[np.ndarray, " bins"]
    """Where to look how loud highs shall be."""
    made_up: Bins
    """The inverse of what resampling to the analysis rate and back takes."""

    @classmethod
    def of(cls, grid: _Grid, sr: int, heard_sr: int) -> "_Bands":
        lower, resampled = min(sr, heard_sr), np.zeros(len(grid.window), np.float32)
        part = np.clip((grid.hz / lower - _HIGHS[0]) / (_HIGHS[1] - _HIGHS[0]), 0, 1)
        known = np.cos(np.pi / 2 * part * (sr != heard_sr)).astype(np.float32) ** 2
        resampled[len(resampled) // 2] = 1
        for rates in ((sr, heard_sr), (heard_sr, sr)):
            resampled = soxr.resample(resampled, *rates, quality="VHQ")
        taken = np.abs(np.fft.rfft(resampled, len(grid.window)))
        made_up = 1 / np.maximum(taken, 1 / _MAX_MADE_UP)
        below = (grid.hz > _BELOW[0] * lower) & (grid.hz < _BELOW[1] * lower)
        return cls(known, below, made_up.astype(np.float32))


class _Compared(NamedTuple):
    """How the mix has changed; all are 1 where it has not."""

    gain: Real
    """The filter in it."""
    widening: Real
    """What new sound has to be wider, since it holds some of what the gain is too cautious for."""


def _floor(x: Spectrum) -> Real:
    """Power too small to tell anything."""
    return _SILENT * _product(x, x).mean(axis=0) + _TINY


def _compare(x: Spectrum, change: Frames, grid: _Grid) -> _Compared:
    mix = x.mean(axis=0)
    now, floor = mix + change, _floor(x)
    both = np.maximum(_near(_product(now, mix) + floor), 0)
    power, power_now = (_near(_product(a, a) + floor) for a in (mix, now))
    # The positive-part James-Stein estimate: next to nothing where sounds are alike by chance.
    alike = np.maximum(both**2 / (power * power_now), 1e-6)
    trust = np.maximum(1 - _CHANCE * (1 / alike - 1), 0)
    gain = np.minimum(trust * both / power, _MAX_GAIN)
    for _ in range(_ROUNDS):  # frames overlap, so what filters them has blurred there
        left = change - grid.again((gain - 1) * mix)
        gain = np.clip(gain + trust * _near(_product(left, mix)) / power, 0, _MAX_GAIN)
    # This wide, the filtered and the new sound together have the energy of the whole.
    widening = np.sqrt(1 + 2 * _CHANCE * trust / (1 + _CHANCE * (1 - trust)))
    return _Compared(gain, widening)


def _louder(x: Spectrum, change: Frames, below: np.ndarray) -> Float[np.ndarray, "frames 1"]:
    """The factor of what is below the highs."""
    mix, floor = x.mean(axis=0), _floor(x)
    before, after, channels = (
        _near(a)[:, below].sum(axis=1)
        for a in (_product(mix, mix) + floor, _product(mix + change, mix + change) + floor, floor)
    )
    # Highs may be loud where the mix cancels: they need not be louder for that.
    loudest = np.sqrt(_MAX_WIDTH * 2 * len(x) * _SILENT * after / channels)
    return np.minimum(np.sqrt(after / before), np.clip(loudest, 1, _MAX_LOUDER))[:, None]


def _product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Real part of one times the other's conjugate."""
    return np.real(a) * np.real(b) + np.imag(a) * np.imag(b)


def _near(x: Real) -> Real:
    return scipy.ndimage.gaussian_filter(x, (_NEAR_FRAMES, _NEAR_BINS), radius=(3, 2))


def _places(content: Channels, grid: _Grid) -> Iterator[tuple[int, Spectrum]]:
    """Blocks of frames: their first, and how each channel's new sound differs from the mix's.

    The real part is what is predicted. The imaginary part is decorrelated: a quarter period apart
    from the mix, ahead or behind by turns along the frequencies.
    """
    sides = _sides(content)
    mels = hz_to_mel(grid.hz)
    centres = np.linspace(0, mels[-1], max(2, round(float(mels[-1]) / _BAND_MELS)))
    bands = _hats(mels, centres)
    mix = np.full((1, content.shape[1]), 1 / content.shape[1], np.float32)
    n_blocks = grid.n_blocks(len(content))
    moments = np.stack(
        [
            _moments(np.concatenate([mix, sides]), grid.stft(content, b * _BLOCK, _BLOCK), bands)
            for b in range(n_blocks)
        ]
    )
    moments = scipy.ndimage.gaussian_filter1d(moments, _PLACE_BLOCKS, axis=0, mode="nearest")
    moments += _LONG_TERM * moments.mean(axis=0) + _TINY * np.eye(1 + len(sides), dtype=np.float32)
    signs = _signs(grid.hz, len(sides))

    def place(b: int) -> Complex[np.ndarray, "channels bins"]:
        predicted, rest = _parts(moments[min(max(b, 0), n_blocks - 1)], content.shape[1])
        decorrelated = np.einsum("bjk,bk->jb", np.tensordot(bands, rest, 1), signs)
        return sides.T @ (predicted.T @ bands.T + 1j * decorrelated)

    portion = ((np.arange(_BLOCK, dtype=np.float32) + 0.5) / _BLOCK)[:, None]
    before = place(-1)
    for b in range(n_blocks + 1):
        after = place(b)
        # From the middle of one block to that of the next.
        yield b * _BLOCK - _BLOCK // 2, before[:, None] + portion * (after - before)[:, None]
        before = after


def _as_wide(y: Channels, content: Channels, sr: int) -> Channels:
    """`y` with the content's image: levels and correlations of the channels, over its whole length.

    A gain that is common to all channels moves the image of a band where the band's sounds, each at
    its own place, are not amplified alike. In every band the sides are mixed anew, as little as may
    be, of themselves and the mean; the mean stays.
    """
    if y.shape[1] == 1:
        return y
    # Longer frames than elsewhere: nothing here changes with time, and low bands lie close.
    grid, sides = _Grid.at(sr, hop_s=_IMAGE_HOP_S), _sides(content)
    basis = np.concatenate([np.full((1, y.shape[1]), 1 / y.shape[1], np.float32), sides])
    mels = hz_to_mel(grid.hz)
    bands = _hats(mels, np.linspace(0, mels[-1], max(2, round(float(mels[-1]) / _IMAGE_MELS))))
    firsts = range(0, grid.n_blocks(len(y)) * _BLOCK, _BLOCK)
    was, now = (
        np.sum([_moments(basis, grid.stft(a, first, _BLOCK), bands) for first in firsts], axis=0)
        for a in (content, y)
    )
    mixing = np.tensordot(bands, _remix(was, now), 1)
    for first in firsts:
        parts = np.tensordot(basis, grid.stft(y, first, _BLOCK), 1)
        grid.add(y, np.tensordot(sides.T, np.einsum("bij,jtb->itb", mixing, parts), 1), first)
    return y


def _remix(
    was: Float[np.ndarray, "bands parts parts"], now: Float[np.ndarray, "bands parts parts"]
) -> Float[np.ndarray, "bands sides parts"]:
    """What to add to each side, of the mean and of the sides, that `now` may be like `was`."""
    n_sides = was.shape[1] - 1
    found = np.zeros((len(was), n_sides, 1 + n_sides))
    for i, (a, b) in enumerate(zip(was, now, strict=True)):
        channels = a.trace(), b.trace()
        if min(a[0, 0] - _SILENT * channels[0], b[0, 0] - _SILENT * channels[1]) <= 0:
            continue  # next to nothing has become of it, or of nothing
        a, b = a.astype(float), b.astype(float)
        predicted, predicted_now = a[0, 1:] / a[0, 0], b[0, 1:] / b[0, 0]
        # Far above what rounding leaves of the difference.
        least = 1e-5 * (a.trace() / a[0, 0] + b.trace() / b[0, 0]) * np.eye(n_sides)
        rest = a[1:, 1:] / a[0, 0] - np.outer(predicted, predicted) + least
        rest_now = b[1:, 1:] / b[0, 0] - np.outer(predicted_now, predicted_now) + least
        change = _transport(rest_now, rest)
        found[i, :, 0] = predicted - change @ predicted_now
        found[i, :, 1:] = change - np.eye(n_sides)
    return found.astype(np.float32)


def _transport(
    of: Float[np.ndarray, "sides sides"], to: Float[np.ndarray, "sides sides"]
) -> Float[np.ndarray, "sides sides"]:
    """The least change that gives sounds of one covariance another, within limits.

    The optimal transport between Gaussians (Olkin & Pukelsheim 1982).
    """
    root, inverse = _power_of(of, 0.5), _power_of(of, -0.5)
    found = inverse @ _power_of(root @ to @ root, 0.5) @ inverse
    values, vectors = np.linalg.eigh(found)
    return (vectors * np.clip(values, 1 / _MOST_REMIXED, _MOST_REMIXED)) @ vectors.T


def _power_of(m: Float[np.ndarray, "n n"], exponent: float) -> Float[np.ndarray, "n n"]:
    """A power of a positive matrix."""
    values, vectors = np.linalg.eigh(m)
    return (vectors * np.maximum(values, 1e-300) ** exponent) @ vectors.T


def _hats(x: Bins, centres: np.ndarray) -> Float[np.ndarray, "bins bands"]:
    """Weights that interpolate from bands to bins; of each bin they add up to 1."""
    return np.stack([np.interp(x, centres, a) for a in np.eye(len(centres))], 1).astype(np.float32)


def _sides(content: Channels) -> Float[np.ndarray, "sides channels"]:
    """Orthonormal differences of channels, the strongest `_MAX_SIDES`; each adds up to 0."""
    n = content.shape[1]
    centred = np.eye(n) - 1 / n
    covariance = centred @ (content.T @ content).astype(np.float64) @ centred
    # The mean itself comes last, however weak the rest is.
    covariance -= (1 + np.trace(covariance)) / n
    strongest = np.linalg.eigh(covariance)[1].T[:0:-1]
    return strongest[:_MAX_SIDES].astype(np.float32)


def _moments(
    basis: Float[np.ndarray, "parts channels"],
    x: Spectrum,
    bands: Float[np.ndarray, "bins bands"],
) -> Float[np.ndarray, "bands parts parts"]:
    """Energies and products of the parts of a block."""
    z = np.tensordot(basis, x, 1)
    z = np.concatenate([np.real(z), np.imag(z)], axis=1).transpose(2, 0, 1)
    return np.tensordot(bands.T, z @ z.swapaxes(1, 2), 1)


def _parts(
    moments: Float[np.ndarray, "bands parts parts"], n_channels: int
) -> tuple[Float[np.ndarray, "bands sides"], Float[np.ndarray, "bands sides sides"]]:
    """What the mix gives to each side, and the root of what it leaves, over the mix."""
    mix, cross, sides = moments[:, :1, 0], moments[:, 1:, 0], moments[:, 1:, 1:]
    left = sides - cross[:, :, None] * (cross / mix)[:, None]
    widest = _MAX_WIDTH * n_channels**2
    mix = np.maximum(mix, np.trace(sides, axis1=1, axis2=2)[:, None] / widest)
    values, vectors = np.linalg.eigh(left)
    roots = np.sqrt(np.maximum(values, 0) / mix)
    return cross / mix, (vectors * roots[:, None]) @ vectors.swapaxes(1, 2)


def _signs(hz: Bins, n: int) -> Float[np.ndarray, "bins sides"]:
    """Ahead or behind: at random, with turns at multiples of `_TURN_HZ` and of mean square 1.

    So rare are the turns that a stroke is spread by some 10 ms only.
    """
    at = hz / _TURN_HZ
    i = at.astype(int)
    signs = np.random.default_rng(0).choice([-1.0, 1.0], (i[-1] + 2, n))
    turned = np.clip((at - i - 0.5) * _TURN_HZ / _TURN_WIDTH_HZ + 0.5, 0, 1)[:, None]
    signs = signs[i] + turned * (signs[i + 1] - signs[i])
    around = scipy.ndimage.gaussian_filter1d(signs**2, _TURN_WIDTH_HZ / hz[1], axis=0)
    return (signs / np.sqrt(around)).astype(np.float32)
