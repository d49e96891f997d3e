"""A result in a notebook: what its HTML holds, made of arrays alone."""

import base64
import io
import re

import matplotlib.image
import numpy as np
import pytest
import soundfile

import nstaudio
from nstaudio.audio.silence import Sounding
from nstaudio.experiments.report import notebook
from nstaudio.losses import Losses
from nstaudio.transfer import api
from nstaudio.transfer.inputs import TransferInputs

SR = 44100


def result(seconds: float) -> api.Result:
    rng = np.random.default_rng(0)
    settings = nstaudio.Settings()
    y = rng.uniform(-0.5, 0.5, (int(seconds * SR), 2)).astype(np.float32)
    n_frames = settings.spec.n_frames(int(seconds * settings.spec.sr))
    level_db = rng.uniform(-80, 0, (n_frames, settings.spec.n_mels)).astype(np.float32)
    style = rng.uniform(-0.1, 0.1, settings.spec.sr * 3).astype(np.float32)
    style_db = level_db[: settings.spec.n_frames(len(style))]
    figures = dict.fromkeys(nstaudio.Figures._fields, 0.25) | {"style_share": None}
    inputs = TransferInputs(Sounding.of(y, SR, name="content"), style, settings)
    return nstaudio.Result(
        y=2.5 * y,
        sr=SR,
        generated_db=level_db,
        content_db=level_db,
        style_db=style_db,
        history=[(0, Losses(9.0, 9.0, 9.0, {})), (7, Losses(3.0, 1.0, 0.12345678, {}))],
        figures=nstaudio.Figures(**figures),
        n_steps=7,
        state=None,
        inputs=inputs,
    )


@pytest.fixture(scope="module")
def made() -> api.Result:
    return result(10.0)


@pytest.fixture(scope="module")
def view(made) -> str:
    html = made._repr_html_()
    assert html is not None
    return html


def embedded(html: str, mime: str) -> list[io.BytesIO]:
    found = re.findall(rf'src="data:{mime};base64,([^"]*)"', html)
    return [io.BytesIO(base64.b64decode(data)) for data in found]


def test_ten_seconds_stay_below_two_megabytes_and_load_nothing(view):
    assert len(view) < 2e6
    assert all(source.startswith("data:") for source in re.findall(r'src="([^"]*)"', view))
    assert "<script" not in view


def test_content_style_and_result_can_be_played_equally_loud(view):
    assert re.findall("<figcaption>(.*?)</figcaption>", view) == ["content", "style", "result"]
    sounds = [soundfile.read(data) for data in embedded(view, "audio/mpeg")]
    assert [(y.ndim, sr) for y, sr in sounds] == [(2, SR), (1, 22050), (2, SR)]
    assert [len(y) / sr for y, sr in sounds] == pytest.approx([10, 3, 10], abs=0.1)
    content, _, generated = (np.sqrt(np.mean(y**2)) for y, _ in sounds)
    assert content == pytest.approx(generated, rel=0.05)


def test_the_spectrograms_are_a_picture(view):
    (data,) = embedded(view, "image/png")
    assert matplotlib.image.imread(data).shape == (525, 700, 4)


def test_the_figures_are_a_table(view):
    rows = dict(re.findall('left">(.*?)</td><td>(.*?)</td>', view))
    assert rows["n_steps"] == "7"
    assert rows["style_loss"] == "0.1235"
    assert rows["style_share"] == "none"
    assert set(nstaudio.Figures._fields) < set(rows)


def test_of_a_long_sound_the_beginning_is_played(monkeypatch):
    monkeypatch.setattr(notebook, "MAX_PLAYED_S", 2.0)
    html = notebook.to_html(result(4.0))
    assert "result (the first 2 s of 4 s)" in html
    lengths = [soundfile.info(data).duration for data in embedded(html, "audio/mpeg")]
    assert lengths == pytest.approx([2, 2, 2], abs=0.1)


def test_without_the_package_s_view_there_is_none(made, monkeypatch):
    monkeypatch.setattr(api.Result, "_view", None)
    assert made._repr_html_() is None
