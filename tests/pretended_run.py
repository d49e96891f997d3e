"""A pretended command for the page's queue: writes what a run writes, and computes nothing.

It ends after the steps that are asked for; without their number with a file `go` among the outputs,
or with Ctrl-C. It imports nothing that takes time.
"""

import itertools
import json
import math
import signal
import sys
import time
import wave
from array import array
from pathlib import Path

SR, STEP_S, PREVIEW_STEPS = 8000, 0.05, 10

stopped: list[int] = []


def tone(file: Path, f0: float) -> None:
    """Two seconds of a sine."""
    with wave.open(str(file), "wb") as stream:
        stream.setparams((1, 2, SR, 0, "NONE", ""))
        waves = (math.sin(2 * math.pi * f0 * i / SR) for i in range(2 * SR))
        stream.writeframes(array("h", [round(9000 * y) for y in waves]).tobytes())


def run(folder: Path, outputs: Path, config: dict, n_steps: int | None) -> None:
    (folder / "config.yaml").write_text(json.dumps(config))
    steps = {"segment": 0, "place": 0, "n_segments": 1, "n_steps": n_steps or 1000}
    (folder / "steps.json").write_text(json.dumps(steps))
    for step in itertools.count():
        with (folder / "metrics.jsonl").open("a") as stream:
            stream.write(json.dumps({"segment": 0, "step": step}) + "\n")
        if step % PREVIEW_STEPS == 1:
            tone(folder / "preview.wav", 330)
            about = {"segment": 0, "n_segments": 1, "step": step, "begins_s": 0.0}
            (folder / "preview.json").write_text(json.dumps(about))
        if stopped or step == n_steps or (n_steps is None and (outputs / "go").exists()):
            break
        time.sleep(STEP_S)
    for name, f0 in (("content_c", 220), ("style_s", 440), ("generated", 330)):
        tone(folder / f"{name}.wav", f0)
    (folder / "summary.json").write_text(json.dumps({"inputs": "", "interrupted": bool(stopped)}))
    for name in ("preview.wav", "preview.json", "steps.json"):
        (folder / name).unlink(missing_ok=True)


def main(arguments: list[str]) -> int:
    given = dict(one.split("=", 1) for one in arguments if "=" in one)
    folder = Path(given["hydra.run.dir"])
    outputs = folder.parents[1]
    if (outputs / "refuse").exists():
        sys.stderr.write("error: seed=1 is refused\n")
        return 2
    signal.signal(signal.SIGINT, lambda *_: stopped.append(1))
    (folder / ".hydra").mkdir()
    (folder / ".hydra/overrides.yaml").write_text(json.dumps(arguments[1:]))
    n_steps = int(given["n_steps"]) if "n_steps" in given else None
    content, style = (
        given.get("content.path"),
        {"path": given.get("style.path", "${clip:jazz.ogg}")},
    )
    if content is None or not content.startswith("["):
        run(folder, outputs, {"content": {"path": content}, "style": style}, n_steps)
        return 0
    paths = content.strip("[]").split(",")
    (folder / "config.yaml").write_text(json.dumps({"content": {"path": paths}, "style": style}))
    (folder / "contents.json").write_text(json.dumps([Path(path).stem for path in paths]))
    for path in paths:
        if not stopped:
            own = folder / Path(path).stem
            own.mkdir()
            run(own, outputs, {"content": {"path": path}, "style": style}, n_steps)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
