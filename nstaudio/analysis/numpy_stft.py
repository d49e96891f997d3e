"""The grid of time and frequency on which notes are taken apart and played, in numpy.

Notes are of any length, and a compiled transform would be compiled for each.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Complex, Float

from nstaudio.analysis.spectrogram import hann

Samples = Float[np.ndarray, " samples"]
Spectrum = Complex[np.ndarray, "frames bins"]

_WINDOW_S = 0.096
_HOPS = 8  # in a window


class Grid(NamedTuple):
    """Frames equally long whatever the rate, eight of them in a window."""

    sr: int
    n_fft: int
    hop: int

    @classmethod
    def at(cls, sr: int, window_s: float = _WINDOW_S) -> "Grid":
        """The grid at a rate, Hz; its window may be up to 64 samples longer or shorter."""
        hop = 16 * max(1, round(window_s * sr / _HOPS / 16))  # a transform of small factors
        return cls(sr, _HOPS * hop, hop)

    @property
    def hz(self) -> Float[np.ndarray, " bins"]:
        """Frequencies of the bins."""
        return np.fft.rfftfreq(self.n_fft, 1 / self.sr)

    @property
    def lead(self) -> int:
        """Frames whose window reaches into a note before its first sample."""
        return _HOPS // 2

    def stft(self, y: Samples) -> Spectrum:
        """Transform of frames centred on every hop, the first one `lead` hops before `y`."""
        y = np.pad(y, (self.n_fft, self.n_fft + self.hop))
        frames = np.lib.stride_tricks.sliding_window_view(y, self.n_fft)[:: self.hop]
        return np.fft.rfft(frames * hann(self.n_fft).astype(np.float32), axis=1)

    def istft(self, spectrum: Spectrum) -> Float[np.ndarray, " samples"]:
        """The least-squares inverse; its first sample is the centre of the first frame."""
        window = hann(self.n_fft).astype(np.float32)
        frames = np.fft.irfft(spectrum, self.n_fft, axis=1) * window
        y = np.zeros((len(frames) + _HOPS - 1, self.hop), np.float32)
        weight = np.zeros_like(y)
        for i in range(_HOPS):
            part = slice(i * self.hop, (i + 1) * self.hop)
            y[i : i + len(frames)] += frames[:, part]
            weight[i : i + len(frames)] += window[part] ** 2
        return (y / np.maximum(weight, 1e-8)).reshape(-1)[self.n_fft // 2 :]
