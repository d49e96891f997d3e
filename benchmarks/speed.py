"""Speed against PyTorch, on the demo clips, in one table.

    uv pip install torch==2.13.0 --torch-backend cpu
    uv run python benchmarks/speed.py                        (15 minutes on 2 cores)
    uv run python benchmarks/speed.py --paper-steps 20000    (30 minutes: the preset at full length)

Ulyanov & Lebedev's transfer (4096 filters of 11 frames over 1025 bins, content and Gram losses):
PyTorch, then this project with the same encoder, then with the infinite one. All start at the
content and minimise the same formula. How far each has come is measured by one more encoder of as
many filters that none of them has seen. Then the preset `paper` against the same loop in PyTorch,
what progress, logging and checkpoints add to it, and where the time of a step goes.

Times are medians of rounds in which the contestants take turns, so a busy machine slows all alike.
"""

import argparse
import itertools
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nstaudio.analysis.spectrogram import unit
from nstaudio.audio import demo_clips, files
from nstaudio.encoders import Conv1dEncoder, InfiniteEncoder, arc_cosine
from nstaudio.encoders.fast_convolution import convolve
from nstaudio.experiments import config, config_files, runner
from nstaudio.experiments.results import StepTimer
from nstaudio.experiments.run_recorder import SegmentProgress
from nstaudio.experiments.storage import metrics_log
from nstaudio.experiments.storage.checkpoints import Checkpoints
from nstaudio.losses import Gram
from nstaudio.optimization.loop import run as run_steps
from nstaudio.transfer import prepare
from nstaudio.transfer.segment_loop import optimize_segment

import peers
from transfers import LOSSES, SPEC, Transfer, clock, log_magnitudes

LOOPS = 5  # gradients in one compiled loop, where layers are compared


def in_turns(rounds: int, *functions: Callable[[], Any]) -> list[float]:
    """Median seconds of each, each called once a round, after one call to warm up."""
    for function in functions:
        clock(function)
    turns = [[clock(function) for function in functions] for _ in range(rounds)]
    return [statistics.median(column) for column in zip(*turns, strict=True)]


def ulyanov(args: argparse.Namespace) -> None:
    """(a) PyTorch, (b) the finite encoder, (c) the infinite encoder."""
    clips = log_magnitudes("jazz", args.seconds), log_magnitudes("classical", args.seconds)
    in_units = [np.asarray(unit(clip, SPEC)) for clip in clips]
    finite, infinite = Conv1dEncoder((args.filters,), args.width), InfiniteEncoder(args.width)
    unseen = finite.init(jax.random.key(99), clips[0])
    targets = finite.targets(unseen, *map(jnp.asarray, in_units), losses=LOSSES)

    @jax.jit
    def judge(level_db: jax.Array) -> jax.Array:
        return finite.distances(unseen, unit(level_db, SPEC), targets, losses=LOSSES).style["conv1"]

    ours = [
        Transfer(encoder, clips, alpha=args.alpha, learning_rate=args.learning_rate)
        for encoder in (finite, infinite)
    ]
    peer = peers.Ulyanov(*in_units, filters=args.filters, width=args.width, alpha=args.alpha)
    many = 20
    functions = [
        peer.evaluate,
        *(
            partial(one.steps, n)
            for one, most in zip(ours, (1, many), strict=True)
            for n in (0, most)
        ),
    ]
    torch_s, none_b, one_b, none_c, many_c = in_turns(args.rounds, *functions)
    steps = [torch_s, one_b - none_b, (many_c - none_c) / many]

    started = time.perf_counter()
    found = peer.run(args.evaluations)
    torch_to = time.perf_counter() - started
    target = float(judge(jnp.asarray((1 - found) * SPEC.floor_db)))
    reached = [
        ours[0].seconds_to(target, judge, chunk=2, most=5 * args.evaluations),
        ours[1].seconds_to(target, judge, chunk=2, most=20 * args.evaluations),
    ]
    print(
        f"\n{args.filters} filters of {args.width} frames, {clips[0].shape[1]} bins, "
        f"{clips[0].shape[0]} and {clips[1].shape[0]} frames ({args.seconds:g} s); style distance "
        f"by unseen filters: {float(judge(clips[0])):.3e} at the start, {target:.3e} after "
        f"PyTorch's {args.evaluations} evaluations\n"
    )
    table(
        ("", "s a step", "times PyTorch", "compile s", "steps to it", "s to it", "times PyTorch"),
        [
            ("(a) PyTorch, L-BFGS", steps[0], 1.0, 0.0, args.evaluations, torch_to, 1.0),
            *(
                (name, s, steps[0] / s, one.compile_s, n, to, torch_to / to)
                for name, s, one, (to, n) in zip(
                    ("(b) finite encoder, Adam", "(c) infinite encoder, Adam"),
                    steps[1:],
                    ours,
                    reached,
                    strict=True,
                )
            ),
        ],
    )
    profile(args, clips, steps)


def profile(
    args: argparse.Namespace,
    clips: tuple[jax.Array, jax.Array],
    steps: list[float],
) -> None:
    """Where a step's time goes, against the machine's own matrix products."""
    x, a = (unit(clip, SPEC) for clip in clips)
    n = 2048
    square = jnp.asarray(np.random.default_rng(0).random((n, n)), jnp.float32)
    sizes, pointwise = (args.width,), Gram().kernel_form

    def both(x: jax.Array, a: jax.Array) -> jax.Array:
        still = jax.lax.stop_gradient(x)
        return jnp.stack([arc_cosine.means(x, y, sizes, pointwise) for y in (still, a)]).sum()

    def content(x: jax.Array, a: jax.Array) -> jax.Array:
        return jnp.stack([d.mean() for d in arc_cosine.distances(x, a[: len(x)], sizes)]).sum()

    products = jax.jit(lambda x, a: (x @ x.T, x @ a.T))
    style_value, style_grad = jax.jit(both), jax.jit(jax.grad(both))
    content_grad = jax.jit(jax.grad(content))
    calls = [jax.jit(jnp.matmul), products, style_value, style_grad, content_grad]
    functions = [partial(calls[0], square, square), *(partial(f, x, a) for f in calls[1:])]
    peak, forward, value, gradient, near = in_turns(max(5, args.rounds), *functions)
    flops_s = 2 * n**3 / peak
    frames, others, channels = len(x), len(a), x.shape[1]
    product = 2 * frames * (frames + others) * channels / flops_s
    positions = frames - args.width + 1
    conv = 2 * positions * args.width * channels * args.filters / flops_s
    gram = 2 * positions * (positions + others - args.width + 1) * args.filters / flops_s
    print(
        f"\nWhere a step goes; the bound is its matrix products at the {flops_s / 1e9:.0f} GFLOP/s "
        f"of a product of two {n} x {n} matrices\n"
    )
    table(
        ("infinite encoder", "ms", "bound ms", "times the bound"),
        [
            ("products x x', x a'", 1e3 * forward, 1e3 * product, forward / product),
            ("+ kernels: value of the style", 1e3 * value, 1e3 * product, value / product),
            ("+ gradient of the style", 1e3 * gradient, 2e3 * product, gradient / product / 2),
            ("content and its gradient", 1e3 * near, 0.0, float("nan")),
            ("the whole step", 1e3 * steps[2], 2e3 * product, steps[2] / product / 2),
        ],
    )
    print()
    bound = 2 * (conv + gram)
    table(
        ("finite encoder", "ms", "bound ms", "times the bound"),
        [
            ("the whole step", 1e3 * steps[1], 1e3 * bound, steps[1] / bound),
            ("PyTorch's", 1e3 * steps[0], 1e3 * bound, steps[0] / bound),
        ],
    )


def layers(args: argparse.Namespace) -> None:
    """One layer and its gradient, three ways, in a compiled loop as a transfer's steps are."""
    x = unit(log_magnitudes("jazz", args.seconds), SPEC)

    def library(x: jax.Array, kernel: jax.Array) -> jax.Array:
        axes = ("NWC", "WIO", "NWC")
        return jax.lax.conv_general_dilated(x[None], kernel, (1,), "VALID", dimension_numbers=axes)

    def patches(x: jax.Array, kernel: jax.Array) -> jax.Array:
        n = len(x) - len(kernel) + 1
        side_by_side = jnp.concatenate([x[d : d + n] for d in range(len(kernel))], axis=1)
        return side_by_side @ kernel.reshape(-1, kernel.shape[-1])

    def loop(way: Callable[..., jax.Array], x: jax.Array, kernel: jax.Array) -> jax.Array:
        gradient = jax.grad(lambda x: jnp.sum(way(x, kernel) ** 2))
        return jax.lax.fori_loop(0, LOOPS, lambda _, x: x - 1e-6 * gradient(x), x)

    rows = []
    for channels, filters, size in (
        (144, 16, 5),
        (128, 64, 5),
        (128, 256, 5),
        (256, 64, 5),
        (144, 256, 9),
        (128, 1024, 9),
        (1025, 512, 11),
        (1025, 4096, 11),
    ):
        part = x[:, :channels]
        kernel = jax.random.normal(jax.random.key(0), (size, channels, filters)) / channels
        ways = [jax.jit(partial(loop, way)) for way in (library, patches, convolve)]
        seconds = in_turns(args.rounds, *(partial(way, part, kernel) for way in ways))
        ms = [1e3 * s / LOOPS for s in seconds]
        rows.append((f"{channels} x {size} -> {filters}", *ms, ms[0] / ms[2], ms[1] / ms[2]))
    print()
    header = ("one layer and its gradient", "library ms", "patches ms", "Toom-Cook ms")
    table((*header, "times the library", "times patches"), rows)


def paper(args: argparse.Namespace) -> None:
    """(d) The preset `paper`: bare, with everything around it, and in PyTorch."""
    overrides = ["experiment=paper", f"n_steps={args.paper_steps}"]
    settings = config.build(config_files.compose(overrides))
    transfer = settings.transfer
    clips = [
        files.load(demo_clips.CLIPS_DIR / f"{name}.ogg").mono(transfer.spec.sr)
        for name in ("jazz", "classical")
    ]
    prepared = prepare.prepare(clips[0], clips[1], transfer)
    layers = prepared.problem.variables["params"]
    adam = transfer.optimizer.hyperparams
    loop = partial(
        run_steps,
        prepared.state,
        prepared.problem,
        objective=prepared.objective,
        transformation=transfer.optimizer.transformation,
        n_steps=args.paper_steps,
    )
    totals = {}

    def bare() -> None:
        *_, (_, losses) = loop(chunk=args.paper_steps)
        totals["ours"] = float(losses.total)

    def whole() -> None:
        with (
            tempfile.TemporaryDirectory() as folder,
            Checkpoints(
                Path(folder) / "checkpoints",
                keep=settings.checkpoint.keep,
                interval_s=settings.checkpoint.interval_s,
                inputs="",
            ) as checkpoints,
            metrics_log.Metrics(Path(folder) / "metrics.jsonl") as metrics,
        ):
            progress = SegmentProgress(prepared.state, checkpoints, metrics, StepTimer())
            steps = optimize_segment(
                prepared.state,
                prepared,
                transfer,
                progress.record,
                name="the preset",
                log_every=settings.log_every,
                steps_before=0,
                total=prepared.n_steps,
            )
            runner.run_one(steps)
            progress.finish()

    def in_torch() -> None:
        peer = peers.Paper(
            np.asarray(prepared.content.level_db),
            np.asarray(prepared.style.level_db),
            [np.asarray(layers[name]["kernel"]) for name in transfer.layer_names],
            floor_db=transfer.spec.floor_db,
            alpha=float(transfer.weights.alpha),
            beta=float(transfer.weights.beta),
            layer_weight=1 / len(transfer.layer_names),
            learning_rate=adam["learning_rate"],
            eps=adam["eps"],
        )
        totals["torch"] = peer.run(args.paper_steps)

    for _ in itertools.islice(loop(chunk=10), 2):  # compiles
        pass
    rounds = 1 if args.paper_steps >= 5000 else args.rounds
    turns = [[clock(f) for f in (bare, whole, in_torch)] for _ in range(rounds)]
    bare_s, whole_s, torch_s = (statistics.median(c) for c in zip(*turns, strict=True))
    share = statistics.median(1 - b / w for b, w, _ in turns)
    frames = len(prepared.content.level_db)
    print(f"\n(d) preset paper, {args.paper_steps} steps, {frames} frames\n")
    table(
        ("", "seconds", "ms a step", "times PyTorch", "total loss"),
        [
            ("PyTorch's loop", torch_s, 1e3 * torch_s / args.paper_steps, 1.0, totals["torch"]),
            ("this project's, bare", bare_s, 1e3 * bare_s / args.paper_steps, torch_s / bare_s,
             totals["ours"]),
            ("with progress, log, checkpoints", whole_s, 1e3 * whole_s / args.paper_steps,
             torch_s / whole_s, totals["ours"]),
        ],
    )  # fmt: skip
    print(f"\nprogress, log and checkpoints: {100 * share:.1f} % of the time")


def table(header: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    """A Markdown table; numbers with four digits."""
    cells = [[f"{v:.4g}" if isinstance(v, float) else str(v) for v in row] for row in rows]
    print("| " + " | ".join(header) + " |\n|" + "---|" * len(header))
    for row in cells:
        print("| " + " | ".join(row) + " |", flush=True)


PARTS = {"ulyanov": ulyanov, "layers": layers, "paper": paper}


def main() -> None:
    """Everything, or the parts asked for."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--seconds", type=float, default=10.0, help="of each clip")
    parser.add_argument("--filters", type=int, default=4096)
    parser.add_argument("--width", type=int, default=11, help="frames of a filter")
    parser.add_argument("--alpha", type=float, default=5e-4)
    parser.add_argument("--learning-rate", type=float, default=2.0, help="of Adam, dB")
    parser.add_argument("--evaluations", type=int, default=100, help="of PyTorch's L-BFGS")
    parser.add_argument("--paper-steps", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    print(
        f"JAX {jax.__version__} on {jax.devices()[0].device_kind}, PyTorch "
        f"{peers.torch.__version__} on {peers.device_name()}, "
        f"{peers.torch.get_num_threads()} threads"
    )
    for part in args.parts:
        PARTS[part](args)


if __name__ == "__main__":
    main()
