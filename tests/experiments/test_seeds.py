"""Several takes for real, in a small form: each is what a single run of its seed is."""

import signal
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra

from nstaudio.errors import InputError
from nstaudio.experiments import config_files, resume, seeds, sweep
from nstaudio.experiments.run import folder_lock
from nstaudio.experiments.storage import summary as summaries

from helpers import ROOT
from small_runs import SMALL, assert_refused, start, summary, wait_for

TAKES = ["n_seeds=2", "n_steps=6", "hydra.run.dir=t"]
NO_CONTENT = ["content=none", "alpha=0", "duration_s=1.5", *SMALL]


def assert_same(take: Path, alone: Path) -> None:
    for name in ("generated.wav", "content_noise.wav", "style_other.wav"):
        assert (take / name).read_bytes() == (alone / name).read_bytes(), name
    for name in ("total_loss", "style_loss_on_audio", "inputs", "n_steps"):
        assert summary(take)[name] == summary(alone)[name], name


def test_takes_are_what_single_runs_are(command, tmp_path, clips):
    given = [f"style.path='{clips['style']}'", *NO_CONTENT]
    code, err = command(*given, *TAKES, "seed=3", defaults=False)
    assert code == 0, err
    assert "2 runs" in err, "in one program"
    assert "likeness of the takes: 0." in err
    assert f"listen: {tmp_path}/t/sweep.html" in err
    takes = summaries.seed_folders(tmp_path / "t")
    assert [take.name for take in takes] == ["take_1", "take_2"]
    for i, take in enumerate(takes):
        alone = tmp_path / f"alone_{i}"
        settings = [f"seed={3 + i}", "n_steps=6", f"hydra.run.dir={alone}"]
        assert command(*given, *settings, defaults=False)[0] == 0
        assert_same(take, alone)
        log = (take / "run.log").read_text()
        assert log.count("listen: ") == log.count(f"t/{take.name}/report.html") == 1
        assert (take / "report.html").exists()
        assert list((take / "checkpoints" / "0000").iterdir())
    page = (tmp_path / "t" / "sweep.html").read_text()
    assert page.count('"state": "finished"') == 2, "the folder itself is no run"
    assert '"settings": ["seed"]' in page

    code, err = command(*given, *TAKES, "seed=3", defaults=False)
    assert_refused(code, err, "/t already holds a run; continue it with resume=", tmp_path)
    # more steps are what more steps would have been
    code, err = command("resume=t", "n_steps=10", defaults=False)
    assert code == 0, err
    assert err.count("resuming at step 6 of 10") == 2
    assert command("resume=alone_1", "n_steps=10", defaults=False)[0] == 0
    assert_same(takes[1], tmp_path / "alone_1")
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
    assert not list(takes[0].glob("error.txt"))


DIVERSE = [
    *("style_loss=gram_autocorrelation_diversity", "style_loss.terms.diversity.weight=1e-3"),
    *("style_loss.terms.autocorrelation.loss.last_lag=40", *SMALL),
]


def test_takes_are_kept_apart_from_those_before(command, tmp_path, clips):
    """Each is the single run that is kept apart from the results before it."""
    code, err = command(*DIVERSE, *TAKES, "n_seeds=3")
    assert code == 0, err
    takes = summaries.seed_folders(tmp_path / "t")
    results = [str(take / "generated.wav") for take in takes]
    for i, take in enumerate(takes):
        assert resume.load(take / "config.yaml").negatives == results[:i]
    settings = [*DIVERSE, "seed=2", "n_steps=6", "hydra.run.dir=alone"]
    relative = ["t/take_1/generated.wav", "t/take_2/generated.wav"]
    code, err = command(*settings, f"negatives=[{','.join(relative)}]")
    assert code == 0, err
    alone = tmp_path / "alone"
    assert summary(alone)["style_loss"] == summary(takes[2])["style_loss"]
    assert (alone / "generated.wav").read_bytes() == Path(results[2]).read_bytes()
    assert resume.load(alone / "config.yaml").negatives == results[:2], "from any folder"
    # what cannot be apart from anything, or from what, says so and leaves nothing
    for arguments, message in (
        ([*SMALL, f"negatives=[{relative[0]}]"], "negatives needs a style loss with a diversity"),
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
    code, err = command("resume=alone", f"negatives=[{relative[0]}]", defaults=False)
    assert "when resuming only" in err
    code, err = command("resume=t", "n_steps=8", defaults=False)
    assert code == 0, err
    assert err.count("resuming at step 6 of 8") == 3


@pytest.mark.slow
def test_an_interrupt_begins_no_take_after_it(tmp_path, clips, command):
    process = start(tmp_path, clips, *DIVERSE, *TAKES, "n_steps=200000")
    first, second = (tmp_path / "t" / f"take_{i}" for i in (1, 2))
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
    assert [summary(take)["n_steps"] for take in (first, second)] == [n_steps, n_steps]


def test_a_take_that_fails_says_so_and_the_others_go_on(command, tmp_path):
    second = tmp_path / "t" / "take_2"
    second.mkdir(parents=True)
    with folder_lock(second):
        code, err = command(*TAKES)
    assert code == 2
    assert "/t/take_2 is being used by another run" in err
    assert "being used" in (second / "error.txt").read_text()
    assert summary(tmp_path / "t" / "take_1")["n_steps"] == 6
    code, err = command("resume=t", defaults=False)
    assert code == 0, err
    assert err.count("done before: ") == 1
    assert summary(second)["n_steps"] == 6
    assert not (second / "error.txt").exists()


def test_what_no_take_can_be_made_of_leaves_nothing(command, tmp_path):
    for argument, message in (
        ("content.start_s=99", "is 2.00 s long; it cannot start at 99 s"),
        ("seed=2147483647", "seed=2147483647 must be at most 2147483646"),
    ):
        code, err = command("n_seeds=2", argument)
        assert_refused(code, err, message, tmp_path)


@pytest.mark.parametrize("launcher", ["vmap", "basic"])
def test_takes_in_a_sweep(command, tmp_path, launcher):
    arguments = ["-m", f"hydra/launcher={launcher}", "n_seeds=0,1,2", "n_steps=6"]
    code, err = command(*arguments, "hydra.sweep.dir=s")
    assert code == 2
    assert "3 of 4 jobs are done in s" in err, "each take counts"
    assert "failed: 0_n_takes=0: n_seeds=0 must be at least 1" in err
    assert ("3 runs" in err) == (launcher == "vmap"), "all that are alike in one program"
    one, takes = tmp_path / "s/1_n_takes=1", summaries.seed_folders(tmp_path / "s/2_n_takes=2")
    sounds = [(run / "generated.wav").read_bytes() for run in (one, *takes)]
    assert sounds[0] == sounds[1] != sounds[2]
    assert (takes[0].parent / "sweep.html").exists()
    log = (takes[1] / "run.log").read_text()
    assert log.count("listen: ") == 1
    assert "likeness of the takes" in (takes[0].parent / "run.log").read_text()
    code, err = command(*arguments, "hydra.sweep.dir=s")
    assert err.count("done before: ") == 3


@pytest.mark.slow
def test_an_interrupt_stops_all_takes(tmp_path, clips, command):
    process = start(tmp_path, clips, *TAKES, "n_steps=200000")
    metrics = [tmp_path / "t" / f"take_{i}" / "metrics.jsonl" for i in (1, 2)]
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


def test_the_configs_of_takes(tmp_path):
    config_files.register_resolvers()
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(ROOT / "configs"), version_base="1.3"):
        cfg = compose("config", ["n_seeds=3", "seed=5"])
        takes = seeds.configs_of_seeds(cfg, tmp_path)
        assert [(one.seed, one.n_seeds) for one, _ in takes] == [(5, 1), (6, 1), (7, 1)]
        assert [folder.name for _, folder in takes] == ["take_1", "take_2", "take_3"]
        assert all(one.negatives == [] for one, _ in takes), "gram keeps nothing apart"
        assert (cfg.seed, cfg.n_seeds) == (5, 3), "it is not changed"
        with pytest.raises(InputError, match="seed must be a whole number, not 'x'"):
            seeds.configs_of_seeds(compose("config", ["n_seeds=3", "seed=x"]), tmp_path)
        given = ["experiment=antognini", "n_seeds=3", "output.format=flac", "negatives=[a.wav]"]
        apart = [
            one.negatives for one, _ in seeds.configs_of_seeds(compose("config", given), tmp_path)
        ]
        earlier = [str(tmp_path / f"take_{i}" / "generated.flac") for i in (1, 2)]
        assert apart == [["a.wav", *earlier[:i]] for i in range(3)]


def test_what_has_become_of_takes(tmp_path):
    for name in ("0_a/take_10", "0_a/take_2", "0_a/.hydra", "1_b/take_1", "1_b/.hydra"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "0_a/take_2/error.txt").write_text("why")
    (tmp_path / "1_b/error.txt").write_text("before all")
    found = sweep.outcome(tmp_path)
    assert found.failed == {tmp_path / "0_a/take_2": "why", tmp_path / "1_b": "before all"}
    assert found.unfinished == [tmp_path / "0_a/take_10"]
