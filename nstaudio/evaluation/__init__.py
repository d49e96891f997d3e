"""Figures of a result: similarity to a target, noise, pitches, an equaliser to compare with."""
