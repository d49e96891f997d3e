"""Make the short sounds of docs/which-preset.md: two clips, and what presets make of them.

    python scripts/render_preset_sounds.py notes CONTENT STYLE default gram timbre --target TARGET
    python scripts/render_preset_sounds.py rain none my_textures/rain.wav texture

Each is an mp3 in docs/sounds/, mono, of a few seconds, all equally strong, called
`<name>_content.mp3`, `<name>_style.mp3`, `<name>_<preset>.mp3`.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import soundfile as sf

from nstaudio.audio.files import load
from nstaudio.audio.samples import to_mono
from nstaudio.experiments.commands.typed_path import typed_path

ROOT = Path(__file__).parents[1]
SR = 22050
LEVEL = 0.08  # root mean square; what has rare peaks is cut at full scale
MP3_COMPRESSION = 0.75  # 0, the best, to 1: some 40 kbit/s
DEFAULT = "default"


def encode(y: np.ndarray, out: Path, seconds: float) -> None:
    """Write mono samples at `SR` as an mp3 of at most so many seconds."""
    y = y[: int(seconds * SR)]
    fade = min(len(y), SR // 20)
    y = y * np.clip((len(y) - np.arange(len(y))) / fade, 0, 1)
    y = np.clip(y * (LEVEL / np.sqrt(np.mean(y**2))), -1, 1)
    sf.write(out, y, SR, format="MP3", compression_level=MP3_COMPRESSION)


def read(file: Path) -> np.ndarray:
    """A sound file as mono samples at `SR`."""
    recording = load(file)
    return to_mono(recording.y, recording.sr, SR)


def transferred(content: str, style: Path, preset: str, seconds: float) -> np.ndarray:
    """What the command makes of the first seconds of two files with a preset."""
    clip = "content=none" if content == "none" else f"content.path={content}"
    chosen = [] if preset == DEFAULT else [f"experiment={preset}"]
    with tempfile.TemporaryDirectory() as folder:
        command = [
            *(sys.executable, str(ROOT / "scripts" / "run.py"), *chosen, clip),
            *(f"style.path={style}", f"hydra.run.dir={folder}/run"),
        ]
        if content != "none":
            command.append(f"content.duration_s={seconds}")
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return read(Path(folder) / "run" / "generated.wav")


def main(argv: list[str] | None = None) -> None:
    """Write all sounds of one pair."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("name")
    parser.add_argument("content", help="a sound file, or `none`")
    parser.add_argument("style", type=typed_path)
    parser.add_argument("presets", nargs="+", help=f"`{DEFAULT}` is no preset")
    parser.add_argument("--target", type=typed_path, help="the known result")
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--out", type=typed_path, default=ROOT / "docs" / "sounds")
    args = parser.parse_args(argv)
    args.out.mkdir(parents=True, exist_ok=True)
    sources = {"content": args.content, "style": args.style, "target": args.target}
    for role, file in sources.items():
        if file not in (None, "none"):
            encode(read(Path(file)), args.out / f"{args.name}_{role}.mp3", args.seconds)
    for preset in args.presets:
        y = transferred(args.content, args.style, preset, args.seconds)
        encode(y, args.out / f"{args.name}_{preset}.mp3", args.seconds)
        print(f"{args.name}_{preset}.mp3", flush=True)


if __name__ == "__main__":
    main()
