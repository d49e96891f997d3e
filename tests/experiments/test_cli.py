"""The command: what it knows of itself, of its folders and of Hydra."""

import pickle
from pathlib import Path

from hydra.core.plugins import Plugins
from omegaconf import OmegaConf

from nstaudio.experiments import cli, config_choices, config_files, sweep, vmap_launcher

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
