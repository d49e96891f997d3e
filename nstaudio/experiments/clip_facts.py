"""Facts of a clip that matter for a transfer."""

from pathlib import Path
from typing import Any

from nstaudio.audio import files, loudness
from nstaudio.audio.silence import Sounding

MAX_HEARD_S = 60.0
"""The beginning of a clip in which notes are looked for."""


def measure(file: Path) -> dict[str, Any]:
    """Format, level, silence and channels.

    Returns:
        `file`, `format` (the name's ending), `coding` (see `files.Recording`), `sr`, Hz,
        `duration_s`, `n_channels`, `loudness_lufs` (ITU-R BS.1770; `None` where it is undefined),
        `true_peak_db`, `silence_share` of the time, and `turned_channels`: those that would cancel
        the others in the mean, from 1.

    Raises:
        InputError: it cannot be used.
    """
    clip = files.load(file)
    sounding = Sounding.of(clip.y, clip.sr, name=clip.label)
    level = loudness.measure(clip.y, clip.sr)
    turned = sounding.alignment.turned if sounding.alignment else ()
    return {
        "file": str(file),
        "format": file.suffix.removeprefix(".").lower(),
        "coding": clip.subtype,
        "sr": clip.sr,
        "duration_s": clip.duration_s,
        "n_channels": clip.y.shape[1],
        "loudness_lufs": level.lufs,
        "true_peak_db": level.true_peak_db,
        "silence_share": sounding.left_out_s / clip.duration_s,
        "turned_channels": [channel + 1 for channel in turned],
    }


def hear(file: Path) -> dict[str, Any]:
    """Notes in the first `MAX_HEARD_S`: `n_notes`, and MIDI numbers `lowest_midi`, `highest_midi`.

    Raises:
        InputError: the file cannot be used.
    """
    from nstaudio.notes import basic_pitch, transcribe

    clip = files.load(file, duration_s=MAX_HEARD_S)
    y = clip.mono(basic_pitch.SR)
    pitches = [note.midi for note in transcribe(y, basic_pitch.SR)]
    return {
        "n_notes": len(pitches),
        "lowest_midi": min(pitches, default=None),
        "highest_midi": max(pitches, default=None),
    }


def estimate(file: Path) -> dict[str, Any]:
    """Expected `seconds` and `bytes` of a run with the clip as content, or an `error`."""
    from nstaudio.experiments.ui.estimate import measure as measure_run

    return measure_run([f"content.path={file}"], 0.0)
