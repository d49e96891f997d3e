"""Compiled programs kept from one process to the next."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import os
from nstaudio.experiments.storage import compile_cache
compile_cache.keep()
import jax, jax.numpy as jnp
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
print(jax.config.jax_compilation_cache_dir)
print(os.environ.get("NUMBA_CACHE_DIR"))
print(jax.jit(lambda x: jnp.sin(x) * 3)(jnp.ones(5))[0])
"""


def run(**changes) -> list[str]:
    env = {k: v for k, v in os.environ.items() if not k.startswith(("JAX_", "NUMBA_", "XDG_"))}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, env={**env, **changes}
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.slow
def test_in_the_users_cache_folder(tmp_path):
    folder, of_numba, value = run(HOME=str(tmp_path), XDG_CACHE_HOME=str(tmp_path / "cache"))
    assert folder.startswith(str(tmp_path))
    assert of_numba == "None"
    assert value.startswith("2.52")
    kept = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*-cache")}
    assert kept
    assert run(HOME=str(tmp_path), XDG_CACHE_HOME=str(tmp_path / "cache")) == [
        folder,
        of_numba,
        value,
    ]
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*-cache")} == kept


@pytest.mark.slow
def test_a_folder_that_was_chosen_stays(tmp_path):
    mine = str(tmp_path / "mine")
    folder, of_numba, _ = run(
        HOME=str(tmp_path), JAX_COMPILATION_CACHE_DIR=mine, NUMBA_CACHE_DIR=mine
    )
    assert (folder, of_numba) == (mine, mine)
    assert not (tmp_path / ".cache").exists()


@pytest.mark.slow
def test_a_home_that_cannot_be_written_to_is_no_reason_to_stop(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "tmp").mkdir()
    folder, of_numba, value = run(
        XDG_CACHE_HOME=str(tmp_path / "file"),
        HOME=str(tmp_path / "file"),
        TMPDIR=str(tmp_path / "tmp"),
    )
    assert folder == "None"
    # librosa is imported all the same, and leaves nothing behind.
    assert Path(of_numba).parent == tmp_path / "tmp"
    assert list((tmp_path / "tmp").iterdir()) == []
    assert value.startswith("2.52")
