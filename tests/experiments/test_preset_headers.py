import re

import pytest

from nstaudio.experiments import preset_headers
from nstaudio.experiments.preset_headers import Header


def test_a_header_is_read_from_the_comments_at_the_head(tmp_path):
    file = tmp_path / "own.yaml"
    file.write_text(
        "# @package _global_\n# What:  a: b  \n# Takes: 3 s\nn_steps: 1\n# Suits: all\n"
    )
    assert preset_headers.read(file) == Header("a: b", "", "3 s")
    file.write_text("n_steps: 1\n")
    assert preset_headers.read(file) == Header("", "", "")


@pytest.mark.parametrize("preset", preset_headers.all_headers())
def test_every_preset_has_a_header(preset):
    header = preset_headers.all_headers()[preset]
    assert header.what, "# What: a line below # @package _global_"
    assert header.suits, "# Suits: clips or a purpose"
    assert re.fullmatch(r"[0-9]+ s", header.takes), "# Takes: 12 s"
