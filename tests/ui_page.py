"""The page as a user has it before them, in a browser."""

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette

from nstaudio.experiments.ui import command

from small_ui import wait

SECONDS = 900.0  # of waiting: the machine may be busy
LONG = 100_000  # steps


@contextlib.contextmanager
def serving(app: Starlette) -> Iterator[str]:
    """A server in a thread; gives its address."""
    listening = command._listen("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
    finally:
        server.should_exit = True
        thread.join(60)


class Page:
    """What a user sees and does."""

    def __init__(self, driver: Any, address: str, clips: dict[str, Path]) -> None:
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

    def cancel(self) -> None:
        self.one("#jobs .stop").click()
        self.says("#history-about, #runs", "Stopped early")

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
