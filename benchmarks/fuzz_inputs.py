"""Hostile audio files for the loader, and hostile settings for the config: what becomes of them.

    uv run python benchmarks/fuzz_inputs.py                      (10,000 files, 3,000 settings)
    uv run python benchmarks/fuzz_inputs.py --files 2000 --settings 0 --seed 1

Every file must load with the length that it has, or with a line in the log; or be refused by an
InputError of one line. Lengths are compared with what was encoded and, where there is a program of
that name or --ffmpeg says where, with what ffmpeg decodes. A table counts what came; each distinct
fault leaves its smallest input in --keep. Case i of a seed is always the same. Two processes do the
work, with 4 GB of address space each; one that crashes or takes more than two minutes is replaced.
Linux only.
"""

import argparse
import json
import logging
import multiprocessing
import multiprocessing.connection
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import traceback
import types
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import fuzz_cases
import fuzz_settings
from fuzz_cases import FileCase
from fuzz_tally import GOOD, HANG_S, TOO_MUCH_MB, Outcome, Tally

ROOT = Path(__file__).resolve().parent.parent
SR = 22050
ADDRESS_SPACE_BYTES = 4 * 2**30
START_S = 120.0  # importing JAX on a busy machine


class Loaded(NamedTuple):
    """The loader's result for a file: the recording, its mono samples, and lines in the log."""

    clip: Any
    mono: np.ndarray
    lines: list[str]


class _Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def load(path: str) -> Loaded:
    """The loader on trial."""
    from nstaudio.audio import files, samples

    handler = _Lines()
    logging.getLogger("nstaudio").addHandler(handler)
    try:
        clip = files.load(path, role="content")
        moment = clip.y[: 60 * clip.sr]  # a window
        mono = samples.prepare(moment, clip.sr, target_sr=SR, name=clip.label)
    finally:
        logging.getLogger("nstaudio").removeHandler(handler)
    return Loaded(clip, mono, handler.lines)


def check_loaded(loaded: Loaded, case: FileCase, ffmpeg: str | None) -> tuple[str, str] | None:
    """The fault of a file that was loaded, if it has one: its kind and what it is."""
    y, mono, lines = loaded.clip.y, loaded.mono, loaded.lines
    if y.ndim != 2 or mono.ndim != 1 or mono.dtype != np.float32:
        return "wrong", f"samples of shape {y.shape} and {mono.shape}, {mono.dtype}"
    if not np.isfinite(mono).all() or not mono.any():
        return "wrong", "silence, or samples that are not finite"
    if case.expected == "refuse":
        return "accepted", ""
    if len(lines) > 1 or not all(line.isprintable() for line in lines):
        return "many lines", repr(lines)
    if case.expected == "load" and any(re.search("cut short|damaged", line) for line in lines):
        return "slandered", lines[0]
    n, source = case.n, "were encoded"
    if n is None and "CAF ALAC" not in case.label:  # whose last packet ffmpeg cuts short
        n, source = ffmpeg_length(case.path, ffmpeg), "are what ffmpeg decodes"
    if n and n != len(y) and not lines:
        return "length", f"{len(y)} samples; {n} {source}"
    return None


def ffmpeg_length(path: str, ffmpeg: str | None) -> int | None:
    """The samples that ffmpeg decodes, 0 where it fails; `None` without it."""
    if ffmpeg is None:
        return None
    to_wav = ["-c:a", "pcm_u8", "-f", "wav", "-"]
    command = [ffmpeg, "-v", "quiet", "-nostdin", "-i", f"file:{path}", "-map", "0:a?", *to_wav]
    done = subprocess.run(command, capture_output=True, timeout=HANG_S / 2, check=False)
    at = done.stdout.find(b"data")
    if at < 0:
        return 0
    return (len(done.stdout) - at - 8) // max(1, int.from_bytes(done.stdout[22:24], "little"))


def build(overrides: list[str]) -> Any:
    """The config on trial; what Hydra refuses is said as scripts/run.py says it."""
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    from nstaudio.errors import InputError, one_line
    from nstaudio.experiments import config, config_files, explain

    try:
        cfg = config_files.compose(overrides)
    except (HydraException, OmegaConfBaseException) as error:
        raise InputError(explain.explain(error)) from error
    except (AssertionError, OSError, TypeError, ValueError) as error:
        raise InputError(f"these settings cannot be understood: {one_line(error)}") from error
    return config.build(cfg)


def check_built(settings: Any) -> tuple[str, str] | None:
    """The fault of settings that were built, if they have one."""
    for name, part in vars(settings.transfer).items():
        kind = getattr(part, "func", type(part))
        if name not in _PLAIN and not kind.__module__.startswith("nstaudio"):
            return "wrong", f"{name} is a {kind.__module__}.{kind.__qualname__}"
    return None


_PLAIN = ("strength", "alpha", "beta", "content_weights", "style_weights", "n_steps", "seed")


def attempt(
    call: Callable[[], Any],
    check: Callable[[Any], tuple[str, str] | None],
    expected: str | None = None,
) -> Outcome:
    """Call, and say what became of it."""
    from nstaudio.errors import InputError

    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            found = call()
    except InputError as error:
        text = str(error)
        if not text.strip() or len(text.splitlines()) != 1 or not text.isprintable():
            return Outcome("many lines", repr(text))
        return Outcome("rejected" if expected == "load" else "refused", text)
    except MemoryError as error:
        return Outcome("memory", f"{_where(error)}: {error}")
    except Exception as error:
        text = str(error) or repr(error)
        return Outcome("exception", f"{_where(error)}: {type(error).__name__}: {text[:300]}")
    fault = check(found)
    if fault is not None:
        return Outcome(*fault)
    if caught:
        return Outcome("warning", f"{caught[0].category.__name__}: {caught[0].message}")
    return Outcome("right, said" if isinstance(found, Loaded) and found.lines else "right")


def try_file(case: FileCase, ffmpeg: str | None) -> Outcome:
    """The outcome of reading a file."""
    outcome = attempt(
        lambda: load(case.path), lambda found: check_loaded(found, case, ffmpeg), case.expected
    )
    container = re.search("cannot be decoded|has no audio track", outcome.detail)
    if outcome.kind == "refused" and container and ffmpeg_length(case.path, ffmpeg):
        return outcome._replace(kind="refused, decodable")
    return outcome


def try_settings(overrides: list[str], folder: Path) -> Outcome:
    """The outcome of building settings."""
    outcome = attempt(lambda: build(overrides), check_built)
    canary = folder / fuzz_settings.CANARY
    if canary.exists():
        canary.unlink()
        return Outcome("executed", outcome.detail)
    return outcome


def _where(error: BaseException) -> str:
    """The last line of this project's that an exception passed."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f for f in frames if f.filename.startswith(str(ROOT)) and f.filename != __file__]
    last = (ours or list(frames))[-1]
    return f"{Path(last.filename).name}:{last.lineno} in {last.name}"


def _memory_mb() -> float:
    """The largest resident size since `_forget_memory`."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def _forget_memory() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def worker(connection: Any, kind: str, seed: int, folder: Path, ffmpeg: str | None) -> None:
    """A process: receives the numbers of cases, answers with outcomes."""
    noise = _confine(folder)
    if kind == "files":
        # The package itself imports JAX, which takes seconds at every restart and gigabytes.
        package = types.ModuleType("nstaudio")
        package.__path__ = [str(ROOT / "nstaudio")]
        sys.modules["nstaudio"] = package
        from nstaudio.audio import files  # noqa: F401
    else:
        from nstaudio.experiments import config_files

        config_files.register_resolvers()
        build([])
    connection.send("ready")
    while True:
        try:
            index = connection.recv()
        except EOFError:
            return
        noise.seek(0)
        noise.truncate()
        case = fuzz_cases.write_file(seed, index, folder) if kind == "files" else None
        _forget_memory()
        before = _memory_mb()
        if case is not None:
            outcome = try_file(case, ffmpeg)
        else:
            outcome = try_settings(fuzz_settings.settings(seed, index), folder)
        used = _memory_mb() - before
        noise.seek(0)
        printed = noise.read(4000).decode(errors="replace")
        if used > TOO_MUCH_MB and outcome.kind in GOOD:
            outcome = Outcome("memory", f"{used:.0f} MB, then {outcome.kind}: {outcome.detail}")
        elif printed.strip() and kind == "files" and outcome.kind in GOOD:
            outcome = Outcome("printed", printed)
        connection.send(tuple(outcome))


def _confine(folder: Path) -> Any:
    """Set the limits of a worker; returns the file to which libraries in C print."""
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE_BYTES, ADDRESS_SPACE_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]
    os.chdir(folder)
    os.environ["HOME"] = str(folder)
    noise = (folder / "noise").open("w+b", buffering=0)
    os.dup2(noise.fileno(), 2)
    return noise


class Pool:
    """One process at a time for one thread, replaced when it dies."""

    def __init__(self, kind: str, seed: int, folder: Path, ffmpeg: str | None) -> None:
        self.arguments = kind, seed, folder, ffmpeg
        self.folder = folder
        folder.mkdir()
        self.process: Any = None

    def _start(self) -> Any:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=worker, args=(theirs, *self.arguments), daemon=True)
        self.process.start()
        theirs.close()
        if not self.connection.poll(START_S) or self.connection.recv() != "ready":
            raise SystemExit("a worker did not start")
        return self.process

    def ask(self, index: int) -> Outcome:
        """The outcome of one case."""
        process = self.process or self._start()
        self.connection.send(index)
        try:
            if self.connection.poll(HANG_S):
                return Outcome(*self.connection.recv())
            process.kill()
            outcome = Outcome("hang")
        except (EOFError, ConnectionResetError):
            process.join()
            code = process.exitcode
            name = signal.Signals(-code).name if code < 0 else f"exit {code}"
            outcome = Outcome("crash", name)
        process.join()
        self.process = None
        return outcome

    def close(self) -> None:
        """End the process."""
        if self.process is not None:
            self.connection.close()
            self.process.join(5)


def trial(
    kind: str, cases: Iterator[int], seed: int, folder: Path, keep: Path, args: argparse.Namespace
) -> Tally:
    """All cases of one kind."""
    tally, lock = Tally(), threading.Lock()

    def serve(number: int) -> None:
        pool = Pool(kind, seed, folder / f"{kind}_{number}", args.ffmpeg)
        while True:
            with lock:
                index = next(cases, None)
            if index is None:
                return pool.close()
            outcome = pool.ask(index)
            label, data, suffix = _input(kind, seed, index, pool.folder)
            size = len(data) if data else 0
            tally.add(outcome, f"case {index}: {label}", size, keep, (data, suffix))

    with ThreadPoolExecutor(args.workers) as executor:
        for done in [executor.submit(serve, i) for i in range(args.workers)]:
            done.result()
    return tally


def _input(kind: str, seed: int, index: int, folder: Path) -> tuple[str, bytes | None, str]:
    """A case in words, its bytes where they can be kept, the suffix of a file of them."""
    if kind == "settings":
        overrides = fuzz_settings.settings(seed, index)
        return repr(overrides), json.dumps(overrides).encode(), ".json"
    case = fuzz_cases.recorded(folder)
    source = Path(case.path)
    ours = source.parent == folder / "inputs" and not source.is_symlink() and source.is_file()
    small = ours and source.stat().st_size < 2**20
    return case.label, source.read_bytes() if small else None, source.suffix


def main() -> int:
    """Print the tables; 1 where there is any fault."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--settings", type=int, default=3_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--ffmpeg", default=shutil.which("ffmpeg"), help="the program")
    parser.add_argument("--keep", type=Path, help="folder for the inputs of faults")
    args = parser.parse_args()
    keep = args.keep or Path(tempfile.mkdtemp(prefix="fuzz_faults_"))
    keep.mkdir(parents=True, exist_ok=True)
    n_faults = 0
    with tempfile.TemporaryDirectory(prefix="fuzz_") as name:
        for kind, n in (("files", args.files), ("settings", args.settings)):
            cases = iter(range(args.first, args.first + n))
            tally = trial(kind, cases, args.seed, Path(name), keep, args)
            if n:
                tally.show(f"{n} {kind}, seed {args.seed}")
            n_faults += len(tally.faults)
    print(f"\n{n_faults} distinct faults; their inputs are in {keep}")
    return 1 if n_faults else 0


if __name__ == "__main__":
    sys.exit(main())
