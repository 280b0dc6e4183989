"""Runs the examples of a tab once, on real weights, and keeps what they give for the tab's Space."""

from __future__ import annotations

import shutil
from pathlib import Path

from mm_demos.publish.start import EXAMPLES
from mm_demos.tabs import TabSpec

ADDRESS = "http://127.0.0.1:7860"  # for the snippets of a page that is never served


def keep(tab: TabSpec, folder: Path) -> str:
    """Write `folder/examples/` anew and say in one line what lies there.

    Raises:
        DemoError: an example cannot be run here.
    """
    from mm_demos.ui import Frame

    target = folder / EXAMPLES
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    missing = [line for rows in Frame([tab], ADDRESS).examples for line in rows.compute(target)]
    files = [path for path in target.iterdir() if path.is_file()]
    if not files:
        target.rmdir()
    size = sum(path.stat().st_size for path in files)
    return "\n".join([f"{tab.name}: {len(files)} files of examples, {size:,} bytes", *missing])
