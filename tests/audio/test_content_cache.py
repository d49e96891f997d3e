import numpy as np

from nstaudio.audio.content_cache import cached_by, content_key


def test_results_are_kept_by_content():
    calls = []

    @cached_by(content_key, max_results=4)
    def total(y):
        calls.append(len(y))
        return float(y.sum())

    clips = [np.arange(i, i + 3, dtype=np.float32) for i in range(6)]
    assert [total(y) for y in clips] == [float(y.sum()) for y in clips]
    assert total(clips[5].copy()) == total(clips[5]) == 18.0
    assert len(calls) == 6
    assert total(clips[5].astype(np.int32)) == 18.0
    assert total(clips[5][None]) == 18.0
    assert len(calls) == 8, "another type or shape is another clip"
    assert total(clips[0]) == 3.0
    assert len(calls) == 9, "only the last few are kept"


def test_the_result_used_least_recently_is_dropped():
    calls = []

    @cached_by(content_key, max_results=2)
    def scaled(y, factor):
        calls.append(factor)
        return factor * y

    y = np.ones(3, np.float32)
    for factor in (1, 2, 1, 3, 1, 2):
        np.testing.assert_array_equal(scaled(y.copy(), factor), factor * y)
    assert calls == [1, 2, 3, 2]
