"""Short-time Fourier transforms in numpy, for sounds of any length.

A compiled transform would be compiled anew for each length; see `spectrogram` for those.
"""

import functools
from typing import NamedTuple

import numpy as np
import scipy.sparse
from jaxtyping import Complex, Float

from nstaudio.analysis.spectrogram import MelSpec, hann
from nstaudio.audio.samples import Channels, Samples

Spectrum = Complex[np.ndarray, "frames bins"]
ChannelSpectrum = Complex[np.ndarray, "channels frames bins"]

_WINDOW_S = 0.096
_FRAMES_AT_ONCE = 256


def stft(
    y: Float[np.ndarray, "*channels samples"], n_fft: int, hop_length: int
) -> Complex[np.ndarray, "*channels frames bins"]:
    """Hann-windowed transform; the first frame begins with the samples, none hangs over the end."""
    frames = np.lib.stride_tricks.sliding_window_view(y, n_fft, axis=-1)[..., ::hop_length, :]
    return np.fft.rfft(frames * hann(n_fft).astype(np.float32))


def power(y: Samples, n_fft: int, hop_length: int) -> Float[np.ndarray, "frames bins"]:
    """Squared magnitudes of `stft`, in blocks: a long clip's whole transform would not fit."""
    n_frames = 1 + (len(y) - n_fft) // hop_length
    blocks = [
        y[i * hop_length : (i + _FRAMES_AT_ONCE - 1) * hop_length + n_fft]
        for i in range(0, n_frames, _FRAMES_AT_ONCE)
    ]
    spectra = (stft(block, n_fft, hop_length) for block in blocks)
    return np.concatenate([np.asarray(_squared(x), np.float32) for x in spectra])


def _squared(x: Spectrum) -> Float[np.ndarray, "frames bins"]:
    return np.real(x) ** 2 + np.imag(x) ** 2  # less work than `np.abs`


def mel_power(y: Samples, spec: MelSpec) -> Float[np.ndarray, "frames mels"]:
    """Mel power spectrogram; what `spectrogram.mel_power` is to compiled functions."""
    y = np.pad(np.asarray(y, np.float32), spec.n_fft // 2)
    bins = power(y, spec.n_fft, spec.hop_length)
    return np.ascontiguousarray((_filters(spec) @ bins.T).T)


@functools.lru_cache(maxsize=8)
def _filters(spec: MelSpec) -> scipy.sparse.csr_array:
    """Filters by `mels bins`, whose products have the same bits however many threads there are.

    Sums of a matrix product have not, and the workers of a sweep have fewer threads.
    """
    return scipy.sparse.csr_array(spec.filters.T)


def log_mel(y: Samples, spec: MelSpec) -> Float[np.ndarray, "frames mels"]:
    """Mel spectrogram in dB, cut at `spec.floor_db`; see `spectrogram.log_mel`."""
    return 10 * np.log10(np.maximum(mel_power(y, spec), np.float32(spec.amin)))


def overlap_add(
    frames: Float[np.ndarray, "*channels frames n_fft"], hop_length: int
) -> Float[np.ndarray, "*channels samples"]:
    """The sum of frames, each a hop after the last, float32; a frame is a whole number of hops."""
    *channels, n_frames, n_fft = frames.shape
    n_hops = n_fft // hop_length
    y = np.zeros((*channels, n_frames + n_hops - 1, hop_length), np.float32)
    for i in range(n_hops):
        y[..., i : i + n_frames, :] += frames[..., i * hop_length : (i + 1) * hop_length]
    return y.reshape(*channels, -1)


class Grid(NamedTuple):
    """Frames equally long in seconds whatever the rate, a whole number of hops each."""

    sr: int
    n_fft: int
    hop: int

    @classmethod
    def at(cls, sr: int, window_s: float = _WINDOW_S, *, n_hops: int = 8) -> "Grid":
        """The grid at a rate, Hz; its window is up to `8 * n_hops` samples longer or shorter."""
        hop = 16 * max(1, round(window_s * sr / n_hops / 16))  # a transform of small factors
        return cls(sr, n_hops * hop, hop)

    @property
    def hz(self) -> Float[np.ndarray, " bins"]:
        """Frequencies of the bins."""
        return np.fft.rfftfreq(self.n_fft, 1 / self.sr)

    @property
    def n_hops(self) -> int:
        """Hops in a window."""
        return self.n_fft // self.hop

    @property
    def lead(self) -> int:
        """Frames whose window reaches into a sound before its first sample."""
        return self.n_hops // 2

    @property
    def window(self) -> Float[np.ndarray, " n_fft"]:
        """The Hann window, float32."""
        return hann(self.n_fft).astype(np.float32)

    def stft(self, y: Samples) -> Spectrum:
        """Transform of frames centred on every hop, the first one `lead` hops before `y`."""
        return stft(np.pad(y, (self.n_fft, self.n_fft + self.hop)), self.n_fft, self.hop)

    def istft(self, spectrum: Spectrum) -> Float[np.ndarray, " samples"]:
        """The least-squares inverse; its first sample is the centre of the first frame."""
        frames = np.fft.irfft(spectrum, self.n_fft, axis=1) * self.window
        weights = np.broadcast_to(self.window**2, frames.shape)
        y = overlap_add(frames, self.hop) / np.maximum(overlap_add(weights, self.hop), 1e-8)
        return y[self.n_fft // 2 :]


class BlockStft(NamedTuple):
    """The transform of channels, a block of frames at a time, four hops in a window.

    Frame 0 is the first that reaches into the samples: its last hop is their first.
    """

    grid: Grid
    n_frames: int
    """Frames in a block."""

    @classmethod
    def at(cls, sr: int, *, hop_s: float, n_frames: int) -> "BlockStft":
        """The transform at a rate, Hz, of hops about `hop_s` long."""
        return cls(Grid.at(sr, 4 * hop_s, n_hops=4), n_frames)

    def starts(self, n_samples: int) -> range:
        """The first frames of the blocks that `n_samples` samples take."""
        n_frames = -(-n_samples // self.grid.hop) + self.grid.n_hops - 1
        return range(0, n_frames, self.n_frames)

    def stft(self, y: Channels, first: int, *, margin: int = 0) -> ChannelSpectrum:
        """The block of frames from `first` on, and `margin` frames on both sides of it.

        Before and after the samples is silence.
        """
        hop, n_hops = self.grid.hop, self.grid.n_hops
        n_frames = self.n_frames + 2 * margin
        start = self._first_sample(first - margin)
        padded = np.zeros((y.shape[1], (n_frames + n_hops - 1) * hop), np.float32)
        low = min(max(start, 0), len(y))
        inside = y[low : max(start + padded.shape[1], 0)].T
        padded[:, low - start :][:, : inside.shape[1]] = inside
        return stft(padded, self.grid.n_fft, hop)

    def add(self, y: Channels, spectrum: ChannelSpectrum, first: int) -> None:
        """Add the inverse of the frames from `first` on to `y`, in place."""
        start = self._first_sample(first)
        low = max(start, 0)
        inside = self._inverse(spectrum)[:, low - start : max(len(y) - start, 0)]
        y[low : low + inside.shape[1]] += inside.T

    def round_trip(self, spectrum: Spectrum) -> Spectrum:
        """The transform of the inverse: the nearest spectrum that a sound can have."""
        return stft(self._inverse(spectrum), self.grid.n_fft, self.grid.hop)

    def _first_sample(self, frame: int) -> int:
        return (frame - self.grid.n_hops + 1) * self.grid.hop

    def _inverse(
        self, spectrum: Complex[np.ndarray, "*channels frames bins"]
    ) -> Float[np.ndarray, "*channels samples"]:
        # Squared Hann windows, four to a window's length, add up to 1.5.
        window = self.grid.window / np.float32(1.5)
        return overlap_add(np.fft.irfft(spectrum, self.grid.n_fft) * window, self.grid.hop)
