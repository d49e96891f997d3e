"""The presets side by side, as tables in Markdown.

    uv run python benchmarks/methods.py                  # every preset on the demo clips
    uv run python benchmarks/methods.py paper timbre     # some
    uv run python benchmarks/methods.py --textures my_textures texture antognini gaussian_ot

`distance` is `nstaudio.losses.texture_statistics.distance` of the result from the style. With
`--textures` every preset makes 10 s of each sound in the folder, without a content; likeness is
the largest normalised cross-correlation of any half second of the result with any of the sound:
1 is a copy. Settings after `--` go to every run.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np

from nstaudio.audio import samples
from nstaudio.audio.files import load
from nstaudio.evaluation.copies import max_correlation
from nstaudio.experiments.report import sweep_page
from nstaudio.losses import texture_statistics

ROOT = Path(__file__).resolve().parent.parent
UNSEEN = "unseen_style_share"
FIGURES = ("style_share", UNSEEN, "consistency_db", "added_noise_db")
NO_CONTENT = ("content=none", "strength=null", "alpha=0", "beta=1")

_statistics = jax.jit(texture_statistics.statistics, static_argnames=("sr",))


def run(folder: Path, *settings: str) -> dict[str, Any]:
    """A run in `folder`; returns its summary."""
    command = [sys.executable, str(ROOT / "scripts" / "run.py"), f"hydra.run.dir={folder}"]
    done = subprocess.run([*command, *settings], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(settings)}: {done.stderr[-2000:]}")
    return json.loads((folder / "summary.json").read_text())


def row(*cells: object) -> str:
    """A line of a table."""
    return f"| {' | '.join(str(cell) for cell in cells)} |"


def on_the_demo_clips(presets: list[str], settings: list[str], folder: Path) -> None:
    """A row a preset."""
    print(row("preset", "steps", "seconds", *FIGURES, "distance"))
    print(row(*["---"] * (4 + len(FIGURES))))
    for preset in presets:
        found = run(folder / preset, f"experiment={preset}", *settings)
        values = [found[name] for name in FIGURES]
        figures = ["-" if value is None else f"{value:.3g}" for value in values]
        seconds = f"{found['seconds_total']:.0f}"
        distance = f"{_distance_of_run(folder / preset):.3f}"
        print(row(f"`{preset}`", found["n_steps"], seconds, *figures, distance), flush=True)


def _distance_of_run(folder: Path) -> float:
    """`texture_statistics.distance` of a run's result from its style."""
    files = [sweep_page.read(folder).sound(role) for role in ("generated", "style")]
    clips = [load(file) for file in files if file is not None]
    generated, style = (_statistics(clip.mono(clip.sr), sr=clip.sr) for clip in clips)
    return float(texture_statistics.distance(generated, style))


def on_textures(presets: list[str], settings: list[str], sounds: list[Path], folder: Path) -> None:
    """A row a sound and a preset; the first of a sound is noise with its spectrum."""
    print(row("texture", "preset", "distance", "likeness", UNSEEN, "consistency_db", "seconds"))
    print(row(*["---"] * 7))
    for sound in sounds:
        recording = load(sound)
        sr, style = recording.sr, recording.mono(recording.sr)
        target = _statistics(style, sr=sr)
        judge = partial(_judge, style=style, target=target, sr=sr)
        noise = samples.noise_like(style, 10 * sr, seed=0)
        print(row(sound.stem, "noise", *judge(noise), "1", "", ""))
        for preset in presets:
            where = folder / f"{sound.stem}_{preset}"
            made = [f"experiment={preset}", f"style.path={sound}", "duration_s=10", *NO_CONTENT]
            found = run(where, *made, *settings)
            y = load(where / "generated.wav").mono(sr)
            figures = [f"{found[name]:.3g}" for name in (UNSEEN, "consistency_db")]
            seconds = f"{found['seconds_total']:.0f}"
            print(row(sound.stem, f"`{preset}`", *judge(y), *figures, seconds), flush=True)


def _judge(
    y: np.ndarray, *, style: np.ndarray, target: texture_statistics.Statistics, sr: int
) -> tuple[str, str]:
    distance = float(texture_statistics.distance(_statistics(y, sr=sr), target))
    return f"{distance:.3f}", f"{max_correlation(y, style, sr):.2f}"


def main() -> None:
    """The command."""
    every = sorted(file.stem for file in (ROOT / "configs" / "experiment").glob("*.yaml"))
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("presets", nargs="*", default=every)
    parser.add_argument("--textures", type=Path, help="a folder of sounds to make more of")
    given = sys.argv[1:]
    at = given.index("--") if "--" in given else len(given)
    args, settings = parser.parse_args(given[:at]), given[at + 1 :]
    with tempfile.TemporaryDirectory() as folder:
        if args.textures is None:
            on_the_demo_clips(args.presets, settings, Path(folder))
        else:
            sounds = sorted(args.textures.glob("*.wav"))
            on_textures(args.presets, settings, sounds, Path(folder))


if __name__ == "__main__":
    main()
