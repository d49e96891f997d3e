import numpy as np
import pytest

from nstaudio.evaluation import judge, tonality, transfer_distance

from helpers import music

SR = 16000
CONTENT, STYLE, Y = (music(seed, 2.5, SR) for seed in (1, 2, 3))


def test_the_content_and_the_style_are_one_away():
    of_content = transfer_distance.measure(CONTENT, CONTENT, STYLE, SR)
    assert of_content.chroma_to_content == pytest.approx(0, abs=1e-6)
    assert of_content.judge_to_style > 0.01
    assert of_content.transfer_distance == pytest.approx(1.0, abs=1e-5)
    of_style = transfer_distance.measure(0.1 * STYLE, CONTENT, STYLE, SR)
    assert of_style.judge_to_style == pytest.approx(0, abs=1e-5)
    assert of_style.chroma_to_content > 0.01
    assert of_style.transfer_distance == pytest.approx(1.0, abs=1e-3)


def test_it_is_of_the_judge_and_of_the_tune():
    got = transfer_distance.measure(Y, CONTENT, STYLE, SR)
    heard = [judge.embedding(y, SR) for y in (Y, CONTENT, STYLE)]
    tunes = [tonality.analyse(y, SR) for y in (Y, CONTENT, STYLE)]
    chroma = tonality.compare(tunes[0], tunes[1]).chroma
    between = tonality.compare(tunes[1], tunes[2]).chroma
    sound = judge.distance(heard[0], heard[2])
    expected = np.sqrt((sound / judge.distance(heard[1], heard[2])) ** 2 + (chroma / between) ** 2)
    assert got == pytest.approx((expected, sound, chroma))


def test_by_hand():
    got = transfer_distance.combine(
        judge_to_style=0.03, chroma_to_content=0.2, judge_of_clips=0.1, chroma_of_clips=0.5
    )
    assert got == pytest.approx((0.5, 0.03, 0.2))  # 3, 4 and 5


@pytest.mark.parametrize("same", [{"judge_of_clips": 0.0}, {"chroma_of_clips": 0.0}])
def test_clips_that_are_the_same_have_no_scale(same):
    distances = {"judge_of_clips": 0.1, "chroma_of_clips": 0.1, **same}
    got = transfer_distance.combine(judge_to_style=0.1, chroma_to_content=0.2, **distances)
    assert got == (None, 0.1, 0.2)


@pytest.mark.parametrize("silent", [0, 1, 2])
def test_silence_has_no_distance(silent):
    sounds = [Y, CONTENT, STYLE]
    sounds[silent] = np.zeros(SR, np.float32)
    got = transfer_distance.measure(*sounds, SR)
    assert got.chroma_to_content is None
    assert got.transfer_distance is None
    assert (got.judge_to_style is None) == (silent != 1)


def test_without_a_content_there_is_the_style():
    got = transfer_distance.measure(Y, None, STYLE, SR)
    expected = judge.distance(judge.embedding(Y, SR), judge.embedding(STYLE, SR))
    assert got == (None, pytest.approx(expected), None)


def test_the_clips_are_heard_once_for_all_segments(monkeypatch):
    heard = []

    def embedding(*sound):
        heard.append(sound)
        return np.ones(4, np.float32)

    monkeypatch.setattr(judge, "embedding", embedding)
    monkeypatch.setattr(tonality, "analyse", lambda *_: tonality.Tones(*(np.ones((3, 12)),) * 3))
    content, style = 0.5 * CONTENT, 0.5 * STYLE  # of no other test
    for y in (Y, 2 * Y):
        transfer_distance.measure(y, content, style, SR)
    assert len(heard) == 2 + 2
