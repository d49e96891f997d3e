"""Measure what it saves to run the jobs of a sweep side by side.

    uv run python benchmarks/sweeps.py                  (64 jobs, some 20 minutes on 2 cores)
    uv run python benchmarks/sweeps.py --jobs 16 --parts steps

steps   the optimisation alone, alpha and beta varied: one run after the other and as one program,
        by turns; ratio of medians.
whole   the whole command with all that it writes, with Hydra's launcher and with `vmap`, and the
        same again when all is done; the clips' results compared, sample by sample.
"""

import argparse
import itertools
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import soundfile

from nstaudio.audio import files
from nstaudio.audio.style_clips import prepare_style_audio
from nstaudio.experiments import config, config_files
from nstaudio.optimization import batching, loop
from nstaudio.transfer import prepare

ROOT = Path(__file__).resolve().parent.parent
SETTINGS = ("experiment=descent", "n_steps=200")


def values(n: int, least: float, most: float) -> list[float]:
    """So many values, evenly spread on a logarithmic scale."""
    return [float(f"{value:.3g}") for value in np.geomspace(least, most, n)]


def grid(n_jobs: int) -> tuple[list[float], list[float]]:
    """Values of alpha and beta whose combinations are so many."""
    n_beta = int(np.sqrt(n_jobs))
    return values(n_jobs // n_beta, 1e-3, 1e-1), values(n_beta, 0.5, 2.0)


def steps(n_jobs: int, n_steps: int, rounds: int) -> None:
    """Print the part of this name."""
    settings = config.build(config_files.compose(SETTINGS))
    transfer = settings.transfer
    content = files.load(**vars(settings.content))
    assert settings.style.path is not None
    clips = [(a.y, a.sr, a.label) for a in files.load_all(settings.style.path)]
    style = prepare_style_audio(clips, transfer.segments, transfer.spec.sr).y
    prepared = prepare.prepare_segment(content.y, content.sr, style, transfer)
    assert prepared is not None
    problem, many = prepared.problem, []
    for alpha, beta in itertools.product(*grid(n_jobs)):
        weights = problem.weights._replace(alpha=jnp.float32(alpha), beta=jnp.float32(beta))
        many.append(
            loop.Updates(
                prepared.state,
                problem._replace(weights=weights),
                n_steps,
                prepared.objective,
                transfer.optimizer.transformation,
            )
        )
    batch = batching.Batch()
    ways = {
        "one after the other": lambda: [loop.run_updates(one) for one in many],
        "as one program": lambda: batch.make(many),
    }
    for way in ways.values():
        way()  # compiles
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    busy: dict[str, list[float]] = {name: [] for name in ways}
    for _, (name, way) in itertools.product(range(rounds), ways.items()):
        started, cpu = time.perf_counter(), time.process_time()
        way()
        seconds[name].append(time.perf_counter() - started)
        busy[name].append((time.process_time() - cpu) / seconds[name][-1])
    medians = {name: statistics.median(all_of_it) for name, all_of_it in seconds.items()}
    first, second = medians.values()
    for name, median in medians.items():
        per_step = 1e3 * median / n_steps / len(many)
        cores = statistics.median(busy[name])
        print(
            f"{name:20} {median:7.1f} s for {len(many)} runs of {n_steps} steps, "
            f"{per_step:.1f} ms a step, {cores:.2f} cores busy"
        )
    print(f"ratio {first / second:.2f} on {jax.device_count()} x {jax.devices()[0].device_kind}")


def whole(n_jobs: int) -> None:
    """Print the part of this name."""
    alphas, betas = (",".join(map(str, some)) for some in grid(n_jobs))
    arguments = ["-m", *SETTINGS, f"alpha={alphas}", f"beta={betas}"]
    with tempfile.TemporaryDirectory() as place:
        seconds = {}
        for name in ("basic", "vmap"):
            folder = Path(place) / name
            command = [sys.executable, str(ROOT / "scripts" / "run.py"), *arguments]
            command += [f"hydra.sweep.dir={folder}", f"hydra/launcher={name}"]
            for which in ("", " again"):
                started = time.perf_counter()
                subprocess.run(command, check=True, capture_output=True)
                seconds[name + which] = time.perf_counter() - started
                print(f"{name + which:12} {seconds[name + which]:7.1f} s", flush=True)
        largest = 0.0
        for file in sorted((Path(place) / "basic").glob("*/generated.wav")):
            other = Path(place) / "vmap" / file.parent.name / file.name
            (y, _), (z, _) = soundfile.read(file), soundfile.read(other)
            largest = max(largest, float(np.abs(y - z).max()))
        print(f"ratio {seconds['basic'] / seconds['vmap']:.2f}; results differ by {largest:g}")


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--jobs", type=int, default=64)
    parser.add_argument("--steps", type=int, default=10, help="of each run, in `steps`")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--parts", nargs="+", default=["steps", "whole"])
    args = parser.parse_args()
    if "steps" in args.parts:
        batching.use_cores()
        steps(args.jobs, args.steps, args.rounds)
    if "whole" in args.parts:
        whole(args.jobs)


if __name__ == "__main__":
    main()
