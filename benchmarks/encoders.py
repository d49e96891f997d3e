"""Encoders and style losses side by side, on clips whose result is known, as a table in Markdown.

    uv run python benchmarks/encoders.py mixes instruments
    uv run python benchmarks/encoders.py mixes --n 3 --rows learned:gram learned:gram:strength=0.25

Each folder holds what `scripts/render_ensembles.py` and `scripts/render_triplets.py` write; of each
the first `--n` items are taken, and of them the first `--seconds`. All rows descend alike, from the
content, on a gain (`experiment=gram`), by the same number of steps and at the same strength. The
figures are distances to the target (`nstaudio.evaluation`), means over a folder's items, those of
several folders beside each other. Seconds are a processor's, the median of all items, compiling not
among them where clips are equally long; memory is the largest of the row's own process. `--keep`
names a file that keeps what is measured, so that a second call goes on with what is missing.
"""

import argparse
import json
import multiprocessing
import resource
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import soxr

from nstaudio.encoders import AisfxEncoder
from nstaudio.evaluation import eq_baseline, judge, similarity, tonality
from nstaudio.evaluation.similarity import SR
from nstaudio.experiments import config, config_files
from nstaudio.experiments.commands.typed_path import typed_path
from nstaudio.experiments.evaluation import items
from nstaudio.experiments.evaluation.items import Item
from nstaudio.transfer import api
from nstaudio.transfer.settings import Settings

from methods import row

SPECTROGRAMS = ("musicnn", "aisfx", "learned", "basic_pitch")
"""Encoders with a spectrogram of their own, of the same name."""

ROWS = (
    *("identity:gram", "conv1d_alone:gram", "infinite:gram", "learned:gram", "musicnn:gram"),
    "learned:gram:style_weights={conv2:0,conv3:0,code:0}",
    "learned:gram:strength=0.25",
    *("learned:gaussian_ot", "musicnn:band_statistics"),
    *("identity:feature_reconstruction", "conv1d_alone:feature_reconstruction"),
    "learned:feature_reconstruction",
)
"""Encoders, style losses and, of some, a further setting. What takes long is made on request:
`basic_pitch` and, without a figure of the judge, whose network it is, `aisfx`."""

CONTROLS = ("content", "style", "eq", "default")
FIGURES = {"lsd_db": "LSD, dB", "pitch": "pitch", "chroma": "chroma", "judge": "judge"}

ByFolder = list[list[dict[str, float | None]]]
"""Figures of each item of each folder."""


class Measured(NamedTuple):
    """The figures of a row, and what they cost."""

    figures: ByFolder
    seconds: float | None
    memory_mb: float | None


def settings(name: str, n_steps: int) -> Settings:
    """The settings of a row, or of the control `default`."""
    if name == "default":
        return config.build(config_files.compose([])).transfer
    encoder, loss, *further = name.split(":", maxsplit=2)
    chosen = [f"encoder={encoder}", f"style_loss={loss}", "aim=fitting"]
    if encoder in SPECTROGRAMS:
        chosen.append(f"spectrogram={encoder}")
    if encoder == "basic_pitch":
        chosen.append("representation=basic_pitch")
    descent = ["experiment=gram", "strength=0.75", f"n_steps={n_steps}"]
    return config.build(config_files.compose([*descent, *chosen, *further])).transfer


def clip(item: Item, role: str, sr: int, seconds: float) -> np.ndarray:
    """The first seconds of one of an item's sounds, mono."""
    return items.load(item, role, sr)[: int(seconds * sr)]


def transferred(
    name: str, folders: Sequence[Sequence[Item]], seconds: float, n_steps: int
) -> tuple[list[list[np.ndarray]], float, float]:
    """Results at `SR` by folder, median processor seconds, and the process's peak memory, MB."""
    chosen, spent, found = settings(name, n_steps), [], []
    for folder in folders:
        found.append([])
        for item in folder:
            content, style = (
                clip(item, role, chosen.spec.sr, seconds) for role in ("content", "style")
            )
            started = time.process_time()
            result = api.transfer(content, style, chosen.spec.sr, chosen)
            spent.append(time.process_time() - started)
            found[-1].append(soxr.resample(result.y, result.sr, SR, quality="VHQ"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return found, statistics.median(spent), peak / (2**20 if sys.platform == "darwin" else 2**10)


def distances(y: np.ndarray, target: np.ndarray, *, judged: bool) -> dict[str, float | None]:
    """The figures of one result, by the names of `FIGURES`."""
    y = np.pad(y, (0, max(0, len(target) - len(y))))[: len(target)]
    alike = similarity.compare(*(similarity.analyse(x, SR) for x in (y, target)))
    tones = tonality.compare(*(tonality.analyse(x, SR) for x in (y, target)))
    heard = [judge.embedding(x, SR) for x in (y, target)] if judged else []
    return {
        "lsd_db": alike.lsd_db,
        "pitch": alike.pitch,
        "chroma": tones.chroma,
        "judge": judge.distance(*heard) if judged else None,
    }


def measured(
    name: str, folders: Sequence[Sequence[Item]], seconds: float, n_steps: int
) -> Measured:
    """A row; its transfers are made in a process of their own."""
    spent, memory_mb, judged = None, None, True
    if name in ("content", "style", "eq"):
        ys = [[_control(name, item, seconds) for item in folder] for folder in folders]
    else:
        judged = not isinstance(settings(name, n_steps).encoder, AisfxEncoder)
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            arguments = (name, folders, seconds, n_steps)
            ys, spent, memory_mb = pool.submit(transferred, *arguments).result()
    figures = [
        [
            distances(y, clip(item, "target", SR, seconds), judged=judged)
            for y, item in zip(of_folder, folder, strict=True)
        ]
        for of_folder, folder in zip(ys, folders, strict=True)
    ]
    return Measured(figures, spent, memory_mb)


def _control(name: str, item: Item, seconds: float) -> np.ndarray:
    content, style = (clip(item, role, SR, seconds) for role in ("content", "style"))
    known = {"content": content, "style": style}
    return known[name] if name in known else eq_baseline.match(content, style, SR)


def table(rows: Mapping[str, Measured]) -> str:
    """The table: a line a row, the figures of several folders beside each other."""
    lines = [row("encoder", "style loss", *FIGURES.values(), "seconds", "memory, GB")]
    lines.append(row(*["---"] * (4 + len(FIGURES))))
    for name, of_row in rows.items():
        encoder, *of_style = name.split(":", maxsplit=2)
        shown = [_means(of_row.figures, key) for key in FIGURES]
        spent = "-" if of_row.seconds is None else f"{of_row.seconds:.1f}"
        memory = "-" if of_row.memory_mb is None else f"{of_row.memory_mb / 1024:.1f}"
        first = f"`{encoder}`" if of_style else f"*{name}*"
        style = ", ".join(f"`{part}`" for part in of_style)
        lines.append(row(first, style, *shown, spent, memory))
    return "\n".join(lines)


def _means(figures: ByFolder, key: str) -> str:
    means = []
    for folder in figures:
        known = [value for item in folder if (value := item[key]) is not None]
        digits = 2 if key == "lsd_db" else 3
        means.append(f"{np.mean(known):.{digits}f}" if known else "-")
    return " / ".join(means)


def kept(file: Path | None, name: str, measure: Callable[[], Measured]) -> Measured:
    """A row from the file where it has it, else measured and added to it."""
    known: dict[str, Any] = json.loads(file.read_text()) if file and file.exists() else {}
    if name not in known:
        print(name, file=sys.stderr, flush=True)
        known[name] = measure()._asdict()
        if file:
            file.write_text(json.dumps(known, indent=1))
    return Measured(**known[name])


def main(argv: list[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folders", nargs="+", type=typed_path)
    parser.add_argument("--rows", nargs="+", default=ROWS, help="ENCODER:STYLE_LOSS[:SETTING]")
    parser.add_argument("--n", type=int, default=6, help="items of each folder")
    parser.add_argument("--seconds", type=float, default=4.0, help="of each clip")
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--keep", type=typed_path, help="a JSON file of what is measured")
    args = parser.parse_args(argv)
    folders = [list(items.find(folder).values())[: args.n] for folder in args.folders]
    rows = {
        name: kept(args.keep, name, lambda n=name: measured(n, folders, args.seconds, args.steps))
        for name in (*CONTROLS, *args.rows)
    }
    print(table(rows))


if __name__ == "__main__":
    main()
