"""What a transfer will take."""

from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import numpy as np
import optax
import pytest

from nstaudio.audio.segments import Segmentation
from nstaudio.encoders import Conv1dEncoder
from nstaudio.errors import InputError
from nstaudio.experiments import cost_estimate
from nstaudio.optimization import loop
from nstaudio.optimization.optimizers import from_optax
from nstaudio.optimization.parametrizations import FreeMel
from nstaudio.transfer import prepare
from nstaudio.transfer.settings import Settings

from helpers import GRAM_OF_STYLE, SR, music

ENCODER = Conv1dEncoder(features=(32, 16), kernel_size=5)
SETTINGS = Settings(encoder=ENCODER, n_steps=7, **GRAM_OF_STYLE)
slow = partial(pytest.param, marks=pytest.mark.slow)
LBFGS = from_optax(partial(optax.lbfgs, memory_size=200))
# Quickly compiled, and as much memory for each second.
FREE = Settings(encoder=ENCODER, parametrization=FreeMel(), **GRAM_OF_STYLE)


def test_the_programs_of_the_estimate_are_those_of_the_run():
    content, style = music(1, 3.0), music(2)
    needed = cost_estimate.segment_bytes(len(content), [len(style)], SETTINGS)
    compiled = loop.advance._cache_size()  # type: ignore[attr-defined]
    prepared = prepare.prepare(content, style, SETTINGS)
    arrays = [prepared.state, prepared.problem]
    size = sum(leaf.nbytes for leaf in jax_leaves(arrays))
    assert size < needed < 20 * size
    assert loop.advance._cache_size() == compiled  # type: ignore[attr-defined]


def jax_leaves(tree):
    import jax

    return [leaf for leaf in jax.tree.leaves(tree) if hasattr(leaf, "nbytes")]


@pytest.mark.parametrize(
    ("changes", "n_content", "n_style"),
    [
        ({}, 3 * SR, SR),
        slow(GRAM_OF_STYLE, 40 * SR, SR),
        slow({"n_steps": 5, "optimizer": LBFGS}, SR, 9 * SR),
        slow({**GRAM_OF_STYLE, "encoder": Conv1dEncoder(features=(1024, 512))}, SR, SR),
    ],
)
def test_a_bound_is_above_what_the_programs_take(changes, n_content, n_style):
    settings = Settings(**changes)
    bound = cost_estimate.max_bytes(n_content, [n_style], settings)
    needed = cost_estimate.segment_bytes(n_content, [n_style], settings)
    assert bound is not None
    assert 1.5 * needed < bound < 20 * needed


@pytest.mark.parametrize(("n_steps", "alike"), [(0, True), slow(7, False)])
def test_without_steps_the_content_has_a_coarse_size(n_steps, alike):
    """1536 frames are 17.8 s; the steps of a descent have sizes from 256 frames, 3.0 s, on."""
    settings = replace(SETTINGS, n_steps=n_steps)
    for count in (cost_estimate.segment_bytes, cost_estimate.max_bytes):
        short, long = (count(n * SR, [SR], settings) for n in (2, 15))
        assert (short == long) is alike


def test_what_surely_fits_is_not_compiled(monkeypatch):
    def fail(*_, **__):
        raise AssertionError

    monkeypatch.setattr(cost_estimate, "segment_bytes", fail)
    content = np.broadcast_to(np.float32(0), (5 * 44100, 2))
    cost_estimate.check_memory(content, 44100, [20 * SR], Settings())
    with pytest.raises(AssertionError):
        cost_estimate.check_memory(content, 44100, [20 * SR], FREE)
    monkeypatch.setattr(cost_estimate, "available_bytes", lambda: 10**8)
    with pytest.raises(AssertionError):
        cost_estimate.check_memory(content, 44100, [20 * SR], Settings())


@pytest.mark.slow
def test_memory_grows_with_the_window():
    style = SR
    short, long = (cost_estimate.segment_bytes(n * SR, [style], FREE) for n in (4, 16))
    assert 2.5 < long / short < 4.5


@pytest.mark.parametrize(
    ("there", "length_s", "message"),
    [
        (10**12, None, None),
        (
            10**9,
            None,
            "a segment of 3600 s with a style of 20 s needs about 94.7 GB of memory, "
            "and 1.0 GB are free; segments.length_s=28 would fit",
        ),
        (10**9, 28.0, None),
        (10**6, 60.0, "and 0.0 GB are free; shorter segments"),
    ],
)
def test_what_does_not_fit_is_refused(monkeypatch, there, length_s, message):
    """1 kB a sample at 22050 Hz and twelve copies of what was recorded are 26.28 MB a second, the
    style's 45.1 MB; four fifths of the free memory are to be used."""

    def segment_bytes(n_content, style_lengths, settings):
        return 10**6 + 1000 * n_content + 100 * sum(style_lengths)

    monkeypatch.setattr(cost_estimate, "segment_bytes", segment_bytes)
    monkeypatch.setattr(cost_estimate, "available_bytes", lambda: there)
    content = np.broadcast_to(np.float32(0), (3600 * 44100, 2))
    settings = replace(FREE, segments=Segmentation(length_s=length_s))
    if message is None:
        cost_estimate.check_memory(content, 44100, [20 * SR], settings)
        return
    with pytest.raises(InputError, match=message):
        cost_estimate.check_memory(content, 44100, [20 * SR], settings)


def test_memory_that_is_there(monkeypatch, tmp_path):
    free = cost_estimate.available_bytes()
    assert 10**7 < free < 10**14
    monkeypatch.setattr(cost_estimate, "_CGROUP", tmp_path)
    (tmp_path / "memory.max").write_text("5000000\n")
    (tmp_path / "memory.current").write_text("3000000\n")
    assert cost_estimate.available_bytes() == 2_000_000
    (tmp_path / "memory.max").write_text("max\n")
    assert cost_estimate.available_bytes() > 2_000_000


def test_time_is_that_of_all_windows(monkeypatch):
    """By a clock of its own: a step takes 0.25 s, the moment that is rendered 2 s."""
    now = [0.0]

    def run_updates(updates):
        now[0] += 0.25 * updates.n_steps

    def restore(moment, *_, **__):
        now[0] += 2.0

    monkeypatch.setattr(cost_estimate, "time", SimpleNamespace(perf_counter=lambda: now[0]))
    monkeypatch.setattr(cost_estimate, "run_updates", run_updates)
    monkeypatch.setattr(cost_estimate.fullband, "restore", restore)
    content = music(1, 3.0)[:, None]
    style = music(2)
    prepared = prepare.prepare_segment(content, SR, style, SETTINGS)
    assert prepared is not None
    one, ten = (
        cost_estimate.measure(
            content,
            SR,
            prepared,
            SETTINGS,
            n_segments=n,
            seconds_preparing=0.5,
            style_lengths=[len(style)],
        )
        for n in (1, 10)
    )
    rendering = 2 * 2.0 * len(content) / min(len(content), int(cost_estimate._TRIAL_S * SR))
    expected = prepared.n_steps * 0.25 + 0.5 + rendering
    assert [one.seconds, ten.seconds] == pytest.approx([expected, 10 * expected])
    assert ten.bytes == pytest.approx(one.bytes, rel=0.1), "one segment at a time"


def test_devices_with_memory_of_their_own(monkeypatch):
    class Device:
        def __init__(self, stats):
            self.memory_stats = lambda: stats

    devices = [Device({"bytes_limit": 9000, "bytes_in_use": 2000}), Device({"bytes_limit": 9000})]
    monkeypatch.setattr(cost_estimate.jax, "local_devices", lambda: devices)
    assert cost_estimate._device_bytes() == 16_000
    devices.append(Device(None))  # a CPU
    monkeypatch.setattr(cost_estimate, "available_bytes", lambda: 5)
    assert cost_estimate._device_bytes() == 5


def test_memory_that_a_process_may_address(monkeypatch):
    resource = pytest.importorskip("resource")
    taken = cost_estimate.psutil.Process().memory_info().vms
    monkeypatch.setattr(resource, "getrlimit", lambda _: (taken + 10**6, -1))
    assert cost_estimate.available_bytes() <= 10**6
