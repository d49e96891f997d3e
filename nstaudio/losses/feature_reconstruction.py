"""Distance of activations frame by frame."""

from collections.abc import Callable
from dataclasses import dataclass

import jax.numpy as jnp
from jaxtyping import Array, Float

from nstaudio.errors import InputError
from nstaudio.losses.base import Scalar, half_mean


@dataclass(frozen=True)
class FeatureReconstruction:
    """E_l = 1/2 mean (F - A)^2, position by position (Johnson, Alahi & Fei-Fei 2016, section 3.2).

    No statistic: it keeps when everything sounds. So its aim is a spectrogram with the content's
    frames, see `optimization.aims`, and not the style clip.
    """

    def statistic(
        self, activations: Float[Array, "frames *bands channels"]
    ) -> Float[Array, "frames *bands channels"]:
        """The activations themselves."""
        return activations

    def distance(
        self,
        activations: Float[Array, "frames *bands channels"],
        target: Float[Array, "target_frames *bands channels"],
    ) -> Scalar:
        """E_l.

        Raises:
            InputError: the target has other frames.
        """
        check_frames(len(activations), len(target))
        return 0.5 * jnp.mean((activations - target) ** 2)

    @property
    def frames_form(self) -> Callable[[Array], Array]:
        """Half the mean."""
        return half_mean


def check_frames(n: int, n_aim: int) -> None:
    """Check that the aim, of `n_aim` frames, has as many as the content, `n`.

    Raises:
        InputError: it has others.
    """
    if n != n_aim:
        raise InputError(
            f"style_loss=feature_reconstruction compares frame by frame, and the aim has {n_aim} "
            f"frames to the content's {n}: choose an aim that follows the content, e.g. "
            "aim=frame_attention, or a statistic, e.g. style_loss=gram"
        )
