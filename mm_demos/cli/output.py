"""What goes to standard output, and the guarantee that nothing else does."""

from __future__ import annotations

import ctypes
import json
import logging
import math
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from typing import Any, TextIO

from mm_demos.errors import DemoError
from mm_demos.progress import Progress, Update


class Output:
    """Writes results, one at a time, each at once.

    Args:
        stream: what was standard output when the command started.
        as_json: one JSON object a line instead of text for people.
        quiet: no progress on standard error.
    """

    def __init__(self, stream: TextIO, *, as_json: bool, quiet: bool = False) -> None:
        self._stream = stream
        self._narrator = _Narrator(quiet=quiet)
        self.as_json = as_json
        self.failed = 0

    @property
    def progress(self) -> Progress:
        """For the task that runs now; it writes to standard error."""
        return Progress(self._narrator.show)

    def result(self, shown: Any, data: Mapping[str, Any], text: str) -> None:
        """Write one result: `{"input": shown, **data}` or `text`."""
        self.write({"input": shown, **data} if self.as_json else text)

    def error(self, shown: Any, message: str) -> None:
        """Write that one input could not be used; the exit status becomes 1."""
        self.failed += 1
        if self.as_json:
            self.write({"input": shown, "error": message})
        else:
            self._narrator.clear()
            print(f"{_name(shown)}: {message}", file=sys.stderr, flush=True)

    def write(self, result: Mapping[str, Any] | str) -> None:
        """Write a line of JSON or of text."""
        self._narrator.clear()
        line = result if isinstance(result, str) else json_line(result)
        self._stream.write(line if line.endswith("\n") else line + "\n")
        self._stream.flush()

    def piece(self, text: str) -> None:
        """Write a part of a line, at once."""
        self._narrator.clear()
        self._stream.write(text)
        self._stream.flush()

    @property
    def status(self) -> int:
        """Exit status: 0 all good, 1 some failed."""
        return 1 if self.failed else 0


@contextmanager
def standard_output(*, as_json: bool, quiet: bool = False) -> Iterator[Output]:
    """Keep standard output for results: whatever else prints, native libraries and children too, goes to standard error."""
    sys.stdout.flush()
    kept = os.dup(1)
    stream = os.fdopen(kept, "w", encoding="utf-8", errors="backslashreplace", newline="\n")
    back = os.dup(1)
    os.dup2(2, 1)
    try:
        with redirect_stdout(sys.stderr):
            yield Output(stream, as_json=as_json, quiet=quiet)
    finally:
        sys.stdout.flush()
        _flush_native()
        os.dup2(back, 1)
        os.close(back)
        _close(stream)


def attempt(output: Output, shown: Any, step: Callable[[], None]) -> None:
    """Run `step()` for one input; what goes wrong with it is written, and the next input has its turn."""
    try:
        step()
    except BrokenPipeError:
        raise
    except Exception as error:  # a fault of ours or of a library must not cost the user the rest of the batch
        output.error(shown, str(known(error)))


def known(error: Exception) -> DemoError:
    """The error itself when its text is for people; otherwise one that says so, with the traceback in the log."""
    if isinstance(error, DemoError):
        return error
    logging.getLogger(__name__).error("An unexpected error", exc_info=error)
    return DemoError(f"Something unexpected went wrong; please report it with the log ({type(error).__name__}: {error}).")


def json_line(result: Mapping[str, Any]) -> str:
    """One line of valid JSON in UTF-8: no NaN, and names that are no Unicode escaped."""
    line = json.dumps(_plain(result), ensure_ascii=False, allow_nan=False)
    try:
        line.encode()
    except UnicodeEncodeError:
        line = json.dumps(_plain(result), ensure_ascii=True, allow_nan=False)
    return line


def table(rows: Iterable[tuple[str, ...]]) -> str:
    """Columns of text, two spaces apart."""
    lines = list(rows)
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in lines)


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value.item() if hasattr(value, "item") else value  # numbers of NumPy


def _name(shown: Any) -> str:
    return shown if isinstance(shown, str) else json.dumps(shown, ensure_ascii=False)


def _flush_native() -> None:
    """Write out what native code has printed into the C library's own buffer, as long as it still goes elsewhere."""
    if os.name == "posix":
        ctypes.CDLL(None).fflush(None)


def _close(stream: TextIO) -> None:
    try:
        stream.close()
    except BrokenPipeError:  # said already, when the line was written
        return


class _Narrator:
    """Progress for people: one line that is rewritten on a terminal, otherwise a line per step and tenth."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._terminal = sys.stderr.isatty()
        self._last = ""

    def show(self, update: Update) -> None:
        if self._quiet:
            return
        share = update.fraction
        line = update.message if share is None else f"{update.message} {share:.0%}"
        if self._terminal:
            print(f"\r\x1b[K{line[:100]}", end="", file=sys.stderr, flush=True)
            self._last = line
            return
        step = update.message if share is None else f"{update.message} {int(share * 10)}"
        if update.unit == "bytes" and step != self._last:  # fetching takes minutes; the rest would only fill logs
            print(line, file=sys.stderr, flush=True)
            self._last = step

    def clear(self) -> None:
        if self._terminal and self._last:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
            self._last = ""
