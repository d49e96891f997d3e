"""Several seed runs, small ones: each is what a single run of its seed is."""

import signal
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra

from nstaudio.errors import InputError
from nstaudio.experiments import config_files, resume, seeds, sweep
from nstaudio.experiments.folder_claim import folder_lock
from nstaudio.experiments.storage import summary as summaries

from helpers import ROOT
from small_runs import CHEAP, SMALL, assert_refused, start, summary, wait_for

SEEDS = ["n_seeds=2", "n_steps=6", "hydra.run.dir=t"]
NO_CONTENT = ["content=none", "alpha=0", "duration_s=2", *SMALL]


def assert_same(seed_run: Path, alone: Path) -> None:
    for name in ("generated.wav", "content_noise.wav", "style_other.wav"):
        assert (seed_run / name).read_bytes() == (alone / name).read_bytes(), name
    for name in ("total_loss", "style_loss_on_audio", "inputs", "n_steps"):
        assert summary(seed_run)[name] == summary(alone)[name], name


@pytest.mark.slow
@pytest.mark.usefixtures("fused")
def test_seed_runs_are_what_single_runs_are(command, tmp_path, clips):
    given = [f"style.path='{clips['style']}'", *NO_CONTENT]
    code, err = command(*given, *SEEDS, "seed=3", defaults=False)
    assert code == 0, err
    assert "2 runs" in err, "in one program"
    assert "similarity of the seed runs: 0." in err
    assert f"listen: {tmp_path}/t/sweep.html" in err
    seed_runs = summaries.seed_folders(tmp_path / "t")
    assert [seed_run.name for seed_run in seed_runs] == ["seed_3", "seed_4"]
    for i, seed_run in enumerate(seed_runs):
        alone = tmp_path / f"alone_{i}"
        settings = [f"seed={3 + i}", "n_steps=6", f"hydra.run.dir={alone}"]
        assert command(*given, *settings, defaults=False)[0] == 0
        assert_same(seed_run, alone)
        log = (seed_run / "run.log").read_text()
        assert log.count("listen: ") == log.count(f"t/{seed_run.name}/report.html") == 1
        assert (seed_run / "report.html").exists()
        assert list((seed_run / "checkpoints" / "0000").iterdir())
    page = (tmp_path / "t" / "sweep.html").read_text()
    assert page.count('"state": "finished"') == 2, "the folder itself is no run"
    assert '"settings": ["seed"]' in page

    code, err = command(*given, *SEEDS, "seed=3", defaults=False)
    assert_refused(code, err, "/t already holds a run; continue it with resume=", tmp_path)
    # more steps are what more steps would have been
    code, err = command("resume=t", "n_steps=10", defaults=False)
    assert code == 0, err
    assert err.count("resuming at step 6 of 10") == 2
    assert command("resume=alone_1", "n_steps=10", defaults=False)[0] == 0
    assert_same(seed_runs[1], tmp_path / "alone_1")
    # what cannot go on has changed nothing, and what is done stays
    for arguments, message in (
        (["n_steps=4"], "n_steps=4 is below the 10 steps"),
        (["n_seeds=3"], "n_seeds=3 differs from the 2"),
    ):
        code, err = command("resume=t", *arguments, defaults=False)
        assert code == 2
        assert message in err
    code, err = command("resume=t", defaults=False)
    assert code == 0, err
    assert err.count("done before: ") == 2
    assert not list(seed_runs[0].glob("error.txt"))


DIVERSE = [
    *(*SMALL, "style_loss=gram_autocorrelation_diversity"),
    *("style_loss.terms.diversity.weight=1e-3", "encoder.features=[8]"),
    "style_loss.terms.autocorrelation.loss.last_lag=20",
    *CHEAP,
]


@pytest.mark.slow
def test_seed_runs_are_kept_apart_from_those_before(command, tmp_path, clips):
    """Each is the single run that is kept apart from the results before it."""
    code, err = command(*DIVERSE, *SEEDS)
    assert code == 0, err
    seed_runs = summaries.seed_folders(tmp_path / "t")
    results = [str(seed_run / "generated.wav") for seed_run in seed_runs]
    for i, seed_run in enumerate(seed_runs):
        assert resume.load(seed_run / "config.yaml").negatives == results[:i]
    negatives = "negatives=[t/seed_0/generated.wav]"
    code, err = command(*DIVERSE, "seed=1", "n_steps=6", "hydra.run.dir=alone", negatives)
    assert code == 0, err
    alone = tmp_path / "alone"
    assert summary(alone)["style_loss"] == summary(seed_runs[1])["style_loss"]
    assert (alone / "generated.wav").read_bytes() == Path(results[1]).read_bytes()
    assert resume.load(alone / "config.yaml").negatives == results[:1], "from any folder"
    # what cannot be apart from anything, or from what, says so and leaves nothing
    for arguments, message in (
        ([*SMALL, negatives], "negatives needs a style loss with a diversity"),
        ([*DIVERSE, "negatives=[x.wav]"], "error: negatives file x.wav does not exist"),
        ([*DIVERSE, "negatives=3"], "negatives must be a list of audio files, not 3"),
    ):
        code, err = command(*arguments, "hydra.run.dir=no")
        assert code == 2
        assert message in err
        assert not (tmp_path / "no" / "config.yaml").exists()
    # going on
    code, err = command("resume=alone", "n_steps=8", defaults=False)
    assert code == 0, err
    code, err = command("resume=alone", "negatives=[x.wav]", defaults=False)
    assert "when resuming only" in err
    code, err = command("resume=t", "n_steps=8", defaults=False)
    assert code == 0, err
    assert err.count("resuming at step 6 of 8") == 2


@pytest.mark.slow
def test_an_interrupt_begins_no_seed_run_after_it(tmp_path, clips, command):
    process = start(tmp_path, clips, *DIVERSE, *SEEDS, "n_steps=200000")
    first, second = (tmp_path / "t" / f"seed_{i}" for i in (0, 1))
    metrics = first / "metrics.jsonl"
    wait_for(lambda: metrics.exists() and metrics.read_text().count("\n") > 3, process)
    process.send_signal(signal.SIGINT)
    err = process.communicate(timeout=900)[1]
    assert process.returncode == 0, err
    assert f"interrupted; go on with: resume={tmp_path}/t\n" in err
    assert not (second / "config.yaml").exists()
    n_steps = summary(first)["n_steps"] + 1
    code, err = command("resume=t", f"n_steps={n_steps}", defaults=False)
    assert code == 0, err
    assert err.count("resuming at step") == 1
    assert [summary(seed_run)["n_steps"] for seed_run in (first, second)] == [n_steps, n_steps]


def test_a_seed_run_that_fails_says_so_and_the_others_go_on(command, tmp_path):
    second = tmp_path / "t" / "seed_1"
    second.mkdir(parents=True)
    with folder_lock(second):
        code, err = command(*SEEDS)
    assert code == 2
    assert "/t/seed_1 is being used by another run" in err
    assert not (second / "error.txt").exists(), "the other run may go well"
    assert summary(tmp_path / "t" / "seed_0")["n_steps"] == 6
    code, err = command("resume=t", defaults=False)
    assert code == 0, err
    assert err.count("done before: ") == 1
    assert summary(second)["n_steps"] == 6
    assert not (second / "error.txt").exists()


def test_what_no_seed_run_can_be_made_of_leaves_nothing(command, tmp_path):
    for argument, message in (
        ("content.start_s=99", "is 2.00 s long; it cannot start at 99 s"),
        ("seed=2147483647", "seed=2147483647 must be at most 2147483646"),
    ):
        code, err = command("n_seeds=2", argument)
        assert_refused(code, err, message, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["vmap", "basic"])
@pytest.mark.usefixtures("fused")
def test_seed_runs_in_a_sweep(command, tmp_path, launcher):
    arguments = ["-m", f"hydra/launcher={launcher}", "n_seeds=0,1,2", "n_steps=6"]
    code, err = command(*arguments, "hydra.sweep.dir=s")
    assert code == 2
    assert "3 of 4 jobs are done in s" in err, "each seed run counts"
    assert "failed: 0_n_seeds=0: n_seeds=0 must be at least 1" in err
    assert ("3 runs" in err) == (launcher == "vmap"), "all that are alike in one program"
    one, seed_runs = tmp_path / "s/1_n_seeds=1", summaries.seed_folders(tmp_path / "s/2_n_seeds=2")
    sounds = [(run / "generated.wav").read_bytes() for run in (one, *seed_runs)]
    assert sounds[0] == sounds[1] != sounds[2]
    assert (seed_runs[0].parent / "sweep.html").exists()
    log = (seed_runs[1] / "run.log").read_text()
    assert log.count("listen: ") == 1
    assert "similarity of the seed runs" in (seed_runs[0].parent / "run.log").read_text()
    code, err = command(*arguments, "hydra.sweep.dir=s")
    assert err.count("done before: ") == 3


@pytest.mark.slow
def test_an_interrupt_stops_all_seed_runs(tmp_path, clips, command):
    process = start(tmp_path, clips, *CHEAP, *SEEDS, "n_steps=200000")
    metrics = [tmp_path / "t" / f"seed_{i}" / "metrics.jsonl" for i in (0, 1)]
    wait_for(lambda: all(m.exists() and m.read_text().count("\n") > 3 for m in metrics), process)
    process.send_signal(signal.SIGINT)
    err = process.communicate(timeout=900)[1]
    assert process.returncode == 0, err
    assert f"interrupted; go on with: resume={tmp_path}/t\n" in err
    reached = [summary(m.parent) for m in metrics]
    assert all(one["interrupted"] for one in reached)
    n_steps = max(one["n_steps"] for one in reached) + 1
    code, err = command("resume=t", f"n_steps={n_steps}", defaults=False)
    assert code == 0, err
    assert err.count("resuming at step") == 2
    assert [summary(m.parent)["n_steps"] for m in metrics] == [n_steps, n_steps]


def test_the_configs_of_seed_runs(tmp_path):
    config_files.register_resolvers()
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(ROOT / "configs"), version_base="1.3"):
        cfg = compose("config", ["n_seeds=3", "seed=5"])
        seed_runs = seeds.configs_of_seeds(cfg, tmp_path)
        assert [(one.seed, one.n_seeds) for one, _ in seed_runs] == [(5, 1), (6, 1), (7, 1)]
        assert [folder.name for _, folder in seed_runs] == ["seed_5", "seed_6", "seed_7"]
        assert all(one.negatives == [] for one, _ in seed_runs), "gram keeps nothing apart"
        assert (cfg.seed, cfg.n_seeds) == (5, 3), "it is not changed"
        with pytest.raises(InputError, match="seed must be a whole number, not 'x'"):
            seeds.configs_of_seeds(compose("config", ["n_seeds=3", "seed=x"]), tmp_path)
        given = ["experiment=antognini", "n_seeds=3", "output.format=flac", "negatives=[a.wav]"]
        apart = [
            one.negatives for one, _ in seeds.configs_of_seeds(compose("config", given), tmp_path)
        ]
        earlier = [str(tmp_path / f"seed_{i}" / "generated.flac") for i in (0, 1)]
        assert apart == [["a.wav", *earlier[:i]] for i in range(3)]


def test_what_has_become_of_seed_runs(tmp_path):
    for name in ("0_a/seed_10", "0_a/seed_2", "0_a/.hydra", "1_b/seed_1", "1_b/.hydra"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "0_a/seed_2/error.txt").write_text("why")
    (tmp_path / "1_b/error.txt").write_text("before all")
    found = sweep.outcome(tmp_path)
    assert found.failed == {tmp_path / "0_a/seed_2": "why", tmp_path / "1_b": "before all"}
    assert found.unfinished == [tmp_path / "0_a/seed_10"]
