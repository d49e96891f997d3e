import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nstaudio.errors import InputError
from nstaudio.losses import BandStatistics, StyleLoss

from helpers import compiled


def draw(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng((seed, *shape)).uniform(-1, 2, shape).astype(np.float32)


@pytest.mark.parametrize(
    ("shape", "regions"),
    [
        ((9, 12, 3), [(0, 3), (3, 6), (6, 9), (9, 12)]),
        ((9, 5, 3), [(0, 1), (1, 2), (2, 4), (4, 5)]),
        ((9, 2, 3), [(0, 1), (1, 2)]),
    ],
)
def test_moments_of_regions_by_hand(shape, regions):
    f = draw(*shape)
    got = compiled(BandStatistics(n_regions=4, floor=1e-12).statistic)(f)
    assert got.shape == (len(regions), 2, 3)
    for statistic, (low, high) in zip(got, regions, strict=True):
        np.testing.assert_allclose(statistic[0], f[:, low:high].mean(axis=(0, 1)), atol=1e-5)
        np.testing.assert_allclose(statistic[1], f[:, low:high].std(axis=(0, 1)), atol=1e-5)


def test_activations_without_bands_are_one_region():
    loss, f, style = BandStatistics(floor=1e-12), draw(20, 4), draw(31, 4, seed=1)
    moments = [np.stack([x.mean(axis=0), x.std(axis=0)]) for x in (f, style)]
    expected = 0.5 * np.mean((moments[0] - moments[1]) ** 2)
    assert compiled(loss.distance)(f, compiled(loss.statistic)(style)) == pytest.approx(
        expected, rel=1e-4
    )


def test_a_style_loss_that_is_nothing_at_the_style_and_keeps_the_place_of_bands():
    loss, f = BandStatistics(n_regions=3), draw(8, 6, 2)
    assert isinstance(loss, StyleLoss)
    target = compiled(loss.statistic)(f)
    assert compiled(loss.distance)(f, target) == pytest.approx(0, abs=1e-12)
    assert compiled(loss.distance)(f[::-1].copy(), target) == pytest.approx(0, abs=1e-10)
    assert compiled(loss.distance)(f[:, ::-1].copy(), target) > 1e-4


def test_the_gradient_is_that_of_finite_differences_and_finite_in_silence():
    loss, f = BandStatistics(n_regions=2), draw(7, 4, 3)
    target = compiled(loss.statistic)(draw(9, 4, 3, seed=2))
    gradient = compiled(jax.grad(loss.distance))(f, target)
    direction = np.asarray(gradient / jnp.linalg.norm(gradient))
    ahead, behind = (compiled(loss.distance)(f + h * direction, target) for h in (1e-2, -1e-2))
    assert (ahead - behind) / 2e-2 == pytest.approx(float(jnp.linalg.norm(gradient)), rel=0.01)
    silent = compiled(jax.grad(loss.distance))(np.zeros_like(f), target)
    assert np.isfinite(silent).all()


@pytest.mark.parametrize("options", [{"n_regions": 0}, {"floor": 0.0}])
def test_bad_values(options):
    with pytest.raises(InputError, match=f"style_loss.{next(iter(options))}"):
        BandStatistics(**options)
