"""How long `python app.py` takes to its first answer, against an empty page of Gradio, one after the other on the same machine.

Both start once unmeasured, so that Python has compiled their modules, as at every start but a machine's first.

python -m mm_demos.evaluation.benchmark_startup
"""

from __future__ import annotations

import argparse
import http.client
import os
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 120.0
POLL_SECONDS = 0.01
EMPTY = """
import sys
import gradio as gr
with gr.Blocks(analytics_enabled=False) as page:
    pass
page.launch(server_name="127.0.0.1", server_port=int(sys.argv[1]), quiet=True, run_history=False)
"""
EMPTY_PAGE = (sys.executable, "-c", EMPTY)
SUITE = (sys.executable, "app.py", "--port")


def free_port() -> int:
    """A port that nothing listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def seconds_to_first_answer(command: list[str], port: int) -> float:
    """Start `command` and wait for the first HTTP 200 at `port`; the process is ended afterwards."""
    environment = os.environ | {"GRADIO_ANALYTICS_ENABLED": "False"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # installed packages come compiled; without it, the suite would not
    began = time.perf_counter()
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        try:
            while time.perf_counter() - began < PATIENCE_SECONDS:
                if process.poll() is not None:
                    raise RuntimeError(process.stderr.read().decode() if process.stderr else "the page ended by itself")
                if _answers(port):
                    return time.perf_counter() - began
                time.sleep(POLL_SECONDS)
            raise TimeoutError(f"no answer within {PATIENCE_SECONDS:.0f} s")
        finally:
            process.kill()


def _timed(command: tuple[str, ...]) -> float:
    """Seconds to the first answer of `command` at a free port, its last argument."""
    port = free_port()
    return seconds_to_first_answer([*command, str(port)], port)


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (ConnectionError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def main(arguments: list[str] | None = None) -> int:
    """Print each pair of times, and the ratio of the medians."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0] if __doc__ else "")
    parser.add_argument("--repeats", type=int, default=3)
    repeats = parser.parse_args(arguments).repeats
    suite, empty = [], []
    for command in (EMPTY_PAGE, SUITE):
        _timed(command)
    for _ in range(repeats):
        empty.append(_timed(EMPTY_PAGE))
        suite.append(_timed(SUITE))
        print(f"empty page {empty[-1]:5.2f} s   suite {suite[-1]:5.2f} s")
    base, ours = statistics.median(empty), statistics.median(suite)
    print(f"median     {base:5.2f} s         {ours:5.2f} s   ratio {ours / base:.2f} (promised ≤ 1.30)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
