"""The command line that the converters of published weights have in common."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from nstaudio.experiments.commands.typed_path import typed_path


def convert(
    argv: Sequence[str] | None,
    found_in: Callable[[Path], dict[str, np.ndarray]],
    *,
    description: str,
    metavar: str,
    out: Path,
    refused: tuple[type[Exception], ...],
) -> int:
    """Write the weights found in what the command line names; 0, or 2 after a line on why not.

    Args:
        argv: arguments, those of the process where `None`.
        found_in: the arrays of a published model, by name.
        description: of the command; its first line is shown.
        metavar: the kind of model that is named.
        out: the file to write where none is named.
        refused: errors of `found_in` that mean that this is no such model.
    """
    parser = argparse.ArgumentParser(description=description.partition("\n")[0])
    parser.add_argument("model", type=typed_path, metavar=metavar)
    parser.add_argument("--out", type=typed_path, default=out, metavar="NPZ")
    args = parser.parse_args(argv)
    try:
        found = found_in(args.model)
        np.savez_compressed(args.out, allow_pickle=False, **found)
    except (OSError, ValueError, *refused) as error:
        print(f"error: {args.model} cannot be converted: {error}", file=sys.stderr)
        return 2
    print(f"{args.out.name}: {sum(a.size for a in found.values())} numbers")
    return 0
