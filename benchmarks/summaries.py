"""Figures of runs as a table in Markdown, a row a run.

    uv run python benchmarks/summaries.py style_share,added_noise_db "" "n_steps=50 seed=1"

The columns are those of summary.json; each argument after them is the settings of a run, in one
word for the shell, of which `""` are the defaults.
"""

import argparse
import shlex
import tempfile
from pathlib import Path

from methods import row, run


def shown(value: object) -> str:
    """A figure in three digits."""
    if value is None:
        return "-"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def main(argv: list[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("columns", help="separated by commas")
    parser.add_argument("runs", nargs="+", metavar="SETTINGS")
    args = parser.parse_args(argv)
    columns = args.columns.split(",")
    print(row("settings", *(f"`{name}`" for name in columns)))
    print(row(*["---"] * (1 + len(columns))))
    with tempfile.TemporaryDirectory() as folder:
        for i, settings in enumerate(args.runs):
            found = run(Path(folder) / str(i), *shlex.split(settings))
            name = f"`{settings}`" if settings else "the default"
            print(row(name, *(shown(found[name]) for name in columns)), flush=True)


if __name__ == "__main__":
    main()
