"""Time and memory of an inversion against the length of the clip.

    uv run python benchmarks/inversion.py
    uv run python benchmarks/inversion.py --inversion kl_griffin_lim --minutes 1 5

Every length runs in a process of its own, so that its peak memory is its own: `base_mb` is the
process with the clip's mel spectrogram just before the inversion, `peak_mb` its peak after it.
"""

import argparse
import json
import subprocess
import sys
import time


def measure(inversion: str, minutes: float) -> dict[str, float]:
    """Compile on the clip itself, then time one inversion."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    from nstaudio.analysis.spectrogram import log_mel, mel_power
    from nstaudio.audio import demo_clips, files
    from nstaudio.experiments import config, config_files
    from nstaudio.experiments.storage.summary import peak_rss_mb

    settings = config.build(config_files.compose([f"inversion={inversion}"])).transfer
    spec = settings.spec
    y = files.load(demo_clips.CLIPS_DIR / "jazz.ogg").mono(spec.sr)
    y = np.tile(y, int(np.ceil(60 * minutes * spec.sr / len(y))))[: int(60 * minutes * spec.sr)]
    scale = float(jnp.sqrt(mel_power(jnp.asarray(y[: 60 * spec.sr]), spec).max()))
    # Analysed a minute at a time: the whole transform is not what is measured here.
    step = 60 * spec.sr // spec.hop_length * spec.hop_length
    parts = [log_mel(jnp.asarray(y[i : i + step] / scale), spec) for i in range(0, len(y), step)]
    level_db = jnp.concatenate([p[:-1] for p in parts[:-1]] + parts[-1:])
    content = jnp.asarray(y / scale)
    base = peak_rss_mb() or float("nan")

    def invert() -> None:
        jax.block_until_ready(
            settings.inversion(
                level_db,
                content=content,
                spec=spec,
                length=content.shape[0],
                key=jax.random.key(0),
            )
        )

    invert()
    started = time.perf_counter()
    invert()
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "base_mb": base, "peak_mb": peak_rss_mb() or float("nan")}


def main() -> None:
    """Print one row a length."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--inversion", default="mel_griffin_lim")
    parser.add_argument("--minutes", type=float, nargs="+", default=[1.0, 3.0, 10.0])
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        print(json.dumps(measure(args.inversion, args.minutes[0])))
        return
    print(f"{'minutes':>8}{'seconds':>10}{'s per s':>10}{'base_mb':>10}{'peak_mb':>10}")
    for minutes in args.minutes:
        command = [sys.executable, __file__, "--one", "--inversion", args.inversion]
        command += ["--minutes", str(minutes)]
        row = json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout)
        print(
            f"{minutes:8g}{row['seconds']:10.2f}{row['seconds'] / minutes / 60:10.4f}"
            f"{row['base_mb']:10.0f}{row['peak_mb']:10.0f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
