"""Time and memory of a step of the infinite encoder against the length of the clips.

    uv run python benchmarks/length.py
    uv run python benchmarks/length.py --seconds 10 60 --kernel-size 9 9

Content and style are equally long, in 1025 bins, a frame every 512 samples. Every length runs in a
process of its own, so that its peak memory is its own: `base_mb` is the process with both
spectrograms just before the transfer, `peak_mb` its peak after it.
"""

import argparse
import json
import subprocess
import sys


def measure(seconds: float, kernel_size: tuple[int, ...]) -> dict[str, float]:
    """Compile, then time a few steps."""
    from nstaudio.encoders import InfiniteEncoder
    from nstaudio.experiments.storage.summary import peak_rss_mb

    from transfers import Transfer, clock, log_magnitudes

    clips = log_magnitudes("jazz", seconds), log_magnitudes("classical", seconds)
    base = peak_rss_mb() or float("nan")
    transfer = Transfer(InfiniteEncoder(kernel_size), clips, alpha=5e-4, learning_rate=2.0)
    none = min(clock(lambda: transfer.steps(0)) for _ in range(2))
    n = max(1, int(10 / max(none, 0.1) / 4))
    step = (clock(lambda: transfer.steps(n)) - none) / n
    return {
        "frames": clips[0].shape[0],
        "step_s": step,
        "compile_s": transfer.compile_s,
        "base_mb": base,
        "peak_mb": peak_rss_mb() or float("nan"),
    }


def main() -> None:
    """Print one row a length."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--seconds", type=float, nargs="+", default=[10.0, 60.0, 300.0])
    parser.add_argument("--kernel-size", type=int, nargs="+", default=[11])
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        print(json.dumps(measure(args.seconds[0], tuple(args.kernel_size))))
        return
    columns = ("frames", "step_s", "compile_s", "base_mb", "peak_mb")
    print(f"{'seconds':>8}" + "".join(f"{name:>11}" for name in columns))
    for seconds in args.seconds:
        command = [sys.executable, __file__, "--one", "--seconds", str(seconds), "--kernel-size"]
        command += map(str, args.kernel_size)
        row = json.loads(
            subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout
        )
        print(f"{seconds:8g}" + "".join(f"{row[name]:11.4g}" for name in columns), flush=True)


if __name__ == "__main__":
    main()
