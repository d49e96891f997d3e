import sys
from ctypes.util import find_library
from pathlib import Path

import numpy as np
import pytest

from nstaudio.experiments.rendering import synthesisers
from nstaudio.experiments.rendering.soundfont import Note, RenderError
from nstaudio.experiments.rendering.synthesisers import SR, Harmonics, SoundFont, Timbre

NOTE = Note(0.5, 1.5, 69, 90)


def test_keys_go_up_before_others_go_down_at_the_same_time():
    notes = [Note(0.0, 1.0, 60, 80), Note(1.0, 1.01, 60, 70)]
    assert synthesisers.events(notes) == [
        (0.0, 60, 80),
        (1.0, 60, 0),
        (1.0, 60, 70),
        (pytest.approx(1.05), 60, 0),  # no note is shorter than 50 ms
    ]


@pytest.mark.parametrize("program", [1, 2, 3, 4])
def test_a_tone_has_its_partials_and_nothing_before(program):
    y = Harmonics().play([NOTE], program, seconds=2.0, room=0.0)
    assert y.shape == (2 * SR,)
    assert y.dtype == np.float32
    assert not y[: SR // 2].any()
    again = Harmonics().play([NOTE], program, seconds=2.0, room=0.0)
    np.testing.assert_array_equal(y, again)


def test_partials_are_sines_of_multiples():
    """Chance aside: levels by hand, no envelope but the attack, no vibrato, no noise."""
    timbre = Timbre(np.random.default_rng(0))
    timbre.stretch, timbre.vibrato, timbre.breath = 0.0, 0.0, 0.0
    timbre.decay_s, timbre.attack_s, timbre.release_s = np.inf, 1e-4, 0.02
    timbre.n_partials = 3
    timbre.partial_db = lambda k, *_: -6.0 * k
    y = timbre.tone(Note(0.0, 1.0, 69, 90), np.random.default_rng(0))
    t = np.arange(len(y)) / SR
    expected = sum(10 ** (-6 * k / 20) * np.sin(2 * np.pi * 440 * k * t) for k in (1, 2, 3))
    np.testing.assert_allclose(y[100:SR], 0.1 * expected[100:SR], atol=1e-4)
    assert abs(y[-1]) < 0.03 * np.abs(y).max()


def test_stretched_partials_are_above_the_multiples():
    timbre = Timbre(np.random.default_rng(0))
    timbre.stretch, timbre.vibrato, timbre.breath, timbre.decay_s = 1e-3, 0.0, 0.0, np.inf
    timbre.n_partials = 4
    timbre.partial_db = lambda k, *_: np.where(k == 4, 0.0, -200.0)
    y = timbre.tone(Note(0.0, 1.0, 69, 90), np.random.default_rng(0))[:SR]
    peak_hz = np.argmax(np.abs(np.fft.rfft(y)))
    assert peak_hz == pytest.approx(4 * 440 * np.sqrt(1 + 16e-3), abs=1)


def test_no_partial_is_above_the_highest_frequency():
    y = Harmonics().play([Note(0.0, 1.0, 108, 90)], 3, seconds=1.5, room=0.0)
    assert np.isfinite(y).all()


def test_harmonics_have_no_drums():
    with pytest.raises(RenderError, match="no drums"):
        Harmonics().play([NOTE], 0, seconds=1.0, room=0.0, drums=True)


def test_a_room_adds_an_echo_of_its_share():
    """Of noise with unit energy: what it adds has about the note's own level times the share."""
    dry, wet = (Harmonics().play([NOTE], 3, seconds=2.5, room=room) for room in (0.0, 0.5))
    added, played = (np.sqrt(np.mean(np.square(y, dtype=float))) for y in (wet - dry, dry))
    assert 0.2 < added / played < 1


FONT = Path("/usr/share/sounds/sf2/TimGM6mb.sf2")
needs_soundfont = pytest.mark.skipif(
    find_library("fluidsynth") is None or not FONT.exists(),
    reason="libfluidsynth or the soundfont TimGM6mb is not installed",
)


@needs_soundfont
def test_a_soundfont_plays_the_key_when_it_is_pressed():
    """A clarinet's A4, which is program 71."""
    font = SoundFont(FONT)
    y = font.play([NOTE], 71, seconds=2.0, room=0.0)
    assert y.shape == (2 * SR,)
    assert np.abs(y[: round(0.49 * SR)]).max() < 1e-3 * np.abs(y).max()
    sounding = y[round(0.7 * SR) : round(1.3 * SR)]
    spectrum = np.abs(np.fft.rfft(sounding * np.hanning(len(sounding))))
    low = round(300 * len(sounding) / SR)
    peak_hz = (low + np.argmax(spectrum[low : 2 * low])) * SR / len(sounding)
    assert peak_hz == pytest.approx(440, abs=5)
    # what was played before is not heard, and a room is
    loudest = np.abs(y).max()
    dry, wet = (font.play([NOTE], 71, seconds=2.0, room=room) for room in (0.0, 0.9))
    np.testing.assert_allclose(dry, y, atol=0.02 * loudest)
    assert np.abs(wet - y).max() > 0.05 * loudest
    # of a kit that there is not the first is taken
    kits = [font.play([NOTE], kit, seconds=2.0, room=0.0, drums=True) for kit in (0, 77)]
    assert np.abs(kits[0]).max() > 0.01
    np.testing.assert_allclose(*kits, atol=0.02 * np.abs(kits[0]).max())


@needs_soundfont
@pytest.mark.filterwarnings("ignore")  # the library speaks of the file itself
def test_what_is_no_soundfont(tmp_path):
    file = tmp_path / "no.sf2"
    file.write_bytes(b"nothing")
    with pytest.raises(RenderError, match=r"no.sf2 is no soundfont"):
        SoundFont(file)


def test_without_pyfluidsynth_a_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "fluidsynth", None)
    with pytest.raises(RenderError, match="pyfluidsynth is not installed: uv run"):
        SoundFont(FONT)
