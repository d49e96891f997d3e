"""The network applied to clips of any length: windows of one size, a style of one of a few sizes.

Each size is one compiled program. A window overlaps its neighbours by what a prediction depends on,
so that the windows together are what the whole would be; a shorter style is padded and masked.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import soxr
from jaxtyping import Array, Bool, Float

from nstaudio.analysis import numpy_stft
from nstaudio.analysis.bands import lifted
from nstaudio.audio import samples
from nstaudio.audio.samples import Samples
from nstaudio.learned import weights
from nstaudio.learned.features import RANGE_DB, SR, Levels, power_weights, spec
from nstaudio.learned.network import HALO, Sound, Statistics, TransferNet, predicted

WINDOW = 256
"""Frames of the content that the network sees at once, 8 s."""

STYLE_SIZES = (256, 512, 1024)
"""Frames of the style that it sees; of a longer one, passages from beginning to end."""

_PASSAGE = 64  # frames


def level_db(y: Samples, sr: int, *, name: str) -> Levels:
    """Levels that the network sees of mono samples at the rate `sr`, Hz; loudness does not matter.

    Raises:
        InputError: silence, or no samples at all; `name` says whose.
    """
    y = soxr.resample(np.asarray(y, np.float32), sr, SR, quality="VHQ")
    power = numpy_stft.mel_power(samples.unit_power(y, name=name), spec())
    return _cut(10 * np.log10(np.maximum(power, 1e-10)))


def predict(
    content_db: Levels,
    style_db: Float[np.ndarray, "others mels"],
    network: tuple[TransferNet, weights.Params] | None = None,
) -> Levels:
    """Levels of the content's notes in the style's sound, dB at unit power, frame by frame.

    Args:
        content_db, style_db: levels of the two clips, see `level_db`.
        network: the network and its parameters; `None` is the one that comes with the package.
    """
    net, params = weights.shipped() if network is None else network
    style = padded_style(style_db)
    whole = _statistics(content_db)
    kept = WINDOW - 2 * HALO
    found = []
    for start in range(0, len(content_db), kept):
        frames = np.arange(start - HALO, start - HALO + WINDOW)
        inside = (frames >= 0) & (frames < len(content_db))
        nearest_db = content_db[np.clip(frames, 0, len(content_db) - 1)]
        window_db = np.where(inside[:, None], nearest_db, 0)
        content = _sound(window_db, inside, whole)
        found.append(np.asarray(_applied(params, content, style, net=net))[0, HALO:-HALO])
    return _cut(_loudest_lifted(np.concatenate(found)[: len(content_db)], style_db))


def _loudest_lifted(level_db: Levels, style_db: Float[np.ndarray, "others mels"]) -> Levels:
    """Levels of unit power. A mean in dB lies below the level of the mean, where it is loud."""
    return _at_unit_power(lifted(level_db, style_db))


def _at_unit_power(level_db: Levels) -> Levels:
    return level_db - 10 * np.log10(np.mean(10 ** (level_db / 10) @ power_weights()))


def padded_style(style_db: Levels) -> Sound:
    """A style as the network takes it: passages of a long one, the rest of a size masked."""
    n = len(style_db)
    if n > STYLE_SIZES[-1]:
        starts = np.linspace(0, n - _PASSAGE, STYLE_SIZES[-1] // _PASSAGE).round().astype(int)
        taken_db = np.concatenate([style_db[start : start + _PASSAGE] for start in starts])
    else:
        taken_db = style_db
    size = next(size for size in STYLE_SIZES if size >= len(taken_db))
    padded_db = np.pad(taken_db, ((0, size - len(taken_db)), (0, 0)))
    return _sound(padded_db, np.arange(size) < len(taken_db), _statistics(style_db))


def _sound(level_db: Levels, mask: Bool[np.ndarray, " frames"], whole: Statistics) -> Sound:
    return Sound(jnp.asarray(level_db[None], jnp.float32), jnp.asarray(mask[None]), whole)


@partial(jax.jit, static_argnames="net")
def _applied(
    params: weights.Params, content: Sound, style: Sound, *, net: TransferNet
) -> Float[Array, "1 frames mels"]:
    return predicted(net, params, content, style)


def _statistics(level_db: Levels) -> Statistics:
    """Statistics of a whole clip, in numpy, which compiles nothing for its length."""
    mean_db = level_db.mean(axis=0, dtype=np.float64)
    spread_db = np.sqrt(level_db.var(axis=0, dtype=np.float64) + 1e-3)
    return Statistics(*(jnp.asarray(x[None], jnp.float32) for x in (mean_db, spread_db)))


def _cut(level_db: Levels) -> Levels:
    return np.maximum(level_db, level_db.max() - RANGE_DB).astype(np.float32)
