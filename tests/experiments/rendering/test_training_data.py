import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import librosa
import numpy as np
import pytest

from nstaudio.experiments.commands import render_training_data as command
from nstaudio.experiments.rendering import training_data
from nstaudio.experiments.rendering.scores import TRAINING, VALIDATION
from nstaudio.experiments.rendering.synthesisers import SR
from nstaudio.experiments.rendering.training_data import FLOOR_DB, Job

SCALE = [(float(i), 1.0, 60 + i % 12) for i in range(40)]


class Sines:
    """Stands in for a soundfont: a sine for the program; program 9 is silent."""

    def __init__(self, played=None):
        self.played = played if played is not None else []

    def play(self, notes, program, *, seconds, room, drums=False):
        assert 0 <= room <= 1
        self.played.append((notes, program, drums))
        t = np.arange(round(seconds * SR)) / SR
        level = 0.0 if program == 9 else 0.1
        return (level * np.sin(2 * np.pi * (200 + 10 * (program % 100)) * t)).astype(np.float32)


def test_levels_are_librosas():
    y = np.random.default_rng(0).normal(0, 0.1, SR).astype(np.float32)
    power = librosa.feature.melspectrogram(
        y=y, sr=SR, n_fft=2048, hop_length=512, n_mels=128, pad_mode="constant"
    )
    expected = 10 * np.log10(power.T)
    np.testing.assert_allclose(training_data.level_db(y), expected, atol=1e-3)
    assert (training_data.level_db(np.zeros(4000)) == FLOOR_DB).all()


def test_the_target_has_the_contents_notes_and_the_styles_instrument():
    scores = {"tunes": [[SCALE, SCALE]]}
    for seed in range(6):
        played = []
        training_data.render_group(
            scores, (Sines(played), Sines(played)), np.random.default_rng(seed)
        )
        for content, style, target in zip(*[iter(played)] * 3, strict=True):
            assert target[0] == content[0]
            assert target[1] == style[1]
            assert content[2] == style[2] == target[2]


def test_what_an_instrument_does_not_play_is_no_part(monkeypatch):
    monkeypatch.setattr(training_data, "programs", lambda _, n, __: [9, 1, 9, 1][:n])
    scores = {"tunes": [[SCALE, SCALE]]}
    levels, powers = training_data.render_group(
        scores, (Sines(), Sines()), np.random.default_rng(2)
    )
    assert levels.shape == (5, 3, 172, 128)
    assert not powers[0].any()
    np.testing.assert_allclose(powers[1], 0.005, rtol=1e-3)


def test_shards_are_the_same_by_seed(monkeypatch, tmp_path):
    monkeypatch.setattr(training_data, "GROUPS_IN_SHARD", 2)
    monkeypatch.setattr(training_data, "synthesisers", lambda _: (Sines(), Sines()))
    scores = tmp_path / "scores.json"
    scores.write_text(json.dumps({"tunes": [[SCALE]]}))
    made = []
    for number in (1, 1, 2):
        job = Job(tmp_path, 5, number, (), scores)
        with np.load(training_data.render_shard(job)) as shard:
            made.append((shard["level_db"], shard["mean_square"]))
    assert made[0][0].dtype == np.float16
    np.testing.assert_array_equal(made[0][0], made[1][0])
    assert not np.array_equal(made[0][0], made[2][0])
    assert sorted(p.name for p in tmp_path.glob("*.npz")) == ["5-0001.npz", "5-0002.npz"]
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize(
    ("groups", "message"),
    [("0", "--groups=0 must be at least 1"), ("1", "nowhere.sf2 is not a file")],
)
def test_what_is_missing_is_one_line(groups, message, tmp_path, capsys):
    out = Path(tmp_path / "x")
    arguments = [str(out), "--fonts", "nowhere.sf2", "--groups", groups]
    assert command.main(arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.splitlines()) == 1
    assert not out.exists()


def test_what_is_rendered_stays_and_is_told_in_a_manifest(monkeypatch, tmp_path):
    """Without soundfonts: harmonic timbres alone; a second call makes what is missing."""
    monkeypatch.setattr(training_data, "GROUPS_IN_SHARD", 1)
    monkeypatch.setattr(training_data, "ProcessPoolExecutor", ThreadPoolExecutor)
    scores = tmp_path / "scores.json"
    scores.write_text(json.dumps({"tunes": [[SCALE], [SCALE, SCALE]]}))
    data = training_data.TrainingData(out=tmp_path, fonts=(), n_groups=1, seed=4, n_processes=1)
    assert [file.name for file in training_data.render(data)] == ["4-0000.npz", "manifest.json"]
    first = (tmp_path / "4-0000.npz").read_bytes()
    more = training_data.TrainingData(out=tmp_path, fonts=(), n_groups=2, seed=4, n_processes=1)
    assert [file.name for file in training_data.render(more)] == ["4-0001.npz", "manifest.json"]
    assert (tmp_path / "4-0000.npz").read_bytes() == first
    made_of = json.loads((tmp_path / "manifest.json").read_text())
    assert made_of["groups"] == 2
    assert made_of["fonts"] == {}
    assert made_of["scores"] == {"tunes": 2}
    assert made_of["scores_sha256"] == hashlib.sha256(scores.read_bytes()).hexdigest()
    assert set(made_of["families"]) == set(TRAINING)


def test_the_command_tells_of_each_file(monkeypatch, tmp_path, capsys):
    font = tmp_path / "a.sf2"
    font.touch()
    asked = []

    def render(data):
        asked.append(data)
        yield tmp_path / "5-0000.npz"

    monkeypatch.setattr(training_data, "render", render)
    given = [str(tmp_path), "--fonts", str(font), "--seed", "5", "--validation"]
    assert command.main(given) == 0
    assert capsys.readouterr().out.endswith(" s  5-0000.npz\n")
    assert (asked[0].fonts, asked[0].seed, asked[0].families) == ((font,), 5, VALIDATION)
