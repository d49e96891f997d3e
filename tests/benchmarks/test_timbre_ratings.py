import numpy as np
import pytest
import soundfile

from helpers import ROOT, music


@pytest.fixture
def benchmark(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import timbre_ratings

    return timbre_ratings


def differences(points):
    return np.abs(np.subtract.outer(points, points))


def test_agreement_by_hand(benchmark):
    rated = differences(np.array([0.0, 0.05, 0.4, 1.0]))
    assert benchmark.agreements(rated, rated) == [1, 1, 1, 1]
    assert benchmark.agreements(rated, -rated) == [0, 0, 0, 0]
    # The order 0, 2, 1, 3 in place of 0, 1, 2, 3. From the first sound people tell three pairs
    # apart, of which one turns round; from the second all three, two turn round and one is a tie;
    # from the others two, as the first two sounds are as far.
    found = differences(np.array([0.0, 2.0, 1.0, 3.0]))
    expected = [2 / 3, 0, 1, 1 / 2]
    assert benchmark.agreements(rated, found) == pytest.approx(expected)


def test_a_study_of_three_sounds(benchmark, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(benchmark, "N_STUDIES", 1)
    ratings, sounds = (tmp_path / "timbremetrics" / name for name in ("true_dissim", "sounds"))
    ratings.mkdir(parents=True)
    (sounds / "x").mkdir(parents=True)
    np.savetxt(ratings / "x_dissimilarity_matrix.txt", [[0, 1, 5], [0, 0, 4], [0, 0, 0]])
    y = music(1, 0.3, 44100)
    bright = np.diff(y, prepend=0) * 5
    for name, sound in zip("abc", (y, 0.9 * y + 0.1 * bright, bright), strict=True):
        soundfile.write(sounds / "x" / f"{name}.aiff", np.clip(sound, -1, 1), 44100)
    assert benchmark.main([str(tmp_path), "--only", "MFCC", "identity input: mean"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("|")[1].strip() for line in lines[2:]] == [
        "MFCC 1 to 12 (`timbre`)",
        "MFCC 0 to 39",
        "identity input: mean",
        "identity input: mean and deviation",
    ]
    assert all(line.endswith("| 1.000 |") for line in lines[2:])


def test_other_folders_are_one_line(benchmark, tmp_path, capsys):
    assert benchmark.main([str(tmp_path)]) == 2
    assert "holds the ratings of 0 studies, not 21" in capsys.readouterr().err
