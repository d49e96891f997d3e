"""Give one clip the style of another, from Python.

    uv run python examples/two_clips.py
    uv run python examples/two_clips.py my.wav other.flac --strength 0.8 --out mine.wav

Without names: the demo clips, jazz as a piano that plays Bach.
"""

import argparse
from pathlib import Path

import soundfile

import nstaudio
from nstaudio.audio.demo_clips import CLIPS_DIR


def main(argv: list[str] | None = None) -> None:
    """Write the result and print the measured figures."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("content", nargs="?", type=Path, default=CLIPS_DIR / "jazz.ogg")
    parser.add_argument("style", nargs="?", type=Path, default=CLIPS_DIR / "classical.ogg")
    parser.add_argument("--strength", type=float, default=0.5, help="0: content, 1: all style")
    parser.add_argument("--n-steps", type=int, default=200)
    parser.add_argument("--out", type=Path, default=Path("result.wav"))
    args = parser.parse_args(argv)

    content, sr = soundfile.read(args.content, dtype="float32")
    style, style_sr = soundfile.read(args.style, dtype="float32")
    result = nstaudio.transfer(
        content,
        style,
        sr,
        style_sample_rate=style_sr,
        strength=args.strength,
        n_steps=args.n_steps,
        on_log=lambda step, losses: print(f"step {step}: total loss {losses.total:.3g}"),
    )
    soundfile.write(args.out, result.y, result.sr, subtype="FLOAT")
    print(f"{args.out}: style loss {result.history[-1][1].style:.3g}")


if __name__ == "__main__":
    main()
