"""Log-mel levels that the network sees and predicts: those of the evaluation.

16 kHz, frames of 2048 samples every 512, 128 Slaney mels from 0 to 8 kHz, of a sound of unit power,
dB; what lies 80 dB below the loudest cell is cut there.
"""

import numpy as np
from jaxtyping import Float

from nstaudio.analysis.spectrogram import MelSpec

SPEC = MelSpec(sr=16000, n_fft=2048, hop_length=512, n_mels=128)
"""The analysis; `nstaudio.evaluation.similarity` compares by the same."""

RANGE_DB = 80.0

Levels = Float[np.ndarray, "frames mels"]


def _power_weights() -> Float[np.ndarray, " mels"]:
    """Weights with which the mel powers of a frame add up to its power.

    Slaney's bands have unit area, not unit height: the weights that bring every bin of the
    transform to the same sum, as well as non-negative ones can. The factor is Parseval's, of a
    periodic Hann window, whose mean square is 3/8; bins other than 0 Hz and sr/2 count twice.
    """
    filters = SPEC.filters.astype(np.float64)
    heights = np.linalg.lstsq(filters, np.ones(SPEC.n_bins), rcond=None)[0].clip(0)
    return (heights * 2 / (0.375 * SPEC.n_fft**2)).astype(np.float32)


POWER_WEIGHTS = _power_weights()
"""The mean power of a sound is that of its frames: `mel_power @ POWER_WEIGHTS`."""
