"""The choices of `configs/`, by the names of its files: nothing is composed, nothing imported."""

from pathlib import Path

from nstaudio.audio import demo_clips


def config_dir() -> Path:
    """The folder of the YAML files: inside an installed package, else beside it in the checkout."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "configs"
    return installed if installed.is_dir() else package.parent / "configs"


CONFIGS = config_dir()


def choices(group: str) -> list[str]:
    """The choices of a group that come with the package."""
    clips = [*demo_clips.files()] if group in ("content", "style") else []
    return sorted([*clips, *(file.stem for file in (CONFIGS / group).glob("*.yaml"))])
