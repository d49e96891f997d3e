"""Values in frequency bands: interpolation between their centres, and mean levels."""

import numpy as np
from jaxtyping import Float

from nstaudio.analysis.spectrogram import MelSpec


def interpolation(
    points: Float[np.ndarray, " points"], centres: Float[np.ndarray, " bands"]
) -> Float[np.ndarray, "bands points"]:
    """Weights from values at the ascending `centres` to `points`; each point's add up to 1.

    Points beyond the outermost centres have the value there.
    """
    return np.stack([np.interp(points, centres, row) for row in np.eye(len(centres))])


def mel_to_bins(spec: MelSpec) -> Float[np.ndarray, "mels bins"]:
    """Weights from values in the bands of `spec` to the bins of its transform, linear in Hz."""
    return interpolation(np.fft.rfftfreq(spec.n_fft, 1.0 / spec.sr), spec.edges_hz[1:-1])


def mean_power_db(
    level_db: Float[np.ndarray, "frames bands"], axis: int | None = None
) -> Float[np.ndarray, "*bands"]:
    """The level of the mean power, dB, over frames (axis 0) or over all."""
    return np.asarray(10 * np.log10(np.mean(10 ** (level_db / 10), axis=axis)))
