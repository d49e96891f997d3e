"""Methods of a comparison: the clips themselves, an equaliser, transfers, noise."""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import soxr

from nstaudio.audio.samples import Samples
from nstaudio.errors import InputError, one_line
from nstaudio.evaluation import eq_baseline, judge, shaped_noise, similarity
from nstaudio.experiments import config, config_files, resume
from nstaudio.experiments.evaluation.items import Item, load
from nstaudio.transfer import api
from nstaudio.transfer.settings import Settings

PUBLISHED = {
    # the settings of Driedger, Prätzlich & Müller (ISMIR 2015)
    "musaicing": (
        "experiment=musaicing",
        "init.activations.repetition=3",
        "init.activations.polyphony=10",
        "init.activations.continuity=3",
        "init.activations.balance=0",
    ),
    # Ulyanov & Lebedev's (2016) as Cífka et al. (ICASSP 2021) ran it: 100 steps, and their style
    # weight of 10^-2.1 in this project's units
    "ulyanov": ("experiment=ulyanov", "strength=null", "alpha=1", "beta=0.01", "n_steps=100"),
}
"""Settings of methods without weights that a publication has measured."""

NOT_HERE = ("content", "style", "resume", "checkpoint", "log_every", "reference_loss", "hydra")


CONTROLS = ("content", "style", "eq", "noise")


class Result(NamedTuple):
    """A method's sound."""

    method: str
    y: Samples
    """Mono, at the rate of `similarity.SR`."""
    seconds: float
    """Time that the method took."""


def build(overrides: list[str]) -> Settings:
    """Settings of a transfer, from those of `scripts/run.py`.

    Raises:
        InputError: an override that has no meaning here, one that `config.build` refuses, or the
            judge's network as an encoder.
    """
    for key in resume.override_keys(overrides):
        if key.split(".")[0] in NOT_HERE:
            raise InputError(f"{one_line(key)}= has no meaning here: the folder names the clips")
    settings = config.build(config_files.compose(overrides)).transfer
    if judge.took_part(settings.encoder):
        raise InputError(
            "encoder=aisfx is the judge's own network: judge_to_target and the like would measure "
            "what was optimised; choose another encoder"
        )
    return settings


def build_rows(names: Sequence[str]) -> dict[str, Settings]:
    """Settings of the rows that are asked for by name: published ones, and presets.

    Raises:
        HydraException: there is no such preset.
        InputError: a name twice, or that of a row that is always there.
    """
    for i, name in enumerate(names):
        if name in names[:i] or name in CONTROLS:
            raise InputError(f"--rows={one_line(name)} is in the table already")
    return {name: build([*PUBLISHED.get(name, (f"experiment={name}",))]) for name in names}


def name_of(overrides: list[str]) -> str:
    """The name of settings in a table."""
    return ",".join(overrides) or "default"


def results(item: Item, transfers: Mapping[str, Settings]) -> Iterator[Result]:
    """Every method's result for an item.

    Args:
        transfers: settings of transfers by name, the one on trial last. Its result is followed by
            noise of the same levels.

    Raises:
        InputError: a clip cannot be used.
    """
    content, style = (load(item, role, similarity.SR) for role in ("content", "style"))
    yield Result("content", content, 0.0)
    yield Result("style", style, 0.0)
    started = time.perf_counter()
    y = eq_baseline.match(content, style, similarity.SR)
    yield Result("eq", y, time.perf_counter() - started)
    for name, settings in transfers.items():
        result = _transfer(item, name, settings)
        y = result.y
        yield result
    started = time.perf_counter()
    y = shaped_noise.match(y, similarity.SR)
    yield Result("noise", y, time.perf_counter() - started)


def _transfer(item: Item, name: str, settings: Settings) -> Result:
    content, style = (load(item, role, settings.spec.sr) for role in ("content", "style"))
    started = time.perf_counter()
    result = api.transfer(content, style, settings.spec.sr, settings)
    seconds = time.perf_counter() - started
    return Result(name, soxr.resample(result.y, result.sr, similarity.SR, quality="VHQ"), seconds)
