"""What a transfer will take: memory by the compiled programs, time by a try."""

import functools
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import psutil
from jaxtyping import Float

from nstaudio.analysis.clip import Clip
from nstaudio.audio import samples
from nstaudio.errors import InputError
from nstaudio.inversion import fullband
from nstaudio.losses import Weights
from nstaudio.optimization.loop import TransferState, Updates, advance
from nstaudio.optimization.objective import Objective, make_problem
from nstaudio.optimization.optimizers import Optimizer
from nstaudio.transfer import prepare
from nstaudio.transfer.prepare import PreparedTransfer
from nstaudio.transfer.settings import Settings

_CGROUP = Path("/sys/fs/cgroup")
_COPIES = 12  # of a segment as it was recorded, in memory at the same time
_TRIED_S = 2.0


def available_bytes() -> int:
    """Memory that this process can still have: of the machine, or of what it is confined to."""
    free = [psutil.virtual_memory().available]
    try:
        most, now = (
            (_CGROUP / f"memory.{name}").read_text().strip() for name in ("max", "current")
        )
        if most != "max":
            free.append(int(most) - int(now))
    except (OSError, ValueError):
        pass  # no such confinement here
    try:
        import resource

        limit = resource.getrlimit(resource.RLIMIT_AS)[0]
        if limit != resource.RLIM_INFINITY:
            free.append(limit - psutil.Process().memory_info().vms)
    except ImportError:  # Segments
        pass
    return max(0, min(free))


def window_bytes(n_content: int, n_styles: Sequence[int], settings: Settings) -> int:
    """Memory of the optimisation of a segment: the compiled programs' arguments and temporaries.

    Nothing is computed but the shapes.

    Args:
        n_content: samples of the segment at the analysis rate.
        n_styles: samples of the style, and of each clip that the result shall not be like.
    """
    return _program_bytes(
        n_content,
        tuple(n_styles),
        prepare.make_objective(settings),
        settings.optimizer.transformation,
        tuple(settings.optimizer.hyperparams),
        settings.strength is not None,
    )


@functools.lru_cache(maxsize=8)  # the jobs of a sweep have the same programs
def _program_bytes(
    n_content: int,
    n_styles: tuple[int, ...],
    objective: Objective,
    transformation: optax.GradientTransformationExtraArgs,
    hyperparams: tuple[str, ...],
    balanced: bool,
) -> int:
    spec = objective.spec

    def clip(n: int) -> Clip:
        shape = spec.n_frames(n), spec.n_mels
        shapes: Any = [jax.ShapeDtypeStruct(s, jnp.float32) for s in ((n,), shape)]
        return Clip(*shapes)

    content, style, *negatives = (clip(n) for n in (n_content, *n_styles))
    optimizer = Optimizer(transformation, dict.fromkeys(hyperparams, 0.5))
    layers = {name: jnp.float32(1) for name in objective.encoder.layer_names}
    weights = Weights(jnp.float32(1), jnp.float32(1), layers, layers)
    strength = jnp.float32(0.5) if balanced else None
    arguments = (jax.random.key(0), content, style, content, weights, None, strength, negatives)
    problem = jax.eval_shape(partial(make_problem, objective=objective), *arguments)
    variable = jax.eval_shape(
        partial(objective.parametrization.init, spec=spec),
        content.level_db,
        problem.constants,
    )
    state = TransferState(
        variable,
        jax.eval_shape(optimizer.init, variable),
        jax.ShapeDtypeStruct((), jnp.int32),  # type: ignore[arg-type]
    )
    programs = (
        make_problem.lower(*arguments, objective=objective),
        advance.lower(
            state,
            problem,
            jax.ShapeDtypeStruct((), jnp.int32),
            objective=objective,
            transformation=transformation,
        ),
    )
    needed = []
    for program in programs:
        memory = program.compile().memory_analysis()
        assert memory is not None
        needed.append(
            memory.temp_size_in_bytes + memory.argument_size_in_bytes + memory.output_size_in_bytes
        )
    return max(needed)


def how_many_fit(steps: Updates) -> int:
    """How many runs like this one can go side by side in half of the memory that is free."""
    program = advance.lower(
        steps.state,
        steps.problem,
        jnp.int32(steps.n_steps),
        objective=steps.objective,
        transformation=steps.transformation,
    )
    memory = program.compile().memory_analysis()
    assert memory is not None
    # Each run holds its arguments itself, and is held once more in a stack.
    needed = (
        memory.temp_size_in_bytes
        + 2 * memory.argument_size_in_bytes
        + 2 * memory.output_size_in_bytes
    )
    return max(1, int(_device_bytes() / 2 / needed))


def _device_bytes() -> int:
    """Memory that the devices have left; the machine's, where they have none of their own."""
    left = 0
    for device in jax.local_devices():
        stats = device.memory_stats()
        if not stats or "bytes_limit" not in stats:
            return available_bytes()
        left += stats["bytes_limit"] - stats.get("bytes_in_use", 0)
    return left


class Estimate(NamedTuple):
    """What is left to do."""

    seconds: float
    bytes: int
    """Of the whole process, at most."""


def check_memory(
    content: Float[np.ndarray, "samples channels"],
    sr: int,
    n_styles: Sequence[int],
    settings: Settings,
) -> None:
    """Refuse what cannot fit, before anything is computed, and say what would.

    Args:
        content: as it was recorded, at the rate `sr`, Hz.
        n_styles: see `window_bytes`.

    Raises:
        InputError: a segment needs more memory than there is.
    """
    segments, rate, n_channels = settings.segments, settings.spec.sr, content.shape[1]
    span = segments.spans(len(content), sr)[0]
    length_s = (span.stop - span.start) / sr
    needed = _bytes(length_s, n_channels, sr, n_styles, settings)
    there = available_bytes()
    if needed <= there:
        return
    # What does not grow with the segment is the style's.
    half = _bytes(length_s / 2, n_channels, sr, n_styles, settings)
    a_second = max(needed - half, 1) / (length_s / 2)
    fits_s = int((0.8 * there - (needed - a_second * length_s)) / a_second)
    message = (
        f"a segment of {length_s:.0f} s with a style of {sum(n_styles) / rate:.0f} s needs about "
        f"{needed / 1e9:.1f} GB of memory, and {there / 1e9:.1f} GB are free"
    )
    if fits_s >= max(3 * segments.overlap_s, 1):
        raise InputError(f"{message}; segments.length_s={fits_s} would fit")
    raise InputError(
        f"{message}; shorter segments (segments.length_s, now {segments.length_s}) and less of the "
        f"style (segments.style_max_s, now {segments.style_max_s}) need less"
    )


def _bytes(
    length_s: float, n_channels: int, sr: int, n_styles: Sequence[int], settings: Settings
) -> int:
    recorded = 4 * int(length_s * sr) * n_channels
    return window_bytes(int(length_s * settings.spec.sr), n_styles, settings) + _COPIES * recorded


def measure(
    segment: Float[np.ndarray, "samples channels"],
    sr: int,
    n_segments: int,
    prepared: PreparedTransfer,
    seconds_preparing: float,
    n_styles: Sequence[int],
    settings: Settings,
) -> Estimate:
    """Time and memory, by two steps and by the rendering of a moment.

    Args:
        segment: the first one, as it was recorded at the rate `sr`, Hz.
        n_segments: all of them.
        prepared: the same, prepared.
        seconds_preparing: what that took.
        n_styles: see `window_bytes`.
    """
    transformation = settings.optimizer.transformation

    def step(n: int) -> float:
        started = time.perf_counter()
        made = advance(
            prepared.state,
            prepared.problem,
            jnp.int32(n),
            objective=prepared.objective,
            transformation=transformation,
        )
        jax.block_until_ready(made)
        return time.perf_counter() - started

    a_step = 0.0
    if prepared.n_steps:
        step(0)  # compiles
        a_step = max(step(2) - step(0), 0.0) / 2
    moment = segment[: int(_TRIED_S * sr)]
    heard = samples.to_mono(moment, sr, settings.spec.sr)
    started = time.perf_counter()
    fullband.restore(moment, heard, heard, sr=sr, analysis_sr=settings.spec.sr)
    # About as much again goes into the figures and the files.
    rendering = 2 * (time.perf_counter() - started) * len(segment) / len(moment)
    seconds = n_segments * (prepared.n_steps * a_step + seconds_preparing + rendering)
    needed = _bytes(len(segment) / sr, segment.shape[1], sr, n_styles, settings)
    # The recording and the result; the system can take them back where they are files.
    needed += 2 * n_segments * segment.nbytes
    return Estimate(seconds, psutil.Process().memory_info().rss + needed)
