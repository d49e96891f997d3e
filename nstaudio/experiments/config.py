"""Hydra's DictConfig to typed objects. With scripts/ the only place that knows Hydra."""

import functools
import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import hydra.utils
import yaml
from hydra.errors import InstantiationException
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from nstaudio.audio.files import CLIPS_DIR, Coding
from nstaudio.audio.guide import Guide
from nstaudio.audio.samples import MAX_CHANNELS
from nstaudio.audio.segments import Windows
from nstaudio.audio.style_clips import check_clip_weights
from nstaudio.errors import InputError, choice, integer, number, one_line
from nstaudio.experiments.storage.metrics_log import write_whole
from nstaudio.losses import keeps_apart
from nstaudio.optimization.batching import n_cores
from nstaudio.optimization.multiscale import MultiScale
from nstaudio.optimization.optimizers import from_optax
from nstaudio.transfer.settings import Settings

_GROUPS = (
    "spectrogram",
    "parametrization",
    "representation",
    "encoder",
    "content_loss",
    "style_loss",
    "optimizer",
    "init",
    "inversion",
)
_FIRST_GROUPS = tuple(name for name in _GROUPS if name != "representation")
"""Those that the config of any run has."""
_MODULES = {
    "spectrogram": ("nstaudio.analysis.spectrogram",),
    "parametrization": ("nstaudio.optimization.parametrizations",),
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
_NUMBERS = (
    *("strength", "alpha", "beta", "content_weights", "style_weights"),
    *("n_steps", "seed"),
)
_RUN = (
    "windows",
    "multiscale",
    "guide",
    "output",
    "content",
    "style",
    "apart_from",
    "reference_loss",
    "log_every",
    "checkpoint",
    "resume",
    "duration_s",
    "n_takes",
)

CHANGEABLE = (
    *("n_steps", "log_every", "checkpoint.interval_s", "checkpoint.keep"),
    *("output.format", "output.subtype", "output.sr", "output.channels"),
    *("output.loudness_lufs", "output.true_peak_db"),
)
"""What may differ when a run is resumed."""

_FILES = ("content.path", "style.path", "apart_from")
"""What may be called otherwise when a run goes on, relative to another folder for one."""

_CONFIGS = Path(__file__).resolve().parents[2] / "configs"
MOST_TAKES = 128

NOISE = "noise"
"""The name of a content without a file."""


@dataclass(frozen=True)
class ClipSettings:
    """Which part of which file to read, see `files.load_all`.

    No file, as a content, is noise with the spectrum of the style, see `samples.noise_like`.
    """

    path: str | list[str] | None
    start_s: float = 0.0
    duration_s: float | None = None


@dataclass(frozen=True)
class StyleSettings(ClipSettings):
    """The same for the style; of several files each may have a weight, see `hear_style`."""

    weights: list[float] | None = None

    def __post_init__(self) -> None:
        if self.weights is not None:
            n_clips = len(self.path) if isinstance(self.path, list) else 1
            check_clip_weights(self.weights, n_clips)


@dataclass(frozen=True)
class CheckpointSettings:
    """Seconds between checkpoints, and how many to keep."""

    interval_s: float = 10.0
    keep: int = 3

    def __post_init__(self) -> None:
        number("checkpoint.interval_s", self.interval_s, at_least=0)
        integer("checkpoint.keep", self.keep, at_least=1)


@dataclass(frozen=True)
class OutputSettings:
    """How the result is written.

    Attributes:
        format, subtype: see `files.Coding`.
        sr: rate, Hz; `None` is the content's.
        channels: `None` is the content's number; 1 mixes them; a mono content can have any.
        loudness_lufs: integrated loudness (ITU-R BS.1770), LUFS; `None` is the content's.
        true_peak_db: what the true peak may be at most, dBTP; the loudness gives way.
    """

    format: str = "wav"
    subtype: str | None = None
    sr: int | None = None
    channels: int | None = None
    loudness_lufs: float | None = None
    true_peak_db: float = -1.0

    def __post_init__(self) -> None:
        Coding(self.format, self.subtype)
        if self.sr is not None:
            integer("output.sr", self.sr, at_least=1000, at_most=768_000)
        if self.channels is not None:
            integer("output.channels", self.channels, at_least=1, at_most=MAX_CHANNELS)
        if self.loudness_lufs is not None:
            number("output.loudness_lufs", self.loudness_lufs, at_least=-70, at_most=0)
        number("output.true_peak_db", self.true_peak_db, at_least=-60, at_most=60)

    @property
    def coding(self) -> Coding:
        """The format and the subtype."""
        return Coding(self.format, self.subtype)

    def check(self, content_sr: int, content_channels: int) -> None:
        """Check that a content of this rate, Hz, and so many channels can become this.

        Raises:
            InputError: it cannot.
        """
        channels = self.channels or content_channels
        if channels not in (1, content_channels) and content_channels != 1:
            raise InputError(
                f"output.channels={channels} of a content of {content_channels} channels: choose "
                f"1, which mixes them, or {content_channels}"
            )
        self.coding.check(self.sr or content_sr, channels)


@dataclass(frozen=True)
class RunSettings:
    """A whole run: the transfer's settings and what surrounds them."""

    transfer: Settings
    content: ClipSettings
    style: StyleSettings
    apart_from: tuple[str, ...] = ()
    """Files that the result shall not be like, see `losses.Diversity`."""
    output: OutputSettings = OutputSettings()
    checkpoint: CheckpointSettings = CheckpointSettings()
    log_every: int = 10
    reference_loss: float | None = None

    def __post_init__(self) -> None:
        integer("log_every", self.log_every, at_least=1)
        if self.reference_loss is not None:
            number("reference_loss", self.reference_loss, at_least=0)


def short_name(text: object, *, longest: int = 60) -> str:
    """`text` as part of a file name: word characters, dots, dashes, `=`, `,`; not too long."""
    name = re.sub(r"[^\w.=,+-]+", "-", str(text)).strip("-.")[:longest]
    return name or "unnamed"


def register_resolvers(names: Any = None) -> None:
    """Make the `${...:...}` functions of configs/ known; before Hydra composes.

    Args:
        names: what to call the folders of a sweep, see `sweep.Names`.
    """

    def is_run(folder: object) -> bool:
        return folder is not None and (Path(str(folder)) / "config.yaml").is_file()

    for name, resolver in {
        "clip": lambda name: str(CLIPS_DIR / name),
        "clip_name": lambda path: short_name(
            NOISE if path is None else "+".join(Path(p).stem for p in _paths(path))
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


def _paths(path: Any) -> list[str]:
    """One path or several, as a list."""
    return [str(p) for p in (path if isinstance(path, list | ListConfig) else [path])]


def _absolute(path: Any) -> Any:
    """The same with absolute paths."""
    if not isinstance(path, str | list | ListConfig):
        return path
    absolute = [str(Path(p).expanduser().absolute()) for p in _paths(path)]
    return absolute[0] if isinstance(path, str) else absolute


def build(cfg: DictConfig) -> RunSettings:
    """Typed, validated settings from a composed config.

    Raises:
        InputError: a key nobody knows, a value of the wrong type or outside its limits.
    """
    for key in cfg:
        choice("option", key, (*_GROUPS, *_NUMBERS, *_RUN))
    try:
        values = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(one_line(first)) from error
    assert isinstance(values, dict)
    for key in (*_GROUPS, *_NUMBERS, *_RUN):
        if key not in values:
            raise InputError(f"{key} is missing")
    for name in _GROUPS:
        _check_targets(name, values[name])
    n_takes(cfg)
    parts = {name: _instantiate(name, cfg[name]) for name in _GROUPS}
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
            windows=_fields(Windows, "windows", values["windows"]),
            multiscale=_fields(MultiScale, "multiscale", values["multiscale"]),
            guide=_fields(Guide, "guide", values["guide"]),
            **{name: values[name] for name in _NUMBERS},
        ),
        content=_fields(ClipSettings, "content", values["content"]),
        style=_fields(StyleSettings, "style", values["style"]),
        apart_from=_files("apart_from", values["apart_from"]),
        output=_fields(OutputSettings, "output", values["output"]),
        checkpoint=_fields(CheckpointSettings, "checkpoint", values["checkpoint"]),
        log_every=values["log_every"],
        reference_loss=values["reference_loss"],
    )


def n_takes(cfg: DictConfig) -> int:
    """How many takes a config asks for.

    Raises:
        InputError: not a whole number from 1 to `MOST_TAKES`.
    """
    return integer("n_takes", cfg.get("n_takes"), at_least=1, at_most=MOST_TAKES)


def takes(cfg: DictConfig, folder: Path) -> list[tuple[DictConfig, Path]]:
    """The config and the folder of each take of a job in `folder`: alike but for the seed.

    Where the style loss keeps results apart from clips, each is kept so from those before it.

    Raises:
        InputError: as `n_takes`; a seed that is no whole number or leaves no room for the last's.
    """
    n = n_takes(cfg)
    seed = integer("seed", cfg.seed, at_least=0, at_most=2**31 - n)
    found = [(cfg.copy(), folder / f"take_{i + 1}") for i in range(n)]
    results = [str(below / f"generated.{cfg.output.format}") for _, below in found]
    values: Any = OmegaConf.to_container(cfg, resolve=True)
    apart = list(_files("apart_from", values["apart_from"]))
    _check_targets("style_loss", values["style_loss"])
    one_by_one = keeps_apart(_instantiate("style_loss", cfg.style_loss))
    for i, (take, _) in enumerate(found):
        take.seed, take.n_takes = seed + i, 1
        take.apart_from = [*apart, *(results[:i] if one_by_one else [])]
    return found


def _files(name: str, value: Any) -> tuple[str, ...]:
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


def _check_targets(name: str, value: Any) -> None:
    """Refuse to call what is no part of a transfer, at any depth of a group."""
    if isinstance(value, list):
        for below in value:
            _check_targets(name, below)
    if not isinstance(value, dict):
        return
    for below in value.values():
        _check_targets(name, below)
    if "_target_" in value:
        target = str(value["_target_"])
        if target.rpartition(".")[0] not in _MODULES[name]:
            known = " or ".join(_MODULES[name])
            raise InputError(f"{name}: _target_={one_line(target)} is not in {known}")


def _instantiate(name: str, node: Any) -> Any:
    if not isinstance(node, DictConfig) or "_target_" not in node:
        raise InputError(f"{name}={one_line(node)} is not one of the choices in configs/{name}/")
    try:
        return hydra.utils.instantiate(node, _convert_="all")
    except (InstantiationException, OmegaConfBaseException, TypeError, ValueError) as error:
        cause = error if isinstance(error, InputError) else error.__cause__
        if isinstance(cause, InputError):
            raise cause from error
        raise InputError(f"{name}: {one_line(' '.join(str(cause or error).split()))}") from error


def override_keys(overrides: list[str]) -> list[str]:
    """The dotted keys that a command line in Hydra's form sets."""
    return [override.lstrip("+~").split("=")[0].split("@")[0] for override in overrides]


def resumed(cfg: DictConfig, saved: DictConfig, overrides: list[str]) -> DictConfig:
    """The saved config of a run with what this call changes, e.g. more steps.

    Args:
        cfg: the config of this call.
        saved: the config the run was started with.
        overrides: this call's command line, Hydra's form.

    Raises:
        InputError: this call asks for another value of a setting that cannot change midway.
    """
    merged = saved.copy()
    keys = override_keys(overrides)
    asked = [key for key in keys if key not in ("resume", "experiment")]
    if "experiment" in keys:
        asked += [key for key in (*_GROUPS, *_NUMBERS) if key not in CHANGEABLE]
        OmegaConf.update(merged, "n_steps", cfg.n_steps)
    for key in asked:
        new, old = OmegaConf.select(cfg, key), OmegaConf.select(saved, key)
        if key.endswith(".path") or key == "apart_from":
            new = _absolute(new)
        if key in CHANGEABLE:
            OmegaConf.update(merged, key, new)
        elif new != old:
            raise InputError(
                f"{one_line(key)}={one_line(new)} differs from the {one_line(old)} of the run in "
                f"{one_line(cfg.resume)}; when resuming only {', '.join(CHANGEABLE)} can change"
            )
    return merged


def again(cfg: DictConfig, saved: DictConfig, folder: Path) -> None:
    """Check that a run of a sweep can go on with these settings.

    Args:
        cfg: the config of this call.
        saved: the config the run in `folder` was started with.

    Raises:
        InputError: a setting that cannot change midway has changed.
    """
    before, now = lasting(saved), lasting(cfg)
    if before != now:
        raise InputError(
            f"{one_line(folder)} holds a run of other settings: {changes(before, now)}; remove it, "
            "or choose another folder with hydra.sweep.dir="
        )


def as_asked(cfg: DictConfig, saved: DictConfig) -> bool:
    """Whether a run that has ended with the settings `saved` is what `cfg` asks for."""
    found = [_leaves(OmegaConf.to_container(one, resolve=True)) for one in (cfg, saved)]
    others = ("resume", *_FILES, "log_every")
    return all(
        found[0].get(key) == found[1].get(key)
        for key in {*found[0], *found[1]}
        if key not in others and not key.startswith("checkpoint.")
    )


def lasting(cfg: DictConfig) -> dict[str, Any]:
    """The settings that must not change while a run is under way, by dotted key.

    Of the clips' paths nothing is said: the files may move, but what is in content and style may
    not change. What is in `apart_from` may: a take before this one that goes on changes it.
    """
    others = (*CHANGEABLE, "resume", "reference_loss", *_FILES)
    found = _leaves(OmegaConf.to_container(cfg, resolve=True))
    return {name: leaf for name, leaf in found.items() if name not in others}


def static(cfg: DictConfig) -> dict[str, Any]:
    """The settings that shape the compiled program: all but the numbers that it takes as they are.

    Runs that agree in them may run in one program. That is a guess; `batches` looks at what they
    ask for.
    """
    numbers = ("alpha", "beta", "strength", "seed", "init.noise_db", "n_steps")
    others = ("log_every", "reference_loss", "resume")
    groups = ("content_weights.", "style_weights.", "guide.", "output.", "checkpoint.")
    return {
        name: leaf
        for name, leaf in _leaves(OmegaConf.to_container(cfg, resolve=True)).items()
        if name not in numbers
        and name not in others
        and not name.startswith(groups)
        and not (name.startswith("optimizer.") and isinstance(leaf, float))
    }


@functools.cache  # a sweep reads the configs of all its jobs
def _defaults(present: frozenset[str]) -> DictConfig:
    """What configs/config.yaml says, with the choice of each group that is not `present`."""
    cfg = OmegaConf.load(_CONFIGS / "config.yaml")
    assert isinstance(cfg, DictConfig)
    found = OmegaConf.masked_copy(cfg, [key for key in cfg if key in (*_NUMBERS, *_RUN)])
    for choice_ in cfg.defaults:
        for group, name in choice_.items() if isinstance(choice_, DictConfig) else ():
            if group in _GROUPS and group not in present:
                found[group] = OmegaConf.load(_CONFIGS / group / f"{name}.yaml")
    return found


def _groups_among(keys: Collection[str]) -> frozenset[str]:
    return frozenset(name for name in _GROUPS if name in keys)


def completed(before: dict[str, Any]) -> dict[str, Any]:
    """The lasting settings of a run, and the defaults of those that were not there when it began.

    Args:
        before: see `lasting`.
    """
    present = {key.split(".")[0] for key in before}
    return {**lasting(_defaults(_groups_among(present))), **before}


def _leaves(value: Any, key: str = "") -> dict[str, Any]:
    """Nested settings by dotted key."""
    if not isinstance(value, dict) or not value:
        return {key: value}
    found = [_leaves(below, f"{key}.{name}".strip(".")) for name, below in value.items()]
    return {name: leaf for one in found for name, leaf in one.items()}


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
    if not isinstance(cfg, DictConfig) or not set(_FIRST_GROUPS) <= set(cfg):
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
            cfg[role].path = _absolute(path)
    cfg.apart_from = _absolute(cfg.apart_from)
    write_whole(file, OmegaConf.to_yaml(cfg, resolve=False), replace=replace)
