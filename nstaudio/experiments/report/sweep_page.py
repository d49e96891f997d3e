"""The page of a sweep: every run below a folder on one grid, to see, play and compare.

It reads the files of finished runs and writes one file, `sweep.html`.
"""

import html
import importlib.resources
import json
import math
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import yaml
from jaxtyping import Float

from nstaudio.analysis.spectrogram import MelSpec, hann
from nstaudio.audio.files import Recording, load
from nstaudio.audio.samples import Channels
from nstaudio.errors import InputError, one_line
from nstaudio.experiments.nested import leaves
from nstaudio.experiments.report.page import HOW_TO_READ, STYLE, data_url, draw_thumbnail, playable
from nstaudio.experiments.storage import file_writing
from nstaudio.experiments.storage.summary import part_folders

NAME = "sweep.html"

MAX_EMBEDDED_S = 1100.0
"""Seconds of sound that a page embeds, 24 MB; where there is more, it links to the files."""

_RECORDS = ("config.yaml", "summary.json", "error.txt", ".hydra/overrides.yaml")
_FORMATS = ("wav", "flac", "ogg", "mp3")
_MAX_TEXT = 2**20  # bytes of a record; runs write shorter ones


@dataclass
class Job:
    """A run, as read from its folder.

    Attributes:
        folder: of the run.
        state: `finished`, `interrupted`, `failed`, `unfinished` or `damaged`.
        reason: why, in a line, where it is not simply finished.
        settings: every setting as text, by its dotted name, and every group's choice.
        chosen: the names of the groups among them.
        overridden: the names of those on its command line.
        figures: the finite numbers of its summary.
    """

    folder: Path
    state: str = "finished"
    reason: str = ""
    settings: dict[str, str] = field(default_factory=dict)
    chosen: tuple[str, ...] = ()
    overridden: tuple[str, ...] = ()
    figures: dict[str, float] = field(default_factory=dict)

    def sound(self, role: str) -> Path | None:
        """The newest file of `generated`, `content` or `style`; `None` where there is none."""
        name = "generated.{}" if role == "generated" else f"{role}_*.{{}}"
        files = [file for form in _FORMATS for file in self.folder.glob(name.format(form))]
        return max(files, key=lambda file: file.stat().st_mtime_ns, default=None)


def write(folder: Path) -> Path:
    """Make the page of all runs in and below `folder`; returns its file, `folder/sweep.html`.

    Raises:
        InputError: it is no folder, or holds no run.
        OSError: the page cannot be written.
    """
    file = folder / NAME
    file_writing.write_whole(file, make_page(folder))
    return file


def is_current(folder: Path) -> bool:
    """True where the page in `folder` is newer than all runs on it."""
    try:
        written_ns = (folder / NAME).stat().st_mtime_ns
    except OSError:
        return False
    # Hydra rewrites its own record whenever the sweep is called again.
    files = [run / name for run in find(folder) for name in _RECORDS if name[0] != "."]
    return all(file.stat().st_mtime_ns < written_ns for file in files if file.is_file())


def make_page(folder: Path) -> str:
    """The page as text; it names files relative to `folder`.

    Raises:
        InputError: as `write`.
    """
    folder = folder.absolute()
    if not folder.is_dir():
        what = "is not a folder" if folder.exists() else "does not exist"
        raise InputError(f"{one_line(folder)} {what}")
    jobs = [read(run) for run in find(folder)]
    if not jobs:
        raise InputError(f"{one_line(folder)} holds no runs")
    settings = varied(jobs)
    shown = [_short_paths([job.settings.get(name) for job in jobs]) for name in settings]
    clips, players = _sounds(jobs, folder)
    names = {name for job in jobs for name in job.figures}
    title = one_line(folder.resolve().name or folder.resolve())
    data = {
        "settings": settings,
        "figures": [n for n in HOW_TO_READ if n in names] + sorted(names - HOW_TO_READ.keys()),
        "how": HOW_TO_READ,
        "linked": any(not clip["src"].startswith("data:") for clip in clips),
        "clips": clips,
        "jobs": [
            {
                "name": one_line(os.path.relpath(job.folder, folder)),
                "state": job.state,
                "reason": job.reason,
                "settings": [values[i] for values in shown],
                "figures": job.figures,
                "report": _address(job.folder / "report.html", folder),
                **players[i],
            }
            for i, job in enumerate(jobs)
        ],
    }
    parts = {
        "title": html.escape(title),
        "style": STYLE,
        # Only `<` could end the script element.
        "data": json.dumps(data, allow_nan=False).replace("<", "\\u003c"),
    }
    template = importlib.resources.files("nstaudio.experiments.report").joinpath("sweep_page.html")
    page = template.read_text(encoding="utf-8")
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], page)


def find(folder: Path) -> list[Path]:
    """The folders of runs in and below `folder`, numbers in their names in order."""
    runs = []
    for root, subfolders, _ in os.walk(folder):
        path = Path(root)
        is_run = any((path / name).is_file() for name in _RECORDS) and not part_folders(path)
        if is_run:
            runs.append(path)
        skipped = ("checkpoints", "segments") if is_run else ()
        subfolders[:] = [n for n in subfolders if not n.startswith(".") and n not in skipped]
    return sorted(runs, key=lambda run: _natural(str(run)))


def _natural(text: str) -> list[tuple[int, str]]:
    """A key by which `2_a` comes before `10_a`."""
    parts = re.split(r"([0-9]+)", text)
    return [(len(p.lstrip("0")), p) if i % 2 else (0, p) for i, p in enumerate(parts)]


def read(folder: Path) -> Job:
    """Read the records in a run's folder; never fails."""
    job = Job(folder)
    _read_settings(job)
    try:
        summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
        job.figures = dict(_figures(summary))
    except FileNotFoundError:
        error = _text(folder / "error.txt")
        job.state = "unfinished" if error is None else "failed"
        reason = (error or "").strip().splitlines()
        job.reason = (
            one_line(reason[0]) if reason else "" if error is None else "error.txt is empty"
        )
        return job
    except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
        job.state, job.reason = "damaged", f"summary.json cannot be read: {one_line(error)}"
        return job
    if summary.get("interrupted") is True:
        job.state, job.reason = "interrupted", "interrupted before its last step"
    return job


def _figures(summary: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    for name, value in summary.items():
        if isinstance(value, Mapping):
            yield from _figures(value, f"{prefix}{name}.")
        elif isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300:
            yield prefix + name, float(value)  # neither NaN nor infinite


def _text(file: Path) -> str | None:
    """The text of a record; `None` where there is none that can be read."""
    try:
        with file.open(encoding="utf-8", errors="replace") as stream:
            return stream.read(_MAX_TEXT)
    except OSError:
        return None


def _yaml(file: Path) -> Any:
    """A YAML file with every scalar as the text it is written with; `None` where it is none."""
    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    text = _text(file) or ""
    try:
        # A few lines of aliases can expand to more than any memory holds; runs write none.
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, loader)):
            return None
        return yaml.load(text, loader)
    except (yaml.YAMLError, ValueError, TypeError, RecursionError):
        return None


def _read_settings(job: Job) -> None:
    """The settings, from the run's record where there is one, else from Hydra's."""
    hydra = job.folder / ".hydra"
    overrides = _yaml(hydra / "overrides.yaml")
    pairs = [text.lstrip("+").partition("=") for text in overrides or () if isinstance(text, str)]
    overridden = {name: _plain(value.strip("'\"")) for name, equals, value in pairs if equals}
    config = _yaml(job.folder / "config.yaml") or _yaml(hydra / "config.yaml")
    saved = {name: _plain(value) for name, value in leaves(config) if name}
    saved.pop("resume", None)
    choices: Any = _yaml(hydra / "hydra.yaml")
    for key in ("hydra", "runtime", "choices"):
        choices = choices.get(key) if isinstance(choices, dict) else None
    groups = dict(choices) if isinstance(choices, dict) else {}
    groups = {k: _plain(v) for k, v in groups.items() if not k.startswith("hydra/")}
    job.settings = {**overridden, **saved, **groups}
    job.chosen, job.overridden = tuple(groups), tuple(overridden)


def _plain(value: Any) -> str:
    """A setting as text for readers: 1.0e-07 is 1e-07, and a demo clip is its file."""
    if isinstance(value, list):
        return f"[{', '.join(_plain(entry) for entry in value)}]"
    text = one_line(value)
    if re.fullmatch(r"[+-]?[0-9]{1,30}", text):
        return str(int(text))
    if re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?", text, re.IGNORECASE):
        return repr(float(text)).removesuffix(".0")
    return re.sub(r"^\$\{clip:(.+)\}$", r"\1", text)


def varied(jobs: Sequence[Job]) -> list[str]:
    """The settings in which jobs differ, those of the most values first.

    Overrides on a command line come before other settings, and of the latter those that follow from
    a group's choice are left out: `optimizer=adam,lbfgs` is one setting, not all of Adam's.
    """
    overridden = dict.fromkeys(name for job in jobs for name in job.overridden)
    chosen = dict.fromkeys(name for job in jobs for name in job.chosen)
    others = dict.fromkeys(name for job in jobs for name in job.settings)
    n_values: dict[str, int] = {}
    for name in {**overridden, **chosen, **others}:
        # Of a job that was refused early only the overrides are known.
        known = [
            job for job in jobs if name in job.settings or len(job.settings) > len(job.overridden)
        ]
        values = [job.settings.get(name) for job in known]
        causes = [cause for cause in n_values if cause in chosen]
        independent = name in overridden or not any(
            _follows(known, values, cause) for cause in causes
        )
        if len(set(values)) > 1 and independent:
            n_values[name] = len(set(values))
    return sorted(n_values, key=lambda name: -n_values[name])


def _follows(jobs: Iterable[Job], values: Iterable[str | None], cause: str) -> bool:
    """True where the values are a function of the setting `cause`."""
    pairs = {(job.settings.get(cause), value) for job, value in zip(jobs, values, strict=True)}
    return len(pairs) == len({choice for choice, _ in pairs})


def _short_paths(values: Sequence[str | None]) -> list[str | None]:
    """Paths without their folders, where these are not needed to distinguish them."""
    names = [value and re.sub(r"(^|[\[ ])/[^,\]]*/", r"\1", value) for value in values]
    return list(names if len(set(names)) == len(set(values)) else values)


def _address(file: Path, folder: Path) -> str | None:
    """The relative URL of a file from a page in `folder`; `None` where there is no such file."""
    return quote(os.fsencode(os.path.relpath(file, folder))) if file.is_file() else None


@dataclass(frozen=True, eq=False)
class _Fingerprint:
    """The identity of a clip: jobs share it, each as loud as its own result."""

    file: Path
    seconds: float
    power: float
    shares: Float[np.ndarray, " parts"]
    """Shares of the power in equal parts of the clip."""

    def same_as(self, other: "_Fingerprint") -> bool:
        return (self.file.name, self.seconds) == (other.file.name, other.seconds) and np.allclose(
            self.shares, other.shares, rtol=1e-3, atol=1e-5
        )


def _fingerprint(file: Path) -> _Fingerprint | str:
    """The fingerprint of a clip, or the error that prevents it."""
    clip = _load(file)
    if isinstance(clip, str):
        return clip
    parts = np.array_split(clip.y, min(len(clip.y), 64))
    powers = np.array([np.sum(np.square(part, dtype=np.float64)) for part in parts])
    power = float(powers.sum())
    return _Fingerprint(file, clip.duration_s, power, powers / power)


def _load(file: Path) -> Recording | str:
    try:
        return load(file, role="sound")
    except InputError as error:
        return str(error).replace(f"{one_line(file.parent)}{os.sep}", "")


def _sounds(jobs: Sequence[Job], folder: Path) -> tuple[list[dict], list[dict]]:
    """All clips of the page, each once, and the clips and volumes that each job plays."""
    roles = [(job, role) for job in jobs for role in ("generated", "content", "style")]
    files = [job.sound(role) for job, role in roles]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        prints = list(pool.map(lambda file: file and _fingerprint(file), files))
        groups: list[list[_Fingerprint]] = []
        for (_, role), entry in zip(roles, prints, strict=True):
            if isinstance(entry, _Fingerprint):
                matches = (g for g in groups if role != "generated" and g[0].same_as(entry))
                group = next(matches, None)
                group.append(entry) if group is not None else groups.append([entry])
        # A browser can lower a sound, not raise it.
        loudest = [max(group, key=lambda entry: entry.power) for group in groups]
        embedded = sum(entry.seconds for entry in loudest) <= MAX_EMBEDDED_S
        results = list(pool.map(lambda entry: _picture_and_source(entry.file, embedded), loudest))
    top_db = max((float(level_db.max()) for level_db, _ in results), default=0.0)
    clips = []
    for entry, (level_db, source) in zip(loudest, results, strict=True):
        picture = draw_thumbnail(level_db, floor_db=top_db - _RANGE_DB, top_db=top_db)
        clips.append(
            {
                "name": one_line(entry.file.stem),
                "src": source or _address(entry.file, folder) or "",
                "picture": data_url("image/jpeg", picture),
                "seconds": entry.seconds,
            }
        )
    group_of = {id(entry): i for i, group in enumerate(groups) for entry in group}
    players: list[dict] = [{} for _ in jobs]
    for n, ((job, role), entry) in enumerate(zip(roles, prints, strict=True)):
        if isinstance(entry, _Fingerprint):
            i = group_of[id(entry)]
            volume = math.sqrt(entry.power / loudest[i].power)
            players[n // 3][role] = {"clip": i, "volume": min(1.0, volume)}
        elif role == "generated" and job.state in ("finished", "interrupted"):
            job.state, job.reason = "damaged", entry or "it has no generated sound"
        elif role != "generated" and entry:
            job.reason = "; ".join(filter(None, (job.reason, entry)))
    return clips, players


_COLUMNS, _PER_COLUMN, _MELS = 256, 2, 72  # of a thumbnail
_TOP_HZ, _FRAME_S, _RANGE_DB = 12000.0, 0.085, 80.0


def _picture_and_source(file: Path, embedded: bool) -> tuple[np.ndarray, str | None]:
    """A clip's thumbnail in dB of full scale, and its data URL where it is embedded."""
    clip = load(file)
    source = playable(clip.y, clip.sr, lossless=False) if embedded else None
    return thumbnail(clip.y, clip.sr), source


def thumbnail(y: Channels, sr: int) -> np.ndarray:
    """A small log-mel spectrogram `columns mels`, dB of full scale.

    A fixed number of frames is spread over the clip, so an hour costs as much as ten seconds.
    """
    spec = _spec(sr)
    y = np.pad(y, ((0, max(0, spec.n_fft - len(y))), (0, 0))) if len(y) < spec.n_fft else y
    starts = np.linspace(0, len(y) - spec.n_fft, _COLUMNS * _PER_COLUMN).astype(int)
    window = hann(spec.n_fft).astype(np.float32)
    window *= 2 / window.sum()
    to_mono = np.full(y.shape[1], 1 / y.shape[1], np.float32)
    frames = np.stack([y[start : start + spec.n_fft] @ to_mono for start in starts])
    power = np.abs(np.fft.rfft(frames * window)) ** 2 @ spec.filters
    columns = power.reshape(_COLUMNS, _PER_COLUMN, _MELS).mean(axis=1)
    return 10 * np.log10(np.maximum(columns, 1e-12))


@cache
def _spec(sr: int) -> MelSpec:
    n_fft = max(256, 2 ** round(math.log2(_FRAME_S * sr)))
    return MelSpec(sr, n_fft, n_fft // 4, _MELS, f_max_hz=min(sr / 2, _TOP_HZ), mel_norm=None)
