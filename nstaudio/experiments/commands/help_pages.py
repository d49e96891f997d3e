"""Help on one screen: what there is, and three examples."""

import argparse
from collections.abc import Mapping, Sequence

WIDTH = 100
"""Columns that a page takes at most."""

_EXAMPLES = """\
examples:
  nstaudio content.path=my.mp3 style.path=other.flac
  nstaudio experiment=mix content.path=song.mp3 style.path=other.flac
  nstaudio info my.mp3
nstaudio SUBCOMMAND --help says more of each."""


def overview(lines: Mapping[str, str]) -> str:
    """The page of the whole command.

    Args:
        lines: what each subcommand does.
    """
    return "\n".join(
        [
            "usage: nstaudio [run] [SETTING=VALUE ...]    or    nstaudio SUBCOMMAND ...",
            "",
            "The content of one recording, its notes, rhythm and words, in the style of another.",
            "Without arguments it takes the demo clips.",
            "",
            *(f"  {name:<22}{line}" for name, line in lines.items()),
            "",
            _EXAMPLES,
        ]
    )


def is_asked_for(argv: Sequence[str]) -> bool:
    """True if a command line asks for help."""
    return "-h" in argv or "--help" in argv


def parser(name: str, what: str, examples: Sequence[str]) -> argparse.ArgumentParser:
    """The parser of a subcommand's options, with its page.

    Args:
        name: of the subcommand.
        what: it does, in lines short enough.
        examples: command lines without `nstaudio`.
    """
    listed = "\n".join(f"  nstaudio {name} {example}".rstrip() for example in examples)
    return argparse.ArgumentParser(
        prog=f"nstaudio {name}",
        description=what,
        epilog=f"examples:\n{listed}",
        formatter_class=_Page,
    )


class _Page(argparse.RawDescriptionHelpFormatter):
    """Lines as they are, up to `WIDTH` columns."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=24, width=WIDTH)
