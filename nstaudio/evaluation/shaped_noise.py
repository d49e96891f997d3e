"""Control: noise with the levels of a sound, to see which measures it fools."""

import librosa
import numpy as np

from nstaudio.audio import samples
from nstaudio.audio.samples import Samples

_N_FFT, _HOP_LENGTH, _N_MELS = 2048, 256, 128
_N_PASSES = 4
_MAX_GAIN_DB = 60.0


def match(y: Samples, sr: int, *, seed: int = 0) -> Samples:
    """Gaussian noise filtered, band by band and frame by frame, to the mel levels of `y`.

    As near any target in its mel levels as `y` is, without a note of it: a figure in which the
    noise is as good as a method says nothing for the method.

    Args:
        y: mono samples; their level does not matter.
        sr: their rate, Hz.
        seed: of the noise.

    Returns:
        As many samples, at unit power.

    Raises:
        InputError: silence, or no samples at all.
    """
    n_samples = len(y)
    y = samples.unit_power(y, name="a sound to shape noise after")
    y = np.pad(y, (0, max(0, _N_FFT - n_samples)))  # librosa warns of less than a frame
    filters = librosa.filters.mel(sr=sr, n_fft=_N_FFT, n_mels=_N_MELS)
    # Each bin's gain is the mean of those of its bands, weighted as they overlap there.
    spread = filters.T / np.maximum(filters.sum(axis=0)[:, None], 1e-12)

    def mel_power(x: np.ndarray) -> np.ndarray:
        transform = librosa.stft(x, n_fft=_N_FFT, hop_length=_HOP_LENGTH)
        return filters @ np.abs(transform) ** 2 + 1e-10

    wanted = mel_power(y)
    noise = np.random.default_rng(seed).standard_normal(len(y)).astype(np.float32)
    for _ in range(_N_PASSES):
        gain_db = 10 * np.log10(wanted / mel_power(noise))
        gain_db = spread @ np.clip(gain_db, -_MAX_GAIN_DB, _MAX_GAIN_DB)
        transform = librosa.stft(noise, n_fft=_N_FFT, hop_length=_HOP_LENGTH)
        shaped = transform * 10 ** (gain_db / 20)
        noise = librosa.istft(shaped, hop_length=_HOP_LENGTH, length=len(y))
    return samples.unit_power(noise[:n_samples], name="the shaped noise")
