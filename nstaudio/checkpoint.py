"""Orbax save and restore of the state that is optimised."""

import hashlib
import json
import logging
import tempfile
import time
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp

from nstaudio.descent import TransferState

log = logging.getLogger(__name__)


class OtherInputs(ValueError):
    """A checkpoint is whole and belongs to other `inputs`, which this has."""

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
    """What an error says, in short."""
    return str(error).splitlines()[0][:200] if str(error) else type(error).__name__


class Checkpoints:
    """The checkpoints of one run, saved in the background, newest first to be restored.

    A context manager: leaving it waits for the save under way, which would else be lost. A save
    that fails, as on a full disk, is a warning and no more: the work goes on, and so do the saves
    that follow.

    Args:
        folder: holds one folder for each step that was saved.
        keep: how many to keep.
        interval_s: `save_if_due` saves when this many seconds have passed since the last save.
        inputs: what the state belongs to, saved with it: anything that JSON can hold.
    """

    def __init__(self, folder: Path, *, keep: int, interval_s: float, inputs: Any) -> None:
        self.folder = folder.absolute()  # Orbax refuses relative paths
        self.keep, self.interval_s, self.inputs = keep, interval_s, inputs
        self._manager = self._open()
        self._last_save = time.monotonic()
        self._last_step: int | None = None

    def _open(self) -> ocp.CheckpointManager:
        options = ocp.CheckpointManagerOptions(max_to_keep=self.keep, create=True)
        return ocp.CheckpointManager(self.folder, options=options)

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(self, *_: object) -> None:
        self._attempt(self._manager.wait_until_finished)
        self._attempt(self._manager.close)

    def _attempt(self, action: Callable[[], Any]) -> bool:
        """Whether it went well: what fails in the background is raised by what comes after it."""
        try:
            action()
        except Exception as error:  # Orbax and TensorStore raise bare Exceptions here
            log.warning("a checkpoint could not be saved (%s); the run goes on", _reason(error))
            return False
        return True

    def _probe(self) -> None:
        # Where Orbax cannot make a folder, its threads wait for it for minutes.
        self.folder.mkdir(parents=True, exist_ok=True)
        Path(tempfile.mkdtemp(prefix="probe_", dir=self.folder)).rmdir()

    def save(self, state: TransferState) -> None:
        """Save `state` unless its step was the last one saved."""
        step = int(state.step)
        if step == self._last_step:
            return
        meta = {
            "checksum": _checksum(state),
            "inputs": self.inputs,
            "inputs_checksum": _text_checksum(self.inputs),
        }
        args = ocp.args.Composite(state=ocp.args.StandardSave(state), meta=ocp.args.JsonSave(meta))
        self._attempt(self._manager.wait_until_finished)
        if self._attempt(self._probe) and self._attempt(
            partial(self._manager.save, step, args=args)
        ):
            self._last_step = step
        self._last_save = time.monotonic()

    def save_if_due(self, state: TransferState) -> None:
        """Save `state` when the interval has passed.

        The interval is time, not steps: saving after every few milliseconds' worth of steps
        would cost several times the steps themselves.
        """
        if time.monotonic() - self._last_save >= self.interval_s:
            self.save(state)

    def restore(self, like: TransferState) -> TransferState | None:
        """The newest checkpoint that can be read; `None` when there is none.

        One that cannot be read is moved aside with a warning and the one before is taken.

        Raises:
            OtherInputs: it belongs to others.
        """
        for step in sorted(self._manager.all_steps(), reverse=True):
            try:
                meta = self._read(step, meta=ocp.args.JsonRestore())
                if _text_checksum(meta["inputs"]) != meta["inputs_checksum"]:
                    raise ValueError("its checksum does not match")
                if meta["inputs"] != self.inputs:
                    raise OtherInputs(meta["inputs"])
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
    """A short hash of arrays, to tell whether a run's inputs are still the same."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()[:16]
