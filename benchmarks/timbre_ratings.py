"""Measure how far features agree with human ratings of timbre.

    git clone https://github.com/tiianhk/timbremetrics
    python benchmarks/timbre_ratings.py timbremetrics
    python benchmarks/timbre_ratings.py timbremetrics --only judge "musicnn pool3"

The data, 334 sounds of 21 published studies and how different people found each two of a study, are
those that Tian et al. gathered (timbremetrics, ISMIR 2025); they are not part of this project. The
figure is theirs, the agreement of triplets: of all sounds a, b and c of a study of which people
found a nearer to b than to c, by more than a tenth of the study's largest difference, the share in
which the features do too; 0.5 is chance. A sound's features are a statistic of an encoder's
activations, compared by their cosine. The first row of the table is the best.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import scipy.fft
import scipy.spatial

from nstaudio.analysis import numpy_stft
from nstaudio.analysis.axes import positions
from nstaudio.analysis.spectrogram import MelSpec, unit
from nstaudio.audio import files
from nstaudio.encoders import (
    ActivationEncoder,
    Conv1dEncoder,
    Conv2dEncoder,
    IdentityEncoder,
    LearnedEncoder,
    MusicnnEncoder,
)
from nstaudio.evaluation import judge, similarity
from nstaudio.learned import features
from nstaudio.losses import BandStatistics

MARGIN = 0.1
N_STUDIES = 21
STEP_FRAMES, MIN_CUT_FRAMES = 8, 32  # longer sounds are cut to a multiple: few programs serve all
SR = 44100

MEL = MelSpec()
ENCODERS: dict[str, tuple[ActivationEncoder, MelSpec]] = {
    "identity": (IdentityEncoder(), MEL),
    "conv1d": (Conv1dEncoder((256,), 5), MEL),
    "conv2d": (Conv2dEncoder(), MEL),
    "learned": (LearnedEncoder(), features.spec()),
    "musicnn": (MusicnnEncoder(), MelSpec(sr=16000, n_fft=512, hop_length=256, n_mels=96)),
}

Features = Callable[[np.ndarray], dict[str, np.ndarray]]
"""The features of a sound, samples at `SR`, by name."""


def gram(activations: jax.Array) -> jax.Array:
    """The mean product of each two channels, of few positions too."""
    f = positions(activations)
    return f.T @ f / len(f)


STATISTICS: dict[str, Callable[[jax.Array], jax.Array]] = {
    "mean": lambda activations: positions(activations).mean(axis=0),
    "Gram": gram,
    "mean and deviation": BandStatistics(n_regions=1).statistic,
    "mean and deviation in 8 bands": BandStatistics(n_regions=8).statistic,
}


def of_encoder(name: str) -> Features:
    """Every statistic of every layer of an encoder."""
    encoder, spec = ENCODERS[name]

    @jax.jit
    def statistics_of(x: jax.Array) -> dict[str, jax.Array]:
        variables = encoder.init(jax.random.key(0), x)
        return {
            f"{name} {layer}: {statistic}": function(activations).ravel()
            for layer, activations in encoder.activations(variables, x).items()
            for statistic, function in STATISTICS.items()
            if activations.ndim > 2 or not statistic.endswith("bands")
        }

    def features_of(y: np.ndarray) -> dict[str, np.ndarray]:
        y = similarity.soxr.resample(y, SR, spec.sr, quality="VHQ").astype(np.float32)
        y = np.pad(y, (0, max(0, spec.hop_length * (encoder.receptive_field - 1) - len(y))))
        power = numpy_stft.mel_power(y, spec)
        level_db = 10 * np.log10(np.maximum(power / power.max(), spec.amin), dtype=np.float32)
        n = len(level_db)
        cut = n if n < MIN_CUT_FRAMES else max(n - n % STEP_FRAMES, encoder.receptive_field)
        found = statistics_of(unit(jnp.asarray(level_db[:cut]), spec))
        return {name: np.asarray(vector) for name, vector in found.items()}

    return features_of


def of_cepstrum(y: np.ndarray) -> dict[str, np.ndarray]:
    """Mean mel-frequency cepstral coefficients: those of `timbre`, and 40."""
    level_db = similarity.mel_level_db(
        jnp.asarray(similarity.comparable(y, SR)), spec=similarity._MFCC
    )
    cepstrum = np.asarray(scipy.fft.dct(np.asarray(level_db), axis=1, norm="ortho")).mean(axis=0)
    return {"MFCC 1 to 12 (`timbre`)": cepstrum[1:13], "MFCC 0 to 39": cepstrum[:40]}


def of_judge(y: np.ndarray) -> dict[str, np.ndarray]:
    """The judge's embedding."""
    return {"judge": judge.embedding(y, SR)}


FEATURES: dict[str, Features] = {
    "judge": of_judge,
    "MFCC": of_cepstrum,
    **{name: of_encoder(name) for name in ENCODERS},
}


def studies(folder: Path) -> Iterator[tuple[list[Path], np.ndarray]]:
    """The sounds of each study, and how different people found each two, 0 to 1.

    Raises:
        OSError, ValueError: the data are not there.
    """
    ratings = sorted((folder / "timbremetrics" / "true_dissim").glob("*_dissimilarity_matrix.txt"))
    if len(ratings) != N_STUDIES:
        raise ValueError(f"{folder} holds the ratings of {len(ratings)} studies, not {N_STUDIES}")
    for file in ratings:
        name = file.name.removesuffix("_dissimilarity_matrix.txt")
        sounds = sorted((folder / "timbremetrics" / "sounds" / name).glob("*.aiff"))
        above = np.triu(np.loadtxt(file), 1)
        if len(sounds) != len(above):
            raise ValueError(f"{name} has {len(sounds)} sounds and ratings of {len(above)}")
        yield sounds, (above + above.T) / above.max()


def agreements(rated: np.ndarray, found: np.ndarray) -> list[float]:
    """The agreement of two matrices of differences, for each sound as the one that two are near."""
    values = []
    for i in range(len(rated)):
        others = np.arange(len(rated)) != i
        people, ours = (matrix[i, others] for matrix in (rated, found))
        j, k = np.triu_indices(len(people), 1)
        told = np.abs(people[j] - people[k]) > MARGIN
        agree = (people[j] - people[k]) * (ours[j] - ours[k]) > 0
        values.append(float(agree[told].mean()) if told.any() else 0.0)
    return values


def measure(folder: Path, wanted: Callable[[str], bool]) -> dict[str, float]:
    """The mean agreement over all sounds, by features."""
    found: dict[str, list[float]] = {}
    for sounds, rated in studies(folder):
        by_name: dict[str, list[np.ndarray]] = {}
        for file in sounds:
            y = files.load(file, role="sound").mono(SR)
            for group, function in FEATURES.items():
                if wanted(group):
                    for name, vector in function(y).items():
                        by_name.setdefault(name, []).append(vector)
        for name, vectors in by_name.items():
            distances = scipy.spatial.distance.cdist(vectors, vectors, "cosine")
            found.setdefault(name, []).extend(agreements(rated, distances))
        print(".", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return {name: float(np.mean(values)) for name, values in found.items()}


def main(argv: list[str] | None = None) -> int:
    """Print the table; 0, or 2 where the data are not there."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("folder", type=Path, help="a checkout of timbremetrics")
    parser.add_argument("--only", nargs="*", default=[], help="rows that begin so")
    args = parser.parse_args(argv)

    def wanted(group: str) -> bool:
        return not args.only or any(row.split()[0] == group for row in args.only)

    try:
        table: dict[str, Any] = measure(args.folder, wanted)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print("| features | triplets |\n|---|---|")
    for name, value in sorted(table.items(), key=lambda row: -row[1]):
        if not args.only or name.startswith(tuple(args.only)):
            print(f"| {name} | {value:.3f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
