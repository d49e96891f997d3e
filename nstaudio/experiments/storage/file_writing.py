"""Files that appear under their names only when they are whole."""

import re
from pathlib import Path

from nstaudio.audio.atomic_writing import replaced_atomically


def short_name(text: object, *, longest: int = 60) -> str:
    """`text` as part of a file name: word characters, dots, dashes, `=`, `,`; not too long."""
    name = re.sub(r"[^\w.=,+-]+", "-", str(text)).strip("-.")[:longest]
    return name or "unnamed"


def remove_unfinished(folder: Path) -> None:
    """Remove the temporary files of a killed process."""
    for temporary in folder.rglob(".*.part"):
        temporary.unlink(missing_ok=True)


def write_whole(file: Path, data: str | bytes, *, replace: bool = True) -> None:
    """Write a file that appears under its name only when it is whole.

    Raises:
        FileExistsError: there is one already and `replace` is false.
    """
    with replaced_atomically(file, replace=replace) as temporary:
        if isinstance(data, bytes):
            temporary.write_bytes(data)
        else:
            temporary.write_text(data, encoding="utf-8")
