import json
import os
import subprocess
import sys

import jax
import numpy as np
import pytest
import train

from nstaudio.errors import InputError
from nstaudio.learned import weights
from nstaudio.learned.network import TransferNet
from nstaudio.learned.training import Training

from helpers import ROOT

SMALL = dict(width=8, batch_size=2, content_frames=8, style_frames=8, warmup=1)  # noqa: C408


@pytest.fixture
def folder(tmp_path):
    """Sixteen groups, of which the last has no pitched part."""
    rng = np.random.default_rng(0)
    mean_square = np.zeros((16, 5, 3), np.float32)
    mean_square[:15, 0] = 1e-3
    mean_square[:, 4] = 1e-3
    level_db = rng.normal(-20, 8, (16, 5, 3, 12, 128)).astype(np.float16)
    (tmp_path / "stems").mkdir()
    np.savez(tmp_path / "stems" / "1-0000.npz", level_db=level_db, mean_square=mean_square)
    return tmp_path / "stems"


def test_groups_without_a_pitched_part_are_left_out(folder):
    assert train.stems(folder).level_db.shape == (15, 5, 3, 12, 128)


def test_groups_of_several_folders_are_one_after_the_other(folder):
    assert len(train.stems(folder, folder).mean_square) == 30


def test_a_folder_of_nothing_is_refused(folder, tmp_path):
    with pytest.raises(InputError, match="no shards"):
        train.stems(folder, tmp_path)


def test_a_start_that_is_no_weights_is_refused(tmp_path):
    (tmp_path / "weights.npz").write_text("no")
    for name in ("weights.npz", "missing.npz"):
        with pytest.raises(InputError, match=f"start=.*{name} holds no weights"):
            train.weights_of(str(tmp_path / name))


def test_a_training_goes_on_to_the_same_weights(folder, tmp_path):
    data = train.stems(folder)
    examples = train.validation_examples(data)
    whole = Training(n_steps=4, **SMALL)
    at_once = train.train(whole, data, examples, tmp_path / "a", every=2)
    (tmp_path / "b").mkdir()

    class Stopped(Exception):
        pass

    def stop_at_the_second(*args, **kwargs):
        if seen:
            raise Stopped
        seen.append(True)
        return validation(*args, **kwargs)

    seen, validation = [], train.training.validation
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train.training, "validation", stop_at_the_second)
        with pytest.raises(Stopped):
            train.train(whole, data, examples, tmp_path / "b", every=2)
    gone_on = train.train(whole, data, examples, tmp_path / "b", every=2)
    for a, b in zip(*(jax.tree.leaves(state.average) for state in (at_once, gone_on)), strict=True):
        np.testing.assert_array_equal(a, b)
    lines = (tmp_path / "b" / "log.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [2, 4]
    assert {"loss", "network", "content", "eq", "adain"} <= json.loads(lines[-1]).keys()


@pytest.mark.slow
def test_the_command_writes_weights(folder, tmp_path):
    out = tmp_path / "out"
    settings = [f"training.{name}={value}" for name, value in SMALL.items()]
    command = [sys.executable, str(ROOT / "scripts" / "train.py"), f"data={folder}"]
    command += [f"validation={folder}", f"out={out}", "training.n_steps=1", *settings]
    subprocess.run(command, check=True, capture_output=True, cwd=tmp_path)
    params = weights.load(out / "weights.npz")
    assert params["params"]["join"]["bias"].shape == (SMALL["width"],)
    assert TransferNet(8) == TransferNet(len(params["params"]["join"]["bias"]))


TWO_DEVICES = """
import jax, train
from pathlib import Path
from nstaudio.learned import weights
from nstaudio.learned.training import Training
assert jax.device_count() == 2
data = train.stems(Path("stems"))
settings = Training(n_steps=2, **{small})
state = train.train(settings, data, train.validation_examples(data), Path("two"), every=2)
assert len(jax.tree.leaves(state.params)[0].sharding.device_set) == 2
weights.save("two.npz", state.average)
"""


@pytest.mark.slow
def test_two_devices_share_a_batch(folder, tmp_path):
    """They make the weights of one, but for the order of sums."""
    environment = os.environ | {
        "XLA_FLAGS": "--xla_force_host_platform_device_count=2",
        "PYTHONPATH": str(ROOT / "scripts"),
    }
    command = [sys.executable, "-c", TWO_DEVICES.replace("{small}", repr(SMALL))]
    subprocess.run(command, check=True, cwd=tmp_path, env=environment)
    data = train.stems(folder)
    settings = Training(n_steps=2, **SMALL)
    one = train.train(settings, data, train.validation_examples(data), tmp_path, every=2)
    two = jax.tree.leaves(weights.load(tmp_path / "two.npz"))
    for a, b in zip(jax.tree.leaves(one.average), two, strict=True):
        np.testing.assert_allclose(a, b, atol=2e-3)


def test_a_batch_that_devices_cannot_share_is_refused(monkeypatch):
    monkeypatch.setattr(jax, "device_count", lambda: 3)
    with pytest.raises(InputError, match="batch_size is 16; it must be a multiple of 3"):
        train.devices_of(Training())
