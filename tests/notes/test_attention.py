import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nstaudio.analysis.numpy_stft import Grid
from nstaudio.errors import InputError
from nstaudio.notes import Note
from nstaudio.notes.attention import Attention, render, without_harmonics
from nstaudio.notes.note_samples import Example, examples

SR = 16000


def hz(midi):
    return 440 * 2 ** ((midi - 69) / 12)


def play(notes, harmonics, seconds=2.0):
    """Steady harmonic notes; `harmonics` are the amplitudes of an instrument without formants."""
    t = np.arange(int(seconds * SR)) / SR
    y = np.zeros(t.size)
    for note in notes:
        sounds = (t >= note.onset_s) & (t < note.offset_s)
        edge = np.clip(np.minimum(t - note.onset_s, note.offset_s - t) / 0.01, 0, 1)
        for k, a in enumerate(harmonics, 1):
            y += sounds * edge * a * np.sin(2 * np.pi * k * hz(note.midi) * t)
    return y.astype(np.float32)


def amplitudes(y, f0, n, start_s, stop_s):
    """Of the first n harmonics of f0, by a windowed sum over sinusoids."""
    part = y[int(start_s * SR) : int(stop_s * SR)]
    t, window = np.arange(part.size) / SR, np.hanning(part.size)
    waves = [np.exp(-2j * np.pi * k * f0 * t) for k in range(1, n + 1)]
    return np.array([2 * abs((part * window * wave).sum()) / window.sum() for wave in waves])


FLUTE, REED = (0.2, 0.02), (0.1, 0.01, 0.08, 0.01, 0.06)


def transfer(content_notes, style_notes, **options):
    content, style = play(content_notes, FLUTE), play(style_notes, REED)
    attention = Attention(**options)
    return render(content, style, content_notes, style_notes, SR, attention=attention)


def test_the_same_note_is_the_styles_note():
    asked = Note(0.5, 1.3, 60, 0.9)
    y = transfer([asked], [Note(0.2, 1.8, 60, 0.9)])
    assert y.shape == (2 * SR,)
    got = amplitudes(y, hz(60), 5, 0.6, 1.2)
    # At no particular level, but in the reed's proportions.
    np.testing.assert_allclose(got / got[0], np.array(REED) / REED[0], rtol=0.05)


@pytest.mark.parametrize("shift", [-5, 4])
def test_another_note_has_the_asked_pitch(shift):
    asked = Note(0.5, 1.3, 60 + shift, 0.9)
    y = transfer([asked], [Note(0.2, 1.8, 60, 0.9)])
    here = amplitudes(y, hz(60 + shift), 5, 0.6, 1.2)
    there = amplitudes(y, hz(60), 1, 0.6, 1.2)
    assert there[0] < 0.02 * here[0]
    # An odd-harmonic reed, not a flute.
    assert here[2] > 3 * here[1]


def test_notes_begin_and_end_when_they_should():
    y = transfer([Note(0.5, 1.3, 60, 0.9)], [Note(0.2, 1.8, 60, 0.9)])
    level = np.sqrt(np.square(y).reshape(-1, SR // 50).mean(axis=1))
    sounds = level > 0.3 * level.max()
    t = (np.arange(sounds.size) + 0.5) / 50
    assert t[sounds][0] == pytest.approx(0.5, abs=0.05)
    assert t[sounds][-1] == pytest.approx(1.3, abs=0.1)
    assert not np.abs(y[: int(0.35 * SR)]).max() > 0.01
    assert not np.abs(y[int(1.6 * SR) :]).max() > 0.01


def test_a_short_note_lasts_as_long_as_it_is_asked_to():
    y = transfer([Note(0.2, 1.8, 62, 0.9)], [Note(0.5, 0.9, 60, 0.9)])
    early, late = (amplitudes(y, hz(62), 1, s, s + 0.2)[0] for s in (0.4, 1.5))
    assert late == pytest.approx(early, rel=0.3)


def test_chords_keep_their_notes():
    asked = [Note(0.3, 1.7, midi, 0.9) for midi in (60, 64, 67)]
    y = transfer(asked, [Note(0.1, 0.9, 60, 0.9), Note(1.0, 1.9, 65, 0.9)])
    for midi in (60, 64, 67):
        assert amplitudes(y, hz(midi), 1, 0.5, 1.5)[0] > 0.05
    assert amplitudes(y, hz(62), 1, 0.5, 1.5)[0] < 0.005


def test_loud_notes_stay_louder():
    notes = [Note(0.1, 0.9, 60, 0.9), Note(1.1, 1.9, 60, 0.9)]
    content = play(notes[:1], FLUTE) + 0.1 * play(notes[1:], FLUTE)
    style = play([Note(0.1, 1.9, 60, 0.9)], REED)
    for dynamics, expected in ((0.0, 0.0), (0.5, 10.0), (1.0, 20.0)):
        y = render(
            content,
            style,
            notes,
            [Note(0.1, 1.9, 60, 0.9)],
            SR,
            attention=Attention(dynamics=dynamics),
        )
        loud, soft = (amplitudes(y, hz(60), 1, s, s + 0.5)[0] for s in (0.2, 1.2))
        assert 20 * np.log10(loud / soft) == pytest.approx(expected, abs=1)


def keys(*notes, overlap=0.0):
    nothing = np.zeros(0, np.float32)
    return [Example(note, overlap, nothing, nothing) for note in notes]


def test_weights_by_hand():
    query = Note(0, 1.0, 60, 0.9)
    found = keys(Note(0, 1.0, 60, 0.9), Note(0, 1.0, 63, 0.9), Note(0, 0.5, 60, 0.9))
    weights = Attention(temperature=2.0, longer=3.0).weights(query, found)
    # Costs: none; three semitones, and no stretch as it is played lower and so lasts; an octave.
    np.testing.assert_allclose(weights, np.exp([0, -3 / 2, -3 / 2]), rtol=1e-6)
    lonely = [*keys(Note(0, 1.0, 61, 0.9), overlap=0.5), *found]
    np.testing.assert_allclose(
        Attention(overlap=2.0, longer=0.0).weights(query, lonely),
        np.exp([-(1 + 1.0) / 3, 0, -1, 0]),
        rtol=1e-6,
    )
    assert np.count_nonzero(Attention(heads=2).weights(query, found)) == 2


def test_probable_harmonics_are_dropped():
    low = Note(0.0, 1.0, 48, 0.9)
    octave, fifth = Note(0.1, 0.9, 60, 0.7), Note(0.1, 0.9, 67, 0.7)
    strong, later = Note(0.0, 1.0, 60, 0.89), Note(0.9, 2.0, 60, 0.5)
    assert without_harmonics([low, octave]) == [low]
    assert without_harmonics([low, fifth]) == [low]
    assert without_harmonics([low, strong, later]) == [low, strong, later]


def test_an_overlapped_example_loses_the_others_harmonics():
    notes = [Note(0.2, 1.8, 60, 0.9), Note(0.2, 1.8, 66, 0.9)]
    style = play(notes, REED)
    first = examples(style, notes, SR / 2, Grid.at(SR))[0]
    assert first.overlap == pytest.approx(1.0)
    own, other = (amplitudes(first.y, hz(midi), 3, 0.3, 1.3) for midi in (60, 66))
    assert (other[[0, 2]] < 0.15 * np.array(REED)[[0, 2]]).all()
    assert own[0] == pytest.approx(REED[0], rel=0.15)


def test_an_overlapped_example_loses_what_lies_below_it():
    """A bass that nobody heard is no part of the note above it."""
    notes = [Note(0.2, 1.8, 60, 0.9), Note(0.2, 1.8, 66, 0.9)]
    bass = play([Note(0.2, 1.8, 36, 0.9)], (0.2,))
    first = examples(play(notes, REED) + bass, notes, SR / 2, Grid.at(SR))[0]
    assert amplitudes(first.y, hz(36), 1, 0.3, 1.3)[0] < 0.1 * 0.2
    assert amplitudes(first.y, hz(60), 1, 0.3, 1.3)[0] == pytest.approx(REED[0], rel=0.15)


SECONDS = st.floats(0.01, 1.5)
NOTES = st.lists(
    st.builds(
        lambda onset_s, length_s, midi: Note(onset_s, onset_s + length_s, midi, 0.9),
        SECONDS,
        SECONDS,
        st.integers(21, 108),
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=30)
@given(NOTES, NOTES, SECONDS, SECONDS, st.sampled_from([2000, 8000, 22050]), st.floats(-8, 2))
def test_any_notes_of_any_noise_give_a_sound(content, style, content_s, style_s, sr, level):
    """Notes that nothing in the clip bears out, beyond its end, at any rate and level."""
    rng = np.random.default_rng(0)
    clips = [
        (10**level * rng.standard_normal(round(s * sr) + 1)).astype(np.float32)
        for s in (content_s, style_s)
    ]
    y = render(*clips, content, style, sr, attention=Attention())
    assert y.shape == clips[0].shape
    assert np.isfinite(y).all()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"heads": 0}, "init.heads=0 must be at least 1"),
        ({"temperature": 0.0}, "init.temperature=0 must be above 0"),
        ({"dynamics": -1.0}, "init.dynamics=-1 must be at least 0"),
        ({"release_s": 0.0}, "init.release_s=0 must be above 0"),
    ],
)
def test_bad_values(values, message):
    with pytest.raises(InputError, match=message):
        Attention(**values)
