"""Values in frequency bands: interpolation between their centres, mean levels, their lift."""

import numpy as np
import scipy.ndimage
from jaxtyping import Float

from nstaudio.analysis.spectrogram import MelSpec

_MAX_LIFT_DB = 30.0
_LIFT_EXPONENT = 0.5  # of the power around a cell over the largest: its share of the lift
_LIFT_BLUR = 4.0, 6.0  # frames and bands of its neighbourhood
_N_BISECTIONS = 30


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


def lifted(
    level_db: Float[np.ndarray, "frames bands"], style_db: Float[np.ndarray, "others bands"]
) -> Float[np.ndarray, "frames bands"]:
    """Levels whose loudest cells are raised until the mean power is the style's.

    A mean of levels in dB lies below the level of the mean, the more so the louder its cells: what
    answers a peak is an average of peaks that lie elsewhere. What is lifted is a neighbourhood, not
    single partials, or the tune would change. Levels of more power stay as they are.
    """
    power = 10 ** (level_db / 10)
    wanted = float(np.mean(10 ** (style_db / 10)))
    around_db = scipy.ndimage.gaussian_filter(level_db, _LIFT_BLUR)
    share = 10 ** ((around_db - around_db.max()) / 10 * _LIFT_EXPONENT)
    low, high = 0.0, _MAX_LIFT_DB
    for _ in range(_N_BISECTIONS):
        lift_db = (low + high) / 2
        if float(np.mean(power * 10 ** (lift_db * share / 10))) < wanted:
            low = lift_db
        else:
            high = lift_db
    return level_db + low * share
