"""A training of the transfer network: its data, checkpoints and log.

In its folder are checkpoints, from which the same command goes on where it was stopped, to the same
weights; `log.jsonl`, a line each so many steps with the loss and the validation's log-spectral
distances; and at the end `weights.npz`.
"""

import json
import logging
import time
import zipfile
from collections.abc import Iterable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P
from jaxtyping import Int
from omegaconf import DictConfig, ListConfig, OmegaConf

from nstaudio.errors import InputError, integer, one_line
from nstaudio.learned import training, weights
from nstaudio.learned.examples import Stems, Triplet, mixed

log = logging.getLogger(__name__)

VALIDATION_BATCH = 15
VALIDATION_SEED = 7


def stems(*folders: Path) -> Stems:
    """All groups of these folders in which a pitched part plays.

    Raises:
        InputError: there are none in one of them.
    """
    levels, powers = [], []
    for file in shards(folders):
        with np.load(file) as shard:
            power = shard["mean_square"]
            pitched = (power[:, :4].min(axis=2) > 0).any(axis=1)
            levels.append(shard["level_db"][pitched])
            powers.append(power[pitched])
    return Stems(*(jnp.asarray(np.concatenate(each)) for each in (levels, powers)))


def shards(folders: Iterable[Path]) -> list[Path]:
    """The files of the folders, folder by folder, in their order there."""
    found = []
    for folder in folders:
        files = sorted(folder.glob("*-*.npz"))
        if not files:
            raise InputError(f"{folder} holds no shards of nstaudio render-training-data")
        found += files
    return found


def weights_of(file: str | None) -> weights.Params | None:
    """The weights to begin with; `None` for a beginning by chance.

    Raises:
        InputError: the file is not there, or holds something else.
    """
    if file is None:
        return None
    try:
        return weights.load(file)
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(f"start={file} holds no weights: {one_line(error)}") from error


def picked(
    n_groups: int, settings: training.Training, steps: range
) -> Int[np.ndarray, "steps batch"]:
    """The groups of each of these steps, as the seed and the step's number draw them."""
    return np.stack(
        [
            np.random.default_rng((settings.seed, number)).integers(
                n_groups, size=settings.batch_size
            )
            for number in steps
        ]
    )


def devices_of(settings: training.Training) -> Mesh:
    """All devices, as an axis along which a batch is divided.

    Raises:
        InputError: the batch is no multiple of their number.
    """
    n = jax.device_count()
    if settings.batch_size % n:
        raise InputError(
            f"training.batch_size is {settings.batch_size}; it must be a multiple of {n}, the "
            "number of devices"
        )
    return Mesh(np.array(jax.devices()), ("batch",))


def validation_examples(data: Stems) -> list[Triplet]:
    """Mixes that are the same whenever they are made."""
    key, mix = jax.random.key(VALIDATION_SEED), jax.jit(mixed)
    n = len(data.mean_square) // VALIDATION_BATCH * VALIDATION_BATCH
    return [
        mix(jax.random.fold_in(key, i), data.groups(slice(i, i + VALIDATION_BATCH)))
        for i in range(0, n, VALIDATION_BATCH)
    ]


def train(
    settings: training.Training,
    data: Stems,
    examples: list[Triplet],
    out: Path,
    *,
    every: int,
    start: weights.Params | None = None,
) -> training.State:
    """Go on from the last checkpoint in `out`, or start; log and save every so many steps.

    Args:
        start: weights to begin with; by chance where there are none.

    Raises:
        InputError: the batch cannot be divided among the devices, or `start` is of a network of
            another width.
    """
    mesh = devices_of(settings)
    replicated, divided = (NamedSharding(mesh, P(*axes)) for axes in ((), (None, "batch")))
    data = jax.device_put(data, replicated)
    state = jax.device_put(training.started(settings, start), replicated)
    options = ocp.CheckpointManagerOptions(max_to_keep=2, create=True)
    with ocp.CheckpointManager((out / "checkpoints").resolve(), options=options) as manager:
        latest = manager.latest_step()
        if latest is not None:
            template = jax.tree.map(ocp.utils.to_shape_dtype_struct, state)
            state = manager.restore(latest, args=ocp.args.StandardRestore(template))
        started = time.perf_counter()
        while (n := int(state.step)) < settings.n_steps:
            some = range(n, min(n - n % every + every, settings.n_steps))
            groups = jax.device_put(picked(len(data.mean_square), settings, some), divided)
            state, losses = training.steps(state, data, groups, training=settings)
            rows = training.validation(state.average, examples, training=settings)
            record = {"step": some.stop, "seconds": round(time.perf_counter() - started, 1)}
            record |= {"loss": float(np.mean(losses)), **rows}
            with (out / "log.jsonl").open("a") as lines:
                lines.write(json.dumps(record) + "\n")
            log.info("%s", "  ".join(f"{k} {v:.6g}" for k, v in record.items()))
            manager.save(some.stop, args=ocp.args.StandardSave(state))
            manager.wait_until_finished()
    return state


def run(config: DictConfig) -> Path:
    """Train as a config composed from `configs/train.yaml` says; the file of the weights.

    Raises:
        InputError: settings or data that cannot work.
        OSError: a file cannot be written.
    """
    for name in ("data", "validation"):
        if OmegaConf.is_missing(config, name):
            raise InputError(f"{name}=FOLDER is missing: one of nstaudio render-training-data")
    settings = training.Training(**{str(k): v for k, v in config.training.items()})
    every = integer("validate_every", config.validate_every, at_least=1)
    data, held_out = stems(*folders(config.data)), stems(*folders(config.validation))
    start = weights_of(config.start)
    n_frames = data.level_db.shape[-2]
    for name in ("content_frames", "style_frames"):
        integer(f"training.{name}", getattr(settings, name), at_least=1, at_most=n_frames)
    out = Path(config.out)
    out.mkdir(parents=True, exist_ok=True)
    state = train(settings, data, validation_examples(held_out), out, every=every, start=start)
    file = out / weights.FILE
    weights.save(file, jax.device_get(state.average))
    return file


def folders(value: str | ListConfig) -> list[Path]:
    """The folders of a setting: one, or a list of them."""
    return [Path(value)] if isinstance(value, str) else [Path(each) for each in value]
