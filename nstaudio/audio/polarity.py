"""Channels whose mean is not their sound: one that is another turned over cancels it.

What is analysed is the channels' mean. Where a channel is wired the wrong way round, made wide by
turning its highs over, or late, a range or all is lost in the mean but for what tape or coding have
added. Turned over there, the channel is heard as it sounds.
"""

import functools
import itertools
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import scipy.signal
from jaxtyping import Complex, Float

Signs = Float[np.ndarray, " channels"]
Covariances = Float[np.ndarray, "bands channels channels"]

_N_FFT = 8192
_MAX_FRAMES = 256  # spread evenly over what is longer
_BANDS_PER_OCTAVE = 3
_LOWEST_HZ = 40.0
_RANGE = 1e-5  # bands 50 dB below the loudest carry no sound to speak of
_MAX_LOSS_DB = 60.0
_MIN_GAIN_DB = 6.0  # independent channels lose 3 dB, those that are alike nothing
_MAX_BAND_LOSS_DB = 15.0
_FIRST_STAYS = 0.25  # of all energy: how much counts that it is not the first that is turned
_FILTER_S = 0.15  # a turn within a third of an octave spreads a stroke by 40 ms at 50 Hz
_AT_ONCE = 2**18  # samples


class Alignment(NamedTuple):
    """Filters that change the phases of channels alone: all are in phase then.

    Attributes:
        filters: impulse responses, time 0 in the middle; of a single tap for signs alone.
        turned: the channels that are turned over, in all of the range or a part.
    """

    filters: Float[np.ndarray, "taps channels"]
    turned: tuple[int, ...]

    def blocks(
        self, y: Float[np.ndarray, "samples channels"], *, back: bool = False
    ) -> Iterator[Float[np.ndarray, "block channels"]]:
        """Channels in phase, as blocks that follow one another, float32.

        Args:
            y: of any length.
            back: channels that are in phase, as they were.
        """
        filters, margin = self.filters[::-1] if back else self.filters, len(self.filters) // 2
        for start in range(0, len(y), _AT_ONCE):
            stop = min(start + _AT_ONCE, len(y))
            block = y[max(0, start - margin) : stop + margin]
            if margin:
                missing = max(0, margin - start), max(0, stop + margin - len(y))
                block = np.pad(block, (missing, (0, 0)))
                block = scipy.signal.oaconvolve(block, filters, mode="valid", axes=0)
            else:
                block = block * filters
            yield block.astype(np.float32)


def alignment(y: Float[np.ndarray, "samples channels"], sr: int) -> Alignment | None:
    """The alignment with which the channels' mean does not cancel; `None` where it does not.

    The test is relative: the level of the mean over the mean level of the channels in thirds of an
    octave in which they carry sound. Signs of whole channels have to raise it by `_MIN_GAIN_DB` on
    average; then bands that still lose more than `_MAX_BAND_LOSS_DB` have signs of their own. So
    the channels of ordinary recordings stay as they are.

    Args:
        y: samples at the rate `sr`, Hz.
    """
    n_channels = y.shape[1]
    if n_channels == 1:
        return None
    hz, covariances = _band_covariances(y, sr)
    powers = np.trace(covariances, axis1=1, axis2=2)
    sounding = powers > _RANGE * powers.max()
    if not sounding.any():
        return None
    covariances = covariances[sounding] / powers[sounding, None, None]
    signs = _signs_of_bands(covariances)
    if (signs == 1).all():
        return None
    turned = tuple(np.flatnonzero((signs < 0).any(axis=0)).tolist())
    if (signs == signs[0]).all():
        return Alignment(signs[:1].astype(np.float32), turned)
    return Alignment(_all_pass(hz[sounding], signs, sr), turned)


def _signs_of_bands(covariances: Covariances) -> Float[np.ndarray, "bands channels"]:
    """The sign of each channel in each band; covariances have a trace of 1."""
    n_bands, n_channels, _ = covariances.shape
    signs = np.ones((n_bands, n_channels))
    of_all = np.broadcast_to(_principal_signs(covariances.mean(axis=0)), signs.shape)
    gain_db = _loss_db(covariances, signs) - _loss_db(covariances, of_all)
    if gain_db.mean() >= _MIN_GAIN_DB:
        signs = of_all.copy()
    lost_db = _loss_db(covariances, signs)
    for band in np.flatnonzero(lost_db > _MAX_BAND_LOSS_DB):
        own = _principal_signs(covariances[band])
        kept = own * signs[band] * np.diag(covariances[band])
        if kept.sum() + _FIRST_STAYS * own[0] * signs[band, 0] < 0:
            own = -own
        if lost_db[band] - _loss_db(covariances[band, None], own[None])[0] >= _MIN_GAIN_DB:
            signs[band] = own
    return signs


def _principal_signs(covariance: Float[np.ndarray, "channels channels"]) -> Signs:
    principal = np.linalg.eigh(covariance)[1][:, -1]
    principal = np.where(np.abs(principal) < _RANGE, 0.0, principal)  # rounding
    principal *= np.sign(principal[np.flatnonzero(principal)[0]])  # the first of them stays
    return np.where(principal < 0, -1.0, 1.0)


def _loss_db(
    covariances: Covariances, signs: Float[np.ndarray, "bands channels"]
) -> Float[np.ndarray, " bands"]:
    """The mean's level below the channels' mean level, dB; covariances have a trace of 1."""
    kept = np.einsum("bi,bij,bj->b", signs, covariances, signs) / signs.shape[1]
    return -10 * np.log10(np.maximum(kept, 10 ** (-_MAX_LOSS_DB / 10)))


def _all_pass(
    hz: Float[np.ndarray, " bands"], signs: Float[np.ndarray, "bands channels"], sr: int
) -> Float[np.ndarray, "taps channels"]:
    """Filters of magnitude 1 that turn from one band's sign to the next one's."""
    n_taps = 2 ** int(np.ceil(np.log2(_FILTER_S * sr)))
    octaves = np.log2(np.maximum(np.fft.rfftfreq(n_taps, 1 / sr), hz[0]))
    phases = np.pi * (1 - signs) / 2
    turns = [np.interp(octaves, np.log2(hz), phase) for phase in phases.T]
    responses = np.fft.irfft(np.exp(1j * np.stack(turns, axis=1)), n_taps, axis=0)
    responses = np.roll(responses, n_taps // 2, axis=0) * np.hanning(n_taps + 1)[:-1, None]
    return responses[1:].astype(np.float32)  # as many taps before 0 as after it


def _band_covariances(
    y: Float[np.ndarray, "samples channels"], sr: int
) -> tuple[Float[np.ndarray, " bands"], Covariances]:
    """Centres of thirds of an octave, Hz, and the energies and products of the channels there."""
    bin_hz = np.fft.rfftfreq(_N_FFT, 1 / sr)
    n_bands = max(1, int(_BANDS_PER_OCTAVE * np.log2(sr / 2 / _LOWEST_HZ)))
    edges = np.searchsorted(bin_hz, _LOWEST_HZ * 2 ** (np.arange(n_bands + 1) / _BANDS_PER_OCTAVE))
    edges = np.unique(np.append(edges[:-1], len(bin_hz)))
    n_frames = min(_MAX_FRAMES, -(-len(y) // _N_FFT))
    starts = np.linspace(0, max(0, len(y) - _N_FFT), n_frames).astype(int)
    products = (_products(_spectrum(y[start : start + _N_FFT]), edges) for start in starts)
    centres = np.array([bin_hz[a:b].mean() for a, b in itertools.pairwise(edges)])
    return centres, functools.reduce(np.add, products)


def _spectrum(frame: Float[np.ndarray, "samples channels"]) -> Complex[np.ndarray, "bins channels"]:
    window = np.hanning(len(frame) + 2)[1:-1, None]
    return np.fft.rfft(frame * window, _N_FFT, axis=0)


def _products(x: Complex[np.ndarray, "bins channels"], edges: np.ndarray) -> Covariances:
    bands = np.split(x, edges[1:-1])
    bands[0] = bands[0][edges[0] :]
    return np.stack([np.real(np.conj(band.T) @ band) for band in bands])
