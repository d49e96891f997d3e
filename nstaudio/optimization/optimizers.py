"""Any optax optimiser, with its numbers traced.

An optax optimiser closes over its learning rate, so a sweep over learning rates would compile
anew for every value. Here the numbers go into the optimiser's state (`optax.inject_hyperparams`),
and one transformation object is kept for each constructor, so that equal settings are equal
static arguments.
"""

import functools
import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from nstaudio.errors import InputError, choice, number, one_line


class Optimizer(NamedTuple):
    """A transformation (static) and the values of its hyperparameters (traced)."""

    transformation: optax.GradientTransformationExtraArgs
    hyperparams: dict[str, float]
    """Optax's names, `learning_rate` among them."""

    def init(self, variable: Float[Array, "..."]) -> Any:
        """The optimiser's state for `variable`, holding this optimiser's hyperparameters."""
        opt_state: Any = jax.tree.map(_strong, self.transformation.init(variable))
        if not self.hyperparams:
            return opt_state
        values = {k: jnp.asarray(v, variable.dtype) for k, v in self.hyperparams.items()}
        return opt_state._replace(hyperparams={**opt_state.hyperparams, **values})


def _strong(leaf: Any) -> Any:
    """The leaf with the type it has after an update: else the first update would compile twice."""
    return jnp.asarray(leaf, leaf.dtype) if getattr(leaf, "weak_type", False) else leaf


@functools.cache
def _transformation(
    constructor: Callable[..., optax.GradientTransformation],
    names: tuple[str, ...],
    static: tuple[tuple[str, Any], ...],
) -> optax.GradientTransformationExtraArgs:
    make = functools.partial(constructor, **dict(static))
    if not names:
        return optax.with_extra_args_support(make())
    # The values given here are placeholders: Optimizer.init writes the real ones into the state.
    return optax.inject_hyperparams(make)(**dict.fromkeys(names, 0.5))


def from_optax(make: Callable[..., optax.GradientTransformation]) -> Optimizer:
    """An optimiser from `make`, an optax constructor and its arguments.

    E.g. `functools.partial(optax.adam, 0.5, b1=0.9)`.

    Floats become traced hyperparameters; whole numbers, booleans and names stay static.

    Raises:
        InputError: it is no constructor, does not take these arguments, or the learning rate is
            not above 0.
    """
    if isinstance(make, functools.partial):
        constructor, args, keywords = make.func, make.args, dict(make.keywords)
    else:
        constructor, args, keywords = make, (), {}
    try:
        names = list(inspect.signature(constructor).parameters)
    except (TypeError, ValueError) as error:  # not callable, or written in C
        raise InputError(
            f"optimizer: {one_line(constructor)} is not one of optax's constructors"
        ) from error
    keywords |= dict(zip(names, args, strict=False))  # positional arguments by their names
    for name in keywords:
        choice("option", f"optimizer.{name}", [f"optimizer.{known}" for known in names])
    if keywords.get("learning_rate") is not None:
        keywords["learning_rate"] = number(
            "optimizer.learning_rate", keywords["learning_rate"], above=0
        )
    traced = {name: value for name, value in keywords.items() if isinstance(value, float)}
    static = {name: value for name, value in keywords.items() if name not in traced}
    try:
        transformation = _transformation(
            constructor, tuple(sorted(traced)), tuple(sorted(static.items()))
        )
    except (TypeError, ValueError) as error:  # a value optax cannot use, or one is missing
        raise InputError(f"optimizer: {one_line(error)}") from error
    return Optimizer(transformation, traced)
