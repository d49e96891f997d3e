"""Paths typed for scripts."""

from argparse import ArgumentTypeError
from pathlib import Path

import pytest

from nstaudio.experiments.commands.typed_path import typed_path

import gallery


def test_home_and_names_that_look_like_it(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    Path("~backup").touch()
    for text, path in {
        "~/runs (1)": tmp_path / "runs (1)",
        "~": tmp_path,
        "~backup": Path("~backup"),
        "~no-such-user/x": Path("~no-such-user/x"),
        "a b": Path("a b"),
    }.items():
        assert typed_path(text) == path


def test_an_empty_name(capsys):
    with pytest.raises(ArgumentTypeError, match="^the name is empty$"):
        typed_path("")
    with pytest.raises(SystemExit) as end:
        gallery.main([""])
    assert end.value.code == 2
    assert "error: argument FOLDER: the name is empty" in capsys.readouterr().err
