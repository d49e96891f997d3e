import json

import numpy as np
import pytest
import soundfile

from nstaudio.experiments.rendering import scores
from nstaudio.experiments.rendering.soundfont import DRUMS, midi

import render_ensembles
import render_triplets

SCALE = [(float(i), 1.0, 60 + i % 12) for i in range(40)]
BASS = [(2.0 * i, 2.0, 36 + i % 5) for i in range(20)]


def test_a_pattern_is_struck_over_and_over():
    strokes = render_ensembles.strokes("rock", 120)  # a sixteenth is 1/8 s, a bar 2 s
    kicks = [n.onset for n in strokes if n.key == 36]
    assert kicks == pytest.approx([2 * bar + t for bar in range(4) for t in (0, 1, 1.25)])
    assert {n.velocity for n in strokes if n.key == 42} == {70}


def test_drums_have_a_channel_of_their_own():
    notes = render_ensembles.strokes("rock", 120)[:1]
    assert bytes([0xC9, 25]) in midi(notes, 25, DRUMS)
    assert bytes([0x99, 36, 95]) in midi(notes, 25, DRUMS)
    assert bytes([0x90, 36, 95]) in midi(notes, 25)


def test_a_mix_is_drawn_and_rendered(monkeypatch, tmp_path):
    """The scores and the synthesiser are stood in for: a level for every part, by its program."""
    played = []

    def play(notes, soundfont, *, program, channel, settings):
        played.append((np.mean([n.key for n in notes]), program, channel))
        return np.full((8 * 44100, 2), 10.0 ** -len(notes)), 44100

    monkeypatch.setattr(render_ensembles, "play", play)
    monkeypatch.setattr(scores, "parts", lambda _: [[], BASS, SCALE])
    monkeypatch.setattr(render_triplets, "corpus_pieces", lambda: [["a", "b"], ["c"]])
    font, folder = tmp_path / "font.sf2", tmp_path / "out"
    font.touch()
    arguments = ["--soundfont", str(font), "--out", str(folder), "--n", "2", "--seed", "3"]
    assert render_ensembles.main(arguments) == 0
    files = sorted(folder.glob("*.flac"))
    assert [soundfile.info(file).frames for file in files] == [8 * 22050] * 6
    plain, drummed = json.loads((folder / "meta.json").read_text())
    assert plain["content"]["drums"] is None
    assert drummed["content"]["drums"] != drummed["style"]["drums"]
    high, low = played[0], played[1]
    assert high[0] > low[0], "the highest part first"
    programs = render_ensembles.ENSEMBLES[plain["content"]["ensemble"]]
    assert (high[1], low[1]) == (programs[0], programs[-1]), "two parts are the outer ones"
    content, target = played[:2], played[4:6]
    assert [key for key, *_ in target] == [key for key, *_ in content]
    style_programs = render_ensembles.ENSEMBLES[plain["style"]["ensemble"]]
    assert [p for _, p, _ in target] == [style_programs[0], style_programs[-1]]
    kits = [(p, c) for _, p, c in played if c == DRUMS]
    expected = [drummed[role]["kit"] for role in ("content", "style", "style")]
    assert kits == [(kit, DRUMS) for kit in expected]


def test_what_is_missing_is_one_line(tmp_path, capsys):
    arguments = ["--soundfont", "nowhere.sf2", "--out", str(tmp_path / "x")]
    assert render_ensembles.main(arguments) == 2
    assert capsys.readouterr().err == "render_ensembles: nowhere.sf2 is not a file\n"
    assert not (tmp_path / "x").exists()
