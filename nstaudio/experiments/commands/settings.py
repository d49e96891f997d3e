"""`nstaudio settings`: the choices of every group and the composed settings, in Hydra's list."""

import sys

from nstaudio.experiments.commands import help_pages

_HELP = """\
usage: nstaudio settings [GROUP=CHOICE ...] [SETTING=VALUE ...]

Print the choices of every group, and all settings with the values that a run would have.

examples:
  nstaudio settings
  nstaudio settings experiment=gatys
  nstaudio settings encoder=conv2d encoder.features=[16,32]"""


def main(argv: list[str]) -> int:
    """Print; returns the exit code."""
    if help_pages.is_asked_for(argv):
        print(_HELP)
        return 0
    from nstaudio.experiments import cli

    sys.argv[1:] = ["--help", *argv]
    return cli.main()
