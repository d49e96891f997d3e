"""Make clips whose style transfer is known: content, style, and the target a method should reach.

    uv run --extra training python scripts/render_triplets.py --soundfont GM.sf2 --out FOLDER

Two parts of two public-domain scores are drawn, and two instruments. The content is the first part
on the first instrument, the style the second part on the second, and the target is the first part
on the second instrument: the construction of Cífka et al. (ICASSP 2021). The folder is what
`scripts/evaluate.py` takes; `meta.json` there says what each triplet is made of.

The scores are those that come with the package music21. It needs the `fluidsynth` program and any
General MIDI soundfont. The same seed, soundfont, scores and programs give the same samples;
`--scores develop`, `validate` and `report` have no work in common.
"""

import argparse
import json
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile as sf
import soxr

from nstaudio.errors import InputError, integer
from nstaudio.experiments.commands.typed_path import typed_path
from nstaudio.experiments.rendering.scores import music21_corpus, parts
from nstaudio.experiments.rendering.soundfont import Note, RenderError, play

SR = 16000
SECONDS = 8.0
PEAK = 0.7
FADE_S = 0.01
VELOCITY = 80
LEAST_NOTES, LEAST_SOUNDING = 8, 0.7  # of an excerpt: notes, and the share of it that they fill
BEATS_PER_MINUTE = 70, 130
DRY = ("synth.reverb.active=0",)  # the room would be the same in all three clips

# Composers whose works nobody owns, as music21 spells them.
COMPOSERS = ("bach", "haydn", "monteverdi", "mozart", "palestrina")
SCORES = (".mxl", ".xml", ".krn")  # the rest are analyses in words
# Tenths of the works, see docs/evaluation.md: no work is in two splits.
SPLITS = {"develop": range(6), "validate": range(6, 8), "report": range(8, 10)}
# General MIDI programs of all families that play pitches: no drums, no effects.
PROGRAMS = (
    0, 4, 6, 11, 12, 13, 16, 19, 21, 22, 24, 26, 29, 32, 40, 42, 45, 46, 48, 52, 56, 57, 60, 61,
    64, 65, 68, 70, 71, 73, 75, 79, 80, 81, 104, 105, 107, 108,
)  # fmt: skip


Make = Callable[[int, Path, Path, list[list[str]], np.random.Generator], tuple[str, dict]]


class Excerpt(NamedTuple):
    """Eight seconds of one part of a score."""

    piece: str
    part: int
    notes: list[Note]


def cut(notes: list[tuple[float, float, int]], start: float, beat_s: float) -> list[Note]:
    """The notes that begin in the excerpt, in seconds from its start.

    Args:
        notes: onset and length in beats and MIDI number.
        start: of the excerpt, in beats.
        beat_s: seconds in a beat.
    """
    timed = [((onset - start) * beat_s, length * beat_s, key) for onset, length, key in notes]
    return [
        Note(onset, min(onset + length, SECONDS), key, VELOCITY)
        for onset, length, key in timed
        if 0 <= onset < SECONDS - 0.1 and length > 0
    ]


def is_music(notes: list[Note]) -> bool:
    """True if an excerpt has enough notes and few rests."""
    ends = np.linspace(0, SECONDS, 801)
    sounding = np.zeros(len(ends), bool)
    for note in notes:
        sounding |= (ends >= note.onset) & (ends < note.release)
    return len(notes) >= LEAST_NOTES and bool(sounding.mean() >= LEAST_SOUNDING)


def draw(pieces: list[list[str]], rng: np.random.Generator) -> Excerpt:
    """An excerpt of a part of a piece of a composer, all by chance.

    Raises:
        RenderError: in none of many tries was there one.
    """
    for _ in range(50):
        works = pieces[rng.integers(len(pieces))]
        piece = works[rng.integers(len(works))]
        candidates = [(i, notes) for i, notes in enumerate(parts(piece)) if notes]
        # Reading a score takes seconds, looking at an excerpt none.
        for _ in range(20 if candidates else 0):
            number, notes = candidates[rng.integers(len(candidates))]
            beat_s = 60 / rng.uniform(*BEATS_PER_MINUTE)
            start = notes[rng.integers(len(notes))][0]
            excerpt = cut(notes, start, beat_s)
            if is_music(excerpt):
                return Excerpt(piece, number, excerpt)
    raise RenderError("no score has a part with enough notes")


def render(notes: list[Note], soundfont: Path, program: int) -> np.ndarray:
    """Mono samples at 16 kHz, `SECONDS` long, faded at their end."""
    y, sr = play(notes, soundfont, program=program, settings=DRY)
    y = soxr.resample(y.mean(axis=1), sr, SR, quality="VHQ")
    n = round(SECONDS * SR)
    return finish(np.pad(y, (0, max(0, n - len(y))))[:n], SR)


def finish(y: np.ndarray, sr: int) -> np.ndarray:
    """A clip at the rate `sr`, Hz, faded at its end, with the peak `PEAK`."""
    fade = round(FADE_S * sr)
    y[-fade:] *= np.linspace(1, 0, fade)
    return PEAK * y / np.abs(y).max()


def corpus_pieces() -> list[list[str]]:
    """Names of the scores to draw from, each composer's in order.

    Raises:
        RenderError: music21 is not installed.
    """
    corpus = music21_corpus()

    def name(path: Path, composer: str) -> str:
        folders = path.parts[path.parts.index(composer) : -1]
        return "/".join((*folders, path.stem))

    return [
        sorted({name(path, composer) for path in works if path.suffix in SCORES})
        for composer in COMPOSERS
        for works in [[Path(path) for path in corpus.getComposer(composer)]]
    ]


def in_split(piece: str, split: str) -> bool:
    """True if a piece is in a split; the movements of a work are in the same one.

    Args:
        piece: its name, `composer/work` or `composer/work/movement`.
        split: a key of `SPLITS`.
    """
    work = "/".join(piece.split("/")[:2])
    return zlib.crc32(work.encode()) % 10 in SPLITS[split]


def of_split(pieces: list[list[str]], split: str) -> list[list[str]]:
    """The pieces of a split, or of `all`; composers without any are left out."""
    if split == "all":
        return pieces
    kept = [[piece for piece in works if in_split(piece, split)] for works in pieces]
    return [works for works in kept if works]


def make(
    item: int, out: Path, soundfont: Path, pieces: list[list[str]], rng: np.random.Generator
) -> tuple[str, dict]:
    """Write the three clips of a triplet; returns its name and what it is made of."""
    content, style = draw(pieces, rng), draw(pieces, rng)
    programs = [int(p) for p in rng.choice(PROGRAMS, 2, replace=False)]
    for role, notes, program in (
        ("content", content.notes, programs[0]),
        ("style", style.notes, programs[1]),
        ("target", content.notes, programs[1]),
    ):
        y = render(notes, soundfont, program)
        sf.write(out / f"{item:03d}.{role}.flac", y, SR, subtype="PCM_16")
    return f"{content.piece} as {style.piece}", {
        "id": item,
        "content": content[:2],
        "style": style[:2],
        "content_program": programs[0],
        "style_program": programs[1],
    }


def write_all(make: Make, argv: list[str] | None, *, program: str, doc: str, n: int) -> int:
    """Write the items that a command line asks for; 0, or 2 after one line that says what is wrong.

    Args:
        make: writes one of them.
        argv: the command line's arguments; `None` is that of this process.
        program: the name of the script in errors.
        doc: its docstring.
        n: the number of items where none is given.
    """
    parser = argparse.ArgumentParser(description=doc.partition("\n")[0])
    parser.add_argument("--soundfont", type=typed_path, required=True, metavar="SF2")
    parser.add_argument("--out", type=typed_path, required=True, metavar="FOLDER")
    parser.add_argument("--n", type=int, default=n, help="items to make")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--scores", choices=("all", *SPLITS), default="all", help="to draw from")
    args = parser.parse_args(argv)
    try:
        integer("--n", args.n, at_least=1)
        integer("--seed", args.seed, at_least=0)
        if not args.soundfont.is_file():
            raise RenderError(f"{args.soundfont} is not a file")
        args.out.mkdir(parents=True, exist_ok=True)
        if any(args.out.iterdir()):
            raise RenderError(f"{args.out} is not empty")
        pieces = of_split(corpus_pieces(), args.scores)
        rng = np.random.default_rng(args.seed)
        meta = []
        for item in range(args.n):
            name, made_of = make(item, args.out, args.soundfont, pieces, rng)
            meta.append(made_of)
            print(f"{item:03d} {name}", flush=True)
        (args.out / "meta.json").write_text(json.dumps(meta, indent=1))
    except (RenderError, InputError, OSError) as error:
        print(f"{program}: {error}", file=sys.stderr)
        return 2
    return 0


def main(argv: list[str] | None = None) -> int:
    """Write the triplets; 0, or 2 after one line that says what is missing or unfit."""
    return write_all(make, argv, program="render_triplets", doc=str(__doc__), n=30)


if __name__ == "__main__":
    sys.exit(main())
