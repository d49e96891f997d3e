from functools import partial

import jax.numpy as jnp
import numpy as np
import optax
import pytest

from nstaudio.errors import InputError
from nstaudio.optimization.optimizers import from_optax


def steps(make, n=5):
    """n updates of a wrapped optimiser on f(x) = sum(x^4) / 4, and of optax's own."""
    wrapped, x = from_optax(make), jnp.array([1.0, -2.0])
    state = wrapped.init(x)
    for _ in range(n):
        updates, state = wrapped.transformation.update(x**3, state, x)
        x = optax.apply_updates(x, updates)
    plain, y = make(), jnp.array([1.0, -2.0])
    plain_state = plain.init(y)
    for _ in range(n):
        updates, plain_state = plain.update(y**3, plain_state, y)
        y = optax.apply_updates(y, updates)
    return np.asarray(x), np.asarray(y)


@pytest.mark.parametrize(
    "make",
    [
        partial(optax.adam, learning_rate=0.1, b1=0.8),
        partial(optax.adam, 0.3),
        partial(optax.sgd, learning_rate=0.05),
        partial(optax.rmsprop, learning_rate=0.02, decay=0.7),
        partial(optax.adamw, learning_rate=0.02, weight_decay=0.1),
    ],
)
def test_updates_are_optaxs(make):
    np.testing.assert_allclose(*steps(make), rtol=2e-4)


def test_other_numbers_are_the_same_static_argument():
    a = from_optax(partial(optax.adam, learning_rate=0.1, b1=0.9))
    b = from_optax(partial(optax.adam, learning_rate=0.2, b1=0.8))
    assert a.transformation is b.transformation
    assert a.init(jnp.zeros(2)).hyperparams["learning_rate"] == pytest.approx(0.1)
    assert b.init(jnp.zeros(2)).hyperparams["learning_rate"] == pytest.approx(0.2)


def test_whole_numbers_stay_static():
    a = from_optax(partial(optax.lbfgs, memory_size=5))
    assert a.hyperparams == {}
    assert a.transformation is from_optax(partial(optax.lbfgs, memory_size=5)).transformation
    assert a.transformation is not from_optax(partial(optax.lbfgs, memory_size=6)).transformation


@pytest.mark.parametrize("rate", [1, 1.0])
def test_a_whole_learning_rate_is_a_number(rate):
    assert from_optax(partial(optax.adam, learning_rate=rate)).hyperparams == {"learning_rate": 1.0}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (partial(optax.adam, learning_rate=0.0), "optimizer.learning_rate=0 must be above 0"),
        (partial(optax.adam, learning_rate=-1.0), "optimizer.learning_rate=-1 must be above 0"),
        (partial(optax.adam, learning_rate="x"), "optimizer.learning_rate must be a number"),
        (
            partial(optax.adam, learning_rate=0.1, beta1=0.9),
            r"option=optimizer.beta1 is not .*optimizer.b1",
        ),
        (partial(optax.adam), "optimizer: .*missing 1 required .*'learning_rate'"),
        (partial(optax.lbfgs, memory_size=-1), "optimizer: memory_size must be >= 1"),
        (dict, "optimizer: .* is not one of optax's constructors"),
    ],
)
def test_bad_optimizers(make, message):
    with pytest.raises(InputError, match=message):
        from_optax(make)
