"""Samples to spectrograms, and what the encoder takes in."""
