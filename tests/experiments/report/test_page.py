import base64
import io
import re
from dataclasses import replace
from html.parser import HTMLParser

import matplotlib.image
import numpy as np
import pytest
import soundfile

from nstaudio.analysis.spectrogram import MelSpec
from nstaudio.experiments.report.page import Panel, draw_losses, draw_spectrograms, make_page

from browser import opened
from small_ui import wait

SPEC = MelSpec(n_fft=2048, hop_length=512, n_mels=128)
LINES = [
    {"segment": 0, "step": s, "total": 1 / (s + 1), "content": float(s), "style": 1.0 / (s + 1)}
    | {"style_conv1": 1.0 / (s + 1), "style_conv2": 2.0 / (s + 1), "seconds": s / 10}
    for s in range(0, 50, 10)
]
SUMMARY = {
    "content": "<script>alert(1)</script>",
    "style": "quotes \"' & $x_1$",
    "total_loss": 0.001234567,
    "n_steps": 40,
    "device": "cpu",
    "seconds_total": 3.21,
    "interrupted": False,
}


def panel(title: str, loud_band: int, n_frames: int = 60) -> Panel:
    level_db = np.full((n_frames, SPEC.n_mels), -80.0, np.float32)
    level_db[:, loud_band] = 0.0
    y = np.sin(np.arange((n_frames - 1) * 512) / 20).astype(np.float32) * 0.5
    return Panel(title, y, 22050, 1.0, level_db)


PANELS = [
    panel(f"content: {SUMMARY['content']}", 10),
    panel(f"style: {SUMMARY['style']}", 100, 80),
    panel("generated", 50),
]


@pytest.fixture(scope="module")
def page():
    pictures = {
        "spectrograms.png": draw_spectrograms(PANELS, SPEC),
        "losses.png": draw_losses(LINES),
    }
    return make_page(PANELS, pictures=pictures, summary=SUMMARY, settings_yaml="alpha: 1 # <b>\n")


class Collector(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags: list[tuple[str, dict]] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))


def collect(page: str) -> list[tuple[str, dict]]:
    collector = Collector()
    collector.feed(page)
    return collector.tags


def test_the_page_loads_nothing(page):
    for tag, attributes in collect(page):
        assert tag != "link"
        for name in ("src", "href"):
            if name in attributes:
                assert attributes[name].startswith("data:"), (tag, attributes[name][:80])
    assert not re.search(r"url\(|@import|https?://", page)


def test_three_players_play_the_samples(page):
    sources = [a["src"] for tag, a in collect(page) if tag == "audio"]
    assert len(sources) == 3
    for source, one in zip(sources, PANELS, strict=True):
        y, sr = soundfile.read(io.BytesIO(base64.b64decode(source.split(",")[1])))
        assert sr == 22050
        np.testing.assert_allclose(y, one.y, atol=2**-15)


def test_names_from_files_are_escaped(page):
    assert [tag for tag, _ in collect(page)].count("script") == 1
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "alpha: 1 # &lt;b&gt;" in page


def test_figures_and_settings_are_there(page):
    assert "0.001235" in page
    assert "40 steps on cpu in 3.2 s." in page


def pixels(png: bytes) -> np.ndarray:
    return matplotlib.image.imread(io.BytesIO(png))[..., :3]


def test_spectrograms_share_one_scale():
    """A clip 40 dB down must look darker beside a loud one, and its band must lie where it is."""
    loud, quiet = panel("a", 20), panel("b", 90)
    quiet = replace(quiet, title="b", level_db=np.maximum(quiet.level_db - 40.0, -80.0))
    image = pixels(draw_spectrograms([loud, quiet], SPEC))
    height, width, _ = image.shape
    inside = image[:, int(0.3 * width) : int(0.6 * width)].mean(axis=1)
    # Paper, text and the background are grey; the bands are the rows that have a colour.
    coloured = np.ptp(inside, axis=1) > 0.2
    brightness = np.where(coloured, inside.mean(axis=1), 0.0)
    top, bottom = brightness[: height // 2], brightness[height // 2 :]
    assert top.max() > bottom.max() + 0.1 > 0.2
    assert top.argmax() / len(top) > 0.6, "a low band is drawn low"
    assert bottom.argmax() / len(bottom) < 0.5, "a high band is drawn high"


@pytest.mark.parametrize("lines", [LINES, LINES[:1]])
def test_loss_curves_of_any_length(lines):
    assert pixels(draw_losses(lines)).shape[0] > 200


@pytest.mark.slow
def test_a_browser_shows_the_page(page, tmp_path):
    """From the file system: players know their length, pictures are drawn, no name is a script."""
    file = tmp_path / "report with space.html"
    file.write_text(page, encoding="utf-8")
    with opened(tmp_path / "profile") as driver:
        driver.get(file.as_uri())

        def seen() -> list[float]:
            return driver.execute_script(
                "return [...document.querySelectorAll('audio')].map((a) => a.duration || 0)"
            )

        wait(lambda: all(seen()))
        assert seen() == pytest.approx([59 * 512 / 22050, 79 * 512 / 22050, 59 * 512 / 22050])
        assert driver.execute_script(
            "return [...document.images].map((i) => i.complete && i.naturalWidth > 0)"
        ) == [True, True]
        assert driver.get_log("browser") == []
