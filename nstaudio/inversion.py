"""Mel spectrograms back to samples.

Every inversion is called as `inversion(level_db, spec=spec, length=samples, key=key)`.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Complex, Float, PRNGKeyArray

from nstaudio.errors import integer, number
from nstaudio.spectrogram import MelSpec, db_to_power, istft, stft, window_power


@partial(jax.jit, static_argnames=("spec", "n_iter"))
def mel_to_power(
    mel: Float[Array, "frames mels"], spec: MelSpec, *, n_iter: int = 200
) -> Float[Array, "frames bins"]:
    """Linear-frequency power S >= 0 with the least |S W - mel|^2 per frame, W the mel filters.

    The problem of `librosa.feature.inverse.mel_to_stft`, from the same start (least squares, cut
    at 0), by accelerated projected gradient (FISTA: Beck & Teboulle 2009) instead of L-BFGS-B.
    """
    filters = jnp.asarray(spec.filters)
    gram = filters.T @ filters
    lipschitz = jnp.linalg.norm(gram, ord=2)
    start = jnp.maximum(mel @ jnp.linalg.pinv(filters), 0.0)

    def update(i: Array, carry: tuple[Array, Array]) -> tuple[Array, Array]:
        power, ahead = carry
        residual = ahead @ filters - mel
        new = jnp.maximum(ahead - (residual @ filters.T) / lipschitz, 0.0)
        return new, new + (i / (i + 3.0)) * (new - power)

    return jax.lax.fori_loop(0, n_iter, update, (start, start))[0]


@partial(jax.jit, static_argnames=("spec", "n_iter", "length"))
def phase_retrieval(
    magnitude: Float[Array, "frames bins"],
    phase: Float[Array, "frames bins"],
    weight: Float[Array, " padded"],
    *,
    spec: MelSpec,
    length: int,
    n_iter: int = 32,
    momentum: float | Float[Array, ""] = 0.99,
) -> Float[Array, " samples"]:
    """Fast Griffin-Lim (Perraudin et al. 2013; Griffin & Lim 1984 with momentum 0).

    The iteration of `librosa.griffinlim`, from the given starting phase in radians. `weight` is
    `window_power(frames, spec)`.
    """
    inverse = partial(istft, spec=spec, length=length, weight=weight)
    pull = momentum / (1.0 + momentum)

    def update(
        _: Array, carry: tuple[Complex[Array, "frames bins"], Complex[Array, "frames bins"]]
    ) -> tuple[Complex[Array, "frames bins"], Complex[Array, "frames bins"]]:
        spectrum, previous = carry
        rebuilt = stft(inverse(spectrum), spec)
        direction = rebuilt - pull * previous
        # The smallest normal number keeps 0 / 0 out without moving any phase.
        unit = direction / (jnp.abs(direction) + jnp.finfo(magnitude.dtype).tiny)
        return magnitude * unit, rebuilt

    spectrum = magnitude * jnp.exp(1j * phase)
    spectrum, _ = jax.lax.fori_loop(0, n_iter, update, (spectrum, jnp.zeros_like(spectrum)))
    return inverse(spectrum)


def griffin_lim(
    level_db: Float[Array, "frames mels"],
    *,
    spec: MelSpec,
    length: int,
    key: PRNGKeyArray,
    n_iter: int = 32,
    momentum: float = 0.99,
    n_iter_mel: int = 200,
) -> Float[Array, " samples"]:
    """Mel to linear by non-negative least squares, then fast Griffin-Lim from random phase.

    Args:
        level_db: mel spectrogram in dB; what lies below `spec.floor_db` is silence.
        length: samples to return.
        n_iter: Griffin-Lim iterations.
        momentum: of Griffin-Lim, 0 to 1; 0 is the original.
        n_iter_mel: iterations of the least squares.

    Raises:
        InputError: a number outside its limits.
    """
    integer("inversion.n_iter", n_iter, at_least=1)
    integer("inversion.n_iter_mel", n_iter_mel, at_least=1)
    number("inversion.momentum", momentum, at_least=0, at_most=1)
    mel = jnp.where(level_db > spec.floor_db, db_to_power(level_db), 0.0)
    magnitude = jnp.sqrt(mel_to_power(mel, spec, n_iter=n_iter_mel))
    phase = jax.random.uniform(key, magnitude.shape, magnitude.dtype, 0.0, 2 * jnp.pi)
    weight = jnp.asarray(window_power(magnitude.shape[0], spec))
    return phase_retrieval(
        magnitude, phase, weight, spec=spec, length=length, n_iter=n_iter, momentum=momentum
    )
