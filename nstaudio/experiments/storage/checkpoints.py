"""Checkpoints: Orbax save and restore of the optimised state."""

import contextlib
import hashlib
import json
import logging
import operator
import tempfile
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp

from nstaudio.optimization.loop import TransferState

log = logging.getLogger(__name__)

_MAX_SHARE = 0.05  # of the time of concurrent runs, spent on saving them


class OtherInputs(ValueError):
    """A whole checkpoint that belongs to other `inputs`."""

    def __init__(self, inputs: Any) -> None:
        super().__init__("a checkpoint belongs to other inputs")
        self.inputs = inputs


def _checksum(state: TransferState) -> int:
    """CRC-32 over every array: a damaged file can still decode to numbers."""
    crc = 0
    for leaf in jax.tree.leaves(state):
        crc = zlib.crc32(np.ascontiguousarray(leaf).tobytes(), crc)
    return crc


def _text_checksum(inputs: Any) -> int:
    return zlib.crc32(json.dumps(inputs, sort_keys=True).encode())


def _reason(error: Exception) -> str:
    """An error in short."""
    return str(error).splitlines()[0][:200] if str(error) else type(error).__name__


class SaveQueue:
    """Turns of the checkpoints of several runs in one process, in whatever threads.

    Orbax's managers, when two save at once, wait for each other for ever.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._saving: Checkpoints | None = None

    @contextlib.contextmanager
    def turn(self, checkpoints: "Checkpoints") -> Iterator[None]:
        """A turn; the save of another run that is under way ends first."""
        with self._lock:
            other, self._saving = self._saving, checkpoints
            if other is not None and other is not checkpoints:
                other.wait()
            yield

    def leave(self) -> None:
        """End a turn that leaves no save under way; only within it."""
        self._saving = None


class Checkpoints:
    """The checkpoints of one run, saved in the background, the newest restored first.

    A context manager: leaving it waits for the save under way, which would else be lost. A save
    that fails, as on a full disk, is a warning and no more: the run goes on, and so do the saves
    that follow.

    Args:
        folder: holds a folder for each saved step.
        keep: the number of newest checkpoints to keep.
        interval_s: `save_if_due` saves when this many seconds have passed since the last save.
        inputs: a description of the run that the state belongs to, saved with it: anything that
            JSON can hold.
        same: compares saved inputs with these.
        queue: shared by the runs that save side by side; `None` is a run by itself.
    """

    def __init__(
        self,
        folder: Path,
        *,
        keep: int,
        interval_s: float,
        inputs: Any,
        same: Callable[[Any, Any], bool] = operator.eq,
        queue: SaveQueue | None = None,
    ) -> None:
        self.folder = folder.absolute()  # Orbax refuses relative paths
        self.keep, self.interval_s, self.inputs = keep, interval_s, inputs
        self._same, self._queue = same, queue or SaveQueue()
        self._failure: Exception | None = None
        with self._queue.turn(self):
            self._manager = self._open()
        self._last_save, self._save_s = time.monotonic(), 0.0
        self._last_step: int | None = None

    def _open(self) -> ocp.CheckpointManager:
        options = ocp.CheckpointManagerOptions(max_to_keep=self.keep, create=True)
        return ocp.CheckpointManager(self.folder, options=options)

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(self, *_: object) -> None:
        with self._queue.turn(self):
            self._attempt(self._manager.wait_until_finished)
            self._attempt(self._manager.close)
            self._queue.leave()

    def wait(self) -> None:
        """Wait for the save under way; a failure is logged by the next call of this run's own."""
        try:
            self._manager.wait_until_finished()
        except Exception as error:  # Orbax and TensorStore raise bare Exceptions here
            self._failure = error

    def _attempt(self, action: Callable[[], Any]) -> bool:
        """True on success; an error in the background surfaces at the next call."""
        try:
            action()
            failure, self._failure = self._failure, None
            if failure is not None:
                raise failure
        except Exception as error:  # Orbax and TensorStore raise bare Exceptions here
            log.warning("a checkpoint could not be saved (%s); the run goes on", _reason(error))
            return False
        return True

    def _probe(self) -> None:
        # Where Orbax cannot make a folder, its threads wait for it for minutes.
        self.folder.mkdir(parents=True, exist_ok=True)
        Path(tempfile.mkdtemp(prefix="probe_", dir=self.folder)).rmdir()

    def save(self, state: TransferState) -> None:
        """Save `state` unless its step was saved last."""
        step = int(state.step)
        if step == self._last_step:
            return
        meta = {
            "checksum": _checksum(state),
            "inputs": self.inputs,
            "inputs_checksum": _text_checksum(self.inputs),
        }
        args = ocp.args.Composite(state=ocp.args.StandardSave(state), meta=ocp.args.JsonSave(meta))
        with self._queue.turn(self):
            started = time.monotonic()
            self._attempt(self._manager.wait_until_finished)
            if self._attempt(self._probe) and self._attempt(
                partial(self._manager.save, step, args=args)
            ):
                self._last_step = step
            self._last_save = time.monotonic()
            self._save_s = self._last_save - started

    def save_if_due(self, state: TransferState, *, n_concurrent: int = 1) -> None:
        """Save `state` when the interval has passed.

        The interval is time, not steps: saving after every few milliseconds' worth of steps
        would cost several times the steps themselves.

        Args:
            n_concurrent: runs that go on side by side, this one included. All wait while one is
                saved; to keep this below a twentieth of the time, a positive interval is made
                longer.
        """
        interval_s = self.interval_s
        if n_concurrent > 1 and interval_s > 0:
            interval_s = max(interval_s, n_concurrent * self._save_s / _MAX_SHARE)
        if time.monotonic() - self._last_save >= interval_s:
            self.save(state)

    def restore(self, like: TransferState) -> TransferState | None:
        """The newest checkpoint that can be read; `None` without one.

        One that cannot be read is moved aside with a warning, and the one before is tried.

        Args:
            like: the run's start, which is the state of step 0: of that checkpoint only the inputs
                are read. A run that makes no steps pads its clips to other sizes than one that
                goes on from it.

        Raises:
            OtherInputs: it belongs to other inputs.
        """
        with self._queue.turn(self):
            return self._restore(like)

    def _restore(self, like: TransferState) -> TransferState | None:
        for step in sorted(self._manager.all_steps(), reverse=True):
            try:
                meta = self._read(step, meta=ocp.args.JsonRestore())
                if _text_checksum(meta["inputs"]) != meta["inputs_checksum"]:
                    raise ValueError("its checksum does not match")
                if not self._same(meta["inputs"], self.inputs):
                    raise OtherInputs(meta["inputs"])
                if step == 0:
                    self._last_step = step
                    return like
                state = TransferState(*self._read(step, state=ocp.args.StandardRestore(like)))
                if _checksum(state) != meta["checksum"] or int(state.step) != step:
                    raise ValueError("its checksum does not match")
            except OtherInputs:
                raise
            except Exception as error:  # Orbax and TensorStore raise bare Exceptions here
                log.warning("checkpoint of step %d cannot be read (%s)", step, _reason(error))
                self._move_aside(step)
                continue
            self._last_step = step
            return state
        return None

    def _read(self, step: int, **item: Any) -> Any:
        restored = self._manager.restore(step, args=ocp.args.Composite(**item))
        return restored[next(iter(item))]

    def _move_aside(self, step: int) -> None:
        self._manager.close()
        damaged = self.folder.with_name("damaged_checkpoints")
        damaged.mkdir(exist_ok=True)
        source, n = self.folder / str(step), 0
        while (target := damaged / (f"{step}_{n}" if n else str(step))).exists():
            n += 1
        if source.exists():
            source.rename(target)
            log.warning("it was moved to %s", target)
        self._manager = self._open()


def fingerprint(*arrays: Any) -> str:
    """A short hash of arrays, by which a resumed run recognises its inputs."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()[:16]
