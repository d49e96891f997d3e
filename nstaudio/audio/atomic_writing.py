"""Files that appear under their names only when they are whole."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def replaced_atomically(file: Path, *, replace: bool = True) -> Iterator[Path]:
    """A path beside `file` to write to, which becomes `file` at the end of a `with` block.

    After an error in the block there is neither a new file nor a temporary one. A process that is
    killed leaves `.NAME.PID.part`.

    Args:
        replace: put it in place of a file that is there already.

    Raises:
        FileExistsError: there is one already and `replace` is false.
    """
    temporary = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        yield temporary
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
