"""The start that is left to the clips, and starts that go only part of the way from the content."""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PRNGKeyArray

from nstaudio.analysis.clip import Clip
from nstaudio.analysis.spectrogram import MelSpec, log_mel
from nstaudio.errors import InputError, number, one_line
from nstaudio.optimization.initializers import Initialization

_LEAST_POWER = 1e-20

_log_mel = jax.jit(log_mel, static_argnames=("spec",))

Start = Callable[..., Initialization]


@dataclass(frozen=True)
class FittingStart:
    """Left to the clips: the start for each kind of them, see `transfer.fitting`.

    Attributes:
        mix, one_voice, unpitched: results already, which need no step of optimisation.
        descent: where one is asked for; taken by itself, this is that start.

    Raises:
        InputError: one of them is no function.
    """

    mix: Start
    one_voice: Start
    unpitched: Start
    descent: Start

    def __post_init__(self) -> None:
        for name in ("mix", "one_voice", "unpitched", "descent"):
            if not callable(start := getattr(self, name)):
                raise InputError(f"init.{name}={one_line(start)} is no start")

    def __call__(
        self, content: Clip, style: Clip, *, key: PRNGKeyArray, spec: MelSpec
    ) -> Initialization:
        """The start of `descent`."""
        return self.descent(content, style, key=key, spec=spec)


def part_way(
    content: Clip,
    style: Clip,
    *,
    key: PRNGKeyArray,
    spec: MelSpec,
    init: Start,
    amount: float,
) -> Initialization:
    """A start that goes only some of the way from the content.

    Of one that filters the content, a share of the change in dB; of one with a sound of its own, a
    crossfade of constant power.

    Args:
        init: that start.
        amount: 0 is the content, 1 is `init`.

    Raises:
        InputError: `amount` is outside its limits.
    """
    number("init.amount", amount, at_least=0, at_most=1)
    start = init(content, style, key=key, spec=spec)
    if start.carrier is content:
        change_db = amount * (start.level_db - content.level_db)
        return start._replace(level_db=content.level_db + change_db)
    y, other = np.asarray(content.y), np.asarray(start.carrier.y)
    level = np.sqrt(np.mean(y**2) / max(np.mean(other**2), _LEAST_POWER))
    faded = jnp.asarray(np.sqrt(1 - amount) * y + np.sqrt(amount) * level * other, jnp.float32)
    sound = Clip(faded, _log_mel(faded, spec=spec))
    return Initialization(sound, sound.level_db, start.n_steps)
