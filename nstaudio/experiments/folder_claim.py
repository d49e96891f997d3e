"""Claims on folders: two commands never write in the same one.

A folder is claimed before anything is written in it, and by `callback` before Hydra writes there.
"""

import contextlib
import itertools
import os
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from nstaudio.errors import InputError, one_line

_LOCK = ".lock"

_claimed: dict[Path, FileLock] = {}
"""By this process, ahead of the run or sweep that will use the folder."""


class FolderInUse(InputError):
    """A folder that another command is working in."""


def claim(folder: Path, *, user: str = "run") -> None:
    """Make a folder, if there is none, and lock it for this process, until `release_all`.

    Args:
        user: what works in the folder, in an error: `run` or `sweep`.

    Raises:
        FolderInUse: it is locked.
        InputError: see `check_name`.
        OSError: it cannot be made.
    """
    _claimed[folder.resolve()] = _acquire(folder, user)


def claim_new(folder: Path) -> Path:
    """Make a folder that there was not: `folder`, or that with a number after its name.

    Raises:
        InputError: see `check_name`.
        OSError: it cannot be made.
    """
    check_name(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    for n in itertools.count(2):
        made = folder if n == 2 else folder.with_name(f"{folder.name}_{n - 1}")
        with contextlib.suppress(FileExistsError):
            made.mkdir()
            return made
    raise AssertionError


@contextlib.contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Lock a folder against other commands; the system unlocks it when the process ends.

    The first to ask for a folder that is claimed has it.

    Raises:
        FolderInUse: it is locked.
    """
    lock = _claimed.pop(folder.resolve(), None) or _acquire(folder, "run")
    try:
        yield
    finally:
        lock.release()


def release_all() -> None:
    """Give up the claims of this process."""
    while _claimed:
        _claimed.popitem()[1].release()


def is_in_use(folder: Path) -> bool:
    """True while another command is working in a folder."""
    if not (folder / _LOCK).exists():
        return False
    try:
        _acquire(folder, "run").release()
    except InputError:
        return True
    return False


def holds_run(folder: Path) -> bool:
    """True if a run was begun in a folder."""
    return (folder / "config.yaml").exists()


def check_new(folder: Path) -> None:
    """Check that no run was begun in a folder.

    Raises:
        InputError: one was.
    """
    if holds_run(folder):
        raise InputError(
            f"{one_line(folder)} already holds a run; continue it with resume=, or choose another "
            "folder with hydra.run.dir="
        )


def check_resumed(folder: object) -> None:
    """Check that there is a run to resume.

    Args:
        folder: the value of `resume`.

    Raises:
        InputError: there is none.
    """
    if not (Path(str(folder)) / "config.yaml").is_file():
        raise InputError(f"resume={one_line(folder)} is no run's folder: no config.yaml")


def check_name(folder: Path) -> None:
    r"""Check that checkpoints can lie in a folder: TensorStore takes every `\` for a `/`.

    Raises:
        InputError: they cannot.
    """
    if os.sep == "/" and "\\" in str(folder.absolute()):
        raise InputError(f"{one_line(folder)}: the name of a run's folder must be without \\")


def _acquire(folder: Path, user: str) -> FileLock:
    check_name(folder)
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / _LOCK, timeout=0, thread_local=False)
    try:
        lock.acquire()
    except Timeout:
        raise FolderInUse(f"{one_line(folder)} is being used by another {user}") from None
    return lock
