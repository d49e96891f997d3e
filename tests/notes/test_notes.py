import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nstaudio import notes
from nstaudio.errors import InputError
from nstaudio.notes import note_events, pyin

SR = 16000
MELODY = [60, 64, 67, 72, 65, 62]


def play(chords: list[tuple[int, ...]], seconds: float = 0.5, sr: int = SR) -> np.ndarray:
    """Chords of decaying harmonic notes, one after the other."""
    t = np.arange(int(seconds * sr)) / sr
    parts = []
    for chord in chords:
        y = np.zeros_like(t)
        for midi in chord:
            f0 = 440 * 2 ** ((midi - 69) / 12)
            y += sum(np.sin(2 * np.pi * k * f0 * t) / k**1.5 for k in range(1, 7))
        parts.append(y * np.exp(-3 * t) * np.minimum(1, t / 0.005))
    y = np.concatenate(parts)
    return (0.5 * y / np.abs(y).max()).astype(np.float32)


def activations(*blocks: tuple[int, int, int, float], frames: int = 60) -> np.ndarray:
    a = np.zeros((frames, 88), np.float32)
    for start, stop, pitch, value in blocks:
        a[start:stop, pitch] = value
    return a


@pytest.mark.parametrize("method", ["basic_pitch", "pyin"])
def test_a_melody(method):
    found = notes.transcribe(play([(midi,) for midi in MELODY]), SR, method=method)
    assert [n.midi for n in found] == MELODY
    np.testing.assert_allclose([n.onset_s for n in found], np.arange(6) * 0.5, atol=0.04)
    assert all(0.2 < n.offset_s - n.onset_s < 0.6 for n in found)


def test_chords():
    chords = [(60, 64, 67), (57, 62, 65), (55, 59, 62)]
    found = notes.transcribe(play(chords, 1.0), SR)
    for i, chord in enumerate(chords):
        assert {n.midi for n in found if abs(n.onset_s - i) < 0.1} == set(chord)


def test_time_does_not_drift():
    y = np.concatenate([np.zeros(SR * 19, np.float32), play([(69,)])])
    (note,) = notes.transcribe(y, SR)
    assert note.onset_s == pytest.approx(19.0, abs=0.03)


def test_repeated_notes_are_two():
    for method in notes.METHODS:
        found = notes.transcribe(play([(60,), (60,)]), SR, method=method)
        assert [n.midi for n in found] == [60, 60], method


@pytest.mark.parametrize("method", ["basic_pitch", "pyin"])
def test_silence_and_noise_have_no_notes(method):
    noise = 0.1 * np.random.default_rng(0).standard_normal(SR).astype(np.float32)
    assert notes.transcribe(np.zeros(SR, np.float32), SR, method=method) == []
    assert notes.transcribe(noise, SR, method=method) == []
    assert notes.transcribe(noise[:3], SR, method=method) == []


def test_level_does_not_matter():
    y = play([(midi,) for midi in MELODY])
    loud, quiet = notes.transcribe(y, SR), notes.transcribe(1e-3 * y, SR)
    assert [n[:3] for n in loud] == [n[:3] for n in quiet]


def test_an_unknown_method_is_refused():
    with pytest.raises(InputError, match="method=piyn is not one of: basic_pitch, pyin"):
        notes.transcribe(np.zeros(SR, np.float32), SR, method="piyn")


def test_an_onset_begins_a_note_that_lasts_as_long_as_it_sounds():
    note = activations((10, 30, 40, 0.9))
    onset = activations((10, 11, 40, 0.8))
    (event,) = note_events.events(note, onset)
    assert event[:3] == (10, 30, 40)
    assert event.strength == pytest.approx(0.9)


def test_a_second_onset_cuts_a_note():
    note = activations((10, 40, 40, 0.9))
    onset = activations((10, 11, 40, 0.8), (25, 26, 40, 0.8))
    assert [e[:3] for e in note_events.events(note, onset)] == [(10, 25, 40), (25, 40, 40)]


def test_short_holes_are_bridged_and_long_ones_are_not():
    onset = activations((5, 6, 40, 0.8))
    # It comes back too softly to begin a note of its own.
    bridged = activations((5, 20, 40, 0.9), (25, 27, 40, 0.55), (27, 40, 40, 0.9))
    assert [e[:2] for e in note_events.events(bridged, onset, gap_frames=6)] == [(5, 40)]
    assert [e[:2] for e in note_events.events(bridged, onset, gap_frames=5)] == [(5, 20), (25, 40)]


def test_short_notes_and_weak_onsets_are_left_out():
    note = activations((10, 14, 40, 0.9), (10, 30, 60, 0.4))
    onset = activations((10, 11, 40, 0.8), (10, 11, 60, 0.9))
    assert note_events.events(note, onset) == []
    assert len(note_events.events(note, onset, min_frames=4)) == 1
    assert len(note_events.events(note, onset, frame_threshold=0.3)) == 1


def test_a_note_without_an_onset_grows_from_its_strongest_frame():
    note = activations((10, 30, 40, 0.6), (18, 20, 40, 0.9), (10, 20, 70, 0.8))
    onset = activations()
    assert [e[:3] for e in note_events.events(note, onset)] == [(10, 30, 40)]


def test_neighbours_of_a_note_are_its_own():
    note = activations((10, 40, 40, 0.9), (10, 40, 41, 0.7), (10, 40, 42, 0.7))
    onset = activations((10, 11, 40, 0.8))
    assert [e.bin for e in note_events.events(note, onset)] == [40, 42]


@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 3, 40]), st.integers(1, 9))
@settings(max_examples=40)
def test_whatever_the_activations(seed, smooth, min_frames):
    rng = np.random.default_rng(seed)
    a = rng.random((2, 50 + smooth, 88), np.float32)
    note, onset = np.stack([a[:, i : i + 50] for i in range(smooth)]).mean(axis=0)
    found = note_events.events(note, onset, min_frames=min_frames)
    taken = np.zeros((50, 88), int)
    for event in found:
        assert event.stop - event.start >= min_frames
        assert 0 <= event.strength <= 1
        taken[event.start : event.stop, event.bin] += 1
    assert taken.max(initial=0) <= 1
    assert found == sorted(found)


@pytest.mark.parametrize(
    "bad", [{"onset_threshold": 0}, {"frame_threshold": 1.1}, {"min_frames": 0}, {"gap_frames": 0}]
)
def test_thresholds_outside_their_limits_are_refused(bad):
    with pytest.raises(InputError, match=next(iter(bad))):
        note_events.events(activations(), activations(), **bad)


def test_pitch_of_a_glide():
    t = np.arange(2 * 22050) / 22050
    phase = 2 * np.pi * 220 * (2 ** (t / 2) - 1) / (np.log(2) / 2)  # an octave up in two seconds
    y = sum(np.sin(k * phase) / k for k in range(1, 6)).astype(np.float32)
    got = pyin.pitch_hz(y)
    inner = slice(5, -5)
    np.testing.assert_allclose(
        got[inner], 220 * 2 ** (np.arange(173)[inner] * 256 / 44100), rtol=0.02
    )
