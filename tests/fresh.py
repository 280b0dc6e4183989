"""Checks that need a process of their own: memory readings mean little in one where other tests left free heap behind."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

TESTS = Path(__file__).resolve().parent


def passes_in_a_fresh_process(check: Callable[[], None], seconds: float = 180) -> None:
    """Run a module-level function of a test module in a new interpreter; its failed assertion is this test's."""
    search = os.pathsep.join([str(TESTS.parent), str(TESTS), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", f"from {check.__module__} import {check.__name__} as check; check()"],
        env={**os.environ, "PYTHONPATH": search},
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert done.returncode == 0, done.stderr
