"""Compiled programs and memory of one process that goes through recordings of ever new lengths.

    uv run python benchmarks/many_lengths.py
    uv run python benchmarks/many_lengths.py --calls 20 --settings gram --names

Content and style have random lengths: in turn cuts of the demo clips, single voices and sounds
without notes, so that the default takes each of its methods. A compile is expensive from 0.1 s on.
Memory is the process's resident size after a call.
"""

import argparse
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import jax
import numpy as np

import nstaudio
from nstaudio.audio import demo_clips, files
from nstaudio.losses import Gram
from nstaudio.optimization.aims import StyleClip

SR = 22050
EXPENSIVE_S = 0.1
SETTINGS: dict[str, dict[str, Any]] = {
    "default": {},
    "descent": {"n_steps": 10, "alpha": 0.004},
    "gram": {"n_steps": 10, "style_loss": Gram(), "aim": StyleClip()},
}


class Compiles:
    """The programs that JAX compiles, and the seconds each takes."""

    def __init__(self) -> None:
        self.seconds: list[tuple[str, float]] = []
        jax.monitoring.register_event_duration_secs_listener(self._add)

    def _add(self, event: str, duration_secs: float, **about: Any) -> None:
        if event == "/jax/core/compile/backend_compile_duration":
            self.seconds.append((str(about.get("fun_name")), duration_secs))


def rss_mb() -> float:
    """The resident size of this process, MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


def voice(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Notes of an instrument, one after another."""
    t = np.arange(int(0.4 * SR)) / SR
    notes = []
    while sum(map(len, notes)) < seconds * SR:
        hz = 220 * 2 ** (rng.integers(0, 13) / 12)
        partials = sum(np.sin(2 * np.pi * hz * k * t) / k**2 for k in range(1, 7))
        notes.append(partials * np.exp(-4 * t))
    return np.concatenate(notes)[: int(seconds * SR)]


def strokes(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Bursts of noise."""
    t = np.arange(int(seconds * SR)) / SR
    return rng.standard_normal(len(t)) * np.exp(-12 * (t % 0.25))


def cut(y: np.ndarray, seconds: float, rng: np.random.Generator) -> np.ndarray:
    """A passage of a clip, repeated if short."""
    n = int(seconds * SR)
    return np.resize(y[rng.integers(0, max(len(y) - n, 1)) :], n)


def pair(call: int, mixes: dict[str, np.ndarray], seconds: Any, rng: Any) -> list[np.ndarray]:
    """Content and style of a call, of the kind whose turn it is."""
    if call % 4 == 2:
        return [voice(s, rng) for s in seconds]
    if call % 4 == 3:
        return [strokes(s, rng) for s in seconds]
    names = ("jazz", "classical") if call % 4 else ("classical", "jazz")
    return [cut(mixes[name], s, rng) for name, s in zip(names, seconds, strict=True)]


def main() -> None:
    """Print a row a call."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--seconds", type=float, nargs=2, default=(2.0, 12.0))
    parser.add_argument("--settings", choices=SETTINGS, default="default")
    parser.add_argument("--names", action="store_true", help="of the programs that were compiled")
    args = parser.parse_args()
    compiles, rng = Compiles(), np.random.default_rng(0)
    mixes = {name: files.load(path).mono(SR) for name, path in demo_clips.files().items()}
    print("call  content s  style s  seconds  compiled  expensive  compiling s        MB")
    for call in range(args.calls):
        lengths = rng.uniform(args.seconds[0], args.seconds[1], 2)
        clips = [np.asarray(y, np.float32) for y in pair(call, mixes, lengths, rng)]
        compiles.seconds.clear()
        started = time.perf_counter()
        nstaudio.transfer(clips[0], clips[1], SR, **SETTINGS[args.settings])
        took = time.perf_counter() - started
        new = compiles.seconds
        print(
            f"{call:4d}{lengths[0]:11.2f}{lengths[1]:9.2f}{took:9.2f}{len(new):10d}"
            f"{sum(s >= EXPENSIVE_S for _, s in new):11d}{sum(s for _, s in new):13.2f}"
            f"{rss_mb():10.0f}",
            flush=True,
        )
        if args.names:
            total: defaultdict[str, float] = defaultdict(float)
            for name, s in new:
                total[name] += s
            print(
                "     ",
                ", ".join(
                    f"{name} {s:.2f}"
                    for name, s in sorted(total.items(), key=lambda one: -one[1])[:12]
                ),
            )


if __name__ == "__main__":
    main()
