"""Memory of a transfer, from its compiled programs, and time, measured on two steps."""

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

from nstaudio.analysis import padding
from nstaudio.analysis.clip import Clip
from nstaudio.audio import samples
from nstaudio.encoders import Conv1dEncoder
from nstaudio.errors import InputError
from nstaudio.inversion import fullband
from nstaudio.losses import Weights
from nstaudio.optimization.loop import TransferState, Updates, advance, run_updates
from nstaudio.optimization.objective import Objective, make_problem
from nstaudio.optimization.optimizers import Optimizer
from nstaudio.transfer import prepare
from nstaudio.transfer.fitting import makes_steps
from nstaudio.transfer.prepared import PreparedTransfer
from nstaudio.transfer.settings import Settings

_CGROUP = Path("/sys/fs/cgroup")
_COPIES = 12  # of a segment as it was recorded, in memory at the same time
_MAX_ARRAYS = 20  # of each kind, twice those that the programs of the default hold at once
_TRIAL_S = 2.0  # of sound, rendered to measure the time


def available_bytes() -> int:
    """Free memory of this process: of the machine, or of its container."""
    free = [psutil.virtual_memory().available]
    try:
        limit, used = (
            (_CGROUP / f"memory.{name}").read_text().strip() for name in ("max", "current")
        )
        if limit != "max":
            free.append(int(limit) - int(used))
    except (OSError, ValueError):
        pass  # no container
    try:
        import resource

        max_bytes = resource.getrlimit(resource.RLIMIT_AS)[0]
        if max_bytes != resource.RLIM_INFINITY:
            free.append(max_bytes - psutil.Process().memory_info().vms)
    except ImportError:  # Windows
        pass
    return max(0, min(free))


def max_bytes(n_content: int, style_lengths: Sequence[int], settings: Settings) -> int | None:
    """More than `segment_bytes`, without compiling anything; `None` where nothing is known.

    It is known of the default's kind of objective: a gain, random convolutions, means over frames.
    """
    objective, encoder = prepare.make_objective(settings), settings.encoder
    if not objective.pads or not isinstance(encoder, Conv1dEncoder):
        return None
    spec, n_numbers = objective.spec, sum(n**2 for n in encoder.features)
    content = _shapes(n_content, objective, coarse=not makes_steps(settings))
    others = [_shapes(n, objective, coarse=True) for n in style_lengths]
    for clip in (content, *others):
        n_frames = len(clip.level_db)
        n_numbers += n_frames * (spec.n_fft + spec.n_mels + sum(encoder.features))
    variable: Any = content.level_db  # one number a pixel
    state = jax.tree.leaves(jax.eval_shape(settings.optimizer.init, variable))
    return 4 * (_MAX_ARRAYS * n_numbers + 4 * sum(leaf.size for leaf in state))


def segment_bytes(n_content: int, style_lengths: Sequence[int], settings: Settings) -> int:
    """Memory of the optimisation of a segment: the compiled programs' arguments and temporaries.

    Only shapes are computed.

    Args:
        n_content: samples of the segment at the analysis rate.
        style_lengths: samples of the style and of each negative clip.
    """
    return _program_bytes(
        n_content=n_content,
        style_lengths=tuple(style_lengths),
        objective=prepare.make_objective(settings),
        transformation=settings.optimizer.transformation,
        hyperparams=tuple(settings.optimizer.hyperparams),
        makes_steps=makes_steps(settings),
        balanced=settings.strength is not None,
        follows_content=settings.fitting_aim.follows_content,
    )


@functools.lru_cache(maxsize=8)  # the jobs of a sweep have the same programs
def _program_bytes(
    n_content: int,
    style_lengths: tuple[int, ...],
    objective: Objective,
    transformation: optax.GradientTransformationExtraArgs,
    hyperparams: tuple[str, ...],
    makes_steps: bool,
    balanced: bool,
    follows_content: bool,
) -> int:
    spec = objective.spec

    content = _shapes(n_content, objective, coarse=not makes_steps)
    style, *negatives = (_shapes(n, objective, coarse=True) for n in style_lengths)
    optimizer = Optimizer(transformation, dict.fromkeys(hyperparams, 0.5))
    layers = {name: jnp.float32(1) for name in objective.encoder.layer_names}
    weights = Weights(jnp.float32(1), jnp.float32(1), layers, layers)
    arguments: dict[str, Any] = {
        "key": jax.random.key(0),
        "content": content,
        "style": style,
        "aim": content if follows_content else style,
        "carrier": content,
        "weights": weights,
        "style_targets": None,
        "strength": jnp.float32(0.5) if balanced else None,
        "negatives": negatives,
    }
    problem = jax.eval_shape(partial(make_problem, objective=objective), **arguments)
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
        make_problem.lower(**arguments, objective=objective),
        advance.lower(
            state,
            problem,
            jax.ShapeDtypeStruct((), jnp.int32),
            objective=objective,
            transformation=transformation if makes_steps else None,
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


def _shapes(n_samples: int, objective: Objective, *, coarse: bool) -> Clip:
    """The shapes of a clip of so many samples, padded as it will be."""
    spec, n_frames = objective.spec, objective.spec.n_frames(n_samples)
    n_own: Any = None
    if objective.pads:
        n_own = jax.ShapeDtypeStruct((), jnp.int32)
        n_frames = padding.size(n_frames, spec, coarse=coarse)
        n_samples = padding.n_samples(n_frames, spec)
    arrays: Any = _float32(n_samples), _float32(n_frames, spec.n_mels)
    return Clip(arrays[0], arrays[1], n_own)


def _float32(*shape: int) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(shape, jnp.float32)


def n_fitting(updates: Updates) -> int:
    """The number of runs like this one that fit side by side in half of the free memory."""
    program = advance.lower(
        updates.state,
        updates.problem,
        jnp.int32(updates.n_steps),
        objective=updates.objective,
        transformation=updates.transformation,
    )
    memory = program.compile().memory_analysis()
    assert memory is not None
    # Each run holds its arguments itself, and the batch holds them once more.
    needed = (
        memory.temp_size_in_bytes
        + 2 * memory.argument_size_in_bytes
        + 2 * memory.output_size_in_bytes
    )
    return max(1, int(_device_bytes() / 2 / needed))


def _device_bytes() -> int:
    """Free memory of the devices; the machine's for devices without their own."""
    left = 0
    for device in jax.local_devices():
        stats = device.memory_stats()
        if not stats or "bytes_limit" not in stats:
            return available_bytes()
        left += stats["bytes_limit"] - stats.get("bytes_in_use", 0)
    return left


class Estimate(NamedTuple):
    """The expected cost of a run."""

    seconds: float
    bytes: int
    """The peak memory of the whole process."""


def check_memory(
    content: Float[np.ndarray, "samples channels"],
    sr: int,
    style_lengths: Sequence[int],
    settings: Settings,
) -> None:
    """Check, before anything is computed, that a segment fits in the memory.

    Args:
        content: as it was recorded, at the rate `sr`, Hz.
        style_lengths: see `segment_bytes`.

    Raises:
        InputError: it does not; the message says which length would.
    """
    segments, rate, n_channels = settings.segments, settings.spec.sr, content.shape[1]
    span = segments.spans(len(content), sr)[0]
    length_s = (span.stop - span.start) / sr
    available = available_bytes()
    n_content = int(length_s * rate)
    bound = max_bytes(n_content, style_lengths, settings)
    if bound is not None and bound + _recorded_bytes(length_s, n_channels, sr) <= available:
        return
    needed = _bytes(length_s, n_channels, sr, style_lengths, settings)
    if needed <= available:
        return
    # The part that does not grow with the segment is the style's.
    half = _bytes(length_s / 2, n_channels, sr, style_lengths, settings)
    bytes_per_second = max(needed - half, 1) / (length_s / 2)
    style_bytes = needed - bytes_per_second * length_s
    max_length_s = int((0.8 * available - style_bytes) / bytes_per_second)
    message = (
        f"a segment of {length_s:.0f} s with a style of {sum(style_lengths) / rate:.0f} s needs "
        f"about {needed / 1e9:.1f} GB of memory, and {available / 1e9:.1f} GB are free"
    )
    if max_length_s >= max(3 * segments.overlap_s, 1):
        raise InputError(f"{message}; segments.length_s={max_length_s} would fit")
    raise InputError(
        f"{message}; shorter segments (segments.length_s, now {segments.length_s}) and less of the "
        f"style (segments.style_max_s, now {segments.style_max_s}) need less"
    )


def _bytes(
    length_s: float, n_channels: int, sr: int, style_lengths: Sequence[int], settings: Settings
) -> int:
    n_content = int(length_s * settings.spec.sr)
    needed = segment_bytes(n_content, style_lengths, settings)
    return needed + _recorded_bytes(length_s, n_channels, sr)


def _recorded_bytes(length_s: float, n_channels: int, sr: int) -> int:
    return _COPIES * 4 * int(length_s * sr) * n_channels


def measure(
    segment: Float[np.ndarray, "samples channels"],
    sr: int,
    prepared: PreparedTransfer,
    settings: Settings,
    *,
    n_segments: int,
    seconds_preparing: float,
    style_lengths: Sequence[int],
) -> Estimate:
    """Time and memory of all segments, from two steps and a short rendering of one.

    Args:
        segment: as it was recorded at the rate `sr`, Hz.
        prepared: the same segment.
        n_segments: all that are to be optimised.
        seconds_preparing: time spent on preparing one.
        style_lengths: see `segment_bytes`.
    """
    seconds = prepared.n_steps * _seconds_per_step(prepared, settings) + seconds_preparing
    seconds += _seconds_rendering(segment, sr, settings.spec.sr)
    needed = _bytes(len(segment) / sr, segment.shape[1], sr, style_lengths, settings)
    # The recording and the result; the system can reclaim them where they are files.
    needed += 2 * n_segments * segment.nbytes
    return Estimate(seconds=n_segments * seconds, bytes=psutil.Process().memory_info().rss + needed)


def _seconds_per_step(prepared: PreparedTransfer, settings: Settings) -> float:
    if not prepared.n_steps:
        return 0.0

    def seconds(n_steps: int) -> float:
        updates = Updates(
            state=prepared.state,
            problem=prepared.problem,
            n_steps=n_steps,
            objective=prepared.objective,
            transformation=settings.optimizer.transformation,
        )
        started = time.perf_counter()
        run_updates(updates)
        return time.perf_counter() - started

    seconds(0)  # compiles
    return max(seconds(2) - seconds(0), 0.0) / 2


def _seconds_rendering(
    segment: Float[np.ndarray, "samples channels"], sr: int, analysis_sr: int
) -> float:
    excerpt = segment[: int(_TRIAL_S * sr)]
    mono = samples.to_mono(excerpt, sr, analysis_sr)
    started = time.perf_counter()
    fullband.restore(excerpt, mono, mono, sr=sr, analysis_sr=analysis_sr)
    # The figures and the files cost about as much again.
    return 2 * (time.perf_counter() - started) * len(segment) / len(excerpt)
