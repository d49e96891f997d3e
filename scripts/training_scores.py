"""The public-domain scores from which training data is rendered, apart from those of evaluations.

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

import render_triplets
from soundfont import RenderError

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
        parts = render_triplets.parts(work)
    except Exception:  # some scores of the corpus have errors, of many kinds
        return []
    parts = [notes for notes in parts if len(notes) >= MIN_NOTES]
    parts.sort(key=lambda notes: -sum(key for _, _, key in notes) / len(notes))
    return parts[:MAX_PARTS]


def read(families: dict[str, tuple[str, ...]], cache: Path, *, processes: int) -> Scores:
    """Every family's scores, from the file `cache` if it is there; otherwise it is written.

    Raises:
        RenderError: music21 is not installed.
    """
    if cache.exists():
        return json.loads(cache.read_text())
    try:
        from music21 import corpus  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise RenderError("music21 is not installed: uv run --with music21 python ...") from None
    root = Path(corpus.__file__).parent
    named = {family: works(folders, root) for family, folders in families.items()}
    with ProcessPoolExecutor(processes) as pool:
        read_all = partial(pool.map, voices)
        scores = {
            family: [parts for parts in read_all(names) if parts] for family, names in named.items()
        }
    cache.write_text(json.dumps(scores))
    return scores
