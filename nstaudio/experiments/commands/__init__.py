"""The command `nstaudio` and its subcommands.

A subcommand is a module whose `main(argv)` returns the exit code. What starts with a setting or an
option, `nstaudio style=jazz`, is `nstaudio run`. Nothing here imports JAX or Hydra.
"""

import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from nstaudio.errors import nearest, one_line
from nstaudio.experiments.commands import help_pages


class Subcommand(NamedTuple):
    """A subcommand: the module with its `main`, and a line that says what it does."""

    module: str
    line: str


_HERE = "nstaudio.experiments.commands"

SUBCOMMANDS = {
    "run": Subcommand(f"{_HERE}.run", "transfer a style, or sweep over settings (the default)"),
    "presets": Subcommand(f"{_HERE}.presets", "what experiment=NAME can be, a line each"),
    "info": Subcommand(f"{_HERE}.info", "what a clip is, and what a run with it costs"),
    "settings": Subcommand(f"{_HERE}.settings", "all choices, and all settings with their values"),
    "gallery": Subcommand(f"{_HERE}.gallery", "all runs below a folder on one page"),
    "evaluate": Subcommand(f"{_HERE}.evaluate", "settings measured on clips whose result is known"),
    "render-training-data": Subcommand(
        f"{_HERE}.render_training_data", "stems that the network of init=learned is trained on"
    ),
    "train": Subcommand(f"{_HERE}.train", "train that network"),
    "completion": Subcommand(f"{_HERE}.completion", "completion by bash, zsh or fish"),
    "ui": Subcommand("nstaudio.experiments.ui", "the same in a browser"),
}


def main(argv: Sequence[str]) -> int:
    """Run a command line without the program's name; returns the exit code."""
    first, *rest = [*argv] or [""]
    if first in ("-h", "--help", "help"):
        print(help_pages.overview({name: one.line for name, one in SUBCOMMANDS.items()}))
        return 0
    if first in SUBCOMMANDS:
        return importlib.import_module(SUBCOMMANDS[first].module).main(rest)
    if first and "=" not in first and first[0] not in "-+~":
        print(f"error: {_unknown(first)}", file=sys.stderr)
        return 2
    return importlib.import_module(SUBCOMMANDS["run"].module).main([*argv])


def script() -> int:
    """`main` as an installed script."""
    return main(sys.argv[1:])


def _unknown(word: str) -> str:
    """The line for a first word that is neither a subcommand nor a setting."""
    try:
        is_file = Path(word).exists()
    except (OSError, ValueError):  # too long for a name
        is_file = False
    if is_file:
        return f"{one_line(word)} is a file: write content.path=FILE style.path=FILE"
    names = ", ".join(SUBCOMMANDS)
    return f"{one_line(word)} is no subcommand: {names}{nearest(word, SUBCOMMANDS)}"
