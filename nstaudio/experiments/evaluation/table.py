"""A table of figures over items, in Markdown."""

import statistics
from collections.abc import Callable, Mapping, Sequence

from nstaudio.evaluation import bootstrap
from nstaudio.experiments.evaluation.figures import COLUMNS, SCORES, TO_TARGET, Figures

RIVALS = ("content", "style", "eq")
"""The methods against which all others are compared."""

ByItem = Mapping[str, Mapping[str, Figures]]
"""Figures by item and method."""


def table(rows: ByItem) -> str:
    """The summary, then every item."""
    lines = summary(rows)
    for item, figures in rows.items():
        lines += [_line([method, item, *_cells(figures[method])]) for method in figures]
    return "\n".join(lines) + "\n"


def summary(rows: ByItem) -> list[str]:
    """Lines of means, their 95 % intervals and medians over the items, and of comparisons.

    A method is compared with each rival pair by pair: on how many items it is better, and the mean
    of its figures less the rival's with the interval of that.
    """
    methods = list(next(iter(rows.values())))
    lines = [_line(["method", f"of {len(rows)}", *COLUMNS]), _line(["---"] * (2 + len(COLUMNS)))]
    for name, statistic in (
        ("mean", lambda values: _number(statistics.fmean(values))),
        ("95 %", lambda values: _range(bootstrap.mean(values))),
        ("median", lambda values: _number(statistics.median(values))),
    ):
        for method in methods:
            cells = [_of_known(_column(rows, method, column), statistic) for column in COLUMNS]
            lines.append(_line([method, name, *cells]))
    for method in methods:
        for rival in RIVALS if method not in RIVALS else ():
            lines += _comparison(rows, method, rival)
    return lines


def _comparison(rows: ByItem, method: str, rival: str) -> list[str]:
    """A line of wins and one of mean differences."""
    wins, differences = [], []
    for column in COLUMNS:
        pairs = zip(_column(rows, method, column), _column(rows, rival, column), strict=True)
        known = [a - b for a, b in pairs if a is not None and b is not None]
        if column not in TO_TARGET or not known:
            wins.append("-")
            differences.append("-")
            continue
        n_better = sum(d > 0 if column in SCORES else d < 0 for d in known)
        wins.append(f"{n_better}/{len(known)}")
        difference = bootstrap.mean(known)
        differences.append(f"{difference.mean:+.3f} ({_range(difference)})")
    return [
        _line([method, f"better than {rival}", *wins]),
        _line([method, f"less {rival}", *differences]),
    ]


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _cells(figures: Figures) -> list[str]:
    return [_of_known([figures[column]], lambda values: _number(values[0])) for column in COLUMNS]


def _number(value: float) -> str:
    return f"{value:.3f}"


def _range(interval: bootstrap.Interval) -> str:
    return f"{_number(interval.low)} to {_number(interval.high)}"


def _column(rows: ByItem, method: str, column: str) -> list[float | None]:
    return [figures[method][column] for figures in rows.values()]


def _of_known(column: Sequence[float | None], text: Callable[[list[float]], str]) -> str:
    """The text of what was measured."""
    known = [value for value in column if value is not None]
    return text(known) if known else "-"
