"""Stems of contents, styles and targets as log-mels, from which training examples are mixed.

A group has two pieces and up to four pitched parts and drums. Of each part there are three stems:
the content is the first piece's part on one instrument, the style the second's on another, and the
target the first's on that other. Pieces are windows of public-domain scores or made by chance;
instruments are the soundfonts' and harmonic timbres by chance.

A folder gets shards of 25 groups, `SEED-NUMBER.npz`, and `manifest.json`. What is there already is
kept. The same seed, soundfonts and programs give the same levels, but for what a room before
leaves, 80 dB down.
"""

import hashlib
import importlib.metadata
import json
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import scipy.fft

from nstaudio.analysis.spectrogram import hann
from nstaudio.errors import InputError, integer, one_line
from nstaudio.experiments.rendering.pieces import drum_pattern, excerpt, improvised
from nstaudio.experiments.rendering.scores import TRAINING, VALIDATION, Scores, load, read
from nstaudio.experiments.rendering.soundfont import Note
from nstaudio.experiments.rendering.synthesisers import SR, Harmonics, SoundFont, Synthesiser
from nstaudio.learned.features import HOP_LENGTH, N_BANDS, N_FFT, spec

SECONDS = 5.5
GROUPS_IN_SHARD = 25
PARTS = 5  # of a group: four pitched ones and drums
LEAST_POWER = 1e-8  # of a stem; what an instrument does not play at all is no example
FLOOR_DB = -100.0
N_PROGRAMS, FAMILY = 112, 8  # of General MIDI without effects; of a family of instruments
WINDOW = hann(N_FFT).astype(np.float32)
KITS = (0, 8, 16, 24, 25, 32, 40)
FROM_SCORES, WITH_DRUMS = 0.6, 0.6  # probabilities


class Job(NamedTuple):
    """A shard to render."""

    out: Path
    seed: int
    number: int
    fonts: tuple[Path, ...]
    scores: Path

    @property
    def file(self) -> Path:
        """The shard's own."""
        return self.out / f"{self.seed}-{self.number:04d}.npz"


class Stem(NamedTuple):
    """A part of both pieces on two instruments."""

    part: int
    content: list[Note]
    style: list[Note]
    fonts: tuple[int, int]
    programs: tuple[int, int]
    drums: bool


@cache
def synthesisers(fonts: tuple[Path, ...]) -> tuple[Synthesiser, ...]:
    """The soundfonts, then the harmonic timbres; loaded once in a process."""
    return (*(SoundFont(font) for font in fonts), Harmonics())


@cache
def scores_of(file: Path) -> Scores:
    """The scores in a file, read once in a process."""
    return load(file)


def programs(harmonic: bool, n: int, rng: np.random.Generator) -> list[int]:
    """Instruments of `n` parts: the same for all, of one family, or any."""
    if harmonic:
        first, same = int(rng.integers(1 << 30)), rng.random() < 0.5
        return [first if same else int(rng.integers(1 << 30)) for _ in range(n)]
    kind, first = rng.random(), int(rng.integers(N_PROGRAMS))
    if kind < 0.45:
        return [first] * n
    family = first // FAMILY * FAMILY
    low, high = (family, family + FAMILY) if kind < 0.65 else (0, N_PROGRAMS)
    return [int(p) for p in rng.integers(low, high, n)]


def stems(
    scores: Scores, n_fonts: int, rng: np.random.Generator
) -> tuple[list[Stem], tuple[float, float]]:
    """The parts of a group and how much of a room content and style are in."""
    a, b = (
        excerpt(scores, rng, seconds=SECONDS)
        if rng.random() < FROM_SCORES
        else improvised(rng, seconds=SECONDS)
        for _ in range(2)
    )
    n = min(PARTS - 1, len(a))
    fonts = [int(i) for i in rng.integers(n_fonts + 1, size=2)]
    chosen = [programs(font == n_fonts, n, rng) for font in fonts]
    rooms = [float(rng.choice([0.0, 0.0, rng.uniform(0.1, 0.7)])) for _ in range(2)]
    found = []
    for i in range(n):
        answer = b[i * len(b) // n] if len(b) >= n else b[rng.integers(len(b))]
        both = (chosen[0][i], chosen[1][i])
        found.append(Stem(i, a[i], answer, (fonts[0], fonts[1]), both, False))
    if rng.random() < WITH_DRUMS:
        patterns = [drum_pattern(rng, seconds=SECONDS) for _ in range(2)]
        kits = [int(kit) for kit in rng.choice(KITS, 2)]
        drummers = [int(i) for i in rng.integers(n_fonts, size=2)]
        who = (drummers[0], drummers[1]), (kits[0], kits[1])
        found.append(Stem(PARTS - 1, patterns[0], patterns[1], *who, True))
    return found, (rooms[0], rooms[1])


def level_db(y: np.ndarray) -> np.ndarray:
    """Mel levels `frames mels` of samples as they are, dB."""
    padded = np.pad(y, N_FFT // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, N_FFT)[::HOP_LENGTH]
    magnitude = np.abs(np.asarray(scipy.fft.rfft(frames * WINDOW, axis=1)))
    power = magnitude**2 @ spec().filters
    return 10 * np.log10(np.maximum(power, 10 ** (FLOOR_DB / 10)))


def render_group(
    scores: Scores, players: tuple[Synthesiser, ...], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Levels `parts roles frames mels`, dB, and mean squares `parts roles`, 0 where no part is."""
    n_frames = 1 + round(SECONDS * SR) // HOP_LENGTH
    levels = np.full((PARTS, 3, n_frames, N_BANDS), FLOOR_DB, np.float16)
    powers = np.zeros((PARTS, 3), np.float32)
    parts, rooms = stems(scores, len(players) - 1, rng)
    for stem in parts:
        roles = (stem.content, 0), (stem.style, 1), (stem.content, 1)
        for role, (notes, who) in enumerate(roles):
            y = players[stem.fonts[who]].play(
                notes, stem.programs[who], seconds=SECONDS, room=rooms[who], drums=stem.drums
            )
            levels[stem.part, role], powers[stem.part, role] = level_db(y), np.mean(y**2)
        if powers[stem.part].min() < LEAST_POWER:
            powers[stem.part] = 0.0
    return levels, powers


def render_shard(job: Job) -> Path:
    """Write a shard; one that was cut short leaves nothing behind under its name."""
    scores, players = scores_of(job.scores), synthesisers(job.fonts)
    first = job.number * GROUPS_IN_SHARD
    groups = [
        render_group(scores, players, np.random.default_rng((job.seed, first + i)))
        for i in range(GROUPS_IN_SHARD)
    ]
    levels, powers = (np.stack(each) for each in zip(*groups, strict=True))
    part = job.file.with_suffix(".part")
    with part.open("wb") as opened:
        np.savez_compressed(opened, level_db=levels, mean_square=powers)
    part.replace(job.file)
    return job.file


def digest(file: Path) -> str:
    """The SHA-256 of a file."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def version(package: str) -> str | None:
    """The version of a package; `None` where it is not installed, as where scores were there."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


@dataclass(frozen=True)
class TrainingData:
    """What to render.

    Attributes:
        out: the folder for the shards, which is made.
        fonts: General MIDI soundfonts; none that an evaluation uses.
        n_groups: rounded up to whole shards.
        seed: of all that is drawn.
        n_processes: to render in.
        validation: scores of a family that training does not have.

    Raises:
        InputError: a number outside its limits, or a soundfont that is no file.
    """

    out: Path
    fonts: tuple[Path, ...]
    n_groups: int = 1500
    seed: int = 0
    n_processes: int = 2
    validation: bool = False

    def __post_init__(self) -> None:
        integer("--groups", self.n_groups, at_least=1)
        integer("--seed", self.seed, at_least=0)
        integer("--processes", self.n_processes, at_least=1)
        for font in self.fonts:
            if not font.is_file():
                raise InputError(f"{one_line(font)} is not a file")

    @property
    def families(self) -> dict[str, tuple[str, ...]]:
        """The families of scores: their folders in music21's corpus."""
        return VALIDATION if self.validation else TRAINING


def render(data: TrainingData) -> Iterator[Path]:
    """Render the shards that are not there yet, then the manifest; each file once it is written.

    Raises:
        RenderError: music21 or pyfluidsynth is not installed, or a soundfont is none.
        OSError: a file cannot be written.
    """
    data.out.mkdir(parents=True, exist_ok=True)
    scores_file = data.out / "scores.json"
    read(data.families, scores_file, processes=data.n_processes)
    n_shards = -(-data.n_groups // GROUPS_IN_SHARD)
    jobs = [Job(data.out, data.seed, i, data.fonts, scores_file) for i in range(n_shards)]
    wanted = [job for job in jobs if not job.file.exists()]
    with ProcessPoolExecutor(data.n_processes) as pool:
        for done in as_completed([pool.submit(render_shard, job) for job in wanted]):
            yield done.result()
    made_of = manifest(data, scores_file, n_shards * GROUPS_IN_SHARD)
    file = data.out / "manifest.json"
    file.write_text(json.dumps(made_of, indent=1))
    yield file


def manifest(data: TrainingData, scores_file: Path, n_groups: int) -> dict[str, Any]:
    """A record of what the data is made of."""
    return {
        "groups": n_groups,
        "seed": data.seed,
        "seconds": SECONDS,
        "fonts": {font.name: digest(font) for font in data.fonts},
        "scores": {family: len(works) for family, works in scores_of(scores_file).items()},
        "scores_sha256": digest(scores_file),
        "families": data.families,
        "versions": {name: version(name) for name in ("music21", "pyfluidsynth", "numpy")},
    }
