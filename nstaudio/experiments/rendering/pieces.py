"""Short pieces for training: windows of scores, and music by chance; drum patterns by chance."""

import numpy as np

from nstaudio.experiments.rendering.scores import WEIGHTS, Scores, Timed
from nstaudio.experiments.rendering.soundfont import Note

Part = list[Note]

MIN_NOTES = 2  # of a part
KEYS = 24, 100  # lowest and highest of music by chance
SCALES = (
    (0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10), (0, 2, 3, 5, 7, 9, 10), (0, 3, 5, 6, 7, 10),
    (0, 2, 4, 7, 9), tuple(range(12)), (0, 2, 4, 6, 8, 10),
)  # fmt: skip
RHYTHMS = ((0.25, 0.5), (0.5, 1), (0.5, 1, 1.5), (1, 2), (2, 4), (1 / 3,), (0.25, 0.75, 1))  # beats
CENTRES = (74, 66, 58, 45)  # keys around which the parts of music by chance lie
CHORDAL = (0.15, 0.4, 0.4, 0.0)  # how probably each of them plays chords
STEPS = (-3, -2, -1, -1, 0, 1, 1, 2, 3)  # of a melody, in degrees of its scale
DRUM_KEYS = (
    35, 36, 36, 38, 38, 40, 37, 39, 42, 42, 44, 46, 49, 51, 51, 41, 45, 48, 54, 56, 60, 62, 70, 75,
)  # fmt: skip


def velocity(mean: float, spread: float, rng: np.random.Generator) -> int:
    """A velocity drawn from a normal distribution, 25 to 127."""
    return int(np.clip(rng.normal(mean, spread), 25, 127))


def excerpt(scores: Scores, rng: np.random.Generator, *, seconds: float) -> list[Part]:
    """A window of a score, in another key and at another tempo."""
    families = sorted(scores)
    weights = np.array([WEIGHTS.get(family, 1) for family in families])
    while True:
        works = scores[families[rng.choice(len(families), p=weights / weights.sum())]]
        work = works[rng.integers(len(works))]
        beat_s, shift = 60 / rng.uniform(60, 160), int(rng.integers(-6, 7))
        spread, mean = rng.uniform(0, 15), rng.uniform(65, 105)
        part = work[rng.integers(len(work))]
        start = part[rng.integers(len(part))][0]
        parts = [window(notes, start, beat_s, seconds) for notes in work]
        parts = [
            [n._replace(key=n.key + shift, velocity=velocity(mean, spread, rng)) for n in part]
            for part in parts
            if len(part) >= MIN_NOTES
        ]
        if parts:
            return parts


def window(notes: list[Timed], start: float, beat_s: float, seconds: float) -> Part:
    """The notes that sound in a window from the beat `start` on, in seconds."""
    timed = [((at - start) * beat_s, length * beat_s, key) for at, length, key in notes]
    return [
        Note(max(0.0, onset), min(seconds, onset + length), key, 80)
        for onset, length, key in timed
        if onset < seconds - 0.1 and onset + length > 0.1 and length > 0
    ]


def improvised(rng: np.random.Generator, *, seconds: float) -> list[Part]:
    """Up to four parts by chance in a common scale, tempo and row of chords."""
    root, scale = int(rng.integers(12)), SCALES[rng.integers(len(SCALES))]
    beat_s = 60 / rng.uniform(60, 170)
    bar_s = beat_s * int(rng.choice([2, 3, 4, 4]))
    chords = rng.integers(len(scale), size=8)
    while True:
        parts = []
        for centre, chordal in zip(CENTRES, CHORDAL, strict=True):
            rhythm, rests = RHYTHMS[rng.integers(len(RHYTHMS))], rng.uniform(0, 0.35)
            legato, in_chords = rng.uniform(0.4, 1.05), rng.random() < chordal
            middle = centre + int(rng.integers(-6, 7))
            t, degree, part = 0.0, 0, []
            while t < seconds - 0.1:
                length_s = beat_s * float(rng.choice(rhythm))
                chord = int(chords[int(t / bar_s) % len(chords)])
                degree = int(np.clip(degree + rng.choice(STEPS), -8, 8))
                degrees = [degree if rng.random() < 0.5 else chord + int(rng.choice([0, 2, 4]))]
                if in_chords:
                    degrees = [chord + 2 * i for i in range(int(rng.integers(2, 4)))]
                if rng.random() > rests:
                    end = min(seconds, t + length_s * legato)
                    keys = {near(root, scale, d, middle) for d in degrees}
                    part += [Note(t, end, key, velocity(85, 14, rng)) for key in sorted(keys)]
                t += length_s
            if len(part) >= MIN_NOTES and rng.random() < 0.85:
                parts.append(part)
        if parts:
            return parts


def near(root: int, scale: tuple[int, ...], degree: int, middle: int) -> int:
    """The key of a degree of a scale in the octave that is nearest to `middle`."""
    key = root + scale[degree % len(scale)]
    key += 12 * round((middle + degree - key) / 12)
    return int(np.clip(key, *KEYS))


def drum_pattern(rng: np.random.Generator, *, seconds: float) -> Part:
    """A bar of two to six drums by chance, over and over."""
    step_s = 60 / rng.uniform(70, 160) / 4
    n_steps = int(rng.choice([12, 16, 16]))
    part = []
    for key in rng.choice(DRUM_KEYS, int(rng.integers(2, 7)), replace=False):
        every = int(rng.choice([1, 2, 2, 4, 4, 8]))
        offset = int(rng.choice([0, 0, every // 2]))
        struck = set(range(offset, n_steps, every))
        if rng.random() < 0.4:
            struck = set(rng.choice(n_steps, int(rng.integers(1, 7)), replace=False).tolist())
        loud = int(rng.integers(45, 116))
        times = (i * step_s for i in range(int(seconds / step_s)) if i % n_steps in struck)
        part += [Note(t, t + 0.1, int(key), loud) for t in times if t < seconds - 0.05]
    return part
