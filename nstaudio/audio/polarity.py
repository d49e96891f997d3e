"""Channels whose mean is not their sound: one that is another turned over cancels it.

What is analysed is the channels' mean. Of a recording with a channel wired the wrong way round
nothing is left in it but what tape or coding have added; turned over, the channel is heard as it
sounds.
"""

import functools

import numpy as np
from jaxtyping import Complex, Float

Signs = Float[np.ndarray, " channels"]

_N_FFT = 8192
_MAX_FRAMES = 256  # spread evenly over what is longer
_BANDS_PER_OCTAVE = 3
_LOWEST_HZ = 40.0
_RANGE = 1e-5  # bands 50 dB below the loudest carry no sound to speak of
_MAX_LOSS_DB = 60.0
_MIN_GAIN_DB = 6.0  # independent channels lose 3 dB, those that are alike nothing


def signs_in_phase(y: Float[np.ndarray, "samples channels"], sr: int) -> Signs | None:
    """The sign of each channel with which their mean does not cancel; `None` where all are 1.

    The test is relative: the level of the mean over the mean level of the channels, in dB, averaged
    over thirds of an octave in which the channels carry sound. Signs have to raise it by
    `_MIN_GAIN_DB`, so the channels of ordinary recordings stay as they are.

    Args:
        y: samples at the rate `sr`, Hz.
    """
    n_channels = y.shape[1]
    if n_channels == 1:
        return None
    covariances = _band_covariances(y, sr)
    powers = np.trace(covariances, axis1=1, axis2=2)
    sounding = powers > _RANGE * powers.max()
    if not sounding.any():
        return None
    covariances = covariances[sounding] / powers[sounding, None, None]
    principal = np.linalg.eigh(covariances.mean(axis=0))[1][:, -1]
    principal = np.where(np.abs(principal) < _RANGE, 0.0, principal)  # rounding
    principal *= np.sign(principal[np.flatnonzero(principal)[0]])  # the first of them stays
    signs = np.where(principal < 0, -1.0, 1.0)
    gain_db = _loss_db(covariances, np.ones(n_channels)) - _loss_db(covariances, signs)
    return signs.astype(np.float32) if gain_db >= _MIN_GAIN_DB else None


def _loss_db(covariances: Float[np.ndarray, "bands channels channels"], signs: Signs) -> float:
    """What the mean lacks of the channels' mean level, dB; covariances have a trace of 1."""
    kept = np.einsum("i,bij,j->b", signs, covariances, signs) / len(signs)
    return float(np.mean(-10 * np.log10(np.maximum(kept, 10 ** (-_MAX_LOSS_DB / 10)))))


def _band_covariances(
    y: Float[np.ndarray, "samples channels"], sr: int
) -> Float[np.ndarray, "bands channels channels"]:
    """Energies and products of the channels in thirds of an octave."""
    hz = np.fft.rfftfreq(_N_FFT, 1 / sr)
    n_bands = max(1, int(_BANDS_PER_OCTAVE * np.log2(sr / 2 / _LOWEST_HZ)))
    edges_hz = _LOWEST_HZ * 2 ** (np.arange(n_bands) / _BANDS_PER_OCTAVE)
    edges = np.unique(np.searchsorted(hz, edges_hz))
    n_frames = min(_MAX_FRAMES, -(-len(y) // _N_FFT))
    starts = np.linspace(0, max(0, len(y) - _N_FFT), n_frames).astype(int)
    products = (_products(_spectrum(y[start : start + _N_FFT]), edges) for start in starts)
    return functools.reduce(np.add, products)


def _spectrum(frame: Float[np.ndarray, "samples channels"]) -> Complex[np.ndarray, "bins channels"]:
    window = np.hanning(len(frame) + 2)[1:-1, None]
    return np.fft.rfft(frame * window, _N_FFT, axis=0)


def _products(
    x: Complex[np.ndarray, "bins channels"], edges: np.ndarray
) -> Float[np.ndarray, "bands channels channels"]:
    bands = [band for band in np.split(x, edges)[1:] if len(band)]
    return np.stack([np.real(np.conj(band.T) @ band) for band in bands])
