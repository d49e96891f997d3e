"""Contents by name: files, and folders whose files of sound are contents."""

import logging
import mimetypes
from collections.abc import Sequence
from pathlib import Path

from nstaudio.audio import decoding
from nstaudio.audio.files import located
from nstaudio.errors import InputError, one_line
from nstaudio.experiments.storage.file_writing import short_name

log = logging.getLogger(__name__)

_MAX_NAMED = 8  # of what is left out


def find(paths: Sequence[str]) -> list[str]:
    """The files of several contents: each that is named, and those of sound in each folder.

    Folders in folders are not looked into. What else lies in a folder is left out with a line; a
    damaged file of sound is not.

    Raises:
        InputError: there is no path, or a folder without sound.
        OSError: a folder cannot be read.
    """
    if not paths:
        raise InputError("content.path is an empty list; name at least one audio file")
    found: list[str] = []
    for path in paths:
        place = located(path)
        found += [str(file) for file in _sounds_in(place)] if place.is_dir() else [path]
    return found


def _sounds_in(folder: Path) -> list[Path]:
    files = sorted(file for file in folder.iterdir() if not file.name.startswith("."))
    sounds = [file for file in files if _is_sound(file)]
    others = [file.name for file in files if file not in sounds]
    if others:
        named = ", ".join(map(one_line, others[:_MAX_NAMED]))
        more = f" and {len(others) - _MAX_NAMED} more" if len(others) > _MAX_NAMED else ""
        log.info("no audio, left out of %s: %s%s", one_line(folder), named, more)
    if not sounds:
        raise InputError(f"content file {one_line(folder)} is a folder without audio files")
    return sounds


def _is_sound(file: Path) -> bool:
    """True of what can be decoded, and of what is named like it: its failure is to be seen."""
    if not file.is_file():
        return False
    kind = mimetypes.guess_type(file.name)[0] or ""
    if kind.startswith(("audio/", "video/")):
        return True
    try:
        with file.open("rb") as stream:
            decoding.Sound(stream)
    except (decoding.UndecodableError, OSError, ValueError):
        return False
    return True


def folder_names(files: Sequence[str]) -> list[str]:
    """A folder's name for each file, after its own: `song`, and of another such `song_2`."""
    names: list[str] = []
    for file in files:
        name = first = short_name(Path(file).stem)
        n = 1
        while name.casefold() in {other.casefold() for other in names}:
            n += 1
            name = f"{first}_{n}"
        names.append(name)
    return names
