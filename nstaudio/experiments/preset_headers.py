"""What a preset says of itself, in comments at the head of its YAML.

# What: the default in fewer steps
# Suits: a first listen
# Takes: 14 s
"""

import re
from pathlib import Path
from typing import NamedTuple

from nstaudio.experiments.config_choices import CONFIGS, choices


class Header(NamedTuple):
    """The head of a preset's YAML; what it does not say is empty.

    Attributes:
        what: it does.
        suits: the clips or the purpose that it suits.
        takes: seconds for the demo clips on two cores, with the unit: `14 s`.
    """

    what: str
    suits: str
    takes: str


def read(file: Path) -> Header:
    """The header of a YAML file: of the comments before its first setting."""
    comments = re.match(r"(#.*\n)*", file.read_text(encoding="utf-8"))
    found = dict(re.findall(r"^# (What|Suits|Takes): *(.*?) *$", comments[0], re.MULTILINE))  # type: ignore[index]
    return Header(*(found.get(key, "") for key in ("What", "Suits", "Takes")))


def file_of(preset: str) -> Path:
    """The YAML of a preset that comes with the package."""
    return CONFIGS / "experiment" / f"{preset}.yaml"


def all_headers() -> dict[str, Header]:
    """The headers by preset, in alphabetical order; first the default's, which has no name."""
    named = {name: read(file_of(name)) for name in choices("experiment")}
    return {"": read(CONFIGS / "config.yaml"), **named}
