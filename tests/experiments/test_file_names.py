"""Runs of files and folders with names that Hydra's grammar does not know."""

import shutil

from small_runs import SMALL, assert_refused, summary


def test_a_run_of_files_as_they_are_named(command, tmp_path, clips):
    names = ["Don't Stop (live) [dQw4w9WgXcQ].wav", "one,two = latin\udce9.flac"]
    for name, role in zip(names, ("content", "style"), strict=True):
        shutil.copy(clips[role], tmp_path / name)
    folder = "0_strength=0.3, & more"
    typed = [f"content.path={names[0]}", f"style.path=[{names[1]}]"]
    code, err = command(*typed, *SMALL, f"hydra.run.dir={folder}", defaults=False)
    assert code == 0, err
    assert f"listen: '{tmp_path / folder / 'report.html'}'" in err
    assert summary(tmp_path / folder)["content"] == "Don't Stop (live) [dQw4w9WgXcQ]"
    assert summary(tmp_path / folder)["style"] == "one,two = latin\\xdce9"
    code, err = command(f"resume={tmp_path / folder}", "n_steps=14", defaults=False)
    assert (code, summary(tmp_path / folder)["n_steps"]) == (0, 14), err


def test_names_that_are_not_there(command, tmp_path):
    for argument, message in {
        "content.path=song (1).wav": "content file song (1).wav does not exist",
        "content=song (1).wav": "own file write 'content.path=song (1).wav'",
        "style.path=a.wav,b.wav": "several values, since no file has that name: add -m to run each",
        "content.path=": "content.path= is empty",
        "resume=run (1)": "resume=run (1) is no run's folder",
    }.items():
        code, err = command(argument, *SMALL, defaults=False)
        assert_refused(code, err, message, tmp_path)


def test_jobs_are_named_without_quotes(command, tmp_path):
    code, err = command("-m", "content.path=a (1).wav,b'.wav", defaults=False)
    assert code == 2
    names = sorted(path.name for path in tmp_path.glob("outputs/sweeps/*/*_*"))
    assert names == ["0_content.path=a-1-.wav", "1_content.path=b-.wav"], err
