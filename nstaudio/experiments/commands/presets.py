"""`nstaudio presets`: the choices of experiment=, a line each, or the YAML of some."""

import sys

from nstaudio.errors import InputError, choice
from nstaudio.experiments import preset_headers
from nstaudio.experiments.commands import help_pages
from nstaudio.experiments.config_choices import choices


def main(argv: list[str] | None = None) -> int:
    """Print; returns the exit code: 0, or 2 for a name that is no preset."""
    parser = help_pages.parser(
        "presets",
        "List the presets: what each does, what it suits, how long the demo clips take on two\n"
        "cores. Or print the YAML of those named, which says what of a publication they have.\n"
        "A run takes one by experiment=NAME.",
        ["", "mix", "gatys ulyanov"],
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="of a preset: print its YAML")
    names = parser.parse_args(argv).names
    try:
        for name in names:
            choice("preset", name, choices("experiment"))
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if names:
        print("\n".join(preset_headers.file_of(n).read_text(encoding="utf-8") for n in names))
        return 0
    headers = preset_headers.all_headers()
    width = max(map(len, headers)) + 1
    for name, header in headers.items():
        suits = header.suits and f"; for {header.suits}"
        print(f"{name or '(none)':<{width}}{header.takes:>5}  {header.what}{suits}")
    return 0
