import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

import render_triplets
from render_triplets import Note

SCALE = [(float(i), 1.0, 60 + i) for i in range(40)]


def test_an_excerpt_is_what_begins_in_it():
    # Two notes a second from beat 10 on: 8 s are 16 beats.
    notes = render_triplets.cut(SCALE, 10.0, 0.5)
    assert [n.key for n in notes] == list(range(70, 86))
    assert notes[0][:2] == (0.0, 0.5)
    assert notes[-1][:2] == (7.5, 8.0)


def test_a_long_note_ends_with_the_excerpt():
    (note,) = render_triplets.cut([(0.0, 100.0, 60)], 0.0, 0.5)
    assert note.release == render_triplets.SECONDS


@pytest.mark.parametrize(
    ("notes", "good"),
    [
        ([Note(i, i + 0.9, 60, 80) for i in range(8)], True),
        ([Note(i, i + 0.5, 60, 80) for i in range(8)], False),  # half of it rests
        ([Note(0, 8, 60, 80)], False),
        ([], False),
    ],
)
def test_music_has_notes_and_few_rests(notes, good):
    assert render_triplets.is_music(notes) == good


def test_a_triplet_is_drawn_and_rendered(monkeypatch, tmp_path):
    """The scores and the synthesiser are stood in for: a sine for every note, by program."""

    def play(notes, soundfont, *, program, settings):
        t = np.arange(9 * 44100) / 44100
        y = sum(
            (t >= n.onset) * (t < n.release) * np.sin(2 * np.pi * (n.key + 100 * program) * t)
            for n in notes
        )
        return np.stack([y, y], axis=1), 44100

    monkeypatch.setattr(render_triplets, "play", play)
    monkeypatch.setattr(render_triplets, "parts", lambda _: [[], SCALE])
    monkeypatch.setattr(render_triplets, "corpus_pieces", lambda: [["a", "b"], ["c"]])
    font = tmp_path / "font.sf2"
    font.touch()
    made = []
    for out in ("one", "two"):
        folder = tmp_path / out
        arguments = ["--soundfont", str(font), "--out", str(folder), "--n", "2", "--seed", "3"]
        assert render_triplets.main(arguments) == 0
        files = sorted(folder.glob("*.flac"))
        assert len(files) == 6
        made.append([soundfile.read(file)[0] for file in files])
        assert all(y.shape == (8 * 16000,) for y in made[-1])
        assert [np.abs(y).max() for y in made[-1]] == pytest.approx([0.7] * 6, abs=1e-3)
        (meta, _) = json.loads((folder / "meta.json").read_text())
        assert meta["content_program"] != meta["style_program"]
        assert meta["content"][1] == 1, "the part with notes"
    np.testing.assert_array_equal(made[0], made[1])


@pytest.mark.parametrize(
    ("n", "message"),
    [("0", "--n=0 must be at least 1"), ("1", "nowhere.sf2 is not a file")],
)
def test_what_is_missing_is_one_line(n, message, tmp_path, capsys):
    arguments = ["--soundfont", "nowhere.sf2", "--out", str(tmp_path / "x"), "--n", n]
    assert render_triplets.main(arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.splitlines()) == 1
    assert not (tmp_path / "x").exists()


@pytest.mark.skipif(shutil.which("fluidsynth") is None, reason="fluidsynth is not installed")
def test_a_soundfont_that_is_none_is_refused(tmp_path):
    font = tmp_path / "font.sf2"
    font.write_bytes(b"nothing")
    with pytest.raises(render_triplets.RenderError, match="fluidsynth"):
        render_triplets.render([Note(0.0, 1.0, 60, 80)], Path(font), 0)


def test_splits_have_no_work_in_common():
    pieces = [
        [f"bach/bwv{i}" for i in range(300)],
        ["mozart/k80/movement1", "mozart/k80/movement3"],
    ]
    splits = {s: render_triplets.of_split(pieces, s) for s in render_triplets.SPLITS}
    drawn = [piece for kept in splits.values() for works in kept for piece in works]
    assert sorted(drawn) == sorted(piece for works in pieces for piece in works)
    movements = [{p for works in kept for p in works if "k80" in p} for kept in splits.values()]
    assert sorted(map(len, movements)) == [0, 0, 2], "the movements of a work stay together"
    shares = [len(kept[0]) / 300 for kept in splits.values()]
    assert shares == pytest.approx([0.6, 0.2, 0.2], abs=0.06)
    assert render_triplets.of_split(pieces, "all") == pieces
