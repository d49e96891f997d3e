"""The page in a real browser, with real runs of small settings."""

import contextlib
import json
import os
import shutil
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
import uvicorn

from nstaudio.experiments.ui import command
from nstaudio.experiments.ui.clips import Limits
from nstaudio.experiments.ui.server import make_app

from helpers import SR, music
from small_runs import SMALL
from small_ui import wait

pytestmark = pytest.mark.slow

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("chrome")
DRIVER = shutil.which("chromedriver")

LIMITS = Limits(600_000, 5.0)
SECONDS = 900.0  # of waiting: the machine may be busy
LONG = 100_000  # steps


@contextlib.contextmanager
def serving(outputs: Path, **options):
    """A server in a thread; gives its address."""
    listening = command._listen("127.0.0.1", 0)
    app = make_app(outputs, limits=LIMITS, extra=tuple(SMALL), **options)
    server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
    finally:
        server.should_exit = True
        thread.join(60)


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    if not BROWSER or not DRIVER:
        pytest.skip("needs chromium and chromedriver on the PATH")
    webdriver = pytest.importorskip("selenium.webdriver")
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for argument in (
        *("headless=new", "no-sandbox", "disable-gpu", "no-first-run", "mute-audio"),
        *("disable-background-networking", "disable-component-update", "disable-sync"),
        *("use-fake-device-for-media-stream", "use-fake-ui-for-media-stream"),
        *(f"user-data-dir={tmp_path_factory.mktemp('profile')}", "window-size=1200,1000"),
    ):
        options.add_argument(f"--{argument}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(DRIVER, env={**os.environ, "SE_OFFLINE": "true"})
    driver = webdriver.Chrome(options=options, service=service)
    yield driver
    driver.quit()


class Page:
    """The page as a user has it before them."""

    def __init__(self, driver, address: str, clips: dict[str, Path]) -> None:
        self.driver, self.address, self.clips = driver, address, clips

    def open(self) -> None:
        self.driver.get(self.address)
        wait(lambda: self.all("body[data-ready]"), SECONDS)

    def all(self, css: str) -> list:
        return self.driver.find_elements("css selector", css)

    def one(self, css: str):
        return wait(lambda: self.all(css), SECONDS)[0]

    def text(self, css: str) -> str:
        return self.driver.execute_script(
            "return [...document.querySelectorAll(arguments[0])].map((a) => a.innerText).join('|')",
            css,
        )

    def says(self, css: str, words: str) -> str:
        return wait(lambda: words in self.text(css) and self.text(css), SECONDS)

    def fill(self, id_: str, value: object) -> None:
        self.driver.execute_script(
            "const [id, value] = arguments; const field = document.getElementById(id);"
            "field.value = value; field.dispatchEvent(new Event('change', { bubbles: true }))",
            *(id_, str(value)),
        )

    def upload(self, role: str, *files: Path) -> None:
        n = len(self.all(f"#{role} .files li"))
        self.one(f"#{role}-file").send_keys("\n".join(map(str, files)))
        wait(lambda: len(self.all(f"#{role} .files li")) >= n + len(files), SECONDS)

    def upload_both(self) -> None:
        for role in ("content", "style"):
            self.upload(role, self.clips[role])
            wait(self.one(f"#{role} .region").is_displayed)

    def start(self, n_steps: int) -> None:
        self.fill("n_steps", n_steps)
        self.one("#start").click()

    def log(self) -> list[str]:
        return [line["message"] for line in self.driver.get_log("browser")]

    def cdp(self, name: str, **options):
        return self.driver.execute_cdp_cmd(name, options)

    @contextlib.contextmanager
    def emulating(self, *, width: int | None = None, **features: str):
        listed = [{"name": k.replace("_", "-"), "value": v} for k, v in features.items()]
        self.cdp("Emulation.setEmulatedMedia", features=listed)
        if width:
            size = {"width": width, "height": 740, "deviceScaleFactor": 1, "mobile": True}
            self.cdp("Emulation.setDeviceMetricsOverride", **size)
        yield
        self.cdp("Emulation.setEmulatedMedia", features=[])
        self.cdp("Emulation.clearDeviceMetricsOverride")


@pytest.fixture
def page(driver, tmp_path, clips):
    outputs = tmp_path / "outputs"
    outputs.mkdir()
    with serving(outputs) as address:
        page = Page(driver, address, clips)
        page.open()
        page.log()
        yield page
        assert page.log() == []
        driver.get("about:blank")


def cancel(page: Page) -> None:
    button = page.one("#jobs .stop")
    button.click()
    page.says("#history-about, #runs", "Stopped early")


def test_from_two_files_to_a_result(page, tmp_path):
    page.upload_both()
    page.says("#estimate", "About ")
    page.start(LONG)
    page.says("#jobs .state", "Optimising, step")
    page.says(".deck[data-key=result]", "Preview")
    first = page.text(".deck[data-key=result]")
    wait(lambda: page.text(".deck[data-key=result]") != first, SECONDS)
    page.one(".transport button").click()
    page.says(".transport button", "Pause")
    cancel(page)
    page.says(".deck[data-key=result]", "Result")
    assert page.text(".transport button") == "Pause", "it plays on"
    assert "my song as other" in page.text("#runs li")
    (folder,) = (tmp_path / "outputs").glob("2*/*")
    assert (folder / "generated.wav").exists()
    assert not list(folder.glob("preview.*"))
    assert page.all("#jobs li") == []


def test_switching_keeps_the_position(page):
    page.upload_both()
    page.start(12)
    page.says(".deck[data-key=result]", "Result")
    play = page.one(".transport button")

    def at() -> float:
        return float(page.one("#position").get_property("value"))

    play.click()
    wait(lambda: at() > 0.1)
    body = page.one("body")
    page.driver.execute_script("document.activeElement.blur()")
    for key, deck in (("1", "content"), ("2", "style"), ("3", "result")):
        before, began = at(), time.monotonic()
        body.send_keys(key)
        assert page.text(".deck[aria-pressed=true] strong").lower() == deck
        moved = (at() - before) % 2.0  # the clip's length
        assert moved <= time.monotonic() - began + 0.1
    body.send_keys(" ")
    page.says(".transport button", "Play")
    stopped = at()
    body.send_keys("1")
    assert at() == stopped
    page.one(".deck[data-key=style]").click()
    page.says(".transport button", "Pause")
    assert len({deck.get_attribute("aria-pressed") for deck in page.all(".deck")}) == 2


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
    cancel(page)
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
    cancel(page)
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
    cancel(page)


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


def test_a_run_that_is_refused_says_why(page):
    page.upload("content", page.clips["content"])
    page.upload("style", page.clips["content"])
    page.fill("style-from", 1.96)
    page.start(12)
    page.says("#jobs", "Failed")
    assert len(page.text("#jobs .error")) > 20
    page.one("#jobs .stop").click()
    wait(lambda: not page.one("#queue").is_displayed())


def test_parts_by_dragging_and_by_keyboard(page, tmp_path):
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
    (folder,) = (tmp_path / "outputs").glob("2*/*")
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


def focused(page: Page) -> str:
    return page.driver.execute_script(
        "const a = document.activeElement; return a.id || a.className || a.tagName"
    )


def test_the_keyboard_alone(page):
    from selenium.webdriver import ActionChains, Keys

    def press(*keys: str) -> None:
        ActionChains(page.driver).send_keys(*keys).perform()

    def tab_to(id_: str) -> None:
        for _ in range(60):
            if focused(page) == id_:
                return
            press(Keys.TAB)
            assert page.driver.execute_script(
                "const a = document.activeElement;"
                "const seen = a.type === 'file' ? a.closest('.drop').querySelector('.button') : a;"
                "return a === document.body || getComputedStyle(seen).outlineStyle === 'solid'"
            ), f"the focus on {focused(page)} is not seen"
        raise AssertionError(f"the keyboard does not reach {id_}")

    for role in ("content", "style"):
        tab_to(f"{role}-demo")
        press("j" if role == "content" else "c")
        wait(lambda role=role: page.all(f"#{role} .files li"), SECONDS)
        wait(page.one(f"#{role} .region").is_displayed, SECONDS)
        for field, value in (("from", "0"), ("to", "1.5")):
            tab_to(f"{role}-{field}")
            press(Keys.BACKSPACE * 6, value)
    tab_to("preset")
    press("l")
    page.says("#preset-about", "quick listen")
    tab_to("start")
    press(Keys.ENTER)
    page.says("#jobs .state", "Preparing")
    page.says(".deck[data-key=result]", "Result")
    page.driver.execute_script("document.activeElement.blur()")
    press(" ")
    page.says(".transport button", "Pause")
    press("1")
    assert page.text(".deck[aria-pressed=true] strong") == "Content"
    press(" ")
    tab_to("run-0-play")


FAINT = """
const seen = (element) => {
  const box = element.getBoundingClientRect();
  return box.width > 1 && box.height > 1 && getComputedStyle(element).visibility === "visible";
};
const parse = (text) => {
  const [r, g, b, a = 1] = text.match(/[\\d.]+/g).map(Number);
  return { rgb: [r, g, b], a };
};
const luminance = (rgb) => rgb.map((v) => v / 255)
  .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
  .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
const contrast = (a, b) => {
  const [high, low] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (high + 0.05) / (low + 0.05);
};
const behind = (element) => {
  for (let a = element; a; a = a.parentElement) {
    const colour = parse(getComputedStyle(a).backgroundColor);
    if (colour.a === 1) return colour.rgb;
  }
  return [255, 255, 255];
};
const found = [];
for (const element of document.querySelectorAll("body *")) {
  const style = getComputedStyle(element);
  const own = [...element.childNodes].some((a) => a.nodeType === 3 && a.data.trim());
  if (!seen(element)) continue;
  if (own || element.matches("input[type=number], select")) {
    const size = parseFloat(style.fontSize), bold = Number(style.fontWeight) >= 600;
    const least = size >= 24 || (bold && size >= 18.66) ? 3 : 4.5;
    const is = contrast(parse(style.color).rgb, behind(element));
    if (is < least) found.push(["text", element.outerHTML.slice(0, 90), is]);
  }
  if (element.matches("button, select, input[type=number], .button, progress, .drop")) {
    const edge = parse(style.borderTopColor).rgb;
    const is = contrast(edge, behind(element.parentElement));
    if (is < 3) found.push(["edge", element.outerHTML.slice(0, 90), is]);
  }
}
return found;
"""

NAMED = {
    *("button", "link", "textbox", "slider", "spinbutton", "combobox", "checkbox", "listbox"),
    *("progressbar", "progressIndicator", "DisclosureTriangle"),
}


def nameless(page: Page) -> list[str]:
    page.cdp("Accessibility.enable")
    nodes = page.cdp("Accessibility.getFullAXTree")["nodes"]
    found = [
        (node.get("role", {}).get("value"), node.get("name", {}).get("value", ""))
        for node in nodes
        if not node.get("ignored")
    ]
    named = [(role, name) for role, name in found if role in NAMED]
    assert len(named) > 25, "the tree was read"
    return [role for role, name in named if not name.strip()]


def test_names_contrast_and_a_narrow_screen(page):
    page.upload_both()
    page.start(12)
    page.says(".deck[data-key=result]", "Result")
    page.one("summary").click()
    page.start(LONG)
    page.says("#jobs .state", "Optimising")
    page.one("#content-file").send_keys(str(Path(__file__)))
    page.says("#content .error", "test_page.py ")
    assert nameless(page) == []
    for scheme in ("light", "dark"):
        with page.emulating(prefers_color_scheme=scheme):
            time.sleep(0.5)
            assert page.driver.execute_script(FAINT) == [], scheme
    with page.emulating(width=360):
        time.sleep(0.5)
        widths = page.driver.execute_script(
            "return [document.scrollingElement.scrollWidth, innerWidth]"
        )
        assert widths == [360, 360]
        small = page.driver.execute_script(
            "return [...document.querySelectorAll('button, select, .button')]"
            ".map((a) => a.getBoundingClientRect()).filter((a) => a.height && a.height < 36).length"
        )
        assert small == 0, "they can be touched"
    with page.emulating(prefers_reduced_motion="reduce"):
        moving = page.driver.execute_script(
            "return [...document.querySelectorAll('*')].filter((a) => "
            "getComputedStyle(a).transitionDuration !== '0s').length"
        )
        assert moving == 0
    assert page.driver.execute_script("return document.documentElement.lang") == "en"
    live = page.one("#live")
    assert live.get_attribute("aria-live") == "polite"
    cancel(page)
    assert any("400" in line for line in page.log())


def test_a_password(driver, tmp_path, clips):
    with serving(tmp_path, password="a long one") as address:
        driver.get(address)
        assert not driver.find_elements("css selector", "#start")
        page = Page(driver, address.replace("//", "//me:a%20long%20one@"), clips)
        page.open()
        page.upload_both()
        driver.get("about:blank")
