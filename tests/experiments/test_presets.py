"""Presets and parts of one's own that have something wrong: each message says what to write."""

from pathlib import Path

import pytest

from small_runs import SMALL, assert_refused

OVERRIDE = "in a preset write `- override /encoder: multiwidth` below `defaults:`"
FILES = {
    "experiment/good.yaml": "# @package _global_\nn_steps: 1",
    "experiment/none.yaml": "n_steps: 1",
    "experiment/second.yaml": "# mine\n# @package _global_\nn_steps: 1",
    "experiment/none_parts.yaml": "defaults:\n  - override /encoder: multiwidth",
    "experiment/misspelt.yaml": "# @package _globa_\nn_steps: 1",
    "experiment/relative.yaml": "# @package _global_\ndefaults:\n  - encoder: multiwidth",
    "experiment/twice.yaml": "# @package _global_\ndefaults:\n  - /encoder: multiwidth",
    "experiment/slash.yaml": "# @package _global_\ndefaults:\n  - override encoder: multiwidth",
    "experiment/plain.yaml": "# @package _global_\nencoder: multiwidth",
    "experiment/broken.yaml": "# @package _global_\nn_steps: [1",
    "elsewhere.yaml": "# @package _global_\nn_steps: 1",
    "optimizer/own.yaml": "_target_: optax.adam\nlearning_rate: 0.1",
    "inversion/own.yaml": "_target_: nstaudio.inversion.griffin_lim.mel_griffin_lim",
    "style_loss/partial.yaml": "_target_: nstaudio.losses.Gram\n_partial_: true",
    "style_loss/nothing.yaml": "weight: 1",
}


@pytest.fixture
def folder(tmp_path) -> Path:
    for name, text in FILES.items():
        file = tmp_path / "my (own)" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text + "\n")
    return tmp_path / "my (own)"


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ("experiment=none", "experiment.*, instead of the run's: put `# @package _global_` on the"),
        ("experiment=second", "put `# @package _global_` on the first line of its file"),
        ("experiment=none_parts", "put `# @package _global_` on the first line of its file"),
        (
            "experiment=misspelt",
            "_globa_.*, instead of the run's: put `# @package _global_` on the",
        ),
        ("experiment=relative", OVERRIDE),
        ("experiment=twice", OVERRIDE),
        ("experiment=slash", OVERRIDE.replace("multiwidth", "NAME")),
        ("experiment=plain", OVERRIDE),
        ("experiment=broken", "experiment/broken.yaml"),
        (
            "experiment=my (own)/experiment/good.yaml",
            "is a file, and a choice has a name: write --config-dir 'my (own)' experiment=good",
        ),
        (
            "experiment=my (own)/elsewhere",
            "move it to FOLDER/experiment/ and write --config-dir FOLDER experiment=elsewhere",
        ),
        ("experiment=no/such.yaml", "experiment=no/such.yaml is not one of: antognini, auto"),
        ("experiment=no (such)", "experiment=no (such) is not one of: antognini, auto"),
        ("optimizer=own", "optax.adam is a function: add `_partial_: true` to its YAML"),
        ("inversion=own", "mel_griffin_lim is a function: add `_partial_: true` to its YAML"),
        ("style_loss=partial", "nstaudio.losses.Gram is a class: remove `_partial_` from its YAML"),
        ("style_loss=nothing", "has no `_target_`: add to its YAML the name of its class"),
    ],
)
def test_what_to_write(command, tmp_path, folder, choice, message):
    code, err = command("--config-dir", folder.name, choice, defaults=False)
    assert_refused(code, err, message, tmp_path)


def test_a_preset_of_a_folder(command, tmp_path, folder):
    code, err = command("--config-dir", folder.name, "experiment=good", *SMALL, "n_steps=0")
    assert code == 0, err
