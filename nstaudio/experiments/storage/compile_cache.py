"""A cache of compiled programs, kept from one process to the next."""

import atexit
import hashlib
import os
import platform
import tempfile
from pathlib import Path

import jax
import platformdirs

_MAX_BYTES = 2**30
_MIN_S = 0.1  # programs that compile faster are not worth a file


def keep() -> None:
    """Let JAX cache its compiled programs in the user's cache folder.

    Without effect if JAX_COMPILATION_CACHE_DIR or the like sets a folder. Each kind of processor
    has a folder of its own: a home folder may be shared by different machines, and a program for
    one may use instructions that another does not have. Call it before
    librosa's first use.
    """
    _let_numba_keep()
    if getattr(jax.config, "jax_compilation_cache_dir", None) is not None:
        return
    folder = platformdirs.user_cache_path("nstaudio") / "compiled" / _processor()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return  # a home that cannot be written to is no reason to stop
    if os.access(folder, os.W_OK):
        jax.config.update("jax_compilation_cache_dir", str(folder))
        jax.config.update("jax_compilation_cache_max_size", _MAX_BYTES)
        jax.config.update("jax_persistent_cache_min_compile_time_secs", _MIN_S)


def _let_numba_keep() -> None:
    """Have numba write to a temporary folder where the user's cannot be written to.

    librosa cannot be imported where numba finds no folder to write to.
    """
    folder = next(p for p in platformdirs.user_cache_path("numba").parents if p.exists())
    if "NUMBA_CACHE_DIR" in os.environ or (folder.is_dir() and os.access(folder, os.W_OK)):
        return
    scratch = tempfile.TemporaryDirectory(prefix="nstaudio_")
    atexit.register(scratch.cleanup)
    os.environ["NUMBA_CACHE_DIR"] = scratch.name


def _processor() -> str:
    """A name of the processor that programs are compiled for, finer than JAX's."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = [platform.processor()]
    known = sorted({a for a in lines if a.startswith(("model name", "flags", "Features", "CPU p"))})
    text = "\n".join([platform.machine(), *(known or lines[:1])])
    return hashlib.sha256(text.encode()).hexdigest()[:12]
