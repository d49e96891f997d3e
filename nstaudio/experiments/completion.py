"""What a word of a command line can go on as, for the shells; from the names of files alone."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from nstaudio.experiments.config_choices import CONFIGS, choices
from nstaudio.experiments.nested import leaves

FILES = "<files>"
"""In place of words: the names of files."""

_FILE_KEYS = (
    *("content.path", "style.path", "negatives", "resume"),
    *("hydra.run.dir", "hydra.sweep.dir"),
)
_OF_SUBCOMMANDS = {
    "presets": lambda: choices("experiment"),
    "completion": lambda: ["bash", "zsh", "fish"],
}
_WITH_SETTINGS = ("run", "settings", "evaluate")


def candidates(words: Sequence[str], subcommands: Sequence[str]) -> list[str]:
    """The whole words that the last of `words` can become; `[FILES]` where it names a file.

    Settings are offered level by level: `guide.` before `guide.start_s=`.

    Args:
        words: those before it and itself, empty or in part; without the program's name.
        subcommands: the names that the first word can have.
    """
    *before, current = words or [""]
    subcommand = before[0] if before and before[0] in subcommands else "run"
    if subcommand in _OF_SUBCOMMANDS:
        return _beginning(current, _OF_SUBCOMMANDS[subcommand]())
    if before and before[-1] in ("--config-dir", "--config-path", "-cd", "-cp", "--out"):
        return [FILES]
    if subcommand in _WITH_SETTINGS:
        found = _of_setting(current, before)
        if subcommand == "evaluate" and "=" not in current:
            return [FILES]
        return [*([] if before else _beginning(current, subcommands)), *found]
    return [FILES]


def _of_setting(current: str, before: Sequence[str]) -> list[str]:
    key, equals, value = current.partition("=")
    if not equals:
        return _beginning(current, _next_level(current, before))
    if key.lstrip("+") in _FILE_KEYS:
        return [FILES]
    head = f"{key}={value[: value.rfind(',') + 1]}"  # a sweep: encoder=conv1d,conv2d
    return _beginning(current, [head + name for name in choices(key.lstrip("+"))])


def _beginning(current: str, words: Sequence[str]) -> list[str]:
    return [word for word in words if word.startswith(current)]


def _next_level(current: str, before: Sequence[str]) -> list[str]:
    """The settings up to the level that `current` has reached, without those below it."""
    depth = current.count(".")
    parts = [key.split(".") for key in _keys(before)]
    levels = (".".join(p[: depth + 1]) + ("." if len(p) > depth + 1 else "=") for p in parts)
    return list(dict.fromkeys(levels))


def _keys(before: Sequence[str]) -> Iterator[str]:
    """Every group and every setting, dotted, of the choices that were typed."""
    config = _yaml("config")
    listed = [one for one in config.pop("defaults") if isinstance(one, Mapping)]
    defaults = {group: name for one in listed for group, name in one.items() if " " not in group}
    yield from defaults
    yield from ("content.path", "content.start_s", "content.duration_s")
    yield from ("style.path", "style.start_s", "style.duration_s")
    yield from (key for key, _ in leaves(config) if not key.startswith("hydra."))
    yield from ("hydra/launcher", "hydra.run.dir", "hydra.sweep.dir")
    typed = dict(word.split("=", 1) for word in before if "=" in word)
    for group, default in defaults.items():
        settings = [key for key, _ in leaves(_yaml(f"{group}/{typed.get(group, default)}"))]
        own = (key for key in settings if not key.endswith(("_target_", "_partial_")))
        yield from (f"{group}.{key}" for key in own if group != "experiment" and key != "defaults")


def _yaml(name: str) -> dict[str, Any]:
    """A YAML of `configs/`; nothing where there is none of that name."""
    file = CONFIGS / f"{name}.yaml"
    if not file.is_file():
        return {}
    return yaml.load(
        file.read_text(encoding="utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    )
