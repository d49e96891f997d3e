"""Files that have moved together with the run."""

import shutil

import pytest
import yaml
from omegaconf import OmegaConf

from nstaudio.errors import InputError
from nstaudio.experiments import moved_files

from small_runs import SMALL, summary


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "new" / "outputs" / "day" / "run"
    folder.mkdir(parents=True)
    return folder


@pytest.mark.parametrize(
    "file", ["/old/place/clips/a.wav", r"C:\old\place\clips\a.wav", r"\\server\share\clips\a.wav"]
)
def test_as_much_of_the_path_as_possible_is_kept(tmp_path, run, file):
    assert moved_files.find(file, run) is None
    for place in ("a.wav", "clips/a.wav", "outputs/a.wav", "outputs/day/run/clips/a.wav"):
        (tmp_path / "new" / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "new" / place).touch()
    order = ["outputs/day/run/clips/a.wav", "clips/a.wav", "outputs/a.wav", "a.wav"]
    for place in order:
        assert moved_files.find(file, run) == tmp_path / "new" / place
        (tmp_path / "new" / place).unlink()
    assert moved_files.find(file, run) is None


def test_files_of_a_config_follow(tmp_path, run, caplog):
    caplog.set_level("INFO")
    (tmp_path / "new" / "a.wav").touch()
    there = tmp_path / "there.wav"
    there.touch()
    (run / "there.wav").touch()
    style = ["/old/a.wav", str(there)]
    cfg = OmegaConf.create({"content": {"path": "/old/a.wav"}, "style": {"path": style}, "n": []})
    for key in ("content.path", "style.path", "n"):
        moved_files.follow(cfg, key, run)
    new = str(tmp_path / "new" / "a.wav")
    assert cfg == {"content": {"path": new}, "style": {"path": [new, *style[1:]]}, "n": []}
    assert caplog.messages == [
        f"{key}: /old/a.wav is not there; using {new}" for key in ("content.path", "style.path")
    ]
    cfg.n = ["/old/lost.wav"]
    with pytest.raises(InputError, match=r"^n: /old/lost.wav, .* say where it is now by n=$"):
        moved_files.follow(cfg, "n", run)


def test_files_that_may_be_the_same(tmp_path):
    for name, text in {"a": "a", "again": "a", "b": "b"}.items():
        (tmp_path / name).write_text(text)
    a, again, b, gone = (str(tmp_path / name) for name in ("a", "again", "b", "gone"))
    assert moved_files.may_be_same([a, gone], [again, b]), "of what is gone nothing is known"
    for now in ([a], [b, b], [gone, b]):
        assert not moved_files.may_be_same([a, gone], now)


def test_a_project_that_moved_goes_on(command, tmp_path, clips, monkeypatch):
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    for role in ("content", "style"):
        shutil.copy(clips[role], old / f"{role}{clips[role].suffix}")
    monkeypatch.chdir(old)
    typed = ["content.path=content.wav", "style.path=style.flac"]
    assert command(*typed, *SMALL, "hydra.run.dir=run", defaults=False)[0] == 0
    monkeypatch.chdir(tmp_path)
    old.rename(new)
    code, err = command("resume=new/run", "n_steps=13", defaults=False)
    assert (code, summary(new / "run")["n_steps"]) == (0, 13), err
    assert f"content.path: {old}/content.wav is not there; using {new}/content.wav" in err
    # elsewhere, and by other names
    (new / "content.wav").rename(tmp_path / "c (1).wav")
    code, err = command("resume=new/run", "n_steps=14", defaults=False)
    assert (code, "does not exist; say where it is now by content.path=" in err) == (2, True), err
    typed = ["content.path=c (1).wav", "style.path=new/style.flac"]
    code, err = command("resume=new/run", "n_steps=14", *typed, defaults=False)
    assert (code, summary(new / "run")["n_steps"]) == (0, 14), err
    saved = yaml.safe_load((new / "run" / "config.yaml").read_text())
    assert saved["content"]["path"] == str(tmp_path / "c (1).wav")
    # the content of the files decides
    code, err = command("resume=new/run", "content.path=new/style.flac", defaults=False)
    assert code == 2
    assert "the clips have changed since the run in new/run was started" in err
    assert yaml.safe_load((new / "run" / "config.yaml").read_text()) == saved
