"""Files that a run was made of, found again after they moved together with its folder."""

import filecmp
import logging
from collections.abc import Sequence
from pathlib import Path, PurePath, PureWindowsPath
from typing import Any

from omegaconf import DictConfig, OmegaConf

from nstaudio.errors import InputError, one_line
from nstaudio.experiments.schema import path_list

log = logging.getLogger(__name__)


def follow(cfg: DictConfig, key: str, folder: Path, *, missing_ok: bool = False) -> None:
    """Bring the files of a saved config, one or a list, to where they are now.

    Args:
        cfg: changed in place.
        key: of the setting that names them, dotted.
        folder: the run's folder, where it is now.
        missing_ok: leave the name of a file that is nowhere.

    Raises:
        InputError: one is nowhere.
    """
    value: Any = OmegaConf.select(cfg, key)
    if not value:
        return
    before = path_list(value)
    now = [_now(file, key, folder, missing_ok=missing_ok) for file in before]
    if now == before:
        return
    for old, new in zip(before, now, strict=True):
        if old != new:
            log.info("%s: %s is not there; using %s", key, one_line(old), one_line(new))
    OmegaConf.update(cfg, key, now[0] if isinstance(value, str) else now)


def may_be_same(before: Sequence[str], now: Sequence[str]) -> bool:
    """True if as many files are named as before, and none of those still there has other bytes."""
    return len(before) == len(now) and all(
        not Path(old).exists() or (Path(new).exists() and filecmp.cmp(old, new, shallow=False))
        for old, new in zip(before, now, strict=True)
    )


def _now(file: str, key: str, folder: Path, *, missing_ok: bool) -> str:
    found = file if Path(file).exists() else find(file, folder)
    if found is None and missing_ok:
        return file
    if found is None:
        raise InputError(
            f"{key}: {one_line(file)}, of which the run in {one_line(folder)} was made, does not "
            f"exist; say where it is now by {key}="
        )
    return str(found)


def find(file: str, folder: Path) -> Path | None:
    r"""A file that is gone, below the run's folder or a folder around it; `None` if it is nowhere.

    As much of the end of its path as possible is kept: of `/old/project/clips/a.wav`, if the run is
    in `/new/project/outputs/x` now, `/new/project/clips/a.wav` rather than `/new/project/a.wav`.

    Args:
        file: its absolute path on the system where the run began: `/` or `\` may separate it.
        folder: the run's folder.
    """
    parts = (PurePath(file) if "/" in file else PureWindowsPath(file)).parts[1:]
    folder = folder.absolute()
    for first in range(len(parts)):
        for around in (folder, *folder.parents):
            found = around.joinpath(*parts[first:])
            if found.is_file():
                return found
    return None
