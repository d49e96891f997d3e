"""The hostile files of fuzz_inputs.py: case i of a seed is always the same."""

import json
import os
import struct
from pathlib import Path
from typing import NamedTuple

import numpy as np

from fuzz_mutations import MUTATIONS, Mutation
from fuzz_seeds import seed_file


class FileCase(NamedTuple):
    """A path to load.

    Attributes:
        expected: `load`, `refuse`, or `None` where either is right.
        n: samples that must come out, where that is known.
    """

    path: str
    label: str
    expected: str | None
    n: int | None


_NAMES = (
    "plain",
    "with space",
    "a=b",
    "it's",
    'quo"te',
    "ünï-码",
    "line\nbreak",
    "tab\t\x1b[31m",
    "%s %d",
    "${HOME}",
    "-dash",
    ".hidden",
    "x" * 240,
    "\udcff",
    "a;b&c|d",
    "[1,2]",
)
_EXTENSIONS = ("wav", "flac", "ogg", "mp3", "aiff", "raw", "txt", "sd2", "vox", "gsm", "htk", "")
# What is no regular file, or none at all: written fresh for each case.
_PLACES = (
    "",
    "\0",
    "a\0b.wav",
    "~",
    "~nobody-of-this-name/a.wav",
    "~root/a.wav",
    "missing.wav",
    "missing\n.wav",
    "x" * 300 + ".wav",
    "x/" * 3000 + "a.wav",
    "/dev/zero",
    "/dev/null",
    "/dev/full",
    "/dev/stdin",
    "/proc/self/mem",
    "/proc/self/environ",
    "/proc/self/pagemap",
    "/sys/kernel/notes",
    "/",
    ".",
    "http://localhost/a.wav",
    "\udcff.wav",
    *("fifo", "folder", "loop", "dangling", "unreadable", "empty", "sparse"),
)


def _place(name: str, folder: Path) -> str:
    """The path of one of `_PLACES`."""
    path = folder / f"{name}.wav"
    if name == "fifo":
        os.mkfifo(path)
    elif name == "folder":
        path.mkdir()
    elif name == "loop":
        path.symlink_to(path)
    elif name == "dangling":
        path.symlink_to(folder / "nowhere")
    elif name == "unreadable":
        path.write_bytes(b"RIFF")
        path.chmod(0)
    elif name == "empty":
        path.touch()
    elif name == "sparse":  # 3 GB of zeros after a header that says so
        head = b"RIFF" + struct.pack("<I", 3 * 2**30) + b"WAVEfmt " + struct.pack("<I", 16)
        head += struct.pack("<HHIIHH", 1, 1, 44100, 88200, 2, 16) + b"data"
        path.write_bytes(head + struct.pack("<I", 3 * 2**30 - 36))
        os.truncate(path, 3 * 2**30 + 8)
    else:
        return name
    return str(path)


def _concatenate(rng: np.random.Generator, data: bytes) -> bytes:
    return data + seed_file(rng).data


def _another_head(rng: np.random.Generator, data: bytes) -> bytes:
    other, n = seed_file(rng).data, int(rng.integers(4, 64))
    return other[:n] + data[n:]


_RECORD = "case.json"


def write_file(seed: int, index: int, folder: Path) -> FileCase:
    """Write case `index` into the folder, which is emptied of the case before."""
    inputs = folder / "inputs"
    if inputs.exists():
        for old in inputs.iterdir():
            old.rmdir() if old.is_dir() and not old.is_symlink() else old.unlink()
    inputs.mkdir(exist_ok=True)
    case = _file(np.random.default_rng([seed, index]), index, inputs)
    (folder / _RECORD).write_text(json.dumps(case))
    return case


def recorded(folder: Path) -> FileCase:
    """The case that was written last."""
    return FileCase(*json.loads((folder / _RECORD).read_text()))


_ALL_MUTATIONS: tuple[Mutation, ...] = (*MUTATIONS, _concatenate, _another_head)


def _file(rng: np.random.Generator, index: int, folder: Path) -> FileCase:
    if index < len(_PLACES):
        name = _PLACES[index]
        return FileCase(_place(name, folder), f"the path {name[:40]!r}", "refuse", None)
    seed = seed_file(rng)
    data, label, expected, n = seed.data, seed.label, seed.expected, seed.n
    extension = seed.extension
    for _ in range(rng.choice([0, 1, 2, 4], p=[0.4, 0.4, 0.1, 0.1])):
        if data:
            mutation = _ALL_MUTATIONS[rng.integers(len(_ALL_MUTATIONS))]
            data = mutation(rng, data)
            label += f", {mutation.__name__.strip('_')}"
            expected = n = None
    if not data:
        expected = "refuse"
    if rng.random() < 0.1:
        extension = str(rng.choice(_EXTENSIONS))
        label += f", as .{extension}"
    stem = "plain" if rng.random() < 0.8 else str(rng.choice(_NAMES))
    path = folder / f"{stem}.{extension}"
    path.write_bytes(data)
    return FileCase(str(path), label, expected, n)
