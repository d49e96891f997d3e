"""The convolutions of the network that was trained to predict results, `nstaudio.learned`."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from nstaudio.analysis.representations import Representation
from nstaudio.analysis.spectrogram import MelSpec
from nstaudio.encoders.base import ActivationEncoder, Spectrogram, check_bands, check_levels
from nstaudio.errors import number
from nstaudio.learned import features, network, weights
from nstaudio.learned.features import N_BANDS, RANGE_DB, power_weights

CODE = "code"
"""The layer of the encoder's output, by which the network's attention finds frames alike."""


class LearnedEncoder(ActivationEncoder, kw_only=True):
    """The encoder of the network behind `init=learned`: three convolutions along time, trained.

    Like the source paper's random ones they move over frames with the bands as channels, three
    frames each, 1, 2 and 4 apart, in residual blocks. The network was trained to predict the levels
    of a content in a style's sound (`nstaudio/learned/MODEL_CARD.md`), not to describe styles. No
    seed changes its weights.

    It hears what it was trained on with `spectrogram=learned`: 128 bands up to 8 kHz, levels in dB
    and the same over each band's mean and standard deviation, of sounds of unit power; so loudness
    has no influence. Beyond the first and the last frame it hears nothing.

    Attributes:
        floor_db: level of the input's 0 relative to its 1, dB: that of the spectrogram. What lies
            80 dB below the loudest band is cut there.
        input_layer: see `ActivationEncoder`.

    Raises:
        InputError: a floor outside its limits.
    """

    floor_db: float = -RANGE_DB

    def __post_init__(self) -> None:
        number("encoder.floor_db", self.floor_db, at_least=-140, at_most=-20)
        super().__post_init__()

    @property
    def network_layers(self) -> tuple[str, ...]:
        """`conv1`, `conv2`, `conv3` and, of all of them, `code`."""
        convolutions = range(1, len(network.ENCODER_DILATIONS) + 1)
        return (*(f"conv{i}" for i in convolutions), CODE)

    @property
    def receptive_field(self) -> int:
        """One frame: beyond the edges is nothing, so any input is long enough."""
        return 1

    @nn.nowrap
    def check_input(self, representation: Representation, spec: MelSpec) -> None:
        """Check for the levels that the network was trained on.

        Raises:
            InputError: another representation or spectrogram.
        """
        check_levels("learned", features.spec(), representation, spec)

    @nn.compact
    def __call__(self, x: Spectrogram) -> dict[str, Float[Array, "_ _"]]:
        """Activations, `frames channels`: of each convolution, and the encoder's output, `code`.

        Raises:
            InputError: not the 128 bands that it was trained on.
        """
        check_bands("learned", N_BANDS, x, representation="levels")
        params = self.param("encoder", _published)
        level_db = (x - 1.0) * -self.floor_db
        level_db = jnp.maximum(level_db, level_db.max() - RANGE_DB)
        power = jnp.mean(10.0 ** (level_db / 10.0) @ jnp.asarray(power_weights()))
        level_db = (level_db - 10.0 * jnp.log10(power))[None]
        mask = jnp.ones(level_db.shape[:2], bool)
        sound = network.Sound(level_db, mask, network.statistics(level_db, mask))
        encoder = network.Encoder(len(params["norm"]["bias"]), parent=None)
        code, state = encoder.apply({"params": params}, sound, mutable=["intermediates"])
        blocks = state["intermediates"]
        layers = [*(blocks[f"block{i}"]["activation"][0] for i in range(len(blocks))), code]
        return {name: layer[0] for name, layer in zip(self.network_layers, layers, strict=True)}


def _published(key: PRNGKeyArray) -> dict[str, Any]:
    """The weights in place of random ones."""
    del key
    return jax.tree.map(jnp.asarray, weights.shipped()[1]["params"]["encoder"])
