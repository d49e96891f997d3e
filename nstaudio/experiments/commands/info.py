"""`nstaudio info`: what a clip is, and what a run with it would cost."""

import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from nstaudio.experiments.commands import help_pages
from nstaudio.experiments.commands.typed_path import typed_path


def main(argv: list[str] | None = None) -> int:
    """Print; returns the exit code: 0, or 2 for a file that cannot be used."""
    parser = help_pages.parser(
        "info",
        "Say what a clip is: its format, rate, length, channels, loudness, silence and notes; and\n"
        "the time and memory of a run with it as the content, measured on two steps, with the\n"
        "default settings and the demo's style.",
        ["my.mp3", "my.mp3 --quick", "my.mp3 --json"],
    )
    parser.add_argument("file", type=typed_path, metavar="FILE", help="of sound, or a video")
    parser.add_argument("--json", action="store_true", help="as one JSON object")
    parser.add_argument(
        "--quick", action="store_true", help="without notes, time and memory, which take seconds"
    )
    args = parser.parse_args(argv)

    from nstaudio.errors import InputError
    from nstaudio.experiments import clip_facts

    try:
        facts = clip_facts.measure(args.file)
        if not args.quick:
            facts |= {"notes": clip_facts.hear(args.file), "run": clip_facts.estimate(args.file)}
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if args.json:
        print(json.dumps(facts, indent=2))
        return 0
    for name, text in _lines(facts):
        print(f"{name:<10}{text}")
    return 0


def _lines(facts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "file", facts["file"]
    yield "format", f"{facts['format'] or 'no ending'}, {facts['coding']}, {facts['sr']} Hz"
    yield "length", f"{facts['duration_s']:.2f} s"
    yield "channels", f"{facts['n_channels']}{_phases(facts)}"
    lufs = facts["loudness_lufs"]
    heard = "undefined" if lufs is None else f"{lufs:.1f} LUFS"
    yield "loudness", f"{heard}, true peak {facts['true_peak_db']:.1f} dBTP"
    yield "silence", f"{100 * facts['silence_share']:.0f} % of the time"
    if "notes" in facts:
        yield "notes", _notes(facts["notes"])
        yield "a run", _cost(facts["run"])


def _phases(facts: Mapping[str, Any]) -> str:
    if facts["n_channels"] == 1:
        return ""
    turned = ", ".join(map(str, facts["turned_channels"]))
    return f", turned over: {turned}" if turned else ", in phase"


def _notes(notes: Mapping[str, Any]) -> str:
    from nstaudio.experiments.clip_facts import MAX_HEARD_S

    if not notes["n_notes"]:
        return "none"
    names = (_name(notes[key]) for key in ("lowest_midi", "highest_midi"))
    return f"{notes['n_notes']}, {' to '.join(names)}, in the first {MAX_HEARD_S:.0f} s"


def _name(midi: int) -> str:
    import librosa

    return str(librosa.midi_to_note(midi, unicode=False))


def _cost(run: Mapping[str, Any]) -> str:
    if "error" in run:
        return f"is refused: {run['error']}"
    from nstaudio.experiments.run import format_duration

    duration, gigabytes = format_duration(run["seconds"]), run["bytes"] / 1e9
    return f"about {duration} and {gigabytes:.1f} GB of memory, with the default settings"
