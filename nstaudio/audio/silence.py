"""Recordings without their silence, which is neither style nor content.

Losses and figures are means over time, to which silence and the noise of a room would count as much
as sound. So gaps are cut out before anything is analysed, and what has become of the rest is put
back between them.
"""

import functools
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from nstaudio.audio import gate
from nstaudio.audio.fades import raised_cosine
from nstaudio.audio.gate import parts
from nstaudio.audio.polarity import Alignment, alignment
from nstaudio.audio.samples import Channels
from nstaudio.audio.spooling import spool

log = logging.getLogger(__name__)

_FADE_S = 0.005


@dataclass(frozen=True, eq=False)
class Sounding:
    """A recording without its silence, its channels in phase.

    Attributes:
        recorded: the recording as it is.
        sr: its rate, Hz.
        spans: what sounds of it, in order; all of it is one span.
        alignment: see `polarity`; `None` for channels that do not cancel.
    """

    recorded: Channels
    sr: int
    spans: Sequence[slice]
    alignment: Alignment | None = None

    @classmethod
    def of(cls, recorded: Channels, sr: int, *, name: str) -> "Sounding":
        """Find what sounds of a recording of any length.

        See `gate.spans`. Channels that would cancel in the mean are turned over, with a warning in
        the log.

        Args:
            sr: its rate, Hz.
            name: its name in the warning.
        """
        spans = gate.spans(recorded, sr)
        aligned = alignment(recorded, sr)
        if aligned is not None:
            numbers = [str(channel + 1) for channel in aligned.turned]
            log.warning(
                "%s: channel%s %s cancel%s others in the mean of all: analysed turned over%s",
                name,
                "s" if len(numbers) > 1 else "",
                ", ".join(numbers),
                "" if len(numbers) > 1 else "s",
                " in a part of the frequencies" if len(aligned.filters) > 1 else "",
            )
        return cls(recorded, sr, spans, aligned)

    @property
    def is_whole(self) -> bool:
        """True where nothing is left out."""
        return len(self.spans) == 1 and self.n_samples == len(self.recorded)

    @property
    def n_samples(self) -> int:
        """Samples of what sounds."""
        return sum(span.stop - span.start for span in self.spans)

    @property
    def left_out_s(self) -> float:
        """Duration of the gaps that are left out, s; soft ends are none, see `gate.spans`."""
        edges = [0, *(edge for s in self.spans for edge in (s.start, s.stop)), len(self.recorded)]
        gaps_s = np.diff(edges)[::2] / self.sr
        return float(gaps_s[gaps_s > gate.MAX_SOFT_S].sum())

    @property
    def starts(self) -> list[int]:
        """The beginning of each span in `y`."""
        lengths = [span.stop - span.start for span in self.spans]
        return [0, *np.cumsum(lengths[:-1]).tolist()]

    def seconds_before(self, t_s: float) -> float:
        """Seconds of what sounds before a moment of the recording, s."""
        at = t_s * self.sr
        return sum(max(0, min(at, s.stop) - s.start) for s in self.spans) / self.sr

    @functools.cached_property
    def y(self) -> Channels:
        """The spans one after the other, faded where they meet, in phase; one as it is recorded."""
        if self._is_as_recorded:
            return self.recorded
        if len(self.spans) == 1 and self.alignment is None:
            return self.recorded[self.spans[0]]
        joined = slice(self.spans[0].start, self.spans[-1].stop)  # its ends are not faded
        faded = (
            self.recorded[part] * self._share(span, part, within=joined)
            for span in self.spans
            for part in parts(span)
        )
        return self.in_phase(spool(faded, self.recorded.shape[1]))

    def in_phase(self, y: Channels) -> Channels:
        """A sound with the recording's phases, its channels in phase."""
        return y if self.alignment is None else spool(self.alignment.blocks(y), y.shape[1])

    def put_back(
        self, sounds: Iterable[Float[np.ndarray, "block channels"]]
    ) -> Iterator[Float[np.ndarray, "part channels"]]:
        """The recording with what has become of `y`, as blocks that follow one another.

        What has changed is added in its place and phase, and fades where gaps begin: so what has
        not changed, and the gaps, are the recording's own samples. Where the sound ends early, so
        does the result.

        Args:
            sounds: blocks that follow one another.
        """
        if self._is_as_recorded:
            yield from sounds
            return
        changes = self._changes(sounds)
        if self.alignment is not None:
            changes = self.alignment.blocks(spool(changes, self.recorded.shape[1]), back=True)
        all_of_it = slice(0, len(self.recorded))
        waiting, at = list(self.spans), 0  # the sample of the recording that comes next
        for change in changes:
            while len(change):
                if at < waiting[0].start:
                    yield from self._as_recorded(slice(at, waiting[0].start))
                    at = waiting[0].start
                part = slice(at, min(at + len(change), waiting[0].stop))
                share, n = self._share(waiting[0], part, within=all_of_it), part.stop - part.start
                yield (self.recorded[part] + share * change[:n]).astype(np.float32)
                at, change = part.stop, change[n:]
                if at == waiting[0].stop:
                    del waiting[0]
        if not waiting:
            yield from self._as_recorded(slice(at, len(self.recorded)))

    def _changes(
        self, sounds: Iterable[Float[np.ndarray, "block channels"]]
    ) -> Iterator[Float[np.ndarray, "part channels"]]:
        at = 0
        for sound in sounds:
            yield (sound - self.y[at : at + len(sound)]).astype(np.float32)
            at += len(sound)

    def in_time(
        self, frames: Float[np.ndarray, "frames bands"], n_samples: int, *, silence: float
    ) -> Float[np.ndarray, "recorded_frames bands"]:
        """Frames of the first `n_samples` of `y` where they are in the recording.

        Args:
            silence: the value of frames in the gaps.
        """
        if self.is_whole:
            return frames
        starts = np.array(self.starts)
        first, last = (np.array([getattr(s, k) for s in self.spans]) for k in ("start", "stop"))
        i = int(np.searchsorted(starts, n_samples - 1, side="right")) - 1
        covered = int(first[i] + n_samples - starts[i])
        if n_samples == self.n_samples:
            covered = len(self.recorded)
        rate = len(frames) / n_samples
        at = (np.arange(round(covered * rate)) + 0.5) / rate
        span = np.maximum(np.searchsorted(first, at, side="right") - 1, 0)
        inside = (at >= first[span]) & (at < last[span])
        frame = (rate * (starts[span] + at - first[span])).astype(int)
        spread = frames[np.clip(frame, 0, len(frames) - 1)]
        spread[~inside] = silence
        return spread

    @property
    def _is_as_recorded(self) -> bool:
        return self.is_whole and self.alignment is None

    def _as_recorded(self, gap: slice) -> Iterator[Channels]:
        for part in parts(gap):
            yield self.recorded[part].astype(np.float32)

    def _share(self, span: slice, part: slice, *, within: slice) -> Float[np.ndarray, "part 1"]:
        """The share of the sound, 0 to 1, in a part of a span: it fades where a gap is `within`."""
        n = max(1, min(int(_FADE_S * self.sr), (span.stop - span.start) // 2))
        at = np.arange(part.start, part.stop) + 0.5
        share = np.ones(len(at), np.float32)
        # Fades are no longer than the gap
        if n_before := min(n, span.start - within.start):
            share *= raised_cosine(at - span.start, n_before).astype(np.float32)
        if n_after := min(n, within.stop - span.stop):
            share *= raised_cosine(span.stop - at, n_after).astype(np.float32)
        return share[:, None]
