"""From the optimised state to sound, and the figures measured on it."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
import soxr
from jaxtyping import Float

from nstaudio.analysis import numpy_stft
from nstaudio.analysis.clip import Clip
from nstaudio.analysis.spectrogram import MelSpec
from nstaudio.audio import loudness, samples
from nstaudio.inversion import fullband
from nstaudio.losses.ratio import loss_ratio
from nstaudio.optimization.loop import TransferState
from nstaudio.transfer.prepare import SILENCE_POWER, peak_power, split_keys
from nstaudio.transfer.prepared import PreparedTransfer
from nstaudio.transfer.settings import Settings


class Figures(NamedTuple):
    """Measurements of the audio, against the spectrogram that was optimised.

    They are made on the channels' mean, at the analysis rate.
    """

    style_loss_on_audio: float
    """The style loss of the audio, analysed again; next to the optimised `style_loss`."""
    style_share: float | None
    """The same, of the content clip's: 0 is the style's statistics, 1 the content's distance.
    `None` where the content clip's is nothing: it is the style."""
    consistency_db: float
    """Root mean square difference of the audio's log-mel and the optimised one, dB."""


def render(
    prepared: PreparedTransfer, state: TransferState, settings: Settings
) -> Float[np.ndarray, " samples"]:
    """The samples of a state, at the content's level."""
    y = prepared.sound(state)
    if y is None:
        y = settings.inversion(
            jnp.asarray(prepared.level_db(state)),
            content=prepared.content.y,
            spec=settings.spec,
            length=prepared.content.y.shape[0],
            key=split_keys(settings)[2],
        )
    return np.asarray(y) * np.float32(np.sqrt(prepared.content_power))


def measure_result(
    y: Float[np.ndarray, " samples"],
    prepared: PreparedTransfer,
    state: TransferState,
    settings: Settings,
) -> tuple[Figures, Float[np.ndarray, "frames mels"]]:
    """Analyse rendered samples again; the figures and the audio's own log-mel spectrogram."""
    audio = Clip.of(np.asarray(y / np.sqrt(prepared.content_power), np.float32), settings.spec)
    style, of_content, of_noise = (
        float(prepared.losses(clip).style)
        for clip in (audio, prepared.content, _white_noise(len(y), settings.spec))
    )
    optimised_db = prepared.level_db(state)
    audio_db = np.asarray(audio.level_db)
    error_db = audio_db - np.maximum(optimised_db, settings.spec.floor_db)
    difference = float(np.sqrt(np.mean(error_db**2)))
    share = loss_ratio(style, of_content, scale=of_noise)
    return Figures(style, share, difference), audio_db


def _white_noise(n_samples: int, spec: MelSpec) -> Clip:
    """A clip whose style loss is the scale of others."""
    y = np.random.default_rng(0).standard_normal(n_samples, np.float32)
    return Clip.of(y / np.float32(np.sqrt(peak_power(y, spec))), spec)


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
    """`None` where the segment is the content's, see `pass_through`."""


class SegmentSound(NamedTuple):
    """The sound of a segment, and what its figures are measured on."""

    y: Float[np.ndarray, "samples channels"]
    """As the content's segment: its rate, channels, length and loudness."""
    measured: Float[np.ndarray, " analysis_samples"]
    """Its channels' mean at the analysis rate, with the level of the optimised spectrogram."""


def sound(
    content: Float[np.ndarray, "samples channels"],
    sr: int,
    prepared: PreparedTransfer,
    state: TransferState,
    settings: Settings,
    *,
    offset: int = 0,
) -> SegmentSound:
    """The sound of a state, see `render_segment`, without figures."""
    spec, guide = settings.spec, settings.guide
    at_analysis_rate = soxr.resample(content, sr, spec.sr, quality="VHQ")
    filtered = _filtered(at_analysis_rate, prepared, state)
    if filtered is not None:
        y = fullband.add_highs(content, at_analysis_rate, filtered, sr=sr, analysis_sr=spec.sr)
    else:
        mono = np.asarray(prepared.content.y) * np.float32(np.sqrt(prepared.content_power))
        generated = render(prepared, state, settings)
        y = fullband.restore(content, mono, generated, sr=sr, analysis_sr=spec.sr)
    # So far the loudest band of both was equal; equal loudness is another level.
    levels = loudness.measure(y, sr), loudness.measure(content, sr)
    gain = loudness.gain(*levels, max_true_peak_db=None).factor
    measured = samples.to_mono(y, sr, spec.sr)
    y = y * np.float32(gain)
    if not guide.is_open:
        y = guide.mix(content, y, sr, begins=offset)
        mixed = samples.to_mono(y, sr, spec.sr)
        # As for any clip, 0 dB is its loudest band, and the mix has another one.
        power = max(peak_power(mixed, spec), SILENCE_POWER)
        measured = mixed * np.float32(np.sqrt(prepared.content_power / power))
    return SegmentSound(y, measured)


def render_segment(
    content: Float[np.ndarray, "samples channels"],
    sr: int,
    prepared: PreparedTransfer,
    state: TransferState,
    settings: Settings,
    *,
    offset: int = 0,
) -> RenderedSegment:
    """The sound of a state, with the rate, channels and loudness of its content.

    Outside of the guide's range it is the content.

    Args:
        content: the segment that was prepared, as it was recorded.
        sr: its rate, Hz.
        offset: the sample of the recording at which it begins.
    """
    heard = sound(content, sr, prepared, state, settings, offset=offset)
    figures, generated_db = measure_result(heard.measured, prepared, state, settings)
    return RenderedSegment(
        y=heard.y,
        generated_db=generated_db,
        content_db=np.asarray(prepared.content.level_db),
        power=prepared.content_power,
        figures=figures,
    )


def _filtered(
    content: Float[np.ndarray, "samples channels"],
    prepared: PreparedTransfer,
    state: TransferState,
) -> Float[np.ndarray, "samples channels"] | None:
    """Every channel with the filter of their mean; `None` where the state is no filter.

    Args:
        content: at the analysis rate.
    """
    if prepared.carrier is not prepared.content:
        return None
    channels = [prepared.filtered(np.asarray(y, np.float32), state) for y in content.T]
    found = [y for y in channels if y is not None]
    return np.stack(found, axis=1) if found else None


def pass_through(
    content: Float[np.ndarray, "samples channels"], sr: int, spec: MelSpec
) -> RenderedSegment:
    """The content's segment as it is, see `prepare.prepare_segment`."""
    mono = samples.to_mono(content, sr, spec.sr)
    power = peak_power(mono, spec)
    if power < SILENCE_POWER:
        power = 0.0
        level_db = np.full((spec.n_frames(len(mono)), spec.n_mels), spec.floor_db, np.float32)
    else:
        level_db = numpy_stft.log_mel(np.asarray(mono / np.sqrt(power), np.float32), spec)
    return RenderedSegment(
        y=content, generated_db=level_db, content_db=level_db, power=power, figures=None
    )


def mean_figures(records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The mean of every number that all the records have, dB as powers; groups within as well.

    Records that have `None` do not count; of `None` in all of them the mean is `None`.
    """
    means = {}
    for name in records[0]:
        if not all(name in record for record in records):
            continue
        values = [record[name] for record in records if record[name] is not None]
        if not values:
            means[name] = None
        elif all(isinstance(value, Mapping) for value in values):
            means[name] = mean_figures([value for value in values if isinstance(value, Mapping)])
        elif all(isinstance(value, float | int) and value is not True for value in values):
            numbers = np.array(values, float)
            if name.endswith("_db"):
                means[name] = float(10 * np.log10(np.mean(10 ** (numbers / 10))))
            else:
                means[name] = float(np.mean(numbers))
    return means


def join_levels(
    levels: Sequence[Float[np.ndarray, "frames mels"]],
    powers: Sequence[float],
    spans: Sequence[slice],
) -> Float[np.ndarray, "joined_frames mels"]:
    """The spectrograms of segments as one, whose 0 dB is the loudest segment's.

    Args:
        levels: each segment's, equally many frames; they may be fewer than the segments.
        powers: the mel power of 0 dB in each.
        spans: of all segments.
    """
    joined = []
    for i, (level_db, power) in enumerate(zip(levels, powers, strict=True)):
        if i + 1 < len(levels):
            share = (spans[i + 1].start - spans[i].start) / (spans[i].stop - spans[i].start)
            level_db = level_db[: round(share * len(level_db))]
        joined.append(level_db + 10 * np.log10(max(power / max(powers), 1e-30)))
    return np.maximum(np.concatenate(joined), min(float(a.min()) for a in levels))
