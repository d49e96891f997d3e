"""What the benchmarks share: clips, and transfers ready to be stepped."""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from nstaudio.analysis.clip import Clip
from nstaudio.analysis.spectrogram import MelSpec, power_to_db, stft
from nstaudio.audio import demo_clips, files
from nstaudio.encoders import Encoder
from nstaudio.losses import Gram, LossPair, SquaredError, Weights
from nstaudio.optimization.loop import TransferState, advance
from nstaudio.optimization.objective import Objective, make_problem
from nstaudio.optimization.optimizers import from_optax
from nstaudio.optimization.parametrizations import FreeMel

SPEC = MelSpec(n_fft=2048, hop_length=512)
LOSSES = LossPair(SquaredError(), Gram())


def log_magnitudes(name: str, seconds: float) -> jax.Array:
    """The STFT of a demo clip in dB below its loudest bin, `frames bins`; repeated if short."""
    y = files.load(demo_clips.CLIPS_DIR / f"{name}.ogg").mono(SPEC.sr)
    spectrum = stft(jnp.asarray(np.resize(y, int(seconds * SPEC.sr))), SPEC)
    power = spectrum.real**2 + spectrum.imag**2
    return power_to_db(power / power.max(), amin=SPEC.amin)


def clock(function: Callable[[], Any]) -> float:
    """Seconds of one call."""
    started = time.perf_counter()
    jax.block_until_ready(function())
    return time.perf_counter() - started


class Transfer:
    """One of this project's contestants, ready to be stepped."""

    def __init__(
        self,
        encoder: Encoder,
        clips: tuple[jax.Array, jax.Array],
        *,
        alpha: float,
        learning_rate: float,
    ) -> None:
        optimizer = from_optax(partial(optax.adam, learning_rate=learning_rate, eps=1e-12))
        even = {name: jnp.float32(1 / len(encoder.layer_names)) for name in encoder.layer_names}
        weights = Weights(jnp.float32(alpha), jnp.float32(1), even, even)
        objective = Objective(SPEC, FreeMel(), encoder, LOSSES.content, LOSSES.style)
        self.advance = partial(
            advance, objective=objective, transformation=optimizer.transformation
        )
        content, style = (Clip(jnp.zeros(1), level_db) for level_db in clips)  # FreeMel needs no y
        self.problem = make_problem(
            key=jax.random.key(1),
            content=content,
            style=style,
            carrier=content,
            weights=weights,
            objective=objective,
        )
        self.start = TransferState(clips[0], optimizer.init(clips[0]), jnp.int32(0))
        self.compile_s = clock(lambda: self.steps(0)) - clock(lambda: self.steps(0))

    def steps(self, n: int) -> Any:
        """`n` steps from the start."""
        return self.advance(self.start, self.problem, jnp.int32(n))

    def seconds_to(
        self, target: float, judge: Callable[[Any], Any], *, chunk: int, most: int
    ) -> Any:
        """Seconds and steps until `judge` says `target`; infinite where it never does."""
        state, seconds = self.start, 0.0
        for step in range(chunk, most + 1, chunk):
            started = time.perf_counter()
            state, _ = jax.block_until_ready(self.advance(state, self.problem, jnp.int32(chunk)))
            seconds += time.perf_counter() - started
            if judge(state.variable) <= target:
                return seconds, step
        return float("inf"), most
