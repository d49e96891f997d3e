"""Make mixes whose style transfer is known: content, style, and the target a method should reach.

    uv run --extra training python scripts/render_ensembles.py --soundfont GM.sf2 --out FOLDER

`render_triplets.py` for ensembles. The content is up to four parts of a score on an ensemble, the
style those of another score on another ensemble, and the target is the content's parts on the
style's ensemble, matched by height. Every second item has drums: the content's pattern on its kit,
another on another, and the content's pattern on the style's kit.

The folder is what `scripts/evaluate.py` takes; `meta.json` says there what an item is made of. The
same seed, soundfont and programs give the same samples.
"""

import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile as sf
import soxr

from nstaudio.experiments.rendering import scores
from nstaudio.experiments.rendering.soundfont import DRUMS, Note, RenderError, play

import render_triplets
from render_triplets import BEATS_PER_MINUTE, DRY, SECONDS, finish, write_all

SR = 22050
MAX_PARTS, MIN_PARTS, MIN_NOTES = 4, 2, 16
VELOCITY_OF_CYMBALS, VELOCITY_OF_DRUMS = 70, 95
CYMBALS = (42, 44, 51)

# General MIDI programs, the highest part's first; of two parts the outer ones play.
ENSEMBLES = {
    "piano": (0, 0, 0, 0),
    "harpsichord": (6, 6, 6, 6),
    "strings": (40, 40, 41, 42),
    "brass": (56, 60, 57, 58),
    "woodwinds": (73, 68, 71, 70),
    "jazz trio": (26, 0, 0, 32),
    "organ": (19, 19, 19, 19),
    "guitars": (24, 25, 26, 33),
    "choir": (52, 52, 53, 53),
    "synthesisers": (81, 80, 90, 38),
    "vibraphones and bass": (11, 11, 12, 32),
    "saxophones": (64, 65, 66, 67),
}
# In which of the 16 steps of a bar each drum is struck, by its key.
PATTERNS = {
    "rock": {36: (0, 8, 10), 38: (4, 12), 42: tuple(range(0, 16, 2))},
    "swing": {36: (0,), 44: (4, 12), 51: (0, 4, 7, 8, 12, 15)},
    "march": {36: (0, 8), 38: (0, 3, 4, 6, 8, 11, 12, 14, 15)},
    "bossa nova": {36: (0, 6, 8, 14), 37: (0, 3, 6, 10, 12), 42: tuple(range(0, 16, 2))},
}
KITS = (0, 8, 16, 25, 32, 40)


class Excerpt(NamedTuple):
    """Eight seconds of a score, the highest part first."""

    piece: str
    parts: list[list[Note]]


def draw(pieces: list[list[str]], rng: np.random.Generator) -> Excerpt:
    """An excerpt of a piece of a composer, all by chance.

    Raises:
        RenderError: in none of many tries was there one.
    """
    for _ in range(100):
        works = pieces[rng.integers(len(pieces))]
        piece = works[rng.integers(len(works))]
        voices = [notes for notes in scores.parts(piece) if notes]
        voices.sort(key=lambda notes: -np.mean([key for _, _, key in notes]))
        for _ in range(20 if len(voices) >= MIN_PARTS else 0):
            beat_s = 60 / rng.uniform(*BEATS_PER_MINUTE)
            start = voices[0][rng.integers(len(voices[0]))][0]
            cut = [render_triplets.cut(notes, start, beat_s) for notes in voices[:MAX_PARTS]]
            if sum(map(bool, cut)) >= MIN_PARTS and sum(map(len, cut)) >= MIN_NOTES:
                return Excerpt(piece, cut)
    raise RenderError("no score has parts with enough notes")


def strokes(pattern: str, beats_per_minute: float) -> list[Note]:
    """The strokes of a pattern of sixteenths, over and over."""
    step_s = 60 / beats_per_minute / 4
    n_bars = int(SECONDS / (16 * step_s)) + 1
    timed = [
        ((16 * bar + step) * step_s, key)
        for bar in range(n_bars)
        for key, steps in PATTERNS[pattern].items()
        for step in steps
    ]
    return [
        Note(t, t + 0.1, key, VELOCITY_OF_CYMBALS if key in CYMBALS else VELOCITY_OF_DRUMS)
        for t, key in timed
        if t < SECONDS - 0.05
    ]


def render(
    parts: list[list[Note]], ensemble: str, drums: list[Note], kit: int, soundfont: Path
) -> np.ndarray:
    """Mono samples at `SR`, `SECONDS` long, faded at their end."""
    n = round(SECONDS * SR)
    mix = np.zeros(n)
    programs = ENSEMBLES[ensemble]
    chairs = [round(i * (len(programs) - 1) / max(1, len(parts) - 1)) for i in range(len(parts))]
    sounds = [(notes, programs[c], 0) for notes, c in zip(parts, chairs, strict=True)]
    for notes, program, channel in (*sounds, (drums, kit, DRUMS)):
        if notes:
            y, sr = play(notes, soundfont, program=program, channel=channel, settings=DRY)
            y = soxr.resample(y.mean(axis=1), sr, SR, quality="VHQ")[:n]
            mix[: len(y)] += y
    return finish(mix, SR)


def make(
    item: int, out: Path, soundfont: Path, pieces: list[list[str]], rng: np.random.Generator
) -> tuple[str, dict]:
    """Write the three clips of an item; returns its name and what it is made of."""
    content, style = draw(pieces, rng), draw(pieces, rng)
    ensembles = [str(name) for name in rng.choice(sorted(ENSEMBLES), 2, replace=False)]
    patterns = [str(name) for name in rng.choice(sorted(PATTERNS), 2, replace=False)]
    kits = [int(kit) for kit in rng.choice(KITS, 2, replace=False)]
    tempos = rng.uniform(80, 140, 2)
    drums = [strokes(p, t) if item % 2 else [] for p, t in zip(patterns, tempos, strict=True)]
    for role, excerpt, source, played_by in (
        ("content", content, 0, 0),
        ("style", style, 1, 1),
        ("target", content, 0, 1),
    ):
        y = render(excerpt.parts, ensembles[played_by], drums[source], kits[played_by], soundfont)
        sf.write(out / f"{item:03d}.{role}.flac", y, SR, subtype="PCM_16")
    return content.piece, {
        "id": item,
        **{
            role: {
                "piece": excerpt.piece,
                "ensemble": ensembles[i],
                "drums": patterns[i] if item % 2 else None,
                "kit": kits[i] if item % 2 else None,
            }
            for i, (role, excerpt) in enumerate((("content", content), ("style", style)))
        },
    }


def main(argv: list[str] | None = None) -> int:
    """Write the items; 0, or 2 after one line that says what is missing or unfit."""
    return write_all(make, argv, program="render_ensembles", doc=str(__doc__), n=20)


if __name__ == "__main__":
    sys.exit(main())
