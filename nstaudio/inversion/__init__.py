"""Spectrograms back to samples, and samples back to the content's rate and channels."""
