"""Runs and sweeps: settings by Hydra, files, processes, reports."""
