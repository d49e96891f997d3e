"""What sounds of a recording: the gate, and what is put back between."""

import dataclasses

import numpy as np
import pytest

from nstaudio.audio.guide import Guide
from nstaudio.audio.silence import Sounding
from nstaudio.errors import InputError

from helpers import music, with_loud_ends

SR = 8000
MUSIC = with_loud_ends(music(1, 2.0, SR)[:, None])
RNG = np.random.default_rng(3)
NOISE = np.concatenate([[[0.001]], 0.001 * RNG.standard_normal((SR - 1, 1))]).astype(np.float32)


def silence(seconds: float, level_db: float = -np.inf) -> np.ndarray:
    """Gaussian noise of a level, dBFS."""
    noise = RNG.standard_normal((round(seconds * SR), 1))
    return (10 ** (level_db / 20) * noise).astype(np.float32)


def seconds(*parts: np.ndarray) -> list[tuple[float, float]]:
    spans = Sounding.of(np.concatenate(parts), SR, name="x").spans
    return [(span.start / SR, span.stop / SR) for span in spans]


@pytest.mark.parametrize("level_db", [-np.inf, -90, -60])
@pytest.mark.parametrize("duration_s", [1.0, 200.0])
def test_silence_and_the_noise_of_a_room_are_left_out(level_db, duration_s):
    gap = silence(duration_s, level_db)
    assert seconds(gap, MUSIC) == [pytest.approx((duration_s, duration_s + 2), abs=0.011)]
    assert seconds(MUSIC, gap) == [pytest.approx((0, 2), abs=0.011)]
    first, last = seconds(MUSIC, gap, MUSIC)
    assert first == pytest.approx((0, 2), abs=0.011)
    assert last == pytest.approx((duration_s + 2, duration_s + 4), abs=0.011)


@pytest.mark.parametrize("level_db", [-3, -10, -16])
def test_the_noise_of_a_room_is_left_out_of_a_quiet_recording(level_db):
    """Down to 27 dB above that noise."""
    quiet, gap = 10 ** (level_db / 20) * MUSIC, silence(1.0, -60)
    assert -34 < 10 * np.log10(np.mean(quiet**2)) < -14
    assert seconds(gap, quiet, gap) == [pytest.approx((1, 3), abs=0.021)]
    # a quiet passage of that level is no noise, while it is less than 38 dB below
    faint = 10 ** (-60 / 20) / np.sqrt(np.mean(MUSIC**2)) * MUSIC
    assert len(seconds(quiet, faint, quiet)) == (2 if level_db == -3 else 1)


@pytest.mark.parametrize(
    "parts",
    [
        (MUSIC,),
        (MUSIC, silence(0.25), MUSIC),  # a short gap
        (MUSIC, 10 ** (-30 / 20) * MUSIC, MUSIC),  # a quiet passage
        (10 ** (-30 / 20) * np.tile(MUSIC, (10, 1)), MUSIC),
        (1e-4 * MUSIC,),  # a quiet recording
        (NOISE,),  # is what this one is of
        (silence(1.0),),
    ],
)
def test_all_of_music_stays(parts):
    y = np.concatenate(parts)
    sounding = Sounding.of(y, SR, name="x")
    assert sounding.is_whole
    assert sounding.y is y
    assert sounding.left_out_s == 0
    blocks = [y[:100], y[100:]]
    assert all(a is b for a, b in zip(sounding.put_back(iter(blocks)), blocks, strict=True))


def test_of_a_fade_what_can_be_heard_stays():
    t_s = np.arange(12 * SR)[:, None] / SR
    fading = np.tile(MUSIC, (6, 1)) * 10 ** (-10 * t_s / 20)  # 10 dB a second
    ((first_s, last_s),) = seconds(fading.astype(np.float32))
    assert first_s == 0
    assert 3 < last_s < 5, "some 40 dB below the level of what sounds"


def test_pauses_of_speech_are_left_out_and_its_decays_stay():
    t_s = np.arange(SR // 2) / SR
    burst = np.sin(2 * np.pi * 200 * t_s) * np.minimum(1, t_s / 0.02) * np.exp(-t_s / 0.08)
    burst = (0.5 * burst[:, None]).astype(np.float32)
    room = silence(0.7, -60)
    for begins_s, (first_s, last_s) in zip(
        (0.7, 1.9, 3.1), seconds(room, burst, room, burst, room, burst, room), strict=True
    ):
        assert begins_s - 0.05 < first_s <= begins_s + 0.01
        # where the decay has come down to the noise
        assert begins_s + 0.35 < last_s < begins_s + 0.65


def test_the_loudest_channel_counts():
    quiet = np.concatenate([MUSIC, 0 * MUSIC])
    both = np.concatenate([quiet, quiet[::-1]], axis=1)
    assert Sounding.of(both, SR, name="x").is_whole
    assert len(Sounding.of(both[:, :1], SR, name="x").spans) == 1


def test_what_has_become_of_the_sound_is_put_back_in_its_place():
    y = np.concatenate([silence(1.03, -60), MUSIC, silence(1, -60), MUSIC, silence(0.5, -60)])
    sounding = Sounding.of(y, SR, name="x")
    (a, b), (c, d) = ((span.start, span.stop) for span in sounding.spans)
    assert sounding.n_samples == len(sounding.y) == b - a + d - c
    assert sounding.left_out_s == pytest.approx((len(y) - len(sounding.y)) / SR)
    assert sounding.starts == [0, b - a]
    # all of it as it was, but for fades at the cut
    fade = SR // 100
    np.testing.assert_array_equal(sounding.y[: b - a - fade], y[a : b - fade])
    np.testing.assert_array_equal(sounding.y[b - a + fade :], y[c + fade : d])
    assert abs(sounding.y[[b - a - 1, b - a]]).max() < 1e-4, "no step"

    louder = 2 * sounding.y
    n = len(louder)
    whole = np.concatenate(list(sounding.put_back(iter([louder[: n // 3], louder[n // 3 :]]))))
    assert whole.dtype == np.float32
    expected = y.copy()
    for first, last in ((a, b), (c, d)):
        expected[first + fade : last - fade] *= 2
        for edge in (slice(first, first + fade), slice(last - fade, last)):
            ratio = whole[edge] / y[edge]
            assert (ratio > 0.7).all()
            assert (ratio < 2.01).all()
            expected[edge] = whole[edge]
    np.testing.assert_allclose(whole, expected, atol=1e-7)

    unchanged = np.concatenate(list(sounding.put_back([sounding.y])))
    np.testing.assert_array_equal(unchanged, y)
    for end, length in ((n // 3, a + n // 3), (b - a, b), (b - a + 5, c + 5)):
        ended = np.concatenate(list(sounding.put_back([louder[:end]])))
        assert len(ended) == length
        np.testing.assert_array_equal(ended[: length - 5], whole[: length - 5])


def test_frames_are_put_back_in_their_place():
    parts = [0 * MUSIC[:SR], MUSIC[:SR], 0 * MUSIC[:SR], MUSIC[:SR], 0 * MUSIC[:SR]]
    sounding = Sounding.of(np.concatenate(parts), SR, name="x")
    assert sounding.n_samples == 2 * SR
    frames = np.arange(8.0)[:, None]
    spread = sounding.in_time(frames, 2 * SR, silence=-80.0)[:, 0]
    gap = [-80.0] * 4
    assert spread.tolist() == [*gap, 0, 1, 2, 3, *gap, 4, 5, 6, 7, *gap]
    # of one that ends early
    assert sounding.in_time(frames[:6], 3 * SR // 2, silence=-80.0)[:, 0].tolist() == [
        *gap,
        *(0, 1, 2, 3),
        *gap,
        *(4, 5),
    ]


GAPPY = Sounding(np.zeros((6 * SR, 1), np.float32), SR, [slice(SR, 2 * SR), slice(4 * SR, 6 * SR)])


def shares(guide: Guide) -> np.ndarray:
    """Of the middles of the tenths of what sounds."""
    return guide.share(slice(0, 3 * SR), SR)[SR // 20 :: SR // 10]


def test_a_guide_means_moments_of_the_recording():
    assert GAPPY.seconds_before(1.5) == 0.5
    assert GAPPY.seconds_before(3) == 1
    guide = Guide(start_s=1.2, end_s=4.5, fade_s=0.0).on(GAPPY, name="x")
    np.testing.assert_array_equal(shares(guide), [0] * 2 + [1] * 13 + [0] * 15)
    assert Guide(start_s=2.5, end_s=5, fade_s=0.0).on(GAPPY, name="x").start_s == 1
    rising = Guide(strength_over_time=[[0, 0], [6, 0.6], [7, 1]]).on(GAPPY, name="x")
    expected = [*np.arange(0.105, 0.2, 0.01), *np.arange(0.405, 0.6, 0.01)]
    np.testing.assert_allclose(shares(rising), expected, atol=1e-3)
    open_to_the_end = Guide(start_s=4.5, low_hz=100.0).on(GAPPY, name="x")
    assert open_to_the_end == Guide(start_s=1.5, low_hz=100.0)
    whole = dataclasses.replace(GAPPY, spans=[slice(0, 6 * SR)])
    assert rising.on(whole, name="x") is rising


@pytest.mark.parametrize(
    ("guide", "message"),
    [
        (Guide(end_s=0.9), "x is silent in all of the guide's range"),
        (Guide(start_s=2.2, end_s=3.5), "x is silent in all of the guide's range"),
        (Guide(start_s=6.0), "guide.start_s=6 must be below the 6.00 s of x"),
        (
            Guide(strength_over_time=[[2, 0], [3, 1], [4, 0]]),
            "guide.strength_over_time is 0 in all of the guide's range of what sounds of x",
        ),
    ],
)
def test_a_guide_of_nothing_but_silence_is_refused(guide, message):
    with pytest.raises(InputError, match=message):
        guide.on(GAPPY, name="x")


@pytest.mark.parametrize("short_s", [0.0, 0.004, 0.02, 0.2])
def test_longer_silence_at_the_ends_makes_no_difference(short_s):
    short, long = silence(short_s), silence(1.0)
    played = Sounding.of(np.concatenate([short, MUSIC, short]), SR, name="x")
    padded = Sounding.of(np.concatenate([long, short, MUSIC, short, long]), SR, name="x")
    np.testing.assert_array_equal(played.y, padded.y)
    np.testing.assert_array_equal(played.y, MUSIC)


def test_a_soft_beginning_is_cut_as_after_silence():
    """All of it goes: the gate leaves 40 ms before the attack, and they are 50 dB below it."""
    soft = 10 ** (-50 / 20) * MUSIC[: round(0.16 * SR)]
    ((first_s, last_s),) = seconds(soft, MUSIC)
    assert (first_s, last_s) == (0.16, 2.16)
    assert seconds(silence(1.0), soft, MUSIC) == [(1.16, 3.16)]


@pytest.mark.parametrize("n_before", [1, 37, 40, 4017, 24_001])
def test_the_samples_of_silence_before_a_recording_make_no_difference(n_before):
    """Blocks lie alike in the sound, so that its own gap is cut at the same samples."""
    y = np.concatenate([MUSIC, silence(1.0, -70), MUSIC])
    before = np.zeros((n_before, 1), np.float32)
    spans = Sounding.of(y, SR, name="x").spans
    moved = Sounding.of(np.concatenate([before, y]), SR, name="x").spans
    assert len(spans) == 2
    inner = [(span.start, span.stop) for span in spans]
    assert [(s.start - n_before, s.stop - n_before) for s in moved[1:]] == inner[1:]
    assert moved[0].stop - n_before == inner[0][1]


@pytest.mark.parametrize("n_before", [8000, 8013, 8079])
def test_what_stands_out_of_the_noise_of_a_room_is_found_to_the_millisecond(n_before):
    """A tone of 0.1: ten standard deviations of the noise within two samples of its ends."""
    tone = 0.1 * np.sin(2 * np.pi * 1000 * np.arange(2 * SR + 4) / SR)[:, None]
    noise = 0.001 * RNG.standard_normal((n_before, 1))
    for parts in ((noise, tone), (tone, noise)):
        (span,) = Sounding.of(np.concatenate(parts).astype(np.float32), SR, name="x").spans
        first, last = (n_before, n_before + len(tone)) if parts[0] is noise else (0, len(tone))
        assert abs(span.start - first) <= 2
        assert abs(span.stop - last) <= 2


def test_digital_silence_beside_the_noise_of_a_room_keeps_none_of_it():
    """The recording at -50 dBFS, the noise 30 dB below it: less than the gate's 38 dB."""
    quiet = 10 ** (-50 / 20) * MUSIC / np.sqrt(np.mean(MUSIC**2))
    noise, nothing = silence(1.5, -80), silence(1.6)
    assert seconds(noise, quiet, nothing, quiet) == [
        (pytest.approx(1.5, abs=0.021), pytest.approx(3.5, abs=0.021)),
        (pytest.approx(5.1, abs=0.021), pytest.approx(7.1, abs=0.021)),
    ]
    for gap in ((noise, nothing), (nothing, noise), (noise, nothing, noise)):
        gap_s = sum(len(part) for part in gap) / SR
        assert seconds(*gap, quiet) == [
            (pytest.approx(gap_s, abs=0.021), pytest.approx(gap_s + 2, abs=0.021))
        ]
        assert len(seconds(quiet, *gap, quiet)) == 2


@pytest.mark.parametrize("n_before", [8000, 8013, 8079])
@pytest.mark.parametrize("rise_s", [0.0, 0.02, 0.9])
def test_noise_beside_a_recording_moves_no_sample(n_before, rise_s):
    """20 ms 40 dB below the noise, and an attack that rises out of it."""
    soft = 1e-5 * np.ones((round(0.02 * SR), 1), np.float32)
    n_rise = round(rise_s * SR)
    attack = np.linspace(0, 1, n_rise)[:, None] * MUSIC[:n_rise]
    y = np.concatenate([soft, attack, MUSIC]).astype(np.float32)
    # The first sample within 30 dB of the loudest
    expected = int(np.argmax(np.abs(y) >= np.abs(y).max() / 10**1.5))
    assert len(soft) <= expected < 0.1 * SR
    alone = Sounding.of(y, SR, name="x")
    assert alone.spans == [slice(expected, len(y))]
    assert alone.left_out_s == 0
    for level_db in (-np.inf, -70, -60):
        padded = Sounding.of(np.concatenate([silence(n_before / SR, level_db), y]), SR, name="x")
        assert padded.spans == [slice(n_before + expected, n_before + len(y))]
        np.testing.assert_array_equal(padded.y, alone.y)
    backwards = Sounding.of(y[::-1], SR, name="x")
    assert backwards.spans == [slice(0, len(y) - expected)]
    for level_db in (-np.inf, -70, -60):
        parts = y[::-1], silence(n_before / SR, level_db)
        assert Sounding.of(np.concatenate(parts), SR, name="x").spans == backwards.spans


def test_a_long_soft_beginning_stays():
    """A second 32 dB below the loudest sample, as of a crescendo."""
    soft = 0.02 * np.sin(2 * np.pi * 200 * np.arange(SR) / SR)[:, None].astype(np.float32)
    assert Sounding.of(np.concatenate([soft, MUSIC, soft]), SR, name="x").is_whole


def test_where_little_is_left_out_the_result_fades_in_as_fast():
    y = np.concatenate([np.zeros((3, 1), np.float32), MUSIC])
    sounding = Sounding.of(y, SR, name="x")
    assert sounding.spans == [slice(3, len(y))]
    before, result = sounding.put_back([3 * sounding.y])
    assert before.shape == (3, 1)
    assert not before.any()
    np.testing.assert_allclose(result[3:], 3 * MUSIC[3:], rtol=1e-6)
    # A raised cosine of three samples
    rise = 0.5 - 0.5 * np.cos(np.pi * np.array([[0.5], [1.5], [2.5]]) / 3)
    np.testing.assert_allclose(result[:3], (1 + 2 * rise) * MUSIC[:3], rtol=1e-5)
