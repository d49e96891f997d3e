"""Samples to mel spectrograms and decibels: pure, jittable, differentiable; librosa's conventions.

Everything is time-major (`frames bins`, `frames mels`), where librosa is frequency-major. A frame
is centred on its sample, the signal is padded with zeros, the window is a periodic Hann.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import jax
import jax.numpy as jnp
import librosa
import numpy as np
from jaxtyping import Array, Complex, Float, Real

from nstaudio.errors import InputError, choice, integer, number

MelScale = Literal["paper", "htk", "slaney", "linear", "log"]

_PAPER_CORNER_HZ = 500.0  # m = 2595 log10(1 + f / 500) in the source paper; in HTK it is 700 Hz


def hz_to_mel(
    hz: float | Real[np.ndarray, "*shape"], *, mel_scale: MelScale = "slaney"
) -> Float[np.ndarray, "*shape"]:
    """Frequencies in Hz as mels on the given scale; on `linear` a mel is a Hz, on `log` an octave.

    Args:
        hz: frequencies, at least 0; on `log` above 0, and 0 mel is 1 Hz.
        mel_scale: see `MelSpec`.
    """
    hz = np.asarray(hz, np.float64)
    if mel_scale == "linear":
        return hz
    if mel_scale == "log":
        return np.asarray(np.log2(hz))
    if mel_scale == "paper":
        return np.asarray(2595.0 * np.log10(1.0 + hz / _PAPER_CORNER_HZ))
    return np.asarray(librosa.hz_to_mel(hz, htk=mel_scale == "htk"))


def mel_to_hz(
    mel: float | Real[np.ndarray, "*shape"], *, mel_scale: MelScale = "slaney"
) -> Float[np.ndarray, "*shape"]:
    """The inverse of `hz_to_mel`: `mel` in Hz."""
    mel = np.asarray(mel, np.float64)
    if mel_scale == "linear":
        return mel
    if mel_scale == "log":
        return np.asarray(2.0**mel)
    if mel_scale == "paper":
        return np.asarray(_PAPER_CORNER_HZ * (10.0 ** (mel / 2595.0) - 1.0))
    return np.asarray(librosa.mel_to_hz(mel, htk=mel_scale == "htk"))


@dataclass(frozen=True)
class MelSpec:
    """The parameters of a log-mel spectrogram.

    Attributes:
        sr: sampling rate of the analysis, Hz.
        n_fft: samples in a frame and its FFT.
        hop_length: samples between frames.
        n_mels: number of mel bands.
        f_min_hz, f_max_hz: lowest and highest frequency of the bands; `None` is half of `sr`.
        mel_scale: `slaney` (librosa's default), `htk`, `paper`: m = 2595 log10(1 + f/500),
            `linear`: bands of equal width in Hz, or `log`: of equal width in octaves, of constant Q
            (Brown 1991), from an `f_min_hz` above 0; frames are equally long for all of them.
            n_fft / 2 - 1 `linear` bands over the whole range, with `mel_norm` `None`, are the FFT
            bins themselves, 0 Hz and sr / 2 left out.
        mel_norm: `slaney` gives every band unit area, `None` unit peak.
        floor_db: the level below which everything counts as silence, relative to the clip's
            loudest mel band (0 dB); this far down the spectrogram is cut.

    Raises:
        InputError: a value outside its limits, or bands so narrow that one holds no FFT bin.
    """

    sr: int = 22050
    n_fft: int = 1024
    hop_length: int = 256
    n_mels: int = 144
    f_min_hz: float = 0.0
    f_max_hz: float | None = None
    mel_scale: MelScale = "slaney"
    mel_norm: Literal["slaney"] | None = "slaney"
    floor_db: float = -80.0

    def __post_init__(self) -> None:
        integer("spectrogram.sr", self.sr, at_least=1000, at_most=768_000)
        integer("spectrogram.n_fft", self.n_fft, at_least=16, at_most=2**20)
        integer("spectrogram.hop_length", self.hop_length, at_least=1, at_most=self.n_fft // 2)
        integer("spectrogram.n_mels", self.n_mels, at_least=1, at_most=self.n_fft // 2)
        number("spectrogram.f_min_hz", self.f_min_hz, at_least=0, at_most=self.sr / 2)
        number("spectrogram.f_max_hz", self.top_hz, above=self.f_min_hz, at_most=self.sr / 2)
        # Closer together, the edges of bands could coincide.
        lowest_hz = self.f_min_hz + self.sr / self.n_fft
        number("spectrogram.f_max_hz", self.top_hz, at_least=lowest_hz)
        choice("spectrogram.mel_scale", self.mel_scale, get_args(MelScale))
        if self.mel_scale == "log":
            number("spectrogram.f_min_hz on the log scale", self.f_min_hz, above=0)
        choice("spectrogram.mel_norm", self.mel_norm, ("slaney", None))
        number("spectrogram.floor_db", self.floor_db, at_least=-140, at_most=-20)
        bins_hz, edges = self._bins_hz, self.edges_hz
        between = np.searchsorted(bins_hz, edges[2:]) - np.searchsorted(
            bins_hz, edges[:-2], "right"
        )
        empty = np.flatnonzero(between <= 0)
        if empty.size:
            raise InputError(
                f"spectrogram.n_mels={self.n_mels} is too many for n_fft={self.n_fft} at "
                f"sr={self.sr}: band {empty[0]} holds no FFT bin; use fewer bands or a larger n_fft"
            )

    @property
    def top_hz(self) -> float:
        """The upper edge of the highest band, Hz."""
        return self.sr / 2 if self.f_max_hz is None else self.f_max_hz

    @property
    def n_bins(self) -> int:
        """FFT bins in a frame."""
        return self.n_fft // 2 + 1

    @property
    def _bins_hz(self) -> np.ndarray:
        return np.fft.rfftfreq(self.n_fft, 1.0 / self.sr)

    @property
    def _widths_hz(self) -> np.ndarray:
        return self.edges_hz[2:] - self.edges_hz[:-2]

    @property
    def amin(self) -> float:
        """The mel power at `floor_db`."""
        return 10.0 ** (self.floor_db / 10.0)

    @property
    def edges_hz(self) -> Float[np.ndarray, " edges"]:
        """Edges of the triangular bands, `n_mels + 2` frequencies; band b peaks at edge b + 1."""
        low, high = hz_to_mel(np.array([self.f_min_hz, self.top_hz]), mel_scale=self.mel_scale)
        return mel_to_hz(np.linspace(low, high, self.n_mels + 2), mel_scale=self.mel_scale)

    @cached_property
    def filters(self) -> np.ndarray:
        """The triangular filterbank, float32 `bins mels` (the transpose of `librosa.filters.mel`).

        Stored the way the product needs it: XLA would spend seconds folding a transposed constant.
        """
        own = self.mel_scale not in ("htk", "slaney")
        return np.ascontiguousarray(
            self._triangles() if own else self._librosa_filters(), np.float32
        )

    def _librosa_filters(self) -> np.ndarray:
        """The filterbank of one of librosa's scales, float64: in float32 it would round twice."""
        filters = librosa.filters.mel(
            sr=self.sr,
            n_fft=self.n_fft,
            n_mels=self.n_mels,
            fmin=self.f_min_hz,
            fmax=self.top_hz,
            htk=self.mel_scale == "htk",
            dtype=np.float64,
        ).T
        # norm=None has librosa compile its utilities, which takes half a minute once.
        return filters if self.mel_norm == "slaney" else filters * (self._widths_hz / 2.0)

    def _triangles(self) -> np.ndarray:
        """The filterbank of a scale that librosa does not have."""
        bins_hz, edges = self._bins_hz, self.edges_hz
        rising = (bins_hz[:, None] - edges[None, :-2]) / np.diff(edges)[None, :-1]
        falling = (edges[None, 2:] - bins_hz[:, None]) / np.diff(edges)[None, 1:]
        weights = np.maximum(0.0, np.minimum(rising, falling))
        return weights * (2.0 / self._widths_hz) if self.mel_norm == "slaney" else weights

    def n_frames(self, n_samples: int) -> int:
        """Frames in the spectrogram of `n_samples` samples."""
        return 1 + n_samples // self.hop_length

    def seconds(self, n_frames: int) -> float:
        """Duration of `n_frames` hops, s."""
        return n_frames * self.hop_length / self.sr


def hann(n_fft: int) -> Float[np.ndarray, " n_fft"]:
    """The periodic Hann window, `n_fft` weights."""
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)


def frame(y: Float[Array, " samples"], n_fft: int, hop_length: int) -> Float[Array, "frames n_fft"]:
    """Overlapping frames, from shifted copies of blocks of one hop.

    A gather would do the same in a line, but its gradient is a scatter, ten times slower on a CPU.
    """
    n_blocks = -(-n_fft // hop_length)
    n_frames = 1 + (y.shape[0] - n_fft) // hop_length
    y = jnp.pad(y, (0, max(0, (n_frames + n_blocks - 1) * hop_length - y.shape[0])))
    blocks = y[: (n_frames + n_blocks - 1) * hop_length].reshape(-1, hop_length)
    return jnp.concatenate([blocks[i : i + n_frames] for i in range(n_blocks)], axis=1)[:, :n_fft]


def overlap_add(frames: Float[Array, "frames n_fft"], hop_length: int) -> Float[Array, " samples"]:
    """The transpose of `frame`: every frame added back where it came from."""
    n_frames, n_fft = frames.shape
    n_blocks = -(-n_fft // hop_length)
    frames = jnp.pad(frames, ((0, 0), (0, n_blocks * hop_length - n_fft)))
    blocks = frames.reshape(n_frames, n_blocks, hop_length)
    shifted = [jnp.pad(blocks[:, i], ((i, n_blocks - 1 - i), (0, 0))) for i in range(n_blocks)]
    return sum(shifted[1:], shifted[0]).reshape(-1)


def stft(y: Float[Array, " samples"], spec: MelSpec) -> Complex[Array, "frames bins"]:
    """Short-time Fourier transform, the transpose of `librosa.stft(y, pad_mode="constant")`."""
    y = jnp.pad(y, spec.n_fft // 2)
    window = jnp.asarray(hann(spec.n_fft), y.dtype)
    return jnp.fft.rfft(frame(y, spec.n_fft, spec.hop_length) * window[None], axis=1)


def window_power(n_frames: int, spec: MelSpec) -> Float[np.ndarray, " padded"]:
    """The sum of the squared windows of `n_frames` frames at each (padded) sample, float32."""
    n_blocks = -(-spec.n_fft // spec.hop_length)
    window = np.pad(hann(spec.n_fft) ** 2, (0, n_blocks * spec.hop_length - spec.n_fft))
    blocks = np.zeros((n_frames + n_blocks - 1, spec.hop_length), np.float32)
    for i, part in enumerate(window.reshape(n_blocks, spec.hop_length)):
        blocks[i : i + n_frames] += part
    return blocks.reshape(-1)


def istft(
    spectrum: Complex[Array, "frames bins"],
    spec: MelSpec,
    *,
    length: int,
    weight: Float[Array, " padded"] | None = None,
) -> Float[Array, " samples"]:
    """The least-squares inverse of `stft` (Griffin & Lim 1984), cut or padded to `length` samples.

    `weight` is `window_power(frames, spec)`; compiled callers pass it, so that a signal-sized
    constant does not become part of their program.
    """
    real_dtype = jnp.finfo(spectrum.dtype).dtype
    if weight is None:
        weight = jnp.asarray(window_power(spectrum.shape[0], spec))
    window = jnp.asarray(hann(spec.n_fft), real_dtype)
    y = overlap_add(jnp.fft.irfft(spectrum, n=spec.n_fft, axis=1) * window[None], spec.hop_length)
    y = jnp.where(weight > 1e-8, y / jnp.maximum(weight, 1e-8), y)[spec.n_fft // 2 :]
    return jnp.pad(y, (0, max(0, length - y.shape[0])))[:length]


def mel_power(y: Float[Array, " samples"], spec: MelSpec) -> Float[Array, "frames mels"]:
    """Mel power spectrogram, the transpose of `librosa.feature.melspectrogram(y, power=2)`.

    |X|^2 is taken as re^2 + im^2, whose gradient at digital silence is 0; that of abs() is NaN.
    """
    spectrum = stft(y, spec)
    power = spectrum.real**2 + spectrum.imag**2
    filters = jnp.asarray(spec.filters, power.dtype)
    return jnp.matmul(power, filters, precision=jax.lax.Precision.HIGHEST)


def power_to_db(
    power: Float[Array, "*shape"], *, ref: float = 1.0, amin: float = 1e-10
) -> Float[Array, "*shape"]:
    """10 log10(power / ref), power and ref cut below at `amin`; `librosa.power_to_db(top_db=None)`.

    The gradient is finite everywhere and zero below the floor, silence included.
    """
    return 10.0 * jnp.log10(jnp.maximum(power, amin)) - 10.0 * math.log10(max(ref, amin))


def db_to_power(level_db: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """The inverse of `power_to_db` with ref = 1."""
    return 10.0 ** (level_db / 10.0)


def log_mel(y: Float[Array, " samples"], spec: MelSpec) -> Float[Array, "frames mels"]:
    """Mel spectrogram in dB, cut at `spec.floor_db`: what style transfer works on."""
    return power_to_db(mel_power(y, spec), amin=spec.amin)


def unit(level_db: Float[Array, "*shape"], spec: MelSpec) -> Float[Array, "*shape"]:
    """dB on a scale from 0 (silence, the floor) to 1 (0 dB): what encoders see."""
    return 1.0 - level_db / spec.floor_db
