"""The presets as the page offers them: what each is for, and which of its controls it has."""

import functools
from typing import Any, NamedTuple

import yaml

from nstaudio.experiments import preset_headers

DEFAULT = ""
"""The name of no preset."""

FIRST = (DEFAULT, "mix", "timbre", "musaicing", "texture", "auto", "gram", "descent", "learned")
"""Those for listening; the others are after publications."""


class Preset(NamedTuple):
    """A preset, a file of configs/experiment/.

    Attributes:
        name: as in `experiment=`; empty for none.
        what, suits, takes: see `preset_headers.Header`.
        has_strength: false where the preset has weights of its own, alpha and beta.
        has_content: false where noise stands in its place.
        published: true for one after a publication.
    """

    name: str
    what: str
    suits: str
    takes: str
    has_strength: bool
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
        has_strength="alpha" not in settings,
        has_content=chosen.get("content") != "none",
        published=name not in FIRST,
    )
