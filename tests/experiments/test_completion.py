"""What words can go on as."""

import pytest

from nstaudio.experiments.completion import FILES, candidates
from nstaudio.experiments.config_choices import choices

SUBCOMMANDS = ("run", "presets", "evaluate", "info", "completion")


def of(*words: str) -> list[str]:
    return candidates(words, SUBCOMMANDS)


def test_the_first_word_is_a_subcommand_or_a_setting():
    assert {*SUBCOMMANDS, "style=", "style.", "strength=", "guide.", "hydra."} <= set(of(""))
    assert of("eva") == ["evaluate"]
    assert of("run", "eva") == []
    assert candidates([], SUBCOMMANDS) == of("")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["n_s"], ["n_steps=", "n_seeds="]),
        (["run", "seed=1", "stren"], ["strength="]),
        (["guide.st"], ["guide.start_s=", "guide.strength_over_time="]),
        (["encoder.f"], ["encoder.features="]),
        (["encoder.poo"], []),
        (["encoder=conv2d", "encoder.poo"], ["encoder.pooling="]),
        (["encoder=nothing", "encoder.poo"], []),
        (["content=j"], ["content=jazz"]),
        (["experiment=tex"], ["experiment=texture"]),
        (["-m", "encoder=conv1d,inf"], ["encoder=conv1d,infinite"]),
        (["hydra/launcher=v"], ["hydra/launcher=vmap"]),
        (["hydra.r"], ["hydra.run."]),
        (["hydra.run."], ["hydra.run.dir="]),
        (["nothing="], []),
        (["presets", "mi"], ["mital", "mix"]),
        (["completion", ""], ["bash", "zsh", "fish"]),
        (["content.path=a"], [FILES]),
        (["run", "style.path="], [FILES]),
        (["resume="], [FILES]),
        (["--config-dir", "x"], [FILES]),
        (["info", ""], [FILES]),
        (["evaluate", "fol"], [FILES]),
        (["evaluate", "fol", "experiment=tim"], ["experiment=timbre"]),
    ],
)
def test_what_a_word_can_become(words, expected):
    assert of(*words) == expected


def test_every_choice_of_every_group_is_offered():
    groups = [word for word in of("") if word.endswith("=") and choices(word[:-1])]
    assert len(groups) >= 14
    for group in groups:
        assert of(group) == [group + name for name in choices(group[:-1])]
