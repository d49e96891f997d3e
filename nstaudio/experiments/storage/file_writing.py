"""Files that appear under their names only when they are whole."""

import os
import re
from pathlib import Path


def short_name(text: object, *, longest: int = 60) -> str:
    """`text` as part of a file name: word characters, dots, dashes, `=`, `,`; not too long."""
    name = re.sub(r"[^\w.=,+-]+", "-", str(text)).strip("-.")[:longest]
    return name or "unnamed"


def remove_unfinished(folder: Path) -> None:
    """Remove what a killed process had begun to write."""
    for temporary in folder.rglob(".*.part"):
        temporary.unlink(missing_ok=True)


def write_whole(file: Path, data: str | bytes, *, replace: bool = True) -> None:
    """Write a file that appears under its name only when it is whole.

    Raises:
        FileExistsError: there is one already and `replace` is false.
    """
    temporary = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        if isinstance(data, bytes):
            temporary.write_bytes(data)
        else:
            temporary.write_text(data, encoding="utf-8")
        if replace:
            temporary.replace(file)
        else:
            _name_new(temporary, file)
    finally:
        temporary.unlink(missing_ok=True)


def _name_new(temporary: Path, file: Path) -> None:
    try:
        os.link(temporary, file)  # unlike a rename, it fails where there is one already
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        if file.exists():
            raise FileExistsError(file) from None
        temporary.replace(file)
