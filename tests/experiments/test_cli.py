"""The command: what it knows of itself, of its folders and of Hydra."""

import io
import pickle
import sys
from pathlib import Path

import pytest
import yaml
from hydra.core.plugins import Plugins
from omegaconf import OmegaConf

from nstaudio.errors import InputError
from nstaudio.experiments import cli, config_choices, config_files, sweep, vmap_launcher
from nstaudio.experiments.callback import Refused
from nstaudio.experiments.report import sweep_page

from helpers import ROOT


def test_configs_lie_in_an_installed_package_or_beside_it(tmp_path, monkeypatch):
    assert config_choices.CONFIGS == ROOT / "configs"
    package = tmp_path / "nstaudio"
    module = package / "experiments" / "config_choices.py"
    monkeypatch.setattr(config_choices, "__file__", str(module))
    assert config_choices.config_dir() == tmp_path / "configs"
    (package / "configs").mkdir(parents=True)
    assert config_choices.config_dir() == package / "configs"


def test_a_config_is_composed_anywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cfg = config_files.compose(["experiment=descent", "seed=3"])
    assert cfg.seed == 3
    assert cfg.n_steps == OmegaConf.load(ROOT / "configs" / "experiment" / "descent.yaml").n_steps
    assert Path(cfg.content.path).name == "jazz.ogg"


def test_a_job_can_be_sent_to_another_process():
    assert pickle.loads(pickle.dumps(cli.Command().job)).__name__ == "job"


def test_hydra_knows_the_launcher_of_the_package():
    vmap_launcher.register()
    target = OmegaConf.load(ROOT / "configs" / "hydra" / "launcher" / "vmap.yaml")["_target_"]
    assert Plugins.is_in_toplevel_plugins_module(target), "Hydra refuses all others"
    assert Plugins.instance().class_name_to_class[target] is vmap_launcher.VmapLauncher


def test_a_command_leaves_no_state_to_the_next(command):
    assert command("content=jaz")[0] == 2
    assert sweep.current_progress.get(None) is None
    code, err = command("-m", "seed=0", "content.path=missing.wav", defaults=False)
    assert code == 2
    assert "1 failed" in err or "0 of 1 jobs are done" in err
    code, err = command("content.path=missing.wav", defaults=False)
    assert code == 2
    assert "jobs" not in err, "it is no sweep"


def ending_by(error: BaseException, monkeypatch):
    """A command whose job ends by an error, whatever Hydra does before."""

    def main(**_):
        def decorated(job):
            def run():
                raise error

            return run

        return decorated

    monkeypatch.setattr(cli.hydra, "main", main)
    return cli.Command()


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (InputError("alpha=x is no number"), "alpha=x is no number"),
        (Refused(InputError("in use")), "in use"),
        (ConnectionError("ray start"), "no Ray cluster answers: ray start"),
        (PermissionError(13, "Permission denied", "o"), "the output folder cannot be used: "),
        (yaml.YAMLError("mapping values"), "mapping values"),
        (TypeError("unhashable"), "these settings cannot be understood: unhashable"),
    ],
)
def test_what_is_no_bug_is_one_line(error, line, monkeypatch, capsys):
    assert ending_by(error, monkeypatch).run() == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert line in said
    assert said.count("\n") == 1


def test_a_bug_stays_a_traceback(monkeypatch, capsys):
    with pytest.raises(RuntimeError, match="why"):
        ending_by(RuntimeError("why"), monkeypatch).run()
    assert sweep.current_progress.get(None) is None


def test_interrupted_before_any_job(monkeypatch, capsys):
    assert ending_by(KeyboardInterrupt(), monkeypatch).run() == 130
    assert capsys.readouterr().err == ""


def test_a_reader_that_has_gone(monkeypatch):
    stderr = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stderr)
    assert ending_by(BrokenPipeError(), monkeypatch).run() == 1
    assert stderr.closed, "nothing more is written"


def test_a_sweep_whose_workers_were_killed(monkeypatch, tmp_path, capsys):
    command = ending_by(RuntimeError("a worker was killed " + 300 * "x "), monkeypatch)
    command._progress.sweep = tmp_path
    assert command.run() == 2
    error, *others = capsys.readouterr().err.splitlines()
    assert error.startswith("error: the sweep was cut short: RuntimeError: a worker was killed x")
    assert error.endswith("...")
    assert len(error) < 360
    assert not others, "there is no job to tell of"


def test_a_sweep_without_its_page_says_why(monkeypatch, tmp_path, capsys):
    (tmp_path / "0_a").mkdir()
    (tmp_path / "0_a" / "error.txt").write_text("why")
    monkeypatch.setattr(sweep_page, "write", lambda _: raise_(OSError(28, "No space left")))
    assert cli.end_sweep(tmp_path) == 2
    said = capsys.readouterr().err
    assert "0 of 1 jobs are done" in said
    assert "failed: 0_a: why" in said
    assert "no page of the sweep: " in said
    assert "No space left" in said


def raise_(error: Exception):
    raise error
