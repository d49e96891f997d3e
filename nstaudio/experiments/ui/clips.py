"""Clips that were uploaded, each in a folder of its own, and the demo clips."""

import functools
import hashlib
import json
import re
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from nstaudio.audio import demo_clips, files, writing
from nstaudio.errors import InputError, one_line
from nstaudio.experiments.storage.file_writing import write_whole

FOLDER = "uploads"
"""Of the uploads, among the outputs."""

LISTEN, ABOUT = "listen.flac", "clip.json"

MAX_CHANNELS = 8
"""Of FLAC, in which browsers hear every clip."""

MAX_UNUSED_BYTES = 10**9
"""Of uploads that no run has taken: beyond it the oldest go, but none of the last day."""

_DAY_S = 86_400.0
_DEMO = "demo-"
_ID = re.compile(r"[0-9a-f]{32}")


class TooLarge(InputError):
    """A file of more bytes than the limit."""


class Limits(NamedTuple):
    """The limits of a clip."""

    n_bytes: int
    seconds: float


@dataclass(frozen=True)
class Clip:
    """A clip that a run can take.

    Attributes:
        id: in the page's requests.
        name: to be shown.
        file: as it was uploaded.
        sound: what a browser can play.
        duration_s: its length, s.
        demo: the demo clip's name among the choices of `content` and `style`; else `None`.
    """

    id: str
    name: str
    file: Path
    sound: Path
    duration_s: float
    demo: str | None = None

    def about(self) -> dict[str, Any]:
        """What the page is told."""
        return {
            "id": self.id,
            "name": self.name,
            "duration_s": self.duration_s,
            "demo": self.demo is not None,
        }


class ClipLibrary:
    """The clips of a page.

    Args:
        outputs: the folder among whose folders the uploads are.
        limits: of a clip.
    """

    def __init__(self, outputs: Path, limits: Limits) -> None:
        self._folder, self.limits = outputs / FOLDER, limits
        self._demos = {f"{_DEMO}{name}": _demo(name) for name in demo_clips.files()}

    @property
    def demos(self) -> list[Clip]:
        """The demo clips."""
        return list(self._demos.values())

    def find(self, id_: str) -> Clip:
        """A clip by its id.

        Raises:
            InputError: there is none.
        """
        if id_ in self._demos:
            return self._demos[id_]
        folder = self._folder / id_
        if not _ID.fullmatch(id_) or folder.is_symlink() or not (folder / ABOUT).is_file():
            raise InputError(f"{one_line(id_)} is no clip here; upload it again")
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        return Clip(
            id=id_,
            name=about["name"],
            file=folder / about["name"],
            sound=folder / LISTEN,
            duration_s=about["duration_s"],
        )

    def of_file(self, path: str) -> Clip | None:
        """The clip that is this file; `None` for a file that is not among them."""
        for demo in self.demos:
            if path in (f"${{clip:{demo.file.name}}}", str(demo.file)):
                return demo
        folder = Path(path).parent
        try:
            return self.find(folder.name) if folder.parent == self._folder.absolute() else None
        except InputError:
            return None

    async def receive(self, name: str, blocks: AsyncIterator[bytes]) -> tuple[Path, str]:
        """Write what is uploaded to a file that has no place yet; returns it and its id.

        Raises:
            TooLarge: it has more bytes than the limit.
            OSError: it cannot be written.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        name = file_name(name)
        place = Path(tempfile.mkdtemp(prefix=".", suffix=".part", dir=self._folder))
        hashed, n_bytes = hashlib.sha256(name.encode() + b"\0"), 0
        try:
            with (place / name).open("wb") as stream:
                async for block in blocks:
                    n_bytes += len(block)
                    check_size(name, n_bytes, self.limits)
                    hashed.update(block)
                    stream.write(block)
        except BaseException:
            shutil.rmtree(place, ignore_errors=True)
            raise
        return place / name, hashed.hexdigest()[:32]

    def add(self, file: Path, id_: str) -> Clip:
        """Check a file that was received, and give it its place.

        Raises:
            InputError: it holds no sound, or more than the limit.
            OSError: the disk is full.
        """
        place = file.parent
        try:
            about = self._folder / id_ / ABOUT
            if about.is_file():
                about.touch()  # as new, see `prune`
                return self.find(id_)
            sound = self._read(file)
            coding = writing.Coding("flac", "PCM_16")
            writing.save(place / LISTEN, sound.y, sound.sr, coding=coding)
            about = {"name": file.name, "duration_s": sound.duration_s}
            write_whole(place / ABOUT, json.dumps(about))
            place.rename(self._folder / id_)
            return self.find(id_)
        finally:
            shutil.rmtree(place, ignore_errors=True)

    def prune(self, used: Callable[[], set[str]]) -> None:
        """Remove the oldest uploads that no run has taken, beyond `MAX_UNUSED_BYTES`.

        Those of the last day stay: someone may be about to use them.

        Args:
            used: gives the ids of uploads that runs have taken; asked only where there are many.
        """
        places = [] if not self._folder.is_dir() else list(self._folder.iterdir())
        places = [place for place in places if place.is_dir() and not place.is_symlink()]
        if sum(map(_n_bytes, places)) <= MAX_UNUSED_BYTES:
            return
        kept, n_bytes = used(), 0
        unused = [place for place in places if place.name not in kept]
        for place in sorted(unused, key=_time_of, reverse=True):
            n_bytes += _n_bytes(place)
            if n_bytes > MAX_UNUSED_BYTES and time.time() - _time_of(place) > _DAY_S:
                shutil.rmtree(place, ignore_errors=True)

    def _read(self, file: Path) -> files.Recording:
        limit = self.limits.seconds
        try:
            sound = files.load(file, duration_s=limit + 1)
        except InputError as error:
            line = str(error).replace(f"clip file {one_line(file)}", one_line(file.name))
            raise InputError(line) from error
        if sound.duration_s > limit:
            raise InputError(
                f"{one_line(file.name)} is longer than the limit of {limit / 60:g} minutes "
                "(--max-minutes); cut it, or give it to the command"
            )
        if sound.y.shape[1] > MAX_CHANNELS:
            raise InputError(
                f"{one_line(file.name)} has {sound.y.shape[1]} channels; the page plays at most "
                f"{MAX_CHANNELS}"
            )
        writing.Coding("flac", "PCM_16").check(sound.sr, sound.y.shape[1])
        return sound


def check_size(name: str, n_bytes: int, limits: Limits) -> None:
    """Check the size of a file.

    Raises:
        TooLarge: it has more bytes than the limit.
    """
    if n_bytes > limits.n_bytes:
        raise TooLarge(
            f"{one_line(name)} is larger than the limit of {limits.n_bytes / 1e6:g} MB (--max-mb)"
        )


def file_name(text: str) -> str:
    """A name for an uploaded file: that which it had, without folders, controls and reserved signs.

    Its length in bytes fits every file system, and it is none of the folder's own files.
    """
    text = re.split(r"[/\\]", text)[-1]
    text = "".join(c if c.isprintable() and c not in '<>:"|?*$' else "_" for c in text)
    stem, dot, suffix = text.strip(" .").rpartition(".")
    if not dot:
        stem, suffix = suffix, ""
    suffix = suffix.encode()[:12].decode(errors="ignore")
    stem = stem.encode()[:120].decode(errors="ignore").strip(" .") or "clip"
    name = f"{stem}.{suffix}" if suffix else stem
    return f"_{name}" if name in (LISTEN, ABOUT) or name.startswith("-") else name


def _n_bytes(folder: Path) -> int:
    return sum(file.lstat().st_size for file in folder.iterdir())


def _time_of(folder: Path) -> float:
    """When a clip was uploaded, the last time, seconds since 1970; or when it was cut short."""
    about = folder / ABOUT
    return (about if about.is_file() else folder).stat().st_mtime


@functools.cache
def _demo(name: str) -> Clip:
    file = demo_clips.files()[name]
    return Clip(
        id=f"{_DEMO}{name}",
        name=name,
        file=file,
        sound=file,
        duration_s=files.load(file).duration_s,
        demo=name,
    )
