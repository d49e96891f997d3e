"""Counts of the outcomes of fuzz_inputs.py."""

import collections
import re
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

TOO_MUCH_MB = 1000.0  # for a file of some kilobytes
HANG_S = 120.0  # the largest file is 3 GB, of zeros, on a busy machine


class Outcome(NamedTuple):
    """The outcome of one input.

    Attributes:
        kind: right, refused, or a fault.
        detail: the message, the exception and where it was raised.
    """

    kind: str
    detail: str = ""


FAULTS = {
    "length": "loaded with another length, and no line in the log",
    "rejected": "refused, though it is whole and good",
    "slandered": "said to be cut short or damaged, though it is whole",
    "accepted": "loaded, though it must be refused",
    "wrong": "loaded, as something impossible",
    "many lines": "an InputError of none or several lines, or several lines in the log",
    "printed": "something that a library wrote to the terminal",
    "warning": "a warning of Python's",
    "exception": "any other exception",
    "memory": f"a MemoryError, or more than {TOO_MUCH_MB:.0f} MB",
    "crash": "the process died",
    "hang": f"more than {HANG_S:.0f} s",
    "executed": "a setting ran a command",
}
GOOD = {
    "right": "",
    "right, said": "loaded, with a line in the log on what is odd or missing",
    "refused": "",
    "refused, decodable": "refused for its container, though ffmpeg decodes something of it",
}


@dataclass
class Tally:
    """The outcomes of all inputs, and the smallest input of each distinct fault."""

    kinds: collections.Counter[str] = field(default_factory=collections.Counter)
    faults: dict[tuple[str, str], list[Any]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(
        self, outcome: Outcome, label: str, size: int, keep: Path, kept: tuple[bytes | None, str]
    ) -> None:
        """Count one; the smallest of each fault is written into `keep`: its bytes and suffix."""
        with self.lock:
            self.kinds[outcome.kind] += 1
            if outcome.kind not in FAULTS:
                return
            unspoken = outcome.kind in ("accepted", "crash", "executed", "hang")
            what = label.partition(": ")[2] if unspoken else outcome.detail
            key = (outcome.kind, _shape(what))
            entry = self.faults.setdefault(key, [0, None, "", "", len(self.faults)])
            entry[0] += 1
            if entry[1] is None or size < entry[1]:
                entry[1:4] = size, label, outcome.detail
                data, suffix = kept
                if data is not None:
                    name = f"{outcome.kind.replace(' ', '-')}_{entry[4]}"
                    for larger in keep.glob(f"{name}.*"):
                        larger.unlink()
                    (keep / f"{name}{suffix}").write_bytes(data)

    def show(self, title: str) -> None:
        """Print the table."""
        print(f"\n{title}")
        for kind, meaning in (GOOD | FAULTS).items():
            print(f"  {kind:20}{self.kinds[kind]:7}  {meaning}".rstrip())
        for (kind, _), (count, size, label, detail, number) in sorted(self.faults.items()):
            name = f"{kind.replace(' ', '-')}_{number}"
            print(f"\n  {name}: {count} times, smallest {size} bytes")
            print(f"    {label[:300]}\n    {' '.join(detail.split())[:300]}")


def _shape(text: str) -> str:
    """`text` without its numbers and what it quotes: like faults look alike."""
    text = re.sub(r"content file .*?(?= (?:is|has|cannot|does) )|\S*[=/\\\\]\S*|'.*?'", "", text)
    return re.sub(r"\d+", "#", text)[:160]
