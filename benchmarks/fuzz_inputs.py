"""Hostile audio files for the loader, and hostile settings for the config: what becomes of them.

    uv run python benchmarks/fuzz_inputs.py                      (10,000 files, 3,000 settings)
    uv run python benchmarks/fuzz_inputs.py --files 2000 --settings 0 --seed 1

Every file must load, or be refused by an InputError of one line. A table counts what came instead;
each distinct fault leaves its smallest input in --keep. Case i of a seed is always the same.
Two processes do the work, with 4 GB of address space each; one that crashes or takes more than 60 s
is replaced. Linux only.
"""

import argparse
import collections
import json
import multiprocessing
import multiprocessing.connection
import os
import re
import resource
import signal
import sys
import tempfile
import threading
import traceback
import types
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import fuzz_cases

ROOT = Path(__file__).resolve().parent.parent
SR = 22050
ADDRESS_SPACE_BYTES = 4 * 2**30
TOO_MUCH_MB = 1000.0  # for a file of some kilobytes
HANG_S = 60.0  # the largest file is 3 GB
START_S = 120.0  # importing JAX on a busy machine


def load(path: str) -> Any:
    """The loader on trial; returns what `check_loaded` understands."""
    from nstaudio.audio import files, samples

    clip = files.load(path, role="content")
    moment = clip.y[: 60 * clip.sr]  # a window
    return clip, samples.prepare(moment, clip.sr, target_sr=SR, name=clip.label)


def check_loaded(clip: Any) -> str | None:
    """What is wrong with a clip that was loaded."""
    recording, y = clip
    if recording.y.ndim != 2 or y.ndim != 1 or y.dtype != np.float32:
        return f"samples of shape {recording.y.shape} and {y.shape}, {y.dtype}"
    if not np.isfinite(y).all():
        return "samples that are not finite"
    if not y.any():
        return "silence"
    return None


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


def check_built(settings: Any) -> str | None:
    """What is wrong with settings that were built."""
    for name, part in vars(settings.transfer).items():
        kind = getattr(part, "func", type(part))
        if name not in _PLAIN and not kind.__module__.startswith("nstaudio"):
            return f"{name} is a {kind.__module__}.{kind.__qualname__}"
    return None


_PLAIN = ("strength", "alpha", "beta", "content_weights", "style_weights", "n_steps", "seed")


class Outcome(NamedTuple):
    """What became of one input.

    Attributes:
        kind: right, refused, or a fault.
        detail: the message, the exception and where it was raised.
        noise: what libraries wrote to the terminal meanwhile.
    """

    kind: str
    detail: str = ""
    noise: str = ""


FAULTS = {
    "accepted": "loaded, though it must be refused",
    "rejected": "refused, though it is good",
    "wrong": "loaded, as something impossible",
    "many lines": "an InputError of none or several lines",
    "warning": "a warning",
    "exception": "any other exception",
    "memory": f"a MemoryError, or more than {TOO_MUCH_MB:.0f} MB",
    "crash": "the process died",
    "hang": f"more than {HANG_S:.0f} s",
    "executed": "a setting ran a command",
}


def attempt(
    call: Callable[[], Any], check: Callable[[Any], str | None], expected: str | None
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
    problem = check(found)
    if problem:
        return Outcome("wrong", problem)
    if expected == "refuse":
        return Outcome("accepted")
    if caught:
        return Outcome("warning", f"{caught[0].category.__name__}: {caught[0].message}")
    return Outcome("right")


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


def worker(connection: Any, kind: str, seed: int, folder: Path) -> None:
    """A process: receives the numbers of cases, answers with outcomes."""
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE_BYTES, ADDRESS_SPACE_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]
    os.chdir(folder)
    os.environ["HOME"] = str(folder)
    # What libraries in C print goes to file descriptor 2 itself.
    noise = (folder / "noise").open("w+b", buffering=0)
    os.dup2(noise.fileno(), 2)
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
        _forget_memory()
        before = _memory_mb()
        if kind == "files":
            case = fuzz_cases.write_file(seed, index, folder)
            outcome = attempt(lambda case=case: load(case.path), check_loaded, case.expected)
        else:
            overrides = fuzz_cases.settings(seed, index)
            outcome = attempt(lambda o=overrides: build(o), check_built, None)
            if (folder / fuzz_cases.CANARY).exists():
                (folder / fuzz_cases.CANARY).unlink()
                outcome = Outcome("executed", outcome.detail)
        used = _memory_mb() - before
        if used > TOO_MUCH_MB and outcome.kind in ("right", "refused"):
            outcome = Outcome("memory", f"{used:.0f} MB, then {outcome.kind}: {outcome.detail}")
        noise.seek(0)
        printed = noise.read(4000).decode(errors="replace")
        connection.send((*outcome[:2], printed))


@dataclass
class Tally:
    """What became of all inputs, and the smallest input of each distinct fault."""

    kinds: collections.Counter[str] = field(default_factory=collections.Counter)
    noises: collections.Counter[str] = field(default_factory=collections.Counter)
    faults: dict[tuple[str, str], list[Any]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(
        self, outcome: Outcome, label: str, size: int, keep: Path, kept: tuple[bytes | None, str]
    ) -> None:
        """Count one; the smallest of each fault is written into `keep`: its bytes and suffix."""
        with self.lock:
            self.kinds[outcome.kind] += 1
            if outcome.noise.strip():
                self.noises[_shape(outcome.noise.strip().splitlines()[0])] += 1
            if outcome.kind not in FAULTS:
                return
            unspoken = outcome.kind in ("accepted", "crash", "executed", "hang")
            what = label.partition(": ")[2] if unspoken else outcome.detail
            key = (outcome.kind, _shape(what))
            entry = self.faults.setdefault(key, [0, None, "", "", len(self.faults)])
            entry[0] += 1
            if entry[1] is None or size < entry[1]:
                entry[1:4] = size, label, outcome.detail
                data, suffix = kept
                if data is not None:
                    name = f"{outcome.kind.replace(' ', '-')}_{entry[4]}"
                    for larger in keep.glob(f"{name}.*"):
                        larger.unlink()
                    (keep / f"{name}{suffix}").write_bytes(data)

    def show(self, title: str) -> None:
        """Print the table."""
        print(f"\n{title}")
        for kind in ("right", "refused", *FAULTS):
            print(f"  {kind:12}{self.kinds[kind]:7}  {FAULTS.get(kind, '')}".rstrip())
        for text, count in self.noises.most_common(12):
            print(f"  printed by a library, {count} times: {text}")
        for (kind, _), (count, size, label, detail, number) in sorted(self.faults.items()):
            name = f"{kind.replace(' ', '-')}_{number}"
            print(f"\n  {name}: {count} times, smallest {size} bytes")
            print(f"    {label[:300]}\n    {' '.join(detail.split())[:300]}")


def _shape(text: str) -> str:
    """`text` without its numbers and what it quotes: like faults look alike."""
    text = re.sub(r"content file .*?(?= (?:is|has|cannot|does) )|\S*[=/\\\\]\S*|'.*?'", "", text)
    return re.sub(r"\d+", "#", text)[:160]


class Pool:
    """One process at a time for one thread, replaced when it dies."""

    def __init__(self, kind: str, seed: int, folder: Path) -> None:
        self.arguments = kind, seed, folder
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
    kind: str, cases: Iterator[int], seed: int, folder: Path, keep: Path, n_workers: int
) -> Tally:
    """All cases of one kind."""
    tally, lock = Tally(), threading.Lock()

    def serve(number: int) -> None:
        pool = Pool(kind, seed, folder / f"{kind}_{number}")
        while True:
            with lock:
                index = next(cases, None)
            if index is None:
                return pool.close()
            outcome = pool.ask(index)
            if kind == "files":
                case = fuzz_cases.recorded(pool.folder)
                source, label = Path(case.path), f"case {index}: {case.label}"
                ours = source.parent == pool.folder / "inputs"
                if ours and not source.is_symlink() and source.is_file():
                    size = source.stat().st_size
                    data = source.read_bytes() if size < 2**20 else None
                else:
                    size, data = 0, None
                suffix = source.suffix
            else:
                overrides = fuzz_cases.settings(seed, index)
                label, suffix = f"case {index}: {overrides!r}", ".json"
                data = json.dumps(overrides).encode()
                size = len(data)
            tally.add(outcome, label, size, keep, (data, suffix))

    with ThreadPoolExecutor(n_workers) as executor:
        for done in [executor.submit(serve, i) for i in range(n_workers)]:
            done.result()
    return tally


def main() -> int:
    """Print the tables; 1 where there is any fault."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--settings", type=int, default=3_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--keep", type=Path, help="folder for the inputs of faults")
    args = parser.parse_args()
    keep = args.keep or Path(tempfile.mkdtemp(prefix="fuzz_faults_"))
    keep.mkdir(parents=True, exist_ok=True)
    n_faults = 0
    with tempfile.TemporaryDirectory(prefix="fuzz_") as name:
        for kind, n in (("files", args.files), ("settings", args.settings)):
            cases = iter(range(args.first, args.first + n))
            tally = trial(kind, cases, args.seed, Path(name), keep, args.workers)
            if n:
                tally.show(f"{n} {kind}, seed {args.seed}")
            n_faults += len(tally.faults)
    print(f"\n{n_faults} distinct faults; their inputs are in {keep}")
    return 1 if n_faults else 0


if __name__ == "__main__":
    sys.exit(main())
