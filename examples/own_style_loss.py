"""Use a style loss of your own from Python: the mean and the spread of each channel.

    uv run python examples/own_style_loss.py

The same class in a file of `nstaudio/losses/`, with a YAML, is a choice of the command line: see
docs/extending.md.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import jax.numpy as jnp
import soundfile
from jaxtyping import Array, Float

import nstaudio
from nstaudio.analysis import axes
from nstaudio.audio.demo_clips import CLIPS_DIR


@dataclass(frozen=True)
class Moments:
    """Mean and standard deviation of each channel (Huang & Belongie 2017)."""

    spread_weight: float = 1.0

    def statistic(self, activations: Float[Array, "frames *bands channels"]) -> dict[str, Array]:
        """The target that a layer of the style clip sets."""
        rows = axes.positions(activations)
        # The square root of 0 has no gradient.
        spread = jnp.sqrt(jnp.var(rows, axis=0) + 1e-8)
        return {"mean": jnp.mean(rows, axis=0), "spread": spread}

    def distance(
        self, activations: Float[Array, "frames *bands channels"], target: dict[str, Array]
    ) -> Float[Array, ""]:
        """The mean squared differences of both, weighted."""
        own = self.statistic(activations)
        means = jnp.mean((own["mean"] - target["mean"]) ** 2)
        spreads = jnp.mean((own["spread"] - target["spread"]) ** 2)
        return means + self.spread_weight * spreads


def main(argv: list[str] | None = None) -> None:
    """Transfer one demo clip to the other with this loss; write the result."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--n-steps", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=8.0, help="of both clips")
    parser.add_argument("--out", type=Path, default=Path("own_loss.wav"))
    args = parser.parse_args(argv)

    content, sr = soundfile.read(CLIPS_DIR / "jazz.ogg", dtype="float32")
    style, style_sr = soundfile.read(CLIPS_DIR / "classical.ogg", dtype="float32")
    result = nstaudio.transfer(
        content[: int(args.seconds * sr)],
        style[: int(args.seconds * style_sr)],
        sr,
        style_sample_rate=style_sr,
        style_loss=Moments(spread_weight=2.0),
        n_steps=args.n_steps,
    )
    soundfile.write(args.out, result.y, result.sr, subtype="FLOAT")
    first, last = result.history[0][1].style, result.history[-1][1].style
    print(f"{args.out}: style loss {first:.3g} -> {last:.3g}")


if __name__ == "__main__":
    main()
