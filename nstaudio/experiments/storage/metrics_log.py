"""metrics.jsonl: the losses of a run, line by line."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from nstaudio.experiments.storage.file_writing import write_whole
from nstaudio.losses import Losses
from nstaudio.transfer.render import mean_figures


def _line(row: str) -> dict[str, float] | None:
    """A line of metrics.jsonl; `None` for any other text."""
    try:
        line = {str(name): float(value) for name, value in json.loads(row).items()}
        if not {"segment", "step", "total", "content", "style", "seconds"} <= line.keys():
            return None
        return {**line, "segment": int(line["segment"]), "step": int(line["step"])}
    except (ValueError, TypeError, AttributeError, OverflowError):
        return None


class Metrics:
    """metrics.jsonl: a line a logged step with its segment, the losses and the seconds so far.

    Each line is on disk when `write` returns. A resumed run drops the lines of a segment after
    its checkpoint and goes on from there.

    Args:
        file: created if missing.
    """

    def __init__(self, file: Path) -> None:
        self.lines: list[dict[str, float]] = []
        self._file, self._segment, self._steps = file, 0, set[float]()
        text = file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""
        for row in text.splitlines():
            line = _line(row)
            if line is None:
                break  # a kill can cut the last line
            self.lines.append(line)
        self._rewrite()

    def _rewrite(self) -> None:
        write_whole(self._file, "".join(json.dumps(line) + "\n" for line in self.lines))
        self._stream = self._file.open("a", encoding="utf-8")

    def __enter__(self) -> "Metrics":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._stream.close()

    @property
    def seconds(self) -> float:
        """Seconds of optimising up to the last line."""
        return self.lines[-1]["seconds"] if self.lines else 0.0

    def has(self, segment: int) -> bool:
        """True if a line of this segment exists."""
        return any(line["segment"] == segment for line in self.lines)

    def start(self, segment: int, *, last_step: int) -> None:
        """Begin a segment after `last_step`: later lines of it are dropped."""
        self._segment = segment
        kept = [a for a in self.lines if a["segment"] != segment or a["step"] <= last_step]
        if len(kept) < len(self.lines):
            self.lines = kept
            self._stream.close()
            self._rewrite()
        self._steps = {line["step"] for line in self.lines if line["segment"] == segment}

    def write(self, step: int, losses: Losses, seconds: float) -> None:
        """Add a line, unless there is one of this segment and step already."""
        if step in self._steps:
            return
        self._steps.add(step)
        line = {
            "segment": self._segment,
            "step": step,
            "total": float(losses.total),
            "content": float(losses.content),
            "style": float(losses.style),
            **{f"style_{name}": float(value) for name, value in losses.style_layers.items()},
            "seconds": round(seconds, 4),
        }
        self.lines.append(line)
        self._stream.write(json.dumps(line) + "\n")
        self._stream.flush()


def initial(lines: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The mean of each segment's first line."""
    first = {line["segment"]: line for line in reversed(lines)}
    return mean_figures(list(first.values()))
