"""What a run works on: its folder, its settings, its two clips, and the windows of the content."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from nstaudio import audio, config, estimate, pipeline
from nstaudio.audio import Recording
from nstaudio.checkpoint import fingerprint
from nstaudio.config import RunSettings
from nstaudio.pipeline import Prepared, Style


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
    """As the method hears it, see `pipeline.hear_style`."""
    spans: list[slice]
    """The windows of the content."""
    inputs: str
    """A fingerprint of both clips."""

    @classmethod
    def load(cls, cfg: Any, folder: Path) -> "Job":
        """Build the settings, read the clips, and check that all of it can work.

        Raises:
            InputError: it cannot.
        """
        settings = config.build(cfg)
        transfer = settings.transfer
        content = audio.load(**vars(settings.content), role="content")
        styles = audio.load_all(**vars(settings.style), role="style")
        settings.output.check(content.sr, content.y.shape[1])
        style = pipeline.hear_style([(clip.y, clip.sr, clip.label) for clip in styles], transfer)
        job = cls(
            folder,
            settings,
            config.lasting(cfg),
            content,
            "+".join(clip.name for clip in styles),
            styles[0].label,
            style,
            transfer.windows.spans(len(content.y), content.sr),
            fingerprint(np.array([content.sr, *content.y.shape]), content.y, style),
        )
        # The sizes first: what is too long for the memory must not be analysed.
        n_window = round(len(job.window(0)) * transfer.spec.sr / content.sr)
        pipeline.check_length(n_window, transfer, name=job.label(0))
        pipeline.check_length(len(style), transfer, name=job.style_label)
        estimate.check_memory(content.y, content.sr, len(style), transfer)
        return job

    def window(self, index: int) -> np.ndarray:
        """The content's samples in a window."""
        return self.content.y[self.spans[index]]

    def label(self, index: int) -> str:
        """What to call a window in errors."""
        if len(self.spans) == 1:
            return self.content.label
        return f"window {index + 1} of {self.content.label} (see windows.length_s)"

    def prepare(self, index: int, shared: Style | None = None) -> Prepared | None:
        """A window ready to be optimised; `None` where it is silent."""
        return pipeline.prepare_window(
            self.window(index),
            self.content.sr,
            self.style,
            self.settings.transfer,
            names=(self.label(index), self.style_label),
            shared=shared,
        )

    def first_sound(self) -> tuple[int, Prepared]:
        """The first window that is not silent, and its number.

        Raises:
            InputError: there is none, or it cannot be used.
        """
        for index in range(len(self.spans)):
            prepared = self.prepare(index)
            if prepared is not None:
                return index, prepared
        raise pipeline.silent(self.content.label)
