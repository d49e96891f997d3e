"""Several contents, small ones: each is what a run of it alone is."""

import shutil
from pathlib import Path

import pytest
import soundfile

from nstaudio.experiments.report import sweep_page
from nstaudio.experiments.storage import summary as summaries
from nstaudio.optimization import loop

from helpers import SR, music
from small_runs import SMALL, assert_refused, summary


@pytest.fixture
def folder(tmp_path) -> Path:
    """Two contents of one length, and what is none."""
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("a song", "b"):
        soundfile.write(folder / f"{name}.wav", music(ord(name[0]), 1.53), SR)
    (folder / "c.wav").write_text("no sound")
    (folder / "notes.txt").write_text("no sound either")
    return folder


def n_programs() -> int:
    return loop.advance._cache_size()  # type: ignore[attr-defined]


@pytest.mark.slow
def test_a_folder_of_contents(command, tmp_path, folder, clips):
    style = f"style.path=['{clips['style']}','{clips['content']}']"
    given = [style, *SMALL, "n_steps=6"]
    before = n_programs()
    code, err = command("content.path=in", *given, "hydra.run.dir=r", defaults=False)
    assert code == 2
    assert n_programs() - before <= 1, "of one length"
    assert "no audio, left out of in: notes.txt" in err
    assert "content 3 of 3: in/c.wav" in err
    assert err.count("error: ") == 1, "the others go on"
    assert "error: content file in/c.wav cannot be decoded" in err
    assert "1 of 3 contents failed" in err
    assert f"go on with what is not done: resume={tmp_path}/r" in err

    runs = summaries.part_folders(tmp_path / "r")
    assert [run.name for run in runs] == ["a-song", "b", "c"]
    assert "cannot be decoded" in (runs[2] / "error.txt").read_text()
    page = (tmp_path / "r" / "sweep.html").read_text()
    assert page.count('"state": "finished"') == 2
    assert page.count('"state": "failed"') == 1
    assert sweep_page.find(tmp_path / "r") == runs, "the folder itself is no run"
    alone = [f"content.path={folder}/b.wav", *given, "hydra.run.dir=alone"]
    assert command(*alone, defaults=False)[0] == 0
    sounds = [(run / "generated.wav").read_bytes() for run in (runs[1], tmp_path / "alone")]
    assert sounds[0] == sounds[1]
    assert summary(runs[1])["inputs"] == summary(tmp_path / "alone")["inputs"]
    assert "content 1 of 3" not in (runs[1] / "run.log").read_text()
    assert (runs[1] / "run.log").read_text().count("listen: ") == 1

    # what is missing is made, what is done is left
    shutil.copy(folder / "a song.wav", folder / "c.wav")
    code, err = command("resume=r", defaults=False)
    assert code == 0, err
    assert err.count("done before: ") == 2
    assert not (runs[2] / "error.txt").exists()
    assert summary(runs[2])["n_steps"] == 6
    (tmp_path / "in").rename(tmp_path / "moved")
    code, err = command("resume=r", "content.path=moved", defaults=False)
    assert code == 0, err
    assert err.count("done before: ") == 3
    code, err = command("resume=r", f"content.path=[{tmp_path}/moved/b.wav]", defaults=False)
    assert code == 2
    assert "content.path names 1 files, and the run in r has 3 contents" in err


def test_a_list_of_contents_of_which_one_is_missing(command, tmp_path, folder, clips):
    given = [f"style.path='{clips['style']}'", *SMALL, "n_steps=2", "hydra.run.dir=r"]
    code, err = command("content.path=[in/b.wav,gone.wav]", *given, defaults=False)
    assert code == 2
    assert "error: content file gone.wav does not exist" in err
    assert summary(tmp_path / "r" / "b")["n_steps"] == 2
    code, err = command("resume=r", defaults=False)
    assert code == 2
    assert "done before: " in err
    assert "gone.wav does not exist" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["content.path=empty"], "content file empty is a folder without audio files"),
        (["content.path=[]"], "content.path is an empty list"),
        (["content.path=in", "n_seeds=2"], "several contents, which a sweep and n_seeds take one"),
        (["content.path=in", "encoder.features=[0]"], "must be at least 1"),
        (["content.path=in", "style.path=gone.wav"], "style file gone.wav does not exist"),
        (["content.path=in/b.wav,in/a.wav"], "or write a list, content.path=[...]"),
    ],
)
def test_what_cannot_work_is_refused_at_once(arguments, message, command, tmp_path, folder):
    (tmp_path / "empty").mkdir()
    code, err = command(*arguments, defaults=False)
    assert_refused(code, err, message, tmp_path)


@pytest.mark.parametrize("launcher", ["basic", "vmap"])
def test_a_sweep_takes_contents_one_by_one(launcher, command, tmp_path, folder):
    given = ["-m", f"hydra/launcher={launcher}", "content.path=[in/b.wav,in/a.wav]", "seed=0"]
    code, err = command(*given, defaults=False)
    assert code == 2
    assert "-m content.path=a.wav,b.wav" in err


def test_a_damaged_list_of_the_contents_is_a_line(command, tmp_path, folder, clips):
    given = [f"style.path='{clips['style']}'", *SMALL, "n_steps=1", "hydra.run.dir=r"]
    assert command("content.path=[in/b.wav]", *given, defaults=False)[0] == 0
    (tmp_path / "r" / summaries.CONTENTS).write_text("[")
    code, err = command("resume=r", defaults=False)
    assert code == 2
    assert "error: " in err
    assert "r/contents.json cannot be read: " in err


def test_without_a_page_the_results_stay(command, monkeypatch, tmp_path, folder, clips):
    def full(_):
        raise OSError(28, "No space left")

    monkeypatch.setattr(sweep_page, "write", full)
    given = [f"style.path='{clips['style']}'", *SMALL, "n_steps=1", "hydra.run.dir=r"]
    code, err = command("content.path=[in/b.wav]", *given, defaults=False)
    assert code == 0, err
    assert "no page of the contents: " in err
    assert (tmp_path / "r" / "b" / "generated.wav").exists()
