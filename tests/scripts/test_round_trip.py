import pytest
import soundfile
from hydra.core.global_hydra import GlobalHydra

import round_trip


@pytest.fixture(autouse=True)
def hydra():
    GlobalHydra.instance().clear()


def test_it_measures_and_saves(clips, tmp_path, capsys):
    code = round_trip.main(
        [str(clips["content"]), str(clips["style"]), "--duration-s", "1", "--save", str(tmp_path)]
    )
    assert code == 0
    header, *rows = capsys.readouterr().out.splitlines()
    assert header.split() == ["clip", *round_trip.COLUMNS]
    assert [row[:24].strip() for row in rows] == ["my song", "other", "mean"]
    convergence, error, _, _, speed = rows[0][24:].split()
    assert float(convergence) < -15
    assert 0 < float(error) < 3
    assert 0 < float(speed) < 60
    assert soundfile.info(tmp_path / "my-song.wav").frames == 22050


def test_other_inversions_and_analyses(clips, capsys):
    arguments = ["--inversion", "nnls_griffin_lim", "--spectrogram", "librosa"]
    assert round_trip.main([str(clips["content"]), "--duration-s", "1", *arguments]) == 0
    worse = float(capsys.readouterr().out.splitlines()[1][24:].split()[0])
    GlobalHydra.instance().clear()
    assert round_trip.main([str(clips["content"]), "--duration-s", "1"]) == 0
    assert float(capsys.readouterr().out.splitlines()[1][24:].split()[0]) < worse - 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.wav"], "error: clip file nowhere.wav does not exist"),
        (["--inversion", "magic"], "error: "),
    ],
)
def test_bad_input_is_one_line(arguments, message, capsys):
    assert round_trip.main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith(message)
    assert len(captured.err.splitlines()) == 1
