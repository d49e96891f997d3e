"""Hydra's DictConfig to typed settings."""

from typing import Any

from omegaconf import DictConfig

from nstaudio.audio.guide import Guide
from nstaudio.audio.segments import Segmentation
from nstaudio.errors import InputError, choice, one_line
from nstaudio.experiments import explain
from nstaudio.experiments.parts import build_part, plain
from nstaudio.experiments.schema import (
    GROUPS,
    LAYER_WEIGHTS,
    NUMBERS,
    RUN_KEYS,
    CheckpointSettings,
    ClipSettings,
    OutputSettings,
    RunSettings,
    StyleSettings,
    n_seeds,
)
from nstaudio.optimization.multiscale import MultiScale
from nstaudio.optimization.optimizers import from_optax
from nstaudio.transfer.settings import Settings


def build(cfg: DictConfig) -> RunSettings:
    """Typed, validated settings from a composed config.

    Raises:
        InputError: a key nobody knows, a value of the wrong type or outside its limits.
    """
    if isinstance(cfg.get("experiment"), DictConfig):
        raise InputError(explain.PRESET_WITHOUT_PACKAGE)
    values: dict[str, Any] = plain(cfg)
    for key, value in values.items():
        known = key in (*GROUPS, *RUN_KEYS)  # some have a seed of their own
        if not known and isinstance(value, dict) and {*GROUPS, *NUMBERS} & {*value}:
            raise InputError(explain.PRESET_WITHOUT_PACKAGE.replace("experiment.*", f"{key}.*"))
        choice("option", key, (*GROUPS, *NUMBERS, *RUN_KEYS))
    for key in (*GROUPS, *NUMBERS, *RUN_KEYS):
        if key not in values:
            raise InputError(f"{key} is missing")
    n_seeds(cfg)
    parts = {group.field: build_part(name, cfg[name]) for name, group in GROUPS.items()}
    parts["optimizer"] = from_optax(parts["optimizer"])
    for name in LAYER_WEIGHTS:
        if not isinstance(values[name], dict):
            raise InputError(f"{name} must be layer: weight pairs, not {one_line(values[name])}")
        values[name] = {k: weight for k, weight in values[name].items() if weight is not None}
    return RunSettings(
        transfer=Settings(
            **parts,
            segments=_fields(Segmentation, "segments", values["segments"]),
            multiscale=_fields(MultiScale, "multiscale", values["multiscale"]),
            guide=_fields(Guide, "guide", values["guide"]),
            **{name: values[name] for name in NUMBERS},
        ),
        content=_fields(ClipSettings, "content", values["content"]),
        style=_fields(StyleSettings, "style", values["style"]),
        negatives=file_names("negatives", values["negatives"]),
        output=_fields(OutputSettings, "output", values["output"]),
        checkpoint=_fields(CheckpointSettings, "checkpoint", values["checkpoint"]),
        log_every=values["log_every"],
        reference_loss=values["reference_loss"],
    )


def file_names(name: str, value: Any) -> tuple[str, ...]:
    """Names of files, one or a list, maybe an empty one."""
    files = [value] if isinstance(value, str) else value
    if not isinstance(files, list) or not all(isinstance(file, str) for file in files):
        raise InputError(f"{name} must be a list of audio files, not {one_line(value)}")
    if "" in files:
        raise InputError(f"{name}={one_line(value)} has an empty name")
    return tuple(files)


def _fields(kind: type, name: str, values: Any) -> Any:
    if not isinstance(values, dict):
        hint = (
            f"; for your own file write {name}.path=FILE" if issubclass(kind, ClipSettings) else ""
        )
        raise InputError(f"{name}={one_line(values)} is not a group of settings{hint}")
    for key in values:
        choice("option", f"{name}.{key}", [f"{name}.{k}" for k in kind.__dataclass_fields__])
    if issubclass(kind, ClipSettings):
        path = values.get("path")
        several = isinstance(path, list) and all(isinstance(p, str) for p in path)
        none = path is None and name == "content"
        if not isinstance(path, str) and not several and not none:
            raise InputError(f"{name}.path must name an audio file, not {one_line(path)}")
        if "" in ([path] if isinstance(path, str) else path or []):
            raise InputError(f"{name}.path={one_line(path)} has an empty name")
        if several and name == "content":
            raise InputError(
                f"content.path={one_line(path)} is several contents, which are run one by one: "
                "-m content.path=a.wav,b.wav"
            )
    return kind(**values)
