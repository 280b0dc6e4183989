"""The whole suite in a process of its own, as a browser or a program elsewhere meets it."""

from __future__ import annotations

import os
import queue
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
START_SECONDS = 120


@contextmanager
def started(folder: Path, **environment: str) -> Iterator[str]:
    """Address of `python app.py` with its files in `folder`, and these variables besides the test's own; it says where it is."""
    own = {"GRADIO_TEMP_DIR": str(folder / "gradio"), "MM_DEMOS_DATA_DIR": str(folder / "data"), "PYTHONUNBUFFERED": "1"}
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "app.py", "--port", str(port)]
    whole = os.environ | own | environment
    with subprocess.Popen(command, cwd=ROOT, env=whole, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as app:
        lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=lambda: [lines.put(line) for line in app.stdout or ()], daemon=True).start()
        try:
            yield _address(lines)
        finally:
            app.terminate()
            app.wait(30)


def _address(lines: queue.SimpleQueue[str]) -> str:
    said = []
    while True:
        try:
            said.append(lines.get(timeout=START_SECONDS))
        except queue.Empty:
            pytest.fail(f"The suite did not start: {''.join(said)}", pytrace=False)
        found = re.search(r"mm-demos is at (http://\S+?)[;\s]", said[-1])
        if found:
            return found[1]
