"""How a Space's folder is run for a check: alone, held to its limits, and gone afterwards."""

from __future__ import annotations

import json
import os
import sys
import urllib.request
from pathlib import Path

import psutil
import pytest

from mm_demos.publish.check_process import CORES, PORTS, STOP_SECONDS, RunningSpace

PATIENCE = 120.0
SERVER = """
import http.server, json, os, subprocess, sys
import mm_demos
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"], start_new_session={apart})
{more}
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
        facts = dict(environment=dict(os.environ), folder=os.getcwd(), child=child.pid, cores=cores, package=mm_demos.__file__)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(facts).encode())
    def log_message(self, *_):
        pass
http.server.HTTPServer(("127.0.0.1", int(os.environ["MM_DEMOS_PORT"])), Page).serve_forever()
"""


def running(tmp_path: Path, app: str, **options: int) -> RunningSpace:
    """A Space with a package of its own and this `app.py`, not started yet."""
    folder, room = tmp_path / "space", tmp_path / "room"
    (folder / "mm_demos").mkdir(parents=True)
    room.mkdir()
    (folder / "mm_demos" / "__init__.py").write_text("")
    (folder / "app.py").write_text(app)
    return RunningSpace(folder, Path(sys.executable), room, **options)


@pytest.mark.parametrize("apart", [False, True], ids=["child", "child-of-its-own-session"])
def test_a_space_has_two_cores_a_home_of_its_own_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, apart: bool
) -> None:
    monkeypatch.setenv("HF_TOKEN", "not-for-the-space")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    space = running(tmp_path, SERVER.format(apart=apart, more=""))
    try:
        started = space.start(PATIENCE)
        assert started.faults == ()
        assert int(space.url.rpartition(":")[2]) in PORTS  # a poll from a port of outgoing connections could occupy its own goal
        with urllib.request.urlopen(space.url) as page:
            facts = json.load(page)
    finally:
        end = space.stop()
    assert end.faults == ()
    assert end.seconds < STOP_SECONDS, "a child of its own session was not asked to end"
    assert end.peak_rss_bytes > 1_000_000
    environment, room = facts["environment"], tmp_path / "room"
    assert not {"HF_TOKEN", "PYTHONPATH", "VIRTUAL_ENV"} & set(environment)
    assert all(Path(environment[name]).is_relative_to(room) for name in ("HOME", "TMPDIR", "MM_DEMOS_CACHE_DIR", "HF_HOME"))
    assert Path(facts["folder"]) == room / "app"
    assert Path(facts["package"]).is_relative_to(room / "app")
    assert len(facts["cores"]) <= CORES
    assert started.cores == len(facts["cores"])
    assert not psutil.pid_exists(facts["child"]) or psutil.Process(facts["child"]).status() == psutil.STATUS_ZOMBIE


def test_this_program_keeps_its_own_cores(tmp_path: Path) -> None:
    before = os.sched_getaffinity(0)
    space = running(tmp_path, "import sys; sys.exit('mm-demos: a setting is wrong')")
    started = space.start(PATIENCE)
    end = space.stop()
    assert os.sched_getaffinity(0) == before
    assert started.faults[0].startswith("app.py ended with status 1 (mm-demos: a setting is wrong)")
    assert end.faults == started.faults


def test_a_space_that_takes_too_much_memory_is_stopped(tmp_path: Path) -> None:
    greedy = SERVER.format(apart=False, more="kept = bytearray(b'x') * 300_000_000")
    space = running(tmp_path, greedy, memory_bytes=200_000_000)
    try:
        space.start(PATIENCE)
        while not space.died():
            psutil.Process().cpu_percent(0.1)
    finally:
        end = space.stop()
    assert any("more than the" in fault and "memory budget" in fault for fault in end.faults)
    assert end.peak_rss_bytes > 200_000_000


def test_a_traceback_in_the_log_is_a_fault(tmp_path: Path) -> None:
    more = "import traceback\ntry:\n    1 / 0\nexcept ZeroDivisionError:\n    traceback.print_exc()"
    space = running(tmp_path, SERVER.format(apart=False, more=more))
    space.start(PATIENCE)
    assert space.stop().faults == ("The log has a traceback (ZeroDivisionError: division by zero): mend its cause.",)


def test_a_folder_without_its_package_is_refused_before_it_runs(tmp_path: Path) -> None:
    space = running(tmp_path, "open('ran', 'w')")
    (tmp_path / "room" / "app" / "mm_demos" / "__init__.py").unlink()
    (tmp_path / "room" / "app" / "mm_demos").rmdir()
    (fault,) = space.start(PATIENCE).faults
    space.stop()
    assert "build the folder again" in fault or "build it again" in fault
    assert not (tmp_path / "room" / "app" / "ran").exists()
