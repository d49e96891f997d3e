"""Distances of distributions of activations by optimal transport."""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from nstaudio.errors import integer
from nstaudio.losses.base import Scalar, not_negative, positions, resampled


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

    With X the centred activations over sqrt(M_l) and S_a = L L^T, the last trace is the sum of the
    singular values of X L = U s V^T. W^2 is then |X - P L^T|^2 with P = U V^T: what is left after
    the turn P that brings L^T as near to X as can be, a sum of squares in which nothing cancels.
    Moving the best turn a little changes nothing to first order, so P counts as a constant in the
    gradient 2 (X - P L^T): no singular vector is differentiated, and covariances of any rank
    (positions fewer than channels, channels that never sound) are as good as others. The cost of
    a step is that of a singular value decomposition of `positions rank`.
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
        product = jnp.matmul(x, root, precision=jax.lax.Precision.HIGHEST)
        left, _, right = jnp.linalg.svd(jax.lax.stop_gradient(product), full_matrices=False)
        turned = jnp.linalg.multi_dot([left, right, root.T], precision=jax.lax.Precision.HIGHEST)
        squares = jnp.sum((mean - target.mean) ** 2) + jnp.sum((x - turned) ** 2)
        if x.shape[0] < root.shape[1]:
            # Fewer positions than the target has directions: some of it cannot be reached.
            squares += not_negative(jnp.sum(root**2) - jnp.sum(turned**2))
        return squares / x.shape[1]


def _centred(
    activations: Float[Array, "frames *bands channels"],
) -> tuple[Float[Array, " channels"], Float[Array, "positions channels"]]:
    """The mean, and the rest over sqrt(M)."""
    f = positions(activations)
    mean = f.mean(axis=0)
    return mean, (f - mean[None]) / f.shape[0] ** 0.5


class Slices(NamedTuple):
    """Activations along a few directions."""

    directions: Float[Array, "channels n_directions"]
    quantiles: Float[Array, "n_directions positions"]
    """The activations' components along each, in order of size."""


@dataclass(frozen=True)
class SlicedWasserstein:
    """The sliced 2-Wasserstein distance of the activations, squared.

    Along a direction of length 1 the best transport pairs activations in order of size; the
    distance is the mean square of what lies between pairs, and of it the mean over random
    directions (Rabin et al. 2011; Bonneel et al. 2015; of the features of an encoder Heitz et al.
    2021). The whole distribution counts, not its moments alone; along enough directions 0 means
    equal distributions. Clips of different lengths: the style's ordered values are a curve, the
    quantile function, and are taken where the generated clip has its own.

    Attributes:
        n_directions: random directions.
        seed: that they are drawn from.

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
        return Slices(directions, jnp.sort(_along(f, directions), axis=1))

    def distance(
        self, activations: Float[Array, "frames *bands channels"], target: Slices
    ) -> Scalar:
        """The mean over directions and positions of (q_x - q_a)^2."""
        along = _along(positions(activations), target.directions)
        n_positions = along.shape[1]
        wanted = resampled(target.quantiles, n_positions)
        # Who is paired with whom is constant: each activation gets its partner, and the gradient is
        # that of a difference. A sort's own would scatter.
        index = jax.lax.broadcasted_iota(jnp.int32, along.shape, 1)
        _, order = jax.lax.sort((jax.lax.stop_gradient(along), index), num_keys=1)
        _, partners = jax.lax.sort((order, wanted), num_keys=1)
        return jnp.mean((along - jax.lax.stop_gradient(partners)) ** 2)


def _along(
    f: Float[Array, "positions channels"], directions: Float[Array, "channels n_directions"]
) -> Float[Array, "n_directions positions"]:
    return jnp.matmul(directions.T, f.T, precision=jax.lax.Precision.HIGHEST)
