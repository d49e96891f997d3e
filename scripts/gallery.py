"""Make the page of a sweep, FOLDER/sweep.html, from the runs in and below FOLDER.

    python scripts/gallery.py outputs/2026-01-31/12-00-00_sweep

The same as `nstaudio gallery`.
"""

import sys

from nstaudio.experiments.commands.gallery import main

if __name__ == "__main__":
    sys.exit(main())
