import numpy as np
import pytest

from nstaudio.errors import InputError
from nstaudio.notes import musaicing
from nstaudio.notes.musaicing import Activations, assemble, continued

SR = 22050


def rng():
    return np.random.default_rng(0)


def noise(seconds, seed=1):
    return np.random.default_rng(seed).standard_normal(int(seconds * SR)).astype(np.float32)


def tone(hz, seconds):
    t = np.arange(int(seconds * SR)) / SR
    return np.sin(2 * np.pi * hz * t).astype(np.float32)


def test_a_gain_below_a_greater_one_of_its_frame_is_reduced():
    gains = np.float32([[1, 0], [2, 5], [0, 0], [0, 4], [3, 4]])
    got = musaicing.without_repetition(gains, 1, kept=0.5)
    np.testing.assert_array_equal(got, [[0.5, 0], [2, 5], [0, 0], [0, 4], [3, 4]])
    got = musaicing.without_repetition(gains, 2, kept=0.0)
    np.testing.assert_array_equal(got, [[0, 0], [2, 5], [0, 0], [0, 0], [3, 4]])
    got = musaicing.without_repetition(gains, 1000, kept=0.0)
    np.testing.assert_array_equal(got, [[0, 0], [0, 5], [0, 0], [0, 0], [3, 0]])


def test_the_greatest_gains_of_a_moment_stay():
    gains = np.float32([[1, 4, 3, 2], [8, 5, 6, 7]])
    got = musaicing.with_polyphony(gains, 2, kept=0.25)
    np.testing.assert_array_equal(got, [[0.25, 4, 3, 0.5], [8, 1.25, 1.5, 7]])
    np.testing.assert_array_equal(musaicing.with_polyphony(gains, 4, kept=0.25), gains)


def test_gains_are_continued_along_diagonals():
    gains = np.zeros((5, 4), np.float32)
    gains[2, 1] = 3
    expected = np.zeros((5, 4))
    expected[1, 0] = expected[2, 1] = expected[3, 2] = 1
    np.testing.assert_allclose(continued(gains, 1), expected)
    np.testing.assert_array_equal(continued(gains, 0), gains)
    assert continued(gains, 100).shape == gains.shape


def test_an_update_is_that_of_lee_and_seung():
    content, style = rng().random((3, 6)) + 0.1, rng().random((4, 6))
    style /= style.sum(axis=1, keepdims=True)
    gains = rng().random((3, 4))
    model = np.einsum("tk,kf->tf", gains, style)
    expected = gains * np.einsum("tf,kf->tk", content / model, style) / style.sum(axis=1)
    got = musaicing._updated(gains, content, style)
    np.testing.assert_allclose(got, expected, rtol=1e-6)


@pytest.mark.parametrize(("polyphony", "continuity"), [(1, 0), (3, 0), (2, 2)])
def test_so_many_frames_sound_together(polyphony, continuity):
    content, style = rng().random((40, 60)), np.random.default_rng(1).random((50, 60))
    style /= style.sum(axis=1, keepdims=True)
    limits = Activations(repetition=3, polyphony=polyphony, continuity=continuity)
    gains = limits.find(np.float32(content), np.float32(style), rng())
    sounding = np.count_nonzero(gains, axis=1)
    assert 1 <= sounding.max() <= polyphony * (2 * continuity + 1)
    if not continuity:
        again = [np.diff(np.flatnonzero(column)) for column in gains.T]
        assert min(gap.min() for gap in again if gap.size) > 3


def test_the_clip_itself_gives_itself_back():
    y = noise(1.5)
    got = assemble(y, y, SR, Activations(balance=1.0), rng=rng())
    assert got.shape == y.shape
    assert np.corrcoef(got, y)[0, 1] > 0.9
    assert np.linalg.norm(got) == pytest.approx(np.linalg.norm(y), rel=1e-5)


def test_blocks_of_a_long_content_fit_together(monkeypatch):
    monkeypatch.setattr(musaicing, "_FRAMES_AT_ONCE", 25)
    y = noise(1.5)
    assert np.corrcoef(assemble(y, y, SR, rng=rng()), y)[0, 1] > 0.9


def test_the_content_decides_the_order():
    """Of a style of a low and a high sound, the one that is like the content's at the moment."""
    style = np.concatenate([tone(300, 1.0) + 0.3 * tone(450, 1.0), tone(5000, 1.0)])
    content = np.concatenate([tone(hz, 0.5) for hz in (5200, 330, 5200, 330)])
    got = assemble(content, style, SR, Activations(balance=0.0), rng=rng())
    for i, high in enumerate((True, False, True, False)):
        part = got[int((0.5 * i + 0.1) * SR) : int((0.5 * i + 0.4) * SR)]
        power = np.abs(np.fft.rfft(part * np.hanning(len(part)))) ** 2
        share = power[np.fft.rfftfreq(len(part), 1 / SR) > 2000].sum() / power.sum()
        assert share > 0.95 if high else share < 0.05


def test_balance_brings_the_content_to_the_styles_mean_magnitudes():
    content, style = rng().random((30, 8)) + 0.5, 3 * rng().random((20, 8))
    got = musaicing._balanced(content, style, 1.0)
    np.testing.assert_allclose(got.mean(axis=0), style.mean(axis=0), rtol=1e-4)
    half = musaicing._balanced(content, style, 0.5)
    np.testing.assert_allclose(half, np.sqrt(content * got), rtol=1e-4)


def test_soft_frames_are_not_heard():
    """The hiss in a style's pause, amplified to the content's level, is no sound of its."""
    hiss = 1e-4 * noise(1.0)
    style = np.concatenate([tone(300, 1.0), hiss])
    got = assemble(noise(1.0, seed=2), style, SR, rng=rng())
    power = np.abs(np.fft.rfft(got)) ** 2
    assert power[np.fft.rfftfreq(len(got), 1 / SR) > 2000].sum() < 0.02 * power.sum()


def test_clips_shorter_than_a_frame():
    y = noise(0.02)
    assert np.isfinite(assemble(y, y[:100], SR, rng=rng())).all()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"n_iterations": 0}, "init.activations.n_iterations=0 must be at least 1"),
        ({"polyphony": 0}, "init.activations.polyphony=0 must be at least 1"),
        ({"repetition": -1}, "init.activations.repetition=-1 must be at least 0"),
        ({"continuity": 2000}, "init.activations.continuity=2000 must be at most 1000"),
        ({"balance": 1.5}, "init.activations.balance=1.5 must be at most 1"),
    ],
)
def test_bad_values(values, message):
    with pytest.raises(InputError, match=message):
        Activations(**values)
