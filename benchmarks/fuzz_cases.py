"""The hostile inputs of fuzz_inputs.py: case i of a seed is always the same."""

import io
import json
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile

# ---- files


class FileCase(NamedTuple):
    """A path to load.

    Attributes:
        expected: `load`, `refuse`, or `None` where either is right.
    """

    path: str
    label: str
    expected: str | None


class Seed(NamedTuple):
    """A well-formed file."""

    data: bytes
    extension: str
    label: str
    expected: str | None


# extension, soundfile's format and subtype, most channels, rates besides the usual
_ODD = (1, 2, 999, 1000, 768_000, 768_001, 2**31 - 1)
_FORMATS: tuple[tuple[str, str, str, int, tuple[int, ...]], ...] = (
    *(
        (extension, kind, subtype, 1024, _ODD)
        for extension, kind in (("wav", "WAV"), ("wav", "WAVEX"), ("wav", "RF64"), ("w64", "W64"))
        for subtype in ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE")
    ),
    ("wav", "WAV", "ULAW", 8, ()),
    ("wav", "WAV", "IMA_ADPCM", 2, ()),
    ("wav", "WAV", "MS_ADPCM", 2, ()),
    ("wav", "WAV", "GSM610", 1, ()),
    ("aiff", "AIFF", "PCM_16", 1024, _ODD),
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


def _sound(rng: np.random.Generator, n: int, channels: int, floats: bool) -> tuple[str, np.ndarray]:
    """Samples and their name; mostly music-like, sometimes hostile."""
    t = np.arange(n)[:, None] / 100
    tone = 0.5 * np.sin(t * rng.uniform(1, 30, channels)) + 0.01 * rng.standard_normal((n, 1))
    odd: dict[str, Callable[[], np.ndarray]] = {
        "silence": lambda: np.zeros((n, channels)),
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


def seed_file(rng: np.random.Generator) -> Seed:
    """A file that says what it is, whatever it holds."""
    extension, kind, subtype, most, odd_rates = _FORMATS[rng.integers(len(_FORMATS))]
    rates = {"OPUS": _OPUS_RATES, "MPEG_LAYER_III": _MP3_RATES}.get(subtype, _RATES)
    sr = int(rng.choice(odd_rates if odd_rates and rng.random() < 0.1 else rates))
    channels = int(rng.choice([1, 1, 2, 2, 3, 5, 6, 8]))
    if most == 1024 and rng.random() < 0.05:
        channels = int(rng.choice([16, 63, 64, 65, 1024]))
    channels = min(channels, most)
    n = int(rng.choice([0, 1, 2, 3, 7, 1151, 4096])) if rng.random() < 0.15 else 0
    n = n or int(np.clip(min(sr, 48000) * rng.uniform(0.05, 0.5), 100, 20000 // channels + 100))
    content, y = _sound(rng, n, channels, subtype in _FLOATS)
    stream = io.BytesIO()
    with np.errstate(all="ignore"):
        soundfile.write(stream, y, sr, format=kind, subtype=subtype)
    label = f"{kind} {subtype} {sr} Hz {channels} ch {n} samples of {content}"
    good = content in ("tone", "square", "DC", "integers") and n >= 1151
    expected = None
    if good and 1000 <= sr <= 768_000 and channels <= 64:
        expected = "load"
    elif content in ("silence", "a NaN", "an inf") or channels > 64 or not 1000 <= sr <= 768_000:
        lossless = subtype in _FLOATS or subtype.startswith("PCM")
        expected = "refuse" if lossless else None
    return Seed(_without_chance(stream.getvalue()), extension, label, expected)


def _without_chance(data: bytes) -> bytes:
    """The same without serial numbers drawn and times of writing."""
    if data[:4] == b"OggS":
        return rewrite_pages(data, serial=1)
    at = data.find(b"PEAK", 0, 4096)
    if at >= 0:
        return data[: at + 12] + bytes(4) + data[at + 16 :]
    return data


def _crc_table() -> np.ndarray:
    table = np.zeros(256, np.uint32)
    for i in range(256):
        r = i << 24
        for _ in range(8):
            r = (r << 1) ^ (0x04C11DB7 if r & 0x80000000 else 0)
        table[i] = r & 0xFFFFFFFF
    return table


_CRC = [int(x) for x in _crc_table()]


def rewrite_pages(data: bytes, *, serial: int | None = None) -> bytes:
    """Ogg pages with right checksums, so that a decoder looks further."""
    out, at = bytearray(data), 0
    while (at := data.find(b"OggS", at)) >= 0 and at + 27 <= len(data):
        n_segments = data[at + 26]
        end = at + 27 + n_segments + sum(data[at + 27 : at + 27 + n_segments])
        if serial is not None:
            struct.pack_into("<I", out, at + 14, serial)
        out[at + 22 : at + 26] = bytes(4)
        crc = 0
        for byte in out[at:end]:
            crc = ((crc << 8) & 0xFFFFFFFF) ^ _CRC[(crc >> 24) ^ byte]
        struct.pack_into("<I", out, at + 22, crc)
        at = max(end, at + 4)
    return bytes(out)


_SIZES = (0, 1, 3, 2**15, 2**31 - 1, 2**31, 2**32 - 8, 2**32 - 1)
_HEADER = 200


def _flip_bits(rng: np.random.Generator, data: bytes) -> bytes:
    out = bytearray(data)
    reach = len(out) if rng.random() < 0.2 else min(_HEADER, len(out))
    for at in rng.integers(0, reach, rng.integers(1, 6)):
        out[at] ^= 1 << rng.integers(8)
    return bytes(out)


def _noise(rng: np.random.Generator, data: bytes) -> bytes:
    out = bytearray(data)
    reach = len(out) if rng.random() < 0.2 else min(_HEADER, len(out))
    at, n = int(rng.integers(0, reach)), int(rng.integers(1, 17))
    out[at : at + n] = rng.bytes(min(n, len(out) - at))
    return bytes(out)


def _truncate(rng: np.random.Generator, data: bytes) -> bytes:
    reach = min(len(data), 4 * _HEADER) if rng.random() < 0.5 else len(data)
    return data[: rng.integers(0, reach)]


def _extend(rng: np.random.Generator, data: bytes) -> bytes:
    return data + (rng.bytes(300) if rng.random() < 0.5 else bytes(300))


def _zero(rng: np.random.Generator, data: bytes) -> bytes:
    at = int(rng.integers(0, len(data)))
    n = int(rng.integers(1, max(2, len(data) - at)))
    return data[:at] + bytes(n) + data[at + n :]


def _remove(rng: np.random.Generator, data: bytes) -> bytes:
    at, n = int(rng.integers(0, len(data))), int(rng.integers(1, 64))
    return data[:at] + data[at + n :]


def _double(rng: np.random.Generator, data: bytes) -> bytes:
    """A piece twice: a chunk where there are any."""
    starts = _chunks(data) or [int(rng.integers(0, len(data)))]
    at = int(rng.choice(starts))
    n = int(rng.integers(8, 200))
    if at in _chunks(data):
        (size,) = struct.unpack_from("<I" if data[:4] in (b"RIFF", b"RF64") else ">I", data, at + 4)
        n = 8 + min(size, len(data))
    return data[: at + n] + data[at : at + n] + data[at + n :]


_IDS = (b"fmt ", b"data", b"fact", b"PEAK", b"ds64", b"COMM", b"SSND", b"LIST", b"desc", b"kuki")


def _chunks(data: bytes) -> list[int]:
    """Where chunks begin."""
    found = [data.find(name, 0, 4096) for name in _IDS]
    return [at for at in found if 0 <= at < len(data) - 24]


def _size(rng: np.random.Generator, data: bytes) -> bytes:
    """A chunk's size, or the whole file's, is another."""
    out = bytearray(data)
    at = int(rng.choice([0, *_chunks(data)]))
    size = int(rng.choice(_SIZES)) if rng.random() < 0.7 else int(rng.integers(0, 2 * len(data)))
    if len(out) >= at + 8:
        struct.pack_into(str(rng.choice(["<I", ">I"])), out, at + 4, size)
    return bytes(out)


def _field(rng: np.random.Generator, data: bytes) -> bytes:
    """The number of channels, the rate, the bits, the frames: one of them is another."""
    out = bytearray(data)
    value = int(rng.choice([*_SIZES, 2, 7, 64, 65, 1000, 1024, 22050, 65535, 2**20]))
    if (at := data.find(b"fmt ")) >= 0 and len(out) > at + 40:
        where, size = [(8, 2), (10, 2), (12, 4), (16, 4), (20, 2), (22, 2)][rng.integers(6)]
        order = "little"
    elif (at := data.find(b"COMM")) >= 0 and len(out) > at + 26:
        where, size = [(8, 2), (10, 4), (14, 2), (16, 4), (20, 4)][rng.integers(5)]
        order = "big"
    elif data[:4] == b"fLaC" and len(out) > 40:  # 20 bits of rate, 3 of channels, 5 of bits
        at, where, size = 0, *[(18, 3), (20, 2), (21, 5), (8, 2), (10, 2)][rng.integers(5)]
        order = "big"
        if where == 21:
            value = int(rng.choice([0, 1, 2**20, 2**31, 2**36 - 1])) | (out[21] & 0xF0) << 32
    elif data[:4] == b"OggS" and len(out) > 60:
        pages = [i for i in range(len(data) - 27) if data[i : i + 4] == b"OggS"]
        at, order = int(rng.choice(pages)), "little"
        where, size = [(5, 1), (6, 8), (18, 4), (27 + 1 + 11, 1), (27 + 1 + 12, 4)][rng.integers(5)]
        value = int(rng.choice([value, 2**40, 2**62, 2**63 - 1, 2**64 - 1]))
    elif (at := max(data.find(b"Xing"), data.find(b"Info"))) >= 0 and len(out) > at + 150:
        where, size = [(4, 4), (8, 4), (12, 4), (141, 3)][rng.integers(4)]
        order = "big"
    elif data[:4] == b".snd":
        at, (where, size), order = (
            0,
            [(4, 4), (8, 4), (12, 4), (16, 4), (20, 4)][rng.integers(5)],
            "big",
        )
    elif (at := data.find(b"desc")) >= 0 and len(out) > at + 44:
        where, size, order = int(rng.choice([12, 24, 28, 32, 36, 40])), 4, "big"
    else:
        return _flip_bits(rng, data)
    raw = (value % 256**size).to_bytes(size, "little" if order == "little" else "big")
    out[at + where : at + where + size] = raw
    return rewrite_pages(bytes(out)) if data[:4] == b"OggS" else bytes(out)


def _flip_with_checksum(rng: np.random.Generator, data: bytes) -> bytes:
    return rewrite_pages(_flip_bits(rng, data)) if data[:4] == b"OggS" else _flip_bits(rng, data)


def _concatenate(rng: np.random.Generator, data: bytes) -> bytes:
    return data + seed_file(rng).data


def _another_head(rng: np.random.Generator, data: bytes) -> bytes:
    other, n = seed_file(rng).data, int(rng.integers(4, 64))
    return other[:n] + data[n:]


_MUTATIONS: tuple[Callable[[np.random.Generator, bytes], bytes], ...] = (
    *(_field,) * 4,
    *(_flip_bits,) * 2,
    *(_noise,) * 2,
    *(_size,) * 2,
    *(_truncate,) * 2,
    _flip_with_checksum,
    _extend,
    _zero,
    _remove,
    _double,
    _concatenate,
    _another_head,
)
_NAMES = (
    "plain",
    "with space",
    "a=b",
    "it's",
    'quo"te',
    "ünï-码",
    "line\nbreak",
    "tab\t\x1b[31m",
    "%s %d",
    "${HOME}",
    "-dash",
    ".hidden",
    "x" * 240,
    "\udcff",
    "a;b&c|d",
    "[1,2]",
)
_EXTENSIONS = ("wav", "flac", "ogg", "mp3", "aiff", "raw", "txt", "sd2", "vox", "gsm", "htk", "")
# What is no regular file, or none at all: written fresh for each case.
_PLACES = (
    "",
    "\0",
    "a\0b.wav",
    "~",
    "~nobody-of-this-name/a.wav",
    "~root/a.wav",
    "missing.wav",
    "missing\n.wav",
    "x" * 300 + ".wav",
    "x/" * 3000 + "a.wav",
    "/dev/zero",
    "/dev/null",
    "/dev/full",
    "/dev/stdin",
    "/proc/self/mem",
    "/proc/self/environ",
    "/proc/self/pagemap",
    "/sys/kernel/notes",
    "/",
    ".",
    "http://localhost/a.wav",
    "\udcff.wav",
    *("fifo", "folder", "loop", "dangling", "unreadable", "empty", "sparse"),
)


def _place(name: str, folder: Path) -> str:
    """The path of one of `_PLACES`."""
    path = folder / f"{name}.wav"
    if name == "fifo":
        os.mkfifo(path)
    elif name == "folder":
        path.mkdir()
    elif name == "loop":
        path.symlink_to(path)
    elif name == "dangling":
        path.symlink_to(folder / "nowhere")
    elif name == "unreadable":
        path.write_bytes(b"RIFF")
        path.chmod(0)
    elif name == "empty":
        path.touch()
    elif name == "sparse":  # 3 GB of zeros after a header that says so
        head = b"RIFF" + struct.pack("<I", 3 * 2**30) + b"WAVEfmt " + struct.pack("<I", 16)
        head += struct.pack("<HHIIHH", 1, 1, 44100, 88200, 2, 16) + b"data"
        path.write_bytes(head + struct.pack("<I", 3 * 2**30 - 36))
        os.truncate(path, 3 * 2**30 + 8)
    else:
        return name
    return str(path)


_RECORD = "case.json"


def write_file(seed: int, index: int, folder: Path) -> FileCase:
    """Write case `index` into the folder, which is emptied of the case before."""
    inputs = folder / "inputs"
    if inputs.exists():
        for old in inputs.iterdir():
            old.rmdir() if old.is_dir() and not old.is_symlink() else old.unlink()
    inputs.mkdir(exist_ok=True)
    case = _file(np.random.default_rng([seed, index]), index, inputs)
    (folder / _RECORD).write_text(json.dumps(case))
    return case


def recorded(folder: Path) -> FileCase:
    """The case that was written last."""
    return FileCase(*json.loads((folder / _RECORD).read_text()))


def _file(rng: np.random.Generator, index: int, folder: Path) -> FileCase:
    if index < len(_PLACES):
        name = _PLACES[index]
        return FileCase(_place(name, folder), f"the path {name[:40]!r}", "refuse")
    seed = seed_file(rng)
    data, label, expected = seed.data, seed.label, seed.expected
    extension = seed.extension
    for _ in range(0 if rng.random() < 0.1 else 1 if rng.random() < 0.6 else rng.integers(2, 5)):
        if data:
            mutation = _MUTATIONS[rng.integers(len(_MUTATIONS))]
            data = mutation(rng, data)
            label += f", {mutation.__name__.strip('_')}"
            expected = None
    if not data:
        expected = "refuse"
    if rng.random() < 0.1:
        extension = str(rng.choice(_EXTENSIONS))
        label += f", as .{extension}"
        expected = "refuse" if expected == "refuse" else None
    stem = "plain" if rng.random() < 0.8 else str(rng.choice(_NAMES))
    path = folder / f"{stem}.{extension}"
    path.write_bytes(data)
    return FileCase(str(path), label, expected)


# ---- settings

CANARY = "executed-by-a-setting"
"""The file that a command in a setting would make."""

_KEYS = (
    *("strength", "alpha", "beta", "n_steps", "seed", "reference_loss", "log_every", "resume"),
    *("checkpoint", "checkpoint.interval_s", "checkpoint.keep", "checkpoint.more"),
    *(f"{w}_weights{layer}" for w in ("content", "style") for layer in ("", ".conv1", ".conv9")),
    *(
        f"{clip}{part}"
        for clip in ("content", "style")
        for part in ("", ".path", ".start_s", ".duration_s", ".channels")
    ),
    *(
        f"spectrogram{part}"
        for part in ("", *[".sr", ".n_fft", ".hop_length", ".n_mels", ".f_min_hz", ".f_max_hz"])
    ),
    *(f"spectrogram.{part}" for part in ("mel_scale", "mel_norm", "floor_db", "_target_")),
    *(f"encoder{part}" for part in ("", ".features", ".kernel_size", ".activation", "._target_")),
    *(f"parametrization{part}" for part in ("", ".sigma_s", ".sigma_mels", ".scale", "._target_")),
    *(f"parametrization.{part}" for part in ("boost_from_db", "boost_to_db", "noise_boost")),
    *(f"optimizer{part}" for part in ("", ".learning_rate", ".b1", ".eps", ".nesterov")),
    *(f"optimizer.{part}" for part in ("_target_", "_partial_", "_args_", "memory_size")),
    *(f"init{part}" for part in ("", ".noise_db", ".transcriber", "._target_", "._partial_")),
    *(f"init.attention{part}" for part in ("", ".heads", ".temperature", ".release_s")),
    *(f"inversion{part}" for part in ("", ".n_iter", ".momentum", ".start", "._target_")),
    *("content_loss", "content_loss.reduction", "content_loss._convert_", "style_loss"),
    *("encoder._partial_", "spectrogram._partial_", "style_loss._partial_"),
    *("style_loss._target_", "style_loss.more", "experiment", "hydra", "hydra.run.dir"),
    *("unknown", "unknown.key", "Alpha", "content-path", "", ".", "a..b", "_target_", "_group_"),
)
_GROUPS = (
    *("spectrogram=paper", "spectrogram=linear", "spectrogram=librosa", "parametrization=free_mel"),
    *("parametrization=smooth_mel", "parametrization=waveform", "encoder=infinite"),
    *("optimizer=sgd", "optimizer=lbfgs", "init=note_attention", "init=noisy_content"),
    *("inversion=refined", "inversion=content_phase", "content_loss=sum", "experiment=paper"),
    *("experiment=quick", "experiment=timbre", "content=classical", "style=jazz"),
)
_VALUES = (
    *("0", "-0", "1", "-1", "2", "7", "1.5", "1e-9", "1e30", "1e308", "1e309", "-1e308", "5e-324"),
    *("nan", "inf", "-inf", "NaN", "2147483647", "2147483648", "4294967296", "1000000000000"),
    *("99999999999999999999999999", "9" * 400, "9" * 5000, "1" + "0" * 310, "0x10", "1_000", "1e5"),
    *("true", "false", "null", "", "''", '""', "'  '", "yes", "???", "abc", "'abc'"),
    *("[]", "[1]", "[1,2,3]", "[[1],[2]]", "[null]", "['a']", "[nan]", "[-1]", "[1.5]", "[1e30]"),
    *("[256,64]", "[9,9]", "[2147483648]", "[0]", "[true]", "[[[[]]]]", "[" + "9," * 500 + "9]"),
    *("{}", "{a:1}", "{a:{b:{c:null}}}", "{_target_:os.getcwd}", "{conv1:nan}", "{conv1:[1]}"),
    *("{path:a.wav}", "{path:null}", "{path:[]}", "{path:{}}", "{1:2}", "{null:1}", "{true:1}"),
    *("${oc.env:HOME}", "${oc.env:NO_SUCH}", "${alpha}", "${n_steps}", "${unknown}", "${clip:}"),
    *("${clip:../../../etc/passwd}", "${clip:[1,2]}", "${clip:null}", "${oc.decode:'[1,2'}"),
    *("${oc.create:{a:1}}", "${oc.dict.keys:content}", "${short:${alpha}}", "${run_dir:1,2}"),
    *("${oc.select:encoder}", "${content}", "${hydra:run.dir}", "${", "${}", "${.}", "${..alpha}"),
    *("ünï", "'ü\\nñ'", "'a\nb'", '"\x1b[31mred"', "a=b", "a,b", "'a,b'", "a b", "$(touch x)"),
    *("../../..", "/etc/passwd", "~", "~nobody-of-this-name", "\\", "\\,", "'", '"', "[", "]", "}"),
    *("choice(1,2)", "range(1,5)", "glob(*)", "interval(0,1)", "int('x')", "shuffle(1,2)"),
    *("\udcff", "\0", "\u202e", "x" * 5000, "relu", "softmax", "slaney", "random", "content"),
)
_TARGETS = (
    *("os.system", "os.getcwd", "os._exit", "os.abort", "builtins.exit", "builtins.eval"),
    *("builtins.print", "builtins.object", "builtins.dict", "builtins.open", "subprocess.run"),
    *("subprocess.Popen", "shutil.rmtree", "nstaudio.encoders.Conv1dEncoder", "nstaudio.losses"),
    *("nstaudio.losses.Gram", "nstaudio.no_such.Thing", "nstaudio.losses.NoSuch", "optax.sgd"),
    *("optax.adamw", "optax.no_such", "", ".", "1", "a b", "pickle.loads", "importlib.reload"),
    *("jax.numpy.zeros", "numpy.load", "sys.exit", "time.time", "posix.system", "nt.system"),
)
_TARGET_GROUPS = (
    *("spectrogram", "parametrization", "encoder", "content_loss", "style_loss", "optimizer"),
    *("init", "inversion", "init.attention"),
)
_COMMANDS = tuple(
    f"{group}={{_target_:{target},{arguments}}}"
    for group in ("++encoder", "encoder", "++content_weights", "++style_loss")
    for target, arguments in (
        ("os.system", f"command:'touch {CANARY}'"),
        ("os.popen", f"cmd:'touch {CANARY}'"),
        ("posix.system", f"command:'touch {CANARY}'"),
        ("subprocess.run", f"args:[touch,{CANARY}]"),
        ("subprocess.getoutput", f"cmd:'touch {CANARY}'"),
        ("builtins.open", f"file:{CANARY},mode:w"),
        ("builtins.exec", f"_args_:[\"open('{CANARY}','w')\"]"),
        ("builtins.eval", f"_args_:[\"open('{CANARY}','w')\"]"),
        ("pathlib.Path.touch", f"_args_:[{{_target_:pathlib.Path,_args_:[{CANARY}]}}]"),
        ("shutil.copy", f"src:/etc/hostname,dst:{CANARY}"),
        ("numpy.save", f"file:{CANARY},arr:[1]"),
        (
            "nstaudio.experiments.storage.file_writing.write_whole",
            f"file:{{_target_:pathlib.Path,_args_:[{CANARY}]}},data:x",
        ),
        ("os.mkfifo", f"path:{CANARY}"),
    )
)


def settings(seed: int, index: int) -> list[str]:
    """The command line of case `index`."""
    if index < len(_COMMANDS):
        return [_COMMANDS[index]]
    rng = np.random.default_rng([seed, index, 1])

    def pick(values: tuple[str, ...]) -> str:
        return values[rng.integers(len(values))]

    overrides = [pick(_GROUPS) for _ in range(rng.choice([0, 0, 1, 2]))]
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        prefix = pick(("", "", "", "+", "++", "++"))
        if rng.random() < 0.1:
            extra = pick(("", "", ",a:1", ",_partial_:true", ",_args_:[1]", ",_convert_:x"))
            overrides.append(
                f"++{pick(_TARGET_GROUPS)}={{_target_:{pick(_TARGETS) or 'null'}{extra}}}"
            )
        elif rng.random() < 0.1:
            overrides.append(f"++{pick(_TARGET_GROUPS)}._target_={pick(_TARGETS)}")
        elif rng.random() < 0.03:
            overrides.append(f"~{pick(_KEYS)}")
        elif rng.random() < 0.02:
            overrides.append(pick(_VALUES))
        else:
            overrides.append(f"{prefix}{pick(_KEYS)}={pick(_VALUES)}")
    return overrides
