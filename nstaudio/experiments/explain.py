"""Lines for what a config or a command line has wrong, where Hydra's own would not help."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hydra.errors import MissingConfigException, OverrideParseException
from omegaconf import OmegaConf

from nstaudio.errors import nearest, one_line
from nstaudio.experiments.command_line import FILES, to_paste
from nstaudio.experiments.config_choices import choices
from nstaudio.experiments.config_files import compose
from nstaudio.experiments.nested import leaves
from nstaudio.experiments.schema import GROUPS

PRESET_WITHOUT_PACKAGE = (
    "a preset changes settings of its own, experiment.*, instead of the run's: put "
    "`# @package _global_` on the first line of its file"
)


def choice_in_preset(group: str, name: object) -> str:
    """The line that chooses a part in a preset."""
    return f"in a preset write `- override /{group}: {one_line(name)}` below `defaults:`"


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


def explain(error: Exception, config: str = "config") -> str:
    """One line for what Hydra says in several, with the nearest right name.

    Args:
        config: the name of the config that was composed.
    """
    return one_line(_explanation(error, config)) or "these settings cannot be resolved"


def _explanation(error: Exception, config: str) -> str:
    text = str(error)
    several = re.match(r"Ambiguous value for argument '(.*)'\n", text)
    if several:
        key = several[1].partition("=")[0]
        nameless = ", since no file has that name" if key in FILES else ""
        listed = f", or write a list, {key}=[...]" if key in FILES[:3] else ""
        return f"{several[1]} is several values{nameless}: add -m to run each{listed}"
    if isinstance(error, OverrideParseException):
        key, _, value = (error.override or "").partition("=")
        if value and key in ("content", "style", "experiment", *GROUPS):
            return _unknown_choice(key, value, choices(key))
        return f"{error.override} cannot be understood: {text.splitlines()[0]}"
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        group, _, name = str(error.missing_cfg_file).partition("/")
        if name:
            return _unknown_choice(group, name, [str(option) for option in error.options or ()])
    if re.search(r"Could not override '[^']*@experiment\.", text):
        return PRESET_WITHOUT_PACKAGE
    relative = re.search(r"Could not override 'experiment/(\w+)@", text)
    if relative:
        return f"a choice of {relative[1]} is not found: {choice_in_preset(relative[1], 'NAME')}"
    twice = re.search(r"Multiple values for (\S+)\. .* use 'override [^:]*: (.*)'", text)
    if twice:
        return f"{twice[1]} is chosen twice: {choice_in_preset(twice[1], twice[2])}"
    unknown = re.search(r"Could not override '([^']*)'|Key '([^']*)' is not in struct", text)
    group = re.search(r"Could not override '([^']*)'\.\s*No match in the defaults list", text)
    if group or unknown:
        names = [n for n in (group or unknown).groups() if n]  # type: ignore[union-attr]
        name = names[0] if names else "''"
        options = known_options(config)
        if name in options:
            return f"{name} is no option of the parts that are chosen here"
        return f"unknown option {name}{nearest(name, options)}"
    return " ".join(line.strip() for line in text.splitlines() if line.strip())


def _unknown_choice(group: str, name: str, options: list[str]) -> str:
    """The line for a choice that there is not, or the file of one."""
    if group in ("content", "style"):
        return unknown_clip(group, name, options)
    part, _, choice = name.partition("/")
    if group == "experiment" and part in GROUPS:
        return f"a choice of {part} is not found: {choice_in_preset(part, choice)}"
    for file in (Path(name).expanduser(), Path(f"{name}.yaml").expanduser()):
        if file.is_file():
            return _file_for_choice(group, name, file)
    return f"{group}={name} is not one of: {', '.join(options)}{nearest(name, options)}"


def _file_for_choice(group: str, name: str, file: Path) -> str:
    """The line for a file where the name of a choice belongs."""
    folder, first = Path("FOLDER"), f"move it to FOLDER/{group}/ and "
    if file.absolute().parent.name == group:
        folder, first = file.parent.parent, ""
    return (
        f"{group}={name} is a file, and a choice has a name: {first}write --config-dir "
        f"{to_paste(folder)} {to_paste(f'{group}={file.stem}')}"
    )


def known_options(config: str = "config") -> list[str]:
    """Every key of a config as it comes in dotted form, and every group."""
    cfg: Any = OmegaConf.to_container(compose(name=config))
    paths = [key.split(".") for key, _ in leaves(cfg)]
    options = [".".join(path[:depth]) for path in paths for depth in range(1, len(path) + 1)]
    return list(dict.fromkeys([*cfg, *options, "experiment"]))
