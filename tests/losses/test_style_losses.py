"""Style losses besides Gram's and statistics of the content, against independent numpy."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nstaudio.encoders import Conv1dEncoder, InfiniteEncoder
from nstaudio.errors import InputError
from nstaudio.losses import (
    Autocorrelation,
    ContentLoss,
    ContentSum,
    CrossCorrelation,
    Diversity,
    EnergyEnvelope,
    GaussianOT,
    Gram,
    LossPair,
    Mean,
    OnsetEnvelope,
    SlicedWasserstein,
    SquaredError,
    StatisticLoss,
    StyleLoss,
    StyleSum,
    Term,
    add_negatives,
    compare,
    make_targets,
    supports_negatives,
)
from nstaudio.transfer.settings import Settings

from helpers import compiled

SUM = StyleSum({"gram": Term(Gram()), "mean": Term(Mean(), 0.5)})
LOSSES = (
    Mean(),
    GaussianOT(),
    SlicedWasserstein(n_directions=9),
    Autocorrelation(first_lag=1, last_lag=6),
    CrossCorrelation((0, 2, 5)),
    EnergyEnvelope("time"),
    EnergyEnvelope("frequency"),
    OnsetEnvelope(),
    SUM,
)
by_name = {"ids": lambda value: getattr(value, "axis", "") + type(value).__name__}


def draw(n: int, channels: int = 5, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng((seed, n, channels))
    mixing = rng.standard_normal((channels, channels))
    return np.maximum(rng.standard_normal((n, channels)) @ mixing + 0.3, 0)


@compiled
def distance_of(loss, f, s):
    return loss.distance(f, loss.statistic(s))


def distance(loss: StyleLoss, f: np.ndarray, s: np.ndarray) -> float:
    return float(distance_of(loss, *(jnp.asarray(a, jnp.float32) for a in (f, s))))


@pytest.mark.parametrize("loss", LOSSES, **by_name)
def test_what_every_style_loss_has(loss):
    """0 of a clip from itself, above 0 from another of any length, by bands too, a gradient."""
    f, s, bands = draw(30), draw(44, seed=1), draw(60).reshape(30, 2, 5)
    assert isinstance(loss, StyleLoss)
    assert hash(loss) == hash(loss)

    @jax.jit
    def all_at_once(f, s, bands):
        own, other = loss.statistic(f), loss.statistic(s)
        value, gradient = jax.value_and_grad(lambda x: loss.distance(x, other))(f)
        silence = jax.grad(lambda x: loss.distance(x, other))(jnp.zeros_like(f))
        still = jax.grad(lambda x: loss.distance(x, own))(f)
        of_bands = loss.distance(bands, loss.statistic(bands[::-1]))
        return loss.distance(f, own), value, of_bands, (gradient, silence, still)

    same, value, of_bands, gradients = all_at_once(
        *(jnp.asarray(a, jnp.float32) for a in (f, s, bands))
    )
    assert same == pytest.approx(0, abs=1e-6)
    assert value > 1e-3
    assert of_bands >= 0
    assert all(np.isfinite(g).all() for g in gradients)
    assert np.abs(gradients[0]).max() > 1e-5
    np.testing.assert_allclose(gradients[2], 0, atol=1e-5)


@pytest.mark.parametrize("loss", LOSSES, **by_name)
def test_gradients_are_those_of_finite_differences(loss):
    f, s = draw(16), draw(21, seed=1)
    with jax.enable_x64(True):
        target = compiled(loss.statistic)(jnp.asarray(s))
        value_and_gradient = jax.jit(jax.value_and_grad(lambda x: loss.distance(x, target)))
        _, gradient = value_and_gradient(jnp.asarray(f))
        along = np.random.default_rng(2).standard_normal(f.shape)
        step = 1e-5
        ends = [value_and_gradient(jnp.asarray(f + s * along))[0] for s in (step, -step)]
        change = ends[0] - ends[1]
        assert np.sum(gradient * along) == pytest.approx(float(change) / (2 * step), rel=1e-4)


def test_mean_by_hand():
    f, s = draw(30), draw(44, seed=1)
    expected = 0.5 * np.mean((f.mean(axis=0) - s.mean(axis=0)) ** 2)
    assert distance(Mean(), f, s) == pytest.approx(expected, rel=1e-5)


def square_root(covariance: np.ndarray) -> np.ndarray:
    values, axes = np.linalg.eigh(covariance)
    return axes * np.sqrt(np.maximum(values, 0)) @ axes.T


def bures_wasserstein(f: np.ndarray, s: np.ndarray) -> float:
    """The formula with matrix square roots, in double precision."""
    means = f.mean(axis=0), s.mean(axis=0)
    x, a = np.cov(f, rowvar=False, bias=True), np.cov(s, rowvar=False, bias=True)
    root = square_root(a)
    cross = square_root(root @ x @ root)
    return ((means[0] - means[1]) ** 2).sum() + np.trace(x + a - 2 * cross)


@pytest.mark.parametrize(
    ("positions", "style_positions", "channels"),
    [(40, 60, 6), (4, 60, 6), (40, 4, 6), (3, 4, 6), (4, 3, 6), (2, 50, 6)],
)
def test_gaussian_transport_is_the_formula_at_any_rank(positions, style_positions, channels):
    f, s = draw(positions, channels), draw(style_positions, channels, seed=1)
    expected = bures_wasserstein(f, s) / channels
    assert distance(GaussianOT(), f, s) == pytest.approx(expected, rel=1e-4)


def test_gaussian_transport_of_scaled_noise_is_known():
    """Of N(m, a^2 I) and N(n, b^2 I): |m - n|^2 + N (a - b)^2."""
    white = draw(50, 4)
    white -= white.mean(axis=0)
    white = white @ np.linalg.inv(np.linalg.cholesky(np.cov(white, rowvar=False, bias=True))).T
    got = distance(GaussianOT(), 2.0 * white + 1.0, 0.5 * white[::-1] + 3.0)
    assert got == pytest.approx(4.0 + 1.5**2, rel=1e-4)


def test_gaussian_transport_with_channels_that_never_sound():
    """The gradient pulls silent channels nowhere wild, and descent reaches the target."""
    f, s = draw(40, 6), draw(50, 6, seed=1)
    f[:, 0], s[:, 1] = 0, 0
    loss = GaussianOT()
    target = compiled(loss.statistic)(jnp.asarray(s, jnp.float32))

    @jax.jit
    def descend(x):
        value = lambda x: 6 * loss.distance(x, target)  # noqa: E731

        # Steps of half a second derivative: 2 / M of each activation.
        def step(_, x):
            return x - 40 / 4 * jax.grad(value)(x)

        return value(x), value(jax.lax.fori_loop(0, 200, step, x))

    start, end = descend(jnp.asarray(f, jnp.float32))
    assert end < 1e-4 * start


def test_sliced_transport_of_equally_many_positions_by_hand():
    f, s = draw(30), draw(30, seed=1)
    loss = SlicedWasserstein(n_directions=7, seed=3)
    directions = np.asarray(compiled(loss.statistic)(jnp.asarray(f)).directions, float)
    np.testing.assert_allclose(np.linalg.norm(directions, axis=0), 1, rtol=1e-5)
    pairs = np.sort(f @ directions, axis=0) - np.sort(s @ directions, axis=0)
    assert distance(loss, f, s) == pytest.approx(np.mean(pairs**2), rel=1e-4)
    other = compiled(SlicedWasserstein(n_directions=7, seed=4).statistic)(jnp.asarray(f))
    assert not np.allclose(other.directions, directions)


def test_sliced_transport_does_not_depend_on_the_number_of_positions():
    f, s = draw(300), draw(200, seed=1)
    loss = SlicedWasserstein()
    assert distance(loss, f, np.repeat(f, 3, axis=0)) < 1e-4
    once, twice = (distance(loss, f, np.repeat(s, n, axis=0)) for n in (1, 2))
    assert twice == pytest.approx(once, rel=0.02)


def test_sliced_transport_sees_more_than_two_moments():
    """Skewed noise of the same means and covariances is far away."""
    rng = np.random.default_rng(0)
    normal = rng.standard_normal((4000, 3))
    skewed = rng.exponential(1.0, (4000, 3)) - 1
    assert distance(GaussianOT(), normal, skewed) < 2e-3
    assert distance(SlicedWasserstein(), normal, skewed) > 2e-2


def autocorrelation(f: np.ndarray, lags: range) -> np.ndarray:
    z = f - f.mean(axis=0)
    variance = (z**2).mean(axis=0) + 1e-6
    return np.stack([(z[:-lag] * z[lag:]).mean(axis=0) / variance for lag in lags], axis=1)


def test_autocorrelation_by_hand():
    f, s = draw(30), draw(41, seed=1)
    loss = Autocorrelation(first_lag=2, last_lag=99)
    statistic = compiled(loss.statistic)(jnp.asarray(s, jnp.float32))
    np.testing.assert_allclose(statistic, autocorrelation(s, range(2, 21)), rtol=1e-3, atol=1e-5)
    lags = range(2, 16)  # half of the shorter clip
    expected = np.mean((autocorrelation(f, lags) - autocorrelation(s, lags)) ** 2)
    assert distance(loss, f, s) == pytest.approx(expected, rel=1e-4)


def test_autocorrelation_finds_the_period():
    beats = np.zeros((60, 1))
    beats[::7] = 1.0
    loss = Autocorrelation(first_lag=4, last_lag=20)
    found = np.asarray(compiled(loss.statistic)(jnp.asarray(beats, jnp.float32)))[0]
    assert set(np.argsort(found)[-2:] + 4) == {7, 14}
    other = np.zeros((60, 1))
    other[::9] = 1.0
    assert distance(loss, beats, np.roll(beats, 3, axis=0)) < 0.1 * distance(loss, beats, other)


def unlikeness(f: np.ndarray, s: np.ndarray) -> float:
    """The smallest d over all lags, one after the other."""
    shorter, longer = (f, s) if len(f) <= len(s) else (s, f)
    laid = [np.roll(longer, -lag, axis=0)[: len(shorter)] for lag in range(len(longer))]
    return min(np.mean((shorter - part) ** 2) for part in laid) / (2 * s.var(axis=0).mean())


@pytest.mark.parametrize(("n", "n_style"), [(30, 30), (30, 44), (44, 31), (2, 31), (31, 1)])
def test_diversity_by_hand(n, n_style):
    f, s = draw(n) + 30, draw(n_style + 1, seed=1)[:n_style] + 30
    if n_style == 1:  # one frame does not vary
        assert distance(Diversity(), f, s) < 1e-3
    else:
        expected = 1 / (unlikeness(f, s) + 0.01)
        assert distance(Diversity(), f, s) == pytest.approx(expected, rel=1e-3)
    bands = [np.repeat(a[:, None], 2, axis=1) for a in (f, s)]
    assert distance(Diversity(), *bands) == pytest.approx(distance(Diversity(), f, s), rel=1e-3)


def test_diversity_tells_copies_from_others():
    """Of the whole style or a part of it, from whatever moment; or as a part of a longer result."""
    rng = np.random.default_rng(0)
    noise, other = rng.standard_normal((2, 400, 64)) + 3
    loss = Diversity(floor=0.02)
    assert isinstance(loss, StyleLoss)
    assert hash(loss) == hash(Diversity(0.02))
    longer = np.concatenate([other, noise, other])
    for copy in (noise, np.roll(noise, 123, axis=0), noise[50:250], longer):
        assert distance(loss, copy, noise) == pytest.approx(50, rel=1e-3)
    for independent in (other, other[:300], np.concatenate([other, other[::-1]])):
        assert distance(loss, independent, noise) == pytest.approx(1, rel=0.05)


def test_what_results_shall_be_apart_from():
    """Each clip counts by itself; of a sum only the terms that know such clips see them."""
    f, style, *others = (jnp.asarray(draw(n, seed=i), jnp.float32) for i, n in enumerate((20,) * 5))
    loss = StyleSum(
        {"gram": Term(Gram()), "early": Term(Diversity(0.1), 0.5, ("a",)), "mean": Term(Mean())}
    )
    assert supports_negatives(loss)
    assert not supports_negatives(Gram())
    assert not supports_negatives(
        StyleSum({"gram": Term(Gram()), "diversity": Term(Diversity(), 0)})
    )
    clips = [{"a": clip, "b": clip} for clip in (style, *others)]
    losses = LossPair(SquaredError(), loss)

    @jax.jit
    def distances(f, clips):
        alone, *more = (make_targets({}, clip, loss) for clip in clips)
        targets = (add_negatives(alone, more, loss), alone)
        return [compare({"a": f, "b": f}, target, losses).style for target in targets]

    found, before = distances(f, clips)
    added = sum(1 / (unlikeness(np.asarray(f), np.asarray(clip)) + 0.1) for clip in others)
    assert float(found["a"] - before["a"]) == pytest.approx(0.5 * added, rel=1e-3)
    assert float(found["b"]) == float(before["b"])


def test_gradients_of_diversity():
    """Those of finite differences, of clips of any lengths; of a copy and of silence finite."""
    loss = Diversity()
    for n, n_style in ((16, 16), (16, 21), (21, 16)):
        f, s = draw(n), draw(n_style, seed=1)
        with jax.enable_x64(True):
            value_and_gradient = jax.jit(
                jax.value_and_grad(lambda x, s: loss.distance(x, loss.statistic(s)))
            )
            _, gradient = value_and_gradient(f, s)
            along = np.random.default_rng(2).standard_normal(f.shape)
            ends = [value_and_gradient(f + step * along, s)[0] for step in (1e-6, -1e-6)]
            change = ends[0] - ends[1]
            assert np.sum(gradient * along) == pytest.approx(float(change) / 2e-6, rel=1e-4)
    style = jnp.asarray(draw(30), jnp.float32)
    gradient = jax.jit(jax.grad(lambda x, s: loss.distance(x, loss.statistic(s))))
    np.testing.assert_allclose(gradient(style, style), 0, atol=1e-4)
    for x, s in ((0 * style, style), (style, 0 * style), (style + 1e-3, style)):
        assert np.isfinite(gradient(x, s)).all()


def test_descent_with_diversity_leaves_the_style_clip():
    """From a copy with a little noise on it Gram matrices go back to the copy."""
    s = jnp.asarray(draw(60, 4), jnp.float32)
    start = s + 0.3 * jnp.asarray(np.random.default_rng(3).standard_normal(s.shape), jnp.float32)
    found = {}
    for weight in (0.0, 5e-4):
        loss = StyleSum({"gram": Term(Gram()), "diversity": Term(Diversity(), weight)})
        target = compiled(loss.statistic)(s)

        @jax.jit
        def descend(x, loss=loss, target=target):
            step = jax.grad(lambda x: loss.distance(x, target))
            return jax.lax.fori_loop(0, 1000, lambda _, x: x - 2 * step(x), x)

        x = np.asarray(descend(start))
        found[weight] = distance(Gram(), x, s), unlikeness(x, np.asarray(s))
    assert found[5e-4][1] > 2 * found[0.0][1]
    assert found[5e-4][0] < 0.1 * distance(Gram(), start, s), "it has the style nevertheless"


def test_envelopes_by_hand():
    f, s = draw(30), draw(30, seed=1)
    for loss, envelope in (
        (EnergyEnvelope("time"), lambda x: (x**2).mean(axis=1)),
        (EnergyEnvelope("frequency"), lambda x: (x**2).mean(axis=0)),
        (OnsetEnvelope(), lambda x: np.maximum(np.diff(x, axis=0), 0).mean(axis=1)),
    ):
        x, a = envelope(f), envelope(s)
        expected = ((x - a) ** 2).mean() / (a**2).mean()
        assert distance(loss, f, s) == pytest.approx(expected, rel=1e-4)
        content = StatisticLoss(loss)
        assert isinstance(content, ContentLoss)
        got = compiled(content.distance)(jnp.asarray(f), jnp.asarray(s))
        assert got == pytest.approx(expected, rel=1e-4)


def test_an_envelope_over_time_of_another_length_is_stretched():
    slow, fast = (np.sin(np.linspace(0, 3, n))[:, None] ** 2 + 1 for n in (400, 150))
    assert distance(EnergyEnvelope("time"), slow, fast) < 1e-4
    assert distance(EnergyEnvelope("time"), slow, fast[::-1]) > 0.01


def test_onsets_know_nothing_of_what_ends():
    """Notes of other lengths that begin at the same time have the same onsets."""
    short, long, late = (np.zeros((40, 3)) for _ in range(3))
    short[5:10], long[5:15], late[8:13] = 1, 1, 1
    short[20:23], long[20:39], late[23:26] = 0.5, 0.5, 0.5
    assert distance(OnsetEnvelope(), short, long) < 1e-12
    assert distance(OnsetEnvelope(), short, late) > 1


def test_a_sum_is_the_weighted_sum_of_its_terms_where_they_apply():
    layers = [
        {name: jnp.asarray(draw(n, seed=i), jnp.float32) for name in ("input", "conv1")}
        for i, n in enumerate((30, 44))
    ]
    f, s = layers
    style = StyleSum(
        {
            "gram": {"loss": Gram(), "weight": 2.0},
            "mean": {"loss": Mean(), "weight": 0.5, "layers": ["input"]},
        }
    )
    content = ContentSum(
        {
            "onsets": Term(StatisticLoss(OnsetEnvelope()), 3.0, layers=("input",)),
            "activations": Term(SquaredError(), layers=("conv1",)),
        }
    )

    @compiled
    def distances(f, s, losses):
        still = {name: a[::-1] for name, a in f.items()}
        return compare(f, make_targets(still, s, losses.style), losses)

    found = distances(f, s, LossPair(content, style))
    gram, mean = distance(Gram(), f["input"], s["input"]), distance(Mean(), f["input"], s["input"])
    assert found.style["input"] == pytest.approx(2 * gram + 0.5 * mean, rel=1e-5)
    gram = distance(Gram(), f["conv1"], s["conv1"])
    assert found.style["conv1"] == pytest.approx(2 * gram, rel=1e-5)
    onsets = distance(OnsetEnvelope(), f["input"], f["input"][::-1])
    assert found.content["input"] == pytest.approx(3 * onsets, rel=1e-5)
    squares = SquaredError().distance(f["conv1"], f["conv1"][::-1])
    assert found.content["conv1"] == pytest.approx(float(squares), rel=1e-5)
    nothing = StyleSum({"mean": Term(Mean(), layers=("input",))})
    found = distances(f, s, LossPair(SquaredError(), nothing))
    assert found.style["conv1"] == 0


def test_sums_are_static_arguments():
    a, b = (StyleSum({"gram": {"loss": Gram(), "layers": ["conv1"]}}) for _ in range(2))
    assert a == b
    assert hash(a) == hash(b)
    assert a != StyleSum({"gram": {"loss": Gram(), "weight": 2}})


def test_means_and_sums_have_kernel_forms():
    """The mean's is what wide finite encoders' distances are; a sum's is the sum."""
    content, style, x = (
        jnp.asarray(np.random.default_rng(i).uniform(0, 1, (n, 16)), jnp.float32)
        for i, n in enumerate((20, 24, 20))
    )

    def found(encoder, style_loss, key=0):
        losses = LossPair(SquaredError(), style_loss)

        @jax.jit
        def both(key):
            variables = encoder.init(key, content)
            targets = encoder.targets(variables, content, style, losses)
            return encoder.distances(variables, x, targets, losses).style["conv1"]

        return both

    keys = jax.random.split(jax.random.key(0), 16)
    finite = found(Conv1dEncoder((2048,), 3), Mean())
    expected = np.mean([float(finite(key)) for key in keys])
    infinite = InfiniteEncoder((3,))
    mean = float(found(infinite, Mean())(keys[0]))
    assert mean == pytest.approx(expected, rel=0.05)
    gram, both = (float(found(infinite, loss)(keys[0])) for loss in (Gram(), SUM))
    assert both == pytest.approx(gram + 0.5 * mean, rel=1e-3)
    assert SUM.kernel_form == SUM.kernel_form
    for changed in ({"x": Term(GaussianOT())}, {"x": Term(Gram(), layers=("conv1",))}):
        assert StyleSum(changed).kernel_form is None


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (partial(SlicedWasserstein, 0), "style_loss.n_directions=0 must be at least 1"),
        (partial(SlicedWasserstein, seed=-1), "style_loss.seed=-1 must be at least 0"),
        (partial(Diversity, 0), "style_loss.floor=0 must be above 0"),
        (partial(Autocorrelation, 0), "style_loss.first_lag=0 must be at least 1"),
        (partial(Autocorrelation, 9, 8), "style_loss.last_lag=8 must be at least 9"),
        (partial(EnergyEnvelope, "bands"), "axis of EnergyEnvelope=bands is not one of"),
        (
            partial(StatisticLoss, SquaredError()),
            "content_loss.loss=SquaredError.* is no style loss",
        ),
        (partial(StyleSum, {}), "style_loss.terms={} must be name: loss pairs"),
        (partial(StyleSum, [Gram()]), "style_loss.terms=.* must be name: loss pairs"),
        (partial(StyleSum, {"a": 3}), "style_loss.terms.a=3 has no loss for style_loss"),
        (partial(StyleSum, {"a": {"weight": 1}}), "style_loss.terms.a.loss is missing"),
        (partial(StyleSum, {"a": {"los": 1}}), "style_loss.terms.a.los is not one of: loss"),
        (partial(StyleSum, {"a": Term(SquaredError())}), "has no loss for style_loss"),
        (partial(StyleSum, {"a": Term(SUM)}), "style_loss.terms.a is a sum itself"),
        (partial(ContentSum, {"a": Term(Gram())}), "has no loss for content_loss"),
        (
            partial(StatisticLoss, StyleSum({"a": Term(Gram(), layers=("conv1",))})),
            "content_loss.loss is of some layers only",
        ),
        (partial(Term, Gram(), -1), "weight of a loss=-1 must be at least 0"),
        (partial(Term, Gram(), 1, "conv1"), "layers=conv1 of a loss must be a list"),
        (lambda: Autocorrelation().statistic(jnp.ones((33, 2))), "17 frames need 34 frames"),
        (lambda: OnsetEnvelope().statistic(jnp.ones((1, 2))), "at least 2 frames"),
    ],
)
def test_bad_values(make, message):
    with pytest.raises(InputError, match=message) as error:
        make()
    assert len(str(error.value).splitlines()) == 1


def test_a_term_of_a_layer_the_encoder_does_not_have_is_refused():
    rhythm = ContentSum({"onsets": Term(StatisticLoss(OnsetEnvelope()), layers=("input",))})
    with pytest.raises(InputError, match="layer in content_loss=input is not one of: conv1, conv2"):
        Settings(content_loss=rhythm, encoder=Conv1dEncoder())
    Settings(content_loss=rhythm, encoder=Conv1dEncoder(input_layer=True))


def test_cross_correlation_by_hand():
    f, s = draw(60).reshape(12, 5, 5), draw(75, seed=1).reshape(15, 5, 5)
    lags, total = (0, 3), 0.0

    def correlation(a, lag, band, i, j):
        products = [a[t, band, i] * a[t + lag, band, j] for t in range(len(a) - lag)]
        return sum(products) / len(products)

    for lag in lags:
        for band, i, j in np.ndindex(5, 5, 5):
            own, other = (correlation(a, lag, band, i, j) for a in (f, s))
            total += (own - other) ** 2 / (len(lags) * 5**3)
    assert distance(CrossCorrelation(lags), f, s) == pytest.approx(total / 4, rel=1e-5)


def test_cross_correlation_at_lag_0_is_grams():
    f, s = draw(30), draw(44, seed=1)
    expected = distance(Gram(), f, s)
    assert distance(CrossCorrelation((0,)), f, s) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("lags", "message"),
    [
        ((), "length of style_loss.lags=0 must be at least 1"),
        ((-1,), "style_loss.lags=-1 must be at least 0"),
        ((3, 3), "has a lag twice"),
        ((30,), "need more than 30 frames after the encoder; there are 30"),
    ],
)
def test_bad_lags(lags, message):
    with pytest.raises(InputError, match=message):
        CrossCorrelation(lags).statistic(jnp.asarray(draw(30)))
