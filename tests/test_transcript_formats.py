"""Transcript files: exact times, nothing that breaks out of a cue, a cell or a folder."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mm_demos.errors import InvalidInputError
from mm_demos.results import Segment, Transcription, Word
from mm_demos.tasks.transcript_formats import WRITERS, archive, parse_json, render, safe_name, timestamp

WORDS = (Word(0.0, 0.5, "Hello", 0.9), Word(0.5, 1.25, "there.", 0.4))
SEGMENTS = (
    Segment(0.0, 1.25, "Hello there.", -0.25, 0.01, 1.1, WORDS),
    Segment(3599.9996, 3661.5, "a < b & c --> d", -1.5, 0.9, 2.6, (), ("silence", "repetition")),
)
TALK = Transcription("Hello there. a < b & c --> d", "en", 0.98, 3700.0, SEGMENTS, notices=("Mind this.",))


def _talk(*texts: str) -> Transcription:
    return Transcription(" ".join(texts), "en", 1.0, 9.0, tuple(Segment(0.0, 1.0, text, -0.1, 0.0) for text in texts))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "00:00:00.000"),
        (-0.2, "00:00:00.000"),
        (0.0004, "00:00:00.000"),
        (0.0006, "00:00:00.001"),
        (59.9996, "00:01:00.000"),
        (3599.9996, "01:00:00.000"),
        (3661.5, "01:01:01.500"),
        (360_000.001, "100:00:00.001"),
    ],
)
def test_times_carry(seconds: float, text: str) -> None:
    assert timestamp(seconds, ".") == text


@given(st.floats(0, 1e6))
def test_times_read_back_to_the_millisecond(seconds: float) -> None:
    hours, minutes, rest, thousandths = re.fullmatch(r"(\d\d+):(\d\d):(\d\d),(\d\d\d)", timestamp(seconds, ",")).groups()  # type: ignore[union-attr]
    assert int(minutes) < 60 and int(rest) < 60
    assert int(hours) * 3600 + int(minutes) * 60 + int(rest) + int(thousandths) / 1000 == pytest.approx(seconds, abs=0.00051)


def test_srt_is_numbered_cues() -> None:
    assert render(TALK, "srt") == (
        "1\n00:00:00,000 --> 00:00:01,250\nHello there.\n\n2\n01:00:00,000 --> 01:01:01,500\na < b & c → d\n"
    )


def test_vtt_escapes_markup() -> None:
    assert render(TALK, "vtt") == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:01.250\nHello there.\n\n01:00:00.000 --> 01:01:01.500\na &lt; b &amp; c → d\n"
    )


def test_a_text_cannot_leave_its_cue() -> None:
    sly = _talk("one\n\n00:00:05.000 --> 00:00:06.000\ntwo")
    assert render(sly, "vtt").count("-->") == render(sly, "srt").count("-->") == 1
    assert render(sly, "txt").count("\n") == 1


def test_csv_reads_back_and_runs_no_formula() -> None:
    sly = _talk('=cmd|"/c calc"!A1', "+1", "-1", "@sum", " =1+1", "\t=1", 'He said "no", twice', "＝1")
    rows = list(csv.DictReader(io.StringIO(render(sly, "csv"), newline="")))
    texts = [row["text"] for row in rows]
    assert not any(text.lstrip().startswith(("=", "+", "-", "@", "\t", "＝")) for text in texts)
    assert texts[6] == 'He said "no", twice'
    assert [row["flags"] for row in csv.DictReader(io.StringIO(render(TALK, "csv")))] == ["", "silence, repetition"]


def test_json_reads_back_equal() -> None:
    assert parse_json(render(TALK, "json")) == TALK


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", '{"segments": [{"start": 0}]}', '{"segments": 3}'])
def test_other_json_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError):
        parse_json(text)


def test_an_unknown_format_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InvalidInputError, match="txt, srt, vtt, json, csv"):
        render(TALK, "docx")


def test_nothing_said_gives_valid_files() -> None:
    empty = Transcription("", "", 0.0, 3.0, ())
    assert [render(empty, fmt) for fmt in ("txt", "srt", "vtt")] == ["", "", "WEBVTT\n"]
    assert parse_json(render(empty, "json")) == empty


def test_archive_names_are_safe_and_unique(tmp_path: Path) -> None:
    names = ["../../etc/passwd", "C:\\boot\\a.wav", "a.mp3", "A.ogg", "CON.flac", "..", "a\x00b\u202e.wav", "x" * 300 + ".wav"]
    path = archive({name: TALK for name in names}, ("txt", "json"), tmp_path / "all.zip")
    with zipfile.ZipFile(path) as file:
        inside = file.namelist()
    assert len(inside) == 2 * len(names) == len({name.casefold() for name in inside})
    for name in inside:
        assert not set(name) & set('/\\:\x00\u202e*?"<>|') and ".." not in name and len(name) < 100
    assert {"a.txt", "a-2.txt", "A-3.txt", "passwd.txt", "_CON.txt"} <= set(inside)
    with pytest.raises(InvalidInputError):
        archive({}, ("txt",), path)


@given(st.text(max_size=40))
def test_any_name_becomes_a_file_name(name: str) -> None:
    safe = safe_name(name)
    assert safe and len(safe) <= 81 and not set(safe) & set('/\\\x00:*?"<>|\n') and safe not in {".", ".."}


@given(st.lists(st.text(max_size=30), max_size=4))
def test_every_writer_takes_any_text(texts: list[str]) -> None:
    talk = _talk(*texts)
    assert all(isinstance(render(talk, fmt), str) for fmt in WRITERS)
    assert parse_json(render(talk, "json")) == talk
