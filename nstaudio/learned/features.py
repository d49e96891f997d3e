"""Log-mel levels that the network sees and predicts: those of the evaluation.

16 kHz, frames of 2048 samples every 512, 128 Slaney mels from 0 to 8 kHz, of a sound of unit power,
dB; what lies 80 dB below the loudest cell is cut there.
"""

from functools import cache

import numpy as np
from jaxtyping import Float

from nstaudio.analysis.spectrogram import MelSpec

SR, N_FFT, HOP_LENGTH, N_BANDS = 16000, 2048, 512, 128
RANGE_DB = 80.0

Levels = Float[np.ndarray, "frames mels"]


@cache
def spec() -> MelSpec:
    """The analysis; `nstaudio.evaluation.similarity` compares by the same."""
    return MelSpec(sr=SR, n_fft=N_FFT, hop_length=HOP_LENGTH, n_mels=N_BANDS)


@cache
def power_weights() -> Float[np.ndarray, " mels"]:
    """Weights with which the mel powers of a frame add up to its power.

    Slaney's bands have unit area, not unit height: the weights that bring every bin of the
    transform to the same sum, as well as non-negative ones can. The factor is Parseval's, of a
    periodic Hann window, whose mean square is 3/8; bins other than 0 Hz and sr/2 count twice.
    """
    filters = spec().filters.astype(np.float64)
    heights = np.linalg.lstsq(filters, np.ones(len(filters)), rcond=None)[0].clip(0)
    return (heights * 2 / (0.375 * N_FFT**2)).astype(np.float32)
