"""Names of files as they are typed."""

from pathlib import Path

import pytest
import soundfile

from nstaudio.audio import files
from nstaudio.errors import InputError

from helpers import SR, music


def test_an_empty_name():
    with pytest.raises(InputError, match="^style file has an empty name$"):
        files.load_all([""], role="style")


def test_a_tilde_is_home_unless_such_a_file_exists(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for name in ("song.wav", "~backup.wav"):
        soundfile.write(name, music(1, 0.1), SR)
    assert files.load("~/song.wav").path == tmp_path / "song.wav"
    assert files.load("~backup.wav").path == Path("~backup.wav")
