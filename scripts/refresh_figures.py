"""Rewrite the figures of the documentation by the commands that stand beside them.

    python scripts/refresh_figures.py                       # what is cheap, on all pages
    python scripts/refresh_figures.py docs/which-preset.md  # all of a page, measurements too
    python scripts/refresh_figures.py --check               # whether what is cheap is up to date

In a page,

    <!-- figures: COMMAND -->
    ...
    <!-- end -->

is what COMMAND prints, word for word. With a date, `<!-- figures, 2026-11-26: COMMAND -->`, it is
a measurement, which takes its time and differs from machine to machine: it is made anew only where
its page is named, and the date with it. What is no Markdown table is shown as it was printed.
"""

import argparse
import datetime
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from nstaudio.experiments.commands.typed_path import typed_path

ROOT = Path(__file__).resolve().parents[1]
REGION = re.compile(
    r"(?<=^<!-- figures)(?P<date>, \d{4}-\d\d-\d\d)?: (?P<command>[^\n]*?) -->\n.*?"
    r"(?=^<!-- end -->)",
    re.MULTILINE | re.DOTALL,
)


def run(command: str) -> str:
    """What a command prints, run in the root of the project."""
    program, *arguments = shlex.split(command)
    known = {"python": [sys.executable], "nstaudio": [sys.executable, "scripts/run.py"]}
    words = [*known.get(program, [program]), *arguments]
    return subprocess.run(words, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


def refreshed(
    text: str, *, measure: bool, today: str, printed_by: Callable[[str], str] = run
) -> str:
    """A page with its regions made anew.

    Args:
        measure: those with a date, too; they get `today`.
        printed_by: runs a command, gives what it prints.
    """

    def region(found: re.Match[str]) -> str:
        date, command = found["date"] or "", found["command"]
        if date and not measure:
            return found[0]
        printed = printed_by(command).strip("\n")
        if not printed.startswith("|"):
            printed = f"```text\n{printed}\n```"
        return f"{f', {today}' if date else ''}: {command} -->\n\n{printed}\n\n"

    return REGION.sub(region, text)


def pages() -> list[Path]:
    """All pages of the documentation."""
    found = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    return sorted(page for page in found if "_build" not in page.parts)


def main(argv: list[str] | None = None) -> int:
    """Rewrite or check; returns 1 where `--check` finds something out of date."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("pages", nargs="*", type=typed_path)
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args(argv)
    today = datetime.date.today().isoformat()
    stale = []
    for page in args.pages or pages():
        text = page.read_text(encoding="utf-8")
        new = refreshed(text, measure=bool(args.pages) and not args.check, today=today)
        if new != text and args.check:
            stale.append(page)
        elif new != text:
            page.write_text(new, encoding="utf-8")
            print(page)
    for page in stale:
        print(f"{page}: python scripts/refresh_figures.py rewrites its figures", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
