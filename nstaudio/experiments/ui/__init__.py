"""The local page of nstaudio: clips in, runs queued, results heard and compared."""

from nstaudio.experiments.ui.command import main

__all__ = ["main"]
