"""Batches of runs, optimised in one program.

Runs with the same static arguments and shapes differ in traced arrays only. Leaves that are equal
in all of them, e.g. the targets of two clips, are shared; the others are stacked, one row a run.
Several devices have a part of the rows each.

On an accelerator the rows of a device go through every operation together (`jax.vmap`), which
fills it. On a CPU they take turns (`jax.lax.map`), one row a core at a time: the arrays of one row
fit in the core's cache, those of all rows would not, and each row is the same to the bit as by
itself. `use_cores` makes every core a device.
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
from nstaudio.optimization.loop import TransferState, Updates, advance, run_updates
from nstaudio.optimization.objective import Objective

BatchResult = tuple[TransferState, Losses]

_AXIS = "runs"


def batch_key(updates: Updates) -> Any:
    """A key that is equal for updates that one program can make."""
    leaves, structure = jax.tree.flatten((updates.state, updates.problem))
    shapes = tuple((jnp.shape(leaf), jnp.result_type(leaf)) for leaf in leaves)
    return updates.n_steps, updates.objective, updates.transformation, structure, shapes


class Batch:
    """Runs whose updates have the same `batch_key`; keeps their problems on the devices."""

    def __init__(self) -> None:
        self._problems: list[Any] = []
        self._placed: tuple[Any, Any] | None = None

    def make(self, updates: Sequence[Updates]) -> list[BatchResult]:
        """Make the updates of all runs; returns when they are done.

        A batch that does not fit in a device's memory is made in two halves.
        """
        if len(updates) == 1:
            return [run_updates(updates[0])]
        try:
            return self._make(updates)
        except jax.errors.JaxRuntimeError as error:
            if "RESOURCE_EXHAUSTED" not in str(error):
                raise
        half = len(updates) // 2
        return [*Batch().make(updates[:half]), *Batch().make(updates[half:])]

    def _make(self, updates: Sequence[Updates]) -> list[BatchResult]:
        n, devices = len(updates), jax.local_devices()
        mesh = Mesh(np.array(devices[: min(len(devices), n)]), (_AXIS,))
        padding = -n % mesh.size  # every device has as many rows
        shared, stacked = self._place([one.problem for one in updates], mesh, padding)
        states = _stack([one.state for one in updates], padding)
        reached = jax.block_until_ready(
            _advance(
                jax.device_put(states, NamedSharding(mesh, PartitionSpec(_AXIS))),
                stacked,
                shared,
                jnp.int32(updates[0].n_steps),
                objective=updates[0].objective,
                transformation=updates[0].transformation,
                mesh=mesh,
            )
        )
        # Each run continues by itself on the device of its own state.
        return [
            jax.device_put(_row(reached, i), jax.tree.leaves(one.state)[0].sharding)
            for i, one in enumerate(updates)
        ]

    def _place(self, problems: list[Any], mesh: Mesh, padding: int) -> tuple[Any, Any]:
        """The shared and the stacked leaves of the problems, on the devices of the mesh."""
        if self._placed is None or not _are_identical(problems, self._problems):
            shared, stacked = _partition(problems, padding)
            self._placed = (
                jax.device_put(shared, NamedSharding(mesh, PartitionSpec())),
                jax.device_put(stacked, NamedSharding(mesh, PartitionSpec(_AXIS))),
            )
            self._problems = problems
        return self._placed


def _are_identical(some: list[Any], others: list[Any]) -> bool:
    return len(some) == len(others) and all(a is b for a, b in zip(some, others, strict=True))


def _stack(trees: Sequence[Any], padding: int) -> Any:
    """Stack trees along a new first axis; the last one is repeated `padding` times."""
    trees = [*trees, *[trees[-1]] * padding]
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *trees)


def _row(tree: Any, index: int) -> Any:
    """One tree of a stack."""
    return jax.tree.map(lambda leaf: leaf[index], tree)


def _partition(problems: Sequence[Any], padding: int) -> tuple[Any, Any]:
    """Partition problems into shared leaves and stacked leaves; `None` in place of the others."""
    leaves = [jax.tree.leaves(problem) for problem in problems]
    structure = jax.tree.structure(problems[0])
    shared: list[Any] = []
    stacked: list[Any] = []
    for first, *others in zip(*leaves, strict=True):
        is_shared = all(leaf is first or np.array_equal(leaf, first) for leaf in others)
        shared.append(first if is_shared else None)
        stacked.append(None if is_shared else _stack([first, *others], padding))
    return jax.tree.unflatten(structure, shared), jax.tree.unflatten(structure, stacked)


def _combine(some: Any, others: Any) -> Any:
    """The inverse of `_partition` for one row."""
    return jax.tree.map(
        lambda a, b: b if a is None else a, some, others, is_leaf=lambda leaf: leaf is None
    )


def n_cores() -> int:
    """The CPU cores that this process may use."""
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
    stacked: Any,
    shared: Any,
    n_steps: jax.Array,
    *,
    objective: Objective,
    transformation: optax.GradientTransformationExtraArgs | None,
    mesh: Mesh,
) -> BatchResult:
    def one(state: TransferState, own: Any, shared: Any, n_steps: jax.Array) -> BatchResult:
        return advance(
            state,
            _combine(own, shared),
            n_steps,
            objective=objective,
            transformation=transformation,
        )

    def rows(states: TransferState, stacked: Any, shared: Any, n_steps: jax.Array) -> BatchResult:
        if mesh.devices.flat[0].platform == "cpu":
            return jax.lax.map(lambda row: one(row[0], row[1], shared, n_steps), (states, stacked))
        return jax.vmap(one, in_axes=(0, 0, None, None))(states, stacked, shared, n_steps)

    by_row, replicated = PartitionSpec(_AXIS), PartitionSpec()
    # An optimiser's first state is equal on all devices, later ones are not: no check of either.
    sharded = jax.shard_map(
        rows,
        mesh=mesh,
        in_specs=(by_row, by_row, replicated, replicated),
        out_specs=by_row,
        check_vma=False,
    )
    return sharded(states, stacked, shared, n_steps)
