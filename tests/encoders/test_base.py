"""Trained encoders: all hear what they were trained on, or refuse."""

from dataclasses import replace

import pytest

from nstaudio.analysis.representations import Log1p
from nstaudio.analysis.spectrogram import MelSpec
from nstaudio.encoders import AisfxEncoder, LearnedEncoder, MusicnnEncoder
from nstaudio.errors import InputError
from nstaudio.optimization.multiscale import MultiScale
from nstaudio.transfer.settings import Settings

TRAINED = {
    "aisfx": (
        AisfxEncoder(),
        MelSpec(sr=44100, n_fft=2048, hop_length=1024, n_mels=96, mel_scale="htk", mel_norm=None),
    ),
    "learned": (LearnedEncoder(), MelSpec(sr=16000, n_fft=2048, hop_length=512, n_mels=128)),
    "musicnn": (MusicnnEncoder(), MelSpec(sr=16000, n_fft=512, hop_length=256, n_mels=96)),
}


@pytest.mark.parametrize("name", TRAINED)
@pytest.mark.parametrize(
    "options",
    [
        {"spec": MelSpec()},
        {"representation": Log1p()},
        {"multiscale": MultiScale(factors=(2,))},
        lambda heard: {"spec": replace(heard, sr=2 * heard.sr)},
    ],
    ids=["default", "log1p", "coarser", "rate"],
)
def test_another_analysis_is_refused_before_the_run(name, options):
    encoder, heard = TRAINED[name]
    options = options(heard) if callable(options) else options
    with pytest.raises(InputError, match=f"spectrogram={name} representation=levels"):
        Settings(encoder=encoder, **{"spec": heard, **options})


@pytest.mark.parametrize("name", TRAINED)
def test_its_own_analysis_is_taken_with_any_floor(name):
    encoder, heard = TRAINED[name]
    settings = Settings(encoder=encoder, spec=replace(heard, floor_db=-130.0))
    assert settings.layer_names == encoder.layer_names
