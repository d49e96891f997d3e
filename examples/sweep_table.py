"""Read a sweep back as a table: a row a run, what was swept and what was measured.

    uv run python scripts/run.py -m strength=0.25,0.5,0.75 seed=0,1
    uv run python examples/sweep_table.py outputs/sweeps/strength,seed_* strength seed

The columns are settings by their dotted keys, and the figures of `summary.json`.
"""

import argparse
import json
from pathlib import Path

from omegaconf import OmegaConf

FIGURES = ("style_share", "added_noise_db", "seconds_total")


def rows(folder: Path, settings: list[str]) -> list[dict[str, object]]:
    """A row for each finished run below `folder`."""
    found = []
    for file in sorted(folder.rglob("summary.json")):
        summary = json.loads(file.read_text(encoding="utf-8"))
        config = OmegaConf.load(file.with_name("config.yaml"))
        if summary["interrupted"]:
            continue
        values = {key: OmegaConf.select(config, key) for key in settings}
        found.append({**values, **{name: summary.get(name) for name in FIGURES}})
    return found


def main(argv: list[str] | None = None) -> None:
    """Print the table, separated by tabs."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("settings", nargs="*", help="e.g. strength seed encoder.features")
    args = parser.parse_args(argv)
    print("\t".join([*args.settings, *FIGURES]))
    for row in rows(args.folder, args.settings):
        print("\t".join(f"{v:.4g}" if isinstance(v, float) else str(v) for v in row.values()))


if __name__ == "__main__":
    main()
