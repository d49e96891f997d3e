"""Measure a method on a folder of clips whose result is known, beside four controls.

    python scripts/evaluate.py FOLDER
    python scripts/evaluate.py FOLDER experiment=quick
    python scripts/evaluate.py FOLDER alpha=0.1 n_steps=100 --out outputs/less_style --audio

The folder holds `NAME.content.flac`, `NAME.style.flac` and `NAME.target.flac` (or wav, ogg, ...):
the target is the content's notes played by the style's instruments. `scripts/render_triplets.py`
makes such folders of single instruments, `scripts/render_ensembles.py` of mixes. Without targets
the figures that need none are left: the judge's distance to the style and that of the pitch classes
to the content, both together as `transfer_distance`, the distance of timbre to the style and of
pitch to the content, the style loss under an encoder that took no part, the noise added, and how
much louder the unpitched sound has become. Settings are those of `scripts/run.py`.

The rows `content` and `style` are the two clips themselves as if they were results, `eq` is the
content with the style's long-term balance of bands. A method should beat all three, and the table
counts the items on which it does, and has the mean difference with its interval. More rows are
there on request: `--rows musaicing,ulyanov` for two published methods, which are slow, and any
preset by its name. `noise` is noise with the mel levels of the method's result: a
figure in which it is as good says nothing for the method.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from nstaudio.errors import InputError, integer, one_line
from nstaudio.experiments.commands.typed_path import typed_path

OUTPUTS = Path("outputs")
WIDTH = 20  # of a column on the terminal


def evaluate(
    items: dict[str, Any],
    transfers: dict[str, Any],
    overrides: list[str],
    out: Path,
    *,
    audio: bool,
) -> dict[str, dict[str, Any]]:
    """Measure the items that can be measured; print each, and save all so far after it.

    Args:
        transfers: settings by name, the method on trial last.
        overrides: its settings as they were typed.
        audio: keep every method's sound as wav in `out`.
    """
    from nstaudio.experiments.evaluation.figures import COLUMNS
    from nstaudio.experiments.evaluation.table import table
    from nstaudio.experiments.storage import file_writing, summary

    method = list(transfers)[-1]
    rows: dict[str, dict[str, Any]] = {}
    print("item".ljust(24) + "".join(column.rjust(WIDTH) for column in COLUMNS))
    for name, item in items.items():
        try:
            rows[name] = measure(item, transfers, out / file_writing.short_name(name), audio=audio)
        except Exception as error:  # one bad item must not cost the others
            print(f"error: item {one_line(name)}: {one_line(error)}", file=sys.stderr)
            continue
        cells = (rows[name][method][column] for column in COLUMNS)
        print(
            name[:23].ljust(24)
            + "".join("-".rjust(WIDTH) if c is None else f"{c:{WIDTH}.3f}" for c in cells),
            flush=True,
        )
        file_writing.write_whole(out / "table.md", table(rows))
        record = {"overrides": overrides, "items": rows, "versions": summary.versions()}
        file_writing.write_whole(out / "figures.json", json.dumps(record, indent=1))
    return rows


def measure(item: Any, transfers: dict[str, Any], file: Path, *, audio: bool) -> dict[str, Any]:
    """Every method's figures on one item; with `audio` its sound is saved as `file`.METHOD.wav."""
    from nstaudio.audio import writing
    from nstaudio.evaluation.similarity import SR
    from nstaudio.experiments.evaluation import figures, items, methods
    from nstaudio.experiments.storage import file_writing

    results = list(methods.results(item, transfers))
    for method, y, _ in results if audio else []:
        name = f"{file.name}.{file_writing.short_name(method)}.wav"
        writing.save(file.with_name(name), y, SR, subtype="FLOAT")
    target = items.load(item, "target", SR) if "target" in item else None
    return figures.measure(results, target)


def main(argv: list[str] | None = None) -> int:
    """Print and save the table; 0, 1 where an item failed, 2 where nothing could be measured."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument(
        "folder", type=typed_path, help="NAME.content.*, NAME.style.*, NAME.target.*"
    )
    parser.add_argument("overrides", nargs="*", help="settings as for run.py: experiment=quick")
    parser.add_argument("--out", type=typed_path, help="where the table goes; default: in outputs/")
    parser.add_argument("--limit", type=int, help="measure the first items only")
    parser.add_argument("--rows", help="more rows: musaicing,ulyanov as published, or presets")
    parser.add_argument("--audio", action="store_true", help="keep every method's sound as wav")
    args = parser.parse_intermixed_args(argv)

    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    from nstaudio.experiments.command_line import in_hydras_grammar
    from nstaudio.experiments.evaluation import methods
    from nstaudio.experiments.evaluation.items import find
    from nstaudio.experiments.evaluation.table import summary
    from nstaudio.experiments.explain import explain
    from nstaudio.experiments.storage import file_writing

    try:
        if args.limit is not None:
            integer("--limit", args.limit, at_least=1)
        items = dict(list(find(args.folder).items())[: args.limit])
        overrides = in_hydras_grammar(args.overrides)
        method = methods.name_of(overrides)
        names = [name for name in args.rows.split(",") if name != method] if args.rows else []
        transfers = {**methods.build_rows(names), method: methods.build(overrides)}
        name = f"evaluation_{args.folder.name}_{method}"
        out = args.out or OUTPUTS / file_writing.short_name(name)
        out.mkdir(parents=True, exist_ok=True)
        rows = evaluate(items, transfers, overrides, out, audio=args.audio)
    except (HydraException, OmegaConfBaseException) as error:
        print(f"error: {explain(error)}", file=sys.stderr)
        return 2
    except (InputError, OSError) as error:
        print(f"error: {one_line(error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:  # what was measured is saved
        return 130
    if not rows:
        return 2
    print("\n" + "\n".join(summary(rows)))
    print(f"\n{len(rows)} of {len(items)} items; each of them in {out / 'table.md'}")
    return 1 if len(rows) < len(items) else 0


if __name__ == "__main__":
    sys.exit(main())
