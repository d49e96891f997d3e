"""Completion as the shells themselves do it."""

import os
import re
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nstaudio.experiments.commands import completion
from nstaudio.experiments.config_choices import choices

BIN = Path(sys.executable).parent

# What Readline has made of the line: it breaks words at `=` and gives the last one's place.
BASH = """
eval "$(nstaudio completion bash)"
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
complete -p nstaudio | grep -q -- '-F _nstaudio' && _nstaudio
printf '%s\\n' "${COMPREPLY[@]}"
"""

# What zsh's editor has made of the line, on a key of its own.
ZSH = """
PS1=; unsetopt zle_bracketed_paste; autoload -Uz compinit; compinit -u -D
eval "$(nstaudio completion zsh)"
shown() { print -r -- "<<$BUFFER>>" }; zle -N shown; bindkey '^Y' shown; print RE''ADY
"""


@pytest.fixture
def environment() -> dict[str, str]:
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "TERM": "dumb"}


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "my song.wav").touch()
    (tmp_path / "other.flac").touch()
    (tmp_path / "music").mkdir()
    return tmp_path


@pytest.fixture
def shell(folder, environment):
    def call(*command: str) -> str:
        if shutil.which(command[0]) is None:
            pytest.skip(f"{command[0]} is not installed")
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return call


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["sty"], ["style=", "style_loss=", "style."]),
        (["style", "=", ""], ["classical", "jazz"]),
        (["style", "="], ["classical", "jazz"]),
        (["run", "style", "=", "jazz", "content", "=", "cl"], ["classical"]),
        (["-m", "encoder", "=", "conv1d,inf"], ["conv1d,infinite"]),
        (["experiment", "="], choices("experiment")),
        (["pre"], ["presets"]),
        (["completion", "z"], ["zsh"]),
        (["content.path", "=", "m"], ["music", "my song.wav"]),
        (["gallery", "o"], ["other.flac"]),
        (["content.path", "=", "nothing"], [""]),
    ],
)
def test_bash_completes(words, expected, shell):
    found = shell("bash", "--norc", "-c", BASH, "bash", "nstaudio", *words)
    assert sorted(found.splitlines()) == sorted(expected)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("nstaudio presets des", ["descent"]),
        ("nstaudio style=cl", ["style=classical"]),
        ("nstaudio run guide.st", ["guide.start_s=", "guide.strength_over_time="]),
        ("nstaudio content.path=o", ["content.path=other.flac"]),
    ],
)
def test_fish_completes(line, expected, shell):
    script = f"nstaudio completion fish | source; complete -C '{line}'"
    assert [a.split("\t")[0] for a in shell("fish", "-c", script).splitlines()] == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("nstaudio presets des", "nstaudio presets descent "),
        ("nstaudio style=cl", "nstaudio style=classical "),
        ("nstaudio stren", "nstaudio strength="),
        ("nstaudio content.path=o", "nstaudio content.path=other.flac "),
    ],
)
def test_zsh_completes(line, expected, folder, environment):
    if shutil.which("zsh") is None:
        pytest.skip("zsh is not installed")
    ours, its = os.openpty()
    with subprocess.Popen(
        ["zsh", "-f", "-i", "+m"],
        cwd=folder,
        env=environment,
        stdin=its,
        stdout=its,
        stderr=its,
        start_new_session=True,
    ) as zsh:
        os.write(ours, ZSH.encode())
        read_until(rb"READY\r", ours)
        os.write(ours, f"{line}\t\x19".encode())
        assert read_until(rb"<<(.*?)>>", ours) == expected
        zsh.kill()
    os.close(ours)
    os.close(its)


def read_until(pattern: bytes, terminal: int) -> str:
    """The first group of what a terminal shows, or all of it."""
    shown, deadline = b"", time.monotonic() + 300
    while (found := re.search(pattern, shown)) is None:
        assert time.monotonic() < deadline, shown
        if select.select([terminal], [], [], 1.0)[0]:
            shown += os.read(terminal, 2**16)
    return found[found.re.groups].decode()


def test_there_is_a_script_for_each_shell(capsys):
    for shell_name in completion.SHELLS:
        assert completion.main([shell_name]) == 0
        assert "completion words" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        completion.main(["tcsh"])
