"""Make the two demo clips, `jazz.ogg` and `classical.ogg`, from their sources.

    python scripts/render_clips.py --vibe-ace VIBE_ACE.ogg --soundfont MuseScore_General.sf3

The clips are kept in the repository, so nobody needs this script to use the project. It is here so
that anyone can see what was done to the recordings (the licence of one asks for that) and can make
them again. It needs the `fluidsynth` program and what the project depends on anyway.

Jazz is an excerpt of a recording. Classical is played here: the notes are below, and a tempo curve
and a loudness curve make a performance of them, because a metronome's perfectly even notes are not
what "the style of a recording" means. Run twice with the same programs, it gives the same samples
(the files differ in the serial number that every Ogg stream draws at random).
"""

import argparse
import io
import sys
from pathlib import Path

import numpy as np
import soundfile as sf
import soxr

from nstaudio.experiments.commands.typed_path import typed_path
from nstaudio.experiments.rendering.soundfont import Note, RenderError, play, read

CLIPS = Path(__file__).resolve().parents[1] / "nstaudio" / "audio" / "clips"

LOUDNESS = -18.0  # LUFS, of both clips, so that neither drowns the other in a comparison
MAX_TRUE_PEAK = -1.0  # dBTP; a clip above it is refused, never limited
MAX_BYTES = 500_000
VORBIS_QUALITY = 0.6  # of 0 to 1; 130 to 160 kbit/s for these clips

# Eight bars (32 beats, four rounds of the bass riff) in which vibraphone, bass and drums all play.
# The first note sounds 11 ms after the start and the ninth bar's first 4 ms after the end.
JAZZ_START, JAZZ_END = 29.550, 44.325  # seconds in the file that librosa 0.7.2 was published with
JAZZ_FADES = 0.010, 0.100

# J. S. Bach, Prelude in C major, BWV 846, bars 1 to 7: the five notes that each half of a bar
# spreads, lowest first. The excerpt ends on the first five notes of bar 7, where the music has
# arrived in G major, and lets them ring.
BARS = (
    "C4 E4 G4 C5 E5",
    "C4 D4 A4 D5 F5",
    "B3 D4 G4 D5 F5",
    "C4 E4 G4 C5 E5",
    "C4 E4 A4 E5 A5",
    "C4 D4 F#4 A4 D5",
    "B3 D4 G4 D5 G5",
)
FIGURE = (0, 1, 2, 3, 4, 2, 3, 4)  # which of the five each sixteenth of a half bar strikes
LAST_SIXTEENTHS = 5  # of bar 7

# What the performer does: (bar, value), straight lines in between. 3.5 is the middle of bar 3.
TEMPO = (  # quarter notes a minute: a breath after the first phrase, a broadening at the end
    (1.0, 88), (1.5, 96), (4.5, 97), (4.95, 84), (5.25, 96), (6.4, 99), (6.95, 84), (7.3, 58),
)  # fmt: skip
VELOCITY = (  # of 127: the first phrase swells and returns, the second goes further
    (1.0, 64), (3.2, 77), (4.9, 62), (5.5, 74), (6.2, 85), (7.3, 64),
)  # fmt: skip
VOICING = (7, 0, -5, -2, 4)  # velocity added to each of the five: bass and top note stand out
ECHO = -6  # velocity added in the second half of a bar, which repeats the first
JITTER_S, JITTER_VELOCITY = 0.004, 1.5  # standard deviations; no hand is exact
SEED = 846
LEAD_IN, OVERLAP, RING = 0.020, 0.035, 1.6  # seconds: before the first note, legato, at the end
CLASSICAL_FADES = 0.010, 0.8
REVERB = (  # light: 10 dB below the piano
    "synth.reverb.active=1",
    "synth.reverb.room-size=0.6",
    "synth.reverb.damp=0.4",
    "synth.reverb.width=0.8",
    "synth.reverb.level=0.6",
)


def pitch(name: str) -> int:
    """The MIDI number of a note such as `F#4` (middle C is `C4`, 60)."""
    return "C D EF G A B".index(name[0]) + name.count("#") + 12 * (int(name[-1]) + 1)


def drawn(points: tuple[tuple[float, float], ...], place: np.ndarray) -> np.ndarray:
    """The values at `place` of the line through `points`, in bars."""
    bars, values = np.transpose(points)
    return np.interp(place, bars, values)


def performance() -> list[Note]:
    """The prelude as it is played.

    Every note is held to the end of its half bar or until its key is needed again. Bach writes that
    out for the two lowest; for the others it is what a pianist's fingers or pedal do.
    """
    voices = [voice for _ in BARS for _ in range(2) for voice in FIGURE]
    voices = voices[: 16 * (len(BARS) - 1) + LAST_SIXTEENTHS]
    keys = [pitch(BARS[i // 16].split()[voice]) for i, voice in enumerate(voices)]
    place = 1 + np.arange(len(voices)) / 16  # in bars, as in TEMPO and VELOCITY
    sixteenth = 60 / 4 / drawn(TEMPO, place)
    exact = LEAD_IN + np.cumsum(sixteenth) - sixteenth

    rng = np.random.default_rng(SEED)
    onsets = np.maximum(exact + rng.normal(0, JITTER_S, len(voices)), LEAD_IN).tolist()
    velocity = drawn(VELOCITY, place)
    velocity += rng.normal(0, JITTER_VELOCITY, len(voices))
    velocity += np.take(VOICING, voices) + np.where(place % 1 >= 0.5, ECHO, 0)

    end = onsets[-1] + 2 * RING  # of the last half bar: it is still ringing when the clip fades
    notes = []
    for i, key in enumerate(keys):
        next_half = i - i % 8 + 8
        releases = [onsets[next_half] + OVERLAP if next_half < len(onsets) else end]
        if key in keys[i + 1 :]:
            releases.append(onsets[keys.index(key, i + 1)])
        notes.append(Note(onsets[i], min(releases), key, round(velocity[i])))
    return notes


def classical(soundfont: Path) -> tuple[np.ndarray, int]:
    """The prelude played by `fluidsynth`, cut and faded: samples `time channels` and their rate."""
    notes = performance()
    y, sr = play(notes, soundfont, settings=REVERB)
    return trimmed(y, sr, 0.0, notes[-1].onset + RING, CLASSICAL_FADES), sr


def jazz(source: Path) -> tuple[np.ndarray, int]:
    """The excerpt of "Vibe Ace", cut and faded: samples `time channels` and their rate."""
    y, sr = read(source)
    if len(y) < JAZZ_END * sr:
        raise RenderError(f"{source} lasts {len(y) / sr:.1f} s; the excerpt ends at {JAZZ_END} s")
    return trimmed(y, sr, JAZZ_START, JAZZ_END, JAZZ_FADES), sr


def trimmed(
    y: np.ndarray, sr: int, start: float, end: float, fades: tuple[float, float]
) -> np.ndarray:
    """`y` from `start` to `end` seconds without its mean, with raised-cosine fades in and out.

    The mean goes before the fades, so that both ends are exactly zero.
    """
    y = y[round(start * sr) : round(end * sr)]
    y = y - y.mean(axis=0)
    for fade, ends in zip(fades, (y, y[::-1]), strict=True):
        n = round(fade * sr)
        ends[:n] *= (0.5 - 0.5 * np.cos(np.pi * np.arange(n) / n))[:, None]
    return y


def loudness(y: np.ndarray, sr: int) -> float:
    """Integrated loudness of mono or stereo `y`, LUFS: ITU-R BS.1770-4, gates included.

    The standard gives its two filters as coefficients for 48 kHz. These are the analogue ones that
    those coefficients come from, brought to `sr`, and applied as a product of spectra.
    """
    size = 2 * len(y)  # the zeros after the end take up the filters' ringing
    z = np.exp(-2j * np.pi * np.arange(size // 2 + 1) / size)
    k, q = np.tan(np.pi * 1681.974450955533 / sr), 0.7071752369554196
    high = 10 ** (3.999843853973347 / 20)
    middle = high**0.4996667741545416
    shelf = high + middle * k / q + k * k, 2 * (k * k - high), high - middle * k / q + k * k
    poles = 1 + k / q + k * k, 2 * k * k - 2, 1 - k / q + k * k
    gain = np.polyval(shelf[::-1], z) / np.polyval(poles[::-1], z)
    k, q = np.tan(np.pi * 38.13547087602444 / sr), 0.5003270373238773
    poles = 1 + k / q + k * k, 2 * k * k - 2, 1 - k / q + k * k
    gain *= poles[0] * (1 - z) ** 2 / np.polyval(poles[::-1], z)
    weighted = np.fft.irfft(np.fft.rfft(y, size, axis=0) * gain[:, None], size, axis=0)[: len(y)]

    block, hop = round(0.4 * sr), round(0.1 * sr)
    power = np.concatenate([[0.0], np.cumsum((weighted**2).sum(axis=1))])
    blocks = (power[block::hop] - power[:-block:hop]) / block
    levels = -0.691 + 10 * np.log10(np.maximum(blocks, 1e-30))
    heard = levels > -70
    relative = -0.691 + 10 * np.log10(blocks[heard].mean()) - 10
    return float(-0.691 + 10 * np.log10(blocks[heard & (levels > relative)].mean()))


def true_peak(y: np.ndarray, sr: int) -> float:
    """The peak of the waveform between the samples too, dBTP: four times oversampled."""
    return float(20 * np.log10(np.abs(soxr.resample(y, sr, 4 * sr, quality="VHQ")).max()))


def encoded(y: np.ndarray, sr: int, tags: dict[str, str]) -> bytes:
    """`y` as an Ogg Vorbis file that names its title, author and licence."""
    file = io.BytesIO()
    with sf.SoundFile(
        file, "w", sr, y.shape[1], "VORBIS", format="OGG", compression_level=1 - VORBIS_QUALITY
    ) as out:
        for name, value in tags.items():
            setattr(out, name, value)
        for start in range(0, len(y), sr):  # a long write overflows the stack in libsndfile
            out.write(y[start : start + sr])
    return file.getvalue()


def save(path: Path, y: np.ndarray, sr: int, tags: dict[str, str]) -> None:
    """Bring `y` to the common loudness, write it, and report what a listener's decoder gets.

    Vorbis moves peaks, so the limits are checked on the decoded file, before anything is written.
    """
    y = y * 10 ** ((LOUDNESS - loudness(y, sr)) / 20)
    data = encoded(y, sr, tags)
    heard, _ = sf.read(io.BytesIO(data), always_2d=True)
    level, peak = loudness(heard, sr), true_peak(heard, sr)
    report = (
        f"{path.name}: {len(data)} bytes, {len(heard) / sr:.3f} s, {sr} Hz, {heard.shape[1]} "
        f"channels, {level:.2f} LUFS, {peak:.2f} dBTP"
    )
    if abs(level - LOUDNESS) > 0.5 or peak > MAX_TRUE_PEAK or len(data) > MAX_BYTES:
        raise RenderError(
            f"{report}: outside {LOUDNESS} LUFS, {MAX_TRUE_PEAK} dBTP, {MAX_BYTES} bytes"
        )
    path.write_bytes(data)
    print(report)


def main(argv: list[str] | None = None) -> int:
    """Make both clips; 0, or 2 after one line that says what is missing or unfit."""
    parser = argparse.ArgumentParser(description="Make the demo clips from their sources.")
    parser.add_argument(
        "--vibe-ace",
        type=typed_path,
        required=True,
        metavar="OGG",
        help='Kevin MacLeod\'s "Vibe Ace", as in the source distribution of librosa 0.7.2',
    )
    parser.add_argument(
        "--soundfont",
        type=typed_path,
        required=True,
        metavar="SF3",
        help="MuseScore_General, or another General MIDI soundfont that fluidsynth reads",
    )
    parser.add_argument(
        "--out",
        type=typed_path,
        default=CLIPS,
        metavar="FOLDER",
        help="default: nstaudio/audio/clips",
    )
    args = parser.parse_args(argv)
    try:
        for path in (args.vibe_ace, args.soundfont):
            if not path.is_file():
                raise RenderError(f"{path} is not a file")
        if not args.out.is_dir():
            raise RenderError(f"{args.out} is not a folder")
        excerpt, prelude = jazz(args.vibe_ace), classical(args.soundfont)
        save(
            args.out / "jazz.ogg",
            *excerpt,
            {
                "title": "Vibe Ace (excerpt)",
                "artist": "Kevin MacLeod",
                "license": "https://creativecommons.org/licenses/by/3.0/",
                "comment": "8 bars cut out, faded, loudness changed; see LICENSES.md",
            },
        )
        save(
            args.out / "classical.ogg",
            *prelude,
            {
                "title": "Prelude in C major, BWV 846 (bars 1-7)",
                "artist": "Johann Sebastian Bach; rendered by scripts/render_clips.py",
                "license": "https://creativecommons.org/publicdomain/zero/1.0/",
                "comment": "Rendered with the soundfont MuseScore_General; see LICENSES.md",
            },
        )
    except (RenderError, OSError) as error:
        print(f"render_clips: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
