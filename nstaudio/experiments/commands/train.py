"""`nstaudio train`: the network of `init=learned`, trained on rendered stems."""

import logging

from nstaudio.experiments.commands import help_pages
from nstaudio.experiments.commands.exit_code import exit_code


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
    for name in ("absl", "jax"):  # Orbax tells of each file, JAX of devices that are not there
        logging.getLogger(name).setLevel(logging.WARNING)

    return exit_code(lambda: _train(args.settings), config="train")


def _train(settings: list[str]) -> int:
    from nstaudio.experiments import config_files, training
    from nstaudio.experiments.command_line import in_hydras_grammar

    file = training.run(config_files.compose(in_hydras_grammar(settings), name="train"))
    print(f"weights: {file}")
    return 0
