"""Sound textures: the statistics that tell rain from fire, and a distance between two of them.

McDermott & Simoncelli (2011), "Sound texture perception via statistics of the auditory periphery":
sounds whose statistics agree are heard as the same texture, whatever happens when. The sound is
split into cochlear bands, of each the compressed envelope is taken, and each envelope is split into
modulation bands. All filters are products in the frequency domain, so the sound counts as periodic.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from nstaudio.analysis.clip import Samples
from nstaudio.errors import InputError, integer

N_BANDS = 30
MIN_HZ, MAX_HZ = 20.0, 10_000.0
"""Limits of the cochlear bands; the upper one is half the rate where that is lower."""
COMPRESSION = 0.3
ENVELOPE_SR = 400
"""Rate of the envelopes, Hz."""
MODULATION_HZ = tuple(np.geomspace(0.5, 200.0, 20).tolist())
"""Centres of the modulation bands whose power is taken, half an octave apart, of Q = 2."""
OCTAVE_HZ = tuple(100.0 / 2.0**k for k in range(6, -1, -1))
"""Centres of the modulation bands that are compared with each other, an octave apart."""
COCHLEAR_OFFSETS = (1, 2, 3, 5, 8, 11, 16, 21)
"""Distances, in bands, of the envelopes that are compared."""
MODULATION_OFFSETS = (1, 2)
MIN_S = 2.0
"""The slowest modulation band has a period of this."""

_TINY = 1e-10  # relative to the sound's own power: 100 dB below
_STEADY = 1e-8  # a variance of envelopes below which rounding decides: 0.01 % of a compressed level
_SILENCE = 1e-20  # a mean square that has a gradient beside it even so


class Statistics(NamedTuple):
    """The statistics of a texture; e_k is the envelope of cochlear band k."""

    mean: Float[Array, " bands"]
    """Mean e_k."""
    variation: Float[Array, " bands"]
    """Variance of e_k over its squared mean."""
    skewness: Float[Array, " bands"]
    kurtosis: Float[Array, " bands"]
    """3 for a normal distribution."""
    correlations: Float[Array, " pairs"]
    """Of e_j and e_k, `COCHLEAR_OFFSETS` apart."""
    modulation_power: Float[Array, "bands modulations"]
    """Mean square of each modulation band of e_k over the variance of e_k."""
    c1: Float[Array, "octaves c1_pairs"]
    """Correlations of the same modulation band of e_j and e_k, `MODULATION_OFFSETS` apart."""
    c2: Float[Array, "bands octave_pairs 2"]
    """Of successive octave bands of e_k, the lower one brought to twice its frequency: the complex
    correlation. Its angle tells sharp attacks from sharp ends."""


def statistics(y: Samples, sr: int, *, n_bands: int = N_BANDS) -> Statistics:
    """The statistics of a sound. Pure and differentiable; compile with `sr`, `n_bands` static.

    Args:
        y: samples; their level does not matter.
        sr: their rate, Hz.
        n_bands: cochlear bands between the lowest and the highest, which are beside them.

    Raises:
        InputError: a clip shorter than `MIN_S`, or a value outside its limits.
    """
    integer("sr", sr, at_least=1000, at_most=768_000)
    integer("n_bands", n_bands, at_least=1, at_most=500)
    if y.shape[0] < MIN_S * sr:
        raise InputError(
            f"{y.shape[0] / sr:.2f} s are too short for the statistics of a texture: at least "
            f"{MIN_S:g} s are needed"
        )
    return of_envelopes(cochlear_envelopes(y, sr, n_bands=n_bands), ENVELOPE_SR)


def of_envelopes(envelopes: Float[Array, "bands samples"], rate: float) -> Statistics:
    """The statistics of the envelopes of bands, from the lowest to the highest, at a rate in Hz."""
    n = envelopes.shape[1]
    mean = envelopes.mean(axis=1)
    centred = envelopes - mean[:, None]
    variance = jnp.mean(centred**2, axis=1) + _STEADY
    deviation = jnp.sqrt(variance)
    normal = centred / deviation[:, None]
    spectra = jnp.fft.rfft(normal, axis=1) / n
    hz = np.fft.rfftfreq(n, 1 / rate)
    # Of a real signal each frequency but 0 counts twice; the mean is 0.
    power = 2 * (spectra.real**2 + spectra.imag**2)
    filters = jnp.asarray(_constant_q(hz) ** 2, envelopes.dtype)
    octaves = jnp.asarray(_octaves(hz), envelopes.dtype)
    return Statistics(
        mean=mean,
        variation=variance / (mean**2 + _TINY),
        skewness=jnp.mean(normal**3, axis=1),
        kurtosis=jnp.mean(normal**4, axis=1),
        correlations=_off_diagonals(_product(normal, normal.T) / n, COCHLEAR_OFFSETS),
        modulation_power=_product(power, filters.T),
        c1=jax.vmap(lambda h: _off_diagonals(_correlations(spectra * h[None]), MODULATION_OFFSETS))(
            octaves[1:]
        ),
        c2=jax.vmap(lambda spectrum: _across_octaves(spectrum, octaves, n))(spectra),
    )


SCALES = {
    "mean": 0.3,
    "variation": 0.4,
    "skewness": 1.3,
    "kurtosis": 1.8,
    "correlations": 0.6,
    "modulation_power": 0.1,
    "c1": 0.55,
    "c2": 0.34,
}
"""Typical differences in each class, of moments the inverse hyperbolic sine: root mean squares over
all pairs of eight sounds of 4 s (white, pink and beating noise, a tone complex, dense and sparse
clicks, both demo clips)."""
_MOMENTS = ("variation", "skewness", "kurtosis")


def distance(a: Statistics, b: Statistics) -> Float[Array, ""]:
    """The distance of two textures: 0 is the same, about 1 as different as any two sounds.

    The mean over the eight classes of the mean squared difference within the class over the class's
    squared scale, `SCALES`: so each class counts alike, however many numbers it has and however
    large they are. Moments are compared by their inverse hyperbolic sine, or one quiet band with a
    rare click, of a kurtosis of hundreds, would decide alone. Symmetric, and differentiable at 0.
    """
    distances = []
    for name, scale in SCALES.items():
        x, y = getattr(a, name), getattr(b, name)
        if name in _MOMENTS:
            x, y = jnp.arcsinh(x), jnp.arcsinh(y)
        distances.append(jnp.mean((x - y) ** 2) / scale**2)
    return jnp.mean(jnp.stack(distances))


def cochlear_envelopes(
    y: Samples, sr: int, *, n_bands: int = N_BANDS
) -> Float[Array, "bands envelope_samples"]:
    """The compressed envelope of each cochlear band, at `ENVELOPE_SR`; `n_bands` + 2 bands.

    The sound is first brought to a mean square of 1.
    """
    n = y.shape[0]
    y = y / jnp.sqrt(jnp.mean(y**2) + _SILENCE)
    spectrum = jnp.fft.rfft(y)
    filters = jnp.asarray(erb_filters(n, sr, n_bands), y.dtype)
    n_envelope = round(n * ENVELOPE_SR / sr)
    n_bins = n_envelope // 2 + 1

    @jax.checkpoint
    def envelope(h: Float[Array, " bins"]) -> Float[Array, " envelope_samples"]:
        analytic = _analytic(spectrum * h, n)
        # The power of a magnitude whose gradient at 0 is 0.
        magnitude = (analytic.real**2 + analytic.imag**2 + _TINY) ** (COMPRESSION / 2)
        return jnp.fft.irfft(jnp.fft.rfft(magnitude)[:n_bins], n_envelope) * (n_envelope / n)

    # One after the other: all bands at the full rate at once would be much memory.
    return jax.lax.map(envelope, filters)


def erb_filters(n: int, sr: int, n_bands: int) -> Float[np.ndarray, "bands bins"]:
    """Half cosines on the ERB scale, `bands bins`: their squares add up to 1 at every frequency.

    `n_bands` of them are spread evenly between `MIN_HZ` and `MAX_HZ`, each from the centre
    of the one below to the centre of the one above; the remainder at both ends makes two more.

    Args:
        n: samples of the sound, of whose transform these are gains.
        sr: its rate, Hz.
    """
    lowest, highest = _erb(np.array([MIN_HZ, min(MAX_HZ, sr / 2)]))
    edges = np.linspace(lowest, highest, n_bands + 2)
    step = edges[1] - edges[0]
    erb = _erb(np.fft.rfftfreq(n, 1 / sr))
    offset = np.clip((erb[None] - edges[1:-1, None]) / step, -1, 1)
    bands = np.cos(np.pi / 2 * offset)
    remainder = np.sqrt(np.clip(1 - (bands**2).sum(axis=0), 0, 1))
    low = np.where(erb < edges[1], remainder, 0)
    high = np.where(erb > edges[-2], remainder, 0)
    return np.concatenate([low[None], bands, high[None]])


def _erb(hz: np.ndarray) -> np.ndarray:
    """The ERB number of frequencies in Hz (Glasberg & Moore 1990)."""
    return 9.265 * np.log(1 + hz / (24.7 * 9.265))


def _constant_q(hz: np.ndarray, q: float = 2.0) -> np.ndarray:
    """Half cosines over frequency, `modulations bins`, their width in Hz the centre over Q.

    Scaled so that their squares add up to 1 on average between the outermost ones.
    """
    centres = np.asarray(MODULATION_HZ)
    offset = (hz[None] - centres[:, None]) * q / centres[:, None]
    bands = np.where(np.abs(offset) < 1, np.cos(np.pi / 2 * offset), 0)
    inside = (hz > centres[3]) & (hz < centres[-4])
    return bands / np.sqrt((bands**2).sum(axis=0)[inside].mean())


def _octaves(hz: np.ndarray) -> np.ndarray:
    """Half cosines over the logarithm of frequency, an octave to each side: `octaves bins`."""
    octave = np.log2(np.maximum(hz, 1e-9)[None] / np.asarray(OCTAVE_HZ)[:, None])
    return np.cos(np.pi / 2 * np.clip(octave, -1, 1)) * (np.abs(octave) < 1)


def _analytic(spectrum: Complex[Array, " bins"], n: int) -> Complex[Array, " n"]:
    """The analytic signal of n samples from the spectrum of the real one."""
    twice = spectrum.at[1 : (n + 1) // 2].multiply(2)
    return jnp.fft.ifft(jnp.pad(twice, (0, n - twice.shape[0])))


def _product(a: Float[Array, "a b"], b: Float[Array, "b c"]) -> Float[Array, "a c"]:
    return jnp.matmul(a, b, precision=jax.lax.Precision.HIGHEST)


def _correlations(spectra: Complex[Array, "bands bins"]) -> Float[Array, "bands bands"]:
    """The correlations of all pairs of bands, from their spectra."""
    real, imag = spectra.real, spectra.imag
    covariance = _product(real, real.T) + _product(imag, imag.T)
    size = jnp.sqrt(jnp.diagonal(covariance) + _TINY)
    return covariance / (size[:, None] * size[None])


def _off_diagonals(matrix: Float[Array, "n n"], offsets: tuple[int, ...]) -> Float[Array, " pairs"]:
    """The entries of the diagonals at these offsets."""
    return jnp.concatenate([jnp.diagonal(matrix, offset) for offset in offsets])


def _across_octaves(
    spectrum: Complex[Array, " bins"], octaves: Float[Array, "octaves bins"], n: int
) -> Float[Array, "octave_pairs 2"]:
    """C2 of one envelope, real and imaginary parts."""
    a = jax.vmap(lambda h: _analytic(spectrum * h, n))(octaves) * n
    power = a.real**2 + a.imag**2
    doubled = a**2 / jnp.sqrt(power + _TINY)
    size = jnp.sqrt(jnp.mean(power, axis=1) + _TINY)
    product = jnp.mean(jnp.conj(doubled[:-1]) * a[1:], axis=1) / (size[:-1] * size[1:])
    return jnp.stack([product.real, product.imag], axis=1)
