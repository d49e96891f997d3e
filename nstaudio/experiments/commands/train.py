"""`nstaudio train`: the network of `init=learned`, trained on rendered stems."""

import logging
import sys

from nstaudio.errors import InputError, one_line
from nstaudio.experiments.commands import help_pages


def main(argv: list[str] | None = None) -> int:
    """Train; 0, or 2 after one line that says what is missing or unfit."""
    parser = help_pages.parser(
        "train",
        "Train the network of init=learned on the folders of nstaudio render-training-data.\n"
        "Settings are those of configs/train.yaml: data, validation, start, out, validate_every,\n"
        "train=small or large, and training.*. A command that was stopped goes on when it is\n"
        "repeated, to the same weights.",
        [
            "data=FOLDER validation=OTHER_FOLDER",
            "data=[FOLDER,MORE] validation=OTHER_FOLDER start=weights.npz out=outputs/second",
            "data=FOLDER validation=OTHER_FOLDER train=large training.n_steps=100000",
        ],
    )
    parser.add_argument("settings", nargs="+", metavar="SETTING=VALUE")
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("absl").setLevel(logging.WARNING)  # Orbax tells of each file

    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    from nstaudio.experiments import config_files, training
    from nstaudio.experiments.command_line import in_hydras_grammar
    from nstaudio.experiments.explain import explain

    try:
        file = training.run(config_files.compose(in_hydras_grammar(args.settings), name="train"))
    except (HydraException, OmegaConfBaseException) as error:
        print(f"error: {explain(error, 'train')}", file=sys.stderr)
        return 2
    except (InputError, OSError) as error:
        print(f"error: {one_line(error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:  # the last checkpoint is kept
        return 130
    print(f"weights: {file}")
    return 0
