"""Run a transfer, or a sweep of them, as configs/ and the command line say.

python scripts/run.py style=classical content=jazz

The same as the command `nstaudio`; see `nstaudio.experiments.cli`.
"""

import signal
import sys

if __name__ == "__main__":
    # Until there is something to finish, Ctrl-C just ends the process, without a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

    from nstaudio.experiments.cli import main

    sys.exit(main())
