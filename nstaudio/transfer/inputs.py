"""The clips and settings of a transfer, with the content cut into segments."""

import functools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from nstaudio.audio import segments
from nstaudio.audio.silence import Sounding
from nstaudio.optimization.loop import TransferState
from nstaudio.transfer import render
from nstaudio.transfer.fitting import fitted
from nstaudio.transfer.prepare import prepare_segment, silence_error
from nstaudio.transfer.prepared import PreparedStyle, PreparedTransfer
from nstaudio.transfer.render import RenderedSegment
from nstaudio.transfer.settings import Settings

Sound = Float[np.ndarray, "samples channels"]
Level = Float[np.ndarray, "frames mels"]


@dataclass(frozen=True, eq=False)
class TransferInputs:
    """The clips and settings of a transfer.

    Attributes:
        recording: the content; only what sounds of it is worked on.
        style: mono at the analysis rate, see `style_clips.prepare_style_audio`.
        settings: the guide's seconds are those of what sounds, see `Guide.on`.
        negatives: clips that the result shall not be like, prepared as the style is.
        content_label, style_label: their names in errors.
    """

    recording: Sounding
    style: Float[np.ndarray, " style_samples"]
    settings: Settings
    negatives: Sequence[Float[np.ndarray, " _samples"]] = ()
    content_label: str = "content"
    style_label: str = "style"

    @property
    def content(self) -> Sound:
        """The part of the content that sounds."""
        return self.recording.y

    @property
    def sr(self) -> int:
        """The content's rate, Hz."""
        return self.recording.sr

    @functools.cached_property
    def spans(self) -> list[slice]:
        """The segments of what sounds of the content, in samples."""
        return self.settings.segments.spans(len(self.content), self.sr)

    @property
    def guided(self) -> list[int]:
        """The segments that the guide reaches: only these can change."""
        guide = self.settings.guide
        return [i for i, span in enumerate(self.spans) if guide.reaches(span, self.sr)]

    @property
    def style_lengths(self) -> tuple[int, ...]:
        """Samples of the style and of each negative clip."""
        return (len(self.style), *map(len, self.negatives))

    def segment(self, index: int) -> Sound:
        """The content's samples in a segment."""
        return self.content[self.spans[index]]

    def label(self, index: int) -> str:
        """The name of a segment in errors."""
        label = self.content_label
        if self.recording.left_out_s:
            label = f"{label} without its silence"
        if len(self.spans) == 1:
            return label
        return f"segment {index + 1} of {label} (see segments.length_s)"

    def prepare(self, index: int, shared: PreparedStyle | None = None) -> PreparedTransfer | None:
        """A segment ready to be optimised; `None` for one that stays as it is.

        Raises:
            InputError: it cannot be used.
        """
        return prepare_segment(
            self.segment(index),
            self.sr,
            self.style,
            self.settings,
            names=(self.label(index), self.style_label),
            shared=shared,
            offset=self.spans[index].start,
            negatives=self.negatives,
        )

    def render(
        self, index: int, prepared: PreparedTransfer, state: TransferState
    ) -> RenderedSegment:
        """The sound of a segment that was optimised to `state`."""
        return render.render_segment(
            self.segment(index),
            self.sr,
            prepared,
            state,
            self.settings,
            offset=self.spans[index].start,
        )

    def sound(self, index: int, prepared: PreparedTransfer, state: TransferState) -> Sound:
        """The samples of `render` alone."""
        return render.sound(
            self.segment(index),
            self.sr,
            prepared,
            state,
            self.settings,
            offset=self.spans[index].start,
        ).y

    def pass_through(self, index: int) -> RenderedSegment:
        """The sound of a segment that stays as it is."""
        return render.pass_through(self.segment(index), self.sr, self.settings.spec)

    def join(self, sounds: Iterable[Sound]) -> Iterator[Sound]:
        """The result, as blocks that follow one another: segments crossfaded, silence put back.

        Args:
            sounds: of the segments; they may be fewer.
        """
        within = self.settings.guide.within(self.sr)
        return self.recording.put_back(segments.crossfade_join(sounds, self.spans, within=within))

    def join_levels(
        self, levels: Sequence[Level], powers: Sequence[float]
    ) -> Float[np.ndarray, "joined_frames mels"]:
        """The spectrograms of segments as that of the result, see `render.join_levels`.

        Silence that was left out is at the floor.

        Args:
            powers: what 0 dB stands for in each segment.
        """
        joined = render.join_levels(levels, powers, self.spans)
        n_samples = self.spans[len(levels) - 1].stop
        return self.recording.in_time(joined, n_samples, silence=self.settings.spec.floor_db)


class Segments:
    """The segments of a transfer, prepared one at a time.

    The first one that changes is prepared at once: whatever is wrong with the clips shows there,
    and the others share its style. It is handed out once, so that no segment outlives its turn.

    Raises:
        InputError: no segment changes, or the first that does cannot be used.
    """

    def __init__(self, inputs: TransferInputs) -> None:
        fitting = fitted(inputs.settings, inputs.content, inputs.sr, inputs.style)
        self.inputs = replace(inputs, settings=fitting)
        self.first_index, first = self._first_to_change()
        self.shared, self.n_steps = first.shared, first.n_steps
        self._first: PreparedTransfer | None = first

    def _first_to_change(self) -> tuple[int, PreparedTransfer]:
        for index in range(len(self.inputs.spans)):
            prepared = self.inputs.prepare(index)
            if prepared is not None:
                return index, prepared
        raise silence_error(self.inputs.content_label, self.inputs.settings.guide)

    @property
    def first(self) -> PreparedTransfer:
        """The first segment that changes, while it has not been handed out."""
        assert self._first is not None
        return self._first

    def prepare(self, index: int) -> PreparedTransfer | None:
        """A segment ready to be optimised; `None` for one that stays as it is."""
        if index == self.first_index and self._first is not None:
            prepared, self._first = self._first, None
            return prepared
        return self.inputs.prepare(index, self.shared)
