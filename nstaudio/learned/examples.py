"""Examples for training, mixed by chance from stems: a content, a style and the target.

Powers of stems add up, so one group of stems gives many mixes: some of its parts, at other levels,
through other equalisers, over other noise. What the style gets of these the target gets too. All
are brought to unit power, so that a recording's loudness means nothing.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from nstaudio.analysis.spectrogram import db_to_power, power_to_db
from nstaudio.learned.features import N_BANDS, RANGE_DB, power_weights

CONTENT, STYLE, TARGET = range(3)

_DRUMS = 4  # the part that is drums, after the pitched ones
_ABSENT_DB = -300.0
_LEVEL_JITTER_DB = 3.0
_WITH_DRUMS, _EQUALISED, _NOISY = 0.5, 0.7, 0.3  # probabilities
_EQ_TERMS, _EQ_DB = 6, 6.0  # cosines across the bands; standard deviation of the first
_NOISE_DB, _NOISE_SLOPE_DB = (-65.0, -25.0), 25.0  # under the mean level; fall to the highest band
_NOISE_SHAPE = 3.0  # of the gamma distribution of a cell's noise: bins in a band, roughly

Mix = Float[Array, "batch frames bands"]


class Stems(NamedTuple):
    """Parts of pieces, as content, style and target, see `experiments.rendering`."""

    level_db: Float[Array, "batch parts roles frames bands"]
    """Mel levels, dB."""
    mean_square: Float[Array, "batch parts roles"]
    """Of the samples; 0 where there is no such part."""

    def groups(self, picked: slice | Int[Array, " picked"]) -> "Stems":
        """Those of some groups."""
        return Stems(*(x[picked] for x in self))


class Triplet(NamedTuple):
    """Levels of content, style and target, dB at unit power."""

    content: Mix
    style: Mix
    target: Mix


def mixed(key: PRNGKeyArray, stems: Stems) -> Triplet:
    """An example of each group."""
    keys = jax.random.split(key, 4)
    gain_db = _gains_db(keys[0], stems.mean_square)
    level_db = stems.level_db.astype(jnp.float32) + gain_db[..., None, None]
    power = db_to_power(level_db).sum(axis=1)
    power = power * _equalisers(keys[1], len(power))[:, :, None]
    power = power + _noise(keys[2], keys[3], power)
    power = power / power_of(power)[..., None, None]
    level_db = power_to_db(power)
    level_db = jnp.maximum(level_db, level_db.max(axis=(2, 3), keepdims=True) - RANGE_DB)
    return Triplet(*(level_db[:, role] for role in (CONTENT, STYLE, TARGET)))


def power_of(mel_power: Float[Array, "*batch frames bands"]) -> Float[Array, "*batch"]:
    """The power of the sound with these mel powers."""
    return (mel_power @ power_weights()).mean(axis=-1)


def _gains_db(
    key: PRNGKeyArray, mean_square: Float[Array, "batch parts roles"]
) -> Float[Array, "batch parts roles"]:
    """Gains that bring parts to like levels; `_ABSENT_DB` for those that do not play."""
    count_key, order_key, drums_key, jitter_key = jax.random.split(key, 4)
    n, n_parts, _ = mean_square.shape
    there = mean_square.min(axis=2) > 0
    pitched = there & (jnp.arange(n_parts) < _DRUMS)[None]
    order = jnp.where(pitched, jax.random.uniform(order_key, (n, n_parts)), 2.0)
    rank = jnp.argsort(jnp.argsort(order, axis=1), axis=1)
    count = jax.random.randint(count_key, (n, 1), 1, _DRUMS + 1)
    with_drums = jax.random.uniform(drums_key, (n, 1)) < _WITH_DRUMS
    # Drums alone are no example of notes, but better than silence.
    with_drums = with_drums | ~pitched.any(axis=1, keepdims=True)
    drums = there & (jnp.arange(n_parts) == _DRUMS)[None] & with_drums
    playing = (pitched & (rank < count)) | drums
    level_db = power_to_db(mean_square)
    jitter_db = _LEVEL_JITTER_DB * jax.random.normal(jitter_key, (n, n_parts, 2))
    content_db = jitter_db[..., 0] - level_db[..., CONTENT]
    style_db = jitter_db[..., 1] - (level_db[..., STYLE] + level_db[..., TARGET]) / 2
    gain_db = jnp.stack([content_db, style_db, style_db], axis=-1)
    return jnp.where(playing[..., None], gain_db, _ABSENT_DB)


def _equalisers(key: PRNGKeyArray, n: int) -> Float[Array, "batch roles bands"]:
    """Smooth gains in power, one for the content and one for the other two."""
    shape_key, use_key = jax.random.split(key)
    k = np.arange(1, _EQ_TERMS + 1)
    waves = np.cos(np.pi * k[:, None] * np.arange(N_BANDS) / (N_BANDS - 1))
    amplitudes = jax.random.normal(shape_key, (n, 2, _EQ_TERMS)) * (_EQ_DB / k**0.7)[None, None]
    used = jax.random.uniform(use_key, (n, 2, 1)) < _EQUALISED
    gains = db_to_power(amplitudes @ waves.astype(np.float32) * used)
    return gains[:, (0, 1, 1)]


def _noise(
    level_key: PRNGKeyArray, key: PRNGKeyArray, power: Float[Array, "batch roles frames bands"]
) -> Float[Array, "batch roles frames bands"]:
    """The noise of a recording, often none: its powers."""
    db_key, slope_key, use_key = jax.random.split(level_key, 3)
    n = len(power)
    low_db, high_db = _NOISE_DB
    level_db = jax.random.uniform(db_key, (n, 2, 1), minval=low_db, maxval=high_db)
    used = jax.random.uniform(use_key, (n, 2, 1)) < _NOISY
    falling = jnp.linspace(0.0, _NOISE_SLOPE_DB, N_BANDS)
    slope_db = -jax.random.uniform(slope_key, (n, 2, 1)) * falling[None, None]
    floor = db_to_power(jnp.where(used, level_db + slope_db, _ABSENT_DB))[:, (0, 1, 1), None]
    cells = jax.random.gamma(key, _NOISE_SHAPE, power.shape) / _NOISE_SHAPE
    return floor * cells * power.mean(axis=(2, 3), keepdims=True)
