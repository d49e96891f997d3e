"""Measure a method on a folder of clips whose result is known, beside four controls.

    python scripts/evaluate.py FOLDER
    python scripts/evaluate.py FOLDER experiment=quick
    python scripts/evaluate.py FOLDER alpha=0.1 n_steps=100 --out outputs/less_style --audio

The folder holds `NAME.content.flac`, `NAME.style.flac` and `NAME.target.flac` (or wav, ogg, ...):
the target is the content's notes played by the style's instruments. `scripts/render_triplets.py`
makes such folders of single instruments, `scripts/render_ensembles.py` of mixes. Without targets
the figures that need none are left: the distance of timbre to the style and of pitch to the
content, the style loss under an encoder that took no part, the noise added, and how much louder the
unpitched sound has become. Settings are those of `scripts/run.py`.

The rows `content` and `style` are the two clips themselves as if they were results, `eq` is the
content with the style's long-term balance of bands. A method should beat all three, and the table
counts the items on which it does. `noise` is noise with the mel levels of the method's result: a
figure in which it is as good says nothing for the method.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from nstaudio.errors import InputError, integer, one_line

from typed_path import typed_path

OUTPUTS = Path("outputs")
ROLES = ("content", "style", "target")
TRUTH = ("lsd_db", "timbre", "pitch", "fine_db", "cqt_db", "chroma")
RIVALS = ("content", "eq")  # against which wins are counted
COLUMNS = (
    *TRUTH,
    *("timbre_to_style", "pitch_to_content", "unseen_style_share"),
    *("added_noise_db", "unpitched_db", "seconds"),
)
WIDTH = 20  # of a column on the terminal
NOT_HERE = ("content", "style", "resume", "checkpoint", "log_every", "reference_loss", "hydra")

N_SUMMARY = 16  # lines before the items: header, means and medians of five, wins of two

Figures = dict[str, float | None]


def find(folder: Path) -> dict[str, dict[str, Path]]:
    """The folder's items by name, each with the files of its roles.

    Raises:
        InputError: there is no such folder, or no item in it.
    """
    if not folder.is_dir():
        raise InputError(f"{one_line(folder)} is not a folder")
    items: dict[str, dict[str, Path]] = {}
    for file in sorted(folder.iterdir()):
        name, _, role = file.stem.rpartition(".")
        if name and role in ROLES and not file.name.startswith("."):
            items.setdefault(name, {})[role] = file
    if not items:
        raise InputError(f"{one_line(folder)} holds no file such as NAME.content.flac")
    return items


def build(overrides: list[str]) -> Any:
    """The settings of the transfer.

    Raises:
        InputError: an override that has no meaning here, or one that `config.build` refuses.
    """
    from nstaudio.experiments import config, config_files, resume

    for key in resume.override_keys(overrides):
        if key.split(".")[0] in NOT_HERE:
            raise InputError(f"{one_line(key)}= has no meaning here: the folder names the clips")
    return config.build(config_files.compose(overrides)).transfer


def sounds(files: dict[str, Path], settings: Any, method: str) -> Iterator[tuple[str, Any, float]]:
    """Every method's name, its samples at the rate of the comparison, and the seconds it took.

    Raises:
        InputError: a clip cannot be used.
    """
    import soxr

    from nstaudio.audio import files as audio_files
    from nstaudio.evaluation import eq_baseline, shaped_noise, similarity
    from nstaudio.transfer import api

    for role in ("content", "style"):
        if role not in files:
            raise InputError(f"there is no {role} file")

    def load(sr: int) -> list[Any]:
        return [audio_files.load(files[role], role=role).mono(sr) for role in ("content", "style")]

    content, style = load(similarity.SR)
    yield "content", content, 0.0
    yield "style", style, 0.0
    started = time.perf_counter()
    y = eq_baseline.match(content, style, similarity.SR)
    yield "eq", y, time.perf_counter() - started
    content, style = load(settings.spec.sr)
    started = time.perf_counter()
    result = api.transfer(content, style, settings.spec.sr, settings)
    seconds = time.perf_counter() - started
    y = soxr.resample(result.y, result.sr, similarity.SR, quality="VHQ")
    yield method, y, seconds
    started = time.perf_counter()
    y = shaped_noise.match(y, similarity.SR)
    yield "noise", y, time.perf_counter() - started


def measure(files: dict[str, Path], settings: Any, method: str, save: Any) -> dict[str, Figures]:
    """Every method's figures on one item; `save(method, y)` is called with its sound."""
    from nstaudio.audio import files as audio_files
    from nstaudio.evaluation import held_out, noise, similarity
    from nstaudio.notes import percussion

    target = None
    if "target" in files:
        target = audio_files.load(files["target"], role="target").mono(similarity.SR)
    heard, features, figures = {}, {}, {}
    for name, y, seconds in sounds(files, settings, method):
        save(name, y)
        heard[name] = y
        features[name] = similarity.analyse(y, similarity.SR)
        figures[name] = {"seconds": seconds}
    content, style = heard["content"], heard["style"]
    truth = to_target(heard, features, target)
    for name, of in features.items():
        y = heard[name]
        figures[name] = {
            **truth[name],
            "timbre_to_style": similarity.timbre_distance(of, features["style"]),
            "pitch_to_content": similarity.pitch_distance(of, features["content"]),
            "unseen_style_share": held_out.unseen_style_share(y, content, style, similarity.SR),
            "added_noise_db": noise.added_noise_db(y, content, style),
            "unpitched_db": percussion.change_db(y, content, similarity.SR),
            **figures[name],
        }
    return figures


def to_target(
    heard: dict[str, Any], features: dict[str, Any], target: Any
) -> dict[str, dict[str, float | None]]:
    """Every method's distances to the target; without a target there are none."""
    from nstaudio.evaluation import similarity, tonality

    if target is None:
        return {name: dict.fromkeys(TRUTH) for name in heard}
    sr = similarity.SR
    of_target, tones = similarity.analyse(target, sr), tonality.analyse(target, sr)
    return {
        name: {
            **similarity.compare(features[name], of_target)._asdict(),
            **tonality.compare(tonality.analyse(y, sr), tones)._asdict(),
        }
        for name, y in heard.items()
    }


def table(rows: dict[str, dict[str, Figures]]) -> str:
    """Mean and median of every method over the items, in Markdown, wins, then every item."""

    def line(cells: list[str]) -> str:
        return "| " + " | ".join(cells) + " |"

    def values(figures: Figures) -> list[str]:
        found = (figures[column] for column in COLUMNS)
        return ["-" if value is None else f"{value:.3f}" for value in found]

    def over_items(method: str, statistic: Any) -> Figures:
        return {
            c: over([figures[method][c] for figures in rows.values()], statistic) for c in COLUMNS
        }

    methods = list(next(iter(rows.values())))
    lines = [line(["method", f"of {len(rows)}", *COLUMNS]), line(["---"] * (2 + len(COLUMNS)))]
    for name, statistic in (("mean", statistics.fmean), ("median", statistics.median)):
        lines += [line([m, name, *values(over_items(m, statistic))]) for m in methods]
    for method in methods[-2:]:  # the one on trial and its noise
        for rival in RIVALS:
            cells = [wins(rows, method, rival, column) for column in COLUMNS]
            lines.append(line([method, f"below {rival}", *cells]))
    for item, figures in rows.items():
        lines += [line([method, item, *values(figures[method])]) for method in methods]
    return "\n".join(lines) + "\n"


def wins(rows: dict[str, dict[str, Figures]], method: str, rival: str, column: str) -> str:
    """On how many of the items a method is nearer the truth than its rival."""
    if column not in TRUTH:
        return "-"
    pairs = [(figures[method][column], figures[rival][column]) for figures in rows.values()]
    known = [(a, b) for a, b in pairs if a is not None and b is not None]
    return f"{sum(a < b for a, b in known)}/{len(known)}" if known else "-"


def over(column: list[float | None], statistic: Any) -> float | None:
    """The statistic of what was measured."""
    known = [value for value in column if value is not None]
    return statistic(known) if known else None


def evaluate(
    items: dict[str, dict[str, Path]],
    settings: Any,
    overrides: list[str],
    out: Path,
    *,
    audio: bool,
) -> dict[str, dict[str, Figures]]:
    """Measure the items that can be measured; print each, and save all so far after it.

    Args:
        audio: keep every method's sound as wav in `out`.
    """
    from nstaudio.audio import writing
    from nstaudio.evaluation import similarity
    from nstaudio.experiments.storage import file_writing, summary

    method = method_name(overrides)
    rows: dict[str, dict[str, Figures]] = {}

    def save(item: str, method: str, y: Any) -> None:
        if audio:
            file = f"{file_writing.short_name(item)}.{file_writing.short_name(method)}.wav"
            writing.save(out / file, y, similarity.SR, subtype="FLOAT")

    print("item".ljust(24) + "".join(column.rjust(WIDTH) for column in COLUMNS))
    for name, files in items.items():
        try:
            rows[name] = measure(files, settings, method, partial(save, name))
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


def method_name(overrides: list[str]) -> str:
    """The name of the settings on trial in the table."""
    return ",".join(overrides) or "default"


def main(argv: list[str] | None = None) -> int:
    """Print and save the table; 0, 1 where an item failed, 2 where nothing could be measured."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument(
        "folder", type=typed_path, help="NAME.content.*, NAME.style.*, NAME.target.*"
    )
    parser.add_argument("overrides", nargs="*", help="settings as for run.py: experiment=quick")
    parser.add_argument("--out", type=typed_path, help="where the table goes; default: in outputs/")
    parser.add_argument("--limit", type=int, help="measure the first items only")
    parser.add_argument("--audio", action="store_true", help="keep every method's sound as wav")
    args = parser.parse_intermixed_args(argv)

    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    from nstaudio.experiments.command_line import in_hydras_grammar
    from nstaudio.experiments.explain import explain
    from nstaudio.experiments.storage import file_writing

    try:
        if args.limit is not None:
            integer("--limit", args.limit, at_least=1)
        items = dict(list(find(args.folder).items())[: args.limit])
        overrides = in_hydras_grammar(args.overrides)
        settings = build(overrides)
        name = f"evaluation_{args.folder.name}_{method_name(overrides)}"
        out = args.out or OUTPUTS / file_writing.short_name(name)
        out.mkdir(parents=True, exist_ok=True)
        rows = evaluate(items, settings, overrides, out, audio=args.audio)
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
    print("\n" + "\n".join(table(rows).splitlines()[:N_SUMMARY]))
    print(f"\n{len(rows)} of {len(items)} items; each of them in {out / 'table.md'}")
    return 1 if len(rows) < len(items) else 0


if __name__ == "__main__":
    sys.exit(main())
