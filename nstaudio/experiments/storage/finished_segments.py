"""The segments of a run that are done, as files: what a run that goes on need not make again."""

import json
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from nstaudio.audio.atomic_writing import replaced_atomically
from nstaudio.errors import one_line


class FinishedSegment(NamedTuple):
    """A segment that is done."""

    y: Float[np.ndarray, "samples channels"]
    generated_db: Float[np.ndarray, "frames mels"]
    content_db: Float[np.ndarray, "frames mels"]
    record: dict[str, Any]
    """Its figures, and what tells whether it is still of use."""


class SegmentStore:
    """The segments of one run, a file each. A file is there when it is whole.

    Args:
        folder: made when the first part is saved.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def save(self, index: int, part: FinishedSegment) -> None:
        """Save a segment."""
        self._folder.mkdir(exist_ok=True)
        with replaced_atomically(self._file(index)) as temporary, temporary.open("wb") as stream:
            np.savez(
                stream,
                y=part.y,
                generated_db=part.generated_db,
                content_db=part.content_db,
                record=np.array(json.dumps(part.record)),
            )

    def load(self, index: int) -> FinishedSegment | None:
        """A segment; `None` where it is not there or damaged."""
        try:
            with (
                self._file(index).open("rb") as stream,
                np.load(stream, allow_pickle=False) as arrays,
            ):
                record = json.loads(str(arrays["record"]))
                return FinishedSegment(
                    arrays["y"], arrays["generated_db"], arrays["content_db"], record
                )
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None  # it can be made again

    def __getitem__(self, index: int) -> FinishedSegment:
        """A segment that has been saved.

        Raises:
            OSError: it is not there any more, or damaged.
        """
        part = self.load(index)
        if part is None:
            raise OSError(f"{one_line(self._file(index))} is missing or damaged")
        return part

    def remove(self) -> None:
        """Remove them all."""
        for file in self._folder.glob("*.npz"):
            file.unlink()
        if self._folder.is_dir() and not any(self._folder.iterdir()):
            self._folder.rmdir()

    def _file(self, index: int) -> Path:
        return self._folder / f"{index:04d}.npz"
