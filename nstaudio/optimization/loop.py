"""The loop of updates: one compiled program, called for a number of steps at a time."""

from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int

from nstaudio.losses import Losses
from nstaudio.optimization.objective import Objective, Problem


class TransferState(NamedTuple):
    """All that changes while optimising: what a checkpoint holds."""

    variable: Array
    """What is optimised, see `parametrizations`."""
    opt_state: Any
    step: Int[Array, ""]
    """Updates made so far."""


@partial(jax.jit, static_argnames=("objective", "transformation"))
def advance(
    state: TransferState,
    problem: Problem,
    n_steps: int | Int[Array, ""],
    *,
    objective: Objective,
    transformation: optax.GradientTransformationExtraArgs,
) -> tuple[TransferState, Losses]:
    """Make `n_steps` updates in one compiled loop; returns the state reached and its losses.

    `n_steps` is traced. So one program serves chunks of any length, and a run that was cut at
    any step and resumed goes through the very same instructions, to the same bits.
    """

    def total(variable: Array) -> Float[Array, ""]:
        return objective(variable, problem).total

    def relative(variable: Array) -> Float[Array, ""]:
        return total(variable) / problem.content_total * variable.size

    def update(_: Any, state: TransferState) -> TransferState:
        if optax.tree_utils.tree_get(state.opt_state, "value") is None:
            loss = total
            value, grad = jax.value_and_grad(loss)(state.variable)
        else:
            # A line search has just computed both at this very point. Its first step is the bare
            # gradient. Of averages over a clip it would be too small to change a float32; so the
            # loss is brought to 1 for each number that is optimised.
            loss = relative
            value, grad = optax.value_and_grad_from_state(loss)(
                state.variable, state=state.opt_state
            )
        updates, opt_state = transformation.update(
            grad, state.opt_state, state.variable, value=value, grad=grad, value_fn=loss
        )
        variable: Any = optax.apply_updates(state.variable, updates)
        return TransferState(variable, opt_state, state.step + 1)

    state = jax.lax.fori_loop(0, n_steps, update, state)
    return state, objective(state.variable, problem)


class Updates(NamedTuple):
    """Updates to be made."""

    state: TransferState
    problem: Problem
    n_steps: int
    objective: Objective
    transformation: optax.GradientTransformationExtraArgs


def run_updates(steps: Updates) -> tuple[TransferState, Losses]:
    """Make them; returns when it is done."""
    return jax.block_until_ready(
        advance(
            steps.state,
            steps.problem,
            jnp.int32(steps.n_steps),
            objective=steps.objective,
            transformation=steps.transformation,
        )
    )


def milestones(step: int, n_steps: int, chunk: int) -> Iterator[int]:
    """Where to stop on the way: at `step` itself, every multiple of `chunk`, and `n_steps`."""
    yield step
    while step < n_steps:
        step = min(n_steps, (step // chunk + 1) * chunk)
        yield step


def run(
    state: TransferState,
    problem: Problem,
    *,
    objective: Objective,
    transformation: optax.GradientTransformationExtraArgs,
    n_steps: int,
    chunk: int,
) -> Iterator[tuple[TransferState, Losses]]:
    """Update until `n_steps`, yielding at every multiple of `chunk` steps.

    The first item is `state` as given with its losses, after compiling and before any update.
    Between items the caller may log, save or stop; the computation is finished when it gets one.
    """
    last = int(state.step)
    for step in milestones(last, n_steps, chunk):
        state, losses = run_updates(Updates(state, problem, step - last, objective, transformation))
        yield state, losses
        last = step
