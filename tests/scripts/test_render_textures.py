"""The synthesised textures: the same every time, sounding throughout, unlike each other."""

import jax
import numpy as np
import pytest

from nstaudio.losses import texture_statistics

import render_textures
from render_textures import SR, TEXTURES, render


@pytest.mark.parametrize("name", TEXTURES)
def test_a_texture_is_the_same_every_time(name):
    y = render(name, 2.0)
    assert (y.shape, y.dtype) == ((2 * SR,), np.float32)
    np.testing.assert_array_equal(y, render(name, 2.0))
    assert np.abs(y).max() == pytest.approx(render_textures.PEAK)
    assert min(np.abs(part).max() for part in np.split(y, 10)) > 0.003


def test_events_lie_where_they_are_put():
    times = np.array([-1.0, 2.7, 9.0, 12.0])
    y = render_textures.scatter(np.random.default_rng(0), 10, times, lambda _: np.array([2.0, 1.0]))
    np.testing.assert_array_equal(y, [1, 0, 2, 1, 0, 0, 0, 0, 0, 2])


def test_another_part_of_a_texture_is_nearer_than_another_texture():
    statistics = jax.jit(texture_statistics.statistics, static_argnames=("sr", "n_bands"))
    halves = {}
    for name in TEXTURES:
        parts = np.split(render(name, 8.0), 2)
        halves[name] = [statistics(y, sr=SR, n_bands=12) for y in parts]
    for name, (first, second) in halves.items():
        others = [
            texture_statistics.distance(first, halves[other][1])
            for other in TEXTURES
            if other != name
        ]
        assert texture_statistics.distance(first, second) < 0.3 * min(others), name
