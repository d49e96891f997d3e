"""Runs on the page, in a browser."""

import pytest
import soundfile

from helpers import SR, music
from small_ui import wait
from ui_page import LONG, SECONDS

pytestmark = pytest.mark.slow


def test_from_two_files_to_a_result(page_of_the_command, outputs):
    page = page_of_the_command
    page.upload_both()
    page.says("#estimate", "About ")
    page.start(LONG)
    page.says("#jobs .state", "Optimising, step")
    page.says(".deck[data-key=result]", "Preview")
    first = page.text(".deck[data-key=result]")
    wait(lambda: page.text(".deck[data-key=result]") != first, SECONDS)
    page.one(".transport button").click()
    page.says(".transport button", "Pause")
    page.cancel()
    page.says(".deck[data-key=result]", "Result")
    assert page.text(".transport button") == "Pause", "it plays on"
    assert "my song as other" in page.text("#runs li")
    (folder,) = outputs.glob("2*/*")
    assert (folder / "generated.wav").exists()
    assert not list(folder.glob("preview.*"))
    assert page.all("#jobs li") == []


def test_a_reload_and_a_second_tab_find_the_run(page):
    page.upload_both()
    page.start(LONG)
    page.says("#jobs .state", "Optimising")
    page.open()
    page.says("#jobs li", "my song.wav as other.flac")
    page.says(".deck[data-key=result]", "Preview")
    first = page.driver.current_window_handle
    page.driver.switch_to.new_window("tab")
    page.open()
    page.says(".deck[data-key=result]", "Preview")
    page.cancel()
    page.driver.close()
    page.driver.switch_to.window(first)
    page.says("#runs", "Stopped early")
    page.says(".deck[data-key=result]", "Result")


def test_a_second_run_waits(page):
    page.upload_both()
    page.start(LONG)
    page.says("#jobs .state", "Optimising")
    page.start(12)
    page.says("#jobs", "Waiting")
    page.all("#jobs .stop")[1].click()
    page.says("#jobs", "Cancelled")
    page.all("#jobs .stop")[1].click()
    wait(lambda: len(page.all("#jobs li")) == 1)
    page.start(12)
    page.says("#jobs", "Waiting")
    page.cancel()
    wait(lambda: len(page.all("#runs li")) == 2, SECONDS)


def test_a_run_under_way_leaves_the_player_to_an_older_one(page):
    page.upload_both()
    page.start(12)
    page.says(".deck[data-key=result]", "Result")
    page.start(LONG)
    page.says(".deck[data-key=result]", "Preview")
    page.one("#run-0-play").click()
    page.says(".deck[data-key=result]", "Result")
    state = page.says("#jobs .state", "Optimising")
    wait(lambda: page.text("#jobs .state") != state, SECONDS)
    assert "Result" in page.text(".deck[data-key=result]")
    page.one("#jobs button:not(.stop)").click()
    page.says(".deck[data-key=result]", "Preview")
    page.cancel()


def test_a_run_that_is_refused_says_why(page_of_the_command):
    page = page_of_the_command
    page.upload("content", page.clips["content"])
    page.upload("style", page.clips["content"])
    page.fill("style-from", 1.96)
    page.start(12)
    page.says("#jobs", "Failed")
    assert len(page.text("#jobs .error")) > 20
    page.one("#jobs .stop").click()
    wait(lambda: not page.one("#queue").is_displayed())


def test_several_contents_and_two_results_side_by_side(page, tmp_path):
    other = tmp_path / "second.wav"
    soundfile.write(other, music(3), SR)
    page.upload("content", page.clips["content"], other)
    page.says("#content", "Each of them becomes a run of its own")
    page.upload("style", page.clips["style"])
    page.start(12)
    wait(lambda: len(page.all("#runs li")) == 2, SECONDS)
    for box in page.all("#runs input"):
        box.click()
    page.one("#compare").click()
    page.says(".deck[data-key=other]", "Result B")
    assert len(page.all(".deck")) == 4
    names = page.text("#runs .name")
    assert "second as other" in names
    assert "my song as other" in names
