"""Bad and unusual recordings: each is decoded or refused with one sentence, quickly and in bounded memory."""

from __future__ import annotations

import io
import random
import struct
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from peaks import Peak, is_one_sentence

from mm_demos import samples
from mm_demos.errors import InvalidInputError
from mm_demos.media import is_silent, load_audio, probe_audio

TAKEN, REFUSED = "taken", "refused"
Case = tuple[str, Callable[[], bytes], str]


def tone(rate: int = 16_000, seconds: float = 0.5, channels: int = 1) -> np.ndarray:
    """440 Hz at half scale, (n_samples, n_channels)."""
    wave = 0.5 * np.sin(2 * np.pi * 440 * np.arange(round(rate * seconds)) / rate)
    return np.repeat(wave[:, None], channels, axis=1)


def sound(kind: str, subtype: str | None = None, data: np.ndarray | None = None, rate: int = 16_000) -> bytes:
    stream = io.BytesIO()
    soundfile.write(stream, tone(rate) if data is None else data, rate, format=kind, subtype=subtype)
    return stream.getvalue()


def wav(data: bytes, rate: int = 16_000, channels: int = 1, bits: int = 16, claimed: int | None = None) -> bytes:
    """A PCM WAV file whose header says what it is told to."""
    size = len(data) if claimed is None else claimed
    block = channels * bits // 8
    fmt = struct.pack("<HHIIHH", 1, channels, rate & 0xFFFFFFFF, (rate * block) & 0xFFFFFFFF, block, bits)
    head = b"RIFF" + struct.pack("<I", (36 + size) & 0xFFFFFFFF) + b"WAVEfmt " + struct.pack("<I", 16) + fmt
    return head + b"data" + struct.pack("<I", size) + data


def flac_claiming(n_samples: int, seconds: float = 1.0) -> bytes:
    """FLAC silence at 8 kHz whose header claims `n_samples` (36 bits; 0 means unknown)."""
    data = bytearray(sound("FLAC", data=np.zeros(round(8000 * seconds), np.int16), rate=8000))
    data[21] = (data[21] & 0xF0) | n_samples >> 32
    data[22:26] = struct.pack(">I", n_samples & 0xFFFFFFFF)
    return bytes(data)


def muxed(container: str, codec: str, rate: int, seconds: float = 1.0, *, video: bool = False, live: bool = False) -> bytes:
    """A tone in a container that FFmpeg writes; `video` adds a grey picture, `live` leaves the length out of the header."""
    stream = io.BytesIO()
    with av.open(stream, "w", format=container, options={"live": "1"} if live else {}) as file:
        picture = file.add_stream("mpeg4", rate=5, width=64, height=64) if video else None
        track = file.add_stream(codec, rate=rate, layout="mono") if codec else None
        if picture is not None:
            for _ in range(5):
                file.mux(picture.encode(av.VideoFrame.from_ndarray(np.full((64, 64, 3), 128, np.uint8))))
            file.mux(picture.encode(None))
        if track is not None:
            wave = (tone(rate, seconds).T * 32767).astype(np.int16)
            for start in range(0, wave.shape[1], 960):
                frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(wave[:, start : start + 960]), "s16", "mono")
                frame.sample_rate, frame.pts = rate, start
                file.mux(track.encode(frame))
            file.mux(track.encode(None))
    return stream.getvalue()


def part(data: bytes, percent: int) -> bytes:
    return data[: len(data) * percent // 100]


def speech(kind: str) -> bytes:
    return sound(kind, data=soundfile.read(samples.path("jfk.flac"))[0])


def flipped(data: bytes, seed: int) -> bytes:
    """`data` with one byte in fifty replaced, past the header."""
    draw, out = random.Random(seed), bytearray(data)
    for at in range(200, len(out), 50):
        out[at] = draw.randrange(256)
    return bytes(out)


def broken(value: float) -> bytes:
    data = tone()
    data[100] = value
    return sound("WAV", "FLOAT", data)


RATES: list[Case] = [
    (f"rate{rate}.wav", lambda rate=rate: sound("WAV", rate=rate), TAKEN)
    for rate in (8000, 11025, 22050, 44100, 48000, 96000, 192_000, 384_000)
]
CHANNELS: list[Case] = [(f"channels{n}.wav", lambda n=n: sound("WAV", data=tone(channels=n)), TAKEN) for n in range(1, 9)]
WIDTHS: list[Case] = [
    (f"{subtype.lower()}.{kind.lower()}", lambda kind=kind, subtype=subtype: sound(kind, subtype), TAKEN)
    for kind, subtype in [
        *(("WAV", width) for width in ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW", "IMA_ADPCM")),
        *(("FLAC", "PCM_S8"), ("FLAC", "PCM_24"), ("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III")),
        *(("AIFF", "PCM_16"), ("AU", "PCM_16"), ("CAF", "PCM_16"), ("W64", "PCM_16"), ("RF64", "PCM_16")),
    ]
]
CONTAINERS: list[Case] = [
    ("voice.webm", lambda: muxed("webm", "libopus", 48_000), TAKEN),
    ("voice.m4a", lambda: muxed("mp4", "aac", 44_100), TAKEN),
    ("voice.aac", lambda: muxed("adts", "aac", 44_100), TAKEN),
    ("voice.mka", lambda: muxed("matroska", "flac", 16_000), TAKEN),
    ("film.mp4", lambda: muxed("mp4", "aac", 44_100, video=True), TAKEN),
    ("film.avi", lambda: muxed("avi", "mp2", 44_100, video=True), TAKEN),
    ("mute.mp4", lambda: muxed("mp4", "", 0, video=True), REFUSED),
    ("flac-named.mp3", lambda: sound("FLAC"), TAKEN),
]
EMPTY: list[Case] = [
    ("nothing.wav", lambda: b"", REFUSED),
    ("no-samples.wav", lambda: wav(b""), REFUSED),
    ("no-samples.flac", lambda: sound("FLAC", data=np.zeros((0, 1))), REFUSED),
    ("one-sample.wav", lambda: wav(b"\1\0"), REFUSED),
    ("nan.wav", lambda: broken(np.nan), REFUSED),
    ("infinite.wav", lambda: broken(-np.inf), REFUSED),
    ("loud.wav", lambda: sound("WAV", "FLOAT", tone() * 40_000), TAKEN),
]
LENGTHS: list[Case] = [
    ("ten-hours.flac", lambda: flac_claiming(10 * 3600 * 8000), REFUSED),
    ("unknown-length.flac", lambda: flac_claiming(0), TAKEN),
    ("unknown-but-long.flac", lambda: flac_claiming(0, seconds=1500), REFUSED),
    ("lies-short.flac", lambda: flac_claiming(800, seconds=1500), REFUSED),
    ("streamed.wav", lambda: wav(bytes(32_000), claimed=0xFFFFFFFF), TAKEN),
    ("lies-long.wav", lambda: wav(bytes(32_000), claimed=0x7FFFFFF0), TAKEN),
    ("lies-short.wav", lambda: wav(bytes(32_000), claimed=4000), TAKEN),
    ("no-rate.wav", lambda: wav(bytes(32_000), rate=0), REFUSED),
    ("no-channels.wav", lambda: wav(bytes(32_000), channels=0), REFUSED),
    ("huge-rate.wav", lambda: wav(bytes(32_000), rate=2_000_000_000), REFUSED),
    ("many-channels.wav", lambda: wav(bytes(32_000), channels=16_000), REFUSED),
]
DAMAGED: list[Case] = [
    ("half.mp3", lambda: part(speech("MP3"), 50), TAKEN),
    ("half.wav", lambda: part(sound("WAV"), 50), TAKEN),
    ("half.flac", lambda: part(samples.path("jfk.flac").read_bytes(), 50), TAKEN),
    ("half.ogg", lambda: part(samples.path("dog-bark.ogg").read_bytes(), 50), TAKEN),
    ("half.m4a", lambda: part(muxed("mp4", "aac", 44_100), 50), REFUSED),
    ("head.flac", lambda: samples.path("jfk.flac").read_bytes()[:60], REFUSED),
    ("head.ogg", lambda: samples.path("dog-bark.ogg").read_bytes()[:200], REFUSED),
    ("flipped.flac", lambda: flipped(samples.path("jfk.flac").read_bytes(), 1), TAKEN),
]
OTHER: list[Case] = [
    ("picture.mp3", lambda: samples.path("cat.jpg").read_bytes(), REFUSED),
    ("page.wav", lambda: b"<!doctype html><title>404</title>", REFUSED),
    ("text.mp3", lambda: b"a song about nothing\n" * 200, REFUSED),
    ("playlist.mp3", lambda: b"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n", REFUSED),
    ("concat.wav", lambda: b"ffconcat version 1.0\nfile /etc/hostname\n", REFUSED),
    ("session.wav", lambda: b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=audio 9 RTP/AVP 0\n", REFUSED),
    *((f"random{seed}.mp3", lambda seed=seed: random.Random(seed).randbytes(20_000), REFUSED) for seed in range(6)),
    ("random.wav", lambda: b"RIFF\xff\xff\xff\x7fWAVE" + random.Random(9).randbytes(5000), REFUSED),
]
CASES = RATES + CHANNELS + WIDTHS + CONTAINERS + EMPTY + LENGTHS + DAMAGED + OTHER


@pytest.mark.parametrize(("name", "build", "expected"), CASES, ids=[case[0] for case in CASES])
def test_answer_or_one_sentence(tmp_path: Path, name: str, build: Callable[[], bytes], expected: str) -> None:
    path = tmp_path / name
    path.write_bytes(build())
    outcome, waveform = TAKEN, np.zeros(1, np.float32)
    with Peak() as peak:
        try:
            waveform = load_audio(path)
        except InvalidInputError as error:
            outcome = REFUSED
            assert is_one_sentence(str(error))
    assert outcome == expected
    assert waveform.dtype == np.float32
    assert waveform.ndim == 1
    assert np.isfinite(waveform).all()
    assert np.abs(waveform).max() <= 1
    assert peak.seconds < 3
    assert peak.grown_bytes < 300e6


@pytest.mark.parametrize(
    ("name", "build", "expected"), RATES + CHANNELS + WIDTHS, ids=[case[0] for case in RATES + CHANNELS + WIDTHS]
)
def test_every_format_keeps_the_tone(tmp_path: Path, name: str, build: Callable[[], bytes], expected: str) -> None:
    path = tmp_path / name
    path.write_bytes(build())
    waveform = load_audio(path)
    spectrum = np.abs(np.fft.rfft(waveform[800:7200] * np.hanning(6400)))
    assert np.argmax(spectrum) * 16_000 / 6400 == pytest.approx(440, abs=2.5)
    assert 0.5 <= waveform.size / 16_000 < 0.65  # codecs pad
    assert not is_silent(waveform)


def test_a_long_recording_is_told_the_limit_and_the_setting(tmp_path: Path) -> None:
    path = tmp_path / "meeting.flac"
    path.write_bytes(flac_claiming(3 * 3600 * 8000))
    assert probe_audio(path).duration == pytest.approx(3 * 3600)
    with pytest.raises(InvalidInputError, match=r"meeting\.flac.*3:00:00 h.*10:00 min.*MM_DEMOS_MAX_AUDIO_SECONDS"):
        load_audio(path)


@pytest.mark.parametrize("build", [lambda: flac_claiming(0, seconds=8), lambda: muxed("webm", "libopus", 16_000, 8, live=True)])
def test_a_header_that_says_nothing_does_not_lift_the_limit(tmp_path: Path, build: Callable[[], bytes]) -> None:
    path = tmp_path / "long"
    path.write_bytes(build())
    assert load_audio(path, max_seconds=8).size == pytest.approx(8 * 16_000, rel=0.01)
    with pytest.raises(InvalidInputError, match="0:05 min"):
        load_audio(path, max_seconds=5)


@pytest.mark.parametrize(
    "source", ["", "nowhere.wav", ".", "/dev/zero", "https://example.org/a.mp3", "concat:a.mp3|b.mp3", "a\0b.wav"]
)
def test_a_path_that_is_no_file(source: str) -> None:
    for read in (load_audio, probe_audio):
        with pytest.raises(InvalidInputError) as caught:
            read(source)
        assert is_one_sentence(str(caught.value))
