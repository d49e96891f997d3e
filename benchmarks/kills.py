"""Kill runs, damage their folders, fill their disks: whatever happens, they must end right.

    uv run python benchmarks/kills.py --kills 20
    uv run python benchmarks/kills.py --kills 0 --faults
    uv run python benchmarks/kills.py --kills 0 --faults --only disk

A kill is a SIGKILL at a random moment; the run is then resumed to its end and must be, to the bit,
what an unbroken run is. A fault is anything else: signals, full disks, damaged files, two runs in
one folder. Right is the unbroken run's result, or one line `error: ...` and exit code 2; wrong is
a traceback, another result, a file under its name that is not whole, a file left over or anything
written outside the run's folder. Full disks need root, which mounts a small file system for them.
"""

import argparse
import contextlib
import hashlib
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import soundfile

ROOT = Path(__file__).resolve().parent.parent
SR = 32000
INTERVAL_S = 0.5
SETTINGS = (
    *("encoder.features=[32,16]", "spectrogram.n_mels=40", "n_steps=300", "log_every=10"),
    *("segments.length_s=3.5", "segments.overlap_s=0.5", f"checkpoint.interval_s={INTERVAL_S}"),
)
PATIENCE_S = 180.0
UGLY = ("Traceback", "Logging error", "Exception ignored", "From cffi callback", "Fatal")
TIMES = {"seconds_compiling", "seconds_optimizing", "steps_per_second", "seconds_total"}
OWN = {*TIMES, "peak_rss_mb"}
"""Figures of a summary that need not be an unbroken run's."""


def music(seed: int, seconds: float) -> np.ndarray:
    """Decaying harmonic notes over a little noise."""
    rng = np.random.default_rng(seed)
    t = np.arange(int(seconds * SR)) / SR
    y = 0.002 * rng.standard_normal(t.size)
    for start in np.arange(0.0, seconds, 0.25):
        f0, after = 110.0 * 2 ** (rng.integers(0, 36) / 12), np.maximum(t - start, 0.0)
        for k in range(1, 8):
            y += (t >= start) * 0.2 / k * np.exp(-4 * after) * np.sin(2 * np.pi * k * f0 * t)
    return (0.6 * y / np.abs(y).max()).astype(np.float32)


class Ended(NamedTuple):
    """How a process ended."""

    code: int | None
    """`None`: it had to be killed after `PATIENCE_S`."""
    err: str

    @property
    def last(self) -> str:
        """What it said last."""
        said = [a for a in re.split(r"[\r\n]+", self.err) if a.strip() and "step/s" not in a]
        return said[-1] if said else ""


class Process:
    """A run under way; its working folder is empty and its own."""

    def __init__(self, lab: "Lab", *arguments: str) -> None:
        self.cwd = lab.new("cwd")
        self._err = self.cwd.with_suffix(".err")
        with self._err.open("wb") as err:
            self.popen = subprocess.Popen(
                [sys.executable, str(ROOT / "scripts" / "run.py"), *arguments],
                cwd=self.cwd,
                stdout=err,
                stderr=err,
                stdin=subprocess.DEVNULL,
                # Compiled once, a program need not be compiled in every run that follows.
                env={**os.environ, "PYTHONPATH": str(ROOT), **lab.cache},
            )

    def wait_for(self, found: Callable[[], Any]) -> bool:
        """Wait until `found()`; false when the process ended before."""
        deadline = time.monotonic() + PATIENCE_S
        while not found():
            if self.popen.poll() is not None or time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        return True

    def end(self) -> Ended:
        """Wait for its end."""
        try:
            code: int | None = self.popen.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()
            code = None
        return Ended(code, self._err.read_text(errors="replace"))

    def kill(self) -> Ended:
        """SIGKILL."""
        self.popen.kill()
        return self.end()


class Lab:
    """The clips, an unbroken run of them, and places for others."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.cache = folder, {}
        self._numbers = itertools.count()
        self.clips = {"content": folder / "content.wav", "style": folder / "style.wav"}
        y = np.stack([music(1, 9.0), 0.5 * music(3, 9.0)], axis=1)
        soundfile.write(self.clips["content"], y, SR, subtype="PCM_16")
        soundfile.write(self.clips["style"], music(2, 4.0), SR)
        self.arguments = [f"{role}.path={file}" for role, file in self.clips.items()]
        self.arguments += SETTINGS
        self._hashes = self.hashes()
        self.reference = self.new("reference")
        ended = Process(self, *self.arguments, f"hydra.run.dir={self.reference}").end()
        assert ended.code == 0, ended.err
        self.cache = {
            "JAX_COMPILATION_CACHE_DIR": str(folder / "cache"),
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        }
        self.unbroken()  # fills the cache

    def unbroken(self) -> float:
        """Seconds of an unbroken run from the moment when it has a folder."""
        run = self.new("unbroken")
        process = Process(self, *self.arguments, f"hydra.run.dir={run}")
        process.wait_for((run / "config.yaml").exists)
        started = time.monotonic()
        complaints = self.judge(process.end(), run, process.cwd, codes=(0,))
        assert not complaints, complaints
        return time.monotonic() - started

    def new(self, name: str) -> Path:
        """A folder that is new."""
        folder = self.folder / f"{next(self._numbers):04d}_{name}"
        folder.mkdir()
        return folder

    def copy(self, of: Path) -> Path:
        """A copy of a run's folder."""
        folder = self.new("copy")
        shutil.copytree(of, folder, dirs_exist_ok=True)
        return folder

    def hashes(self, *folders: Path) -> dict[Path, str]:
        """What is in the clips, or in folders."""
        files = [file for folder in folders for file in folder.rglob("*") if file.is_file()]
        files = files or list(self.clips.values())
        return {file: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}

    def cut(self) -> Path:
        """A run killed in its second segment."""
        run = self.new("cut")
        process = Process(self, *self.arguments, f"hydra.run.dir={run}")
        steps = run / "checkpoints" / "0001"
        assert process.wait_for(lambda: sum(a.name.isdigit() for a in steps.glob("*")) > 1)
        process.kill()
        return run

    def resume(
        self, run: Path, *, codes: tuple[int, ...] = (0, 2), lines_lost: bool = False
    ) -> tuple[str, list[str]]:
        """Resume to the end: what happened, and what is wrong with it."""
        process = Process(self, f"resume={run}")
        ended = process.end()
        wrong = self.judge(ended, run, process.cwd, codes=codes, lines_lost=lines_lost)
        return said(ended), wrong

    def judge(
        self,
        ended: Ended,
        run: Path,
        cwd: Path,
        *,
        codes: tuple[int, ...],
        lines_lost: bool = False,
    ) -> list[str]:
        """What is wrong with a run that has ended; nothing with one that is as it must be."""
        wrong = ["hangs"] if ended.code is None else []
        if ended.code is not None and ended.code not in codes:
            wrong.append(f"exit code {ended.code}")
        wrong += [f"prints {ugly!r}" for ugly in UGLY if ugly in ended.err]
        errors = ended.err.count("error: ")
        if ended.code == 2 and not (errors == 1 and ended.last.startswith("error: ")):
            wrong.append(f"{errors} error lines, not one")
        if ended.code == 0:
            wrong += self.differences(run, lines_lost=lines_lost)
        wrong += not_whole(run)
        # Where there is nothing to resume, Hydra keeps its record in a folder of its own.
        records = {*cwd.glob("outputs/*/*/.hydra/*"), *cwd.glob("outputs/*/*/run.log")}
        outside = {file for file in cwd.rglob("*") if file.is_file()}
        outside = sorted(str(file.relative_to(cwd)) for file in outside - records)
        wrong += [f"writes outside: {file}" for file in outside]
        if self._hashes != self.hashes():
            wrong.append("changes a clip")
        return wrong

    def differences(self, run: Path, *, lines_lost: bool = False) -> list[str]:
        """Where a finished run is not what an unbroken one is; lines of its log may be lost."""
        wrong = []
        for name in ("generated.wav", "content_content.wav", "style_style.wav"):
            if not (run / name).is_file():
                wrong.append(f"no {name}")
            elif (run / name).read_bytes() != (self.reference / name).read_bytes():
                wrong.append(f"another {name}")
        if not (run / "summary.json").is_file():
            return [*wrong, "no summary.json"]
        ours, theirs = (json.loads((a / "summary.json").read_text()) for a in (run, self.reference))
        own = {*OWN, "initial_style_loss"} if lines_lost else OWN
        wrong += [
            f"another {name}"
            for name in {*ours, *theirs} - own
            if ours.get(name) != theirs.get(name)
        ]
        ours, theirs = losses(run), losses(self.reference)
        if len({(row["segment"], row["step"]) for row in ours}) < len(ours):
            wrong.append("metrics.jsonl has a step twice")
        if (any(row not in theirs for row in ours)) if lines_lost else ours != theirs:
            wrong.append("another metrics.jsonl")
        wrong += [f"leaves {a.relative_to(run)}" for a in sorted(run.rglob("*.part"))]
        if (run / "segments").exists():
            wrong.append("leaves segments/")
        return wrong


def said(ended: Ended) -> str:
    """The exit code, and the last line where it is not the usual one."""
    return f"{ended.code}" if ended.code == 0 else f"{ended.code}: {ended.last[:150]}"


def rows(run: Path) -> list[dict[str, Any]]:
    """The lines of metrics.jsonl that a kill has not cut."""
    file = run / "metrics.jsonl"
    lines = file.read_text().splitlines(keepends=True) if file.is_file() else []
    return [json.loads(line) for line in lines if line.endswith("\n")]


def losses(run: Path) -> list[dict[str, Any]]:
    """metrics.jsonl without its times: in order, no line twice."""
    return [{k: v for k, v in row.items() if k != "seconds"} for row in rows(run)]


def not_whole(run: Path) -> list[str]:
    """Files under their final names that cannot be read to the end."""
    wrong = []
    for file in run.rglob("*"):
        if not file.is_file() or file.name.endswith(".part"):
            continue
        try:
            if file.suffix == ".wav":
                info = soundfile.info(file, verbose=True)
                assert "should be" not in str(info.extra_info)
                assert len(soundfile.read(file)[0]) == info.frames > 0
            elif file.suffix == ".npz":
                with zipfile.ZipFile(file) as parts:
                    assert parts.testzip() is None
            elif file.suffix == ".json":
                json.loads(file.read_text())
            elif file.suffix == ".html":
                assert file.read_text().endswith("</html>\n")
            elif file.suffix == ".png":
                assert b"IEND" in file.read_bytes()[-12:]
        except Exception as error:
            wrong.append(f"{file.relative_to(run)} is not whole ({type(error).__name__})")
    return wrong


class Row(NamedTuple):
    """A line of the table."""

    name: str
    outcome: str
    wrong: list[str]

    def __str__(self) -> str:
        verdict = "WRONG" if self.wrong else "right"
        lines = [f"{verdict:6}{self.name:42} {self.outcome}"]
        return "\n".join([*lines, *(f"{'':12}- {complaint}" for complaint in self.wrong)])


# Kills


def killed(lab: Lab, number: int, seed: int, seconds: float) -> Row:
    """Kill a run once or twice, resume it, compare."""
    rng = np.random.default_rng([seed, number])
    moments = [seconds * m for m in rng.uniform(size=1 + int(rng.integers(0, 2)))]
    run, done, wrong = lab.new("killed"), [], []
    arguments = [*lab.arguments, f"hydra.run.dir={run}"]
    for moment in moments:
        process, n_lines = Process(lab, *arguments), len(rows(run))
        # A resumption has begun when it logs or drops a line, not when config.yaml is there.
        begun = (run / "config.yaml").exists if not done else lambda n=n_lines: len(rows(run)) != n
        process.wait_for(begun)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.popen.wait(moment if not done else moment / 2)
        err = process.kill().err
        wrong += lost(done[-1], err) if done else []
        wrong += [f"prints {ugly!r}" for ugly in UGLY if ugly in err]
        done.append(rows(run))
        wrong += not_whole(run)
        arguments = [f"resume={run}"]
    process = Process(lab, *arguments)
    ended = process.end()
    wrong += lost(done[-1], ended.err)
    wrong += lab.judge(ended, run, process.cwd, codes=(0,))
    at = ", ".join(
        f"{m:.1f} s ({a[-1]['segment']}:{a[-1]['step']})" if a else f"{m:.1f} s (no step)"
        for m, a in zip(moments, done, strict=True)
    )
    again = re.search(
        r"(?:segment (\d+) of \d+: )(?:resuming at step (\d+)|no checkpoint)", ended.err
    )
    where = f"from {int(again[1]) - 1}:{again[2] or 0}" if again else "all made"
    return Row(f"kill {number} after {at}", f"{said(ended)}, {where}", wrong)


def lost(before: list[dict[str, Any]], err: str) -> list[str]:
    """What of the steps before a kill was made again beyond what an interval allows."""
    again = re.search(r"segment (\d+) of \d+: (?:resuming at step (\d+)|no checkpoint)", err)
    if not again or not before:
        return []
    segment, step = int(again[1]) - 1, int(again[2] or 0)
    if step >= max((a["step"] for a in before if a["segment"] == segment), default=0):
        return []
    if segment < before[-1]["segment"]:
        return [f"segment {segment} was done and is made again"]
    since = max(a["seconds"] for a in before if (a["segment"], a["step"]) <= (segment, step))
    seconds = before[-1]["seconds"] - since
    # What was being saved is lost with what came after it.
    if seconds > 2 * INTERVAL_S + 0.5:
        return [f"{seconds:.1f} s of steps are lost ({step} of {before[-1]['step']})"]
    return []


# Faults


Fault = Callable[[Lab, Path], tuple[str, list[str]]]
FAULTS: dict[str, Fault] = {}


def fault(name: str) -> Callable[[Fault], Fault]:
    """Add to the table; a fault gets a copy of a run that was cut in its second segment."""

    def add(function: Fault) -> Fault:
        FAULTS[name] = function
        return function

    return add


def newest(run: Path) -> Path:
    """The newest checkpoint."""
    steps = [a for a in (run / "checkpoints" / "0001").iterdir() if a.name.isdigit()]
    return max(steps, key=lambda a: int(a.name))


def each(folder: Path, change: Callable[[bytes], bytes]) -> None:
    """Change every file below."""
    for file in [a for a in folder.rglob("*") if a.is_file()]:
        file.write_bytes(change(file.read_bytes()))


def flipped(data: bytes, at: float = 0.5) -> bytes:
    """A bit of it turned over."""
    changed = bytearray(data)
    if changed:
        changed[int(at * len(changed))] ^= 1
    return bytes(changed)


def edit(file: Path, pattern: str, by: str) -> None:
    """Replace in a text file what must be there."""
    text, n = re.subn(pattern, by, file.read_text(), flags=re.MULTILINE)
    assert n, (file, pattern)
    file.write_text(text)


def instead(path: Path) -> None:
    """An empty folder in the place of a file, a file in the place of a folder."""
    if path.is_dir():
        shutil.rmtree(path)
        path.write_text("a file")
    else:
        path.unlink()
        path.mkdir()


def emptied(data: bytes) -> bytes:
    """Nothing of it."""
    del data
    return b""


def half(data: bytes) -> bytes:
    """Half of it."""
    return data[: len(data) // 2]


def other_shape(file: Path) -> None:
    """A segment whose array says that it is shorter than it is."""
    data = bytearray(file.read_bytes())
    at = data.index(b"'shape': (") + len("'shape': (")
    data[at] ^= 1
    file.write_bytes(data)


def other_record(file: Path) -> None:
    """A segment whose record says nothing, as another version may write it."""
    with np.load(file) as arrays:
        kept = dict(arrays)
    np.savez(file, **{**kept, "record": np.array("{}")})


def insert(file: Path, line: str) -> None:
    """A line before all others."""
    file.write_text(line + "\n" + file.read_text())


CONFIG, METRICS, SEGMENT = "config.yaml", "metrics.jsonl", "segments/0000.npz"
SAVED = "checkpoints/0001"
DAMAGE: dict[str, tuple[Callable[[Path], Any], tuple[int, ...]]] = {
    "nothing": (lambda _: None, (0,)),
    "checkpoint truncated": (lambda run: each(newest(run), half), (0,)),
    "checkpoint emptied": (lambda run: each(newest(run), emptied), (0,)),
    "checkpoint flipped": (lambda run: each(newest(run), flipped), (0,)),
    "checkpoint's inputs flipped": (
        lambda run: edit(newest(run) / "meta/metadata", r'"inputs": ?"(.)', r'"inputs":"x'),
        (0,),
    ),
    "checkpoint's settings flipped": (
        lambda run: edit(newest(run) / "meta/metadata", r'"seed": ?0', '"seed":1'),
        (0,),
    ),
    "checkpoint removed": (lambda run: shutil.rmtree(newest(run)), (0,)),
    "checkpoint's state removed": (lambda run: shutil.rmtree(newest(run) / "state"), (0,)),
    "checkpoints emptied": (lambda run: each(run / SAVED, emptied), (0,)),
    "checkpoints removed": (lambda run: shutil.rmtree(run / "checkpoints"), (0,)),
    "checkpoints are a file": (lambda run: instead(run / "checkpoints"), (2,)),
    "a segment's checkpoints are a file": (lambda run: instead(run / SAVED), (0, 2)),
    "checkpoint: an empty folder 999": (lambda run: (run / SAVED / "999").mkdir(), (0,)),
    "checkpoint: a file 999": (lambda run: (run / SAVED / "999").write_text("x"), (0,)),
    "checkpoint: a file x": (lambda run: (run / SAVED / "x").write_text("x"), (0,)),
    "damaged_checkpoints is a file, and one": (
        lambda run: (
            each(newest(run), emptied),
            (run / "checkpoints/damaged_checkpoints").write_text("x"),
        ),
        (0, 2),
    ),
    "segment truncated": (lambda run: each(run / "segments", half), (0,)),
    "segment emptied": (lambda run: each(run / "segments", emptied), (0,)),
    "segment flipped": (lambda run: each(run / "segments", flipped), (0,)),
    "segment's method flipped": (lambda run: each(run / "segments", lambda b: flipped(b, 0)), (0,)),
    "segment of another shape": (lambda run: other_shape(run / SEGMENT), (0,)),
    "segment without a record": (lambda run: other_record(run / SEGMENT), (0,)),
    "segment is a folder": (lambda run: instead(run / SEGMENT), (2,)),
    "segments are a file": (lambda run: instead(run / "segments"), (2,)),
    "segments removed": (lambda run: shutil.rmtree(run / "segments"), (0,)),
    "config: alpha edited": (lambda run: edit(run / CONFIG, "^alpha: .*", "alpha: 3"), (2,)),
    "config: alpha a word": (lambda run: edit(run / CONFIG, "^alpha: .*", "alpha: x"), (2,)),
    "config: n_steps edited": (lambda run: edit(run / CONFIG, "^n_steps: .*", "n_steps: 2"), (2,)),
    "config: no seed": (lambda run: edit(run / CONFIG, "^seed: .*", ""), (2,)),
    "config: no segments": (
        lambda run: edit(run / CONFIG, r"^segments:\n(  .*\n)+", ""),
        (2,),
    ),
    "config: no checkpoint": (
        lambda run: edit(run / CONFIG, r"^checkpoint:\n(  .*\n)+", ""),
        (2,),
    ),
    "config: no content.path": (
        lambda run: edit(run / CONFIG, r"^content:\n(  .*\n)+", "content: {}\n"),
        (2,),
    ),
    "config: content is null": (
        lambda run: edit(run / CONFIG, r"^content:\n(  .*\n)+", "content: null\n"),
        (2,),
    ),
    "config: a number as a key": (lambda run: insert(run / CONFIG, "7: 8"), (2,)),
    "config: an unknown interpolation": (
        lambda run: edit(run / CONFIG, "^alpha: .*", "alpha: ${nothing:1}"),
        (2,),
    ),
    "config emptied": (lambda run: (run / CONFIG).write_text(""), (2,)),
    "config a list": (lambda run: (run / CONFIG).write_text("- 1\n"), (2,)),
    "config a number": (lambda run: (run / CONFIG).write_text("1\n"), (2,)),
    "config with NUL bytes": (lambda run: (run / CONFIG).write_bytes(bytes(500)), (2,)),
    "config half": (lambda run: half_file(run / CONFIG), (2,)),
    "config not UTF-8": (lambda run: (run / CONFIG).write_bytes(b"\xff\xfe\xfa" * 9), (2,)),
    "config removed": (lambda run: (run / CONFIG).unlink(), (2,)),
    "config a folder": (lambda run: instead(run / CONFIG), (2,)),
    "metrics emptied": (lambda run: (run / METRICS).write_text(""), (0,)),
    "metrics garbage": (lambda run: (run / METRICS).write_bytes(bytes(range(256)) * 20), (0,)),
    "metrics removed": (lambda run: (run / METRICS).unlink(), (0,)),
    "metrics a folder": (lambda run: instead(run / METRICS), (2,)),
    "metrics cut": (lambda run: half_file(run / METRICS), (0,)),
    "metrics: a line of two keys": (
        lambda run: insert(run / METRICS, '{"segment": 0, "step": 0}'),
        (0,),
    ),
    "metrics: a step that is a word": (
        lambda run: edit(run / METRICS, '"step": 10,', '"step": "x",'),
        (0,),
    ),
    "metrics: a segment that is infinite": (
        lambda run: insert(run / METRICS, '{"segment": 1e999, "step": 0}'),
        (0,),
    ),
    "metrics: a line of words": (
        lambda run: insert(run / METRICS, '{"segment": "0", "step": 0, "total": "x"}'),
        (0,),
    ),
    ".hydra removed": (lambda run: shutil.rmtree(run / ".hydra"), (0,)),
    ".hydra is a file": (lambda run: instead(run / ".hydra"), (2,)),
    "run.log is a folder": (lambda run: instead(run / "run.log"), (0, 2)),
    "a generated.wav that is a folder": (lambda run: (run / "generated.wav").mkdir(), (2,)),
    "content changed": (lambda run: other_content(run, lambda y: 0.5 * y), (2,)),
    "content longer": (lambda run: other_content(run, lambda y: np.concatenate([y, y])), (2,)),
    "content shorter": (lambda run: other_content(run, lambda y: y[: 5 * SR]), (2,)),
    "content mono": (lambda run: other_content(run, lambda y: y[:, :1]), (2,)),
    "content removed": (lambda run: other_content(run, None), (2,)),
    "content moved": (lambda run: other_content(run, lambda y: y, "content.wav"), (0,)),
}


def half_file(file: Path) -> None:
    """The first half of a file."""
    file.write_bytes(half(file.read_bytes()))


def other_content(
    run: Path, change: Callable[[np.ndarray], np.ndarray] | None, name: str = "other.wav"
) -> None:
    """Another content file under the name that the run knows; none where `change` is `None`."""
    found = re.search(r"path: (.*/content\.wav)", (run / CONFIG).read_text())
    assert found
    folder = run.with_name(f"{run.name}_clip")
    folder.mkdir()
    edit(run / CONFIG, re.escape(found[1]), str(folder / name))
    if change:
        y, sr = soundfile.read(found[1], dtype="int16", always_2d=True)
        soundfile.write(folder / name, change(y).astype(np.int16), sr, subtype="PCM_16")


def damaged(
    how: Callable[[Path], Any], codes: tuple[int, ...], *, lines_lost: bool = False
) -> Fault:
    """A fault that is in the folder before the run is resumed."""

    def resume(lab: Lab, run: Path) -> tuple[str, list[str]]:
        how(run)
        return lab.resume(run, codes=codes, lines_lost=lines_lost)

    return resume


FAULTS |= {
    name: damaged(*how, lines_lost=name.startswith("metrics")) for name, how in DAMAGE.items()
}


def interrupted(
    numbers: Sequence[int], code: int, *, when: Callable[[Path], Any], gap_s: float = 0.1
) -> Fault:
    """Signals to a run that resumes, then to its end."""

    def send(lab: Lab, run: Path) -> tuple[str, list[str]]:
        process = Process(lab, f"resume={run}")
        process.wait_for(lambda: when(run))
        for number in numbers:
            process.popen.send_signal(number)
            time.sleep(gap_s)
        sent, ended = time.monotonic(), process.end()
        took = time.monotonic() - sent
        wrong = [f"prints {ugly!r}" for ugly in UGLY if ugly in ended.err] + not_whole(run)
        # A third signal can come after all is done and end what is left of the process.
        if ended.code not in ((code, -numbers[0]) if len(numbers) > 2 else (code,)):
            wrong.append(f"exit code {ended.code}, not {code}")
        if code == 0 and not json.loads((run / "summary.json").read_text())["interrupted"]:
            wrong.append("summary.json does not say that it was interrupted")
        outcome, more = lab.resume(run, codes=(0,))
        return f"{ended.code} after {took:.1f} s, then {outcome}", wrong + more

    return send


def optimising(run: Path) -> bool:
    """Window 2 goes on."""
    steps = [a["step"] for a in rows(run) if a["segment"] == 2]
    return bool(steps) and steps[-1] >= 50


def rendering(run: Path) -> bool:
    """Window 1 is optimised and not saved yet."""
    return any((a["segment"], a["step"]) == (1, 300) for a in rows(run))


def writing(run: Path) -> bool:
    """All segments are done."""
    return (run / "segments" / "0002.npz").exists()


BOTH = [signal.SIGINT, signal.SIGINT]
FAULTS |= {
    "SIGINT": interrupted([signal.SIGINT], 0, when=optimising),
    "SIGTERM": interrupted([signal.SIGTERM], 0, when=optimising),
    "SIGTERM while a segment is rendered": interrupted([signal.SIGTERM], 0, when=rendering),
    "SIGINT twice": interrupted(BOTH, 130, when=optimising),
    "SIGINT twice while a segment is rendered": interrupted(BOTH, 130, when=rendering),
    "SIGINT twice while the result is written": interrupted(BOTH, 130, when=writing, gap_s=0.2),
    "SIGINT three times": interrupted([*BOTH, signal.SIGINT], 130, when=optimising, gap_s=0.2),
}


def early(number: int, seconds: float) -> Fault:
    """A signal before there is anything to interrupt."""

    def send(lab: Lab, run: Path) -> tuple[str, list[str]]:
        shutil.rmtree(run)
        process = Process(lab, *lab.arguments, f"hydra.run.dir={run}")
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.popen.wait(seconds)
        process.popen.send_signal(number)
        ended = process.end()
        wrong = [f"prints {ugly!r}" for ugly in UGLY if ugly in ended.err]
        if ended.code not in (130, -number):
            wrong.append(f"exit code {ended.code}")
        if (run / "config.yaml").exists():
            wrong.append("the folder is a run's already: the moment was too late")
        return said(ended), wrong

    return send


for seconds in (0.1, 0.4, 0.8, 1.5, 2.5, 4.0):
    FAULTS[f"SIGINT {seconds} s after the start"] = early(signal.SIGINT, seconds)
FAULTS["SIGTERM 1.5 s after the start"] = early(signal.SIGTERM, 1.5)


@contextlib.contextmanager
def small_disk(folder: Path, kilobytes: int) -> Iterator[Callable[[int], None]]:
    """A file system of this size; what it yields changes the size."""

    def mount(options: str) -> None:
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=True)

    mount(f"size={kilobytes}k")
    try:
        yield lambda size: mount(f"remount,size={size}k")
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def can_mount() -> bool:
    """Whether this process may mount anything."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            with small_disk(Path(folder), 100):
                return True
        except (OSError, subprocess.CalledProcessError):
            return False


def full(kilobytes: int) -> Fault:
    """A disk of this size; when it was too small, a larger one."""

    def fill(lab: Lab, run: Path) -> tuple[str, list[str]]:
        shutil.rmtree(run)
        run.mkdir()
        with small_disk(run, kilobytes) as resize:
            process = Process(lab, *lab.arguments, f"hydra.run.dir={run}")
            ended = process.end()
            wrong = lab.judge(ended, run, process.cwd, codes=(0, 2))
            resize(100_000)
            if not (run / "config.yaml").exists():
                return said(ended), wrong
            outcome, more = lab.resume(run, codes=(0,))
        return f"{said(ended)}, then {outcome}", wrong + [f"then: {a}" for a in more]

    return fill


for kilobytes in (4, 16, 40, 100, 300, 600, 1300, 2000, 3000, 4500, 6000, 8000, 10000):
    FAULTS[f"disk of {kilobytes} kB"] = full(kilobytes)


@fault("disk full for two seconds")
def full_for_a_while(lab: Lab, run: Path) -> tuple[str, list[str]]:
    """Checkpoints fail, then there is space again: the run goes on."""
    shutil.rmtree(run)
    run.mkdir()
    with small_disk(run, 100_000) as resize:
        # Lines of metrics.jsonl still fit into the page that they have begun.
        process = Process(lab, *lab.arguments, "log_every=50", f"hydra.run.dir={run}")
        steps = run / "checkpoints" / "0000"
        process.wait_for(lambda: any(a.name.isdigit() for a in steps.glob("*")))
        used = shutil.disk_usage(run).used // 1024
        resize(used + 4)
        time.sleep(2)
        resize(100_000)
        ended = process.end()
        wrong = [f"prints {ugly!r}" for ugly in UGLY if ugly in ended.err] + not_whole(run)
        if ended.code == 2:  # a segment was done just then
            ended = Process(lab, f"resume={run}").end()
        if ended.code != 0:
            wrong.append(f"exit code {ended.code}")
        elif (run / "generated.wav").read_bytes() != (lab.reference / "generated.wav").read_bytes():
            wrong.append("another generated.wav")
    return said(ended), wrong


def removed(name: str, codes: tuple[int, ...]) -> Fault:
    """A folder that goes while the run is at work in it."""

    def remove(lab: Lab, run: Path) -> tuple[str, list[str]]:
        process = Process(lab, f"resume={run}")
        process.wait_for(lambda: optimising(run))
        shutil.rmtree(run / name, ignore_errors=True)
        ended = process.end()
        wrong = lab.judge(ended, run, process.cwd, codes=codes)
        return said(ended), wrong

    return remove


FAULTS |= {
    "checkpoints removed under way": removed("checkpoints", (0,)),
    "segments removed under way": removed("segments", (2,)),
    "all removed under way": removed(".", (2,)),
}


def at_once(lab: Lab, run: Path, first: list[str], second: list[str]) -> tuple[str, list[str]]:
    """Two runs in one folder: one is right, the other is refused."""
    processes = [Process(lab, *arguments) for arguments in (first, second)]
    ended = [process.end() for process in processes]
    wrong = []
    if sorted(str(a.code) for a in ended) != ["0", "2"]:
        wrong.append("not one that ends right and one that is refused")
    for one, process in zip(ended, processes, strict=True):
        wrong += lab.judge(one, run, process.cwd, codes=(0, 2))
    return " | ".join(map(said, ended)), sorted(set(wrong))


@fault("two runs at once")
def two_runs(lab: Lab, run: Path) -> tuple[str, list[str]]:
    """Both new."""
    shutil.rmtree(run)
    arguments = [*lab.arguments, f"hydra.run.dir={run}"]
    return at_once(lab, run, arguments, arguments)


@fault("two resumptions at once")
def two_resumptions(lab: Lab, run: Path) -> tuple[str, list[str]]:
    """Of one run that was cut."""
    return at_once(lab, run, [f"resume={run}"], [f"resume={run}"])


@fault("a resumption of a run under way")
def resumed_too_early(lab: Lab, run: Path) -> tuple[str, list[str]]:
    """The second starts when the first has steps."""
    process = Process(lab, f"resume={run}")
    process.wait_for(lambda: optimising(run))
    second = Process(lab, f"resume={run}")
    ended = [process.end(), second.end()]
    wrong = lab.judge(ended[0], run, process.cwd, codes=(0,))
    wrong += lab.judge(ended[1], run, second.cwd, codes=(0, 2))
    return " | ".join(map(said, ended)), sorted(set(wrong))


@fault("a second run in a folder that has one")
def second_run(lab: Lab, run: Path) -> tuple[str, list[str]]:
    """It is refused and changes nothing."""
    before = lab.hashes(run)
    process = Process(lab, *lab.arguments, "n_steps=7", f"hydra.run.dir={run}")
    ended = process.end()
    wrong = lab.judge(ended, run, process.cwd, codes=(2,))
    after = lab.hashes(run)
    changed = {a for a in {*before, *after} if before.get(a) != after.get(a)}
    wrong += [f"changes {a.relative_to(run)}" for a in sorted(changed)]
    return said(ended), wrong


def main() -> int:
    """Print the table; returns 1 where anything is wrong."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--faults", action="store_true")
    parser.add_argument("--only", default="", help="faults whose names have this in them")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2, help="runs at the same time")
    parser.add_argument("--keep", action="store_true", help="do not remove the folders")
    args = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="kills_"))
    try:
        lab, n_wrong = Lab(folder), 0
        with ThreadPoolExecutor(args.jobs) as pool:
            if args.kills:
                seconds = min(pool.map(lambda _: lab.unbroken(), range(args.jobs)))
                print(f"an unbroken run: {seconds:.1f} s", flush=True)
                kills = range(args.kills)
                n_wrong += shown(pool.map(lambda n: killed(lab, n, args.seed, seconds), kills))
            if args.faults:
                names = [name for name in FAULTS if re.search(args.only, name)]
                if not can_mount():
                    print("skipped: full disks (only root can mount one)")
                    names = [name for name in names if not name.startswith("disk")]
                if os.geteuid() == 0:
                    print("skipped: folders that cannot be written (root can write them)")
                cut = lab.cut()

                def row(name: str) -> Row:
                    return Row(name, *FAULTS[name](lab, lab.copy(cut)))

                n_wrong += shown(pool.map(row, names))
        print(f"{n_wrong} wrong")
        return 1 if n_wrong else 0
    finally:
        if not args.keep:
            shutil.rmtree(folder, ignore_errors=True)


def shown(table: Iterator[Row]) -> int:
    """Print rows as they come; returns how many are wrong."""
    n_wrong = 0
    for row in table:
        print(row, flush=True)
        n_wrong += bool(row.wrong)
    return n_wrong


if __name__ == "__main__":
    sys.exit(main())
