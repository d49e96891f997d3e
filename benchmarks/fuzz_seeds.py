"""Well-formed sound files of many kinds for fuzz_inputs.py, and what they hold."""

import functools
import io
import struct
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import soundfile

from fuzz_mutations import rewrite_pages
from sound_files import encode, with_size


class Seed(NamedTuple):
    """A well-formed file.

    Attributes:
        expected: `load`, `refuse`, or `None` where either is right.
        n: samples that must come out, where that is known.
        sr: their rate, Hz.
    """

    data: bytes
    extension: str
    label: str
    expected: str | None
    n: int | None
    sr: int


# extension, soundfile's format and subtype, most channels, rates besides the usual
_ODD = (1, 2, 999, 1000, 768_000, 768_001, 2**31 - 1)
_FORMATS: tuple[tuple[str, str, str, int, tuple[int, ...]], ...] = (
    *(
        (extension, kind, subtype, 512, _ODD)
        for extension, kind in (("wav", "WAV"), ("wav", "WAVEX"), ("wav", "RF64"), ("w64", "W64"))
        for subtype in ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE")
    ),
    ("wav", "WAV", "ULAW", 8, ()),
    ("wav", "WAV", "IMA_ADPCM", 2, ()),
    ("wav", "WAV", "MS_ADPCM", 2, ()),
    ("wav", "WAV", "GSM610", 1, ()),
    ("aiff", "AIFF", "PCM_16", 512, _ODD),
    ("aiff", "AIFF", "PCM_24", 8, ()),
    ("aiff", "AIFF", "FLOAT", 8, ()),
    ("au", "AU", "PCM_16", 8, ()),
    ("caf", "CAF", "ALAC_16", 2, ()),
    ("caf", "CAF", "PCM_24", 8, ()),
    *(("flac", "FLAC", subtype, 8, (1, 1000, 655_350)) for subtype in ("PCM_16", "PCM_24")),
    *(("ogg", "OGG", "VORBIS", 8, (8000, 192_000)) for _ in range(3)),
    ("opus", "OGG", "OPUS", 8, ()),
    *(("mp3", "MP3", "MPEG_LAYER_III", 2, ()) for _ in range(3)),
)
_RATES = (8000, 11025, 16000, 22050, 32000, 44100, 48000, 96000)
_OPUS_RATES = (8000, 12000, 16000, 24000, 48000)
_MP3_RATES = (8000, 11025, 16000, 22050, 32000, 44100, 48000)
_FLOATS = ("FLOAT", "DOUBLE")
_OPUS_SR = 48000  # whatever went in


def sound(rng: np.random.Generator, n: int, channels: int, floats: bool) -> tuple[str, np.ndarray]:
    """Samples and their name; mostly music-like, sometimes hostile."""
    t = np.arange(n)[:, None] / 100
    tone = 0.5 * np.sin(t * rng.uniform(1, 30, channels)) + 0.01 * rng.standard_normal((n, 1))
    half = np.arange(n)[:, None] < n // 2
    odd: dict[str, Callable[[], np.ndarray]] = {
        "silence": lambda: np.zeros((n, channels)),
        "silence first": lambda: np.where(half, 0, tone),
        "silence last": lambda: np.where(half, tone, 0),
        "a silent channel": lambda: tone * (np.arange(channels) > 0),
        "DC": lambda: np.full((n, channels), 0.7),
        "square": lambda: np.sign(np.sin(t)) * np.ones((1, channels)),
        "one click": lambda: (np.arange(n)[:, None] == n // 2) * np.ones((1, channels)),
        "antiphase": lambda: tone[:, :1] * np.resize([1.0, -1.0], channels),
    }
    if floats:
        odd |= {
            "a NaN": lambda: np.where(np.arange(n)[:, None] == n // 3, np.nan, tone),
            "an inf": lambda: np.where(np.arange(n)[:, None] == n // 3, -np.inf, tone),
            "denormals": lambda: tone * 1e-39,
            "tiny": lambda: tone * 1e-30,
            "huge": lambda: tone * 1e30,
            "largest": lambda: np.sign(tone) * 3.4e38,
            "beyond float32": lambda: tone * 1e300,
            "beyond float64's squares": lambda: np.sign(tone) * 1.7e308,
            "integers": lambda: np.round(tone * 32767),
        }
    if rng.random() < 0.75:
        return "tone", tone
    name = str(rng.choice(list(odd)))
    return name, odd[name]()


_GOOD = ("tone", "square", "DC", "integers", "silence first", "silence last")


def _by_libsndfile(rng: np.random.Generator) -> Seed:
    extension, kind, subtype, most, odd_rates = _FORMATS[rng.integers(len(_FORMATS))]
    rates = {"OPUS": _OPUS_RATES, "MPEG_LAYER_III": _MP3_RATES}.get(subtype, _RATES)
    sr = int(rng.choice(odd_rates if odd_rates and rng.random() < 0.1 else rates))
    channels = int(rng.choice([1, 1, 2, 2, 3, 5, 6, 8]))
    if most == 512 and rng.random() < 0.05:
        channels = int(rng.choice([16, 63, 64, 65, 512]))
    channels = min(channels, most)
    n = int(rng.choice([0, 1, 2, 3, 7, 1151, 4096])) if rng.random() < 0.15 else 0
    n = n or int(np.clip(min(sr, 48000) * rng.uniform(0.05, 0.5), 100, 20000 // channels + 100))
    if kind == "MP3":
        n = max(n, 100)  # which ffmpeg before 9 does not rid of all padding when there are fewer
    if subtype == "ALAC_16" and n % 4096 == 0:
        n += 1  # of whole packets libsndfile states padding that is not there
    content, y = sound(rng, n, channels, subtype in _FLOATS)
    stream = io.BytesIO()
    with np.errstate(all="ignore"):
        soundfile.write(stream, y, sr, format=kind, subtype=subtype)
    label = f"{kind} {subtype} {sr} Hz {channels} ch {n} samples of {content}"
    expected = None
    if content in _GOOD and n >= 1151 and 1000 <= sr <= 768_000 and channels <= 64:
        expected = "load"
    elif content in ("silence", "a NaN", "an inf") or channels > 64 or not 1000 <= sr <= 768_000:
        lossless = subtype in _FLOATS or subtype.startswith("PCM")
        expected = "refuse" if lossless else None
    exact = subtype.startswith(("PCM", "ULAW", "ALAC")) or subtype in _FLOATS
    data = _without_chance(stream.getvalue())
    return Seed(data, extension, label, expected, n if exact else None, sr)


# extension, ffmpeg's container and codec, rates, whether a film has it, whether its length is exact
_ENCODED: tuple[tuple[str, str, str, tuple[int, ...], bool, bool], ...] = (
    ("m4a", "ipod", "aac", (22050, 44100, 48000), False, False),
    ("m4a", "ipod", "alac", (44100,), False, True),
    ("mp4", "mp4", "aac", (44100, 48000), True, False),
    ("mov", "mov", "pcm_s16le", (44100,), True, True),
    ("webm", "webm", "libopus", (48000,), False, True),
    ("mkv", "matroska", "flac", (44100,), True, True),
    ("mkv", "matroska", "aac", (44100,), True, False),
    ("oga", "ogg", "flac", (22050, 44100), False, True),
    ("opus", "ogg", "libopus", (48000,), False, True),
    ("wma", "asf", "wmav2", (22050, 44100), False, False),
    ("3gp", "3gp", "libopencore_amrnb", (8000,), False, False),
    ("amr", "amr", "libopencore_amrnb", (8000,), False, False),
    ("aac", "adts", "aac", (44100,), False, False),
    ("wav", "wav", "libmp3lame", (22050, 44100), False, False),
    ("mp3", "mp3", "libmp3lame", (22050, 44100), False, False),
    ("mp3", "mp3 without a Xing frame", "libmp3lame", (22050, 44100), False, False),
    ("mp3", "mp3 of variable bit rate without a Xing frame", "libmp3lame", (44100,), False, False),
    ("flac", "streamed flac", "flac", (22050, 44100), False, True),
    ("wv", "wv", "wavpack", (44100,), False, True),
)


def _by_ffmpeg(rng: np.random.Generator) -> Seed:
    extension, kind, codec, rates, films, exact = _ENCODED[rng.integers(len(_ENCODED))]
    sr, film = int(rng.choice(rates)), films and rng.random() < 0.5
    n = int(rng.integers(4000, 20000))
    content, y = sound(rng, n, 1, floats=False)
    container, options, codec_options = kind.split()[-1], {"fflags": "+bitexact"}, {}
    if kind.startswith("mp3"):
        container = "mp3"
        if kind != "mp3":
            options["write_xing"] = "0"
        if "variable" in kind:
            codec_options["q"] = str(rng.integers(0, 9))
    data = encode(
        y[:, 0], sr, container, codec, video=film, options=options, codec_options=codec_options
    )
    if kind == "streamed flac":
        data = data[:21] + bytes([data[21] & 0xF0]) + bytes(4) + data[26:]
    label = f"{kind} of {codec}{' in a film' if film else ''} {sr} Hz {n} samples of {content}"
    expected = "load" if content in _GOOD else None
    return Seed(_without_chance(data), extension, label, expected, n if exact else None, sr)


def _without_chance(data: bytes) -> bytes:
    """The same without serial numbers drawn and times of writing."""
    if data[:4] == b"OggS":
        return rewrite_pages(data, serial=1)
    at = data.find(b"PEAK", 0, 4096)
    if at >= 0 and data[:4] in (b"RIFF", b"RF64", b"FORM"):
        return data[: at + 12] + bytes(4) + data[at + 16 :]
    return data


# ---- files that are whole though odd


_UNKNOWN = (0, 0x7F000000, 0x7FFFF000, 2**31 - 1, 2**31, 2**32 - 1 - 36, 2**32 - 1)
_SIZES = {  # of the sound: the chunk, its form, how far behind its name, what else it counts
    b"RIFF": (b"data", "<I", 4, 0),
    b"FORM": (b"SSND", ">I", 4, 8),
    b"riff": (b"data\xf3\xac", "<Q", 16, 24),
    b".snd": (b".snd", ">I", 8, 0),
    b"caff": (b"data", ">Q", 4, 4),
}
_PICTURE = b"ID3\x03\0\0" + bytes([0, 0, 40, 10]) + b"APIC" + struct.pack(">I", 5120) + b"\0\0"


def _odd(rng: np.random.Generator, seed: Seed) -> Seed:
    """The same recording in a file that is whole though odd, where there is such a file."""
    data, head = seed.data, seed.data[:4]
    n_bytes = len(data)
    if head in _SIZES and rng.random() < 0.6:
        chunk, form, offset, more = _SIZES[head]
        size = int(rng.choice(_UNKNOWN)) + more
        size = min(size, 2 ** (8 * struct.calcsize(form)) - 1)
        n = None if "PCM_U8" in seed.label else seed.n  # a byte of padding counts as sound
        return seed._replace(
            n=n,
            data=with_size(data, chunk, form, size, offset=offset),
            label=f"{seed.label}, a size of {size:#x}",
        )
    if head == b"RIFF":
        odd = data + b"LIST\x04\0\0\0INFO" if n_bytes % 2 == 0 else data
        return seed._replace(data=odd, label=f"{seed.label}, a LIST behind it")
    if head == b"OggS":
        links = [rewrite_pages(data, serial=i) for i in range(rng.integers(2, 4))]
        n = None if seed.n is None else seed.n * len(links)
        return seed._replace(data=b"".join(links), label=f"{seed.label}, {len(links)} links", n=n)
    if seed.extension == "mp3":
        kind = rng.integers(3)
        if kind == 0:
            cover = _PICTURE + rng.bytes(10 + 5120 - 10)
            return seed._replace(data=cover[: 10 + 5130] + data, label=f"{seed.label}, a cover")
        if kind == 1:
            return seed._replace(data=data + data, label=f"{seed.label}, twice", n=None)
        tag = b"TAG" + bytes(125)
        return seed._replace(data=data + tag, label=f"{seed.label}, an ID3v1 tag")
    if head == b"fLaC":
        zeros = bytes(int(rng.integers(16, 70_000)))
        return seed._replace(data=zeros + data, label=f"{seed.label}, zeros before it")
    return seed


N_SEEDS = 1500


def seed_file(rng: np.random.Generator) -> Seed:
    """One of `N_SEEDS` files that say what they are, whatever they hold."""
    return _seed_file(int(rng.integers(N_SEEDS)))


@functools.lru_cache(maxsize=N_SEEDS)
def _seed_file(number: int) -> Seed:
    rng = np.random.default_rng([number, 99])
    seed = _by_ffmpeg(rng) if rng.random() < 0.5 else _by_libsndfile(rng)
    return _odd(rng, seed) if rng.random() < 0.4 else seed
