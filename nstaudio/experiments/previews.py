"""Sounds of a run under way: preview.wav, written anew every few seconds, for whoever watches."""

import contextlib
import logging
import time
from collections.abc import Iterator
from pathlib import Path

from nstaudio.audio.samples import Channels
from nstaudio.audio.spooling import spool
from nstaudio.errors import one_line
from nstaudio.experiments.storage import preview_files
from nstaudio.optimization.loop import TransferState
from nstaudio.transfer.inputs import TransferInputs
from nstaudio.transfer.prepared import PreparedTransfer

MAX_SHARE = 0.2
"""Of a run's time at most that goes into previews."""

log = logging.getLogger(__name__)


class Previews:
    """Previews of a run: one after its first steps, then as often as is asked for.

    They are made from the state and change nothing of it, so the result has the same bits.

    Args:
        folder: the run's.
        interval_s: seconds between them; `None` is none at all.
        inputs: the run's.
    """

    def __init__(self, folder: Path, interval_s: float | None, inputs: TransferInputs) -> None:
        self._folder, self._interval_s, self._inputs = folder, interval_s, inputs
        self._segment: tuple[int, PreparedTransfer] | None = None
        self._is_first, self._due = True, 0.0

    def begin(self, index: int, prepared: PreparedTransfer) -> None:
        """Begin a segment, and say how many steps it will have."""
        self._segment, self._is_first, self._due = (index, prepared), True, 0.0
        if self._interval_s is None:
            return
        guided = self._inputs.guided
        place = {"segment": index, "place": guided.index(index), "n_segments": len(guided)}
        with _as_warning():
            preview_files.write_steps(self._folder, {**place, "n_steps": prepared.n_steps})

    def offer(self, step: int, state: TransferState) -> None:
        """Write the sound of a state if one is due.

        Before the first step it is the start, which no one asked for; after the last comes `end`.
        """
        if self._interval_s is None or self._segment is None or time.monotonic() < self._due:
            return
        index, prepared = self._segment
        is_start, is_end = step == 0 < prepared.n_steps, step == prepared.n_steps
        if is_start or (is_end and not self._is_first):
            return
        started = time.monotonic()
        self._write(index, step, self._inputs.sound(index, prepared, state))
        ended = time.monotonic()
        self._is_first = False
        self._due = ended + max(self._interval_s, (ended - started) * (1 / MAX_SHARE - 1))

    def end(self, step: int, y: Channels) -> None:
        """Write the sound of the segment after its last step."""
        if self._interval_s is not None and self._segment is not None:
            self._write(self._segment[0], step, y)
            self._segment = None

    def _write(self, index: int, step: int, y: Channels) -> None:
        inputs = self._inputs
        if index == 0:  # as the result will begin, with the silence that was left out
            y = spool(inputs.join([y]), y.shape[1])
        about = {
            "segment": index,
            "n_segments": len(inputs.spans),
            "step": step,
            "begins_s": inputs.spans[index].start / inputs.sr,
        }
        with _as_warning():
            preview_files.write(self._folder, y, inputs.sr, about)

    def remove(self) -> None:
        """Remove the preview, once the result is there."""
        if self._interval_s is not None:
            preview_files.remove(self._folder)


@contextlib.contextmanager
def _as_warning() -> Iterator[None]:
    """Make an error of writing, such as of a full disk, a warning: the run itself will say more."""
    try:
        yield
    except OSError as error:
        log.warning("no preview: %s", one_line(error))
