"""`nstaudio gallery`: the page of a sweep, FOLDER/sweep.html, from the runs in and below FOLDER."""

from pathlib import Path

from nstaudio.experiments.commands import help_pages
from nstaudio.experiments.commands.exit_code import exit_code
from nstaudio.experiments.commands.typed_path import typed_path


def main(argv: list[str] | None = None) -> int:
    """The command; returns the exit code: 0, or 2 for a folder that cannot be used."""
    parser = help_pages.parser(
        "gallery",
        "Make one page, FOLDER/sweep.html, of all runs in and below FOLDER, to play and compare.",
        ["outputs", "outputs/2026-01-31", "outputs/sweeps/strength_1a2b3c4d"],
    )
    parser.add_argument("folder", type=typed_path, metavar="FOLDER", help="of runs")
    folder = parser.parse_args(argv).folder

    return exit_code(lambda: _write(folder))


def _write(folder: Path) -> int:
    from nstaudio.experiments.report import sweep_page

    print(sweep_page.write(folder))
    return 0
