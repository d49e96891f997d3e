import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from nstaudio.experiments.rendering import scores
from nstaudio.experiments.rendering.soundfont import RenderError

import render_triplets


def test_scores_of_evaluations_are_left_out(tmp_path):
    for name in ("opus18no1/a.mxl", "opus18no3/a.mxl", "opus18no4/b.rntxt", "opus74.krn"):
        (tmp_path / "beethoven" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "beethoven" / name).touch()
    found = scores.works(("beethoven", "nobody"), tmp_path)
    assert found == ["beethoven/opus18no1/a.mxl", "beethoven/opus74.krn"]


def test_training_and_evaluation_share_no_composer():
    folders = [f for families in (scores.TRAINING, scores.VALIDATION)
               for each in families.values() for f in each]  # fmt: skip
    assert len(set(folders)) == len(folders)
    assert not set(folders) & set(render_triplets.COMPOSERS)


def test_the_highest_parts_come_first(monkeypatch):
    low, high = [(0.0, 1.0, 40)] * 12, [(0.0, 1.0, 70)] * 12
    monkeypatch.setattr(scores, "parts", lambda _: [low, [], high])
    assert scores.voices("x") == [high, low]


def test_a_score_with_an_error_has_no_parts(monkeypatch):
    def fail(_):
        raise KeyError("measure")

    monkeypatch.setattr(scores, "parts", fail)
    assert scores.voices("x") == []


def test_without_music21_a_line_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "music21", None)
    with pytest.raises(RenderError, match=r"music21 is not installed: uv run"):
        scores.read(scores.TRAINING, tmp_path / "scores.json", processes=1)
    assert not list(tmp_path.iterdir())


def test_the_parts_of_a_chorale():
    """Bach's BWV 66.6: a quarter's upbeat of two eighths in the soprano, C sharp and B."""
    soprano, alto, tenor, bass = scores.parts("bach/bwv66.6")
    assert [key for _, _, key in soprano[:7]] == [73, 71, 69, 71, 73, 76, 73]
    assert [(at, length) for at, length, _ in soprano[:3]] == [(0, 0.5), (0.5, 0.5), (1, 1)]
    means = [sum(key for _, _, key in part) / len(part) for part in (soprano, alto, tenor, bass)]
    assert means == sorted(means, reverse=True)


def test_scores_are_read_once(monkeypatch, tmp_path):
    """By a pool of threads: processes would not know of the folder."""
    corpus = tmp_path / "corpus"
    folder = corpus / "beethoven"
    folder.mkdir(parents=True)
    (corpus / "__init__.py").touch()
    scale = "".join(f"{pitch}4 " for pitch in "cdefgabc" * 2)
    (folder / "scale.tntxt").write_text(f"tinyNotation: 4/4 {scale}")

    class Corpus:
        __file__ = str(corpus / "__init__.py")

        @staticmethod
        def parse(name):
            from music21 import converter, stream

            assert name == "beethoven/scale.tntxt"
            score = stream.Score()
            score.insert(0, converter.parse((corpus / name).read_text()))
            return score

    monkeypatch.setattr(scores, "works", lambda *_: ["beethoven/scale.tntxt"])
    monkeypatch.setattr(scores, "music21_corpus", Corpus)
    monkeypatch.setattr(scores, "ProcessPoolExecutor", ThreadPoolExecutor)
    cache = tmp_path / "scores.json"
    families = {"quartets": ("beethoven",)}
    found = scores.read(families, cache, processes=1)
    expected = [60, 62, 64, 65, 67, 69, 71, 60] * 2
    assert found == {"quartets": [[[(float(i), 1.0, key) for i, key in enumerate(expected)]]]}
    monkeypatch.setattr(scores, "music21_corpus", None)
    assert scores.read(families, cache, processes=1) == found
