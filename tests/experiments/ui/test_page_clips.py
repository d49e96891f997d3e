"""Clips on the page, in a browser."""

import json

import numpy as np
import pytest
import soundfile

from nstaudio.experiments.ui.clips import Limits
from nstaudio.experiments.ui.server import make_app

from helpers import SR, music
from small_ui import wait
from ui_page import Page, serving

pytestmark = pytest.mark.slow


def test_files_that_cannot_be_used(page, tmp_path):
    long, large, bad = (tmp_path / name for name in ("long.flac", "large.wav", "bad.mp3"))
    soundfile.write(long, music(1, 8.0), SR)
    soundfile.write(large, np.zeros(400_000), SR)
    bad.write_text("no sound")
    page.one("#content-file").send_keys("\n".join(map(str, (bad, long, large))))
    error = page.says("#content .error", "large.wav")
    assert error.splitlines()[0].removeprefix("Error: ").startswith("bad.mp3 ")
    assert "long.flac is longer than the limit of 0.0833333 minutes" in error
    assert "large.wav has 0.8 MB; the limit is 0.6 MB (--max-mb)" in error
    assert page.all("#content .files li") == []
    page.one("#start").click()
    page.says("#start-error", "There is no style yet")
    assert any("400" in line for line in page.log())


def test_parts_by_dragging_and_by_keyboard(page_of_the_command, outputs):
    page = page_of_the_command
    from selenium.webdriver import ActionChains

    page.upload_both()
    wave = page.one("#content .wave")
    width = wave.size["width"]
    drag = ActionChains(page.driver).move_to_element_with_offset(wave, -width // 4, 0)
    drag.click_and_hold().move_by_offset(width // 2, 0).release().perform()
    begin, end = (float(page.one(f"#content-{side}").get_property("value"))
                  for side in ("from", "to"))  # fmt: skip
    assert (begin, end) == (pytest.approx(0.5, abs=0.05), pytest.approx(1.5, abs=0.05))
    field = page.one("#style-from")
    field.clear()
    field.send_keys("0.25\t")
    page.one("#content .region button").click()
    page.says("#content .region button", "Stop")
    page.start(12)
    page.says(".deck[data-key=result]", "Result")
    code = page.driver.execute_script("return document.querySelector('#runs code').textContent")
    assert f"content.start_s={begin:g}" in code
    assert "style.start_s=0.25" in code
    (folder,) = outputs.glob("2*/*")
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["duration_s"] == pytest.approx(end - begin, abs=1e-3)
    page.one("#runs button[id$=again]").click()
    wait(lambda: page.one("#content-from").get_property("value") == f"{begin:g}")


def test_the_microphone(page):
    page.one("#content button").click()
    page.says("#content .hint", "Recording, 0:01")
    page.one("#content button").click()
    page.says("#content .files", "recording ")
    wait(page.one("#content .region").is_displayed)


def test_a_password(driver, outputs, clips):
    with serving(make_app(outputs, limits=Limits(600_000, 5.0), password="a long one")) as address:
        driver.get(address)
        assert not driver.find_elements("css selector", "#start")
        page = Page(driver, address.replace("//", "//me:a%20long%20one@"), clips)
        page.open()
        page.upload_both()
        driver.get("about:blank")
