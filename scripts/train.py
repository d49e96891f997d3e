"""Train the network of `init=learned` on rendered stems.

    uv run python scripts/train.py data=FOLDER validation=OTHER_FOLDER out=outputs/training

Settings are those of `configs/train.yaml`. The folders are of `scripts/render_training_data.py`.
In `out` are checkpoints, from which the same command goes on where it was stopped, to the same
weights; `log.jsonl`, a line each `validate_every` steps with the loss and the validation's
log-spectral distances; and at the end `weights.npz`.
"""

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import hydra
import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp
from hydra.utils import instantiate
from jaxtyping import Float
from omegaconf import DictConfig

from nstaudio.errors import InputError, integer
from nstaudio.learned import training, weights
from nstaudio.learned.examples import Stems, Triplet, mixed

VALIDATION_BATCH = 15
VALIDATION_SEED = 7


class Data(NamedTuple):
    """Stems of many groups, in memory as they are in the files; see `Stems`."""

    level_db: Float[np.ndarray, "groups parts roles frames bands"]
    mean_square: Float[np.ndarray, "groups parts roles"]

    def groups(self, picked: slice | np.ndarray) -> Stems:
        """Some groups' stems."""
        return Stems(*(jnp.asarray(x[picked]) for x in self))


def stems(folder: Path) -> Data:
    """All groups of a folder in which a pitched part plays.

    Raises:
        InputError: there are none.
    """
    files = sorted(folder.glob("*-*.npz"))
    if not files:
        raise InputError(f"{folder} holds no shards of render_training_data.py")
    levels, powers = [], []
    for file in files:
        with np.load(file) as shard:
            power = shard["mean_square"]
            pitched = (power[:, :4].min(axis=2) > 0).any(axis=1)
            levels.append(shard["level_db"][pitched])
            powers.append(power[pitched])
    return Data(np.concatenate(levels), np.concatenate(powers))


def batches(data: Data, settings: training.Training, start: int) -> Iterator[Stems]:
    """The stems of each step from `start` on, as the seed and the step's number draw them."""
    for number in range(start, settings.n_steps):
        rng = np.random.default_rng((settings.seed, number))
        picked = rng.integers(len(data.mean_square), size=settings.batch_size)
        yield data.groups(picked)


def validation_examples(data: Data) -> list[Triplet]:
    """Mixes that are the same whenever they are made."""
    key, mix = jax.random.key(VALIDATION_SEED), jax.jit(mixed)
    n = len(data.mean_square) // VALIDATION_BATCH * VALIDATION_BATCH
    return [
        mix(jax.random.fold_in(key, i), data.groups(slice(i, i + VALIDATION_BATCH)))
        for i in range(0, n, VALIDATION_BATCH)
    ]


def train(
    settings: training.Training, data: Data, examples: list[Triplet], out: Path, *, every: int
) -> training.State:
    """Go on from the last checkpoint in `out`, or start; log and save every so many steps."""
    state = training.started(settings)
    options = ocp.CheckpointManagerOptions(max_to_keep=2, create=True)
    with ocp.CheckpointManager((out / "checkpoints").resolve(), options=options) as manager:
        latest = manager.latest_step()
        if latest is not None:
            template = jax.tree.map(ocp.utils.to_shape_dtype_struct, state)
            state = manager.restore(latest, args=ocp.args.StandardRestore(template))
        losses, started = [], time.perf_counter()
        for batch in batches(data, settings, int(state.step)):
            state, value = training.step(state, batch, training=settings)
            losses.append(value)
            n = int(state.step)
            if n % every and n != settings.n_steps:
                continue
            rows = training.validation(state.average, examples, training=settings)
            record = {"step": n, "seconds": round(time.perf_counter() - started, 1)}
            record |= {"loss": float(np.mean(losses)), **rows}
            losses = []
            with (out / "log.jsonl").open("a") as log:
                log.write(json.dumps(record) + "\n")
            print("  ".join(f"{k} {v:.6g}" for k, v in record.items()), flush=True)
            manager.save(n, args=ocp.args.StandardSave(state))
            manager.wait_until_finished()
    return state


@hydra.main(config_path="../configs", config_name="train", version_base="1.3")
def main(config: DictConfig) -> None:
    """Train as the config says; exit code 2 after one line where it cannot."""
    try:
        settings = instantiate(config.training)
        every = integer("validate_every", config.validate_every, at_least=1)
        out = Path(config.out)
        data, held_out = stems(Path(config.data)), stems(Path(config.validation))
        out.mkdir(parents=True, exist_ok=True)
        state = train(settings, data, validation_examples(held_out), out, every=every)
        weights.save(out / weights.FILE, jax.device_get(state.average))
    except InputError as error:
        print(f"train: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
