import gc
import logging
import shutil
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from nstaudio.experiments.storage.checkpoints import Checkpoints, OtherInputs, fingerprint
from nstaudio.optimization.loop import TransferState


def state(step: int) -> TransferState:
    variable = jax.random.normal(jax.random.key(step), (50, 16))
    return TransferState(variable, optax.adam(0.1).init(variable), jnp.int32(step))


def checkpoints(folder: Path, **changes) -> Checkpoints:
    return Checkpoints(folder, **{"keep": 3, "interval_s": 0.0, "inputs": "abc", **changes})


def assert_same(a: TransferState, b: TransferState) -> None:
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        np.testing.assert_array_equal(x, y)


def test_restores_the_newest_to_the_bit(tmp_path):
    with checkpoints(tmp_path / "c") as saved:
        for step in (0, 7, 20):
            saved.save(state(step))
    with checkpoints(tmp_path / "c") as saved:
        restored = saved.restore(state(0))
    assert restored is not None
    assert_same(restored, state(20))


def test_keeps_as_many_as_asked(tmp_path):
    with checkpoints(tmp_path / "c", keep=2) as saved:
        for step in range(5):
            saved.save(state(step))
    assert sorted(p.name for p in (tmp_path / "c").iterdir()) == ["3", "4"]


def test_a_checkpoint_of_other_inputs_says_so_whatever_its_shape(tmp_path):
    with checkpoints(tmp_path / "c") as saved:
        saved.save(state(1))
    other = TransferState(jnp.zeros((7, 3)), (), jnp.int32(0))
    with (
        checkpoints(tmp_path / "c", inputs={"a": [1.5]}) as saved,
        pytest.raises(OtherInputs) as error,
    ):
        saved.restore(other)
    assert error.value.inputs == "abc"
    assert (tmp_path / "c" / "1").is_dir(), "it is still of use to the run that made it"


def test_none_yet(tmp_path):
    with checkpoints(tmp_path / "c") as saved:
        assert saved.restore(state(0)) is None


def test_the_state_of_no_step_is_the_start_at_hand(tmp_path):
    """Its clips may be padded to other sizes where steps follow."""
    with checkpoints(tmp_path / "c") as saved:
        saved.save(state(0))
    start = state(0)._replace(variable=np.zeros((3, 16), np.float32))
    with checkpoints(tmp_path / "c") as saved:
        assert saved.restore(start) is start


def test_saves_only_when_due(tmp_path):
    with checkpoints(tmp_path / "c", interval_s=1000.0) as saved:
        saved.save_if_due(state(1))
        assert saved.restore(state(0)) is None
        saved.save(state(2))
        saved.save(state(2))
    with checkpoints(tmp_path / "c") as saved:
        saved.save_if_due(state(3))
    assert sorted(p.name for p in (tmp_path / "c").iterdir()) == ["2", "3"]


def files(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.is_file())


def newest_files(tmp_path: Path) -> list[Path]:
    return files(tmp_path / "c" / "2")


def damage(file: Path, how: str) -> None:
    content = file.read_bytes()
    if how == "truncated":
        file.write_bytes(content[: len(content) // 2])
    elif how == "emptied":
        file.write_bytes(b"")
    elif how == "flipped":
        middle = len(content) // 2
        file.write_bytes(content[:middle] + bytes([content[middle] ^ 0xFF]) + content[middle + 1 :])
    else:
        file.unlink()


# A read that fails leaves TensorStore callbacks and coroutines behind, which find their event loop
# closed; they are collected here, so that no later test is blamed for them.
collects_orbax_leftovers = pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)


@pytest.fixture
def leftovers():
    yield
    gc.collect()


@collects_orbax_leftovers
@pytest.mark.usefixtures("leftovers")
def test_what_the_state_belongs_to_is_checked_too(tmp_path):
    with checkpoints(tmp_path / "c") as saved:
        saved.save(state(1))
        saved.save(state(2))
    (meta,) = (tmp_path / "c" / "2").glob("meta/metadata")
    meta.write_text(meta.read_text().replace('"abc"', '"abd"'))
    with checkpoints(tmp_path / "c") as saved:
        restored = saved.restore(state(0))
    assert restored is not None
    assert_same(restored, state(1))


@collects_orbax_leftovers
@pytest.mark.usefixtures("leftovers")
@pytest.mark.parametrize("how", ["truncated", "emptied", "flipped", "deleted"])
def test_a_damaged_newest_falls_back_to_the_one_before(tmp_path, how, caplog):
    """Whichever of its files is hit: the right state of step 2 or, warned, that of step 1."""
    fallbacks = 0
    for index in range(30):
        folder = tmp_path / str(index)
        with checkpoints(folder / "c") as saved:
            saved.save(state(1))
            saved.save(state(2))
        victims = newest_files(folder)
        if index >= len(victims):
            break
        damage(victims[index], how)
        caplog.clear()
        with caplog.at_level(logging.WARNING, "nstaudio"), checkpoints(folder / "c") as saved:
            restored = saved.restore(state(0))
            assert restored is not None, victims[index]
            step = int(restored.step)
            assert_same(restored, state(step))
            if step == 1:
                fallbacks += 1
                assert "checkpoint of step 2 cannot be read" in caplog.text
                assert (folder / "damaged_checkpoints" / "2").is_dir()
            # and the run goes on: the step can be saved again
            saved.save(state(2))
        with checkpoints(folder / "c") as saved:
            again = saved.restore(state(0))
            assert again is not None
            assert_same(again, state(2))
    assert fallbacks >= 2


@collects_orbax_leftovers
@pytest.mark.usefixtures("leftovers")
def test_all_damaged_is_none(tmp_path):
    with checkpoints(tmp_path / "c") as saved:
        saved.save(state(1))
        saved.save(state(2))
    for file in files(tmp_path / "c"):
        damage(file, "emptied")
    with checkpoints(tmp_path / "c") as saved:
        assert saved.restore(state(0)) is None


def test_a_stray_empty_folder_does_no_harm(tmp_path):
    with checkpoints(tmp_path / "c") as saved:
        saved.save(state(1))
    (tmp_path / "c" / "5").mkdir()
    with checkpoints(tmp_path / "c") as saved:
        restored = saved.restore(state(0))
    assert restored is not None
    assert_same(restored, state(1))


def test_fingerprint_tells_inputs_apart():
    a, b = np.arange(5.0), np.arange(6.0)
    assert fingerprint(a, b) == fingerprint(a.copy(), b.copy())
    assert fingerprint(a, b) != fingerprint(b, a)
    assert fingerprint(a) != fingerprint(a + 1e-9)


@collects_orbax_leftovers
@pytest.mark.usefixtures("leftovers")
def test_a_full_disk_is_a_warning_and_the_saves_after_it_count(disk, caplog):
    big = TransferState(jax.random.normal(jax.random.key(0), (300, 300)), (), jnp.int32(1))
    with caplog.at_level(logging.WARNING, "nstaudio"), checkpoints(disk.folder / "c") as saved:
        saved.save(big)
        saved.save(big._replace(step=jnp.int32(2)))
        assert "a checkpoint could not be saved" in caplog.text
        disk.resize(10_000)
        saved.save(big._replace(step=jnp.int32(3)))
        saved.save(big._replace(step=jnp.int32(4)))
    with checkpoints(disk.folder / "c") as saved:
        restored = saved.restore(big)
    assert restored is not None
    assert_same(restored, big._replace(step=jnp.int32(4)))


def test_folders_that_have_gone_are_a_warning(tmp_path, caplog):
    with caplog.at_level(logging.WARNING, "nstaudio"), checkpoints(tmp_path / "c") as saved:
        saved.save(state(1))
        saved._manager.wait_until_finished()
        shutil.rmtree(tmp_path / "c")
        (tmp_path / "c").write_text("in its place")
        saved.save(state(2))
    assert "a checkpoint could not be saved" in caplog.text
