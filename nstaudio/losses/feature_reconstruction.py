"""Distance of activations frame by frame."""

from dataclasses import dataclass
from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from nstaudio.errors import InputError
from nstaudio.losses.base import Scalar


@dataclass(frozen=True)
class FeatureReconstruction:
    """E_l = 1/2 mean (F - A)^2, position by position (Johnson, Alahi & Fei-Fei 2016, section 3.2).

    No statistic: it keeps when everything sounds. So its aim is a spectrogram with the content's
    frames, see `optimization.aims`, and not the style clip.
    """

    compares_frames: ClassVar[bool] = True

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
        if activations.shape != target.shape:
            raise InputError(
                f"style_loss=feature_reconstruction compares frame by frame, and the aim has "
                f"{target.shape[0]} frames to the content's {activations.shape[0]}: choose an aim "
                "that follows the content, e.g. aim=frame_attention, or a statistic, e.g. "
                "style_loss=gram"
            )
        return 0.5 * jnp.mean((activations - target) ** 2)
