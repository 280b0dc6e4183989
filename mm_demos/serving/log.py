"""Structured logs: one JSON object a line on the error output; who, what, how long, and never what a visitor gave."""

from __future__ import annotations

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import TextIO

Field = str | int | float | bool | list[str] | None

REQUESTS = logging.getLogger("mm_demos.requests")


class JsonLines(logging.Formatter):
    """Formats a record as one line; of an exception it keeps kind and place, since its words may quote an input."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        fields: dict[str, Field] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
        }
        told = getattr(record, "fields", None)
        if told is not None:
            fields |= told
        else:
            fields |= {"logger": record.name, "message": record.getMessage()}
        if record.exc_info is not None and record.exc_info[0] is not None:
            frames = traceback.extract_tb(record.exc_info[2])
            fields["error"] = record.exc_info[0].__name__
            fields["at"] = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
        return json.dumps(fields, ensure_ascii=False)


def to_json(stream: TextIO | None = None) -> None:
    """From now on everything that is logged in this process is one JSON line each, requests and runs as well."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    REQUESTS.setLevel(logging.INFO)


def note(kind: str, **fields: Field) -> None:
    """Log one request or run; costs nothing while nobody asked for such lines."""
    if REQUESTS.isEnabledFor(logging.INFO):
        said = {name: value for name, value in fields.items() if value is not None}
        REQUESTS.info(kind, extra={"fields": {"event": kind} | said})
