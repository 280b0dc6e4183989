"""The Speech page without a browser: nothing a visitor or a model says becomes markup, corrections reach every export."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from mm_demos import media, samples
from mm_demos.errors import InvalidInputError
from mm_demos.progress import Progress
from mm_demos.results import Segment, Transcription, Word
from mm_demos.tasks.live import LiveText
from mm_demos.ui import live_speech, transcripts
from mm_demos.ui import transcript_view as view
from mm_demos.ui.transcripts import Batch, Item, batch_of, checked, corrected, options_of, playable, transcribe_many

SLY = "<img src=x onerror=alert(1)>"
FAST = "whisper-tiny.en"


def _talk(*texts: str, prob: float = 0.5) -> Transcription:
    segments = tuple(
        Segment(float(i), i + 1.0, text, -0.2, 0.0, 1.0, (Word(float(i), i + 1.0, text, prob),), ("silence",))
        for i, text in enumerate(texts)
    )
    return Transcription(" ".join(texts), SLY, 0.5, float(len(texts)), segments, notices=(SLY,))


def test_no_text_becomes_markup() -> None:
    pages = [
        view.card(checked(_talk(SLY, "fine"), "fine words")),
        view.live(LiveText(SLY, SLY), 3.0),
        view.live(LiveText("", ""), 0.0, SLY),
    ]
    assert all("<img" not in page and "&lt;img" in page for page in pages)


@pytest.mark.parametrize(
    ("prob", "level"), [(1.0, "sure"), (0.9, "sure"), (0.7, "likely"), (0.4, "unsure"), (0.39, "doubtful"), (0.0, "doubtful")]
)
def test_words_are_marked_by_probability(prob: float, level: str) -> None:
    page = view.card(checked(_talk("hello", prob=prob)))
    assert f'class="mm-word mm-{level}" title="{prob:.0%} sure' in page


def test_spacing_of_words_is_that_of_the_text() -> None:
    segment = Segment(0, 1, "你好，世界", -0.1, 0.0, 1.0, (Word(0, 0.5, "你好，", 0.9), Word(0.5, 1, "世界", 0.9)))
    page = view.card(checked(Transcription("", "zh", 1.0, 1.0, (segment,))))
    assert "，</span><span" in page


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (59.96, "1:00"), (61, "1:01"), (3725, "1:02:05")])
def test_moments_carry(seconds: float, text: str) -> None:
    assert view.clock(seconds) == text


def test_a_correction_reaches_the_text_the_error_rate_and_every_export() -> None:
    batch = batch_of(checked(_talk("one too", "three")))
    fixed = corrected(batch, ["one two", "three"], "one two three")
    assert fixed.current is not None and fixed.current.text == "one two three"
    assert fixed.current.errors is not None and fixed.current.errors.wer == 0.0
    assert fixed.current.segments[0].words == () and fixed.current.segments[1].words != ()
    for export in transcripts.EXPORTS:
        content = export.write(fixed)
        if isinstance(content, bytes):
            with zipfile.ZipFile(io.BytesIO(content)) as file:
                content = "".join(file.read(name).decode() for name in file.namelist())
        assert "one two" in content and "one too" not in content, export.label
    with pytest.raises(InvalidInputError):
        corrected(batch, ["one text for two segments"])


def test_many_files_go_on_after_a_bad_one(tmp_path: Path) -> None:
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"RIFF no sound in here")
    quiet = tmp_path / "quiet.wav"
    media.save_wav(quiet, np.zeros(16_000, np.float32))
    files = [str(broken), str(quiet), str(samples.path("jfk.flac"))]
    *_, batch = transcribe_many(files, FAST, "auto", False, False, False, 1, "0", "", progress=Progress())
    assert [bool(item.error) for item in batch.items] == [True, False, False]
    assert batch.chosen == 1 and batch.receipt is not None and batch.receipt.models
    assert [row[0] for row in view.files_table(batch)] == ["broken.wav", "quiet.wav", "jfk.flac"]
    assert "country" in view.files_table(batch)[2][3]


def test_options_come_from_the_components() -> None:
    options = options_of("auto", True, False, True, 3.0, "0.4", " names ")
    assert (options.language, options.task, options.beam_size, options.temperature) == (None, "translate", 3, 0.4)
    assert options.initial_prompt == "names" and options.word_timestamps
    with pytest.raises(InvalidInputError):
        options_of("en", False, False, False, 5, "hot", "")


def test_json_of_an_empty_page_is_empty() -> None:
    assert [export.write(Batch(())) for export in transcripts.EXPORTS] == ["", "", "", "", "", b""]
    assert json.loads(transcripts.EXPORTS[3].write(batch_of(checked(_talk("a")))))["text"] == "a"
    assert Batch((Item("a.wav", error="broken"),)).current is None


def test_what_no_browser_plays_becomes_a_wav(tmp_path: Path) -> None:
    flac = str(samples.path("jfk.flac"))
    assert playable(flac, str(tmp_path)) == flac
    video = tmp_path / "talk.mov"
    video.write_bytes(Path(flac).read_bytes())
    assert media.load_audio(playable(str(video), str(tmp_path))).size == pytest.approx(176_000, rel=0.01)


def test_live_pieces_wait_in_order_and_end() -> None:
    session, card, status = live_speech.begin(FAST, "auto", False, "")
    assert "Listening" in card and "Listening" in status
    for value in (1, 2, 3):
        live_speech.gather((16_000, np.full(4, value, np.int16)), session)
    taken = session.take()
    assert taken is not None and taken[0] == 16_000 and taken[1].tolist() == [1] * 4 + [2] * 4 + [3] * 4
    live_speech.end(session)
    live_speech.gather((16_000, np.zeros(4, np.int16)), session)
    assert session.pieces.empty() and session.ended.is_set()
