"""The inputs of a run: its folder, its settings, and its clips."""

import functools
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from nstaudio.audio import files, samples
from nstaudio.audio.files import Recording
from nstaudio.audio.segments import Segmentation
from nstaudio.audio.silence import Sounding
from nstaudio.audio.style_clips import StyleAudio, prepare_style_audio
from nstaudio.errors import number
from nstaudio.experiments import config, cost_estimate, resume, schema
from nstaudio.experiments.schema import ClipSettings, RunSettings
from nstaudio.experiments.storage.checkpoints import fingerprint
from nstaudio.transfer.inputs import TransferInputs
from nstaudio.transfer.prepare import NEGATIVES, check_length, check_negatives


class Job(NamedTuple):
    """The inputs of a run."""

    folder: Path
    settings: RunSettings
    immutable: dict[str, Any]
    """The settings that must not change when the run is resumed."""
    content: Recording
    style_name: str
    fingerprint: str
    """A hash of both clips."""
    style_silence_s: float
    """Silence left out of the style."""
    inputs: TransferInputs

    @classmethod
    def load(cls, cfg: Any, folder: Path) -> "Job":
        """Build the settings and read the clips.

        Raises:
            InputError: one of them cannot be used.
        """
        settings = config.build(cfg)
        transfer = settings.transfer
        clips = _clips(
            content=_Source.of(settings.content),
            style=_Source.of(settings.style),
            segments=transfer.segments,
            sr=transfer.spec.sr,
            weights=None if settings.style.weights is None else tuple(settings.style.weights),
            seed=transfer.seed if settings.content.path is None else 0,
        )
        content = clips.content
        settings.output.check(content.sr, content.y.shape[1])
        guide = transfer.guide.on(clips.sounding, name=content.label)
        check_negatives(len(settings.negatives), transfer)
        negatives = [files.load(file, role=NEGATIVES) for file in settings.negatives]
        return cls(
            folder=folder,
            settings=settings,
            immutable=resume.immutable_settings(cfg),
            content=content,
            style_name=clips.style_name,
            fingerprint=clips.fingerprint,
            style_silence_s=clips.style.left_out_s,
            inputs=TransferInputs(
                recording=clips.sounding,
                style=clips.style.y,
                settings=replace(transfer, guide=guide),
                negatives=[
                    prepare_style_audio(
                        [(clip.y, clip.sr, clip.label)], transfer.segments, transfer.spec.sr
                    ).y
                    for clip in negatives
                ],
                content_label=content.label,
                style_label=clips.style_label,
            ),
        )

    def check_size(self) -> None:
        """Check that the clips are long enough, and that they fit in the memory.

        Raises:
            InputError: they are not, or do not.
        """
        inputs, transfer = self.inputs, self.settings.transfer
        n_segment = round(len(inputs.segment(0)) * transfer.spec.sr / inputs.sr)
        check_length(n_segment, transfer, name=inputs.label(0))
        check_length(len(inputs.style), transfer, name=inputs.style_label)
        for y in inputs.negatives:
            check_length(len(y), transfer, name=NEGATIVES)
        cost_estimate.check_memory(inputs.content, inputs.sr, inputs.style_lengths, transfer)


class _Clips(NamedTuple):
    content: Recording
    sounding: Sounding
    style_name: str
    style_label: str
    style: StyleAudio
    fingerprint: str


class _Source(NamedTuple):
    """Files, and stamps that change with them."""

    settings: tuple[tuple[str, ...] | str | None, float, float | None]
    stamps: tuple[tuple[int, int, int] | None, ...]

    @classmethod
    def of(cls, clip: ClipSettings) -> "_Source":
        path = tuple(clip.path) if isinstance(clip.path, list) else clip.path
        paths = [path] if isinstance(path, str) else path or []
        return cls((path, clip.start_s, clip.duration_s), tuple(_stamp(p) for p in paths))

    def arguments(self) -> dict[str, Any]:
        path, start_s, duration_s = self.settings
        path = list(path) if isinstance(path, tuple) else path
        return {"path": path, "start_s": start_s, "duration_s": duration_s}


def _stamp(path: str) -> tuple[int, int, int] | None:
    try:
        status = Path(path).expanduser().stat()
    except (OSError, RuntimeError, ValueError):
        return None  # `files.load` says what is wrong with it
    return status.st_ino, status.st_size, status.st_mtime_ns


@functools.lru_cache(maxsize=2)  # most jobs of a sweep have the same clips
def _clips(
    content: _Source,
    style: _Source,
    segments: Segmentation,
    sr: int,
    weights: tuple[float, ...] | None,
    seed: int,
) -> _Clips:
    arguments = content.arguments()
    recording = None if arguments["path"] is None else files.load(**arguments, role="content")
    styles = files.load_all(**style.arguments(), role="style")
    recorded = [(clip.y, clip.sr, clip.label) for clip in styles]
    mono = prepare_style_audio(recorded, segments, sr, weights=weights)
    if recording is None:
        recording = _noise(mono.y, sr, arguments["duration_s"], seed)
    sounding = Sounding.of(recording.y, recording.sr, name=recording.label)
    for shared in (recording.y, sounding.y, mono.y):
        shared.flags.writeable = False
    return _Clips(
        content=recording,
        sounding=sounding,
        style_name="+".join(clip.name for clip in styles),
        style_label=styles[0].label + (" without its silence" if mono.left_out_s else ""),
        style=mono,
        fingerprint=fingerprint(np.array([recording.sr, *recording.y.shape]), recording.y, mono.y),
    )


def _noise(style: np.ndarray, sr: int, duration_s: float | None, seed: int) -> Recording:
    """Noise in place of a content."""
    n = len(style)
    if duration_s is not None:
        n = max(2, round(sr * number("content.duration_s", duration_s, above=0)))
    y = samples.noise_like(style, n, seed=seed)[:, None]
    return Recording(
        name=schema.NOISE,
        y=y,
        sr=sr,
        path=Path(schema.NOISE),
        subtype="PCM_16",
        label="the noise for a content",
    )
