"""The demo clips, a sound file each; their origin and licences are in LICENSES.md beside them."""

from pathlib import Path

CLIPS_DIR = Path(__file__).parent / "clips"

_SUFFIXES = (".ogg", ".flac", ".wav", ".mp3")


def files() -> dict[str, Path]:
    """The clips' files by their names, in alphabetical order."""
    found = sorted(file for file in CLIPS_DIR.iterdir() if file.suffix in _SUFFIXES)
    return {file.stem: file for file in found}
