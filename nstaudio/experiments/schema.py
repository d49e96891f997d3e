"""The settings of a run, typed, and the names of their groups."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from omegaconf import DictConfig, ListConfig

from nstaudio.analysis.representations import Representation
from nstaudio.analysis.spectrogram import MelSpec
from nstaudio.audio.samples import MAX_CHANNELS
from nstaudio.audio.style_clips import check_clip_weights
from nstaudio.audio.writing import Coding
from nstaudio.encoders import Encoder
from nstaudio.errors import InputError, integer, number
from nstaudio.losses import ContentLoss, StyleLoss
from nstaudio.optimization.aims import Aim
from nstaudio.optimization.parametrizations import Parametrization
from nstaudio.transfer.settings import Settings


class Group(NamedTuple):
    """A group of settings that describes a part of the transfer, a folder of `configs/`.

    Attributes:
        field: the part's name in `Settings`.
        rooms: the packages in which the part may be defined, besides the user's own modules.
        kind: what the part must be; `None` is a function, given by name and options.
    """

    field: str
    rooms: tuple[str, ...]
    kind: type | None


GROUPS = {
    "spectrogram": Group("spec", ("nstaudio.analysis",), MelSpec),
    "parametrization": Group("parametrization", ("nstaudio.optimization",), Parametrization),
    "representation": Group("representation", ("nstaudio.analysis",), Representation),
    "encoder": Group("encoder", ("nstaudio.encoders",), Encoder),
    "content_loss": Group("content_loss", ("nstaudio.losses",), ContentLoss),
    "style_loss": Group("style_loss", ("nstaudio.losses",), StyleLoss),
    "aim": Group("aim", ("nstaudio.optimization", "nstaudio.notes"), Aim),
    "optimizer": Group("optimizer", ("optax", "nstaudio.optimization"), None),
    "init": Group("init", ("nstaudio.optimization", "nstaudio.notes"), None),
    "inversion": Group("inversion", ("nstaudio.inversion",), None),
}
"""The parts of a transfer. A new one is a line here, a field of `Settings` with a default, a folder
of `configs/` and its choice in `configs/config.yaml`."""

NUMBERS = (
    "strength",
    "alpha",
    "beta",
    "content_weights",
    "style_weights",
    "n_steps",
    "seed",
)

LAYER_WEIGHTS = ("content_weights", "style_weights")

RUN_KEYS = (
    "segments",
    "multiscale",
    "guide",
    "output",
    "content",
    "style",
    "negatives",
    "reference_loss",
    "log_every",
    "checkpoint",
    "resume",
    "duration_s",
    "n_seeds",
)

MAX_SEEDS = 128

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
    """The files of the style and their weights, see `style_clips.prepare_style_audio`."""

    weights: list[float] | None = None

    def __post_init__(self) -> None:
        if self.weights is not None:
            n_clips = len(self.path) if isinstance(self.path, list) else 1
            check_clip_weights(self.weights, n_clips)


@dataclass(frozen=True)
class CheckpointSettings:
    """Seconds between checkpoints, how many to keep, and seconds between previews."""

    interval_s: float = 10.0
    keep: int = 3
    preview_s: float | None = None

    def __post_init__(self) -> None:
        number("checkpoint.interval_s", self.interval_s, at_least=0)
        integer("checkpoint.keep", self.keep, at_least=1)
        if self.preview_s is not None:
            number("checkpoint.preview_s", self.preview_s, at_least=0)


@dataclass(frozen=True)
class OutputSettings:
    """Format, rate, channels and level of the result.

    Attributes:
        format, subtype: see `writing.Coding`.
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
    negatives: tuple[str, ...] = ()
    """Files that the result shall not be like, see `losses.Diversity`."""
    output: OutputSettings = OutputSettings()
    checkpoint: CheckpointSettings = CheckpointSettings()
    log_every: int = 10
    reference_loss: float | None = None

    def __post_init__(self) -> None:
        integer("log_every", self.log_every, at_least=1)
        if self.reference_loss is not None:
            number("reference_loss", self.reference_loss, at_least=0)
        if self.content.path is None and self.transfer.fitting_aim.follows_content:
            raise InputError(
                "content=none is noise, and the aim follows a content: choose a statistic of the "
                "style, e.g. style_loss=gram, or experiment=texture"
            )


def path_list(path: Any) -> list[str]:
    """One path or several, as a list."""
    return [str(p) for p in (path if isinstance(path, list | ListConfig) else [path])]


def absolute_paths(path: Any) -> Any:
    """The same with absolute paths."""
    if not isinstance(path, str | list | ListConfig):
        return path
    absolute = [str(Path(p).expanduser().absolute()) for p in path_list(path)]
    return absolute[0] if isinstance(path, str) else absolute


def n_seeds(cfg: DictConfig) -> int:
    """The number of seed runs of a config.

    Raises:
        InputError: not a whole number from 1 to `MAX_SEEDS`.
    """
    return integer("n_seeds", cfg.get("n_seeds"), at_least=1, at_most=MAX_SEEDS)
