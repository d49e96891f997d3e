"""`nstaudio completion`: a script that makes a shell complete settings, choices and files."""

import argparse
import importlib.resources
import sys

from nstaudio.experiments import completion
from nstaudio.experiments.commands import SUBCOMMANDS, help_pages

SHELLS = ("bash", "zsh", "fish")

_WORDS = "words"
"""In place of a shell: what the scripts themselves ask for."""


def main(argv: list[str] | None = None) -> int:
    """Print a script, or what it asks for; returns the exit code."""
    argv = sys.argv[1:] if argv is None else argv
    if argv[:1] == [_WORDS]:
        print("\n".join(completion.candidates(argv[1:], [*SUBCOMMANDS])))
        return 0
    shell = _parser().parse_args(argv).shell
    shells = importlib.resources.files("nstaudio.experiments.commands").joinpath("shells")
    print(shells.joinpath(f"completion.{shell}").read_text(encoding="utf-8"), end="")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = help_pages.parser(
        "completion",
        "Print a script that makes a shell complete subcommands, settings, choices and files.\n"
        "Evaluate it in the shell's start file:\n\n"
        '  ~/.bashrc                   eval "$(nstaudio completion bash)"\n'
        '  ~/.zshrc, after compinit    eval "$(nstaudio completion zsh)"\n'
        "  ~/.config/fish/config.fish  nstaudio completion fish | source",
        SHELLS,
    )
    parser.add_argument("shell", choices=SHELLS, help="the shell")
    return parser
