"""Parts of a transfer that a config names by `_target_`: found, checked and built.

Two rules keep a config from calling what is no part of a transfer:

- A part is a class, or a function with `_partial_: true`. So building settings calls classes alone.
- It is defined in its group's rooms (`schema.GROUPS`) or in a module of the user's own. What the
  user types, or names by `--config-dir`, may have own parts. A saved config, and a file given by
  `--config-path`, may not, unless the same target is typed as well.
"""

import importlib
import inspect
import sys
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import hydra.utils
from hydra.errors import InstantiationException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from nstaudio.errors import InputError, nearest, one_line
from nstaudio.experiments.explain import choice_in_preset
from nstaudio.experiments.schema import GROUPS


def plain(cfg: Any) -> Any:
    """A config as dicts and lists, its `${...}` resolved.

    Raises:
        InputError: one of them cannot be resolved.
    """
    try:
        return OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(one_line(first)) from error


def build_part(group: str, node: Any) -> Any:
    """Build the part that a group of settings describes.

    Raises:
        InputError: it describes none, names what is no part, or the part refuses its settings.
    """
    if not isinstance(node, DictConfig):
        raise InputError(
            f"{group}={one_line(node)} is no choice of a part: {choice_in_preset(group, node)}"
        )
    if "_target_" not in node:
        raise InputError(
            f"{group}={one_line(node)} has no `_target_`: add to its YAML the name of its class or "
            "function"
        )
    for _, named in _named(plain(node)):
        _check(group, named)
    try:
        part = hydra.utils.instantiate(node, _convert_="all")
    except (InstantiationException, OmegaConfBaseException, TypeError, ValueError) as error:
        cause = error if isinstance(error, InputError) else error.__cause__
        if isinstance(cause, InputError):
            raise cause from error
        raise InputError(f"{group}: {one_line(' '.join(str(cause or error).split()))}") from error
    kind = GROUPS[group].kind
    if kind is not None and not isinstance(part, kind):
        lacking = [name for name in _members(kind) if not hasattr(part, name)]
        raise InputError(
            f"{group}: {node['_target_']} is no {kind.__name__}: it lacks {', '.join(lacking)}"
        )
    return part


def check_saved(saved: Any, now: Any, folder: Any) -> None:
    """Check that a saved config calls no own part but those that this call names itself.

    Args:
        saved: the config of the run in `folder`.
        now: the config of this call.

    Raises:
        InputError: it does; the message says how to trust it.
    """
    _refuse_own(saved, own_targets(now).values(), f"the run in {one_line(folder)}")


def check_sources(cfg: Any, hydra_cfg: Any, configs: Path) -> None:
    """Check that a config given by `--config-path` or `--config-name` calls no own part.

    Args:
        cfg: the composed config.
        hydra_cfg: Hydra's own settings of this call.
        configs: the folder of this package's own config.

    Raises:
        InputError: it does, and the target is not typed as well.
    """
    sources = [one.path for one in hydra_cfg.runtime.config_sources if one.provider == "main"]
    if sources == [str(configs)] and hydra_cfg.job.config_name == "config":
        return
    typed = [str(override).rpartition("=")[2] for override in hydra_cfg.overrides.task]
    _refuse_own(cfg, typed, f"the config in {one_line(', '.join(sources))}")


def own_targets(cfg: Any) -> dict[str, str]:
    """The targets in a config that are in no room, by their dotted keys.

    Raises:
        InputError: a `${...}` that cannot be resolved.
    """
    return {
        f"{group}{key}._target_": str(named["_target_"])
        for group in GROUPS
        if OmegaConf.is_config(cfg.get(group))
        for key, named in _named(plain(cfg[group]))
        if not _is_within(str(named["_target_"]), GROUPS[group].rooms)
    }


def _refuse_own(cfg: Any, trusted: Collection[str], whose: str) -> None:
    for key, target in own_targets(cfg).items():
        if target not in trusted:
            plus = "" if key.count(".") == 1 else "++"
            raise InputError(
                f"{whose} calls {one_line(target)}, which is no part of this package; if you trust "
                f"it, type it as well: {plus}{one_line(key)}={one_line(target)}"
            )


def _named(value: Any, key: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Whatever has a `_target_`, at any depth, with its dotted key."""
    if isinstance(value, dict | list):
        for name, below in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _named(below, f"{key}.{name}")
    if isinstance(value, dict) and "_target_" in value:
        yield key, value


def _check(group: str, named: dict[str, Any]) -> None:
    """Refuse to call what is no part of a transfer."""
    target, rooms = str(named["_target_"]), GROUPS[group].rooms
    refused = f"{group}: _target_={one_line(target)} is not in {' or '.join(rooms)}"
    names = target.split(".")
    own = not _is_within(target, rooms)
    foreign = {"nstaudio", "hydra", "omegaconf"} | sys.stdlib_module_names
    if len(names) < 2 or not all(map(str.isidentifier, names)) or (own and names[0] in foreign):
        raise InputError(refused)
    part = _find(group, target, own=own)
    if not own and (target.count("._") or not _is_within(part.__module__, rooms)):
        raise InputError(refused)  # what a module has imported
    if inspect.isclass(part) and GROUPS[group].kind is not None and named.get("_partial_"):
        raise InputError(f"{group}: {target} is a class: remove `_partial_` from its YAML")
    if not inspect.isclass(part) and named.get("_partial_") is not True:
        if GROUPS[group].kind is None:
            raise InputError(f"{group}: {target} is a function: add `_partial_: true` to its YAML")
        raise InputError(f"{group}: {target} is not a class")


def _is_within(name: str, packages: Collection[str]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def _find(group: str, target: str, *, own: bool) -> Any:
    """The class or function of this name.

    Raises:
        InputError: there is none.
    """
    module, _, name = target.rpartition(".")
    here = str(Path.cwd())
    if own and here not in sys.path:
        sys.path.append(here)
        importlib.invalidate_caches()
    try:
        found: Any = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if not error.name or not _is_within(module, [error.name]):
            raise InputError(f"{group}: {module} cannot be imported: {one_line(error)}") from error
        where = f", installed or in {one_line(here)}" if own else ""
        raise InputError(f"{group}: there is no module {module}{where}") from error
    except Exception as error:
        reason = one_line(f"{type(error).__name__}: {error}")
        raise InputError(f"{group}: {module} cannot be imported: {reason}") from error
    part = getattr(found, name, None)
    if not callable(part):
        raise InputError(f"{group}: {module} has no {name}{nearest(name, dir(found))}")
    return part


def _members(protocol: type) -> list[str]:
    """The public names that a protocol asks for."""
    names = {**vars(protocol), **inspect.get_annotations(protocol)}
    return [name for name in names if not name.startswith("_")]
