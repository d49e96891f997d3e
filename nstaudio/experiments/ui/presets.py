"""The presets as the page offers them: what each is for, and which of its controls it has."""

import functools
from typing import Any, NamedTuple

import yaml

from nstaudio.experiments import preset_headers
from nstaudio.experiments.config_choices import CONFIGS

DEFAULT = ""
"""The name of no preset."""

FIRST = (DEFAULT, "mix", "timbre", "musaicing", "texture", "auto", "gram", "descent", "learned")
"""Those for listening; the others are after publications."""


class Preset(NamedTuple):
    """A preset, a file of configs/experiment/.

    Attributes:
        name: as in `experiment=`; empty for none.
        what, suits, takes: see `preset_headers.Header`.
        strength: the setting that `how much style` is in it; `None` where there is none.
        has_content: false where noise stands in its place.
        published: true for one after a publication.
    """

    name: str
    what: str
    suits: str
    takes: str
    strength: str | None
    has_content: bool
    published: bool


@functools.cache
def presets() -> dict[str, Preset]:
    """All presets by name, the default first."""
    headers = preset_headers.all_headers()
    names = [*(n for n in FIRST if n in headers), *(n for n in headers if n not in FIRST)]
    return {name: _preset(name, headers[name]) for name in names}


def _preset(name: str, header: preset_headers.Header) -> Preset:
    settings: dict[str, Any] = {}
    if name != DEFAULT:
        text = preset_headers.file_of(name).read_text(encoding="utf-8")
        settings = yaml.safe_load(text) or {}
    chosen: dict[str, str] = {}
    for choice in settings.get("defaults", ()):
        chosen |= {key.removeprefix("override /"): value for key, value in choice.items()}
    return Preset(
        name,
        *header,
        strength=_strength(settings, chosen.get("init")),
        has_content=chosen.get("content") != "none",
        published=name not in FIRST,
    )


def _strength(settings: dict[str, Any], init: str | None) -> str | None:
    """`strength` weighs losses; where the start is the result, its own amount stands for it."""
    if settings.get("alpha") == 0:  # nothing holds a content
        return None
    if settings.get("n_steps") != 0:
        return "strength"
    start = yaml.safe_load((CONFIGS / "init" / f"{init}.yaml").read_text(encoding="utf-8"))
    return "init.amount" if "amount" in start else None
