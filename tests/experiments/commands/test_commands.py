"""Subcommands: which is meant, and help on one screen."""

import contextlib
import json
import subprocess
import sys
from types import SimpleNamespace

import pytest

from nstaudio.experiments import cli, commands
from nstaudio.experiments.commands import help_pages

from helpers import ROOT

HEAVY = ("jax", "numpy", "hydra", "omegaconf", "flax", "scipy", "librosa", "matplotlib")


@pytest.fixture
def called(monkeypatch):
    """The subcommands that are called, with their arguments."""
    calls = []

    def module(name):
        found = next(key for key, one in commands.SUBCOMMANDS.items() if one.module == name)
        return SimpleNamespace(main=lambda argv: calls.append((found, argv)) or 7)

    monkeypatch.setattr(commands.importlib, "import_module", module)
    return calls


@pytest.mark.parametrize(
    ("argv", "call"),
    [
        ([], ("run", [])),
        (["run", "style=jazz"], ("run", ["style=jazz"])),
        (["style=jazz", "gallery"], ("run", ["style=jazz", "gallery"])),
        (["-m", "seed=0,1"], ("run", ["-m", "seed=0,1"])),
        (["+new=1"], ("run", ["+new=1"])),
        (["~style"], ("run", ["~style"])),
        (["gallery", "a b"], ("gallery", ["a b"])),
        (["ui", "--port", "1"], ("ui", ["--port", "1"])),
    ],
)
def test_the_first_word_tells_the_subcommand(argv, call, called):
    assert commands.main(argv) == 7
    assert called == [call]


def test_another_first_word_is_refused(called, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my song.mp3").touch()
    for word, message in {
        "galery": "(did you mean gallery?)",
        "xyz": "error: xyz is no subcommand: run,",
        "a\nb" * 3000: "is no subcommand",
        "my song.mp3": "my song.mp3 is a file: write content.path=FILE style.path=FILE",
    }.items():
        assert commands.main([word]) == 2
        err = capsys.readouterr().err
        assert err.startswith("error: ")
        assert message in err
        assert err.count("\n") == 1
    assert called == []


@pytest.mark.parametrize(
    "argv", [["--help"], ["-h"], *([a, "--help"] for a in commands.SUBCOMMANDS)]
)
def test_help_fits_on_a_screen_and_has_three_examples(argv, capsys):
    with contextlib.suppress(SystemExit):  # of argparse
        assert commands.main(argv) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= help_pages.WIDTH
    after = lines[lines.index("examples:") + 1 :]
    assert len([line for line in after if line.startswith("  nstaudio ")]) == 3


def test_run_and_settings_hand_over_what_was_typed(monkeypatch):
    seen = []
    monkeypatch.setattr(cli, "main", lambda: seen.append(sys.argv[1:]) or 0)
    monkeypatch.setattr(commands.importlib.import_module("signal"), "signal", lambda *_: None)
    monkeypatch.setattr(sys, "argv", ["nstaudio", "x"])
    assert commands.main(["run", "style=jazz"]) == 0
    assert commands.main(["settings", "style=jazz"]) == 0
    assert seen == [["style=jazz"], ["--help", "style=jazz"]]


@pytest.mark.parametrize(
    "argv", [["--help"], ["run", "-h"], ["galery"], ["presets"], ["completion", "words", ""]]
)
def test_a_word_of_help_imports_nothing_heavy(argv):
    script = (
        "import json, sys\nfrom nstaudio.experiments import commands\n"
        f"commands.main({argv!r})\nprint(json.dumps([m for m in {HEAVY!r} if m in sys.modules]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout.splitlines()[-1]) == []
