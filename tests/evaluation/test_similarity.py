import librosa
import numpy as np
import pytest

from nstaudio.errors import InputError
from nstaudio.evaluation import copies, held_out, similarity

from helpers import music

SR = 16000
A, B = music(1, 3.0, SR), 0.3 * music(2, 3.5, SR)


def by_librosa(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """The paper's first two measures with librosa's defaults."""
    mels, timbres = [], []
    for y in (a, b):
        y = y / np.sqrt(np.mean(y.astype(np.float64) ** 2))
        mels.append(librosa.power_to_db(librosa.feature.melspectrogram(y=y, sr=SR)))
        timbres.append(librosa.feature.mfcc(y=y, sr=SR, n_mfcc=13, hop_length=500)[1:].mean(axis=1))
    n = min(m.shape[1] for m in mels)
    lsd = np.sqrt(np.mean((mels[0][:, :n] - mels[1][:, :n]) ** 2, axis=1)).mean()
    cosine = timbres[0] @ timbres[1] / np.linalg.norm(timbres[0]) / np.linalg.norm(timbres[1])
    return lsd, 1 - cosine


def features(*pitches: set[int]) -> similarity.Features:
    sounds = np.zeros((len(pitches), 73), bool)
    for t, pitch in enumerate(pitches):
        sounds[t, list(pitch)] = True
    return similarity.Features(np.zeros((1, 128)), np.zeros(12), sounds)


def test_spectrum_and_timbre_as_librosa_has_them():
    got = similarity.compare(similarity.analyse(A, SR), similarity.analyse(B, SR))
    lsd, timbre = by_librosa(A, B)
    assert got.lsd_db == pytest.approx(lsd, rel=1e-3)
    assert got.timbre == pytest.approx(timbre, abs=1e-4)
    assert 0.5 < got.pitch <= 1, "other notes"


def test_pitch_by_hand():
    a = features({1, 2}, {3}, set(), {5}, {6})
    b = features({2}, {3}, set(), set())
    # 1/2, 1, 1 (both silent), 0; the fifth moment is only in one of them
    assert similarity.pitch_distance(a, b) == pytest.approx(1 - 2.5 / 4)


def test_a_sound_is_like_itself_at_any_level_and_rate():
    a = similarity.analyse(A, SR)
    assert similarity.compare(a, a) == pytest.approx((0, 0, 0), abs=1e-6)
    softer = similarity.compare(a, similarity.analyse(0.01 * A, SR))
    assert softer == pytest.approx((0, 0, 0), abs=1e-3)
    up = librosa.resample(A, orig_sr=SR, target_sr=44100, res_type="soxr_vhq")
    assert similarity.compare(a, similarity.analyse(up, 44100)).timbre < 0.01
    assert similarity.compare(a, similarity.analyse(up, 44100)).pitch < 0.02


def test_an_equaliser_changes_timbre_more_than_pitch():
    duller = np.convolve(A, np.ones(4) / 4, mode="same").astype(np.float32)
    got = similarity.compare(similarity.analyse(A, SR), similarity.analyse(duller, SR))
    assert got.lsd_db > 3
    assert got.timbre > 0.01
    assert got.pitch < 0.2


@pytest.mark.parametrize("bad", [np.zeros(SR, np.float32), np.zeros(0, np.float32)])
def test_silence_is_refused(bad):
    with pytest.raises(InputError, match=f"a sound to compare has {bad.size} samples of power 0"):
        similarity.analyse(bad, SR)


def test_unseen_style_is_one_for_the_content_and_none_for_the_style():
    style = B[: A.size]  # alike in length, which makes one program
    assert held_out.unseen_style_share(A, A, style, SR) == pytest.approx(1, abs=1e-5)
    assert held_out.unseen_style_share(style, A, style, SR) == pytest.approx(0, abs=1e-5)
    between = held_out.unseen_style_share(A + 3 * style, A, style, SR)
    assert 0.01 < between < 0.9
    louder = held_out.unseen_style_share(9 * A + 27 * style, 0.1 * A, style, SR)
    assert louder == pytest.approx(between, rel=1e-2), "levels do not matter"


def test_unseen_style_of_very_short_and_of_silent_sounds_is_a_number():
    short = held_out.unseen_style_share(A[:500], A[:400], B[:300], SR)
    assert np.isfinite(short)
    assert np.isfinite(held_out.unseen_style_share(0 * A, A, B[: A.size], SR))


def test_a_copied_half_second_is_found():
    rng = np.random.default_rng(0)
    y, other = rng.standard_normal((2, 24_000)).astype(np.float32)
    assert copies.max_correlation(y, other, 8000) < 0.15
    y[5000:11_000] = -0.1 * other[2345:8345]
    assert copies.max_correlation(y, other, 8000) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("lengths", [(1000, 1000), (900, 5000), (5000, 900), (150, 700)])
def test_the_largest_likeness_by_numpy(lengths):
    rng = np.random.default_rng(1)
    y, other = (rng.standard_normal(n).astype(np.float32) for n in lengths)
    n = min(200, *lengths)
    there = np.lib.stride_tricks.sliding_window_view(other.astype(float), n)
    there = there / np.linalg.norm(there, axis=1, keepdims=True)
    parts = [y[i : i + n].astype(float) for i in range(0, len(y) - n + 1, n // 4)]
    expected = max(np.abs(there @ part).max() / np.linalg.norm(part) for part in parts)
    assert copies.max_correlation(y, other, 400) == pytest.approx(expected, rel=1e-6)


def test_silence_is_like_nothing():
    y = np.random.default_rng(0).standard_normal(2000).astype(np.float32)
    assert copies.max_correlation(np.zeros(2000, np.float32), y, 1000) == 0
    half = np.concatenate([0 * y, y])
    assert copies.max_correlation(-y, half, 1000) == pytest.approx(1)
