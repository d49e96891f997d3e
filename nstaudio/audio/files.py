"""Recordings in files of any format, with every check of bad input."""

import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from nstaudio.audio import decoding, samples
from nstaudio.audio.decoding import Sound
from nstaudio.audio.samples import Channels
from nstaudio.audio.spooling import spool
from nstaudio.errors import InputError, number, one_line

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Recording:
    """One recording as its file holds it.

    Attributes:
        name: the file's name without its extension.
        y: float32 samples with full scale 1; a long recording's are on disk, not in memory.
        sr: their rate, Hz.
        path: the file.
        subtype: its coding, see `decoding.Sound`: `PCM_16`, `FLOAT`, `VORBIS`.
        label: its name in errors.
    """

    name: str
    y: Channels
    sr: int
    path: Path
    subtype: str
    label: str

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return len(self.y) / self.sr

    def mono(self, sr: int) -> samples.Samples:
        """The whole recording as mono samples at the rate `sr`, Hz, see `samples.prepare`."""
        return samples.prepare(self.y, self.sr, target_sr=sr, name=self.label)


def located(path: str | os.PathLike[str]) -> Path:
    """The place of that name, or else the one that the shell's `~` in it means.

    Raises:
        OSError, RuntimeError, ValueError: a name that no place can have.
    """
    file = Path(path)
    return file if file.exists() else file.expanduser()


def load(
    path: str | os.PathLike[str],
    *,
    start_s: float = 0.0,
    duration_s: float | None = None,
    role: str = "clip",
) -> Recording:
    """Read a file of sound, or the sound of a video, of any length.

    What is cut short or damaged is read as far as it goes, with a warning in the log.

    Args:
        start_s: where to start, s.
        duration_s: seconds to read at most; `None` reads to the end.
        role: the clip's name in errors (`content`, `style`).

    Raises:
        InputError: there is no such file, nothing in it can be decoded, or `samples.check` refuses
            what it holds.
    """
    start_s = number(f"{role}.start_s", start_s, at_least=0)
    if duration_s is not None:
        duration_s = number(f"{role}.duration_s", duration_s, above=0)
    file, what = Path(path), f"{role} file {one_line(path)}"
    if not os.fspath(path):
        raise InputError(f"{role} file has an empty name")
    try:
        file = located(path)
        what = f"{role} file {one_line(file)}"
        if not file.exists():
            raise InputError(f"{what} does not exist")
        if file.is_dir():
            raise InputError(f"{what} is a folder, not an audio file")
        if not file.is_file():
            raise InputError(f"{what} is not a regular file")
        if file.stat().st_size == 0:
            raise InputError(f"{what} is empty (0 bytes)")
        return _read(file, what, start_s, duration_s)
    except (OSError, RuntimeError, ValueError) as error:  # RuntimeError: ~nobody
        if isinstance(error, InputError):
            raise
        raise InputError(f"{what} cannot be read: {one_line(error)}") from error


def load_all(
    path: str | Sequence[str],
    *,
    start_s: float = 0.0,
    duration_s: float | None = None,
    role: str = "clip",
) -> list[Recording]:
    """Read one file, or several.

    Args:
        path: the file or files.
        start_s, duration_s, role: for each of them, see `load`.

    Raises:
        InputError: there is no path at all, or `load` refuses one of the files.
    """
    paths = [path] if isinstance(path, str) else path
    if not paths:
        raise InputError(f"{role}.path is an empty list; name at least one audio file")
    return [load(p, start_s=start_s, duration_s=duration_s, role=role) for p in paths]


def _read(file: Path, what: str, start_s: float, duration_s: float | None) -> Recording:
    try:
        with file.open("rb") as stream:
            sound = Sound(stream)
            sr = sound.sr
            samples.check_format(sr, sound.n_channels, name=what)
            start = round(start_s * sr)
            stop = None if duration_s is None else start + max(1, round(duration_s * sr))
            part = _Part(sound.blocks(), start, stop)
            y = spool(part, sound.n_channels)
    except decoding.UndecodableError as error:
        raise InputError(f"{what} {one_line(error)}") from error
    if start and start >= part.n_read:
        raise InputError(
            f"{what} is {part.n_read / sr:.2f} s long; it cannot start at {start_s:g} s"
        )
    if faults := sound.faults():
        log.warning("%s %s", what, "; it ".join(faults))
    y = samples.check(y, sr, name=what)
    return Recording(one_line(file.stem), y, sr, file, sound.subtype, what)


class _Part:
    """The samples from `start` to `stop` of blocks that follow one another.

    Attributes:
        n_read: samples read, of them and those before.
    """

    def __init__(self, blocks: Iterable[Channels], start: int, stop: int | None) -> None:
        self._blocks, self._start, self._stop = blocks, start, stop
        self.n_read = 0

    def __iter__(self) -> Iterator[Channels]:
        """Those there are; no more is read than is needed."""
        for block in self._blocks:
            first = self.n_read
            self.n_read += len(block)
            last = None if self._stop is None else max(0, self._stop - first)
            part = block[max(0, self._start - first) : last]
            if len(part):
                yield part
            if self._stop is not None and self.n_read >= self._stop:
                return
