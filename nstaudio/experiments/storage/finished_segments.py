"""The finished segments of a run, as files that a resumed run reads instead of repeating them."""

import json
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from nstaudio.audio.atomic_writing import replaced_atomically
from nstaudio.errors import one_line


class FinishedSegment(NamedTuple):
    """A finished segment."""

    y: Float[np.ndarray, "samples channels"]
    generated_db: Float[np.ndarray, "frames mels"]
    content_db: Float[np.ndarray, "frames mels"]
    record: dict[str, Any]
    """Its figures, and a cache key of its inputs."""


class SegmentStore:
    """The segments of one run, a file each; a file exists only when it is whole.

    Args:
        folder: made when the first segment is saved.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def save(self, index: int, segment: FinishedSegment) -> None:
        """Save a segment."""
        self._folder.mkdir(exist_ok=True)
        with replaced_atomically(self._file(index)) as temporary, temporary.open("wb") as stream:
            np.savez(
                stream,
                y=segment.y,
                generated_db=segment.generated_db,
                content_db=segment.content_db,
                record=np.array(json.dumps(segment.record)),
            )

    def load(self, index: int) -> FinishedSegment | None:
        """A segment; `None` if it is missing or damaged."""
        try:
            with (
                self._file(index).open("rb") as stream,
                np.load(stream, allow_pickle=False) as arrays,
            ):
                record = json.loads(str(arrays["record"]))
                return FinishedSegment(
                    y=arrays["y"],
                    generated_db=arrays["generated_db"],
                    content_db=arrays["content_db"],
                    record=record,
                )
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None  # it can be computed again

    def __getitem__(self, index: int) -> FinishedSegment:
        """A segment that has been saved.

        Raises:
            OSError: it is missing or damaged.
        """
        segment = self.load(index)
        if segment is None:
            raise OSError(f"{one_line(self._file(index))} is missing or damaged")
        return segment

    def remove(self) -> None:
        """Remove all of them."""
        for file in self._folder.glob("*.npz"):
            file.unlink()
        if self._folder.is_dir() and not any(self._folder.iterdir()):
            self._folder.rmdir()

    def _file(self, index: int) -> Path:
        return self._folder / f"{index:04d}.npz"
