"""Lines for what a config or a command line has wrong, where Hydra's own would not help."""

from collections.abc import Iterable

from nstaudio.errors import one_line

PRESET_WITHOUT_PACKAGE = (
    "a preset changes settings of its own, experiment.*, instead of the run's: put "
    "`# @package _global_` at the top of its file in configs/experiment/"
)


def unknown_clip(role: str, name: str, clips: Iterable[str]) -> str:
    """The line for a clip that there is not.

    Args:
        role: `content` or `style`.
        clips: those that there are.
    """
    return (
        f"{role}={one_line(name)} is none of the clips here ({', '.join(sorted(clips))}); for your "
        f"own file write {role}.path={one_line(name)}"
    )
