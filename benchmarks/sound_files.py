"""Sound files of many kinds, made by ffmpeg's encoders and by hand."""

import io
import struct
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import soundfile


def encode(
    y: np.ndarray,
    sr: int,
    container: str,
    codec: str,
    *,
    file: Path | None = None,
    video: bool = False,
    n_tracks: int = 1,
    options: dict[str, str] | None = None,
    codec_options: dict[str, str] | None = None,
) -> bytes:
    """The bytes of a file of mono samples, or of a film of black pictures with them."""
    stream = io.BytesIO()
    with av.open(stream, "w", format=container, options=options or {}) as target:
        tracks: list[Any] = [
            target.add_stream(codec, rate=sr, layout="mono", bit_rate=128_000)
            for _ in range(n_tracks)
        ]
        for track in tracks:
            track.codec_context.options = codec_options or {}
        if video:
            pictures: Any = target.add_stream("mpeg4", rate=10)
            pictures.width, pictures.height, pictures.pix_fmt = 64, 64, "yuv420p"
            for i in range(int(10 * len(y) / sr)):
                frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8))
                frame.pts = i
                target.mux(pictures.encode(frame))
            target.mux(pictures.encode())
        for track in tracks:
            _encode(target, track, y, sr)
    data = stream.getvalue()
    if file is not None:
        file.write_bytes(data)
    return data


def _encode(target: Any, track: Any, y: np.ndarray, sr: int) -> None:
    context = track.codec_context
    whole = av.AudioFrame.from_ndarray(y.astype(np.float32)[None], format="fltp", layout="mono")
    whole.sample_rate = sr
    fifo, n = av.AudioFifo(), 0
    for frame in av.AudioResampler(context.codec.audio_formats[0], "mono", sr).resample(whole):
        frame.pts = None
        fifo.write(frame)
    while fifo.samples:
        context.open(strict=False)
        frame: Any = fifo.read(min(context.frame_size or 1024, fifo.samples))
        frame.pts, frame.time_base = n, Fraction(1, sr)
        n += frame.samples
        target.mux(track.encode(frame))
    target.mux(track.encode())


def written(y: np.ndarray, sr: int, kind: str, subtype: str = "PCM_16") -> bytearray:
    """The bytes of a file that libsndfile writes."""
    stream = io.BytesIO()
    soundfile.write(stream, y, sr, format=kind, subtype=subtype)
    return bytearray(stream.getvalue())


def with_size(data: bytes, chunk: bytes, form: str, size: int, *, offset: int = 4) -> bytes:
    """A file with another size of a chunk."""
    out = bytearray(data)
    struct.pack_into(form, out, out.index(chunk) + offset, size)
    return bytes(out)
