import numpy as np
import pytest
import scipy.ndimage

from nstaudio.analysis.numpy_stft import Grid
from nstaudio.notes import percussion

SR = 16000
RNG = np.random.default_rng(0)


def tone(seconds=2.0, f0=330.0):
    t = np.arange(int(seconds * SR)) / SR
    return sum(0.1 / k * np.sin(2 * np.pi * k * f0 * t) for k in range(1, 6)).astype(np.float32)


def strokes(seconds=2.0, every_s=0.25, decay=40.0, low_pass=1):
    """Decaying bursts of noise; averaging `low_pass` samples makes them darker."""
    t = np.arange(int(seconds * SR)) / SR
    noise = np.convolve(RNG.standard_normal(t.size), np.ones(low_pass) / low_pass, "same")
    return (0.3 * noise * np.exp(-decay * (t % every_s))).astype(np.float32)


def db(y):
    return 10 * np.log10(np.mean(np.square(y, dtype=float)) + 1e-20)


def test_a_tone_is_pitched_and_strokes_and_noise_are_not():
    hiss = 0.05 * RNG.standard_normal(2 * SR).astype(np.float32)
    middle = slice(SR // 4, -SR // 4)  # where the tone begins and ends it is a stroke
    assert db(percussion.split(tone(), SR)[middle]) < db(tone()[middle]) - 25
    assert db(percussion.split(strokes(), SR)) == pytest.approx(db(strokes()), abs=1)
    assert db(percussion.split(hiss, SR)) == pytest.approx(db(hiss), abs=3)


def test_a_mixture_is_split():
    t, s = tone(), strokes()
    found = percussion.split(t + s, SR)
    assert found.shape == t.shape
    assert db(found - s) < db(s) - 6
    assert db((t + s - found) - t) < db(t) - 6


def test_silence_has_no_parts():
    assert not percussion.split(np.zeros(SR, np.float32), SR).any()


def levels(y, edges_hz):
    """Mean level between frequencies, dB."""
    power, hz = np.abs(np.fft.rfft(y)) ** 2, np.fft.rfftfreq(len(y), 1 / SR)
    return np.array([10 * np.log10(power[(hz >= a) & (hz < b)].mean()) for a, b in edges_hz])


BANDS = [(100, 1000), (1000, 3000), (3000, 6000)]


def test_restyled_strokes_have_the_styles_balance_and_the_contents_times():
    content, style = strokes(every_s=0.5), strokes(every_s=0.2, low_pass=8)
    got = percussion.restyle(content, style, SR)
    assert got.shape == content.shape
    assert db(got) == pytest.approx(db(content), abs=0.01)
    balance = np.diff(levels(got, BANDS))
    np.testing.assert_allclose(balance, np.diff(levels(style, BANDS)), atol=3)
    assert np.abs(balance - np.diff(levels(content, BANDS))).max() > 5
    loud = [np.square(y).reshape(-1, SR // 20).sum(axis=1) for y in (content, got)]
    assert np.corrcoef(*loud)[0, 1] > 0.9


def test_texture_is_the_styles():
    """Dry strokes restyled to steady hiss have no more silence between them than hiss."""
    hiss = 0.05 * RNG.standard_normal(2 * SR).astype(np.float32)

    def range_db(y):
        frames = 10 * np.log10(np.square(y).reshape(-1, SR // 50).mean(axis=1) + 1e-12)
        return np.subtract(*np.percentile(frames[5:-5], [90, 10]))

    dry = strokes()
    assert range_db(percussion.restyle(dry, hiss, SR)) < range_db(dry) - 10


def test_nothing_unpitched_stays_nothing():
    silence = np.zeros(SR, np.float32)
    assert not percussion.restyle(silence, strokes(1.0), SR).any()
    kept = percussion.restyle(strokes(1.0), silence, SR)
    assert np.isfinite(kept).all()


@pytest.mark.parametrize("separation", [percussion.RESIDUAL, percussion.TRANSIENTS])
def test_the_mask_by_scipys_medians(separation):
    y = tone() + strokes()
    grid = Grid.at(SR, 0.128)
    x = grid.stft(y)
    frames, bins = {0.28: (19, 31), 0.74: (47, 43)}[separation.harmonic_s]  # at 16 ms and 7.8 Hz
    lasting = scipy.ndimage.median_filter(abs(x), (frames, 1), mode="reflect")
    wide = scipy.ndimage.median_filter(abs(x), (1, bins), mode="reflect")
    wide *= separation.margin
    expected = grid.istft(x * wide**2 / (lasting**2 + wide**2))[4 * grid.hop :][: len(y)]
    np.testing.assert_allclose(percussion.split(y, SR, separation=separation), expected, atol=1e-5)


def test_share_and_limit():
    t, s = tone(4.0), strokes(4.0)
    mixed = t + s
    expected = np.sum(s.astype(float) ** 2) / np.sum(mixed.astype(float) ** 2)
    assert percussion.share(mixed, SR) == pytest.approx(expected, rel=0.3)
    quiet = percussion.limited(mixed, SR, at_most=0.1 * expected)
    assert percussion.share(quiet, SR) == pytest.approx(0.1 * expected, rel=0.2)
    # The strokes have gone down by 10 dB, the tone is as it was.
    steady = slice(SR // 2, -SR // 2)
    np.testing.assert_allclose(
        levels(quiet[steady], [(325, 335)]), levels(t[steady], [(325, 335)]), atol=0.5
    )
    high = [(6000, 7500)]
    assert (levels(quiet[steady], high) - levels(mixed[steady], high))[0] == pytest.approx(
        -10, abs=2
    )
    np.testing.assert_array_equal(percussion.limited(mixed, SR, at_most=1.0), mixed)


def test_change():
    t, s = tone(4.0), strokes(4.0)
    assert percussion.change_db(t + s, 0.3 * (t + s), SR) == pytest.approx(0, abs=0.1)
    softer = percussion.change_db(t + 0.3 * s, t + s, SR)
    # The strokes are 10.5 dB softer, the whole is softer too.
    assert softer == pytest.approx(20 * np.log10(0.3) - (db(t + 0.3 * s) - db(t + s)), abs=1)


def test_an_attack_is_a_stroke_only_among_transients():
    """Short notes on end: pitched sound, every beginning of it a stroke to a longer look."""
    n = SR // 5
    notes = [tone(0.2, 330 * 2 ** (k % 5 / 12)) * np.linspace(1, 0, n) ** 2 for k in range(20)]
    y = np.concatenate(notes).astype(np.float32)
    sounds, strokes = (
        percussion.share(y, SR, separation=m) for m in (percussion.RESIDUAL, percussion.TRANSIENTS)
    )
    assert strokes > 1.5 * sounds
    quiet = percussion.limited(y, SR, at_most=strokes / 4, separation=percussion.TRANSIENTS)
    assert percussion.share(quiet, SR, separation=percussion.TRANSIENTS) < 1.1 * strokes / 4
