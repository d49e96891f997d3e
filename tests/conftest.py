"""Shared settings and small sounds; every warning is an error, every implicit broadcast too."""

import atexit
import importlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

# Before JAX is imported. What one test, its processes or another worker has compiled, the others
# need not; nothing of it in the user's own folder. Of a limited size, JAX locks the folder.
WORKER = os.environ.get("PYTEST_XDIST_WORKER")
FUSE = "xla_cpu_use_fusion_emitters"  # takes half of the time of compiling; no choice in JAX 0.12
CAN_CHOOSE = version("jaxlib").startswith("0.10.")  # XLA ends a process at a flag it does not know
if WORKER is None:
    if CAN_CHOOSE:
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --{FUSE}=false".strip()
    CACHE = tempfile.mkdtemp(prefix="nstaudio-tests-")
    atexit.register(shutil.rmtree, CACHE, ignore_errors=True)
    os.environ["JAX_COMPILATION_CACHE_DIR"] = CACHE
    os.environ["JAX_COMPILATION_CACHE_MAX_SIZE"] = str(2**32)
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0.1"
    # librosa's functions, by numba, into its cache: of two processes that compile them at the same
    # time, but in another order, files get mixed up there, which later crash whoever loads them.
    for module in ("librosa.util.utils", "librosa.core.audio", "librosa.core.pitch"):
        importlib.import_module(module)

import jax
import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, settings
from jaxtyping import install_import_hook

# An example takes as long as it takes: the machine may be busy, and some compile.
settings.register_profile("any speed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any speed")

# Shapes and types on signatures are enforced here and cost nothing elsewhere.
install_import_hook("nstaudio", "typecheck.check")

jax.config.update("jax_numpy_rank_promotion", "raise")

from nstaudio.optimization import loop

from helpers import SR, music, with_loud_ends

loop.MAX_PROGRAMS = 10**6  # tests share them, and count them


def pytest_configure(config: pytest.Config) -> None:
    """Compile quickly, and have each worker of the fast tier on a core of its own.

    Most of the time goes into compiling small programs, and workers that share cores wait for each
    other. Slow tests start processes, which use what cores there are.
    """
    jax.config.update("jax_disable_most_optimizations", True)
    if WORKER and config.option.markexpr == "not slow" and hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[int(WORKER.removeprefix("gw")) % len(cores)]})


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Build the wheel before other single tests: it takes the longest of them, last it is alone."""
    items.sort(key=lambda item: item.path.name != "test_package.py")


@pytest.fixture(scope="module", autouse=True)
def _programs() -> Iterator[None]:
    """Let go of compiled programs: of 65530 maps of memory a process may have, each takes some."""
    yield
    maps = Path("/proc/self/maps")
    if not maps.exists() or maps.read_bytes().count(b"\n") > 30_000:
        jax.clear_caches()


@pytest.fixture
def optimized() -> Iterator[None]:
    """Compile as processes do, for tests that compare bits with what a process has written."""
    jax.config.update("jax_disable_most_optimizations", False)
    jax.clear_caches()
    yield
    jax.config.update("jax_disable_most_optimizations", True)
    jax.clear_caches()


@pytest.fixture
def fused() -> Iterator[None]:
    """Fuse kernels as XLA does by itself, for tests that compare the bits of different programs."""
    if not CAN_CHOOSE:
        yield
        return
    from jax._src import compiler

    options = compiler.get_compile_options

    def as_by_itself(*args: Any, **kwargs: Any) -> Any:
        given = {**(kwargs.pop("env_options_overrides", None) or {}), FUSE: True}
        return options(*args, env_options_overrides=given, **kwargs)

    # A patch of its own: undoing a test's would undo those of its other fixtures, too.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiler, "get_compile_options", as_by_itself)
        jax.clear_caches()
        yield
    jax.clear_caches()


@pytest.fixture(scope="session")
def content() -> np.ndarray:
    return with_loud_ends(music(1))


@pytest.fixture(scope="session")
def style() -> np.ndarray:
    return with_loud_ends(music(2, 2.5))


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory, content, style) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("clips")
    paths = {"content": folder / "my song.wav", "style": folder / "other.flac"}
    soundfile.write(paths["content"], content, SR)
    soundfile.write(paths["style"], style, SR)
    return paths


class Disk:
    """A file system of a size in kB."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self._mount("size=64k")

    def _mount(self, options: str) -> None:
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(self.folder)]
        if subprocess.run(command, capture_output=True).returncode:
            pytest.skip("only root can mount a small file system")

    def resize(self, kilobytes: int) -> None:
        self._mount(f"remount,size={kilobytes}k")

    def remove(self) -> None:
        subprocess.run(["umount", "-l", str(self.folder)], capture_output=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    made = Disk(tmp_path / "disk")
    yield made
    made.remove()
