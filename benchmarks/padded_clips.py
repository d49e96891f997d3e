"""Changes of a result by silence beside a clip: levels in thirds of an octave, and the judge.

    uv run python benchmarks/padded_clips.py
    uv run python benchmarks/padded_clips.py --experiments timbre --clips a.wav b.wav --all
    uv run python benchmarks/padded_clips.py --kinds room --seconds 3.0071

Content or style are padded, before or after, with digital silence and with white noise at -60 dBFS,
as of a room. The part of the result that the clip itself takes is compared with the result of the
clips as they are: its mean level in each third of an octave, down to 60 dB below the loudest, and
its distance from the style for the judge, over what it was. A row is the worst of all paddings.
"""

import argparse
import itertools
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import scipy.signal

import nstaudio
from nstaudio.audio import demo_clips, files
from nstaudio.evaluation import judge
from nstaudio.experiments import config, config_files

EXPERIMENTS = ("default", "timbre", "musaicing", "learned", "gram")
KINDS = ("digital", "room")
ROOM_DB = -60.0
FRAME_S = 0.5
MAX_BELOW_DB = 60.0


class Padding(NamedTuple):
    """Seconds of silence beside a clip."""

    clip: str
    side: str
    kind: str
    seconds: float


def paddings(kinds: list[str], seconds: list[float]) -> Iterator[Padding]:
    """All of them."""
    sides = itertools.product(("content", "style"), ("before", "after"), kinds)
    for (clip, side, kind), s in itertools.product(sides, seconds):
        yield Padding(clip, side, kind, s)


def padded(y: np.ndarray, sr: int, padding: Padding) -> tuple[np.ndarray, slice]:
    """A clip (`samples channels`) with its padding, and where in it the clip is."""
    noise = np.random.default_rng(0).standard_normal((round(padding.seconds * sr), y.shape[1]))
    level = 0.0 if padding.kind == "digital" else 10 ** (ROOM_DB / 20)
    beside = (level * noise).astype(np.float32)
    first = len(beside) if padding.side == "before" else 0
    parts = (beside, y) if first else (y, beside)
    return np.concatenate(parts), slice(first, first + len(y))


def third_octaves_db(y: np.ndarray, sr: int) -> np.ndarray:
    """Mean level of mono samples in thirds of an octave from 31.5 Hz up, dB, by Welch's method."""
    n_frame = round(FRAME_S * sr)
    hz, power = scipy.signal.welch(y, sr, nperseg=n_frame)
    edges = 1000 * 2 ** (np.arange(-15.5, 14) / 3)
    bins = np.searchsorted(hz, edges[edges <= sr / 2])
    return 10 * np.log10(np.add.reduceat(power, bins)[:-1] + 1e-20)


class Heard(NamedTuple):
    """A result: its bands, dB, and its distance from the style."""

    bands_db: np.ndarray
    to_style: float


def run(
    content: np.ndarray, style: np.ndarray, sr: int, settings: nstaudio.Settings, part: slice
) -> np.ndarray:
    """Mono samples of a part of the result."""
    return nstaudio.transfer(content, style, sr, settings).y[part].mean(axis=1)


def main() -> None:
    """Print a row for each experiment, clip, side and kind."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--experiments", nargs="+", default=EXPERIMENTS, choices=EXPERIMENTS)
    parser.add_argument("--clips", nargs=2, metavar=("CONTENT", "STYLE"))
    parser.add_argument("--duration", type=float, default=8.0, help="s of each clip that are used")
    parser.add_argument(
        "--seconds", type=float, nargs="+", default=[1.0037, 3.0071, 8.0013], help="of silence"
    )
    parser.add_argument("--kinds", nargs="+", default=KINDS, choices=KINDS)
    parser.add_argument("--all", action="store_true", help="a row for each number of seconds")
    args = parser.parse_args()
    demos = demo_clips.files()
    loaded = [files.load(path) for path in args.clips or (demos["jazz"], demos["classical"])]
    sr = loaded[0].sr
    if loaded[1].sr != sr:
        parser.error(f"the clips' rates are {sr} and {loaded[1].sr} Hz; they must be equal")
    content, style = (
        np.asarray(clip.y[: round(args.duration * sr)], np.float32) for clip in loaded
    )
    of_style = judge.embedding(style.mean(axis=1), sr)

    def hear(y: np.ndarray) -> Heard:
        to_style = judge.distance(judge.embedding(y, sr), of_style)
        return Heard(third_octaves_db(y, sr), to_style)

    print(f"{'experiment':12}{'padding':30}{'worst band, dB':>16}{'judge, %':>10}", flush=True)
    for name in args.experiments:
        overrides = [] if name == "default" else [f"experiment={name}"]
        settings = config.build(config_files.compose(overrides)).transfer
        as_is = hear(run(content, style, sr, settings, slice(None)))
        strong = as_is.bands_db > as_is.bands_db.max() - MAX_BELOW_DB
        worst: dict[tuple[str, ...], tuple[float, float]] = {}
        for padding in paddings(args.kinds, args.seconds):
            clips, part = {"content": content, "style": style}, slice(None)
            clips[padding.clip], place = padded(clips[padding.clip], sr, padding)
            if padding.clip == "content":
                part = place
            found = hear(run(clips["content"], clips["style"], sr, settings, part))
            band_db = float(np.abs(found.bands_db - as_is.bands_db)[strong].max())
            judge_percent = 100 * abs(found.to_style / as_is.to_style - 1)
            row = (padding.clip, padding.side, padding.kind)
            row = (*row, f"{padding.seconds:g} s") if args.all else row
            before = worst.get(row, (0.0, 0.0))
            worst[row] = max(band_db, before[0]), max(judge_percent, before[1])
        for row, (band_db, percent) in worst.items():
            print(f"{name:12}{' '.join(row):30}{band_db:16.2f}{percent:10.1f}", flush=True)


if __name__ == "__main__":
    main()
