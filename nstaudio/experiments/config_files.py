"""The YAML files of `configs/`: what they refer to, and configs composed of them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import hydra
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig, OmegaConf

from nstaudio.audio import demo_clips
from nstaudio.experiments.config_choices import CONFIGS
from nstaudio.experiments.schema import LAYER_WEIGHTS, NOISE, path_list
from nstaudio.experiments.storage.file_writing import short_name
from nstaudio.optimization.batching import n_cores


def compose(overrides: Sequence[str] = (), *, name: str = "config") -> DictConfig:
    """The config of a command line, without running anything.

    Args:
        name: of the file that it begins with.

    Raises:
        HydraException: an override that means nothing.
    """
    if not OmegaConf.has_resolver("clip"):
        register_resolvers()
    GlobalHydra.instance().clear()
    with hydra.initialize_config_dir(str(CONFIGS), version_base="1.3"):
        return hydra.compose(name, list(overrides))


def register_resolvers(names: Any = None) -> None:
    """Make known what configs/ refers to and Hydra does not find there; before Hydra composes.

    These are the `${...:...}` functions, the demo clips as choices of `content` and `style`, and
    `layer_weights`, which lets any layer have a weight.

    Args:
        names: what to call the folders of a sweep, see `sweep.SweepNames`.
    """
    for name, resolver in {
        "clip": lambda name: str(demo_clips.CLIPS_DIR / name),
        "clip_name": lambda path: short_name(
            NOISE if path is None else "+".join(Path(p).absolute().stem for p in path_list(path))
        ),
        "sweep_name": lambda: names.sweep if names else "sweep",
        "job_name": lambda overrides: names.job(overrides) if names else short_name(overrides),
        "half_of_cores": lambda: max(2, n_cores() // 2),
    }.items():
        OmegaConf.register_new_resolver(name, resolver, replace=True)
    _register_clips()
    # Which layers there are, the encoder knows and `Settings` checks: Hydra takes any name here.
    weights = {name: DictConfig({}, flags={"struct": False}) for name in LAYER_WEIGHTS}
    ConfigStore.instance().store(name="layer_weights", node=weights, provider="nstaudio")


def _register_clips() -> None:
    """Make each sound file among the demo clips a choice of `content` and of `style`."""
    for name, file in demo_clips.files().items():
        for role, duration_s in (("content", "${duration_s}"), ("style", None)):
            node = {
                "path": f"${{clip:{file.name}}}",
                "start_s": 0.0,
                "duration_s": duration_s,
            }
            ConfigStore.instance().store(group=role, name=name, node=node, provider="nstaudio")
