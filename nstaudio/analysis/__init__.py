"""Spectrograms of samples, and the encoder's input."""
