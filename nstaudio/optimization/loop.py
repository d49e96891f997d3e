"""The loop of updates: one compiled program, called for a number of steps at a time."""

from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int

from nstaudio.losses import Losses
from nstaudio.optimization.objective import Objective, Problem, make_problem
from nstaudio.optimization.parametrizations import Variable


class TransferState(NamedTuple):
    """All that changes while optimising: the contents of a checkpoint."""

    variable: Variable
    """The optimised array, see `parametrizations`."""
    opt_state: Any
    """Optax's state."""
    step: Int[Array, ""]
    """Updates made so far."""


@partial(jax.jit, static_argnames=("objective", "transformation"))
def advance(
    state: TransferState,
    problem: Problem,
    n_steps: int | Int[Array, ""],
    *,
    objective: Objective,
    transformation: optax.GradientTransformationExtraArgs | None,
) -> tuple[TransferState, Losses]:
    """Make `n_steps` updates in one compiled loop; returns the state reached and its losses.

    `n_steps` is traced. So one program serves chunks of any length, and a run that was interrupted
    at any step and resumed executes the very same instructions, to the same bits.

    Args:
        transformation: `None` makes no updates, whatever `n_steps`: a program without a gradient
            compiles in a fraction of the time.
    """
    if transformation is None:
        return state, objective(state.variable, problem)
    transform = transformation.update

    def total(variable: Array) -> Float[Array, ""]:
        return objective(variable, problem).total

    def relative(variable: Array) -> Float[Array, ""]:
        n_frames = len(variable) if problem.n_frames is None else problem.n_frames
        return total(variable) / problem.content_total * (n_frames * variable[0].size)

    def update(_: Any, state: TransferState) -> TransferState:
        if optax.tree_utils.tree_get(state.opt_state, "value") is None:
            loss = total
            value, grad = jax.value_and_grad(loss)(state.variable)
        else:
            # A line search has just computed both at this very point. Its first step is the bare
            # gradient, for a mean over a clip too small to change a float32; so the loss is scaled
            # to 1 for each optimised number.
            loss = relative
            value, grad = optax.value_and_grad_from_state(loss)(
                state.variable, state=state.opt_state
            )
        updates, opt_state = transform(
            grad, state.opt_state, state.variable, value=value, grad=grad, value_fn=loss
        )
        variable: Any = optax.apply_updates(state.variable, updates)
        return TransferState(variable, opt_state, state.step + 1)

    state = jax.lax.fori_loop(0, n_steps, update, state)
    return state, objective(state.variable, problem)


class Updates(NamedTuple):
    """The arguments of `advance`, for one run."""

    state: TransferState
    problem: Problem
    n_steps: int
    objective: Objective
    transformation: optax.GradientTransformationExtraArgs | None
    """`None` for a run that makes no updates at all."""


MAX_PROGRAMS = 8
"""Compiled updates that are kept; with the programs around them each takes some 75 MB."""


def drop_programs() -> None:
    """Have JAX drop all it has compiled, if that is for more lengths than a process should keep.

    Each length of a clip has programs of its own, which JAX keeps for ever: a process that goes
    through files of many lengths would grow without end.
    """
    programs: list[Any] = [advance, make_problem]
    if max(program._cache_size() for program in programs) > MAX_PROGRAMS:
        jax.clear_caches()


def run_updates(updates: Updates) -> tuple[TransferState, Losses]:
    """Make the updates; returns when they are done."""
    return jax.block_until_ready(
        advance(
            updates.state,
            updates.problem,
            jnp.int32(updates.n_steps),
            objective=updates.objective,
            transformation=updates.transformation,
        )
    )


def milestones(step: int, n_steps: int, chunk: int) -> Iterator[int]:
    """The steps at which a loop pauses: `step` itself, every multiple of `chunk`, and `n_steps`."""
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
    Between items the caller may log, save or stop; an item's steps are done when it is yielded.
    """
    last = int(state.step)
    for step in milestones(last, n_steps, chunk):
        updates = Updates(
            state=state,
            problem=problem,
            n_steps=step - last,
            objective=objective,
            transformation=transformation,
        )
        state, losses = run_updates(updates)
        yield state, losses
        last = step
