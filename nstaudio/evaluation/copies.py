"""Passages that two recordings have in common."""

import numpy as np

from nstaudio.audio.samples import Other, Samples


def max_correlation(y: Samples, other: Other, sr: int, stretch_s: float = 0.5) -> float:
    """The largest normalised cross-correlation of any stretch of a sound with any of another.

    Stretches of the first begin every quarter of their length, those of the second anywhere. 1 is
    a copy, at whatever level; independent sounds come the closer to 0 the wider their spectrum.

    Args:
        y, other: mono samples at the rate `sr`, Hz.
        stretch_s: length of a stretch, s; of a shorter sound it is all of it.
    """
    n = min(int(stretch_s * sr), len(y), len(other))
    # Blocks of the other, each as long as the transform, overlapping by a stretch.
    n_fft = 1 << (4 * n).bit_length()
    hop = n_fft - n + 1
    n_blocks = -(-(len(other) - n + 1) // hop)
    padded = np.pad(np.asarray(other, np.float64), (0, n_blocks * hop + n - 1 - len(other)))
    blocks = np.fft.rfft(np.lib.stride_tricks.sliding_window_view(padded, n_fft)[::hop])
    squares = np.concatenate([[0.0], np.cumsum(padded**2)])
    norms = np.sqrt(np.maximum(squares[n:] - squares[:-n], 1e-12)).reshape(-1, hop)
    largest = 0.0
    for start in range(0, len(y) - n + 1, max(1, n // 4)):
        part = y[start : start + n].astype(np.float64)
        products = np.fft.irfft(blocks * np.fft.rfft(part, n_fft).conj(), n_fft)[:, :hop]
        norm = max(float(np.linalg.norm(part)), 1e-6)
        largest = max(largest, float(np.max(np.abs(products) / norms)) / norm)
    return largest
