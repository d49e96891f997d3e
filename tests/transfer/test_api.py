from functools import partial

import jax.numpy as jnp
import numpy as np
import optax
import pyloudnorm
import pytest

import nstaudio
from nstaudio.analysis.spectrogram import MelSpec, log_mel
from nstaudio.audio import demo_clips, files, samples
from nstaudio.audio.guide import Guide
from nstaudio.audio.segments import Segmentation
from nstaudio.encoders import Conv1dEncoder, InfiniteEncoder
from nstaudio.errors import InputError
from nstaudio.losses import Diversity, Gram, SquaredError, StyleSum, Term
from nstaudio.optimization import initializers, loop
from nstaudio.optimization.content_gain import ContentGain
from nstaudio.optimization.objective import evaluate, make_problem
from nstaudio.optimization.optimizers import from_optax
from nstaudio.optimization.parametrizations import FreeMel, SmoothMel
from nstaudio.optimization.waveform import Waveform
from nstaudio.transfer import prepare, render
from nstaudio.transfer.settings import Settings

from helpers import GRAM_OF_STYLE, SR, music

SMALL = {
    "encoder": Conv1dEncoder(features=(32, 16), kernel_size=5),
    **GRAM_OF_STYLE,
    "n_steps": 40,
}


@pytest.fixture(scope="module")
def result(content, style):
    return nstaudio.transfer(content, style, SR, **SMALL)


def test_transfer_without_files(result, content):
    assert result.sr == SR
    assert result.y.shape == content.shape
    assert result.y.dtype == np.float32
    assert np.isfinite(result.y).all()
    assert result.generated_db.shape == result.content_db.shape
    assert [step for step, _ in result.history] == [0, 10, 20, 30, 40]
    assert int(result.state.step) == result.n_steps == 40


def test_a_result_prints_on_a_few_lines(result):
    lines = repr(result).splitlines()
    assert len(lines) <= 5
    assert max(map(len, lines)) <= 100
    _, losses = result.history[-1]
    for part in (
        f"{result.y.shape}",
        f"{len(result.y) / SR:.2f} s at {SR} Hz",
        "40 steps",
        f"style={losses.style:.4g}",
        f"style_share={result.figures.style_share:.4g}",
    ):
        assert part in " ".join(lines)
    assert "array" not in repr(result).lower()


def test_mean_figures_add_powers_of_decibels():
    got = render.mean_figures(
        [
            {"a": 1.0, "x_db": 0.0, "by_layer": {"b": 3.0}, "not_in_all": 1.0},
            {"a": 2.0, "x_db": 10.0, "by_layer": {"b": 4.0}},
        ]
    )
    assert got.pop("by_layer") == {"b": 3.5}
    assert got == pytest.approx({"a": 1.5, "x_db": 10 * np.log10((1 + 10) / 2)})


@pytest.mark.slow
def test_results_apart_from_another(content, style):
    """From the same start and seed, with segments: less like it the more that weighs."""
    y = content[: 2 * SR], style[: 2 * SR]
    encoder = Conv1dEncoder((16,), 5)
    changes = {**SMALL, "encoder": encoder, "segments": Segmentation(1.2, 0.2)}

    def made(weight, negative):
        loss = StyleSum({"gram": Term(Gram()), "diversity": Term(Diversity(), weight)})
        return nstaudio.transfer(*y, SR, **changes | {"style_loss": loss}, negatives=[negative]).y

    first = made(1e-9, content)
    found = []
    for weight in (1e-6, 1e-2):
        other = made(weight, first)
        found.append(np.sum(other * first) / np.linalg.norm(other) / np.linalg.norm(first))
    assert found[0] > 0.97
    assert found[1] < found[0] - 0.05
    with pytest.raises(InputError, match="negatives needs a style loss with a diversity term"):
        nstaudio.transfer(*y, SR, **changes, negatives=[first])
    with pytest.raises(InputError, match=r"negatives is 0\.0. s long"):
        made(1.0, first[:1000])


def test_style_falls_on_the_audio_too(result):
    first, last = result.history[0][1], result.history[-1][1]
    assert last.style < 0.3 * first.style
    assert result.figures.style_loss_on_audio < 0.6 * first.style


def test_figures_are_measured_on_the_audio(result):
    """The audio's own spectrogram, made here, is as far from the optimised one as stated."""
    spec = MelSpec()
    power = 10 ** (float(np.max(result.content_db)) / 10)
    assert power == pytest.approx(1.0, rel=1e-4)
    reference = nstaudio.transfer(result.y, result.y, SR, **{**SMALL, "n_steps": 1}).content_db
    # that one is normalised by its own peak: bring both to the same mean
    db = np.maximum(reference, spec.floor_db)
    target = np.maximum(result.generated_db, spec.floor_db)
    shift = np.median(target - db)
    assert np.sqrt(np.mean((db + shift - target) ** 2)) == pytest.approx(
        result.figures.consistency_db, abs=1.0
    )


def test_equal_input_gives_equal_output(result, content, style):
    again = nstaudio.transfer(content, style, SR, **SMALL)
    np.testing.assert_array_equal(result.y, again.y)
    other = nstaudio.transfer(content, style, SR, **SMALL, seed=1)
    assert not np.allclose(result.y, other.y)


def test_level_is_no_style(result, content, style):
    """A quieter style clip changes nothing; a quieter content gives as much quieter a result."""
    quiet = nstaudio.transfer(content, 0.125 * style, SR, **SMALL)
    np.testing.assert_allclose(quiet.generated_db, result.generated_db, atol=0.05)
    down = nstaudio.transfer(0.125 * content, style, SR, **SMALL)
    np.testing.assert_allclose(down.generated_db, result.generated_db, atol=0.05)
    assert np.std(down.y) == pytest.approx(0.125 * np.std(result.y), rel=0.02)


@pytest.mark.slow
@pytest.mark.usefixtures("fused")
def test_content_alone_stays_the_content(content, style):
    # not exactly: Adam makes whole steps of the rounding errors, too, so they are small ones here
    adam = from_optax(partial(optax.adam, learning_rate=0.3))
    got = nstaudio.transfer(content, style, SR, **SMALL, alpha=1.0, beta=0.0, optimizer=adam)
    assert np.sqrt(np.mean((got.generated_db - got.content_db) ** 2)) < 0.2
    assert got.history[-1][1].total == pytest.approx(0, abs=1e-5)
    free = nstaudio.transfer(
        content, style, SR, **SMALL, alpha=1.0, beta=0.0, parametrization=FreeMel()
    )
    assert free.history[-1][1].content == 0


def test_stereo_and_other_rates(content, style):
    stereo = np.stack([music(1, sr=44100)] * 2, axis=1)
    got = nstaudio.transfer(stereo, style, 44100, style_sample_rate=SR, **{**SMALL, "n_steps": 2})
    assert got.sr == 44100
    assert got.y.shape == stereo.shape
    np.testing.assert_allclose(got.y[:, 0], got.y[:, 1], atol=1e-6)


@pytest.fixture(scope="module")
def long_content():
    """Sound, silence and sound, another in each channel: three segments of more than a second."""
    y = np.stack([music(1, 6.0), music(3, 6.0)], axis=1)
    y[int(1.6 * SR) : int(4.4 * SR)] = 0
    return y


CUT = Segmentation(length_s=1.5, overlap_s=0.5, style_max_s=2.0, excerpt_s=0.5)


def test_long_content_in_windows(long_content, style):
    seen = []
    got = nstaudio.transfer(
        long_content,
        style,
        SR,
        **{**SMALL, "n_steps": 20},
        segments=CUT,
        on_log=lambda step, _: seen.append(step),
    )
    assert got.y.shape == long_content.shape
    assert seen == [step for step, _ in got.history] == sorted(seen)
    # what sounds is 3.2 s long
    assert set(seen) == {20 * i + step for i in range(3) for step in (0, 10, 20)}
    assert got.n_steps == 3 * 20
    # silence stays, and the segments meet without a step in level
    quiet = slice(int(2.4 * SR), int(3.6 * SR))
    np.testing.assert_array_equal(got.y[quiet], 0)
    assert got.generated_db.shape == got.content_db.shape
    assert len(got.content_db) == pytest.approx(MelSpec().n_frames(len(long_content)), rel=0.02)
    np.testing.assert_array_equal(
        got.content_db[int(0.4 * len(got.content_db))], MelSpec().floor_db
    )
    assert got.content_db.max() == pytest.approx(0, abs=1e-3)
    segment = slice(0, SR)
    ratio = np.mean(got.y[segment] ** 2) / np.mean(long_content[segment] ** 2)
    assert 0.3 < ratio < 3, "as loud as the content"


def test_windows_of_silence_alone_are_refused(style):
    faint = 1e-9 * np.ones((4 * SR, 1), np.float32)
    faint[::2] = 0
    with pytest.raises(InputError, match="content is silent: its loudest mel band is below"):
        nstaudio.transfer(faint, style, SR, **SMALL, segments=CUT)


def test_windows_share_the_styles_targets(content, style):
    settings = Settings(**SMALL)
    first = prepare.prepare(content, style, settings)
    again = prepare.prepare(content, style, settings)
    other = prepare.prepare(content[::-1].copy(), style, settings, shared=first.shared)
    assert other.style is first.style
    for layer, target in first.problem.targets.style.items():
        np.testing.assert_array_equal(other.problem.targets.style[layer], target)
        np.testing.assert_array_equal(again.problem.targets.style[layer], target)
        content_target = other.problem.targets.content[layer]
        assert not np.allclose(content_target, first.problem.targets.content[layer])


def test_windows_share_what_a_strength_has_chosen(content, style):
    settings = Settings(**SMALL, strength=0.5)
    first = prepare.prepare(content, style, settings)
    backwards = content[::-1].copy()
    other = prepare.prepare(backwards, style, settings, shared=first.shared)
    assert other.problem.weights == first.problem.weights
    assert prepare.prepare(backwards, style, settings).problem.weights != first.problem.weights


def test_a_guide_in_time_makes_only_the_windows_it_reaches(style):
    y = np.stack([music(1, 6.0), music(3, 6.0)], axis=1)
    seen = []
    got = nstaudio.transfer(
        y,
        style,
        SR,
        **{**SMALL, "n_steps": 10},
        segments=CUT,
        guide=Guide(start_s=2.4, end_s=3.0),
        on_log=lambda step, _: seen.append(step),
    )
    spans = CUT.spans(len(y), SR)
    reached = [i for i, s in enumerate(spans) if s.stop > 2.4 * SR and s.start < 3.0 * SR]
    assert 0 < len(reached) < len(spans)
    assert {step // 11 for step in seen} != set(range(len(spans)))
    assert len(seen) == 2 * len(reached)
    t_s = np.arange(len(y)) / SR
    outside = (t_s <= 2.4) | (t_s >= 3.0)
    np.testing.assert_array_equal(got.y[outside], y[outside])
    inside = (t_s > 2.5) & (t_s < 2.9)
    assert np.std(got.y[inside] - y[inside]) > 0.1 * np.std(y[inside])
    # the picture is of what is written: at its ends the content's
    np.testing.assert_allclose(got.generated_db[:40], got.content_db[:40], atol=1e-3)
    assert got.content_db.max() == pytest.approx(0, abs=1e-3)


def test_silence_around_the_clips_changes_nothing_of_what_sounds(content, style):
    settings = {**SMALL, "parametrization": ContentGain()}
    result = nstaudio.transfer(content, style, SR, **settings)
    rng = np.random.default_rng(0)
    # The first sample of the content stands out of the noise: it is the first that is kept, and no
    # frame moves.
    room = 2e-4 * rng.standard_normal((2 * SR, 1)).astype(np.float32)
    assert abs(content[0]) > 5 * 2e-4
    block = SR // 100
    before, after = room[: 50 * block + 37, 0], 0 * room[:, 0]
    padded = nstaudio.transfer(
        np.concatenate([before, content, after]), np.concatenate([style, after]), SR, **settings
    )
    assert len(padded.y) == len(before) + len(content) + len(after)
    assert padded.figures.style_share == pytest.approx(result.figures.style_share, rel=0.05)
    assert not padded.y[-len(after) + block :].any()
    np.testing.assert_array_equal(padded.y[: -3 * block + len(before)], before[: -3 * block])
    got = padded.y[len(before) : len(before) + len(content)]
    assert np.linalg.norm(got - result.y) < 0.05 * np.linalg.norm(result.y)


@pytest.mark.parametrize("parametrization", [ContentGain(), Waveform()])
def test_figures_are_measured_after_the_guides_mix(content, style, parametrization):
    settings = {**SMALL, "n_steps": 10, "parametrization": parametrization}
    whole = nstaudio.transfer(content, style, SR, **settings)
    never = Guide(strength_over_time=[[0, 1e-6]])
    hardly = nstaudio.transfer(content, style, SR, **settings, guide=never)
    assert hardly.figures.style_share == pytest.approx(1, abs=0.02)
    np.testing.assert_allclose(hardly.generated_db, hardly.content_db, atol=0.1)
    fully = nstaudio.transfer(
        content, style, SR, **settings, guide=Guide(strength_over_time=[[0, 1]])
    )
    np.testing.assert_allclose(fully.y, whole.y, atol=1e-6)
    assert fully.figures.style_share == pytest.approx(whole.figures.style_share, rel=0.2)


def test_a_guide_that_reaches_nothing(content, style):
    with pytest.raises(InputError, match="guide.start_s=2 must be below the 2.00 s of content"):
        nstaudio.transfer(content, style, SR, **SMALL, guide=Guide(start_s=2.0))
    half = np.concatenate([content, 0 * content])
    with pytest.raises(InputError, match="content is silent in all of the guide's range"):
        nstaudio.transfer(half, style, SR, **SMALL, segments=CUT, guide=Guide(start_s=3.8))


def test_loudness_stays(content, style):
    """Loudness as it is heard, not the loudest band's level."""
    got = nstaudio.transfer(content, style, SR, **{**SMALL, "n_steps": 20})
    levels = [pyloudnorm.Meter(SR).integrated_loudness(y) for y in (got.y, content)]
    assert levels[0] == pytest.approx(levels[1], abs=0.1)


def test_progress_is_reported(content, style):
    seen = []
    nstaudio.transfer(
        content,
        style,
        SR,
        **{**SMALL, "n_steps": 5},
        log_every=2,
        on_log=lambda step, losses: seen.append((step, losses.total)),
    )
    assert [step for step, _ in seen] == [0, 2, 4, 5]
    assert all(isinstance(total, float) for _, total in seen)


@pytest.mark.parametrize("init", [initializers.noisy_content, initializers.white_noise])
def test_other_starts(content, style, init):
    got = nstaudio.transfer(content, style, SR, **SMALL, init=init)
    assert got.history[-1][1].total < got.history[0][1].total
    assert got.history[0][1].content > 0


def test_layer_weights_default_to_even():
    weights = Settings(encoder=Conv1dEncoder(), style_weights={"conv1": 0.25}).weights
    assert weights.style == {"conv1": 0.25, "conv2": 0.5}
    assert weights.content == {"conv1": 0.5, "conv2": 0.5}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"alpha": -1.0}, "alpha=-1 must be at least 0"),
        ({"beta": float("nan")}, "beta=nan must be finite"),
        ({"alpha": 0.0, "beta": 0.0}, "alpha=0 and beta=0: nothing to optimise"),
        ({"strength": -0.1}, "strength=-0.1 must be at least 0"),
        ({"strength": 1.5}, "strength=1.5 must be at most 1"),
        ({"strength": True}, "strength must be a number, not True"),
        (
            {"strength": 0.5, "alpha": 0.1, "beta": 1.0},
            "strength=0.5 chooses alpha and beta, and alpha=0.1 and beta=1 is given: set "
            "strength=null, or alpha=null and beta=null",
        ),
        ({"strength": 0, "alpha": 0.0}, "strength=0 chooses .* alpha=0 is given"),
        ({"n_steps": -5}, "n_steps=-5 must be at least 0"),
        ({"seed": -1}, "seed=-1 must be at least 0"),
        (
            {"style_weights": {"conv3": 1.0}},
            r"conv3 is not one of: input, conv1, conv2 \(did you mean",
        ),
        ({"content_weights": {"conv1": -1.0}}, "content_weights.conv1=-1 must be at least 0"),
    ],
)
def test_bad_settings(values, message):
    with pytest.raises(InputError, match=message):
        Settings(**values)


def test_bad_calls(content, style):
    with pytest.raises(InputError, match=r"setting=alhpa is not one of.*mean alpha\?"):
        nstaudio.transfer(content, style, SR, alhpa=1)
    with pytest.raises(InputError, match="log_every=0 must be at least 1"):
        nstaudio.transfer(content, style, SR, log_every=0)
    with pytest.raises(InputError, match=r"content has the shape \(2, \d+\), .* content.T"):
        nstaudio.transfer(np.stack([content, content]), style, SR)
    with pytest.raises(InputError, match="style is silent"):
        nstaudio.transfer(content, np.zeros(SR), SR)


def test_a_clip_shorter_than_the_receptive_field(content, style):
    with pytest.raises(InputError, match=r"content is 0.09 s long \(8 frames\); .* 9 frames"):
        nstaudio.transfer(content[:2000], style, SR, **SMALL)
    needed = 8 * 256  # nine frames
    small = {**SMALL, "n_steps": 1, "parametrization": FreeMel()}
    nstaudio.transfer(content[:needed], style[:needed], SR, **small)


def test_a_clip_too_quiet_to_hear(content, style):
    with pytest.raises(
        InputError, match="content is silent: its loudest mel band is below -120 dB"
    ):
        nstaudio.transfer(1e-8 * content, style, SR, **SMALL)


def test_a_loss_that_explodes_is_named(content, style):
    optimizer = from_optax(partial(optax.sgd, learning_rate=1e30))
    settings = {**SMALL, "optimizer": optimizer, "parametrization": FreeMel()}
    with pytest.raises(InputError, match=r"the loss became (nan|inf) by step \d+; lower opt"):
        nstaudio.transfer(content, style, SR, **settings)


def test_analyse_puts_the_loudest_band_at_zero(content):
    clip, power = prepare.analyse(content, Settings(), name="x")
    assert float(clip.level_db.max()) == pytest.approx(0.0, abs=1e-3)
    np.testing.assert_allclose(clip.y, content / np.sqrt(power), rtol=1e-5)
    raw = log_mel(jnp.asarray(content), MelSpec(floor_db=-140.0))
    assert 10 * np.log10(power) == pytest.approx(float(raw.max()), abs=1e-3)


NAMES = ("free", "smooth", "gain", "waveform")
ADAM = partial(optax.adam, learning_rate=1.0)
slow = partial(pytest.param, marks=pytest.mark.slow)


@pytest.mark.parametrize(
    ("name", "make", "encoder"),
    [
        *((name, ADAM, SMALL["encoder"]) for name in NAMES),
        ("free", optax.lbfgs, SMALL["encoder"]),
        *(slow(name, optax.lbfgs, SMALL["encoder"]) for name in NAMES[1:]),
        *(slow(name, ADAM, InfiniteEncoder((3,))) for name in ("free", "waveform")),
        *(slow(name, optax.lbfgs, InfiniteEncoder((3,))) for name in ("smooth", "gain")),
    ],
)
def test_every_parametrization_with_any_optimizer(content, style, name, make, encoder):
    parametrization = {
        "free": FreeMel(),
        "smooth": SmoothMel(),
        "gain": ContentGain(),
        "waveform": Waveform(),
    }[name]
    got = nstaudio.transfer(
        content,
        style,
        SR,
        **{**SMALL, "n_steps": 15, "encoder": encoder},
        parametrization=parametrization,
        optimizer=from_optax(make),
    )
    first, last = got.history[0][1], got.history[-1][1]
    assert last.total < 0.9 * first.total
    assert got.y.shape == content.shape
    if name in ("gain", "waveform"):
        assert got.figures.consistency_db < 0.01
        assert got.figures.style_loss_on_audio == pytest.approx(last.style, rel=1e-3)
    else:
        assert got.figures.consistency_db > 0.1


def test_a_sweep_over_weights_compiles_once(content, style):
    def losses(alpha, beta):
        return nstaudio.transfer(
            content, style, SR, **{**SMALL, "n_steps": 2, "alpha": alpha, "beta": beta}
        ).history[-1][1]

    losses(1.0, 1.0)
    compiled = [loop.advance, make_problem, evaluate]
    before = [function._cache_size() for function in compiled]  # type: ignore[attr-defined]
    totals = {
        float(losses(alpha, beta).total) for alpha, beta in ((0, 0.5), (0.1, 1), (0.3, 4), (1, 2))
    }
    assert len(totals) == 4
    assert [function._cache_size() for function in compiled] == before  # type: ignore[attr-defined]


def test_a_sweep_over_strength_compiles_once(content, style):
    def losses(strength):
        return nstaudio.transfer(content, style, SR, **{**SMALL, "n_steps": 2}, strength=strength)

    losses(0.5)
    compiled = [loop.advance, make_problem, evaluate]
    before = [function._cache_size() for function in compiled]  # type: ignore[attr-defined]
    totals = {losses(strength).history[-1][1].total for strength in (0, 0.1, 0.9, 1)}
    assert len(totals) == 4
    assert [function._cache_size() for function in compiled] == before  # type: ignore[attr-defined]


def demo(name: str) -> np.ndarray:
    """Two seconds of a demo clip."""
    clip = files.load(str(demo_clips.CLIPS_DIR / f"{name}.ogg"), duration_s=2.0, role="content")
    return samples.to_mono(clip.y, clip.sr, SR)


@pytest.mark.slow
@pytest.mark.parametrize("pair", ["synthetic", "jazz as classical", "classical as jazz"])
def test_strength_goes_from_the_content_to_the_style_step_by_step(content, style, pair):
    if pair != "synthetic":
        content, style = (demo(name) for name in pair.split(" as "))
    n = 9
    found = [
        nstaudio.transfer(
            content, style, SR, **{**SMALL, "n_steps": 60}, strength=i / (n - 1), log_every=60
        )
        for i in range(n)
    ]
    shares = np.array([result.figures.style_share for result in found])
    distances = np.array([result.history[-1][1].content for result in found])
    assert shares[0] == pytest.approx(1, abs=0.02)
    assert shares[-1] < 0.1
    # no step is a matter of chance, and none takes most of the way
    assert (shares[1:] < 0.95 * shares[:-1]).all(), shares
    assert (shares[1:] > 0.3 * shares[:-1]).all(), shares
    assert (np.diff(distances) > 0.02 * distances[-1]).all(), distances


@pytest.mark.parametrize(
    "changes",
    [
        {"parametrization": FreeMel()},
        {"init": initializers.noisy_content},
        {"init": initializers.white_noise},
        pytest.param({"parametrization": Waveform()}, marks=pytest.mark.slow),
        pytest.param({"encoder": InfiniteEncoder((3,))}, marks=pytest.mark.slow),
        pytest.param({"content_loss": SquaredError("sum")}, marks=pytest.mark.slow),
        {"style_weights": {"conv1": 1e3, "conv2": 1e-3}},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_strength_whatever_else_is_chosen(content, style, changes):
    def reached(strength):
        settings = Settings(**{**SMALL, **changes}, strength=strength)
        prepared = prepare.prepare(content, style, settings)
        *_, (_, losses) = loop.run(
            prepared.state,
            prepared.problem,
            objective=prepared.objective,
            transformation=settings.optimizer.transformation,
            n_steps=settings.n_steps,
            chunk=settings.n_steps,
        )
        return losses

    none, half, full = (reached(strength) for strength in (0, 0.5, 1))
    assert none.style > 1.3 * half.style > 1.3**2 * full.style
    assert none.content < 0.7 * half.content < 0.7**2 * full.content


def test_a_loss_without_a_kernel_form_is_refused(content, style):
    with pytest.raises(
        InputError, match="content_loss=.*sum.* has no kernel form, and encoder=Inf"
    ):
        nstaudio.transfer(
            content, style, SR, encoder=InfiniteEncoder(), content_loss=SquaredError("sum")
        )


def test_figures_without_a_value_do_not_count_in_means():
    records = [{"a": 1.0, "b": None}, {"a": None, "b": None}, {"a": 3.0, "b": None, "c": 1.0}]
    assert render.mean_figures(records) == {"a": 2.0, "b": None}


def test_the_content_as_its_own_style(content):
    result = nstaudio.transfer(content, content, SR, **{**SMALL, "n_steps": 1})
    assert result.figures.style_share is None
    assert "style_share=None" in repr(result)
