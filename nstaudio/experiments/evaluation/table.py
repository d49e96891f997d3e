"""A table of figures over items, in Markdown."""

import statistics
from collections.abc import Callable, Mapping, Sequence

from nstaudio.experiments.evaluation.figures import COLUMNS, TO_TARGET, Figures

RIVALS = ("content", "eq")
"""The methods against which wins are counted."""

ByItem = Mapping[str, Mapping[str, Figures]]
"""Figures by item and method."""


def table(rows: ByItem) -> str:
    """The summary, then every item."""
    lines = summary(rows)
    for item, figures in rows.items():
        lines += [_line([method, item, *_cells(figures[method])]) for method in figures]
    return "\n".join(lines) + "\n"


def summary(rows: ByItem) -> list[str]:
    """Lines of means and medians of every method over the items, and of wins."""
    methods = list(next(iter(rows.values())))
    lines = [_line(["method", f"of {len(rows)}", *COLUMNS]), _line(["---"] * (2 + len(COLUMNS)))]
    for name, statistic in (("mean", statistics.fmean), ("median", statistics.median)):
        for method in methods:
            over_items = {c: _over(_column(rows, method, c), statistic) for c in COLUMNS}
            lines.append(_line([method, name, *_cells(over_items)]))
    for method in methods[-2:]:  # the one on trial and its noise
        for rival in RIVALS:
            cells = [_wins(rows, method, rival, column) for column in COLUMNS]
            lines.append(_line([method, f"below {rival}", *cells]))
    return lines


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _cells(figures: Figures) -> list[str]:
    found = (figures[column] for column in COLUMNS)
    return ["-" if value is None else f"{value:.3f}" for value in found]


def _column(rows: ByItem, method: str, column: str) -> list[float | None]:
    return [figures[method][column] for figures in rows.values()]


def _over(column: list[float | None], statistic: Callable[[list[float]], float]) -> float | None:
    """The statistic of what was measured."""
    known = [value for value in column if value is not None]
    return statistic(known) if known else None


def _wins(rows: ByItem, method: str, rival: str, column: str) -> str:
    """On how many of the items a method is nearer the target than its rival."""
    if column not in TO_TARGET:
        return "-"
    pairs = zip(_column(rows, method, column), _column(rows, rival, column), strict=True)
    known = [(a, b) for a, b in pairs if a is not None and b is not None]
    return f"{sum(a < b for a, b in known)}/{len(known)}" if known else "-"
