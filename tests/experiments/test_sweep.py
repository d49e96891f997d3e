"""Sweeps for real, in a small form: every launcher, what is done twice, what fails, what is killed.

What the jobs of a sweep write is compared with what single runs of the same settings write.
"""

import json
import re
import signal
from pathlib import Path

import pytest

from nstaudio.errors import InputError
from nstaudio.experiments.sweep import SweepNames, outcome, record_failure
from nstaudio.optimization import batching

from small_runs import CHEAP, lines, start, summary, wait_for

SWEPT = ["alpha=0.001,0.1", "seed=0,1"]
JOBS = [
    f"{i}_alpha={a},seed={s}"
    for i, (a, s) in enumerate([("0.001", 0), ("0.001", 1), ("0.1", 0), ("0.1", 1)])
]
WHAT_IS_THE_SAME = ("generated.wav", "content_my-song.wav", "style_other.wav")


def single(command, tmp_path, name: str) -> Path:
    """A run by itself with the settings of a job."""
    folder = tmp_path / "single" / name
    settings = name.partition("_")[2].split(",")
    assert command(*settings, f"hydra.run.dir='{folder}'")[0] == 0
    return folder


def only_sweep(tmp_path: Path) -> Path:
    (folder,) = (tmp_path / "outputs" / "sweeps").iterdir()
    return folder


def assert_same(job: Path, alone: Path) -> None:
    for name in WHAT_IS_THE_SAME:
        assert (job / name).read_bytes() == (alone / name).read_bytes(), name
    for a, b in zip(lines(job), lines(alone), strict=True):
        # a float32's rounding: the compiler may add the terms of the total in one step or in two
        assert a | {"seconds": 0} == pytest.approx(b | {"seconds": 0}, rel=2e-7)
    own, other = summary(job), summary(alone)
    assert own.keys() == other.keys()
    for name, value in own.items():
        if "second" not in name and name not in ("peak_rss_mb", "versions"):
            same = value == other[name]  # texts have no tolerance
            assert same or value == pytest.approx(other[name], rel=2e-7), name


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["vmap", "basic"])
@pytest.mark.usefixtures("fused")
def test_jobs_write_what_single_runs_write(command, tmp_path, launcher):
    """The vmap launcher's are one program."""
    before = batching._advance._cache_size()  # type: ignore[attr-defined]
    code, err = command("-m", f"hydra/launcher={launcher}", *SWEPT)
    assert code == 0, err
    assert ("4 runs" in err) == (launcher == "vmap")
    assert batching._advance._cache_size() <= before + 1  # type: ignore[attr-defined]
    sweep = only_sweep(tmp_path)
    assert sorted(p.name for p in sweep.iterdir() if p.is_dir()) == JOBS
    assert f"4 of 4 jobs are done in outputs/sweeps/{sweep.name}" in err
    assert f"listen: 'outputs/sweeps/{sweep.name}/sweep.html'" in err
    for name in (JOBS[0], JOBS[3]):
        assert_same(sweep / name, single(command, tmp_path, name))
        log = (sweep / name / "run.log").read_text()
        assert log.count("listen: ") == 1, "each log is of its own job"
        assert f"{name}/report.html" in log
    assert len({(sweep / name / "generated.wav").read_bytes() for name in JOBS}) == 4
    # again: nothing is done twice
    before = {p: p.stat().st_mtime_ns for p in sweep.rglob("*") if p.name != "run.log"}
    code, err = command("-m", f"hydra/launcher={launcher}", *SWEPT)
    assert code == 0, err
    assert err.count("done before: ") == 4
    after = {p: p.stat().st_mtime_ns for p in sweep.rglob("*") if p.name != "run.log"}
    changed = {p for p in after if after[p] != before.get(p)}
    others = {p for p in changed if p.is_file() and ".hydra" not in p.parts}
    assert others <= {sweep / "multirun.yaml"}
    # and with another launcher it is the same sweep
    other = {"vmap": "basic", "basic": "vmap"}[launcher]
    code, err = command("-m", f"hydra/launcher={other}", *SWEPT)
    assert err.count("done before: ") == 4


@pytest.mark.slow
def test_what_is_not_alike_goes_one_by_one(command, tmp_path):
    sizes = ["-m", "hydra/launcher=vmap", "encoder.kernel_size=3,5", "n_steps=6"]
    code, err = command(*sizes, *CHEAP)
    assert code == 0, err
    assert "runs:" not in err
    assert "my song as other" in err


def test_a_job_that_fails_leaves_its_reason_and_the_others_go_on(command, tmp_path):
    for launcher in ("vmap", "basic"):
        arguments = ["-m", f"hydra/launcher={launcher}", "optimizer.learning_rate=1,1e30,2"]
        code, err = command(*arguments, *CHEAP)
        assert code == 2
        sweep = only_sweep(tmp_path)
        bad = sweep / "1_optimizer.learning_rate=1e+30"
        assert "the loss became" in (bad / "error.txt").read_text()
        assert "2 of 3 jobs are done" in err
        assert "failed: 1_optimizer.learning_rate=1e+30: the loss became" in err
        assert not (bad / "summary.json").exists()
        assert not list(sweep.glob("[02]_*/error.txt"))
        assert "the loss became" in (sweep / "sweep.html").read_text()


def test_an_unforeseen_error_leaves_its_traceback(tmp_path, caplog):
    try:
        {}["missing"]
    except KeyError as error:
        record_failure(tmp_path / "job", error)
    text = (tmp_path / "job" / "error.txt").read_text()
    assert text.splitlines()[0] == "KeyError: 'missing'"
    assert "Traceback" in text
    record_failure(tmp_path / "job", InputError("a\nb"))
    assert (tmp_path / "job" / "error.txt").read_text() == "a\\x0ab\n"
    assert outcome(tmp_path).failed == {tmp_path / "job": "a\\x0ab"}
    record_failure(tmp_path / "job", {"interrupted": False})
    assert not (tmp_path / "job" / "error.txt").exists()


def test_a_sweep_of_other_settings_in_the_folder_is_refused(command, tmp_path):
    place = "hydra.sweep.dir=s"
    assert command("-m", place, "seed=0,1", "n_steps=2")[0] == 0
    before = (tmp_path / "s" / "0_seed=0" / "generated.wav").read_bytes()
    code, err = command("-m", place, "seed=0,1", "n_steps=2", "alpha=0.5")
    assert code == 2
    assert err.count("holds a run of other settings: alpha was None and is 0.5") == 4  # and the end
    assert (tmp_path / "s" / "0_seed=0" / "generated.wav").read_bytes() == before
    # more steps are no other settings
    code, err = command("-m", place, "seed=0,1", "n_steps=4")
    assert code == 0, err
    assert err.count("resuming at step 2 of 4") == 2


@pytest.mark.parametrize("launcher", ["vmap", "basic"])
@pytest.mark.slow
@pytest.mark.usefixtures("optimized")
def test_kill_9_of_a_sweep_loses_no_more_than_an_interval(tmp_path, clips, command, launcher):
    place = [*CHEAP, f"hydra/launcher={launcher}", "hydra.sweep.dir=s"]
    steps = ["n_steps=400", "checkpoint.interval_s=0", "log_every=10"]
    process = start(tmp_path, clips, *place, *steps, "seed=0,1", "-m")
    job = tmp_path / "s" / ("1_seed=1" if launcher == "basic" else "0_seed=0")

    def saved() -> int:
        found = (job / "checkpoints" / "0000").glob("*")
        return max((int(p.name) for p in found if p.name.isdigit()), default=-1)

    wait_for(lambda: saved() >= 100, process)
    process.kill()
    process.communicate()
    reached, logged = saved(), lines(job)[-1]["step"]
    assert logged - reached <= 20, "one interval: one logged step, and one being saved"
    code, err = command(*place, *steps, "seed=0,1", "-m")
    assert code == 0, err
    assert f"resuming at step {reached} of 400" in err
    assert err.count("done before: ") == (1 if launcher == "basic" else 0)
    assert "2 of 2 jobs are done" in err
    alone = tmp_path / "alone"
    seed = job.name.partition("_")[2]
    more = [*CHEAP, seed, "n_steps=400", "log_every=10"]
    assert command(*more, f"hydra.run.dir={alone}")[0] == 0
    assert (alone / "generated.wav").read_bytes() == (job / "generated.wav").read_bytes()


@pytest.mark.parametrize("launcher", ["vmap", "basic"])
@pytest.mark.slow
def test_an_interrupt_finishes_what_has_begun_and_ends_the_sweep(tmp_path, clips, launcher):
    place = [*CHEAP, f"hydra/launcher={launcher}", "hydra.sweep.dir=s"]
    process = start(tmp_path, clips, *place, "seed=0,1", "n_steps=100000", "-m")
    metrics = tmp_path / "s" / "0_seed=0" / "metrics.jsonl"
    wait_for(lambda: metrics.exists() and metrics.read_text().count("\n") > 3, process)
    process.send_signal(signal.SIGINT)
    err = process.communicate(timeout=900)[1]
    assert process.returncode == 130, err
    assert "Traceback" not in err
    begun = [job for job in ("0_seed=0", "1_seed=1") if (tmp_path / "s" / job).exists()]
    assert len(begun) == (1 if launcher == "basic" else 2)
    for job in begun:
        assert summary(tmp_path / "s" / job)["interrupted"]
        assert (tmp_path / "s" / job / "generated.wav").exists()
        assert f"not finished: {job}" in err
    assert (tmp_path / "s" / "sweep.html").exists()


@pytest.mark.parametrize("launcher", ["vmap", "basic"])
def test_runs_are_given_more_steps_by_a_sweep(command, tmp_path, launcher):
    for seed in (0, 1):
        assert command(f"seed={seed}", "n_steps=2", f"hydra.run.dir=r{seed}")[0] == 0
    more = ["n_steps=4", f"hydra/launcher={launcher}"]
    code, err = command("-m", "resume=r0,r1", *more, defaults=False)
    assert code == 0, err
    assert err.count("resuming at step 2 of 4") == 2
    assert [summary(tmp_path / f"r{seed}")["n_steps"] for seed in (0, 1)] == [4, 4]


def test_names_of_folders():
    names = SweepNames.of(["-m", "alpha=1,2", "style=jazz,classical", "content.path='a,b.wav'"])
    assert re.fullmatch("alpha,style_[0-9a-f]{8}", names.sweep)
    again = ["style=jazz,classical", "content.path='a,b.wav'", "hydra/launcher=ray", "alpha=1,2"]
    assert SweepNames.of([*again, "--multirun"]) == names
    assert SweepNames.of([*again, "beta=2"]).sweep != names.sweep
    task = ["alpha=2", "style=jazz", "content.path='a,b.wav'"]
    assert names.job(task) == "alpha=2,style=jazz"
    assert SweepNames.of(["alpha=1,", "["]).swept == ()


def test_what_has_become_of_jobs(tmp_path):
    for name in ("10_c", "2_b", "1_a", "3_d"):
        (tmp_path / name / ".hydra").mkdir(parents=True)
    (tmp_path / "other").mkdir()
    done = {"inputs": "", "interrupted": False}
    (tmp_path / "10_c" / "summary.json").write_text(json.dumps(done))
    (tmp_path / "2_b" / "summary.json").write_text(json.dumps({**done, "interrupted": True}))
    (tmp_path / "3_d" / "summary.json").write_text(json.dumps(done))
    (tmp_path / "3_d" / "error.txt").write_text("no\nbecause")
    found = outcome(tmp_path)
    assert [p.name for p in found.finished] == ["10_c"]
    assert [p.name for p in found.unfinished] == ["1_a", "2_b"]
    assert found.failed == {tmp_path / "3_d": "no"}
