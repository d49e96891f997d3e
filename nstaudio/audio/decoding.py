"""Recordings of any format to blocks of samples, by ffmpeg's libraries (PyAV).

One decoder for all formats, by what is in a file and not by its name; the length is a count of the
samples that come out. An mp3's delay and padding are dropped where a LAME tag states them, an m4a's
where its index does.
"""

import io
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import av
import av.error
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.codec.context import Flags2
from av.container import InputContainer
from av.packet import Packet

from nstaudio.audio import containers, samples
from nstaudio.audio.byte_range import ByteRange
from nstaudio.audio.containers import Contents
from nstaudio.audio.samples import Channels
from nstaudio.audio.spooling import spool


class UndecodableError(Exception):
    """No sound can be had of a file; the message ends a sentence that begins with the file."""


class _Block(NamedTuple):
    """Samples, float32 with full scale 1, and their rate, Hz."""

    y: Channels
    sr: int

    @property
    def kind(self) -> tuple[int, int]:
        """Rate and number of channels."""
        return self.sr, self.y.shape[1]


class Sound:
    """The sound of a file, decoded as it is asked for.

    Attributes:
        sr: its rate, Hz.
        n_channels: the number of its channels.
        subtype: its coding: `PCM_16`, `FLOAT` and the like as soundfile calls them, or ffmpeg's
            name of a codec that loses something, `MP3`, `AAC`.

    Raises:
        UndecodableError: there is none.
    """

    def __init__(self, stream: io.BufferedIOBase) -> None:
        self._contents = containers.examine(stream)
        self._findings = _Findings()
        blocks = _blocks(self._contents, self._findings)
        first = next(blocks)
        self.sr, self.n_channels = first.kind
        self.subtype = self._findings.subtype
        self._blocks = itertools.chain([first], blocks)

    def blocks(self) -> Iterator[Channels]:
        """Its samples from the beginning to the end, float32 with full scale 1; once.

        What comes at another rate or with other channels is brought to those of the beginning.

        Raises:
            UndecodableError: more of it is damaged than whole.
        """
        for (sr, n_channels), blocks in itertools.groupby(self._blocks, lambda block: block.kind):
            arrays = (block.y for block in blocks)
            if (sr, n_channels) == (self.sr, self.n_channels):
                yield from arrays
                continue
            self._findings.note(
                f"changes its rate or channels; all is brought to {self.n_channels} at {self.sr} Hz"
            )
            yield from samples.convert(spool(arrays, n_channels), sr, self.sr, self.n_channels)

    def faults(self) -> list[str]:
        """Faults of what was read: ends of sentences that begin with the file."""
        return self._contents.faults + self._findings.faults()


@dataclass
class _Findings:
    """Notes on the way through a file.

    Attributes:
        subtype: the coding of the first recording, see `Sound`.
        bad_s: where something could not be decoded, seconds of what could.
        notes: what else is to be said: ends of sentences that begin with the file.
    """

    subtype: str = ""
    bad_s: list[float] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def note(self, text: str) -> None:
        """Keep what is to be said, once."""
        if text not in self.notes:
            self.notes.append(text)

    def faults(self) -> list[str]:
        if not self.bad_s:
            return self.notes
        more = len(self.bad_s) - 1
        elsewhere = f" and in {more} more place{'s' * (more > 1)}" if more else ""
        return [
            f"is damaged at {self.bad_s[0]:.2f} s{elsewhere}, where sound is left out",
            *self.notes,
        ]


def _blocks(contents: Contents, findings: _Findings) -> Iterator[_Block]:
    """The samples of all recordings in a file, one recording after the other."""
    n_parts = len(contents.parts)
    if n_parts > 1:
        findings.note(f"holds {n_parts} recordings, which are read one after the other")
    start_s = 0.0
    for i, part in enumerate(contents.parts):
        decoder = _PartDecoder(part, contents, findings, start_s)
        try:
            yield from decoder.blocks()
        except UndecodableError as error:
            if i == 0:
                raise
            findings.note(f"holds a recording, number {i + 1}, that {error}")
        start_s += decoder.duration_s


_CONTAINER_OPTIONS = {"protocol_whitelist": "none"}  # a playlist opens no other file
_CODEC_OPTIONS = {"err_detect": "crccheck+explode", "threads": "1"}  # a wrong checksum is damage

_TAGS = (b"ID3", b"TAG", b"APETAGEX", b"LYRICS")  # between the frames of an mp3 they are no damage

_STATE_SAMPLES = ("ape", "caf", "flac", "ogg", "tta", "wv")
_MAX_PADDING = 3 * 1152  # samples of an encoder's delay and padding that a file may count


class _PartDecoder:
    """The decoder of one recording in a file, `start_s` seconds after the file's beginning."""

    def __init__(
        self, part: ByteRange, contents: Contents, findings: _Findings, start_s: float
    ) -> None:
        self._part, self._contents, self._findings = part, contents, findings
        self._start_s = start_s
        self._n, self._sr, self._frame_size = 0, 1, 0
        self._n_good, self._n_bad, self._in_damage = 0, 0, False
        self._packer: AudioResampler | None = None
        self._ahead: int | None = None

    @property
    def duration_s(self) -> float:
        """The length of what was decoded, seconds."""
        return self._n / self._sr

    def blocks(self) -> Iterator[_Block]:
        """Its samples."""
        self._part.seek(0)
        try:
            container = av.open(
                self._part, "r", options=_CONTAINER_OPTIONS, metadata_errors="replace"
            )
        except (av.error.FFmpegError, ValueError) as error:
            raise UndecodableError(self._unopened()) from error
        with container:
            stream = self._audio_stream(container)
            yield from self._decoded(container, stream)
            if self._n_bad > self._n_good or (self._n_bad and not self._n):
                raise UndecodableError(
                    f"cannot be decoded: {self._n_bad} of its {self._n_bad + self._n_good} blocks "
                    f"are damaged ({stream.codec_context.name})"
                )
            if not self._n:
                raise UndecodableError("has 0 samples; at least 2 are needed")
            self._check_length(container, stream)

    def _unopened(self) -> str:
        if self._contents.faults:
            return f"cannot be decoded: it {'; it '.join(self._contents.faults)}"
        return "cannot be decoded: it is no audio, or damaged at its beginning"

    def _audio_stream(self, container: InputContainer) -> AudioStream:
        """The track of sound, of several the best."""
        tracks, format_ = container.streams.audio, container.format.long_name
        if not tracks:
            raise UndecodableError(f"has no audio track ({format_})")
        best = container.streams.best("audio") or tracks[0]
        assert isinstance(best, AudioStream)
        if best.codec_context is None:
            raise UndecodableError(
                f"has sound of an unknown coding ({format_}); convert it to wav first"
            )
        if len(tracks) > 1:
            self._findings.note(
                f"has {len(tracks)} audio tracks, of which number {list(tracks).index(best) + 1} "
                "is read"
            )
        best.codec_context.options = _CODEC_OPTIONS
        if container.format.name == "caf" and best.codec_context.name == "alac":
            # whose last packet has no padding; ffmpeg would take it from the sound
            best.codec_context.flags2 |= Flags2.skip_manual
        return best

    def _decoded(self, container: InputContainer, stream: AudioStream) -> Iterator[_Block]:
        """The decoded packets of a track."""
        context = stream.codec_context
        in_mp4, is_flac = "mp4" in container.format.name, container.format.name == "flac"
        last = None
        for packet, follows in _with_next(self._packets(container, stream)):
            last = packet if packet.size else last
            if is_flac and packet.pts is not None:
                self._check_place(packet, packet.pts)
            try:
                frames = stream.decode(packet)
            except (av.error.FFmpegError, ValueError):
                self._bad(packet, is_last=follows is None or not follows.size)
                continue
            self._n_good, self._in_damage = self._n_good + (packet.size > 0), False
            for frame in frames:
                y = _floats(self._packed(frame))
                if in_mp4 and follows is not None and not follows.size:
                    y = y[: self._last_samples(packet, stream, frame)]
                self._findings.subtype = self._findings.subtype or _subtype(context.name, frame)
                self._n, self._sr = self._n + len(y), frame.sample_rate
                self._frame_size = max(self._frame_size, frame.samples)
                yield _Block(y, frame.sample_rate)
        if context.name.startswith("mp3") and last is not None and container.format.name == "mp3":
            size = containers.mpeg_frame_bytes(bytes(last)[:4])
            if size is not None and last.size < size:
                self._findings.note("ends inside a block: it may be cut short")

    def _check_place(self, packet: Packet, sample: int) -> None:
        """Note what is missing before a packet of FLAC, which says at which sample it begins.

        ffmpeg gives the first one, if it holds damaged blocks as well, the place of the last.
        """
        if self._ahead is None:
            is_first = containers.is_first_flac_frame(bytes(packet)[:5])
            self._ahead = 0 if is_first else sample
        if sample - self._ahead > self._n:
            self._ahead = sample - self._n
            self._bad(None)

    def _last_samples(self, packet: Packet, stream: AudioStream, frame: AudioFrame) -> int:
        """The samples of the last frame of an mp4 that are no padding, by its index.

        As ffmpeg 9 counts them: of AAC by the packet's duration, of all by the edit list.
        """
        if packet.pts is None or not packet.duration or not stream.duration:
            return frame.samples
        over = max(0, packet.pts + packet.duration - stream.duration)
        unit = packet.time_base * frame.sample_rate  # samples
        n = frame.samples
        if stream.codec_context.name == "aac":
            n = min(n, round(packet.duration * unit))
        n -= round(over * unit)
        return n if n > 0 else frame.samples

    def _packed(self, frame: AudioFrame) -> AudioFrame:
        """A frame that may be taken apart: PyAV 18 reads past the planes of 8 channels or more."""
        if not frame.format.is_planar or frame.layout.nb_channels < 8:
            return frame
        if self._packer is None:
            self._packer = AudioResampler("flt", frame.layout, frame.sample_rate)
        (packed,) = self._packer.resample(frame)
        return packed

    def _packets(self, container: InputContainer, stream: AudioStream) -> Iterator[Packet]:
        """The packets of a track; the last one is empty and has the decoder give all it has."""
        try:
            yield from container.demux(stream)
        except (av.error.FFmpegError, ValueError):
            self._bad(None)

    def _bad(self, packet: Packet | None, *, is_last: bool = False) -> None:
        """Count what could not be decoded."""
        if packet is not None:
            if bytes(packet).startswith(_TAGS) or (is_last and self._contents.may_be_padded):
                return
            self._n_bad += 1
        if not self._in_damage:
            self._findings.bad_s.append(self._start_s + self.duration_s)
        self._in_damage = True

    def _check_length(self, container: InputContainer, stream: AudioStream) -> None:
        """Note a recording that is shorter than it states in samples."""
        name, stated, padding = container.format.name, 0, _MAX_PADDING
        if name == "mp3":
            stated = self._contents.n_mpeg_frames * self._frame_size
            if 0 < stated < self._n - _MAX_PADDING:
                self._findings.note("holds more than it states, as joined mp3s do, which is read")
        elif name in _STATE_SAMPLES and not stream.codec_context.name.startswith("pcm_"):
            stated = _stated_samples(stream, self._sr)
            padding *= not _is_lossless(stream.codec_context.name)
        if self._n < stated - padding:
            self._findings.note(
                f"is cut short or damaged: {self._n} of {stated} samples could be read"
            )


def _with_next(packets: Iterator[Packet]) -> Iterator[tuple[Packet, Packet | None]]:
    """Packets, each with the one that follows it."""
    last = None
    for packet in packets:
        if last is not None:
            yield last, packet
        last = packet
    if last is not None:
        yield last, None


def _stated_samples(stream: AudioStream, sr: int) -> int:
    """The samples that a recording states; 0 where it does not."""
    if not stream.duration or not stream.time_base:
        return 0
    return round(stream.duration * stream.time_base * sr)


def _floats(frame: AudioFrame) -> Channels:
    """A frame's samples, float32 with full scale 1."""
    y = frame.to_ndarray()
    y = y.T if frame.format.is_planar else y.reshape(-1, frame.layout.nb_channels)
    if y.dtype.kind == "f":
        with np.errstate(over="ignore"):  # what is too large for float32 is refused as infinite
            return y.astype(np.float32)
    if y.dtype.kind == "u":
        return (y.astype(np.float32) - 128) / 128
    return y.astype(np.float32) * np.float32(0.5 ** (8 * y.dtype.itemsize - 1))


_LOSSLESS = ("pcm_", "flac", "alac", "wavpack", "tta", "ape")


def _is_lossless(codec: str) -> bool:
    return codec.startswith(_LOSSLESS)


def _subtype(codec: str, frame: AudioFrame) -> str:
    """soundfile's name of the coding of what keeps all, ffmpeg's of the rest."""
    if not _is_lossless(codec):
        return codec.removesuffix("float").upper()
    for name, subtype in (
        ("pcm_u8", "PCM_U8"),
        ("pcm_s8", "PCM_S8"),
        ("pcm_s24", "PCM_24"),
        ("pcm_f64", "DOUBLE"),
    ):
        if codec.startswith(name):
            return subtype
    if frame.format.name.startswith("flt"):
        return "FLOAT"
    if frame.format.name.startswith("s32"):
        return "PCM_32" if codec.startswith("pcm_s32") else "PCM_24"
    return "PCM_16"
