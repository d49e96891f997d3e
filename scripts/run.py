"""Run a transfer, or a sweep of them, as configs/ and the command line say.

    python scripts/run.py style=classical content=jazz

The same as the command `nstaudio`, with its subcommands; see `nstaudio.experiments.commands`.
"""

import sys

from nstaudio.experiments import commands

if __name__ == "__main__":
    sys.exit(commands.script())
