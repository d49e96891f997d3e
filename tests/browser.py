"""Headless Chromium, as a person at a page would have it."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

_BROWSERS = ("chromium", "chromium-browser", "chrome")
_DRIVER = "chromedriver"


@contextlib.contextmanager
def opened(profile: Path, *more: str) -> Iterator[Any]:
    """A driver of a browser, whose console can be read; without a browser the test is skipped.

    Args:
        profile: the folder of what the browser keeps.
        more: further options of its command line, without dashes.
    """
    browser, driver = next(filter(None, map(shutil.which, _BROWSERS)), None), shutil.which(_DRIVER)
    if browser is None or driver is None:
        pytest.skip(f"needs chromium and {_DRIVER} on the PATH")
    webdriver = pytest.importorskip("selenium.webdriver")
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for argument in (
        *("headless=new", "no-sandbox", "disable-gpu", "no-first-run", "mute-audio"),
        *("disable-background-networking", "disable-component-update", "disable-sync"),
        *(f"user-data-dir={profile}", "window-size=1200,1000", *more),
    ):
        options.add_argument(f"--{argument}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(driver, env={**os.environ, "SE_OFFLINE": "true"})
    with webdriver.Chrome(options=options, service=service) as running:
        yield running
