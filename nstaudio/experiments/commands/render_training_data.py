"""`nstaudio render-training-data`: stems for `nstaudio train`."""

import argparse
import time

from nstaudio.experiments.commands import help_pages
from nstaudio.experiments.commands.exit_code import exit_code
from nstaudio.experiments.commands.typed_path import typed_path


def main(argv: list[str] | None = None) -> int:
    """Render the data; 0, or 2 after one line that says what is missing or unfit."""
    parser = help_pages.parser(
        "render-training-data",
        "Render stems of contents, styles and targets as log-mels, which nstaudio train mixes.\n"
        "What is in the folder already is kept: a command that was stopped goes on, and one with\n"
        "more groups adds to them. Do not give it a soundfont that an evaluation uses.\n"
        "It needs the extra `training` and the library fluidsynth.",
        [
            "FOLDER --fonts TimGM6mb.sf2 sf_GMbank.sf2",
            "FOLDER --fonts TimGM6mb.sf2 --groups 3000 --seed 1 --processes 8",
            "OTHER_FOLDER --fonts OPL-3_FM_128M.sf2 --groups 75 --validation",
        ],
    )
    parser.add_argument("out", type=typed_path, metavar="FOLDER")
    parser.add_argument("--fonts", type=typed_path, nargs="+", required=True, metavar="SF2")
    parser.add_argument("--groups", type=int, default=1500, help="rounded up to whole shards of 25")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument(
        "--validation", action="store_true", help="scores of a family that training does not have"
    )
    args = parser.parse_args(argv)

    return exit_code(lambda: _render(args))


def _render(args: argparse.Namespace) -> int:
    from nstaudio.experiments.rendering import training_data

    started = time.perf_counter()
    data = training_data.TrainingData(
        out=args.out,
        fonts=tuple(args.fonts),
        n_groups=args.groups,
        seed=args.seed,
        n_processes=args.processes,
        validation=args.validation,
    )
    for file in training_data.render(data):
        print(f"{time.perf_counter() - started:6.0f} s  {file.name}", flush=True)
    return 0
