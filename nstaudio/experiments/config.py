"""Hydra's DictConfig to typed objects. With scripts/ the only place that knows Hydra."""

from datetime import datetime
from pathlib import Path
from typing import Any

import hydra.utils
from hydra.errors import InstantiationException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from nstaudio.audio.files import CLIPS_DIR
from nstaudio.audio.guide import Guide
from nstaudio.audio.segments import Segmentation
from nstaudio.errors import InputError, choice, one_line
from nstaudio.experiments.schema import (
    GROUPS,
    NOISE,
    NUMBERS,
    RUN_KEYS,
    CheckpointSettings,
    ClipSettings,
    OutputSettings,
    RunSettings,
    StyleSettings,
    n_seeds,
    path_list,
)
from nstaudio.experiments.storage.file_writing import short_name
from nstaudio.optimization.batching import n_cores
from nstaudio.optimization.multiscale import MultiScale
from nstaudio.optimization.optimizers import from_optax
from nstaudio.transfer.settings import Settings

_MODULES = {
    "spectrogram": ("nstaudio.analysis.spectrogram",),
    "parametrization": (
        "nstaudio.optimization.parametrizations",
        "nstaudio.optimization.content_gain",
        "nstaudio.optimization.waveform",
    ),
    "representation": ("nstaudio.analysis.representations",),
    "encoder": ("nstaudio.encoders",),
    "content_loss": ("nstaudio.losses",),
    "style_loss": ("nstaudio.losses",),
    "optimizer": ("optax", "optax.contrib"),
    "init": ("nstaudio.optimization.initializers", "nstaudio.notes.attention"),
    "inversion": ("nstaudio.inversion.griffin_lim",),
}
"""Where each group's `_target_` may be. Hydra calls all but a few known dangers: a config that came
with someone else's run could write files."""


def register_resolvers(names: Any = None) -> None:
    """Make the `${...:...}` functions of configs/ known; before Hydra composes.

    Args:
        names: what to call the folders of a sweep, see `sweep.SweepNames`.
    """

    def is_run(folder: object) -> bool:
        return folder is not None and (Path(str(folder)) / "config.yaml").is_file()

    for name, resolver in {
        "clip": lambda name: str(CLIPS_DIR / name),
        "clip_name": lambda path: short_name(
            NOISE if path is None else "+".join(Path(p).stem for p in path_list(path))
        ),
        "sweep_name": lambda: names.sweep if names else "sweep",
        "job_name": lambda overrides: names.job(overrides) if names else short_name(overrides),
        "half_of_cores": lambda: max(2, n_cores() // 2),
        # A resumed run goes on in its own folder; `.hydra` there keeps the record of its start.
        "run_dir": lambda resume, default: str(resume) if is_run(resume) else default,
        "record_dir": lambda folder: (
            f".hydra/again_{datetime.now():%Y-%m-%d_%H-%M-%S}" if is_run(folder) else ".hydra"
        ),
    }.items():
        OmegaConf.register_new_resolver(name, resolver, replace=True)


def build(cfg: DictConfig) -> RunSettings:
    """Typed, validated settings from a composed config.

    Raises:
        InputError: a key nobody knows, a value of the wrong type or outside its limits.
    """
    for key in cfg:
        choice("option", key, (*GROUPS, *NUMBERS, *RUN_KEYS))
    try:
        values = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(one_line(first)) from error
    assert isinstance(values, dict)
    for key in (*GROUPS, *NUMBERS, *RUN_KEYS):
        if key not in values:
            raise InputError(f"{key} is missing")
    for name in GROUPS:
        check_targets(name, values[name])
    n_seeds(cfg)
    parts = {name: instantiate(name, cfg[name]) for name in GROUPS}
    for name in ("content_weights", "style_weights"):
        if not isinstance(values[name], dict):
            raise InputError(f"{name} must be layer: weight pairs, not {one_line(values[name])}")
        values[name] = {k: weight for k, weight in values[name].items() if weight is not None}
    return RunSettings(
        transfer=Settings(
            spec=parts["spectrogram"],
            parametrization=parts["parametrization"],
            representation=parts["representation"],
            encoder=parts["encoder"],
            content_loss=parts["content_loss"],
            style_loss=parts["style_loss"],
            optimizer=from_optax(parts["optimizer"]),
            init=parts["init"],
            inversion=parts["inversion"],
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
        if several and name == "content":
            raise InputError(f"content.path={one_line(path)}: only style.path can be several files")
    return kind(**values)


def check_targets(name: str, value: Any) -> None:
    """Refuse to call what is no part of a transfer, at any depth of a group."""
    if isinstance(value, list):
        for below in value:
            check_targets(name, below)
    if not isinstance(value, dict):
        return
    for below in value.values():
        check_targets(name, below)
    if "_target_" in value:
        target = str(value["_target_"])
        if target.rpartition(".")[0] not in _MODULES[name]:
            known = " or ".join(_MODULES[name])
            raise InputError(f"{name}: _target_={one_line(target)} is not in {known}")


def instantiate(name: str, node: Any) -> Any:
    """Build the part that a group of settings describes.

    Raises:
        InputError: it describes none, or the part refuses its settings.
    """
    if not isinstance(node, DictConfig) or "_target_" not in node:
        raise InputError(f"{name}={one_line(node)} is not one of the choices in configs/{name}/")
    try:
        return hydra.utils.instantiate(node, _convert_="all")
    except (InstantiationException, OmegaConfBaseException, TypeError, ValueError) as error:
        cause = error if isinstance(error, InputError) else error.__cause__
        if isinstance(cause, InputError):
            raise cause from error
        raise InputError(f"{name}: {one_line(' '.join(str(cause or error).split()))}") from error
