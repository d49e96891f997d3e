"""Analyse clips, turn the spectrogram back into sound, and measure what was lost on the way.

    python scripts/round_trip.py my.wav other.mp3
    python scripts/round_trip.py --inversion nnls_griffin_lim --spectrogram librosa my.wav

No style is transferred: this is the most that a run whose parametrization needs an inversion can
sound like. The two perceptual scores need the extra `evaluation`:
`uv run --extra evaluation python scripts/round_trip.py ...`
"""

import argparse
import sys
import time
from pathlib import Path
from typing import Any

from nstaudio.errors import InputError, one_line
from nstaudio.experiments.commands.typed_path import typed_path

COLUMNS = ("convergence_db", "mel_error_db", "zimtohrli", "visqol", "seconds_per_second")


def measure(path: Path, inversion: Any, spec: Any, duration_s: float | None) -> dict[str, Any]:
    """The figures of one clip."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    from nstaudio.analysis.spectrogram import log_mel, mel_power
    from nstaudio.audio import files
    from nstaudio.evaluation import noise, perceptual

    clip = files.load(path, duration_s=duration_s)
    heard = clip.mono(spec.sr)
    # The analysis of a run: the loudest mel band is 0 dB.
    scale = float(np.sqrt(mel_power(jnp.asarray(heard), spec).max()))
    content = jnp.asarray(heard / scale)
    level_db = log_mel(content, spec)

    def invert() -> Any:
        return jax.block_until_ready(
            inversion(
                level_db,
                content=content,
                spec=spec,
                length=content.shape[0],
                key=jax.random.key(0),
            )
        )

    invert()  # compile
    started = time.perf_counter()
    out = invert()
    seconds = time.perf_counter() - started
    error_db = float(jnp.sqrt(jnp.mean((log_mel(out, spec) - level_db) ** 2)))
    y = np.asarray(out) * np.float32(scale)
    return {
        "clip": clip.name,
        "convergence_db": noise.spectral_convergence_db(
            y, heard, n_fft=spec.n_fft, hop_length=spec.hop_length
        ),
        "mel_error_db": error_db,
        "zimtohrli": perceptual.zimtohrli(y, heard, spec.sr),
        "visqol": perceptual.visqol(y, heard, spec.sr),
        "seconds_per_second": seconds / clip.duration_s,
        "y": y,
    }


def main(argv: list[str] | None = None) -> int:
    """Print a table; 0, or 2 after one line that says what cannot be used."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument(
        "clips", nargs="*", type=typed_path, help="audio files; default: the demo clips"
    )
    parser.add_argument("--inversion", default="mel_griffin_lim", help="a file of configs/")
    parser.add_argument("--spectrogram", default="mel", help="a file of configs/")
    parser.add_argument("--duration-s", type=float, help="seconds of each clip at most")
    parser.add_argument("--save", type=typed_path, help="a folder for the results as wav")
    args = parser.parse_args(argv)

    from hydra.errors import HydraException

    from nstaudio.audio import demo_clips, writing
    from nstaudio.experiments import config, config_files
    from nstaudio.experiments.storage import file_writing

    groups = [f"inversion={args.inversion}", f"spectrogram={args.spectrogram}"]
    try:
        settings = config.build(config_files.compose(groups)).transfer
        if args.save is not None:
            args.save.mkdir(parents=True, exist_ok=True)
        clips = args.clips or sorted(demo_clips.CLIPS_DIR.glob("*.ogg"))
        print("clip".ljust(24) + "".join(column.rjust(20) for column in COLUMNS))
        rows = []
        for path in clips:
            row = measure(path, settings.inversion, settings.spec, args.duration_s)
            if args.save is not None:
                name = f"{file_writing.short_name(row['clip'])}.wav"
                writing.save(args.save / name, row["y"], settings.spec.sr, subtype="FLOAT")
            rows.append(row)
            print_row(row)
        if len(rows) > 1:
            print_row({"clip": "mean", **{c: mean([row[c] for row in rows]) for c in COLUMNS}})
    except (InputError, HydraException, OSError) as error:
        print(f"error: {one_line(str(error).splitlines()[0])}", file=sys.stderr)
        return 2
    return 0


def mean(values: list[float | None]) -> float | None:
    """The mean of what was measured."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def print_row(row: dict[str, Any]) -> None:
    """One line of the table."""
    cells = ["-" if row[c] is None else f"{row[c]:.3f}" for c in COLUMNS]
    print(row["clip"][:23].ljust(24) + "".join(cell.rjust(20) for cell in cells), flush=True)


if __name__ == "__main__":
    sys.exit(main())
