"""The page for every hand and eye: keys, names, contrast, a narrow screen."""

import time
from pathlib import Path

import pytest

from small_ui import wait
from ui_page import LONG, SECONDS, Page

pytestmark = pytest.mark.slow


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
    page.says("#content .error", "test_page_reach.py ")
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
    page.cancel()
    assert any("400" in line for line in page.log())
