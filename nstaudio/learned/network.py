"""A network that predicts the levels of the content's notes in the style's sound.

Content and style are encoded alike. Two attentions look up the style where it is like the content:
one over its frames as they are, in what an encoder knows of their surroundings, one over its frames
transposed by up to half an octave, frame by frame. Both work by region: each of 16 heads owns
eight neighbouring bands, so that bass and treble may come from different moments. A decoder, under
the style's statistics (FiLM: Perez, Strub, de Vries, Dumoulin & Courville, AAAI 2018), mixes four
candidates by band and frame: the content in the style's balance of bands, the content in its mean
and spread (AdaIN: Huang & Belongie, ICCV 2017), and what either attention found; and it adds a
correction.

All that is averaged over a whole clip comes from outside, and every other operation sees only
`HALO` frames to each side: a long content can be taken window by window. Frames that a mask
excludes have no influence.
"""

from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from nstaudio.analysis.bands import interpolation
from nstaudio.learned.features import N_BANDS, spec

HEADS, BANDS_OF_HEAD, KEY_SIZE = 16, N_BANDS // 16, 16
ENCODER_DILATIONS, DECODER_DILATIONS = (1, 2, 4), (1, 2, 4, 1)
HALO = sum(ENCODER_DILATIONS) + sum(DECODER_DILATIONS)
"""Frames to each side that a prediction depends on."""

TRANSPOSITIONS = tuple(range(-6, 7))  # semitones
TRANSPOSED_EVERY = 4  # frames of the style, of which one is transposed
CODE_SIZE = 128

_LEVEL_DB, _SPREAD_DB, _CORRECTION_DB = 20.0, 10.0, 10.0  # scales that bring levels near 1
_LEAST_SPREAD_DB = 3.0  # added to standard deviations: what hardly moves says little
_ADAIN_SPREAD_DB = 2.0

Levels = Float[Array, "batch frames bands"]
Hidden = Float[Array, "batch frames width"]
PerBand = Float[Array, "batch bands"]
Mask = Bool[Array, "batch frames"]


class Statistics(NamedTuple):
    """Mean and standard deviation of every band over a whole clip, dB."""

    mean_db: PerBand
    spread_db: PerBand


class Sound(NamedTuple):
    """Levels of a clip or a window of it, dB at unit power, and what is known of the whole clip."""

    level_db: Levels
    mask: Mask
    """False where a frame is padding."""
    whole: Statistics


def statistics(level_db: Levels, mask: Mask) -> Statistics:
    """Statistics of the frames of a mask."""
    return Statistics(*_moments(level_db, mask))


def _moments(x: Hidden, mask: Mask) -> tuple[Float[Array, "batch width"], ...]:
    weight = mask[..., None] / jnp.maximum(mask.sum(axis=1), 1)[:, None, None]
    mean = (weight * x).sum(axis=1)
    # The square root has no gradient at 0, where a band is constant.
    return mean, jnp.sqrt((weight * (x - mean[:, None]) ** 2).sum(axis=1) + 1e-3)


def transposing(semitones: int) -> Float[np.ndarray, "bands bands"]:
    """The matrix that moves levels up by so many semitones; the outermost bands repeat."""
    centres = spec().edges_hz[1:-1]
    return interpolation(centres / 2 ** (semitones / 12), centres).astype(np.float32)


class TransferNet(nn.Module):
    """Predicted levels of the content in the style's sound.

    Attributes:
        width: channels of the encoder and the decoder.
    """

    width: int = 192

    @nn.compact
    def __call__(self, content: Sound, style: Sound) -> Levels:
        """Levels of the result at the content's frames, dB; their mean power is not yet 1."""
        encoder = Encoder(self.width, name="encoder")
        content_code, style_code = encoder(content), encoder(style)
        adain_db = adain(content, style.whole)
        balanced_db = content.level_db + (style.whole.mean_db - content.whole.mean_db)[:, None]
        attended_db, learned = FrameAttention(name="frames")(content_code, style_code, style)
        moved_db = TransposedAttention(self.width, name="transposed")(content, content_code, style)
        inputs = [
            *(x / _LEVEL_DB for x in (content.level_db, adain_db, attended_db, moved_db)),
            *((x - adain_db) / _LEVEL_DB for x in (attended_db, moved_db)),
            *(_standardised(content), content_code, learned),
        ]
        candidates = jnp.stack([balanced_db, adain_db, attended_db, moved_db], axis=-1)
        code = StyleCode(name="style_code")(content.whole, style, style_code)
        hidden = nn.Dense(self.width, name="join")(jnp.concatenate(inputs, axis=-1))
        for i, dilation in enumerate(DECODER_DILATIONS):
            hidden = Block(self.width, dilation, name=f"decoder{i}")(hidden, content.mask, code)
        hidden = nn.LayerNorm(name="decoded")(hidden)
        n = candidates.shape[-1]
        logits = nn.Dense(N_BANDS * n, kernel_init=_small, name="gates")(hidden)
        gates = nn.softmax(logits.reshape(*candidates.shape))
        correction_db = _CORRECTION_DB * nn.Dense(N_BANDS, kernel_init=_small, name="correction")(
            hidden
        )
        return (gates * candidates).sum(axis=-1) + correction_db


def predicted(net: TransferNet, params: Any, content: Sound, style: Sound) -> Levels:
    """The network's answer with these parameters; pure."""
    answer: Any = net.apply(params, content, style)
    return answer


class Encoder(nn.Module):
    """Frames in the light of their surroundings: `batch frames width`."""

    width: int

    @nn.compact
    def __call__(self, sound: Sound) -> Hidden:
        """The same for content and style."""
        x = jnp.concatenate([sound.level_db / _LEVEL_DB, _standardised(sound)], axis=-1)
        hidden = nn.Dense(self.width, name="project")(x)
        for i, dilation in enumerate(ENCODER_DILATIONS):
            hidden = Block(self.width, dilation, name=f"block{i}")(hidden, sound.mask)
        return nn.LayerNorm(name="norm")(hidden)


class Block(nn.Module):
    """A residual block: a convolution over time of three frames, `dilation` apart, and FiLM.

    What the convolution activates is sown as `activation`.

    Attributes:
        width: channels.
        dilation: distance of the three frames.
    """

    width: int
    dilation: int

    @nn.compact
    def __call__(
        self, x: Hidden, mask: Mask, code: Float[Array, "batch code"] | None = None
    ) -> Hidden:
        """Beyond the frames of the mask are zeros."""
        hidden = nn.LayerNorm(name="norm")(x)
        if code is not None:
            film = nn.Dense(2 * self.width, kernel_init=_small, name="film")(code)[:, None]
            scale, shift = jnp.split(film, 2, axis=-1)
            hidden = hidden * (1 + scale) + shift
        d = self.dilation
        padded = jnp.pad(hidden * mask[..., None], ((0, 0), (d, d), (0, 0)))
        # One product of matrices: on a CPU faster than a convolution.
        taps = [padded[:, : -2 * d], padded[:, d:-d], padded[:, 2 * d :]]
        hidden = nn.gelu(nn.Dense(self.width, name="convolution")(jnp.concatenate(taps, axis=-1)))
        self.sow("intermediates", "activation", hidden)
        return x + nn.Dense(self.width, kernel_init=_small, name="out")(hidden)


class FrameAttention(nn.Module):
    """Style frames where the encoder finds them like the content's, region by region."""

    @nn.compact
    def __call__(
        self,
        content_code: Hidden,
        style_code: Float[Array, "batch others width"],
        style: Sound,
    ) -> tuple[Levels, Levels]:
        """The levels found, dB, and a learned value of the same frames."""
        query = _by_head(nn.Dense(HEADS * KEY_SIZE, name="query")(content_code))
        key = _by_head(nn.Dense(HEADS * KEY_SIZE, name="key")(style_code))
        value = nn.Dense(N_BANDS, name="value")(style_code)
        weights = _weights(query, key, jnp.where(style.mask, 0.0, -jnp.inf)[:, None])
        return _looked_up(weights, style.level_db), _looked_up(weights, value)


class TransposedAttention(nn.Module):
    """Style frames, transposed, that look like the content's by themselves, region by region.

    Attributes:
        width: channels of the hidden layer.
    """

    width: int

    @nn.compact
    def __call__(self, content: Sound, content_code: Hidden, style: Sound) -> Levels:
        """The levels found, dB."""
        bank_db, bank = _transposed(style)
        hidden = nn.Dense(self.width, name="hidden")
        out = nn.Dense(HEADS * KEY_SIZE, name="out")

        def embedded(standardised: Levels, level_db: Levels) -> Hidden:
            x = jnp.concatenate([standardised, level_db / _LEVEL_DB], axis=-1)
            return out(nn.gelu(hidden(x)))

        context = nn.Dense(HEADS * KEY_SIZE, name="context")(content_code)
        query = embedded(_standardised(content), content.level_db) + context
        cost = nn.softplus(self.param("cost", nn.initializers.ones, (HEADS,)))
        mask = style.mask[:, ::TRANSPOSED_EVERY]
        distance = np.abs(np.array(TRANSPOSITIONS, np.float32)) / 6
        bias = jnp.where(jnp.tile(mask, len(TRANSPOSITIONS)), 0.0, -jnp.inf)[:, None]
        bias -= (cost[:, None] * np.repeat(distance, mask.shape[1])[None])[None]
        weights = _weights(_by_head(query), _by_head(embedded(bank, bank_db)), bias)
        return _looked_up(weights, bank_db)


class StyleCode(nn.Module):
    """A code of the whole style and the content's balance, for FiLM."""

    @nn.compact
    def __call__(
        self, content: Statistics, style: Sound, style_code: Hidden
    ) -> Float[Array, "batch code"]:
        """`batch CODE_SIZE`."""
        parts = [
            *_moments(style_code, style.mask),
            *(style.whole.mean_db / _LEVEL_DB, style.whole.spread_db / _SPREAD_DB),
            *(content.mean_db / _LEVEL_DB, content.spread_db / _SPREAD_DB),
        ]
        return nn.gelu(nn.Dense(CODE_SIZE, name="dense")(jnp.concatenate(parts, axis=-1)))


_small = nn.initializers.normal(0.01)


def _standardised(sound: Sound) -> Levels:
    return _over(sound.level_db, *sound.whole)


def _over(
    level_db: Float[Array, "*clips frames bands"],
    mean_db: Float[Array, "*clips bands"],
    spread_db: Float[Array, "*clips bands"],
) -> Float[Array, "*clips frames bands"]:
    over_mean_db = level_db - mean_db[..., None, :]
    return over_mean_db / (spread_db[..., None, :] + _LEAST_SPREAD_DB)


def adain(content: Sound, style: Statistics) -> Levels:
    """The content's levels in the style's mean and spread of each band, dB."""
    spreads = (style.spread_db + _ADAIN_SPREAD_DB) / (content.whole.spread_db + _ADAIN_SPREAD_DB)
    over_mean_db = content.level_db - content.whole.mean_db[:, None]
    return over_mean_db * spreads[:, None] + style.mean_db[:, None]


def _transposed(style: Sound) -> tuple[Levels, Levels]:
    """Every fourth frame of the style in each transposition, one after the other.

    Their levels, dB, and the same over the mean and the spread of each band, transposed alike.
    """
    moves = np.stack([transposing(semitones) for semitones in TRANSPOSITIONS])
    level_db = jnp.einsum("bsk,mkn->bmsn", style.level_db[:, ::TRANSPOSED_EVERY], moves)
    over_db = _over(level_db, *(jnp.einsum("bk,mkn->bmn", x, moves) for x in style.whole))
    n = len(level_db)
    return level_db.reshape(n, -1, N_BANDS), over_db.reshape(n, -1, N_BANDS)


def _by_head(x: Hidden) -> Float[Array, "batch frames heads size"]:
    return x.reshape(*x.shape[:2], HEADS, KEY_SIZE)


def _weights(
    query: Float[Array, "batch frames heads size"],
    key: Float[Array, "batch others heads size"],
    bias: Float[Array, "batch #heads others"],
) -> Float[Array, "batch heads frames others"]:
    score = jnp.einsum("bthd,bshd->bhts", query, key) / np.sqrt(KEY_SIZE)
    return jax.nn.softmax(score + bias[:, :, None])


def _looked_up(
    weights: Float[Array, "batch heads frames others"], values: Float[Array, "batch others bands"]
) -> Levels:
    """Each head's weighted mean of its own bands."""
    by_head = values.reshape(*values.shape[:2], HEADS, BANDS_OF_HEAD)
    found = jnp.einsum("bhts,bshv->bthv", weights, by_head)
    return found.reshape(*found.shape[:2], N_BANDS)
