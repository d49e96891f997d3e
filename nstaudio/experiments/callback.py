"""Hydra's callback: the folder of a run or a sweep is claimed before Hydra writes in it."""

import contextlib
import os
import signal
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from nstaudio.errors import InputError, one_line
from nstaudio.experiments import folder_claim, sweep


class Refused(BaseException):
    """A command that cannot be run; no `Exception`, of which Hydra makes a warning in a callback.

    Args:
        reason: an `InputError` or `OSError`.
    """

    def __init__(self, reason: Exception) -> None:
        super().__init__(str(reason))
        self.reason = reason


class CommandCallback(Callback):
    """See the module."""

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Before a single run."""
        del kwargs
        HydraConfig.instance().set_config(config)  # `${hydra:...}` in the folder's name
        with _refusing():
            resumed = config.get("resume")
            folder = _claim_new(config) if resumed is None else _claim_resumed(config, resumed)
        with read_write(config), read_write(config.hydra), open_dict(config.hydra):
            config.hydra.run.dir = str(folder).replace("${", r"\${")
            if resumed is not None:  # `.hydra` keeps the record of the start
                again = f"{datetime.now():%Y-%m-%d_%H-%M-%S}"
                config.hydra.output_subdir = f".hydra/again_{again}"

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Before the first job of a sweep."""
        del kwargs
        with _refusing():
            sweep.refuse_missing_launcher(config)
            sweep.refuse_silent_cluster(config)
            folder = Path(config.hydra.sweep.dir)
            folder_claim.claim(folder, user="sweep")
        sweep.current_progress.get().sweep = folder
        for number in (signal.SIGINT, signal.SIGTERM):  # a launcher that waits ends its workers
            signal.signal(number, signal.default_int_handler)
        # Under `uv run` Ray would copy the working folder, with all outputs, to every worker and
        # install the project there anew.
        os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
        sweep.remove_errors(folder)


@contextlib.contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except (InputError, OSError) as error:
        raise Refused(error) from error


def _claim_new(config: DictConfig) -> Path:
    """The folder of a new run."""
    folder = Path(str(OmegaConf.select(config, "hydra.run.dir")))
    template: Any = OmegaConf.to_container(config.hydra.run, resolve=False)
    if "${now:" in str(template["dir"]):  # two commands can have the same second
        return folder_claim.claim_new(folder)
    folder_claim.check_new(folder.absolute())
    folder_claim.claim(folder.absolute())
    return folder


def _claim_resumed(config: DictConfig, resumed: object) -> Path:
    """The folder of a run that goes on."""
    folder = Path(str(resumed))
    folder_claim.check_resumed(resumed)
    typed = any(one.startswith("hydra.run.dir=") for one in config.hydra.overrides.hydra)
    if typed and Path(str(config.hydra.run.dir)).absolute() != folder.absolute():
        raise InputError(
            f"hydra.run.dir={one_line(config.hydra.run.dir)} cannot be chosen for a run that goes "
            f"on: resume={one_line(resumed)} is its folder"
        )
    folder_claim.claim(folder)
    return folder
