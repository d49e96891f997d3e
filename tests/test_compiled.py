"""Compiled programs kept from one process to the next."""

import os
import subprocess
import sys

SCRIPT = """
from nstaudio import compiled
compiled.keep()
import jax, jax.numpy as jnp
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
print(jax.config.jax_compilation_cache_dir)
print(jax.jit(lambda x: jnp.sin(x) * 3)(jnp.ones(5))[0])
"""


def run(**changes) -> list[str]:
    env = {k: v for k, v in os.environ.items() if not k.startswith(("JAX_", "XDG_"))}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, env={**env, **changes}
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_in_the_users_cache_folder(tmp_path):
    folder, value = run(HOME=str(tmp_path), XDG_CACHE_HOME=str(tmp_path / "cache"))
    assert folder.startswith(str(tmp_path))
    assert value.startswith("2.52")
    kept = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*-cache")}
    assert kept
    assert run(HOME=str(tmp_path), XDG_CACHE_HOME=str(tmp_path / "cache")) == [folder, value]
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*-cache")} == kept


def test_a_folder_that_was_chosen_stays(tmp_path):
    folder, _ = run(HOME=str(tmp_path), JAX_COMPILATION_CACHE_DIR=str(tmp_path / "mine"))
    assert folder == str(tmp_path / "mine")
    assert not (tmp_path / ".cache").exists()


def test_a_home_that_cannot_be_written_to_is_no_reason_to_stop(tmp_path):
    (tmp_path / "file").touch()
    folder, value = run(XDG_CACHE_HOME=str(tmp_path / "file"), HOME=str(tmp_path / "file"))
    assert folder == "None"
    assert value.startswith("2.52")
