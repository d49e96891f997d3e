"""From the optimised state to sound, and the figures measured on it."""

from collections.abc import Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
import soxr
from jaxtyping import Float

from nstaudio.analysis.clip import Clip
from nstaudio.analysis.spectrogram import MelSpec
from nstaudio.audio import loudness, samples
from nstaudio.inversion import fullband
from nstaudio.optimization.loop import TransferState
from nstaudio.optimization.objective import evaluate, filter_samples, log_mel_of, waveform_of
from nstaudio.transfer.prepare import (
    SILENCE_POWER,
    LogMel,
    PreparedTransfer,
    jitted_log_mel,
    peak_power,
    split_keys,
)
from nstaudio.transfer.settings import Settings


class Figures(NamedTuple):
    """What the audio itself measures, against the spectrogram that was optimised.

    It is measured on the channels' mean, at the analysis rate.
    """

    style_loss_on_audio: float
    """The style loss of the audio, analysed again; next to the optimised `style_loss`."""
    style_share: float
    """The same, of the content clip's: 0 is the style's statistics, 1 the content's distance."""
    consistency_db: float
    """Root mean square difference of the audio's log-mel and the optimised one, dB."""


def render(prepared: PreparedTransfer, state: TransferState, settings: Settings) -> np.ndarray:
    """The samples of what is optimised so far, at the content's level."""
    objective, problem = prepared.objective, prepared.problem
    y = waveform_of(state.variable, problem, objective=objective)
    if y is None:
        y = settings.inversion(
            log_mel_of(state.variable, problem, objective=objective),
            content=prepared.content.y,
            spec=settings.spec,
            length=prepared.content.y.shape[0],
            key=split_keys(settings)[2],
        )
    return np.asarray(y) * np.float32(np.sqrt(prepared.content_power))


def measure_result(
    y: np.ndarray, prepared: PreparedTransfer, state: TransferState, settings: Settings
) -> tuple[Figures, LogMel]:
    """Analyse rendered samples again; the figures and the audio's own log-mel spectrogram."""
    scaled = jnp.asarray(y / np.sqrt(prepared.content_power), jnp.float32)
    audio_db = jitted_log_mel(scaled, spec=settings.spec)
    style, of_content = (
        float(evaluate(clip, prepared.problem, objective=prepared.objective).style)
        for clip in (Clip(scaled, audio_db), prepared.content)
    )
    optimised_db = log_mel_of(state.variable, prepared.problem, objective=prepared.objective)
    optimised_db = jnp.maximum(optimised_db, settings.spec.floor_db)
    difference = float(jnp.sqrt(jnp.mean((audio_db - optimised_db) ** 2)))
    return Figures(style, style / max(of_content, 1e-30), difference), audio_db


class RenderedSegment(NamedTuple):
    """A segment of the result."""

    y: Float[np.ndarray, "samples channels"]
    """As the content's segment: its rate, channels, length and loudness."""
    generated_db: Float[np.ndarray, "frames mels"]
    """Its spectrogram, analysed from the sound. 0 dB is the content segment's loudest mel band."""
    content_db: Float[np.ndarray, "frames mels"]
    """The content segment's."""
    power: float
    """The mel power that 0 dB stands for; 0 where the segment is silent."""
    figures: Figures | None
    """`None` where the segment is the content's, see `unchanged`."""


def render_segment(
    content: Float[np.ndarray, "samples channels"],
    sr: int,
    prepared: PreparedTransfer,
    state: TransferState,
    settings: Settings,
    *,
    begins: int = 0,
) -> RenderedSegment:
    """What is optimised so far, as sound with the rate, channels and loudness of its content.

    Where the guide does not want the style, it is the content.

    Args:
        content: the segment that was prepared, as it was recorded.
        sr: its rate, Hz.
        begins: where in the recording it begins, samples.
    """
    spec, guide = settings.spec, settings.guide
    rates = {"sr": sr, "analysis_sr": spec.sr}
    heard = soxr.resample(content, sr, spec.sr, quality="VHQ")
    generated = _filtered(heard, prepared, state)
    if generated is not None:
        y = fullband.add_highs(content, heard, generated, **rates)
    else:
        mix = np.asarray(prepared.content.y) * np.float32(np.sqrt(prepared.content_power))
        y = fullband.restore(content, mix, render(prepared, state, settings), **rates)
    # The loudest band was common to both so far. What is heard as equally loud is another level.
    levels = loudness.measure(y, sr), loudness.measure(content, sr)
    gain = loudness.gain(*levels, max_true_peak_db=None).factor
    measured = samples.to_mono(y, sr, spec.sr)
    y = y * np.float32(gain)
    if not guide.is_open:
        y = guide.mix(content, y, sr, begins=begins)
        mixed = samples.to_mono(y, sr, spec.sr)
        # As of any clip, 0 dB is its loudest band; the mix has another than what is generated.
        power = max(float(peak_power(jnp.asarray(mixed), spec)), SILENCE_POWER)
        measured = mixed * np.float32(np.sqrt(prepared.content_power / power))
    figures, generated_db = measure_result(measured, prepared, state, settings)
    content_db = np.asarray(prepared.content.level_db)
    return RenderedSegment(y, np.asarray(generated_db), content_db, prepared.content_power, figures)


def _filtered(
    heard: Float[np.ndarray, "heard_samples channels"],
    prepared: PreparedTransfer,
    state: TransferState,
) -> Float[np.ndarray, "heard_samples channels"] | None:
    """Every channel, filtered as their mean is; `None` where that is not merely filtered."""
    if prepared.carrier is not prepared.content:
        return None
    channels = [
        filter_samples(
            jnp.asarray(y, jnp.float32),
            state.variable,
            prepared.problem,
            objective=prepared.objective,
        )
        for y in heard.T
    ]
    if channels[0] is None:
        return None
    return np.stack([np.asarray(y) for y in channels], axis=1)


def pass_through(
    content: Float[np.ndarray, "samples channels"], sr: int, spec: MelSpec
) -> RenderedSegment:
    """A segment that stays as it is, see `prepare_window`."""
    heard = samples.to_mono(content, sr, spec.sr)
    power = float(peak_power(jnp.asarray(heard), spec))
    if power < SILENCE_POWER:
        level_db = np.full((spec.n_frames(len(heard)), spec.n_mels), spec.floor_db, np.float32)
        return RenderedSegment(content, level_db, level_db, 0.0, None)
    level_db = np.asarray(
        jitted_log_mel(jnp.asarray(heard / np.sqrt(power), jnp.float32), spec=spec)
    )
    return RenderedSegment(content, level_db, level_db, power, None)


def mean_figures(segments: Sequence[Figures | None]) -> Figures:
    """The mean of each figure over the segments that have them."""
    return Figures(*np.mean([figures for figures in segments if figures is not None], axis=0))


def join_levels(
    levels: Sequence[Float[np.ndarray, "frames mels"]],
    powers: Sequence[float],
    spans: Sequence[slice],
) -> Float[np.ndarray, "joined_frames mels"]:
    """The spectrograms of segments as one, whose 0 dB is the loudest segment's.

    Args:
        levels: each segment's, equally many frames; they may be fewer than the segments.
        powers: what 0 dB stands for in each.
        spans: where the segments lie.
    """
    joined = []
    for i, (level_db, power) in enumerate(zip(levels, powers, strict=True)):
        if i + 1 < len(levels):
            share = (spans[i + 1].start - spans[i].start) / (spans[i].stop - spans[i].start)
            level_db = level_db[: round(share * len(level_db))]
        joined.append(level_db + 10 * np.log10(max(power / max(powers), 1e-30)))
    return np.maximum(np.concatenate(joined), min(float(a.min()) for a in levels))
