"""The loop over segments, its steps made by hand."""

import contextlib

import pytest

from nstaudio.analysis.spectrogram import MelSpec
from nstaudio.audio.segments import Segmentation
from nstaudio.audio.silence import Sounding
from nstaudio.encoders import Conv1dEncoder
from nstaudio.errors import InputError
from nstaudio.transfer.inputs import Segments, TransferInputs
from nstaudio.transfer.segment_loop import make_steps, run_segments
from nstaudio.transfer.settings import Settings

from helpers import GRAM_OF_STYLE, SR, music

N_STEPS = 4


@pytest.fixture(scope="module")
def inputs():
    """Three segments of sound and, as the second of them, one of silence."""
    y = music(1, 4.0)[:, None].copy()
    y[int(0.9 * SR) : int(2.3 * SR)] = 0
    settings = Settings(
        spec=MelSpec(n_fft=512, n_mels=32),
        encoder=Conv1dEncoder(features=(8,), kernel_size=1),
        n_steps=N_STEPS,
        **GRAM_OF_STYLE,
        segments=Segmentation(length_s=1.2, overlap_s=0.2),
    )
    return TransferInputs(
        recording=Sounding(y, SR, [slice(0, len(y))]), style=music(2, 1.0), settings=settings
    )


class Recorder:
    """Remembers what the loop calls."""

    def __init__(self, finished=()):
        self.finished, self.steps, self.saved = set(finished), [], {}

    @property
    def has_result(self):
        return any(segment is not None for segment in self.saved.values())

    def has(self, index):
        return index in self.finished

    @contextlib.contextmanager
    def optimizing(self, index, prepared):
        self.steps.append(index)
        yield prepared.state

    def record(self, step, result):
        self.steps.append((step, int(result.state.step)))

    def save(self, index, rendered, optimized):
        assert rendered.y.shape[1] == 1
        self.saved[index] = None if optimized is None else optimized.n_new_steps


def run(inputs, recorder, stop_at=None):
    """Run the loop, up to a number of steps in all segments; returns the requests' `done`."""
    loop = run_segments(Segments(inputs), recorder, name="x", log_every=3)
    done = []
    with contextlib.suppress(StopIteration):
        request = next(loop)
        while True:
            done.append(request.done)
            n_made = request.done + request.updates.n_steps
            assert request.total == N_STEPS * len(inputs.spans)
            request = loop.send(make_steps(request.updates)._replace(stop=n_made == stop_at))
    return done


def test_each_segment_is_optimised_and_saved(inputs):
    assert len(inputs.spans) == 4
    recorder = Recorder()
    assert run(inputs, recorder) == [0, 0, 3, 8, 8, 11, 12, 12, 15]
    steps = [(0, 0), (3, 3), (4, 4)]
    assert recorder.steps == [0, *steps, 2, *steps, 3, *steps]
    assert recorder.saved == {0: 4, 1: None, 2: 4, 3: 4}


def test_segments_that_are_finished_are_passed_over(inputs):
    recorder = Recorder(finished=(0, 3))
    assert run(inputs, recorder) == [8, 8, 11]
    assert recorder.saved == {1: None, 2: 4}


@pytest.mark.parametrize(
    ("stop_at", "saved"),
    [
        (0, {0: 0}),  # the first segment is kept, without a step
        (3, {0: 3}),
        (8, {0: 4, 1: None}),  # the third is not begun
        (11, {0: 4, 1: None, 2: 3}),
    ],
)
def test_a_stop_ends_the_loop(inputs, stop_at, saved):
    recorder = Recorder()
    run(inputs, recorder, stop_at)
    assert recorder.saved == saved


def test_no_segment_that_changes_is_refused(inputs):
    silence = TransferInputs(
        recording=Sounding.of(0 * inputs.content, SR, name="x"),
        style=inputs.style,
        settings=inputs.settings,
    )
    with pytest.raises(InputError, match="content is silent"):
        Segments(silence)


def test_the_first_segment_is_prepared_once(inputs, monkeypatch):
    prepared = []
    prepare = TransferInputs.prepare
    monkeypatch.setattr(
        TransferInputs,
        "prepare",
        lambda self, index, shared=None: prepared.append(index) or prepare(self, index, shared),
    )
    run(inputs, Recorder())
    assert prepared == [0, 1, 2, 3]
