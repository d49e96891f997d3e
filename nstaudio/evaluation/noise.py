"""Objective measures of a result, on samples alone.

They are for people who compare runs; nothing is optimised for them. All take float samples at
`sr`, mono; levels do not matter.
"""

from typing import NamedTuple

import numpy as np
import scipy.ndimage
from jaxtyping import Float

from nstaudio.analysis.spectrogram import hann
from nstaudio.audio.samples import Other, Samples, Third, cached_by_content

MIN_DB = -100.0
"""What a measure says of nothing at all."""


def _power(y: Samples, n_fft: int, hop_length: int) -> Float[np.ndarray, "frames bins"]:
    # Frames that hang over an end of the clip would show its abrupt start and stop as noise.
    y = np.pad(np.asarray(y, np.float32), (0, max(0, n_fft - len(y))))
    frames = np.lib.stride_tricks.sliding_window_view(y, n_fft)[::hop_length]
    window = hann(n_fft).astype(np.float32)
    # A few hundred frames at a time: a long clip's whole transform would not fit.
    parts = [
        np.abs(np.fft.rfft(frames[i : i + 256] * window, axis=1)).astype(np.float32) ** 2
        for i in range(0, len(frames), 256)
    ]
    return np.concatenate(parts)


_BAND_BINS = 32
# In Gaussian noise the powers of a band's bins are exponentially distributed, and the mean of the
# lowest quarter is (1 - (1 + q) e^-q) / 0.25 of the mean of all, with q = -ln 0.75.
_QUARTER_OF_NOISE = 0.1369


class Noise(NamedTuple):
    """Three measures of the noise of a result, see the functions of these names."""

    added_noise_db: float
    added_floor_db: float
    added_residual_db: float


def noise(y: Samples, content: Other, style: Third) -> Noise:
    """All measures of noise."""
    bands = _compared(y, content, style)
    return Noise(
        _added_noise_db(bands), _added_floor_db(bands), added_residual_db(y, content, style)
    )


class _Compared(NamedTuple):
    made: Float[np.ndarray, "frames bands bins"]
    was: Float[np.ndarray, "frames bands bins"]
    sounds: Float[np.ndarray, "style_frames bands bins"]


def _compared(y: Samples, content: Other, style: Third) -> _Compared:
    """The result and the content while both last, and the style, in bands."""
    made, was, sounds = _bands(y), _bands_of_source(content), _bands_of_source(style)
    n = min(len(made), len(was))
    return _Compared(made[:n], was[:n], sounds)


def _bands(y: Samples) -> Float[np.ndarray, "frames bands bins"]:
    power = _power(y, 4096, 1024)
    # A burst must neither hide the noise of all the rest nor count for it.
    energy = power.sum(axis=1, keepdims=True)
    power = power * np.minimum(1.0, 4 * np.percentile(energy, 90) / (energy + 1e-30))
    power = power / (power.mean() + 1e-30)
    n_bands = power.shape[1] // _BAND_BINS
    return power[:, : n_bands * _BAND_BINS].reshape(len(power), n_bands, _BAND_BINS)


# A source is measured for every window of the other, and every run of a sweep.
_bands_of_source = cached_by_content(_bands)


def _floor(bands: Float[np.ndarray, "frames bands bins"]) -> Float[np.ndarray, "frames bands"]:
    """The power of a bin if each band were noise, told by its quietest quarter of bins.

    Between the partials of a note these are far below the mean.
    """
    lowest = np.partition(bands, _BAND_BINS // 4, axis=2)[..., : _BAND_BINS // 4].mean(axis=2)
    return np.minimum(lowest / _QUARTER_OF_NOISE, bands.mean(axis=2))


def _allowed(
    content: Float[np.ndarray, "frames bands bins"],
    style: Float[np.ndarray, "style_frames bands bins"],
) -> Float[np.ndarray, "frames bands"]:
    """As noisy as the content is about that time, or as the style is on average."""
    at_the_time = scipy.ndimage.maximum_filter1d(_floor(content), 3, axis=0)
    return np.maximum(at_the_time, _floor(style).mean(axis=0)[None])


def _excess_db(
    found: Float[np.ndarray, "frames bands"],
    allowed: Float[np.ndarray, "frames bands"],
    made: Float[np.ndarray, "frames bands bins"],
) -> float:
    excess = np.maximum(found - allowed, 0.0).sum(dtype=np.float64)
    return _db(excess / (made.mean(axis=2).sum(dtype=np.float64) + 1e-300))


def added_noise_db(y: Samples, content: Other, style: Third) -> float:
    """Energy in the valleys of the content's spectrum that neither source has, dB of `y`'s energy.

    All three are brought to equal power, bursts limited to 6 dB over what nine tenths of the frames
    stay below. Where the content's spectrum has valleys, no partial of its notes is due: what `y`
    has there is noise as far as it exceeds the noise of the content at that time and that of the
    style on average. It hears hiss, the tinkling of scattered short tones, and notes that the
    content does not play. White noise added to a clean sound reads as its level or a little less.

    Args:
        y: the result, aligned with the content; all at one rate.
        content, style: the sources.

    Returns:
        At least -100, at most 0.
    """
    return _added_noise_db(_compared(y, content, style))


def _added_noise_db(bands: _Compared) -> float:
    made, was, sounds = bands
    # A partial that begins or ends within the frame beside must not count as a valley.
    valleys = np.argpartition(scipy.ndimage.maximum_filter1d(was, 3, axis=0), _BAND_BINS // 4)

    def in_valleys(
        bands: Float[np.ndarray, "frames bands bins"],
    ) -> Float[np.ndarray, "frames bands"]:
        found = np.take_along_axis(bands, valleys[..., : _BAND_BINS // 4], axis=2).mean(axis=2)
        return np.minimum(found, bands.mean(axis=2))

    allowed = np.maximum(_allowed(was, sounds), in_valleys(was))
    return _excess_db(in_valleys(made), allowed, made)


def added_floor_db(y: Samples, content: Other, style: Third) -> float:
    """Energy in the valleys of `y`'s own spectrum that neither source has, dB of `y`'s energy.

    As `added_noise_db`, but by the quietest bins of `y` itself. It hears hiss and what fills a
    spectrum evenly, but neither wrong notes nor scattered tones.

    Returns:
        At least -100, at most 0.
    """
    return _added_floor_db(_compared(y, content, style))


def _added_floor_db(bands: _Compared) -> float:
    made, was, sounds = bands
    return _excess_db(_floor(made), _allowed(was, sounds), made)


def residual_db(y: Samples) -> float:
    """Energy that is neither steady in time nor in frequency, dB of the whole.

    What harmonic-percussive separation (Fitzgerald 2010; with the margin of Driedger, Mueller &
    Disch 2014, here 2) leaves: noise, but also everything that glides.
    """
    power = _power(y, 2048, 512)
    harmonic = scipy.ndimage.median_filter(power, (17, 1), mode="nearest")
    percussive = scipy.ndimage.median_filter(power, (1, 17), mode="nearest")
    # A factor of 2 between amplitudes is 4 between powers.
    rest = (harmonic < 4 * percussive) & (percussive < 4 * harmonic)
    return _db(float((power * rest).sum(dtype=np.float64) / (power.sum(dtype=np.float64) + 1e-300)))


def added_residual_db(y: Samples, content: Other, style: Third) -> float:
    """How much more of `y` is residual than of the noisier source, dB; negative when it is less."""
    return residual_db(y) - max(_residual_db_of_source(content), _residual_db_of_source(style))


_residual_db_of_source = cached_by_content(residual_db)


def spectral_convergence_db(
    y: Samples, reference: Other, *, n_fft: int = 2048, hop_length: int = 512
) -> float:
    """Distance of the magnitudes of `y`'s STFT from the reference's, dB of the reference's norm."""
    n = min(len(y), len(reference))
    # Centred frames, as others have them: here the ends count.
    got, wanted = (
        np.sqrt(_power(np.pad(a[:n], n_fft // 2), n_fft, hop_length)) for a in (y, reference)
    )
    difference = np.linalg.norm(got - wanted) / (np.linalg.norm(wanted) + 1e-300)
    return _db(float(difference) ** 2)


def _db(ratio: float) -> float:
    return float(np.maximum(10 * np.log10(np.maximum(ratio, 1e-300)), MIN_DB))
