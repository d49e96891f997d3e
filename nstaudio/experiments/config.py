"""Hydra's DictConfig to typed settings, and what Hydra must know before it composes one."""

from datetime import datetime
from pathlib import Path
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import DictConfig, OmegaConf

from nstaudio.audio.files import CLIPS_DIR
from nstaudio.audio.guide import Guide
from nstaudio.audio.segments import Segmentation
from nstaudio.errors import InputError, choice, one_line
from nstaudio.experiments import explain
from nstaudio.experiments.parts import build_part, plain
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

_LAYER_WEIGHTS = ("content_weights", "style_weights")


def register_resolvers(names: Any = None) -> None:
    """Make known what configs/ refers to and Hydra does not find there; before Hydra composes.

    These are the `${...:...}` functions, the demo clips as choices of `content` and `style`, and
    `layer_weights`, which lets any layer have a weight.

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
    _register_clips()
    # Which layers there are, the encoder knows and `Settings` checks: Hydra takes any name here.
    weights = {name: DictConfig({}, flags={"struct": False}) for name in _LAYER_WEIGHTS}
    ConfigStore.instance().store(name="layer_weights", node=weights, provider="nstaudio")


def _register_clips() -> None:
    """Make each sound file among the demo clips a choice of `content` and of `style`."""
    for file in CLIPS_DIR.iterdir():
        if file.suffix not in (".ogg", ".flac", ".wav", ".mp3"):
            continue
        for role, duration_s in (("content", "${duration_s}"), ("style", None)):
            node = {
                "path": f"${{clip:{file.name}}}",
                "start_s": 0.0,
                "duration_s": duration_s,
            }
            ConfigStore.instance().store(group=role, name=file.stem, node=node, provider="nstaudio")


def build(cfg: DictConfig) -> RunSettings:
    """Typed, validated settings from a composed config.

    Raises:
        InputError: a key nobody knows, a value of the wrong type or outside its limits.
    """
    if isinstance(cfg.get("experiment"), DictConfig):
        raise InputError(explain.PRESET_WITHOUT_PACKAGE)
    for key in cfg:
        choice("option", key, (*GROUPS, *NUMBERS, *RUN_KEYS))
    values: dict[str, Any] = plain(cfg)
    for key in (*GROUPS, *NUMBERS, *RUN_KEYS):
        if key not in values:
            raise InputError(f"{key} is missing")
    n_seeds(cfg)
    parts = {group.field: build_part(name, cfg[name]) for name, group in GROUPS.items()}
    parts["optimizer"] = from_optax(parts["optimizer"])
    for name in _LAYER_WEIGHTS:
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
