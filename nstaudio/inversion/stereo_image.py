"""Channels of a result: new sound placed where the content is, and the content's stereo image.

What of a channel can be predicted from the mix, as in USAC's stereo prediction (Helmrich et al.,
ICASSP 2011), is a share of the new sound; the rest is the same sound decorrelated, as in parametric
stereo (Breebaart et al., EURASIP JASP 2005). A mix is the mean of the channels; sides are
orthonormal differences of channels, so that whatever is done to them cancels in the mean.
"""

from collections.abc import Iterator

import numpy as np
import scipy.ndimage
from jaxtyping import Complex, Float

from nstaudio.analysis.bands import interpolation
from nstaudio.analysis.numpy_stft import BlockStft, ChannelSpectrum
from nstaudio.analysis.spectrogram import hz_to_mel
from nstaudio.audio.samples import Channels

Bins = Float[np.ndarray, " bins"]
BandWeights = Float[np.ndarray, "bins bands"]
Basis = Float[np.ndarray, "parts channels"]
Covariance = Float[np.ndarray, "bands parts parts"]

_BAND_MELS = 0.6  # 40 Hz, above 1 kHz 4 % of the frequency
_SMOOTHING_BLOCKS = 0.75  # standard deviation of the smoothing of places in time: 0.28 s
_LONG_TERM = 1e-3  # the whole clip's share in what is measured of a moment
_MAX_WIDTH = 2.0  # energy of the channels over that of the mix, over what one channel alone has
_MAX_SIDES = 7
_EPSILON = 1e-15
_TURN_HZ, _TURN_WIDTH_HZ = 200.0, 50.0

_IMAGE_HOP_S, _IMAGE_BLOCK = 0.0464, 32
_IMAGE_MELS = 0.4  # 27 Hz, above 1 kHz 3 % of the frequency
_MAX_REMIX_GAIN = 4.0
_SILENT = 1e-4  # a mix 40 dB below its channels does not say where its sounds are


def placements(content: Channels, blocks: BlockStft) -> Iterator[tuple[int, ChannelSpectrum]]:
    """Blocks of frames: their first, and how each channel's new sound differs from the mix's.

    The real part is what is predicted. The imaginary part is decorrelated: a quarter period apart
    from the mix, ahead or behind by turns along the frequencies.
    """
    sides, n_channels, hz = _sides(content), content.shape[1], blocks.grid.hz
    bands = _band_weights(hz, _BAND_MELS)
    basis = _basis(sides)
    starts = blocks.starts(len(content))
    covariances = np.stack(
        [_covariance(basis, blocks.stft(content, start), bands) for start in starts]
    )
    covariances = scipy.ndimage.gaussian_filter1d(
        covariances, _SMOOTHING_BLOCKS, axis=0, mode="nearest"
    )
    covariances += _LONG_TERM * covariances.mean(axis=0)
    covariances += _EPSILON * np.eye(1 + len(sides), dtype=np.float32)
    signs = _decorrelation_signs(hz, len(sides))

    def placement(block: int) -> Complex[np.ndarray, "channels bins"]:
        covariance = covariances[min(max(block, 0), len(starts) - 1)]
        predicted, rest = _predict_sides(covariance, n_channels)
        decorrelated = np.einsum("bjk,bk->jb", np.tensordot(bands, rest, 1), signs)
        return sides.T @ (predicted.T @ bands.T + 1j * decorrelated)

    n = blocks.n_frames
    fade = ((np.arange(n, dtype=np.float32) + 0.5) / n)[:, None]
    before = placement(-1)
    for block in range(len(starts) + 1):
        after = placement(block)
        # From the middle of one block to that of the next.
        yield block * n - n // 2, before[:, None] + fade * (after - before)[:, None]
        before = after


def match_image(y: Channels, content: Channels, sr: int) -> Channels:
    """Give `y` the content's levels and correlations of channels, over its whole length, in place.

    A gain that is common to all channels moves the image of a band where the band's sounds, each at
    its own place, are not amplified alike. In every band the sides are mixed anew, as little as may
    be, of themselves and the mean; the mean stays.
    """
    if y.shape[1] == 1:
        return y
    # Longer frames than elsewhere: nothing here changes with time, and low bands lie close.
    blocks = BlockStft.at(sr, hop_s=_IMAGE_HOP_S, n_frames=_IMAGE_BLOCK)
    sides = _sides(content)
    basis = _basis(sides)
    bands = _band_weights(blocks.grid.hz, _IMAGE_MELS)
    starts = blocks.starts(len(y))
    target, present = (
        np.sum([_covariance(basis, blocks.stft(a, start), bands) for start in starts], axis=0)
        for a in (content, y)
    )
    mixing = np.tensordot(bands, _remix(present, target), 1)
    for start in starts:
        parts = np.tensordot(basis, blocks.stft(y, start), 1)
        change = np.einsum("bij,jtb->itb", mixing, parts)
        blocks.add(y, np.tensordot(sides.T, change, 1), start)
    return y


def _sides(content: Channels) -> Float[np.ndarray, "sides channels"]:
    """Orthonormal differences of channels, the strongest `_MAX_SIDES`; each adds up to 0."""
    n = content.shape[1]
    centred = np.eye(n) - 1 / n
    covariance = centred @ (content.T @ content).astype(np.float64) @ centred
    # The mean itself comes last, however weak the rest is.
    covariance -= (1 + np.trace(covariance)) / n
    strongest = np.linalg.eigh(covariance)[1].T[:0:-1]
    return strongest[:_MAX_SIDES].astype(np.float32)


def _basis(sides: Float[np.ndarray, "sides channels"]) -> Basis:
    """The mix, and after it the sides."""
    n = sides.shape[1]
    return np.concatenate([np.full((1, n), 1 / n, np.float32), sides])


def _band_weights(hz: Bins, width_mels: float) -> BandWeights:
    """Weights that interpolate from bands about so wide to the bins, linear on the mel scale."""
    mels = hz_to_mel(hz)
    centres = np.linspace(0, mels[-1], max(2, round(float(mels[-1]) / width_mels)))
    return np.ascontiguousarray(interpolation(mels, centres).T, np.float32)


def _covariance(basis: Basis, x: ChannelSpectrum, bands: BandWeights) -> Covariance:
    """Energies and products of the parts of a block."""
    z = np.tensordot(basis, x, 1)
    z = np.concatenate([np.real(z), np.imag(z)], axis=1).transpose(2, 0, 1)
    return np.tensordot(bands.T, z @ z.swapaxes(1, 2), 1)


def _predict_sides(
    covariance: Covariance, n_channels: int
) -> tuple[Float[np.ndarray, "bands sides"], Float[np.ndarray, "bands sides sides"]]:
    """Factors of the mix in each side, and the root of the residual's covariance over the mix."""
    mix, cross, sides = covariance[:, :1, 0], covariance[:, 1:, 0], covariance[:, 1:, 1:]
    residual = sides - cross[:, :, None] * (cross / mix)[:, None]
    max_ratio = _MAX_WIDTH * n_channels**2
    mix = np.maximum(mix, np.trace(sides, axis1=1, axis2=2)[:, None] / max_ratio)
    values, vectors = np.linalg.eigh(residual)
    roots = np.sqrt(np.maximum(values, 0) / mix)
    return cross / mix, (vectors * roots[:, None]) @ vectors.swapaxes(1, 2)


def _decorrelation_signs(hz: Bins, n: int) -> Float[np.ndarray, "bins sides"]:
    """Ahead or behind: at random, with turns at multiples of `_TURN_HZ` and of mean square 1.

    So rare are the turns that a stroke is spread by some 10 ms only.
    """
    at = hz / _TURN_HZ
    i = at.astype(int)
    signs = np.random.default_rng(0).choice([-1.0, 1.0], (i[-1] + 2, n))
    turned = np.clip((at - i - 0.5) * _TURN_HZ / _TURN_WIDTH_HZ + 0.5, 0, 1)[:, None]
    signs = signs[i] + turned * (signs[i + 1] - signs[i])
    power = scipy.ndimage.gaussian_filter1d(signs**2, _TURN_WIDTH_HZ / hz[1], axis=0)
    return (signs / np.sqrt(power)).astype(np.float32)


def _remix(present: Covariance, target: Covariance) -> Float[np.ndarray, "bands sides parts"]:
    """Changes of each side, from the mean and the sides, that give `present` the target's image."""
    n_sides = target.shape[1] - 1
    change = np.zeros((len(target), n_sides, 1 + n_sides))
    for band, (a, b) in enumerate(zip(present, target, strict=True)):
        if min(a[0, 0] - _SILENT * a.trace(), b[0, 0] - _SILENT * b.trace()) <= 0:
            continue  # next to nothing has become of it, or of nothing
        a, b = a.astype(float), b.astype(float)
        predicted, target_predicted = a[0, 1:] / a[0, 0], b[0, 1:] / b[0, 0]
        # Far above what rounding leaves of the difference.
        floor = 1e-5 * (b.trace() / b[0, 0] + a.trace() / a[0, 0]) * np.eye(n_sides)
        rest = a[1:, 1:] / a[0, 0] - np.outer(predicted, predicted) + floor
        target_rest = b[1:, 1:] / b[0, 0] - np.outer(target_predicted, target_predicted) + floor
        mixing = _transport(rest, target_rest)
        change[band, :, 0] = target_predicted - mixing @ predicted
        change[band, :, 1:] = mixing - np.eye(n_sides)
    return change.astype(np.float32)


def _transport(
    source: Float[np.ndarray, "sides sides"], target: Float[np.ndarray, "sides sides"]
) -> Float[np.ndarray, "sides sides"]:
    """The least change that gives sounds of one covariance another, within limits.

    The optimal transport between Gaussians (Olkin & Pukelsheim 1982).
    """
    root, inverse = _matrix_power(source, 0.5), _matrix_power(source, -0.5)
    mixing = inverse @ _matrix_power(root @ target @ root, 0.5) @ inverse
    values, vectors = np.linalg.eigh(mixing)
    return (vectors * np.clip(values, 1 / _MAX_REMIX_GAIN, _MAX_REMIX_GAIN)) @ vectors.T


def _matrix_power(m: Float[np.ndarray, "n n"], exponent: float) -> Float[np.ndarray, "n n"]:
    """A power of a positive matrix."""
    values, vectors = np.linalg.eigh(m)
    return (vectors * np.maximum(values, 1e-300) ** exponent) @ vectors.T
