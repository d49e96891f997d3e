"""What a run works on: its folder, its settings, its two clips, and the segments of the content."""

import functools
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from nstaudio.audio import files, samples
from nstaudio.audio.files import Recording
from nstaudio.audio.segments import Segmentation
from nstaudio.audio.style_clips import prepare_style_audio
from nstaudio.errors import number
from nstaudio.experiments import config, cost_estimate, resume, schema
from nstaudio.experiments.schema import ClipSettings, RunSettings
from nstaudio.experiments.storage.checkpoints import fingerprint
from nstaudio.transfer.prepare import (
    NEGATIVES,
    PreparedStyle,
    PreparedTransfer,
    check_length,
    check_negatives,
    prepare_segment,
    silence_error,
)


class Job(NamedTuple):
    """What a run works on."""

    folder: Path
    settings: RunSettings
    lasting: dict[str, Any]
    """The settings that must stay as they are when the run goes on."""
    content: Recording
    style_name: str
    style_label: str
    style: np.ndarray
    """As the method hears it, see `style_clips.prepare_style_audio`."""
    spans: list[slice]
    """The segments of the content."""
    inputs: str
    """A fingerprint of both clips."""
    negatives: tuple[np.ndarray, ...]
    """What the result shall not be like, as the style."""

    @classmethod
    def load(cls, cfg: Any, folder: Path) -> "Job":
        """Build the settings and read the clips.

        Raises:
            InputError: one of them cannot be used.
        """
        settings = config.build(cfg)
        transfer = settings.transfer
        clips = _clips(
            _Source.of(settings.content),
            _Source.of(settings.style),
            transfer.segments,
            transfer.spec.sr,
            None if settings.style.weights is None else tuple(settings.style.weights),
            transfer.seed if settings.content.path is None else 0,
        )
        content = clips.content
        settings.output.check(content.sr, content.y.shape[1])
        transfer.guide.check(len(content.y), content.sr, name=content.label)
        check_negatives(len(settings.negatives), transfer)
        others = [files.load(file, role=NEGATIVES) for file in settings.negatives]
        return cls(
            folder,
            settings,
            resume.immutable_settings(cfg),
            *clips[:-1],
            transfer.segments.spans(len(content.y), content.sr),
            clips.inputs,
            tuple(
                prepare_style_audio(
                    [(clip.y, clip.sr, clip.label)], transfer.segments, transfer.spec.sr
                )
                for clip in others
            ),
        )

    def check_size(self) -> None:
        """Check that the clips are long enough, and that they fit.

        Raises:
            InputError: they are not, or do not.
        """
        transfer, content = self.settings.transfer, self.content
        n_segment = round(len(self.segment(0)) * transfer.spec.sr / content.sr)
        check_length(n_segment, transfer, name=self.label(0))
        check_length(len(self.style), transfer, name=self.style_label)
        for y in self.negatives:
            check_length(len(y), transfer, name=NEGATIVES)
        cost_estimate.check_memory(content.y, content.sr, self.style_lengths, transfer)

    @property
    def style_lengths(self) -> tuple[int, ...]:
        """Samples of the style, and of what the result shall not be like."""
        return (len(self.style), *map(len, self.negatives))

    def segment(self, index: int) -> np.ndarray:
        """The content's samples in a segment."""
        return self.content.y[self.spans[index]]

    @property
    def wanted(self) -> list[int]:
        """The segments in which the guide wants any of the style."""
        guide, sr = self.settings.transfer.guide, self.content.sr
        return [i for i, span in enumerate(self.spans) if guide.reaches(span, sr)]

    def label(self, index: int) -> str:
        """What to call a segment in errors."""
        if len(self.spans) == 1:
            return self.content.label
        return f"segment {index + 1} of {self.content.label} (see segments.length_s)"

    def prepare(self, index: int, shared: PreparedStyle | None = None) -> PreparedTransfer | None:
        """A segment ready to be optimised; `None` where it stays as it is."""
        return prepare_segment(
            self.segment(index),
            self.content.sr,
            self.style,
            self.settings.transfer,
            names=(self.label(index), self.style_label),
            shared=shared,
            begins=self.spans[index].start,
            negatives=self.negatives,
        )

    def first_sound(self) -> tuple[int, PreparedTransfer]:
        """The first segment that is to be changed, and its number.

        Raises:
            InputError: there is none, or it cannot be used.
        """
        for index in range(len(self.spans)):
            prepared = self.prepare(index)
            if prepared is not None:
                return index, prepared
        raise silence_error(self.content.label, self.settings.transfer.guide)


class _Clips(NamedTuple):
    content: Recording
    style_name: str
    style_label: str
    style: np.ndarray
    inputs: str


class _Source(NamedTuple):
    """Files, and what tells whether they have changed."""

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
        found = Path(path).expanduser().stat()
    except (OSError, RuntimeError, ValueError):
        return None  # `files.load` says what is wrong with it
    return found.st_ino, found.st_size, found.st_mtime_ns


@functools.lru_cache(maxsize=2)  # the jobs of a sweep have the same clips, most of them
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
    heard = prepare_style_audio(recorded, segments, sr, weights=weights)
    if recording is None:
        recording = _noise(heard, sr, arguments["duration_s"], seed)
    for shared in (recording.y, heard):
        shared.flags.writeable = False
    return _Clips(
        recording,
        "+".join(clip.name for clip in styles),
        styles[0].label,
        heard,
        fingerprint(np.array([recording.sr, *recording.y.shape]), recording.y, heard),
    )


def _noise(style: np.ndarray, sr: int, duration_s: float | None, seed: int) -> Recording:
    """What stands for a content where there is none."""
    n = len(style)
    if duration_s is not None:
        n = max(2, round(sr * number("content.duration_s", duration_s, above=0)))
    y = samples.noise_like(style, n, seed=seed)[:, None]
    return Recording(schema.NOISE, y, sr, Path(schema.NOISE), "PCM_16", "the noise for a content")
