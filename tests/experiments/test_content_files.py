import logging

import numpy as np
import pytest
import soundfile

from nstaudio.errors import InputError
from nstaudio.experiments import content_files


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "in"
    (folder / "more").mkdir(parents=True)
    for name in ("b.flac", "a (1).wav"):
        soundfile.write(folder / name, np.sin(np.arange(800) / 9), 8000)
    (folder / "b.flac").rename(folder / "no suffix")
    (folder / "damaged.mp3").write_text("no sound")
    (folder / "cover.jpg").write_bytes(b"\xff\xd8\xff")
    (folder / ".hidden.wav").touch()
    soundfile.write(folder / "more" / "c.wav", np.sin(np.arange(800) / 9), 8000)
    return folder


def test_a_folder_is_its_files_of_sound(folder, caplog):
    with caplog.at_level(logging.INFO):
        found = content_files.find([str(folder), "x.wav"])
    names = ("a (1).wav", "damaged.mp3", "no suffix")
    assert found == [*(str(folder / name) for name in names), "x.wav"]
    (line,) = caplog.messages
    assert line == f"no audio, left out of {folder}: cover.jpg, more"


def test_many_others_are_counted(folder, caplog):
    for i in range(20):
        (folder / f"{i:02d}.txt").touch()
    with caplog.at_level(logging.INFO):
        content_files.find(["in"])
    assert caplog.messages[0].endswith("06.txt, 07.txt and 14 more")


def test_nothing_to_do_is_refused(folder):
    with pytest.raises(InputError, match=r"^content.path is an empty list"):
        content_files.find([])
    (folder / "empty").mkdir()
    with pytest.raises(
        InputError, match=r"^content file in/empty is a folder without audio files$"
    ):
        content_files.find(["in/empty"])


def test_folders_are_named_after_the_files():
    files = ["x/Song (live).wav", "song-live.mp3", "y/song-live.mp3", "a/b.c.wav", "a/....wav"]
    names = ["Song-live", "song-live_2", "song-live_3", "b.c", "unnamed"]
    assert content_files.folder_names(files) == names
