"""Noise that a result has and its sources have not, and the distance of two spectra.

They are for people who compare runs; nothing is optimised for them. All take float samples at
`sr`, mono; levels do not matter.
"""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple

import numpy as np
import scipy.ndimage
from jaxtyping import Float

from nstaudio.analysis.numpy_stft import power
from nstaudio.audio.content_cache import cached_by, content_key
from nstaudio.audio.samples import Other, Samples, Third

MIN_DB = -100.0
"""The floor of all levels, dB."""

_BAND_BINS = 32
# In Gaussian noise the powers of a band's bins are exponentially distributed, and the mean of the
# lowest quarter is (1 - (1 + q) e^-q) / 0.25 of the mean of all, with q = -ln 0.75.
_QUARTER_OF_NOISE = 0.1369


Bands = Float[np.ndarray, "frames bands bins"]
StyleBands = Float[np.ndarray, "style_frames bands bins"]


class Noise(NamedTuple):
    """Three measures of the noise of a result, see the functions of these names."""

    added_noise_db: float
    added_floor_db: float
    added_residual_db: float


def noise(y: Samples, content: Other, style: Third) -> Noise:
    """All measures of noise."""
    bands = _aligned(y, content, style)
    return Noise(
        _added_noise_db(bands), _added_floor_db(bands), added_residual_db(y, content, style)
    )


class _Aligned(NamedTuple):
    result: Bands
    content: Bands
    style: StyleBands


def _aligned(y: Samples, content: Other, style: Third) -> _Aligned:
    """The result and the content while both last, and the style, in bands."""
    result, content_bands = _bands(y), _bands_of_source(content)
    n = min(len(result), len(content_bands))
    return _Aligned(result[:n], content_bands[:n], _bands_of_source(style))


def _power(y: Samples, n_fft: int, hop_length: int) -> Float[np.ndarray, "frames bins"]:
    # Frames that hang over an end of the clip would show its abrupt start and stop as noise.
    y = np.asarray(y, np.float32)
    return power(np.pad(y, (0, max(0, n_fft - len(y)))), n_fft, hop_length)


def _bands(y: Samples) -> Bands:
    x = _power(y, 4096, 1024)
    # A burst must neither hide the noise of all the rest nor count for it.
    energy = x.sum(axis=1, keepdims=True)
    x = x * np.minimum(1.0, 4 * np.percentile(energy, 90) / (energy + 1e-30))
    x = x / (x.mean() + 1e-30)
    n_bands = x.shape[1] // _BAND_BINS
    return x[:, : n_bands * _BAND_BINS].reshape(len(x), n_bands, _BAND_BINS)


# A source is measured for every segment of the other, and every run of a sweep.
_bands_of_source = cached_by(content_key, max_results=4)(_bands)


def _floor(bands: Bands) -> Float[np.ndarray, "frames bands"]:
    """The power of a bin if each band were noise, told by its quietest quarter of bins.

    Between the partials of a note these are far below the mean.
    """
    lowest = np.partition(bands, _BAND_BINS // 4, axis=2)[..., : _BAND_BINS // 4].mean(axis=2)
    return np.minimum(lowest / _QUARTER_OF_NOISE, bands.mean(axis=2))


def _source_floor(content: Bands, style: StyleBands) -> Float[np.ndarray, "frames bands"]:
    """As noisy as the content is about that time, or as the style is on average."""
    content_floor = scipy.ndimage.maximum_filter1d(_floor(content), 3, axis=0)
    return np.maximum(content_floor, _floor(style).mean(axis=0)[None])


def _excess_db(
    noise: Float[np.ndarray, "frames bands"],
    limit: Float[np.ndarray, "frames bands"],
    result: Bands,
) -> float:
    excess = np.maximum(noise - limit, 0.0).sum(dtype=np.float64)
    return _db(excess / (result.mean(axis=2).sum(dtype=np.float64) + 1e-300))


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
    return _added_noise_db(_aligned(y, content, style))


def _added_noise_db(bands: _Aligned) -> float:
    result, content, style = bands
    # A partial that begins or ends within the frame beside must not count as a valley.
    order = np.argpartition(scipy.ndimage.maximum_filter1d(content, 3, axis=0), _BAND_BINS // 4)
    valleys = order[..., : _BAND_BINS // 4]

    def in_valleys(bands: Bands) -> Float[np.ndarray, "frames bands"]:
        mean = np.take_along_axis(bands, valleys, axis=2).mean(axis=2)
        return np.minimum(mean, bands.mean(axis=2))

    limit = np.maximum(_source_floor(content, style), in_valleys(content))
    return _excess_db(in_valleys(result), limit, result)


def added_floor_db(y: Samples, content: Other, style: Third) -> float:
    """Energy in the valleys of `y`'s own spectrum that neither source has, dB of `y`'s energy.

    As `added_noise_db`, but by the quietest bins of `y` itself. It hears hiss and what fills a
    spectrum evenly, but neither wrong notes nor scattered tones.

    Returns:
        At least -100, at most 0.
    """
    return _added_floor_db(_aligned(y, content, style))


def _added_floor_db(bands: _Aligned) -> float:
    result, content, style = bands
    return _excess_db(_floor(result), _source_floor(content, style), result)


def residual_db(y: Samples) -> float:
    """Energy that is neither steady in time nor in frequency, dB of the whole.

    The residual of harmonic-percussive separation (Fitzgerald 2010; with the margin of Driedger,
    Mueller & Disch 2014, here 2): noise, but also everything that glides.
    """
    x = _power(y, 2048, 512)
    filtered = partial(scipy.ndimage.median_filter, x, mode="nearest")
    with ThreadPoolExecutor(2) as pool:  # they are most of the time that figures take
        harmonic, percussive = pool.map(filtered, ((17, 1), (1, 17)))
    # A factor of 2 between amplitudes is 4 between powers.
    residual = (harmonic < 4 * percussive) & (percussive < 4 * harmonic)
    return _db(float((x * residual).sum(dtype=np.float64) / (x.sum(dtype=np.float64) + 1e-300)))


def added_residual_db(y: Samples, content: Other, style: Third) -> float:
    """The residual of `y` over that of the noisier source, dB; negative when it is less."""
    return residual_db(y) - max(_residual_db_of_source(content), _residual_db_of_source(style))


_residual_db_of_source = cached_by(content_key, max_results=4)(residual_db)


def spectral_convergence_db(
    y: Samples, reference: Other, *, n_fft: int = 2048, hop_length: int = 512
) -> float:
    """Distance of the magnitudes of `y`'s STFT from the reference's, dB of the reference's norm."""
    n = min(len(y), len(reference))
    # Centred frames, as others have them: here the ends count.
    x, target = (
        np.sqrt(_power(np.pad(a[:n], n_fft // 2), n_fft, hop_length)) for a in (y, reference)
    )
    difference = np.linalg.norm(x - target) / (np.linalg.norm(target) + 1e-300)
    return _db(float(difference) ** 2)


def _db(ratio: float) -> float:
    return float(np.maximum(10 * np.log10(np.maximum(ratio, 1e-300)), MIN_DB))
