"""Rank the figures that need no target by how far they say what the target says.

    python scripts/evaluate.py FOLDER experiment=timbre --rows mix,descent --out a
    python benchmarks/figures_and_truth.py a [b ...]

Each folder is one that `scripts/evaluate.py` wrote, of clips whose result is known; several of the
same clips are put together. For every item the methods are ranked by the truth, the mean of their
ranks by `lsd_db` and by `judge_to_target`, and by each figure that needs no target; the figure is
worth as much as the two agree (Spearman's rank correlation). `--without content style` leaves
methods out. The table has the mean over the items, its standard error, and the correlation of the
methods' means over all items.
"""

import argparse
import json
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import scipy.stats

Item = Mapping[str, Mapping[str, float | None]]
"""Figures by method and column."""

TRUTH = ("lsd_db", "judge_to_target")
COMBINED = "both"
FIGURES = (
    *("transfer_distance", "judge_to_style", "judge_to_content", "chroma_to_content"),
    *(
        "timbre_to_style",
        "pitch_to_content",
        "unseen_style_share",
        "added_noise_db",
        "unpitched_db",
    ),
)
MIN_METHODS = 4  # that a correlation is worth


def read(folders: Sequence[Path]) -> dict[str, dict[str, dict[str, float | None]]]:
    """The figures of several evaluations by item, method and column.

    A method that several evaluations have is the first's: they are the controls. Noise is of the
    method on trial, so that of each evaluation is a method of its own.

    Raises:
        OSError: a folder has no figures.json.
        ValueError: it is not one of `scripts/evaluate.py`.
    """
    items: dict[str, dict[str, dict[str, float | None]]] = {}
    for i, folder in enumerate(folders):
        for item, methods in json.loads((folder / "figures.json").read_text())["items"].items():
            found = items.setdefault(item, {})
            for method, figures in methods.items():
                name = f"noise {i + 1}" if method == "noise" else method
                found.setdefault(name, figures)
    return items


def correlation(truth: Sequence[float], figure: Sequence[float]) -> float | None:
    """Spearman's rank correlation; `None` where one of the two says the same of all."""
    if len(truth) < MIN_METHODS or min(np.ptp(truth), np.ptp(figure)) == 0:
        return None
    ranks = [scipy.stats.rankdata(values) for values in (truth, figure)]
    return float(np.corrcoef(ranks)[0, 1])


def truths(item: Item) -> dict[str, list[float]]:
    """The true distance of each of an item's methods, by measure."""
    found = {name: [float(figures[name] or 0.0) for figures in item.values()] for name in TRUTH}
    ranks = [scipy.stats.rankdata(values) for values in found.values()]
    return {**found, COMBINED: list(np.mean(ranks, axis=0))}


def within_items(items: Mapping[str, Item], figure: str) -> dict[str, list[float]]:
    """The correlations over the methods of each item, by measure of the truth."""
    found: dict[str, list[float]] = {name: [] for name in (*TRUTH, COMBINED)}
    for item in items.values():
        known = {
            m: f for m, f in item.items() if all(f.get(k) is not None for k in (figure, *TRUTH))
        }
        values = [float(figures[figure] or 0.0) for figures in known.values()]
        for name, truth in truths(known).items() if known else ():
            value = correlation(truth, values)
            if value is not None:
                found[name].append(value)
    return found


def of_means(items: Mapping[str, Item], figure: str) -> float | None:
    """The correlation over methods of their means over the items that have all of them."""
    methods = set.intersection(*(set(item) for item in items.values()))
    columns: dict[str, list[float]] = {figure: [], **{name: [] for name in TRUTH}}
    for method in sorted(methods):
        known = [
            [value for item in items.values() if (value := item[method].get(name)) is not None]
            for name in columns
        ]
        if all(known):
            for values, of_items in zip(columns.values(), known, strict=True):
                values.append(statistics.fmean(of_items))
    ranks = [scipy.stats.rankdata(columns[name]) for name in TRUTH]
    return correlation(list(np.mean(ranks, axis=0)), columns[figure])


def table(items: Mapping[str, Item]) -> list[str]:
    """A line a figure, the best first, in Markdown."""
    lines = []
    for figure in FIGURES:
        by_truth = within_items(items, figure)
        if not by_truth[COMBINED]:
            continue
        means = {name: statistics.fmean(values) for name, values in by_truth.items()}
        values = by_truth[COMBINED]
        error = statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else float("nan")
        overall = of_means(items, figure)
        cells = [f"{means[name]:.2f}" for name in TRUTH]
        cells += [
            f"{means[COMBINED]:.2f} ± {error:.2f}",
            "-" if overall is None else f"{overall:.2f}",
        ]
        lines.append((means[COMBINED], f"| `{figure}` | " + " | ".join(cells) + " |"))
    head = ["figure", *TRUTH, COMBINED, "methods' means"]
    rows = [line for _, line in sorted(lines, key=lambda row: -round(row[0], 6))]
    return ["| " + " | ".join(head) + " |", "|---" * len(head) + "|", *rows]


def main(argv: list[str] | None = None) -> int:
    """Print the table; 0, or 2 where there is nothing to compare."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("folders", nargs="+", type=Path, help="written by scripts/evaluate.py")
    parser.add_argument("--without", nargs="*", default=[], help="methods to leave out")
    args = parser.parse_args(argv)
    try:
        items = read(args.folders)
    except (OSError, ValueError, KeyError) as error:
        print(f"error: no figures of scripts/evaluate.py: {error}", file=sys.stderr)
        return 2
    kept = {
        name: {method: figures for method, figures in item.items() if method not in args.without}
        for name, item in items.items()
    }
    lines = table(kept)
    if len(lines) < 3:
        print(f"error: no item has {MIN_METHODS} methods with a target", file=sys.stderr)
        return 2
    methods = sorted({method for item in kept.values() for method in item})
    print(f"{len(kept)} items, {len(methods)} methods: {', '.join(methods)}\n")
    print("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
