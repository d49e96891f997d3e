"""Sweeps on several processes and machines, for real: what fails in them, what is killed.

Each launcher of configs/hydra/launcher runs the same small sweep, in the end compared bit for bit
with that of Hydra's own. Slurm's commands are stood in for; the Ray cluster has two nodes.
"""

import importlib.util
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from hydra.core.plugins import Plugins
from omegaconf import OmegaConf

from nstaudio.experiments import sweep

from helpers import ROOT
from small_runs import CHEAP, SMALL, summary, wait_for

EXTRAS = {"joblib": "sweep", "slurm": "slurm", "submitit_local": "slurm", "ray": "ray"}
ENV = {
    **os.environ,
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AUTH_MODE": "disabled",  # it would write a token into the home folder
}
SWEEP = [*CHEAP, "optimizer.learning_rate=1,1e30,2"]
JOBS = [f"{i}_optimizer.learning_rate={rate}" for i, rate in enumerate(["1", "1e+30", "2"])]
LONG = [*CHEAP, "seed=0,1", "n_steps=1000", "checkpoint.interval_s=0.1", "hydra.sweep.dir=s"]


def need(launcher: str) -> None:
    plugin = {"slurm": "submitit", "submitit_local": "submitit"}.get(launcher, launcher)
    if importlib.util.find_spec("hydra_plugins") is None or not importlib.util.find_spec(
        f"hydra_plugins.hydra_{plugin}_launcher"
    ):
        pytest.skip(f"the extra {EXTRAS[launcher]} is not installed")


def start(folder: Path, clips: dict[str, Path], *arguments: str, **env: str) -> subprocess.Popen:
    """A sweep in a process group of its own, of clips whose paths are relative."""
    for role, path in clips.items():
        shutil.copy(path, folder / f"{role}{path.suffix}")
    files = [f"{role}.path={role}{path.suffix}" for role, path in clips.items()]
    return subprocess.Popen(
        [sys.executable, ROOT / "scripts" / "run.py", "-m", *files, *SMALL, *arguments],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**ENV, **env},
    )


def finish(process: subprocess.Popen) -> tuple[int, str]:
    err = process.communicate(timeout=900)[1]
    assert "Traceback" not in err, err
    return process.returncode, err


@pytest.fixture(scope="module")
def basic(tmp_path_factory, clips) -> Path:
    """The sweep by Hydra's own launcher."""
    folder = tmp_path_factory.mktemp("basic")
    code, err = finish(start(folder, clips, *SWEEP, "hydra.sweep.dir=s"))
    assert code == 2, err
    return folder / "s"


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory, clips) -> Path:
    """The longer sweep by Hydra's own launcher."""
    folder = tmp_path_factory.mktemp("unbroken")
    code, err = finish(start(folder, clips, *LONG))
    assert code == 0, err
    return folder / "s"


SLURM = {
    # Every job of an array at once; what a job needs of Slurm is in its environment.
    "sbatch": """#!{python}
import os, re, subprocess, sys
script = open(sys.argv[1]).read()
for i in range(int(re.search(r"--array=0-([0-9]+)", script).group(1)) + 1):
    env = dict(os.environ, SLURM_JOB_ID=str(8 + i), SLURM_ARRAY_JOB_ID="7")
    env.update(SLURM_ARRAY_TASK_ID=str(i), SLURM_NTASKS="1", SLURM_PROCID="0", SLURM_LOCALID="0")
    env.update(SLURM_NODEID="0", SLURM_JOB_NUM_NODES="1")
    subprocess.Popen(["bash", sys.argv[1]], env=env, stdout=-3, stderr=-3)
print("Submitted batch job 7")
""",
    "srun": """#!/bin/sh
shift 5  # --unbuffered --output O --error E
exec "$@"
""",
    "sacct": """#!/bin/sh
printf 'JobID|State|NodeList\\n7_[0-2]|RUNNING|here\\n'
""",
}


@pytest.fixture
def slurm(tmp_path) -> dict[str, str]:
    (tmp_path / "bin").mkdir()
    for name, text in SLURM.items():
        (tmp_path / "bin" / name).write_text(text.replace("{python}", sys.executable))
        (tmp_path / "bin" / name).chmod(0o755)
    return {"PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"}


CLUSTER = """
import sys
from ray.cluster_utils import Cluster
node = {"num_cpus": 1, "object_store_memory": 80_000_000}
cluster = Cluster(True, head_node_args={**node, "include_dashboard": False})
cluster.add_node(**node)
print(cluster.address, flush=True)
sys.stdin.read()
cluster.shutdown()
"""


@pytest.fixture
def cluster(tmp_path_factory) -> Iterator[str]:
    """The address of a Ray cluster of two nodes with a CPU each, started in another folder."""
    need("ray")
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    # Ray's own folder is not of pytest's: the path of a socket in it may have 107 bytes.
    with (
        tempfile.TemporaryDirectory(prefix="r", ignore_cleanup_errors=True) as place,
        (elsewhere / "stderr.txt").open("w") as errors,
    ):
        process = subprocess.Popen(
            [sys.executable, "-c", CLUSTER],
            cwd=elsewhere,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env={**ENV, "RAY_TMPDIR": place},
        )
        assert process.stdin is not None
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        if address:
            yield address
        process.stdin.close()
        process.wait(60)
        process.stdout.close()
    assert address, f"no Ray cluster was started: {(elsewhere / 'stderr.txt').read_text()}"


@pytest.mark.parametrize("launcher", ["joblib", "slurm", "ray"])
@pytest.mark.slow
def test_a_sweep_of_processes_is_that_of_one(request, tmp_path, clips, basic, launcher):
    need(launcher)
    arguments, env = [f"hydra/launcher={launcher}", *SWEEP], {}
    if launcher == "joblib":
        arguments.append("hydra.launcher.n_jobs=2")
    if launcher == "slurm":
        env = request.getfixturevalue("slurm")
    if launcher == "ray":
        address = request.getfixturevalue("cluster")
        arguments.append(f"hydra.launcher.ray.init.address={address}")
    code, err = finish(start(tmp_path, clips, *arguments, **env))
    assert code == 2, err
    assert "2 of 3 jobs are done in outputs/sweeps/" in err
    assert f"failed: {JOBS[1]}: the loss became nan" in err
    (sweep,) = (tmp_path / "outputs" / "sweeps").iterdir()
    assert sorted(p.name for p in sweep.glob("[0-9]*")) == JOBS
    assert (sweep / "sweep.html").exists()
    for name in (JOBS[0], JOBS[2]):
        assert (sweep / name / "generated.wav").read_bytes() == (
            basic / name / "generated.wav"
        ).read_bytes()
        assert summary(sweep / name)["total_loss"] == summary(basic / name)["total_loss"]
        log = (sweep / name / "run.log").read_text()
        assert log.count("listen: ") == 1, "each log is of its own job"
        assert f"{name}/report.html" in log
    assert "the loss became" in (sweep / JOBS[1] / "error.txt").read_text()


@pytest.mark.parametrize("launcher", EXTRAS)
def test_a_launcher_that_is_not_installed_is_a_line(command, tmp_path, monkeypatch, launcher):
    for name in list(Plugins.instance().class_name_to_class):
        if re.match(r"hydra_plugins\.hydra_(joblib|submitit|ray)", name):
            monkeypatch.delitem(Plugins.instance().class_name_to_class, name)
    code, err = command("-m", f"hydra/launcher={launcher}", "seed=0,1")
    assert code == 2
    extra = EXTRAS[launcher]
    expected = f"this launcher comes with the extra {extra}: uv run --extra {extra} python"
    assert err == f"error: {expected} scripts/run.py, or pip install 'nstaudio[{extra}]'\n"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("address", ["127.0.0.1:1", "nonsense", "''", ":1", "a:b", "::1:99999"])
def test_a_ray_cluster_that_does_not_answer_is_a_line(command, tmp_path, address):
    setting = "hydra.launcher.ray.init.address"
    code, err = command("-m", "hydra/launcher=ray", f"{setting}={address}", "seed=0,1")
    assert code == 2
    answer = address.strip("'") or "''"
    assert err == f"error: no Ray cluster answers at {answer} ({setting})\n"
    assert not list(tmp_path.iterdir())


def test_a_ray_cluster_of_the_environment_that_does_not_answer_is_a_line(
    command,
    tmp_path,
    monkeypatch,
):
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    code, err = command("-m", "hydra/launcher=ray", "seed=0,1")
    assert code == 2
    assert err == "error: no Ray cluster answers at 127.0.0.1:1 (RAY_ADDRESS)\n"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("address", ["{}", "ray://{}"])
def test_a_ray_cluster_that_answers_is_not_refused(address):
    with socket.create_server(("127.0.0.1", 0)) as server:
        where = address.format(f"127.0.0.1:{server.getsockname()[1]}")
        init = {"init": {"address": where}}
        config = OmegaConf.create({"hydra": {"launcher": {"ray": init}}})
        sweep.refuse_silent_cluster(config)
        server.settimeout(60)
        server.accept()[0].close()


def below(process: subprocess.Popen, name: str) -> list[psutil.Process]:
    """Processes that it has started with `name` in their command."""
    return [
        child
        for child in psutil.Process(process.pid).children(recursive=True)
        if name in " ".join(child.cmdline())
    ]


def saved(job: Path) -> int:
    """The last step in a checkpoint."""
    found = (job / "checkpoints" / "0000").glob("*")
    return max((int(p.name) for p in found if p.name.isdigit()), default=-1)


def begun(log: Path) -> int:
    """The number of times that the job has said what it will take."""
    return log.read_text().count(" of memory")


def assert_same(sweep: Path, other: Path) -> None:
    for job in ("0_seed=0", "1_seed=1"):
        for name in ("generated.wav", "content_content.wav"):
            assert (sweep / job / name).read_bytes() == (other / job / name).read_bytes()


@pytest.mark.slow
def test_joblib_can_be_killed_and_goes_on(tmp_path, clips, unbroken):
    need("joblib")
    arguments = [*LONG, "hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]
    jobs = [tmp_path / "s" / name for name in ("0_seed=0", "1_seed=1")]
    logs, reached = [job / "run.log" for job in jobs], [-1, -1]
    for i, (killed, expected) in enumerate([("worker", 2), ("all", 130), ("parent", -9)]):
        process = start(tmp_path, clips, *arguments)
        # Both have begun, and gone on.
        wait_for(lambda: all(p.exists() and begun(p) > i for p in logs), process)  # noqa: B023
        wait_for(lambda: all(saved(job) >= 0 for job in jobs), process)
        wait_for(lambda: [saved(job) for job in jobs] != reached, process)  # noqa: B023
        workers = below(process, "popen_loky_posix")
        assert len(workers) == 2
        if killed == "worker":
            workers[0].kill()
        elif killed == "all":
            os.killpg(process.pid, signal.SIGINT)
        else:
            process.kill()
        code, err = finish(process)
        assert code == expected, err
        if killed == "worker":
            assert "error: the sweep was cut short: TerminatedWorkerError: " in err
        if killed != "parent":
            assert "not finished: 1_seed=1\nthe same command goes on with what is not done" in err
            assert "Warning" not in err
        assert psutil.wait_procs(workers, timeout=300)[1] == [], "none stays behind"
        reached = [saved(job) for job in jobs]
    code, err = finish(start(tmp_path, clips, *arguments))
    assert code == 0, err
    for job, step in zip(jobs, reached, strict=True):
        assert f"resuming at step {step} of 1000" in (job / "run.log").read_text()
    assert_same(tmp_path / "s", unbroken)


@pytest.mark.slow
def test_what_slurm_is_about_to_end_goes_back_into_its_queue(tmp_path, clips, unbroken):
    """By submitit's local executor: the signal, the queue and the second start are submitit's."""
    need("submitit_local")
    process = start(tmp_path, clips, *LONG, "hydra/launcher=submitit_local")
    job = tmp_path / "s" / "0_seed=0"
    wait_for(lambda: saved(job) >= 20, process)
    tasks = below(process, "submitit.core._submit")
    assert len(tasks) == 2
    for task in tasks:
        task.send_signal(signal.SIGUSR2)
    code, err = finish(process)
    assert code == 0, err
    assert "resuming at step " in (job / "run.log").read_text()
    assert_same(tmp_path / "s", unbroken)


def test_configs_here_replace_those_of_plugins(monkeypatch):
    from hydra.core.config_store import ConfigStore

    store = {"joblib.yaml": 1, "basic.yaml": 2}
    monkeypatch.setitem(ConfigStore.instance().repo["hydra"], "launcher", store)
    sweep.prefer_launchers(ROOT / "configs" / "hydra" / "launcher")
    assert store == {"basic.yaml": 2}
