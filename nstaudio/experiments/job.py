"""What a run works on: its folder, its settings, its two clips, and the windows of the content."""

import functools
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from nstaudio.audio import files, samples
from nstaudio.audio.files import Recording
from nstaudio.audio.segments import Windows
from nstaudio.audio.style_clips import hear_style
from nstaudio.errors import number
from nstaudio.experiments import config, cost_estimate, resume, schema
from nstaudio.experiments.schema import ClipSettings, RunSettings
from nstaudio.experiments.storage.checkpoints import fingerprint
from nstaudio.transfer.prepare import (
    APART_FROM,
    Prepared,
    Style,
    check_apart,
    check_length,
    prepare_window,
    silent,
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
    """As the method hears it, see `style_clips.hear_style`."""
    spans: list[slice]
    """The windows of the content."""
    inputs: str
    """A fingerprint of both clips."""
    apart_from: tuple[np.ndarray, ...]
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
            transfer.windows,
            transfer.spec.sr,
            None if settings.style.weights is None else tuple(settings.style.weights),
            transfer.seed if settings.content.path is None else 0,
        )
        content = clips.content
        settings.output.check(content.sr, content.y.shape[1])
        transfer.guide.check(len(content.y), content.sr, name=content.label)
        check_apart(len(settings.apart_from), transfer)
        others = [files.load(file, role=APART_FROM) for file in settings.apart_from]
        return cls(
            folder,
            settings,
            resume.lasting(cfg),
            *clips[:-1],
            transfer.windows.spans(len(content.y), content.sr),
            clips.inputs,
            tuple(
                hear_style([(clip.y, clip.sr, clip.label)], transfer.windows, transfer.spec.sr)
                for clip in others
            ),
        )

    def check_size(self) -> None:
        """Check that the clips are long enough, and that they fit.

        Raises:
            InputError: they are not, or do not.
        """
        transfer, content = self.settings.transfer, self.content
        n_window = round(len(self.window(0)) * transfer.spec.sr / content.sr)
        check_length(n_window, transfer, name=self.label(0))
        check_length(len(self.style), transfer, name=self.style_label)
        for y in self.apart_from:
            check_length(len(y), transfer, name=APART_FROM)
        cost_estimate.check_memory(content.y, content.sr, self.style_lengths, transfer)

    @property
    def style_lengths(self) -> tuple[int, ...]:
        """Samples of the style, and of what the result shall not be like."""
        return (len(self.style), *map(len, self.apart_from))

    def window(self, index: int) -> np.ndarray:
        """The content's samples in a window."""
        return self.content.y[self.spans[index]]

    @property
    def wanted(self) -> list[int]:
        """The windows in which the guide wants any of the style."""
        guide, sr = self.settings.transfer.guide, self.content.sr
        return [i for i, span in enumerate(self.spans) if guide.reaches(span, sr)]

    def label(self, index: int) -> str:
        """What to call a window in errors."""
        if len(self.spans) == 1:
            return self.content.label
        return f"window {index + 1} of {self.content.label} (see windows.length_s)"

    def prepare(self, index: int, shared: Style | None = None) -> Prepared | None:
        """A window ready to be optimised; `None` where it stays as it is."""
        return prepare_window(
            self.window(index),
            self.content.sr,
            self.style,
            self.settings.transfer,
            names=(self.label(index), self.style_label),
            shared=shared,
            begins=self.spans[index].start,
            apart_from=self.apart_from,
        )

    def first_sound(self) -> tuple[int, Prepared]:
        """The first window that is to be changed, and its number.

        Raises:
            InputError: there is none, or it cannot be used.
        """
        for index in range(len(self.spans)):
            prepared = self.prepare(index)
            if prepared is not None:
                return index, prepared
        raise silent(self.content.label, self.settings.transfer.guide)


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
    windows: Windows,
    sr: int,
    weights: tuple[float, ...] | None,
    seed: int,
) -> _Clips:
    arguments = content.arguments()
    recording = None if arguments["path"] is None else files.load(**arguments, role="content")
    styles = files.load_all(**style.arguments(), role="style")
    recorded = [(clip.y, clip.sr, clip.label) for clip in styles]
    heard = hear_style(recorded, windows, sr, weights=weights)
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
