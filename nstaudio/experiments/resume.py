"""Saved configs: what a run that goes on may change, and what it must not."""

import functools
from collections.abc import Collection
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from nstaudio.errors import InputError, one_line
from nstaudio.experiments import moved_files
from nstaudio.experiments.config_choices import CONFIGS
from nstaudio.experiments.nested import leaves
from nstaudio.experiments.parts import check_saved
from nstaudio.experiments.schema import (
    GROUPS,
    NUMBERS,
    RUN_KEYS,
    absolute_paths,
    path_list,
)
from nstaudio.experiments.storage.file_writing import write_whole

CHANGEABLE = (
    "n_steps",
    "log_every",
    "checkpoint.interval_s",
    "checkpoint.keep",
    "checkpoint.preview_s",
    "output.format",
    "output.subtype",
    "output.sr",
    "output.channels",
    "output.loudness_lufs",
    "output.true_peak_db",
)
"""What may differ when a run is resumed."""

_ALWAYS = {"content", "style", "encoder"}
"""What the config of any run has, whatever was added since."""

_FILES = ("content.path", "style.path", "negatives")
"""Files that may lie elsewhere when a run goes on; content and style are told by fingerprint."""


def override_keys(overrides: list[str]) -> list[str]:
    """The dotted keys that a command line in Hydra's form sets."""
    return [override.lstrip("+~").split("=")[0].split("@")[0] for override in overrides]


def resumed_config(
    cfg: DictConfig, saved: DictConfig, overrides: list[str], folder: Path
) -> DictConfig:
    """The saved config of a run with what this call changes, e.g. more steps.

    Files that are not where they were are looked for beside the run, see `moved_files`.

    Args:
        cfg: the config of this call.
        saved: the config the run was started with.
        overrides: this call's command line, Hydra's form.
        folder: the run's.

    Raises:
        InputError: this call asks for another value of a setting that cannot change midway, or
            the saved config calls a part that this call does not name, see `parts.check_saved`.
    """
    check_saved(saved, cfg, cfg.resume)
    merged = saved.copy()
    keys = override_keys(overrides)
    asked = [key for key in keys if key not in ("resume", "experiment")]
    if "experiment" in keys:
        asked += [key for key in (*GROUPS, *NUMBERS) if key not in CHANGEABLE]
        OmegaConf.update(merged, "n_steps", cfg.n_steps)
    for key in asked:
        new, old = OmegaConf.select(cfg, key), OmegaConf.select(saved, key)
        if key.endswith(".path") or key == "negatives":
            new = absolute_paths(new)
        elsewhere = key in _FILES and None not in (new, old)
        if key == "negatives":  # no fingerprint tells them
            elsewhere = moved_files.may_be_same(path_list(old), path_list(new))
        if key in CHANGEABLE or elsewhere:
            OmegaConf.update(merged, key, new)
        elif new != old:
            raise InputError(
                f"{one_line(key)}={one_line(new)} differs from the {one_line(old)} of the run in "
                f"{one_line(cfg.resume)}; when resuming only {', '.join(CHANGEABLE)} can change, "
                f"and where the files lie ({', '.join(_FILES)})"
            )
    for key in set(_FILES) - set(asked):
        # Of several contents each is missed by its own run.
        several = key == "content.path" and OmegaConf.is_list(merged.content.path)
        moved_files.follow(merged, key, folder, missing_ok=several)
    return merged


def check_resumable(cfg: DictConfig, saved: DictConfig, folder: Path) -> None:
    """Check that a run of a sweep can go on with these settings.

    Args:
        cfg: the config of this call.
        saved: the config the run in `folder` was started with.

    Raises:
        InputError: a setting that cannot change midway has changed.
    """
    before, now = immutable_settings(saved), immutable_settings(cfg)
    if before != now:
        raise InputError(
            f"{one_line(folder)} holds a run of other settings: {changes(before, now)}; remove it, "
            "or choose another folder with hydra.sweep.dir="
        )


def is_complete_for(cfg: DictConfig, saved: DictConfig) -> bool:
    """True if a run that has ended with the settings `saved` is the one that `cfg` asks for."""
    found = [dict(leaves(OmegaConf.to_container(one, resolve=True))) for one in (cfg, saved)]
    others = ("resume", *_FILES, "log_every")
    return all(
        found[0].get(key) == found[1].get(key)
        for key in {*found[0], *found[1]}
        if key not in others and not key.startswith("checkpoint.")
    )


def immutable_settings(cfg: DictConfig) -> dict[str, Any]:
    """The settings that must not change while a run is under way, by dotted key.

    Of the clips' paths nothing is said: the files may move, but what is in content and style may
    not change. What is in `negatives` may: an earlier seed run that is resumed changes it.
    """
    others = (*CHANGEABLE, "resume", "reference_loss", *_FILES)
    found = leaves(OmegaConf.to_container(cfg, resolve=True))
    return {name: leaf for name, leaf in found if name not in others}


def compile_key(cfg: DictConfig) -> dict[str, Any]:
    """The settings that shape the compiled program: all but the numbers that it takes as they are.

    Runs that agree in them may run in one program. That is a guess; `batches` looks at what they
    ask for.
    """
    numbers = ("alpha", "beta", "strength", "seed", "init.noise_db", "n_steps")
    others = ("log_every", "reference_loss", "resume")
    groups = ("content_weights.", "style_weights.", "guide.", "output.", "checkpoint.")
    return {
        name: leaf
        for name, leaf in leaves(OmegaConf.to_container(cfg, resolve=True))
        if name not in numbers
        and name not in others
        and not name.startswith(groups)
        and not (name.startswith("optimizer.") and isinstance(leaf, float))
    }


@functools.cache  # a sweep reads the configs of all its jobs
def _defaults(present: frozenset[str]) -> DictConfig:
    """The defaults of configs/config.yaml, with the choice of each group that is not `present`."""
    cfg = OmegaConf.load(CONFIGS / "config.yaml")
    assert isinstance(cfg, DictConfig)
    found = OmegaConf.masked_copy(cfg, [key for key in cfg if key in (*NUMBERS, *RUN_KEYS)])
    for choice_ in cfg.defaults:
        for group, name in choice_.items() if isinstance(choice_, DictConfig) else ():
            if group in GROUPS and group not in present:
                found[group] = OmegaConf.load(CONFIGS / group / f"{name}.yaml")
    return found


def _groups_among(keys: Collection[str]) -> frozenset[str]:
    return frozenset(name for name in GROUPS if name in keys)


def with_defaults(before: dict[str, Any]) -> dict[str, Any]:
    """The lasting settings of a run, and the defaults of those that were not there when it began.

    Args:
        before: see `lasting`.
    """
    present = {key.split(".")[0] for key in before}
    return {**immutable_settings(_defaults(_groups_among(present))), **before}


def changes(before: dict[str, Any], now: dict[str, Any]) -> str:
    """The settings that differ, see `lasting`, one after the other."""
    return one_line(
        ", ".join(
            f"{name} was {before.get(name)} and is {now.get(name)}"
            for name in sorted({*before, *now})
            if before.get(name) != now.get(name)
        )
    )


def to_yaml(cfg: DictConfig) -> str:
    """The resolved settings."""
    return OmegaConf.to_yaml(cfg, resolve=True)


def load(file: Path) -> DictConfig:
    """Read the config that `save` wrote.

    What was not there yet when it was written has its default.

    Raises:
        InputError: it is not one.
    """
    try:
        cfg = OmegaConf.load(file)
    except (OmegaConfBaseException, yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{one_line(file)} cannot be read: {one_line(error)}") from error
    if not isinstance(cfg, DictConfig) or not set(cfg) >= _ALWAYS:
        raise InputError(f"{one_line(file)} is not the config of a run")
    defaults = _defaults(_groups_among({str(key) for key in cfg}))
    whole = OmegaConf.merge(cfg, defaults, cfg)  # in its own order
    assert isinstance(whole, DictConfig)
    return whole


def save(cfg: DictConfig, file: Path, *, replace: bool = False) -> None:
    """Write the config from which a run can be resumed from any working folder.

    Raises:
        FileExistsError: there is one already and `replace` is false: another run owns the folder.
    """
    cfg = cfg.copy()
    for role in ("content", "style"):
        path: Any = OmegaConf.to_container(cfg[role], resolve=False)["path"]  # type: ignore[index]
        if not str(path).startswith("${"):  # the demo clips move with the package
            cfg[role].path = absolute_paths(path)
    cfg.negatives = absolute_paths(cfg.negatives)
    write_whole(file, OmegaConf.to_yaml(cfg, resolve=False), replace=replace)
