"""Mel spectrograms back to samples.

Every inversion is called as `inversion(level_db, content=y, spec=spec, length=n, key=key)`, where
`content` is the content clip's samples at the level of `level_db`, for those that take its phase.

Griffin-Lim here keeps no spectrogram between its iterations, only two waveforms, and works through
a block of frames at a time: the transform is linear, so the momentum of fast Griffin-Lim can be
taken on samples. Time is linear in the length; memory is that of the mel spectrogram and a few
waveforms; and there are no seams, because every block adds to the same waveform.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Complex, Float, PRNGKeyArray

from nstaudio.analysis.clip import LogMel, Samples
from nstaudio.analysis.spectrogram import (
    MelSpec,
    db_to_power,
    frame,
    hann,
    log_mel,
    overlap_add,
    window_power,
)
from nstaudio.errors import choice, integer, number
from nstaudio.inversion.mel_to_linear import kl_power, kl_step, nnls_power

Spectrum = Complex[Array, "block bins"]

Power = Float[Array, "block bins"]

BlockMel = Float[Array, "block mels"]

BLOCK = 256
"""Frames worked on at a time."""


def _blocks(values: Float[Array, "frames width"], block: int) -> Float[Array, "blocks block width"]:
    n_blocks = -(-values.shape[0] // block)
    padded = jnp.pad(values, ((0, n_blocks * block - values.shape[0]), (0, 0)))
    return padded.reshape(n_blocks, block, -1)


def _synthesise(
    spectrum_of: Callable[..., Spectrum],
    signals: tuple[Float[Array, " padded"], ...],
    targets: Float[Array, "frames width"],
    weight: Float[Array, " weighted"],
    spec: MelSpec,
    length: int,
) -> Float[Array, " padded"]:
    """Overlap-add of spectra made block by block from the transforms of `signals`.

    Args:
        spectrum_of: `(block index, targets of the block, *transforms of the block)` to a spectrum.
        signals: waveforms padded by half a frame in front, and behind to whole blocks.
        targets: the target of each frame.
        weight: `window_power` of the frames.
        spec: the analysis.
        length: samples of the result without its padding; what is outside becomes 0.
    """
    n_frames, block = targets.shape[0], min(BLOCK, targets.shape[0])
    window = jnp.asarray(hann(spec.n_fft), jnp.float32)[None]
    target = _blocks(targets, block)
    real = _blocks(jnp.ones((n_frames, 1)), block)
    n_in = (block - 1) * spec.hop_length + spec.n_fft

    def add(i: Array, y: Float[Array, " padded"]) -> Float[Array, " padded"]:
        start = i * block * spec.hop_length
        parts = [jax.lax.dynamic_slice(signal, (start,), (n_in,)) for signal in signals]
        transforms = [
            jnp.fft.rfft(frame(part, spec.n_fft, spec.hop_length) * window, axis=1)
            for part in parts
        ]
        spectrum = spectrum_of(i, target[i], *transforms) * real[i]
        frames = jnp.fft.irfft(spectrum, n=spec.n_fft, axis=1) * window
        made = overlap_add(frames, spec.hop_length)[:n_in]
        before = jax.lax.dynamic_slice(y, (start,), (n_in,))
        return jax.lax.dynamic_update_slice(y, before + made, (start,))

    y = jax.lax.fori_loop(0, target.shape[0], add, jnp.zeros(padded_length(n_frames, spec)))
    weight = jnp.pad(weight, (0, max(0, y.shape[0] - weight.shape[0])))[: y.shape[0]]
    position = jnp.arange(y.shape[0])
    inside = (position >= spec.n_fft // 2) & (position < spec.n_fft // 2 + length)
    return jnp.where(inside & (weight > 1e-8), y / jnp.maximum(weight, 1e-8), 0.0)


def padded_length(n_frames: int, spec: MelSpec) -> int:
    """Samples of a waveform padded to whole blocks of frames."""
    block = min(BLOCK, n_frames)
    return (-(-n_frames // block) * block - 1) * spec.hop_length + spec.n_fft


def _unit(spectrum: Spectrum) -> Spectrum:
    # The smallest normal number keeps 0 / 0 out without moving any phase.
    return spectrum / (jnp.abs(spectrum) + jnp.finfo(jnp.float32).tiny)


def _cut(y: Float[Array, " padded"], spec: MelSpec, length: int) -> Samples:
    y = y[spec.n_fft // 2 : spec.n_fft // 2 + length]
    return jnp.pad(y, (0, length - y.shape[0]))


def _pad(y: Samples, n_frames: int, spec: MelSpec) -> Float[Array, " padded"]:
    n = padded_length(n_frames, spec)
    return jnp.pad(y, (spec.n_fft // 2, max(0, n - y.shape[0] - spec.n_fft // 2)))[:n]


def _accelerate(
    step: Callable[[Array, Array], Array],
    start: Float[Array, " padded"],
    n_iter: int,
    momentum: float | Float[Array, ""],
) -> Float[Array, " padded"]:
    """Iterate `step(present, ahead)`, `ahead` being the present waveform less some of the last."""
    pull = momentum / (1.0 + momentum)

    def update(_: Array, carry: tuple[Array, Array]) -> tuple[Array, Array]:
        y, previous = carry
        return step(y, y - pull * previous), y

    return jax.lax.fori_loop(0, n_iter, update, (start, jnp.zeros_like(start)))[0]


def _with_random_phase(magnitude: Power, key: PRNGKeyArray, i: Array) -> Spectrum:
    phase = jax.random.uniform(jax.random.fold_in(key, i), magnitude.shape, maxval=2 * jnp.pi)
    return magnitude * jnp.exp(1j * phase)


@partial(jax.jit, static_argnames=("spec", "n_iter", "length"))
def phase_retrieval(
    magnitude: Float[Array, "frames bins"],
    start: Float[Array, " padded"],
    weight: Float[Array, " weighted"],
    *,
    spec: MelSpec,
    length: int,
    n_iter: int = 32,
    momentum: float | Float[Array, ""] = 0.99,
) -> Samples:
    """Fast Griffin-Lim (Perraudin et al. 2013; Griffin & Lim 1984 with momentum 0).

    The iteration of `librosa.griffinlim`, from the waveform `start` (as `_pad` lays it out).
    `weight` is `window_power(frames, spec)`.
    """

    def project(i: Array, target: Power, direction: Spectrum) -> Spectrum:
        del i
        return target * _unit(direction)

    def step(y: Array, ahead: Array) -> Array:
        del y
        return _synthesise(project, (ahead,), magnitude, weight, spec, length)

    return _cut(_accelerate(step, start, n_iter, momentum), spec, length)


@partial(jax.jit, static_argnames=("spec", "n_iter", "length"))
def mel_phase_retrieval(
    mel: Float[Array, "frames mels"],
    start: Float[Array, " padded"],
    weight: Float[Array, " weighted"],
    *,
    spec: MelSpec,
    length: int,
    n_iter: int = 48,
    momentum: float | Float[Array, ""] = 0.99,
) -> Samples:
    """Fast Griffin-Lim towards mel powers instead of magnitudes.

    A mel spectrogram does not say how power is shared inside a band. Fixing that once, before any
    phase is known, leaves flat bands. Here every iteration takes the present sound's own power and
    moves it by one `kl_step` towards the mel: the overlap of the frames decides the rest.

    Args:
        start: a waveform as `_pad` lays it out.
        weight: `window_power(frames, spec)`.
        length: samples to return.
        momentum: 0 to 1; 0 is without.
    """

    def project(i: Array, target: BlockMel, now: Spectrum, direction: Spectrum) -> Spectrum:
        del i
        power = now.real**2 + now.imag**2 + 1e-12  # a bin at 0 could never rise again
        return jnp.sqrt(kl_step(power, target, spec)) * _unit(direction)

    def step(y: Array, ahead: Array) -> Array:
        return _synthesise(project, (y, ahead), mel, weight, spec, length)

    return _cut(_accelerate(step, start, n_iter, momentum), spec, length)


@partial(jax.jit, static_argnames=("spec", "length"))
def _start_from_magnitude(
    magnitude: Float[Array, "frames bins"],
    weight: Float[Array, " weighted"],
    key: PRNGKeyArray,
    *,
    spec: MelSpec,
    length: int,
) -> Float[Array, " padded"]:
    """Random phase."""

    def project(i: Array, target: Power) -> Spectrum:
        return _with_random_phase(target, key, i)

    return _synthesise(project, (), magnitude, weight, spec, length)


@partial(jax.jit, static_argnames=("spec", "length", "n_iter"))
def _start_from_mel(
    mel: Float[Array, "frames mels"],
    weight: Float[Array, " weighted"],
    key: PRNGKeyArray,
    *,
    spec: MelSpec,
    length: int,
    n_iter: int,
) -> Float[Array, " padded"]:
    """Random phase, and powers from KL updates, made block by block."""

    def project(i: Array, target: BlockMel) -> Spectrum:
        return _with_random_phase(jnp.sqrt(kl_power(target, spec, n_iter=n_iter)), key, i)

    return _synthesise(project, (), mel, weight, spec, length)


@partial(jax.jit, static_argnames=("spec", "n_iter"))
def refine(y: Samples, level_db: LogMel, *, spec: MelSpec, n_iter: int) -> Samples:
    """Steps of L-BFGS on the samples towards `level_db`, mean squared difference in dB.

    Its memory is a dozen waveforms more, so it is for clips, not for hours.
    """

    def loss(y: Samples) -> Float[Array, ""]:
        return jnp.mean((log_mel(y, spec) - level_db) ** 2)

    optimizer = optax.lbfgs(memory_size=5)
    value_and_grad = optax.value_and_grad_from_state(loss)

    def update(_: Array, carry: tuple[Any, Any]) -> tuple[Any, Any]:
        y, state = carry
        value, grad = value_and_grad(y, state=state)
        updates, state = optimizer.update(grad, state, y, value=value, grad=grad, value_fn=loss)
        return optax.apply_updates(y, updates), state

    return jax.lax.fori_loop(0, n_iter, update, (y, optimizer.init(y)))[0]


def _mel(level_db: LogMel, spec: MelSpec) -> LogMel:
    """dB to power; what is at the floor is silence."""
    return jnp.where(level_db > spec.floor_db, db_to_power(level_db), 0.0)


def _check(n_iter: int, momentum: float, **counts: int) -> None:
    integer("inversion.n_iter", n_iter, at_least=1)
    number("inversion.momentum", momentum, at_least=0, at_most=1)
    for name, count in counts.items():
        integer(f"inversion.{name}", count, at_least=1)


def nnls_griffin_lim(
    level_db: LogMel,
    *,
    content: Samples,
    spec: MelSpec,
    length: int,
    key: PRNGKeyArray,
    n_iter: int = 32,
    momentum: float = 0.99,
    n_iter_mel: int = 200,
) -> Samples:
    """Mel to linear by non-negative least squares, then fast Griffin-Lim from random phase.

    librosa's way, and the source paper's. It keeps all magnitudes in memory.

    Args:
        level_db: mel spectrogram in dB; what lies at `spec.floor_db` or below is silence.
        content: not used.
        length: samples to return.
        n_iter: Griffin-Lim iterations.
        momentum: of Griffin-Lim, 0 to 1; 0 is the original.
        n_iter_mel: iterations of the least squares.

    Raises:
        InputError: a number outside its limits.
    """
    del content
    _check(n_iter, momentum, n_iter_mel=n_iter_mel)
    magnitude = jnp.sqrt(nnls_power(_mel(level_db, spec), spec, n_iter=n_iter_mel))
    weight = jnp.asarray(window_power(magnitude.shape[0], spec))
    start = _start_from_magnitude(magnitude, weight, key, spec=spec, length=length)
    return phase_retrieval(
        magnitude, start, weight, spec=spec, length=length, n_iter=n_iter - 1, momentum=momentum
    )


def kl_griffin_lim(
    level_db: LogMel,
    *,
    content: Samples,
    spec: MelSpec,
    length: int,
    key: PRNGKeyArray,
    n_iter: int = 32,
    momentum: float = 0.99,
    n_iter_mel: int = 100,
    start: Literal["random", "content"] = "random",
) -> Samples:
    """Mel to linear by KL updates, then fast Griffin-Lim from random or the content's phase.

    Args:
        level_db: mel spectrogram in dB; what lies at `spec.floor_db` or below is silence.
        content: samples whose phase is the start where `start` is `content`.
        length: samples to return.
        n_iter: Griffin-Lim iterations.
        momentum: of Griffin-Lim, 0 to 1; 0 is the original.
        n_iter_mel: KL updates.
        start: `random` phase or that of the `content`.

    Raises:
        InputError: a number outside its limits or an unknown start.
    """
    _check(n_iter, momentum, n_iter_mel=n_iter_mel)
    choice("inversion.start", start, ("random", "content"))
    magnitude = jnp.sqrt(kl_power(_mel(level_db, spec), spec, n_iter=n_iter_mel))
    weight = jnp.asarray(window_power(magnitude.shape[0], spec))
    first = (
        _pad(content, magnitude.shape[0], spec)
        if start == "content"
        else _start_from_magnitude(magnitude, weight, key, spec=spec, length=length)
    )
    return phase_retrieval(
        magnitude, first, weight, spec=spec, length=length, n_iter=n_iter, momentum=momentum
    )


def mel_griffin_lim(
    level_db: LogMel,
    *,
    content: Samples,
    spec: MelSpec,
    length: int,
    key: PRNGKeyArray,
    n_iter: int = 64,
    momentum: float = 0.99,
    n_iter_mel: int = 32,
    start: Literal["random", "content"] = "random",
    n_refine: int = 0,
) -> Samples:
    """Fast Griffin-Lim towards the mel powers themselves, see `mel_phase_retrieval`.

    Args:
        level_db: mel spectrogram in dB; what lies at `spec.floor_db` or below is silence.
        content: samples to start from where `start` is `content`.
        length: samples to return.
        n_iter: Griffin-Lim iterations.
        momentum: of Griffin-Lim, 0 to 1.
        n_iter_mel: KL updates of the first powers, where `start` is `random`.
        start: `random` phase, or the `content` itself.
        n_refine: steps of L-BFGS on the samples at the end, see `refine`.

    Raises:
        InputError: a number outside its limits or an unknown start.
    """
    _check(n_iter, momentum, n_iter_mel=n_iter_mel)
    choice("inversion.start", start, ("random", "content"))
    integer("inversion.n_refine", n_refine, at_least=0)
    mel = _mel(level_db, spec)
    weight = jnp.asarray(window_power(mel.shape[0], spec))
    first = (
        _pad(content, mel.shape[0], spec)
        if start == "content"
        else _start_from_mel(mel, weight, key, spec=spec, length=length, n_iter=n_iter_mel)
    )
    y = mel_phase_retrieval(
        mel, first, weight, spec=spec, length=length, n_iter=n_iter, momentum=momentum
    )
    if n_refine:
        y = refine(y, jnp.maximum(level_db, spec.floor_db), spec=spec, n_iter=n_refine)
    return y
