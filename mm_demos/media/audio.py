"""Recordings in, 16 kHz mono float32 out, through the FFmpeg libraries inside PyAV; no ffmpeg program is needed."""

from __future__ import annotations

import wave
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from mm_demos.errors import InvalidInputError
from mm_demos.media.files import existing_file, looks_like_text, shown
from mm_demos.settings import settings

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.audio.resampler import AudioResampler

FloatArray = NDArray[np.float32]
SAMPLE_RATE = 16_000  # Hz, as Whisper was trained on
MIN_RATE, MAX_RATE = 1_000, 768_000  # Hz; beyond them the header is damaged
MIN_SECONDS = 0.02  # two hops of Whisper's spectrogram; less is a click
SILENCE_RMS = 1e-3  # -60 dB of full scale in the loudest tenth of a second; quiet speech is about -45 dB

# Playlists (HLS, concat, SDP) name other files and addresses, so containers are allowed by name, never by exclusion.
CONTAINERS = (
    "wav,w64,aiff,au,caf,flac,ogg,mp3,aac,ac3,eac3,amr,amrnb,amrwb,ape,wv,tta,dsf,voc,"
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,asf,flv,mpeg,mpegts,rm"
)
# A steeper filter than the default: the output is clean up to 7 kHz and aliases stay under -80 dB. Down-mixing weights add up
# to 1, so that stereo is the mean and cannot overflow; FFmpeg normalises them for integers only, unless told.
RESAMPLER = {"filter_size": "128", "cutoff": "0.97", "rematrix_maxval": "1"}


@dataclass(frozen=True, slots=True)
class AudioInfo:
    """What the header says: `duration` in seconds (0.0 when it does not say), `sample_rate` in Hz."""

    duration: float
    sample_rate: int
    channels: int
    codec: str


def probe_audio(path: str | Path) -> AudioInfo:
    """Read the header of a recording or of a video's sound, decoding nothing.

    Raises:
        InvalidInputError: no such file, not a recording, or no sound in it.
    """
    source = existing_file(path, "recording")
    with source.open("rb") as stream, _open(stream, shown(source.name)) as container:
        return _info(container, shown(source.name))


def load_audio(source: str | Path, *, max_seconds: float | None = None) -> FloatArray:
    """The sound of an audio or video file as a waveform (n_samples,) float32 in [-1, 1], mono, 16 kHz.

    More channels are mixed down (5.1 with the ITU-R BS.775 weights); what is louder than full scale is scaled down as a whole.

    Args:
        source: path of the file.
        max_seconds: longest recording taken; None takes `max_audio_seconds` of the settings.

    Raises:
        InvalidInputError: not a recording, no sound in it, too long, too short, or damaged.
    """
    path = existing_file(source, "recording")
    limit = settings().max_audio_seconds if max_seconds is None else max_seconds
    name = shown(path.name)
    with path.open("rb") as stream, _open(stream, name) as container:
        info = _info(container, name)
        if info.duration > limit + 0.5:
            raise InvalidInputError(_too_long(name, info.duration, limit))
        waveform = _collect(container, name, limit)
    return _checked(waveform, name)


def from_microphone(sample_rate: int, samples: NDArray[Any]) -> FloatArray:
    """A waveform (n_samples,) float32 in [-1, 1] at 16 kHz from what a browser records.

    Args:
        sample_rate: of `samples`, in Hz.
        samples: (n_samples,) or (n_samples, n_channels), integers of any width or floats in [-1, 1].

    Raises:
        InvalidInputError: no samples, a rate out of reason, or values that are not numbers.
    """
    if not MIN_RATE <= sample_rate <= MAX_RATE:
        raise InvalidInputError(f"The recording claims {sample_rate} samples a second: record it at 8,000 to 192,000.")
    mono = _as_float(np.asarray(samples))
    if mono.ndim == 2 and mono.shape[1]:
        mono = mono.mean(axis=1, dtype=np.float32)
    if mono.ndim != 1 or mono.size == 0:
        raise InvalidInputError("The recording is empty: allow the microphone and record again.")
    if not np.isfinite(mono).all():
        raise InvalidInputError("The recording holds values that are not numbers: record it again.")
    return mono if sample_rate == SAMPLE_RATE else _resample(mono, sample_rate)


def save_wav(path: str | Path, waveform: FloatArray) -> None:
    """Write `waveform` (n_samples,) in [-1, 1] as a 16-bit mono WAV file at 16 kHz."""
    samples = np.rint(np.clip(waveform, -1.0, 1.0) * 32767.0).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(samples.tobytes())


def is_silent(waveform: FloatArray) -> bool:
    """Whether nothing in `waveform` (n_samples,) at 16 kHz is louder than -60 dB of full scale; a constant offset is no sound."""
    if waveform.size == 0:
        return True
    centred = waveform - waveform.mean(dtype=np.float64).astype(np.float32)
    step = SAMPLE_RATE // 10
    power = np.add.reduceat(np.square(centred, dtype=np.float64), np.arange(0, centred.size, step)) / min(step, centred.size)
    return bool(np.sqrt(power.max()) < SILENCE_RMS)


def _open(stream: BinaryIO, name: str) -> Any:
    """Open a container from an open file, so that no name is ever read as a protocol."""
    import av

    head = stream.read(512)
    stream.seek(0)
    try:
        return av.open(stream, mode="r", metadata_errors="ignore", options={"format_whitelist": CONTAINERS})
    except (av.error.FFmpegError, ValueError, OSError):
        what = "a text or web page" if looks_like_text(head) else "not a recording that can be read, or incomplete"
        raise InvalidInputError(f"{name} is {what}: choose a whole WAV, FLAC, MP3, OGG, M4A, MP4 or WebM file.") from None


def _info(container: Any, name: str) -> AudioInfo:
    if not container.streams.audio:
        kind = "This video has no sound" if container.streams.video else "There is no sound in this file"
        raise InvalidInputError(f"{kind}: choose one with a sound track instead of {name}.")
    stream = container.streams.audio[0]
    context = stream.codec_context
    if context is None or not context.channels or not MIN_RATE <= (context.sample_rate or 0) <= MAX_RATE:
        raise InvalidInputError(f"The sound of {name} is in a format that is not known: save it as WAV, FLAC or MP3.")
    seconds = container.duration / 1e6 if container.duration else 0.0  # AV_TIME_BASE
    if stream.duration and stream.time_base:
        seconds = max(seconds, float(stream.duration * stream.time_base))
    return AudioInfo(max(0.0, seconds), context.sample_rate, context.channels, context.name)


def _too_long(name: str, seconds: float, limit: float) -> str:
    return f"{name} lasts {_clock(seconds)} and the limit is {_clock(limit)}: cut it, or raise MM_DEMOS_MAX_AUDIO_SECONDS."


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02} h" if hours else f"{minutes}:{rest:02} min"


def _collect(container: Any, name: str, limit: float) -> FloatArray:
    """Decode packet by packet, stopping when more comes out than the header promised and the limit allows."""
    import av

    parts: list[FloatArray] = []
    room = int((limit + 0.5) * SAMPLE_RATE)
    mixer = _Mixer()
    decoded = _Decoded(container)
    for frame in decoded.frames():
        try:
            fresh = list(mixer.push(frame))
        except av.error.FFmpegError:
            raise InvalidInputError(f"The sound of {name} changes to a format that is not known: save it again.") from None
        parts.extend(fresh)
        room -= sum(part.size for part in fresh)
        if room < 0:
            raise InvalidInputError(
                f"{name} lasts longer than the limit of {_clock(limit)}: cut it, or raise MM_DEMOS_MAX_AUDIO_SECONDS."
            )
    parts.extend(mixer.finish())
    if decoded.bad > decoded.good:
        raise InvalidInputError(f"{name} is damaged and most of it cannot be decoded: save or download it again.")
    return np.concatenate(parts) if parts else np.zeros(0, np.float32)


@dataclass(slots=True)
class _Decoded:
    """Frames of the first sound track; damaged packets are counted and skipped, as players do."""

    container: Any
    good: int = 0
    bad: int = 0

    def frames(self) -> Iterator[AudioFrame]:
        import av

        packets = self.container.demux(self.container.streams.audio[0])
        while True:
            try:
                packet = next(packets, None)
            except (av.error.FFmpegError, OSError):
                return  # the file ends in the middle of a packet: what came before stands
            if packet is None:
                return
            try:
                frames = packet.decode()
            except av.error.FFmpegError:
                self.bad += 1
                continue
            self.good += len(frames)
            yield from frames


@dataclass(slots=True)
class _Mixer:
    """Frames of any format, layout and rate to mono float32 at 16 kHz; starts anew when the format changes in mid-stream."""

    _resampler: AudioResampler | None = None
    _source: tuple[str, str, int] = field(default=("", "", 0))

    def push(self, frame: AudioFrame) -> Iterator[FloatArray]:
        source = (frame.format.name, frame.layout.name, frame.sample_rate)
        if self._resampler is None or source != self._source:
            yield from self.finish()
            self._resampler, self._source = _resampler(), source
        frame.pts = None  # times in damaged files jump; the samples themselves are the clock
        for out in self._resampler.resample(frame):
            yield out.to_ndarray()[0]

    def finish(self) -> Iterator[FloatArray]:
        if self._resampler is not None:
            for out in self._resampler.resample(None):
                yield out.to_ndarray()[0]
            self._resampler = None


def _resampler() -> AudioResampler:
    from av.audio.resampler import AudioResampler

    return AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE, options=RESAMPLER)


def _resample(waveform: FloatArray, sample_rate: int) -> FloatArray:
    from av.audio.frame import AudioFrame

    mixer = _Mixer()
    parts: list[FloatArray] = []
    for start in range(0, waveform.size, 1 << 16):
        frame = AudioFrame.from_ndarray(waveform[None, start : start + (1 << 16)], format="flt", layout="mono")
        frame.sample_rate = sample_rate
        parts.extend(mixer.push(frame))
    parts.extend(mixer.finish())
    return np.clip(np.concatenate(parts), -1.0, 1.0) if parts else np.zeros(0, np.float32)


def _as_float(samples: NDArray[Any]) -> FloatArray:
    """Integers to [-1, 1) by their full scale; unsigned ones are centred first."""
    if samples.dtype.kind == "i":
        return (samples / -float(np.iinfo(samples.dtype).min)).astype(np.float32)
    if samples.dtype.kind == "u":
        half = (int(np.iinfo(samples.dtype).max) + 1) / 2
        return ((samples.astype(np.float64) - half) / half).astype(np.float32)
    return samples.astype(np.float32)


def _checked(waveform: FloatArray, name: str) -> FloatArray:
    if waveform.size < MIN_SECONDS * SAMPLE_RATE:
        raise InvalidInputError(f"{name} holds no sound, or less than {MIN_SECONDS} seconds: record something longer.")
    if not np.isfinite(waveform).all():
        raise InvalidInputError(f"{name} holds samples that are not numbers (NaN or infinite): export it again.")
    peak = float(np.abs(waveform).max())
    return waveform / np.float32(peak) if peak > 1.0 else waveform
