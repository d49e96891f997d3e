"""Public-domain scores: those of training, apart from those of evaluations.

The evaluation sets of `render_triplets.py` and `render_ensembles.py` are drawn from Bach, Haydn,
Monteverdi, Mozart and Palestrina. None of these is in a family here, so the scores of training and
of any such set differ, whatever its seed. The sets on which methods were developed hold a few works
of others too; `EVALUATED` keeps those out.
"""

import json
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from nstaudio.experiments.rendering.soundfont import NOT_INSTALLED, RenderError

Timed = tuple[float, float, int]
"""Onset and length in beats and the MIDI number of a note."""

Scores = dict[str, list[list[list[Timed]]]]
"""Each family's scores, each its parts, the highest first."""

# Families of scores, by their folders in music21's corpus.
TRAINING = {
    "quartets": ("beethoven",),
    "trecento": ("trecento", "ciconia", "luca"),
    "songs": ("josquin", "lusitano", "handel", "johnson_j_r", "webern"),
    "tunes": ("ryansMammoth",),
}
WEIGHTS = {"quartets": 4, "trecento": 3, "songs": 1, "tunes": 2}  # how often each is drawn from
VALIDATION = {"schumann": ("schumann_clara", "schumann_robert")}

# Parts of the names of works that the sets of development use.
EVALUATED = ("opus18no3", "opus59no2", "opus48no2", "dichterliebe_no2", "hwv56", "h186", "opus3no1")
SUFFIXES = (".mxl", ".xml", ".krn", ".abc")
MAX_WORKS = 60  # of a family
MAX_PARTS, MIN_NOTES = 4, 12


def music21_corpus() -> Any:
    """The corpus of scores that come with music21.

    Raises:
        RenderError: music21 is not installed.
    """
    try:
        from music21 import corpus  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise RenderError(f"music21 is {NOT_INSTALLED}") from None
    return corpus


def parts(piece: str) -> list[list[Timed]]:
    """Every part of a score: onset and length in beats and MIDI number of its notes.

    Args:
        piece: its name in music21's corpus.

    Raises:
        RenderError: music21 is not installed.
    """
    found = []
    for part in music21_corpus().parse(piece).parts:
        played: list[Any] = list(part.stripTies().flatten().notes)
        found.append(
            [
                (float(note.offset), float(note.quarterLength), pitch.midi)
                for note in played
                if not note.duration.isGrace
                for pitch in getattr(note, "pitches", ())
            ]
        )
    return found


def works(folders: Iterable[str], corpus_root: Path) -> list[str]:
    """Names of a family's scores, at most `MAX_WORKS`, evenly spread over all."""
    files = sorted(
        path.relative_to(corpus_root).as_posix()
        for folder in folders
        for path in (corpus_root / folder).rglob("*")
        if path.suffix in SUFFIXES and not any(name in str(path).lower() for name in EVALUATED)
    )
    step = max(1, -(-len(files) // MAX_WORKS))
    return files[::step]


def voices(work: str) -> list[list[Timed]]:
    """Up to four parts of a score, the highest first; none where music21 cannot read it."""
    try:
        found = parts(work)
    except Exception:  # some scores of the corpus have errors, of many kinds
        return []
    found = [notes for notes in found if len(notes) >= MIN_NOTES]
    found.sort(key=lambda notes: -sum(key for _, _, key in notes) / len(notes))
    return found[:MAX_PARTS]


def load(file: Path) -> Scores:
    """The scores that `read` has written."""
    found = json.loads(file.read_text())
    return {
        family: [
            [[(at, length, key) for at, length, key in part] for part in work] for work in works
        ]
        for family, works in found.items()
    }


def read(families: dict[str, tuple[str, ...]], cache: Path, *, processes: int) -> Scores:
    """Every family's scores, from the file `cache` if it is there; otherwise it is written.

    Raises:
        RenderError: music21 is not installed.
    """
    if cache.exists():
        return load(cache)
    root = Path(music21_corpus().__file__).parent
    named = {family: works(folders, root) for family, folders in families.items()}
    with ProcessPoolExecutor(processes) as pool:
        read_all = partial(pool.map, voices)
        scores = {
            family: [found for found in read_all(names) if found] for family, names in named.items()
        }
    cache.write_text(json.dumps(scores))
    return scores
