import json
import os
import subprocess
import sys
from dataclasses import fields

import jax
import numpy as np
import pytest

from nstaudio.errors import InputError
from nstaudio.experiments import config_files, training
from nstaudio.experiments.commands import train as command
from nstaudio.learned import weights
from nstaudio.learned.training import Training

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
    assert training.stems(folder).level_db.shape == (15, 5, 3, 12, 128)


def test_groups_of_several_folders_are_one_after_the_other(folder):
    assert len(training.stems(folder, folder).mean_square) == 30


def test_a_folder_of_nothing_is_refused(folder, tmp_path):
    with pytest.raises(InputError, match="no shards"):
        training.stems(folder, tmp_path)


def test_a_start_that_is_no_weights_is_refused(tmp_path):
    (tmp_path / "weights.npz").write_text("no")
    for name in ("weights.npz", "missing.npz"):
        with pytest.raises(InputError, match=f"start=.*{name} holds no weights"):
            training.weights_of(str(tmp_path / name))


def test_examples_longer_than_the_data_are_refused(folder, tmp_path, capsys):
    given = [f"data={folder}", f"validation={folder}", f"out={tmp_path}/out"]
    assert command.main([*given, "training.content_frames=10"]) == 2
    said = capsys.readouterr().err
    assert said == "error: training.style_frames=128 must be at most 12\n"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("size", ["small", "large"])
def test_examples_are_no_longer_than_what_is_rendered(size):
    """5.5 s of frames every 32 ms, the first and the last one half outside."""
    chosen = config_files.compose([f"train={size}"], name="train").training
    n_frames = 1 + int(5.5 * 16000) // 512
    assert max(chosen.content_frames, chosen.style_frames) <= n_frames


@pytest.mark.slow
def test_a_training_goes_on_to_the_same_weights(folder, tmp_path):
    data = training.stems(folder)
    examples = training.validation_examples(data)
    whole = Training(n_steps=4, **SMALL)
    at_once = training.train(whole, data, examples, tmp_path / "a", every=2)
    (tmp_path / "b").mkdir()

    class Stopped(Exception):
        pass

    def stop_at_the_second(*args, **kwargs):
        if seen:
            raise Stopped
        seen.append(True)
        return validation(*args, **kwargs)

    seen, validation = [], training.training.validation
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training.training, "validation", stop_at_the_second)
        with pytest.raises(Stopped):
            training.train(whole, data, examples, tmp_path / "b", every=2)
    gone_on = training.train(whole, data, examples, tmp_path / "b", every=2)
    for a, b in zip(*(jax.tree.leaves(state.average) for state in (at_once, gone_on)), strict=True):
        np.testing.assert_array_equal(a, b)
    lines = (tmp_path / "b" / "log.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [2, 4]
    assert {"loss", "network", "content", "eq", "adain"} <= json.loads(lines[-1]).keys()


@pytest.mark.slow
def test_the_command_writes_weights(folder, tmp_path, monkeypatch, capsys):
    out = tmp_path / "out"
    settings = [f"training.{name}={value}" for name, value in SMALL.items()]
    given = [f"data={folder}", f"validation={folder}", f"out={out}", "training.n_steps=1"]
    assert command.main([*given, *settings]) == 0
    assert capsys.readouterr().out == f"weights: {out / 'weights.npz'}\n"
    params = weights.load(out / "weights.npz")
    assert params["params"]["join"]["bias"].shape == (SMALL["width"],)


def test_sizes_differ_in_nothing_but_values():
    """`train=small` trains what the card says of the weights that are shipped."""
    composed = (config_files.compose([f"train={one}"], name="train") for one in ("small", "large"))
    small, large = (config.training for config in composed)
    assert Training(**small) == Training()
    assert Training(**large).width > Training().width
    assert small.keys() == large.keys() == {f.name for f in fields(Training)}


@pytest.mark.parametrize(
    ("given", "line"),
    [
        (["validation=stems"], "data=FOLDER is missing"),
        (["data=stems"], "validation=FOLDER is missing"),
        (["data=.", "validation=stems"], "holds no shards of nstaudio render-training-data"),
        (["data=stems", "validation=stems", "training.width=0"], "width=0 must be at least 1"),
        (
            ["data=stems", "validation=stems", "train=huge"],
            "train=huge is not one of: large,",
        ),
        (["data=stems", "validation=stems", "start=no.npz"], "start=no.npz holds no weights"),
        (["training.n_step=3"], "unknown option training.n_step (did you mean"),
    ],
)
def test_what_cannot_work_is_a_line(folder, given, line, monkeypatch, capsys):
    monkeypatch.chdir(folder.parent)
    assert command.main(given) == 2
    err = capsys.readouterr().err
    assert line in err
    assert len(err.splitlines()) == 1
    assert [file.name for file in folder.parent.iterdir()] == ["stems"]


TWO_DEVICES = """
import jax
from pathlib import Path
from nstaudio.experiments import training
from nstaudio.learned import weights
from nstaudio.learned.training import Training
assert jax.device_count() == 2
data = training.stems(Path("stems"))
settings = Training(n_steps=4, **{small})
state = training.train(settings, data, training.validation_examples(data), Path("two"), every=2)
assert len(jax.tree.leaves(state.params)[0].sharding.device_set) == 2
weights.save("two.npz", state.average)
"""


@pytest.mark.slow
def test_two_devices_share_a_batch(folder, tmp_path):
    """They make the weights of one, but for the order of sums."""
    flags = os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=2"
    unoptimized = {"JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}  # as here: quick to compile
    environment = os.environ | unoptimized | {"XLA_FLAGS": flags}
    script = [sys.executable, "-c", TWO_DEVICES.replace("{small}", repr(SMALL))]
    subprocess.run(script, check=True, cwd=tmp_path, env=environment)
    data = training.stems(folder)
    settings = Training(n_steps=4, **SMALL)
    one = training.train(settings, data, training.validation_examples(data), tmp_path, every=2)
    two = jax.tree.leaves(weights.load(tmp_path / "two.npz"))
    for a, b in zip(jax.tree.leaves(one.average), two, strict=True):
        np.testing.assert_allclose(a, b, atol=2e-3)


def test_a_batch_that_devices_cannot_share_is_refused(monkeypatch):
    monkeypatch.setattr(jax, "device_count", lambda: 3)
    with pytest.raises(InputError, match="batch_size is 16; it must be a multiple of 3"):
        training.devices_of(Training())
