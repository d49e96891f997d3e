"""Make the page of a sweep, FOLDER/sweep.html, from the runs in and below FOLDER.

python scripts/gallery.py outputs/2026-01-31/12-00-00_sweep
"""

import argparse
import sys

from typed_path import typed_path


def main(argv: list[str] | None = None) -> int:
    """The command; returns the exit code: 0, or 2 for a folder that cannot be used."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=typed_path, metavar="FOLDER")
    folder = parser.parse_args(argv).folder

    from nstaudio.errors import InputError, one_line
    from nstaudio.experiments.report import sweep_page

    try:
        print(sweep_page.write(folder))
    except (InputError, OSError) as error:
        print(f"error: {one_line(error)}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
