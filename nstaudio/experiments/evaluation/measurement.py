"""Measurements of all methods on an item, and the files that keep those of many."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from nstaudio.audio import writing
from nstaudio.evaluation.similarity import SR
from nstaudio.experiments.evaluation import figures, items, methods
from nstaudio.experiments.evaluation.figures import Figures
from nstaudio.experiments.evaluation.items import Item
from nstaudio.experiments.evaluation.table import ByItem, table
from nstaudio.experiments.storage import file_writing, summary
from nstaudio.transfer.settings import Settings


def measure(
    item: Item, transfers: Mapping[str, Settings], file: Path, *, audio: bool
) -> dict[str, Figures]:
    """Every method's figures on one item.

    Args:
        transfers: see `methods.results`.
        audio: save the sound of each as `file`.METHOD.wav.

    Raises:
        InputError: a clip cannot be used.
    """
    results = list(methods.results(item, transfers))
    for method, y, _ in results if audio else []:
        name = f"{file.name}.{file_writing.short_name(method)}.wav"
        writing.save(file.with_name(name), y, SR, subtype="FLOAT")
    target = items.load(item, "target", SR) if "target" in item else None
    return figures.measure(results, target)


def save(rows: ByItem, overrides: Sequence[str], folder: Path) -> None:
    """Write `table.md` and `figures.json`.

    Args:
        overrides: the settings of the method on trial, as they were typed.

    Raises:
        OSError: they cannot be written.
    """
    file_writing.write_whole(folder / "table.md", table(rows))
    record = {"overrides": overrides, "items": rows, "versions": summary.versions()}
    file_writing.write_whole(folder / "figures.json", json.dumps(record, indent=1))
