from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from nstaudio.errors import InputError
from nstaudio.evaluation.similarity import SR
from nstaudio.experiments.evaluation import items, methods
from nstaudio.notes.musaicing import Activations
from nstaudio.transfer.settings import Settings

from helpers import music


@pytest.fixture
def item(tmp_path):
    for i, role in enumerate(("content", "style")):
        soundfile.write(tmp_path / f"a.{role}.flac", music(i, 0.5, SR), SR)
    return items.find(tmp_path)["a"]


def test_published_rows_have_their_settings():
    rows = methods.build_rows(["ulyanov", "musaicing", "timbre"])
    assert list(rows) == ["ulyanov", "musaicing", "timbre"]
    assert (rows["ulyanov"].n_steps, rows["ulyanov"].strength) == (100, None)
    assert rows["musaicing"].n_steps == rows["timbre"].n_steps == 0
    expected = Activations(n_iterations=20, repetition=3, polyphony=10, continuity=3, balance=0.0)
    assert rows["musaicing"].init.keywords["activations"] == expected  # type: ignore[attr-defined]


def test_every_transfer_has_a_row_and_the_last_its_noise(item, monkeypatch):
    called = []

    def transfer(content, style, sr, settings):
        called.append(settings.n_steps)
        return SimpleNamespace(y=np.float32(settings.n_steps) * content, sr=sr)

    monkeypatch.setattr(methods.api, "transfer", transfer)
    transfers = {"one": Settings(n_steps=1), "two": Settings(n_steps=2)}
    results = list(methods.results(item, transfers))
    assert [r.method for r in results] == ["content", "style", "eq", "one", "two", "noise"]
    assert called == [1, 2]
    by_method = {r.method: r.y for r in results}
    np.testing.assert_allclose(by_method["two"], 2 * by_method["one"], atol=1e-5)
    assert len(by_method["noise"]) == len(by_method["two"])


def test_a_missing_clip_is_a_line(item):
    with pytest.raises(InputError, match="there is no style file"):
        list(methods.results({"content": item["content"]}, {}))
