"""The steps of many runs in one program.

Runs that agree in all that is static, and in their shapes, differ in traced arrays only. What is
the same in all of them, the targets of two clips that they share for one, is there once; the rest
is stacked, one row a run. Where there are several devices, each takes a part of the rows.

On an accelerator the rows of a device go through every operation together (`jax.vmap`), which
fills it. On a CPU they take turns (`jax.lax.map`), one row a core at a time: what a row works on
then stays in the core's cache, where all rows would not, and each row comes out the same to the bit
as by itself. `use_cores` makes every core a device.
"""

import contextlib
from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import psutil
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from nstaudio.losses import Losses
from nstaudio.optimization import loop as objectives
from nstaudio.optimization.loop import TransferState, Updates
from nstaudio.optimization.objective import Objective

BatchResult = tuple[TransferState, Losses]

_AXIS = "runs"


def batch_key(steps: Updates) -> Any:
    """A key: steps that have the same can be made together."""
    leaves, structure = jax.tree.flatten((steps.state, steps.problem))
    shapes = tuple((jnp.shape(leaf), jnp.result_type(leaf)) for leaf in leaves)
    return steps.n_steps, steps.objective, steps.transformation, structure, shapes


class Batch:
    """Runs whose steps are made together, see `alike`; keeps between calls what they share."""

    def __init__(self) -> None:
        self._problems: list[Any] = []
        self._stacked: tuple[Any, Any] | None = None

    def make(self, steps: Sequence[Updates]) -> list[BatchResult]:
        """Make the steps of all of them; returns when it is done.

        A batch that turns out not to fit in a device's memory is made in two halves.
        """
        if len(steps) == 1:
            return [objectives.run_updates(steps[0])]
        try:
            return self._make(steps)
        except jax.errors.JaxRuntimeError as error:
            if "RESOURCE_EXHAUSTED" not in str(error):
                raise
        half = len(steps) // 2
        return [*Batch().make(steps[:half]), *Batch().make(steps[half:])]

    def _make(self, steps: Sequence[Updates]) -> list[BatchResult]:
        n, devices = len(steps), jax.local_devices()
        mesh = Mesh(np.array(devices[: min(len(devices), n)]), (_AXIS,))
        padding = -n % mesh.size  # every device has as many rows
        by_row, all_of_it = (NamedSharding(mesh, PartitionSpec(*axes)) for axes in ((_AXIS,), ()))
        problems = [a.problem for a in steps]
        if self._stacked is None or not _same(problems, self._problems):
            shared, own = _split(problems, padding)
            self._stacked = jax.device_put(shared, all_of_it), jax.device_put(own, by_row)
            self._problems = problems
        shared, own = self._stacked
        states = jax.device_put(_stack([a.state for a in steps], padding), by_row)
        made = jax.block_until_ready(
            _advance(
                states,
                own,
                shared,
                jnp.int32(steps[0].n_steps),
                objective=steps[0].objective,
                transformation=steps[0].transformation,
                mesh=mesh,
            )
        )
        # Where each run has its own state: what it does by itself, it does there.
        home = [jax.tree.leaves(a.state)[0].sharding for a in steps]
        return [jax.device_put(jax.tree.map(lambda a, i=i: a[i], made), home[i]) for i in range(n)]


def _same(some: list[Any], others: list[Any]) -> bool:
    return len(some) == len(others) and all(a is b for a, b in zip(some, others, strict=True))


def _stack(trees: Sequence[Any], padding: int) -> Any:
    """One tree with an axis more; the last one is there `padding` times more."""
    trees = [*trees, *[trees[-1]] * padding]
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *trees)


def _split(problems: Sequence[Any], padding: int) -> tuple[Any, Any]:
    """What is the same in all, and the rest, stacked; each with `None` where the other has it."""
    leaves = [jax.tree.leaves(problem) for problem in problems]
    structure = jax.tree.structure(problems[0])
    shared: list[Any] = []
    own: list[Any] = []
    for first, *others in zip(*leaves, strict=True):
        same = all(a is first or np.array_equal(a, first) for a in others)
        shared.append(first if same else None)
        own.append(None if same else _stack([first, *others], padding))
    return jax.tree.unflatten(structure, shared), jax.tree.unflatten(structure, own)


def n_cores() -> int:
    """CPU cores that this process may use."""
    try:
        return len(psutil.Process().cpu_affinity())  # type: ignore[arg-type]
    except AttributeError:  # macOS
        return psutil.cpu_count() or 1


def use_cores() -> None:
    """Make every CPU core a device, unless JAX has begun to compute already."""
    with contextlib.suppress(RuntimeError):
        jax.config.update("jax_num_cpu_devices", n_cores())


@partial(jax.jit, static_argnames=("objective", "transformation", "mesh"))
def _advance(
    states: TransferState,
    own: Any,
    shared: Any,
    n_steps: jax.Array,
    *,
    objective: Objective,
    transformation: optax.GradientTransformationExtraArgs,
    mesh: Mesh,
) -> BatchResult:
    def one(state: TransferState, own: Any, shared: Any, n_steps: jax.Array) -> BatchResult:
        problem = jax.tree.map(
            lambda a, b: b if a is None else a, own, shared, is_leaf=lambda a: a is None
        )
        return objectives.advance(
            state, problem, n_steps, objective=objective, transformation=transformation
        )

    def rows(states: TransferState, own: Any, shared: Any, n_steps: jax.Array) -> BatchResult:
        if mesh.devices.flat[0].platform == "cpu":
            return jax.lax.map(lambda row: one(row[0], row[1], shared, n_steps), (states, own))
        return jax.vmap(one, in_axes=(0, 0, None, None))(states, own, shared, n_steps)

    by_row, all_of_it = PartitionSpec(_AXIS), PartitionSpec()
    in_specs = (by_row, by_row, all_of_it, all_of_it)
    # What an optimiser starts from is the same everywhere, and then it is not: nothing to check.
    sharded = jax.shard_map(rows, mesh=mesh, in_specs=in_specs, out_specs=by_row, check_vma=False)
    return sharded(states, own, shared, n_steps)
