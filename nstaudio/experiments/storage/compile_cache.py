"""Compiled programs, kept from one process to the next."""

import hashlib
import os
import platform
from pathlib import Path

import jax
import platformdirs

_MAX_BYTES = 2**30
_MIN_S = 0.1  # what compiles faster than this is not worth a file


def keep() -> None:
    """Have JAX keep what it compiles in the user's cache folder, and take it from there.

    Nothing where JAX_COMPILATION_CACHE_DIR or the like says another folder already. Each kind of
    processor has a folder of its own: a home folder may be shared by machines that differ, and a
    program for one may use instructions that another does not have.
    """
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


def _processor() -> str:
    """A name for what programs are compiled for, besides what JAX tells apart."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = [platform.processor()]
    known = sorted({a for a in lines if a.startswith(("model name", "flags", "Features", "CPU p"))})
    text = "\n".join([platform.machine(), *(known or lines[:1])])
    return hashlib.sha256(text.encode()).hexdigest()[:12]
