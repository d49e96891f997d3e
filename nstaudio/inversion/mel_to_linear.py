"""Mel powers to linear-frequency powers: non-negative least squares, Kullback-Leibler."""

from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from nstaudio.analysis.spectrogram import MelSpec


@partial(jax.jit, static_argnames=("spec", "n_iter"))
def nnls_power(
    mel: Float[Array, "frames mels"], spec: MelSpec, *, n_iter: int = 200
) -> Float[Array, "frames bins"]:
    """Linear-frequency power S >= 0 with the least |S W - mel|^2 per frame, W the mel filters.

    The problem of `librosa.feature.inverse.mel_to_stft`, from the same start (least squares, cut
    at 0), by accelerated projected gradient (FISTA: Beck & Teboulle 2009) instead of L-BFGS-B.
    """
    filters = jnp.asarray(spec.filters)
    lipschitz = jnp.linalg.norm(filters.T @ filters, ord=2)
    start = jnp.maximum(mel @ jnp.linalg.pinv(filters), 0.0)

    def update(i: Array, carry: tuple[Array, Array]) -> tuple[Array, Array]:
        power, ahead = carry
        residual = ahead @ filters - mel
        new = jnp.maximum(ahead - (residual @ filters.T) / lipschitz, 0.0)
        return new, new + (i / (i + 3.0)) * (new - power)

    return jax.lax.fori_loop(0, n_iter, update, (start, start))[0]


def kl_step(
    power: Float[Array, "frames bins"], mel: Float[Array, "frames mels"], spec: MelSpec
) -> Float[Array, "frames bins"]:
    """One multiplicative update S <- S * [(mel / (S W)) W^T] / W 1 towards S W = mel.

    It lowers the generalised Kullback-Leibler divergence of mel from S W and keeps S positive (Lee
    & Seung 2001; Richardson-Lucy). Relative error counts, so quiet bands are fitted as well as
    loud ones, and what the mel spectrogram does not tell, the shape of S inside a band, stays.
    """
    filters = jnp.asarray(spec.filters)
    covered = jnp.sum(filters, axis=1)
    ratio = mel / (power @ filters + 1e-20)
    return power * (ratio @ filters.T) / jnp.maximum(covered, 1e-8)[None]


@partial(jax.jit, static_argnames=("spec", "n_iter"))
def kl_power(
    mel: Float[Array, "frames mels"], spec: MelSpec, *, n_iter: int = 32
) -> Float[Array, "frames bins"]:
    """Linear-frequency power from `n_iter` KL updates, starting smooth."""
    filters = jnp.asarray(spec.filters)
    area, covered = jnp.sum(filters, axis=0), jnp.sum(filters, axis=1)
    # Each bin starts at the mean of its bands' mean powers; a bin in no band stays silent.
    start = (mel / area[None]) @ filters.T / jnp.maximum(covered, 1e-8)[None]
    return jax.lax.fori_loop(0, n_iter, lambda _, power: kl_step(power, mel, spec), start)
