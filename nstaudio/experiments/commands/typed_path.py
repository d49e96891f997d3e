"""Paths as they are typed for a command."""

import argparse
from pathlib import Path


def typed_path(text: str) -> Path:
    """A path of a command line; `~` is the home folder, also after `=`, where no shell expands it.

    Raises:
        argparse.ArgumentTypeError: it is empty, as a variable of the shell that is not set.
    """
    if not text:
        raise argparse.ArgumentTypeError("the name is empty")
    path = Path(text)
    try:
        return path if path.exists() else path.expanduser()
    except (OSError, RuntimeError):  # too long; ~nobody
        return path
