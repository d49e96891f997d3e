import jax
import jax.numpy as jnp
import librosa
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nstaudio.analysis.constant_q import Bands, constant_q
from nstaudio.errors import InputError

from helpers import compiled

SR = 22050
program = compiled(constant_q)


def by_definition(y, bands, sr, hop_length):
    """The sum, term by term, for each frame and band."""
    q = bands.filter_scale / (2 ** (1 / bands.bins_per_octave) - 1)
    rows = []
    for centre in range(0, len(y) + 1, hop_length):
        row = []
        for hz in bands.centres_hz(sr):
            length = q * sr / hz
            first, last = np.ceil(centre - length / 2), np.floor(centre + length / 2)
            n = np.arange(max(0, int(first)), min(len(y), int(last) + 1))
            window = 0.5 + 0.5 * np.cos(2 * np.pi * (n - centre) / length)
            terms = y[n] * window * np.exp(-2j * np.pi * hz * (n - centre) / sr)
            row.append(terms.sum() / np.sqrt(3 / 8 * length))
        rows.append(row)
    return np.array(rows)


@settings(max_examples=6)
@given(
    st.sampled_from([64, 100, 255, 512]),
    st.sampled_from([8000, 22050]),
    st.floats(40.0, 300.0),
    st.sampled_from([5, 12, 24]),
    st.sampled_from([0.5, 1.0]),
    st.integers(0, 3000),
)
def test_it_is_the_sum_of_its_definition(hop_length, sr, f_min_hz, bins, scale, n):
    y = np.random.default_rng(n).standard_normal(n + 1)
    bands = Bands(f_min_hz, None, bins, scale)
    y = y.astype(np.float32)
    got = np.asarray(program(y, bands, sr=sr, hop_length=hop_length))
    expected = by_definition(y, bands, sr, hop_length)
    assert got.shape == expected.shape
    # All of energy 1; a window that ends smoothly has a little energy at every frequency.
    assert np.sqrt(np.mean(np.abs(got - expected) ** 2)) < 2e-3


def test_bands_are_librosas():
    """Band by band, up to the length that librosa takes for Q, the same levels of chords."""
    t = np.arange(3 * SR) / SR
    y = sum(np.sin(2 * np.pi * hz * t) for hz in librosa.note_to_hz(["A2", "C#4", "G5", "B7"]))
    y = np.asarray(y * np.hanning(len(t)), np.float32)
    bands = Bands(librosa.note_to_hz("C2"), None, 12)
    n_bands = len(bands.centres_hz(SR))
    np.testing.assert_allclose(
        bands.centres_hz(SR), librosa.cqt_frequencies(n_bands, fmin=bands.f_min_hz), rtol=1e-9
    )
    found = np.abs(np.asarray(program(jnp.asarray(y), bands, sr=SR, hop_length=512)))
    expected = np.abs(
        librosa.cqt(y, sr=SR, hop_length=512, fmin=bands.f_min_hz, n_bins=n_bands, scale=True)
    ).T
    middle = slice(20, -20)
    levels = [20 * np.log10(x[middle] / x.max() + 1e-2) for x in (found, expected)]
    assert np.sqrt(np.mean((levels[0] - levels[1]) ** 2)) < 1.5
    assert (levels[0].argmax(axis=1) == levels[1].argmax(axis=1)).all()


def test_noise_is_equally_loud_in_all_bands():
    y = np.random.default_rng(0).standard_normal(4 * SR)
    found = program(jnp.asarray(y, jnp.float32), Bands(), sr=SR, hop_length=256)
    power = np.mean(np.abs(np.asarray(found)[20:-20]) ** 2, axis=0)
    assert np.mean(power) == pytest.approx(1, rel=0.05)
    np.testing.assert_allclose(power[60:], 1, rtol=0.3)  # lower bands are long, and so few draws


def test_it_is_linear_and_so_is_its_gradient():
    y = jnp.asarray(np.random.default_rng(1).standard_normal(4000), jnp.float32)

    def energy(y):
        return jnp.sum(jnp.abs(constant_q(y, Bands(500.0), sr=SR, hop_length=256)) ** 2)

    # of a quadratic form y . gradient is twice its value
    value, gradient = jax.jit(jax.value_and_grad(energy))(y)
    assert float(jnp.vdot(y, gradient)) == pytest.approx(2 * float(value), rel=1e-4)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"f_min_hz": 0.0}, "representation.f_min_hz=0 must be above 0"),
        ({"f_max_hz": 20.0}, "representation.f_max_hz=20 must be at least 65.4"),
        ({"bins_per_octave": 0}, "representation.bins_per_octave=0"),
        ({"filter_scale": float("nan")}, "representation.filter_scale=nan"),
    ],
)
def test_bad_bands(values, message):
    with pytest.raises(InputError, match=message):
        Bands(**values)


@pytest.mark.parametrize("values", [{"f_min_hz": 11_000.0}, {"f_max_hz": 10_800.0}])
def test_bands_that_do_not_fit_the_rate(values):
    name, value = next(iter(values.items()))
    with pytest.raises(InputError, match=rf"representation.{name}={value:g} must be .*10[0-9.]+"):
        constant_q(jnp.zeros(1000), Bands(**values), sr=SR, hop_length=256)
