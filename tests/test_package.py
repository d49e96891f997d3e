"""The package as others meet it: imported, installed from a wheel, in layers."""

import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import nstaudio
from nstaudio import encoders, losses
from nstaudio.encoders import aisfx
from nstaudio.losses import texture_statistics

from helpers import ROOT
from small_runs import SMALL

IMPORT = """
import json, logging, os, signal, sys, threading
import jax

def state():
    loggers = [logging.getLogger(), *logging.Logger.manager.loggerDict.values()]
    return {
        "jax": {k: str(v) for k, v in jax.config.values.items()},
        "handlers": [str(h) for a in loggers for h in getattr(a, "handlers", ())
                     if not isinstance(h, logging.NullHandler)],
        "levels": [logging.getLogger().level, logging.getLogger("nstaudio").level],
        "threads": threading.active_count(),
        "signals": [str(signal.getsignal(n)) for n in (signal.SIGINT, signal.SIGTERM)],
        "environment": dict(os.environ),
        "files": sorted(str(p) for p in __import__("pathlib").Path.cwd().rglob("*")),
        "except": str(sys.excepthook),
    }

before = state()
import nstaudio
after = state()
new = [name for name in after["jax"] if name not in before["jax"]]
for name in new:  # options that a library defines are no change of JAX's
    del after["jax"][name]
print(json.dumps([before, after, [m for m in sys.modules if m in ("hydra", "tqdm", "matplotlib")]]))
"""


def test_an_import_changes_nothing(tmp_path):
    folders = {name: str(tmp_path) for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME")}
    environment = {**os.environ, **folders, "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", IMPORT]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    before, after, modules = json.loads(done.stdout)
    for name, value in before.items():
        assert after[name] == value, name
    assert modules == [], "the core needs none of them"
    assert done.stderr == ""


def test_transfer_is_the_function_whatever_is_imported_first():
    script = (
        "import nstaudio.transfer.settings, nstaudio, inspect\n"
        "assert inspect.isfunction(nstaudio.transfer)\n"
        "import nstaudio.transfer.render\n"
        "from nstaudio import *\n"
        "assert transfer is nstaudio.transfer is nstaudio.transfer.__globals__['transfer']\n"
        "assert set(nstaudio.__all__) <= set(dir(nstaudio))\n"
        "assert not hasattr(nstaudio, 'nothing')\n"
    )
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True)


def test_there_is_one_version():
    assert nstaudio.__version__ == importlib.metadata.version("nstaudio")
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert nstaudio.__version__ == citation["version"]


def test_imports_run_downwards():
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([lint, "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_the_wheel_runs_outside_the_checkout(tmp_path, clips):
    uv = os.environ.get("UV") or shutil.which("uv")
    assert uv is not None, "README's test command brings it"
    places = ("PYTHONPATH", "VIRTUAL_ENV", "UV_PROJECT_ENVIRONMENT")
    environment = {k: v for k, v in os.environ.items() if k not in places}

    def call(*command: object, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            list(map(str, command)), cwd=cwd, env=environment, capture_output=True, text=True
        )

    def succeed(*command: object, cwd: Path = ROOT) -> str:
        done = call(*command, cwd=cwd)
        assert done.returncode == 0, done.stderr
        return done.stdout

    succeed(uv, "build", "--wheel", "--out-dir", tmp_path / "dist")
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    assert wheel.stat().st_size < 11e6
    locked = tmp_path / "locked.txt"
    locked.write_text(succeed(uv, "export", "--frozen", "--no-emit-project", "--no-hashes"))
    venv = tmp_path / "venv"
    succeed(uv, "venv", "--python", sys.executable, venv)
    python = venv / "bin" / "python"
    succeed(uv, "pip", "install", "--python", python, "-r", locked, wheel)

    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    nst = venv / "bin" / "nstaudio"
    assert "style_loss:" in succeed(nst, "settings", cwd=elsewhere)
    place = succeed(python, "-c", "import nstaudio; print(nstaudio.__file__)", cwd=elsewhere)
    assert Path(place.strip()).is_relative_to(venv)
    assert (Path(place.strip()).parent / "py.typed").exists()

    short = [*SMALL, "n_steps=2", "content.duration_s=1", "style.duration_s=1"]
    succeed(nst, *short, "content=jazz", f"style.path='{clips['style']}'", cwd=elsewhere)
    (run,) = elsewhere.glob("outputs/*/*/report.html")
    assert (run.parent / "generated.wav").stat().st_size > 1000
    succeed(nst, "-m", "hydra/launcher=vmap", *short, "seed=0,1", cwd=elsewhere)
    assert len(list(elsewhere.glob("outputs/sweeps/*/*/generated.wav"))) == 2
    assert [p.name for p in elsewhere.iterdir()] == ["outputs"]
    refused = call(nst, "encoder=nope", cwd=elsewhere)
    assert refused.returncode == 2
    assert refused.stderr.startswith("error: encoder=nope is not one of: ")


@pytest.mark.parametrize(
    ("package", "module", "known", "others"),
    [
        (encoders, aisfx, "Network", ("Nothing", "MelSpec", "_between_silence")),
        (losses, texture_statistics, "Statistics", ("Nothing", "NamedTuple", "_tiny")),
    ],
)
def test_a_class_of_a_new_module_is_found_by_its_name_alone(package, module, known, others):
    """Of this package's modules, and not what they import."""
    assert known not in package.__all__
    assert getattr(package, known) is getattr(module, known)
    for name in others:
        message = f"'{package.__name__}' has no attribute '{name}'"
        with pytest.raises(AttributeError, match=message):
            getattr(package, name)
