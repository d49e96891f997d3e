"""Facts of clips whose facts are known."""

import json

import numpy as np
import pytest
import soundfile

from nstaudio.experiments.commands import info

SR = 44100


def tone(seconds: float, hz: float = 997.0) -> np.ndarray:
    return 0.1 * np.sin(2 * np.pi * hz * np.arange(int(seconds * SR)) / SR)


def test_level_silence_and_channels(tmp_path, capsys):
    y = np.concatenate([tone(3), np.zeros(3 * SR), tone(2)])
    file = tmp_path / "My Tone.FLAC"
    soundfile.write(file, np.stack([y, y], axis=1), SR, format="FLAC", subtype="PCM_24")
    assert info.main([str(file), "--json", "--quick"]) == 0
    facts = json.loads(capsys.readouterr().out)
    # BS.1770: at 997 Hz a full-scale sine has -3.01 LKFS in one channel, and two are 3.01 more
    assert facts.pop("loudness_lufs") == pytest.approx(-20.0, abs=0.3)
    assert facts.pop("true_peak_db") == pytest.approx(-20.0, abs=0.1)
    assert facts.pop("silence_share") == pytest.approx(3 / 8, abs=0.02)
    assert facts == {
        "file": str(file),
        "format": "flac",
        "coding": "PCM_24",
        "sr": SR,
        "duration_s": 8.0,
        "n_channels": 2,
        "turned_channels": [],
    }
    assert info.main([str(file), "--quick"]) == 0
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert lines["format"] == "flac, PCM_24, 44100 Hz"
    assert lines["channels"] == "2, in phase"
    assert lines["silence"] in ("37 % of the time", "38 % of the time")


def test_channels_that_cancel_are_named(tmp_path, capsys):
    y = np.random.default_rng(0).normal(0, 0.1, 2 * SR)
    soundfile.write(tmp_path / "a.wav", np.stack([y, -y], axis=1), SR)
    assert info.main([str(tmp_path / "a.wav"), "--quick"]) == 0
    out = capsys.readouterr().out
    assert "turned over: 1" in out or "turned over: 2" in out


def test_another_file_is_refused(tmp_path, capsys):
    (tmp_path / "a.wav").write_text("no sound")
    for name in ("a.wav", "gone.wav"):
        assert info.main([str(tmp_path / name)]) == 2
        err = capsys.readouterr().err
        assert err.startswith("error: clip file ")
        assert err.count("\n") == 1


@pytest.mark.slow
def test_notes_time_and_memory(tmp_path, capsys):
    y = sum(tone(3, 440.0 * n) / n for n in (1, 2, 3, 4))
    soundfile.write(tmp_path / "a.wav", y, SR)
    assert info.main([str(tmp_path / "a.wav"), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["notes"]["n_notes"] >= 1
    assert 69 in (facts["notes"]["lowest_midi"], facts["notes"]["highest_midi"])
    assert facts["run"]["seconds"] > 0
    assert facts["run"]["bytes"] > 1e8
    assert info.main([str(tmp_path / "a.wav")]) == 0
    out = capsys.readouterr().out
    assert "A4" in out
    assert "GB of memory, with the default settings" in out
