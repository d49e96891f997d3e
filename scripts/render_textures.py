"""Synthesise three sound textures: rain, fire, applause.

    python scripts/render_textures.py --out my_textures
    python scripts/run.py experiment=texture style.path=my_textures/rain.wav duration_s=20

Each is many short events on a bed of noise, drawn at random from the recipe that its function
states; the same program makes the same samples. They are for measuring: no recording has to be
fetched, and none has a licence.
"""

import argparse
from collections.abc import Callable

import numpy as np
import soundfile as sf

from nstaudio.experiments.commands.typed_path import typed_path

SR = 22050
SECONDS = 10.0
PEAK = 0.5

Samples = np.ndarray
Event = Callable[[np.random.Generator], Samples]


def rain(rng: np.random.Generator, n: int) -> Samples:
    """900 drops a second, tones of 1 to 9 kHz that die in 1 to 6 ms, on pink noise."""

    def drop(rng: np.random.Generator) -> Samples:
        t = np.arange(int(0.03 * SR)) / SR
        hz, decay = np.exp(rng.uniform(*np.log([1000, 9000]))), rng.uniform(0.001, 0.006)
        return rng.lognormal(0, 1) * np.sin(2 * np.pi * hz * t) * np.exp(-t / decay)

    drops = scatter(rng, n, poisson(rng, n, 900), drop)
    return scaled(drops, 1.0) + scaled(band(rng.standard_normal(n), 100, 8000, slope=-0.5), 0.5)


def fire(rng: np.random.Generator, n: int) -> Samples:
    """14 crackles a second, clicks of noise of all sizes, on a flickering roar and a hiss."""

    def crackle(rng: np.random.Generator) -> Samples:
        t = np.arange(int(0.06 * SR)) / SR
        burst = rng.standard_normal(len(t)) * np.exp(
            -t / np.exp(rng.uniform(*np.log([5e-4, 1e-2])))
        )
        return rng.lognormal(0, 1.2) * burst

    flicker = np.exp(0.7 * scaled(band(rng.standard_normal(n), 0.3, 8), 1.0))
    roar = scaled(band(rng.standard_normal(n), 40, 400, slope=-0.5) * flicker, 0.5)
    hiss = scaled(band(rng.standard_normal(n), 2000, 10000) * flicker, 0.12)
    return scaled(scatter(rng, n, poisson(rng, n, 14), crackle), 1.0) + roar + hiss


def applause(rng: np.random.Generator, n: int) -> Samples:
    """60 people, each 3 to 5 uneven claps a second, of hands that ring at 0.6 to 2.5 kHz."""
    y = np.zeros(n)
    for _ in range(60):
        gap, hz = 1 / rng.uniform(3, 5), np.exp(rng.uniform(*np.log([600, 2500])))

        def clap(rng: np.random.Generator, hz: float = hz) -> Samples:
            t = np.arange(int(0.15 * SR)) / SR
            burst = rng.standard_normal(len(t)) * np.exp(-t / 0.008)
            tail = 0.05 * rng.standard_normal(len(t)) * np.exp(-t / 0.05)
            return band(burst, hz / 1.5, hz * 1.5) + band(burst + tail, 300, 9000, slope=-0.5)

        times = np.cumsum(gap * (1 + 0.12 * rng.standard_normal(int(n / SR / gap) + 2)))
        y += rng.lognormal(0, 0.8) * scatter(rng, n, times * SR, clap)
    return y


TEXTURES = {"rain": rain, "fire": fire, "applause": applause}


def poisson(rng: np.random.Generator, n: int, rate: float) -> Samples:
    """Times of events that know nothing of each other, `rate` a second: samples."""
    return rng.uniform(0, n, rng.poisson(rate * n / SR))


def scatter(rng: np.random.Generator, n: int, times: Samples, event: Event) -> Samples:
    """An event at each of the times that lie within `n` samples; what is too long goes on at 0."""
    y = np.zeros(n)
    for start in times[(times >= 0) & (times < n)].astype(int):
        sound = event(rng)
        y[np.arange(start, start + len(sound)) % n] += sound
    return y


def band(y: Samples, low_hz: float, high_hz: float, *, slope: float = 0.0) -> Samples:
    """The part between two frequencies, its magnitudes times those to the power `slope`."""
    hz = np.fft.rfftfreq(len(y), 1 / SR)
    gains = np.where((hz >= low_hz) & (hz <= high_hz), np.maximum(hz, 1e-3) ** slope, 0)
    return np.fft.irfft(np.fft.rfft(y) * gains, len(y))


def scaled(y: Samples, rms: float) -> Samples:
    """With a root mean square of `rms`."""
    return y * rms / np.sqrt(np.mean(y**2))


def render(name: str, seconds: float = SECONDS) -> Samples:
    """One of `TEXTURES`, float32 at `SR`."""
    seed = list(TEXTURES).index(name)
    y = TEXTURES[name](np.random.default_rng(seed), int(seconds * SR))
    return (PEAK * y / np.abs(y).max()).astype(np.float32)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="Synthesise rain, fire and applause.")
    parser.add_argument("--out", type=typed_path, required=True, help="folder to write to")
    parser.add_argument("--seconds", type=float, default=SECONDS)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    for name in TEXTURES:
        sf.write(args.out / f"{name}.wav", render(name, args.seconds), SR, subtype="FLOAT")
        print(args.out / f"{name}.wav")


if __name__ == "__main__":
    main()
