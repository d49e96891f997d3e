"""Whether segments can be heard where they meet: spectral flux and level there and elsewhere.

    uv run python benchmarks/seams.py outputs/2026-01-31/12-00-00_long_as_classical

Flux is the root mean square change of the log-spectrum from one moment (46 ms) to the next, above
what the content's own is there; level is the change of loudness from the second before to the
second after. Both are taken over all fades and over as many other places, drawn at random.
"""

import argparse
import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from omegaconf import OmegaConf

from nstaudio.audio.segments import Segmentation


def flux_db(y: np.ndarray, sr: int) -> np.ndarray:
    """Change of the spectrum in 40 bands, every 46 ms, dB."""
    n = int(0.046 * sr)
    frames = y[: len(y) // n * n].reshape(-1, n) * np.hanning(n)
    power = np.abs(np.fft.rfft(frames)) ** 2
    edges = np.unique(np.geomspace(1, power.shape[1], 41).astype(int))
    bands = np.add.reduceat(power, edges[:-1], axis=1)
    level_db = 10 * np.log10(bands + 1e-9 * bands.max())
    return np.sqrt(np.mean(np.diff(level_db, axis=0) ** 2, axis=1))


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("run", type=Path, help="a run's folder")
    args = parser.parse_args()
    summary = json.loads((args.run / "summary.json").read_text())
    cfg: Any = OmegaConf.load(args.run / "config.yaml")
    (generated,) = args.run.glob("generated.*")
    y, sr = soundfile.read(generated, always_2d=True)
    content, _ = soundfile.read(next(args.run.glob("content_*.wav")), always_2d=True)
    spans = Segmentation(**cfg.segments).spans(len(y), sr)
    fades = [(b.start, a.stop) for a, b in itertools.pairwise(spans)]
    print(
        f"{summary['n_segments']} segments, {len(fades)} fades of "
        f"{(fades[0][1] - fades[0][0]) / sr:.1f} s"
    )
    flux = flux_db(y.mean(axis=1), sr) - flux_db(content.mean(axis=1), sr)
    at = (np.arange(len(flux)) + 1) * int(0.046 * sr)
    inside = np.any([(at >= a) & (at < b) for a, b in fades], axis=0)
    for name, chosen in (("in the fades", inside), ("elsewhere", ~inside)):
        values = flux[chosen]
        print(
            f"flux over the content's, {name}: median {np.median(values):+.2f} dB, "
            f"95 % below {np.percentile(values, 95):+.2f} dB"
        )

    def step_db(middle: int) -> float:
        before, after = (
            [np.sqrt(np.mean(s[p] ** 2)) for s in (y, content)]
            for p in (slice(middle - sr, middle), slice(middle, middle + sr))
        )
        return 20 * np.log10((after[0] / after[1]) / (before[0] / before[1]) + 1e-9)

    rng = np.random.default_rng(0)
    seams = [step_db((a + b) // 2) for a, b in fades]
    others = [step_db(int(m)) for m in rng.integers(sr, len(y) - sr, 200)]
    for name, values in (("in the fades", seams), ("elsewhere", others)):
        print(
            f"change of level over the content's, {name}: "
            f"rms {np.sqrt(np.mean(np.square(values))):.2f} dB, "
            f"largest {np.abs(values).max():.2f} dB"
        )


if __name__ == "__main__":
    main()
