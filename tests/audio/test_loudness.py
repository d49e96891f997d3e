import tracemalloc

import numpy as np
import pytest
import scipy.signal

from nstaudio.audio import loudness
from nstaudio.audio.loudness import MIN_DB, Level
from nstaudio.errors import InputError

from helpers import music

SR = 48000
EBU_LEVEL = Level(-23.0, -23.0, -23.0)


def sine(
    level_db: float, seconds: float, *, hz: float = 1000.0, sr: int = SR, channels: int = 2
) -> np.ndarray:
    y = 10 ** (level_db / 20) * np.sin(2 * np.pi * hz * np.arange(round(seconds * sr)) / sr)
    return np.repeat(y[:, None], channels, axis=1)


def tones(*parts: tuple[float, float]) -> np.ndarray:
    return np.concatenate([sine(level_db, seconds) for level_db, seconds in parts])


# EBU Tech 3341, table 1, cases 1 to 6: what a meter must say of these, to 0.1 LU.
EBU = {
    "1": (tones((-23, 20)), -23.0),
    "2": (tones((-33, 20)), -33.0),
    "3, relative gate": (tones((-36, 10), (-23, 60), (-36, 10)), -23.0),
    "4, both gates": (tones((-72, 10), (-36, 10), (-23, 60), (-36, 10), (-72, 10)), -23.0),
    "5, blocks overlap": (tones((-26, 20), (-20, 20.1), (-26, 20)), -23.0),
    "6, surround": (
        sine(0, 20, channels=5) * 10 ** (np.array([-28, -28, -24, -30, -30]) / 20),
        -23,
    ),
}


@pytest.mark.parametrize("case", EBU)
def test_ebu_loudness(case):
    y, lufs = EBU[case]
    assert loudness.integrated_lufs(y, SR) == pytest.approx(lufs, abs=0.05)


def test_the_recommendations_own_value():
    """A sine of 997 Hz at full scale in one channel is -3.01 LUFS."""
    assert loudness.integrated_lufs(sine(0, 5, hz=997)[:, 0], SR) == pytest.approx(-3.01, abs=0.005)


# ITU-R BS.1770, annex 1, tables 1 and 2: the filters at 48 kHz.
ITU = [
    (
        1.53512485958697,
        -2.69169618940638,
        1.19839281085285,
        1.0,
        -1.69065929318241,
        0.73248077421585,
    ),
    (1.0, -2.0, 1.0, 1.0, -1.99004745483398, 0.99007225036621),
]


RATES = (1000, 3363, 3364, 8000, 11025, 22050, 44100, 96000, 768000)


@pytest.mark.parametrize(
    ("sr", "hz"), [(sr, hz) for sr in RATES for hz in (50, 400, 1000, 2500) if hz < 0.45 * sr]
)
def test_every_rate_measures_alike(sr, hz):
    response = scipy.signal.sosfreqz(ITU, [2 * np.pi * hz / 48000])[1]
    expected = -23 - 0.691 + 20 * np.log10(np.abs(response[0]))
    y = sine(-23, 1, hz=hz, sr=sr)
    assert loudness.integrated_lufs(y, sr) == pytest.approx(
        expected, abs=0.1
    )  # what a meter may err


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 7, 64])
def test_other_layouts_count_every_channel_once(channels):
    one = loudness.integrated_lufs(sine(-30, 1, channels=1), SR)
    assert one is not None
    got = loudness.integrated_lufs(sine(-30, 1, channels=channels), SR)
    assert got == pytest.approx(one + 10 * np.log10(channels), abs=1e-6)


def test_the_lfe_does_not_count():
    y = sine(-23, 1, channels=6)
    y[:, 4:] = 0
    without = y.copy()
    without[:, 3] = 0
    assert loudness.integrated_lufs(y, SR) == loudness.integrated_lufs(without, SR)


def test_undefined_loudness():
    assert loudness.integrated_lufs(sine(-23, 0.3999), SR) is None
    assert loudness.integrated_lufs(sine(-23, 0.4), SR) == pytest.approx(-23, abs=0.1)
    assert loudness.integrated_lufs(sine(-71, 5), SR) is None
    assert loudness.integrated_lufs(sine(-69, 5), SR) == pytest.approx(-69, abs=0.01)
    assert loudness.integrated_lufs(np.zeros(SR), SR) is None
    assert loudness.integrated_lufs(np.ones(2, np.float32), SR) is None


def test_integers_by_mistake_have_a_loudness_too():
    y = 32768 * sine(-23, 1)
    assert loudness.integrated_lufs(y, SR) == pytest.approx(-23 + 90.31, abs=0.01)


# EBU Tech 3341, cases 15 to 19: hertz, degrees, amplitude, dBTP.
TRUE_PEAKS = [
    (SR / 4, 0.0, 0.5, -6.0),
    (SR / 4, 45.0, 0.5, -6.0),
    (SR / 6, 60.0, 0.5, -6.0),
    (SR / 8, 67.5, 0.5, -6.0),
    (SR / 4, 45.0, 1.41, 3.0),
]


@pytest.mark.parametrize(("hz", "degrees", "amplitude", "dbtp"), TRUE_PEAKS)
def test_ebu_true_peak(hz, degrees, amplitude, dbtp):
    n = np.arange(SR)
    y = amplitude * np.sin(2 * np.pi * hz * n / SR + np.deg2rad(degrees))
    y *= np.clip(np.minimum(n, n[::-1]) / 500, 0, 1)
    got = loudness.true_peak_db(y.astype(np.float32), SR)
    assert dbtp - 0.4 <= got <= dbtp + 0.2


@pytest.mark.parametrize("sr", [1000, 22050, 44100, 95999, 96000, 191999, 192000])
@pytest.mark.parametrize("offset", [0, 1, 2, 3])
def test_a_peak_between_samples(sr, offset):
    """A band-limited pulse of height 1 whose top is up to half a sample from any."""
    t = np.arange(-300, 300) - offset / 4
    y = np.sinc(0.4 * t) * np.exp(-((t / 60) ** 2))
    peak = loudness.true_peak_db(np.stack([0.1 * y, -y], axis=1), sr)
    tolerance = 0.03 if sr < 96000 else 0.16 if sr < 192000 else 0.8
    assert peak == pytest.approx(0.0, abs=tolerance)


def test_true_peak_is_never_below_the_highest_sample():
    y = np.random.default_rng(0).uniform(-1, 1, 5000).astype(np.float32)
    y[0] = y[2] = 1
    assert loudness.true_peak_db(y, SR) >= 0
    click = np.zeros(100)
    click[50] = -1
    assert loudness.true_peak_db(click, SR) == pytest.approx(0.0, abs=0.01)


def test_silence_has_finite_levels():
    assert loudness.measure(np.zeros((SR, 2)), SR) == Level(None, MIN_DB, MIN_DB)
    assert loudness.measure(np.full(3, 5e-324), SR) == Level(None, MIN_DB, MIN_DB)


def test_power_sums_channels_as_loudness_does():
    assert loudness.power_db(sine(0, 1, channels=1)) == pytest.approx(-3.01, abs=0.001)
    assert loudness.power_db(sine(0, 1, channels=4)) == pytest.approx(3.01, abs=0.001)


def test_long_recordings_are_measured_in_blocks(tmp_path, monkeypatch):
    y = np.tile(music(1, 2.0, SR), 10)
    file = np.memmap(tmp_path / "y", np.float32, "w+", shape=(len(y), 2))
    file[:] = np.stack([y, 0.5 * y], axis=1)
    measured = loudness.measure(file, SR)
    monkeypatch.setattr(loudness, "_BLOCK_SAMPLES", 9999)
    monkeypatch.setattr(loudness, "_SECTION_HOPS", 10)
    tracemalloc.start()
    in_blocks = loudness.measure(file, SR)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < file.nbytes
    np.testing.assert_allclose(in_blocks, measured, atol=1e-3)
    at_8_khz = loudness.measure(file[::6], 8000)
    monkeypatch.undo()
    np.testing.assert_allclose(at_8_khz, loudness.measure(file[::6], 8000), atol=1e-3)


@pytest.mark.parametrize(
    ("y", "sr", "message"),
    [
        (np.zeros((0, 2)), SR, r"not the shape \(0, 2\)"),
        (np.zeros((5, 2, 2)), SR, r"not the shape \(5, 2, 2\)"),
        (np.ones(5), 999, "sample rate=999 must be at least 1000"),
        (np.array([1, np.nan]), SR, "a sample is not a finite number"),
        (np.array([1, -np.inf]), SR, "a sample is not a finite number"),
    ],
)
def test_refusals(y, sr, message):
    with pytest.raises(InputError, match=message):
        loudness.measure(y, sr)


def test_a_gain_matches_loudness():
    y, reference = music(1, sr=SR), 0.2 * np.stack([music(2, sr=SR)] * 2, axis=1)
    wanted = loudness.measure(reference, SR)
    gain = loudness.gain(loudness.measure(y, SR), wanted, max_true_peak_db=-1.0)
    assert not gain.limited
    after = loudness.measure(y * np.float32(gain.factor), SR)
    assert after.lufs == pytest.approx(wanted.lufs, abs=0.01)
    to_a_number = loudness.gain(loudness.measure(y, SR), -30.0, max_true_peak_db=-1.0)
    lufs = loudness.integrated_lufs(y * np.float32(to_a_number.factor), SR)
    assert lufs == pytest.approx(-30, abs=0.01)


def test_the_true_peak_limits_the_gain():
    y = music(1, sr=SR)
    made = loudness.measure(y, SR)
    gain = loudness.gain(made, 0.0, max_true_peak_db=-1.0)
    assert gain.limited
    after = loudness.measure(y * np.float32(gain.factor), SR)
    assert after.true_peak_db == pytest.approx(-1.0, abs=1e-4)
    assert after.lufs is not None
    assert after.lufs < -1
    # down from above the limit, too, though the loudness is right already
    assert loudness.gain(made, made, max_true_peak_db=-20.0).limited


def test_what_has_no_loudness_is_matched_by_its_power():
    short = loudness.measure(music(1, 0.3, SR), SR)
    assert short.lufs is None
    for made, wanted in ((short, loudness.measure(sine(-40, 1), SR)), (EBU_LEVEL, short)):
        gain = loudness.gain(made, wanted, max_true_peak_db=-1.0)
        assert gain.gain_db == pytest.approx(wanted.power_db - made.power_db)


def test_silence_is_not_amplified():
    silent = Level(None, MIN_DB, MIN_DB)
    assert loudness.gain(silent, -14.0, max_true_peak_db=-1.0) == (0.0, False)
    assert np.isfinite(loudness.gain(EBU_LEVEL, silent, max_true_peak_db=-1.0).gain_db)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_limit_is_a_number(bad):
    with pytest.raises(InputError, match="max_true_peak_db"):
        loudness.gain(EBU_LEVEL, -23.0, max_true_peak_db=bad)
