"""Folders of clips to measure methods on."""

from pathlib import Path

from nstaudio.audio import files as audio_files
from nstaudio.audio.samples import Samples
from nstaudio.errors import InputError, one_line

ROLES = ("content", "style", "target")

Item = dict[str, Path]
"""Files by role; the target may be missing."""


def find(folder: Path) -> dict[str, Item]:
    """The folder's items by name: `NAME.content.flac`, `NAME.style.flac`, `NAME.target.flac`.

    Raises:
        InputError: there is no such folder, or no item in it.
    """
    if not folder.is_dir():
        raise InputError(f"{one_line(folder)} is not a folder")
    items: dict[str, Item] = {}
    for file in sorted(folder.iterdir()):
        name, _, role = file.stem.rpartition(".")
        if name and role in ROLES and not file.name.startswith("."):
            items.setdefault(name, {})[role] = file
    if not items:
        raise InputError(f"{one_line(folder)} holds no file such as NAME.content.flac")
    return items


def load(item: Item, role: str, sr: int) -> Samples:
    """Mono samples of one of the item's files at the rate `sr`, Hz.

    Raises:
        InputError: there is no such file, or it cannot be used.
    """
    if role not in item:
        raise InputError(f"there is no {role} file")
    return audio_files.load(item[role], role=role).mono(sr)
