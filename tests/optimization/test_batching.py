"""Steps of many runs in one program, against the same steps one by one."""

import os
import subprocess
import sys
from dataclasses import replace

import jax
import jax.export
import jax.numpy as jnp
import pytest

from nstaudio.encoders import Conv1dEncoder
from nstaudio.losses import Gram
from nstaudio.optimization import batching, loop

from helpers import ROOT
from small_updates import assert_equal, small_updates


@pytest.fixture(scope="module")
def content(content):
    return content[:12_000]


@pytest.fixture(scope="module")
def style(style):
    return style[:14_000]


@pytest.mark.parametrize("n", [1, 3])
def test_the_same_as_one_by_one(content, style, n):
    many = [small_updates(content, style, alpha=0.01 * i, seed=i % 2) for i in range(n)]
    batch = batching.Batch()
    first = batch.make(many)
    for made, one in zip(first, many, strict=True):
        assert_equal(made, loop.run_updates(one))
    # and on from there
    again = [one._replace(state=made[0]) for one, made in zip(many, first, strict=True)]
    for made, one in zip(batch.make(again), again, strict=True):
        assert_equal(made, loop.run_updates(one))
        assert int(made[0].step) == 6


def test_a_batch_notices_other_problems(content, style):
    many = [small_updates(content, style, alpha=0.01), small_updates(content, style, alpha=0.02)]
    others = [small_updates(style[: len(content)], style, alpha=a) for a in (0.01, 0.02)]
    batch = batching.Batch()
    batch.make(many)
    for made, one in zip(batch.make(others), others, strict=True):
        assert_equal(made, loop.run_updates(one))


def test_what_is_alike(content, style):
    one = small_updates(content, style)
    assert batching.batch_key(one) == batching.batch_key(
        small_updates(content, style, alpha=0.5, seed=3)
    )
    shorter = one.state._replace(variable=one.state.variable[:-1])
    wider = replace(one.objective, encoder=Conv1dEncoder((16, 9)))
    for other in (
        one._replace(n_steps=4),
        one._replace(state=shorter),
        one._replace(objective=wider),
    ):
        assert batching.batch_key(other) != batching.batch_key(one)


def test_what_does_not_fit_is_made_in_halves(content, style, monkeypatch):
    many = [small_updates(content, style, alpha=0.01 * i) for i in range(5)]
    expected = [loop.run_updates(one) for one in many]
    whole, tried = batching.Batch._make, []

    def small(self, steps):
        tried.append(len(steps))
        if len(steps) > 2:
            raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory")
        return whole(self, steps)

    monkeypatch.setattr(batching.Batch, "_make", small)
    for made, one in zip(batching.Batch().make(many), expected, strict=True):
        assert_equal(made, one)
    assert tried == [5, 2, 3, 2]
    monkeypatch.setattr(
        batching.Batch,
        "_make",
        lambda *_: (_ for _ in ()).throw(jax.errors.JaxRuntimeError("INTERNAL: something else")),
    )
    with pytest.raises(jax.errors.JaxRuntimeError, match="something else"):
        batching.Batch().make(many)


@pytest.mark.slow
def test_several_devices_share_the_rows():
    """In a process of its own, since JAX must know of its devices before it computes."""
    script = """
import sys; sys.path.insert(0, "tests")
import jax; jax.config.update("jax_num_cpu_devices", 3)
import numpy as np
from helpers import music
from small_updates import assert_equal, small_updates
from nstaudio.optimization import batching, loop
many = [small_updates(music(1), music(2), alpha=0.01 * i) for i in range(5)]
made = batching.Batch().make(many)
assert len(jax.devices()) == 3
for one, own in zip(made, many, strict=True):
    assert_equal(one, loop.run_updates(own))
    assert one[0].variable.sharding == own.state.variable.sharding
print("as one by one")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT)
    assert "as one by one" in done.stdout, done.stderr[-2000:]


def test_vmap_where_rows_go_together(content, style, monkeypatch):
    """What accelerators run, on this device."""
    many = [small_updates(content, style, alpha=0.01 * i, style_loss=Gram()) for i in range(3)]
    shared, own = batching._partition([a.problem for a in many], 0)
    states = batching._stack([a.state for a in many], 0)
    one = many[0]

    @jax.jit
    def together(states, own, n_steps):
        def advance(state, own):
            problem = jax.tree.map(
                lambda a, b: b if a is None else a, own, shared, is_leaf=lambda a: a is None
            )
            return loop.advance.__wrapped__(  # type: ignore[attr-defined]
                state,
                problem,
                n_steps,
                objective=one.objective,
                transformation=one.transformation,
            )

        return jax.vmap(advance)(states, own)

    made = together(states, own, jnp.int32(3))
    platforms = ("cpu", "cuda", "tpu")
    exported = jax.export.export(together, platforms=platforms)(states, own, jnp.int32(3))
    assert exported.platforms == platforms
    for i, one in enumerate(many):
        # dB; where a gradient is next to nothing, Adam makes a step of its rounding
        assert_equal(batching._row(made, i), loop.run_updates(one), atol=1e-3)


def test_cores_where_a_process_has_no_set_of_them(monkeypatch):
    assert 1 <= batching.n_cores() <= (os.cpu_count() or 1)
    monkeypatch.delattr(batching.psutil.Process, "cpu_affinity", raising=False)  # as on macOS
    assert batching.n_cores() == batching.psutil.cpu_count()
