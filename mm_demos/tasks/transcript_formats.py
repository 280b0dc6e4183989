"""Transcripts as TXT, SRT, WebVTT, JSON and CSV; one small class each, chosen by name."""

from __future__ import annotations

import csv
import html
import io
import json
import re
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, Protocol

from mm_demos.errors import InvalidInputError
from mm_demos.results import Segment, Transcription, Word, as_dict

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")


class Writer(Protocol):
    """One format; `extension` without the dot."""

    extension: str

    def write(self, transcription: Transcription) -> str:
        """The whole file as text."""
        ...


class TxtWriter:
    """A line per segment."""

    extension = "txt"

    def write(self, transcription: Transcription) -> str:
        """The text alone."""
        return "".join(f"{one_line(segment.text)}\n" for segment in transcription.segments)


class SrtWriter:
    """SubRip subtitles."""

    extension = "srt"

    def write(self, transcription: Transcription) -> str:
        """Numbered cues, times as HH:MM:SS,mmm."""
        cues = (
            f"{number}\n{timestamp(segment.start, ',')} --> {timestamp(segment.end, ',')}\n{_cue_text(segment.text)}\n"
            for number, segment in enumerate(transcription.segments, start=1)
        )
        return "\n".join(cues)


class VttWriter:
    """WebVTT captions (W3C), which browsers play."""

    extension = "vtt"

    def write(self, transcription: Transcription) -> str:
        """Cues with times as HH:MM:SS.mmm; markup characters are escaped."""
        cues = (
            f"\n{timestamp(s.start, '.')} --> {timestamp(s.end, '.')}\n{html.escape(_cue_text(s.text), quote=False)}\n"
            for s in transcription.segments
        )
        return "WEBVTT\n" + "".join(cues)


class JsonWriter:
    """Everything that is known; `parse_json` reads it back."""

    extension = "json"

    def write(self, transcription: Transcription) -> str:
        """The result as indented JSON."""
        return json.dumps(as_dict(transcription), ensure_ascii=False, indent=2) + "\n"


class CsvWriter:
    """A row per segment, for spreadsheets."""

    extension = "csv"
    columns = ("start", "end", "text", "avg_logprob", "no_speech_prob", "flags")

    def write(self, transcription: Transcription) -> str:
        """RFC 4180 with a header; times in seconds; no cell that a spreadsheet would run as a formula."""
        buffer = io.StringIO()
        rows = csv.writer(buffer, lineterminator="\r\n")
        rows.writerow(self.columns)
        for s in transcription.segments:
            scores = f"{s.avg_logprob:.4f}", f"{s.no_speech_prob:.4f}"
            rows.writerow((f"{s.start:.3f}", f"{s.end:.3f}", safe_cell(one_line(s.text)), *scores, ", ".join(s.flags)))
        return buffer.getvalue()


WRITERS: dict[str, type[Writer]] = {w.extension: w for w in (TxtWriter, SrtWriter, VttWriter, JsonWriter, CsvWriter)}


def render(transcription: Transcription, fmt: str) -> str:
    """`transcription` in the format "txt", "srt", "vtt", "json" or "csv".

    Raises:
        InvalidInputError: no such format.
    """
    if fmt not in WRITERS:
        raise InvalidInputError(f"There is no format “{fmt}”: choose {', '.join(WRITERS)}.")
    return WRITERS[fmt]().write(transcription)


def archive(transcriptions: Mapping[str, Transcription], formats: Iterable[str], path: str | Path) -> Path:
    """Write a ZIP with every transcription in every format; names are those of the recordings, made safe and unique.

    Raises:
        InvalidInputError: no transcription, or no such format.
    """
    if not transcriptions:
        raise InvalidInputError("There is nothing to put in the archive: transcribe a recording first.")
    wanted = tuple(formats)
    taken: set[str] = set()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, transcription in transcriptions.items():
            stem = unique_name(safe_name(name), taken)
            for fmt in wanted:
                file.writestr(f"{stem}.{fmt}", render(transcription, fmt))
    return Path(path)


def timestamp(seconds: float, separator: str) -> str:
    """HH:MM:SS and milliseconds after `separator`, rounded once so that 59.9996 s carries to the minute."""
    milliseconds = max(0, round(seconds * 1000))
    minutes, milliseconds = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{milliseconds // 1000:02d}{separator}{milliseconds % 1000:03d}"


def one_line(text: str) -> str:
    """`text` with every run of white space as one space."""
    return " ".join(text.split())


def _cue_text(text: str) -> str:
    """Text that cannot end its cue or be read as a time line."""
    return one_line(text).replace("-->", "→")


def safe_cell(text: str) -> str:
    """`text`, with an apostrophe before anything a spreadsheet could take for a formula (OWASP, CSV injection)."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) or text.lstrip().startswith(FORMULA_STARTS) else text


def safe_name(name: str) -> str:
    """The stem of a file name, free of folders, control characters and what Windows forbids; at most 80 characters."""
    stem = Path(name.replace("\\", "/")).name
    stem = stem.rsplit(".", 1)[0] if "." in stem.lstrip(".") else stem
    clean = re.sub(r'[\x00-\x1f\x7f<>:"/|?*\u202a-\u202e\u2066-\u2069]', "_", stem).strip(" .")[:80].rstrip(" .")
    reserved = re.fullmatch(r"(?i)(con|prn|aux|nul|com\d|lpt\d)", clean)
    return f"_{clean}" if reserved or not clean else clean


def unique_name(name: str, taken: set[str]) -> str:
    """`name`, or `name-2`, `name-3` … when a case-insensitive file system already has it; adds the choice to `taken`."""
    candidate, number = name, 1
    while candidate.casefold() in taken:
        number += 1
        candidate = f"{name}-{number}"
    taken.add(candidate.casefold())
    return candidate


def parse_json(text: str) -> Transcription:
    """A transcription written by `render(…, "json")`, without its receipt.

    Raises:
        InvalidInputError: the text is something else.
    """
    try:
        data = json.loads(text)
        segments = tuple(_segment(item) for item in data["segments"])
        notices = tuple(str(notice) for notice in data.get("notices", ()))
        known = {key: data[key] for key in ("text", "language", "language_prob", "duration")}
        return Transcription(**known, segments=segments, notices=notices)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InvalidInputError("This is not a transcript in JSON: export one with the format JSON.") from error


def _segment(item: dict[str, Any]) -> Segment:
    names = {field.name for field in fields(Segment)}
    values = {key: value for key, value in item.items() if key in names}
    values["words"] = tuple(Word(**word) for word in item.get("words", ()))
    values["flags"] = tuple(item.get("flags", ()))
    return Segment(**values)
