"""Lines for what a config or a command line has wrong, where Hydra's own would not help."""

import re
from collections.abc import Iterable
from typing import Any

from hydra.errors import MissingConfigException, OverrideParseException
from omegaconf import OmegaConf

from nstaudio.errors import nearest, one_line
from nstaudio.experiments.command_line import FILES, to_paste
from nstaudio.experiments.config_files import clip_names, compose
from nstaudio.experiments.nested import leaves

PRESET_WITHOUT_PACKAGE = (
    "a preset changes settings of its own, experiment.*, instead of the run's: put "
    "`# @package _global_` at the top of its file in configs/experiment/"
)


def unknown_clip(role: str, name: str, clips: Iterable[str]) -> str:
    """The line for a clip that there is not.

    Args:
        role: `content` or `style`.
        clips: those that there are.
    """
    return (
        f"{role}={one_line(name)} is none of the clips here ({', '.join(sorted(clips))}); for your "
        f"own file write {to_paste(f'{role}.path={name}')}"
    )


def explain(error: Exception) -> str:
    """One line for what Hydra says in several, with the nearest right name."""
    return one_line(_explanation(error)) or "these settings cannot be resolved"


def _explanation(error: Exception) -> str:
    text = str(error)
    several = re.match(r"Ambiguous value for argument '(.*)'\n", text)
    if several:
        key = several[1].partition("=")[0]
        nameless = ", since no file has that name" if key in FILES else ""
        listed = f", or write a list, {key}=[...]" if key in ("style.path", "negatives") else ""
        return f"{several[1]} is several values{nameless}: add -m to run each{listed}"
    if isinstance(error, OverrideParseException):
        key, _, value = (error.override or "").partition("=")
        if key in ("content", "style") and value:
            return unknown_clip(key, value, [*clip_names(), *["none"] * (key == "content")])
        return f"{error.override} cannot be understood: {text.splitlines()[0]}"
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        group, _, name = str(error.missing_cfg_file).rpartition("/")
        options = [str(option) for option in error.options or ()]
        role = group.partition("/")[0]
        if role in ("content", "style"):
            return unknown_clip(role, str(error.missing_cfg_file).partition("/")[2], options)
        return f"{group}={name} is not one of: {', '.join(options)}{nearest(name, options)}"
    if re.search(r"Could not override '[^']*@experiment\.", text):
        return PRESET_WITHOUT_PACKAGE
    unknown = re.search(r"Could not override '([^']*)'|Key '([^']*)' is not in struct", text)
    group = re.search(r"Could not override '([^']*)'\.\s*No match in the defaults list", text)
    if group or unknown:
        names = [n for n in (group or unknown).groups() if n]  # type: ignore[union-attr]
        name = names[0] if names else "''"
        return f"unknown option {name}{nearest(name, known_options())}"
    return " ".join(line.strip() for line in text.splitlines() if line.strip())


def known_options() -> list[str]:
    """Every key of the default config in dotted form, and every group."""
    cfg: Any = OmegaConf.to_container(compose())
    paths = [key.split(".") for key, _ in leaves(cfg)]
    options = [".".join(path[:depth]) for path in paths for depth in range(1, len(path) + 1)]
    return list(dict.fromkeys([*cfg, *options, "experiment"]))
