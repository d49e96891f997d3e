"""Distances of distributions of activations by optimal transport."""

import functools
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from nstaudio.analysis.axes import positions, resample
from nstaudio.errors import integer
from nstaudio.losses.base import Scalar


class Gaussian(NamedTuple):
    """A normal distribution of activations."""

    mean: Float[Array, " channels"]
    root: Float[Array, "channels rank"]
    """L, with the covariance L L^T."""


@dataclass(frozen=True)
class GaussianOT:
    """The squared 2-Wasserstein distance of normal distributions, over N_l.

    W^2 = |m_x - m_a|^2 + tr S_x + tr S_a - 2 tr (S_a^(1/2) S_x S_a^(1/2))^(1/2), m and S being mean
    and covariance (over M_l, not M_l - 1) of the activations: the Bures-Wasserstein distance
    (Gelbrich 1990; Peyre & Cuturi 2019, remark 2.31; of the features of an encoder Mroueh 2020,
    "Wasserstein style transfer"). Means and spreads are in the same units, so no weights are needed
    between them.

    With X the centred activations over sqrt(M_l) and S_a = L L^T, the last trace is the largest
    that tr P^T X L can be for any P without a singular value above 1: the sum of the singular
    values of X L, reached by its polar factor P. So W^2 is |X - P L^T|^2 + tr L (I - P^T P) L^T:
    the distance of X from the style under the best rotation, and a remainder that no rotation can
    remove. Nothing cancels. To first order W^2 does not change with the best P, which so counts as
    a constant in the gradient, 2 (X - P L^T): nothing is differentiated that degenerates, and
    covariances of any rank (positions fewer than channels, silent channels) are as good as others.
    """

    def statistic(self, activations: Float[Array, "frames *bands channels"]) -> Gaussian:
        """Mean and a root of the covariance."""
        mean, x = _centred(activations)
        _, scales, axes = jnp.linalg.svd(x, full_matrices=False)
        return Gaussian(mean, axes.T * scales[None])

    def distance(
        self, activations: Float[Array, "frames *bands channels"], target: Gaussian
    ) -> Scalar:
        """W^2 / N_l."""
        mean, x = _centred(activations)
        root = target.root
        rotation = _polar(jax.lax.stop_gradient(_product(x, root)))
        residual = jnp.eye(root.shape[1], dtype=x.dtype) - _product(rotation.T, rotation)
        deviations = x - _product(rotation, root.T)
        squares = jnp.sum((mean - target.mean) ** 2) + jnp.sum(deviations**2)
        squares += jnp.maximum(jnp.sum(_product(root, residual) * root), 0)
        return squares / x.shape[1]


def _centred(
    activations: Float[Array, "frames *bands channels"],
) -> tuple[Float[Array, " channels"], Float[Array, "positions channels"]]:
    """The mean, and the deviations from it over sqrt(M)."""
    f = positions(activations)
    mean = f.mean(axis=0)
    return mean, (f - mean[None]) / f.shape[0] ** 0.5


def _product(a: Float[Array, "a b"], b: Float[Array, "b c"]) -> Float[Array, "a c"]:
    return jnp.matmul(a, b, precision=jax.lax.Precision.HIGHEST)


_MIN_SINGULAR_VALUE = 1e-6  # relative to the norm


@functools.cache
def _scales() -> tuple[float, ...]:
    """Scales of the iterations after which singular values of `_MIN_SINGULAR_VALUE` to 1 are 1."""
    scales, smallest = [], _MIN_SINGULAR_VALUE
    while 1 - smallest > 1e-12:
        # The larger, the faster the small ones grow; beyond 1.6 the largest would be lost in
        # rounding, since at the square root of 3 what is 1 becomes 0.
        scale = min(1.6, (3 / (1 + smallest + smallest**2)) ** 0.5)
        scales.append(scale)
        smallest = min(scale / 2 * s * (3 - (scale * s) ** 2) for s in (smallest, 1.0))
    return tuple(scales)


def _polar(a: Float[Array, "rows columns"]) -> Float[Array, "rows columns"]:
    """U V^T of a = U s V^T, without U and V: scaled Newton-Schulz iterations (Chen & Chow 2014).

    Products of matrices alone: several times faster than a singular value decomposition on a CPU.
    Singular values that are less than a millionth of the norm do not quite become 1.
    """
    tall = a if a.shape[0] >= a.shape[1] else a.T
    x = tall / jnp.maximum(jnp.linalg.norm(tall), jnp.finfo(a.dtype).tiny)

    # A loop, for XLA's sake: written out, some of its versions compute an x of many iterations
    # before anew beside each product. What rounds differently there grows 2.4 times an iteration.
    def iteration(x, scale):
        return scale / 2 * (3 * x - scale**2 * _product(x, _product(x.T, x))), None

    x, _ = jax.lax.scan(iteration, x, jnp.asarray(_scales(), x.dtype))
    return x if a.shape[0] >= a.shape[1] else x.T


class Slices(NamedTuple):
    """Activations along a few directions."""

    directions: Float[Array, "channels n_directions"]
    quantiles: Float[Array, "n_directions positions"]
    """The activations' components along each, in order of size."""


@dataclass(frozen=True)
class SlicedWasserstein:
    """The sliced 2-Wasserstein distance of the activations, squared.

    Along a direction of length 1 the best transport pairs activations in order of size; the
    distance is the mean squared difference of the pairs, averaged over random directions (Rabin et
    al. 2011; Bonneel et al. 2015; of the features of an encoder Heitz et al. 2021). The whole
    distribution counts, not its moments alone; along enough directions 0 means equal distributions.
    For clips of different lengths the style's quantile function is interpolated at as many
    positions as the generated clip has.

    Attributes:
        n_directions: random directions.
        seed: of the random directions.

    Raises:
        InputError: a value outside its limits.
    """

    n_directions: int = 64
    seed: int = 0

    def __post_init__(self) -> None:
        integer("style_loss.n_directions", self.n_directions, at_least=1)
        integer("style_loss.seed", self.seed, at_least=0)

    def statistic(self, activations: Float[Array, "frames *bands channels"]) -> Slices:
        """The directions, and the activations along them in order."""
        f = positions(activations)
        drawn = jax.random.normal(jax.random.key(self.seed), (f.shape[1], self.n_directions))
        directions = drawn / jnp.linalg.norm(drawn, axis=0, keepdims=True)
        return Slices(directions, jnp.sort(_project(f, directions), axis=1))

    def distance(
        self, activations: Float[Array, "frames *bands channels"], target: Slices
    ) -> Scalar:
        """The mean over directions and positions of (q_x - q_a)^2."""
        projections = _project(positions(activations), target.directions)
        n_positions = projections.shape[1]
        quantiles = resample(target.quantiles, n_positions)
        # The pairing is a constant: each activation gets its partner, and the gradient is that of
        # a difference. The gradient of a sort would scatter.
        index = jax.lax.broadcasted_iota(jnp.int32, projections.shape, 1)
        _, order = jax.lax.sort((jax.lax.stop_gradient(projections), index), num_keys=1)
        _, partners = jax.lax.sort((order, quantiles), num_keys=1)
        return jnp.mean((projections - jax.lax.stop_gradient(partners)) ** 2)


def _project(
    f: Float[Array, "positions channels"], directions: Float[Array, "channels n_directions"]
) -> Float[Array, "n_directions positions"]:
    return jnp.matmul(directions.T, f.T, precision=jax.lax.Precision.HIGHEST)
