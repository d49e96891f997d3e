"""`nstaudio evaluate`: a method measured on a folder of clips whose result may be known."""

import argparse
import sys
from pathlib import Path
from typing import Any

from nstaudio.errors import integer, one_line
from nstaudio.experiments.commands import help_pages
from nstaudio.experiments.commands.exit_code import exit_code
from nstaudio.experiments.commands.typed_path import typed_path

OUTPUTS = Path("outputs")
WIDTH = 20  # of a column on the terminal


def main(argv: list[str] | None = None) -> int:
    """Print and save the table; 0, 1 where an item failed, 2 where nothing could be measured."""
    args = _parser().parse_intermixed_args(argv)
    return exit_code(lambda: _evaluate(args))


def _parser() -> argparse.ArgumentParser:
    parser = help_pages.parser(
        "evaluate",
        "Measure settings on clips, beside the clips themselves, an equaliser and noise.\n"
        "docs/evaluation.md says what the figures are.",
        ["FOLDER", "FOLDER experiment=mix --rows gram,musaicing", "FOLDER alpha=0.1 --audio"],
    )
    parser.add_argument(
        "folder",
        type=typed_path,
        metavar="FOLDER",
        help="NAME.content.*, NAME.style.* and, where the true result is known, NAME.target.*",
    )
    parser.add_argument("overrides", nargs="*", metavar="SETTING=VALUE", help="as for nstaudio run")
    parser.add_argument(
        "--out", type=typed_path, metavar="FOLDER", help="where the table goes; default: outputs/"
    )
    parser.add_argument("--limit", type=int, metavar="N", help="measure the first items only")
    parser.add_argument(
        "--rows", metavar="A,B", help="more rows: musaicing,ulyanov as published, or presets"
    )
    parser.add_argument("--audio", action="store_true", help="keep every method's sound as wav")
    return parser


def _evaluate(args: argparse.Namespace) -> int:
    from nstaudio.experiments.command_line import in_hydras_grammar
    from nstaudio.experiments.evaluation import methods
    from nstaudio.experiments.evaluation.items import find
    from nstaudio.experiments.evaluation.table import summary
    from nstaudio.experiments.storage.file_writing import short_name

    if args.limit is not None:
        integer("--limit", args.limit, at_least=1)
    items = dict(list(find(args.folder).items())[: args.limit])
    overrides = in_hydras_grammar(args.overrides)
    method = methods.name_of(overrides)
    names = [name for name in args.rows.split(",") if name != method] if args.rows else []
    transfers = {**methods.build_rows(names), method: methods.build(overrides)}
    out = args.out or OUTPUTS / short_name(f"evaluation_{args.folder.name}_{method}")
    out.mkdir(parents=True, exist_ok=True)
    rows = _measure_all(items, transfers, overrides, out, audio=args.audio)
    if not rows:
        return 2
    print("\n" + "\n".join(summary(rows)))
    print(f"\n{len(rows)} of {len(items)} items; each of them in {out / 'table.md'}")
    return 1 if len(rows) < len(items) else 0


def _measure_all(
    items: dict[str, Any],
    transfers: dict[str, Any],
    overrides: list[str],
    out: Path,
    *,
    audio: bool,
) -> dict[str, Any]:
    """Measure the items that can be measured; print each, and save all so far after it.

    Args:
        transfers: settings by name, the method on trial last.
        overrides: its settings as they were typed.
        audio: keep every method's sound as wav in `out`.
    """
    from nstaudio.experiments.evaluation import measurement
    from nstaudio.experiments.evaluation.figures import COLUMNS
    from nstaudio.experiments.storage.file_writing import short_name

    method = list(transfers)[-1]
    rows: dict[str, Any] = {}
    print("item".ljust(24) + "".join(column.rjust(WIDTH) for column in COLUMNS))
    for name, item in items.items():
        try:
            rows[name] = measurement.measure(item, transfers, out / short_name(name), audio=audio)
        except Exception as error:  # one bad item must not cost the others
            print(f"error: item {one_line(name)}: {one_line(error)}", file=sys.stderr)
            continue
        cells = (rows[name][method][column] for column in COLUMNS)
        print(
            name[:23].ljust(24)
            + "".join("-".rjust(WIDTH) if c is None else f"{c:{WIDTH}.3f}" for c in cells),
            flush=True,
        )
        measurement.save(rows, overrides, out)
    return rows
