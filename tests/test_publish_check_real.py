"""A built Space tried to the end: the Speech tab alone, in a process of its own, with a browser in front of it."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from mm_demos.publish import folder, selection
from mm_demos.publish.check import CheckOptions, check
from mm_demos.settings import settings


def test_the_folder_of_a_tab_starts_alone_and_answers(
    tmp_path: Path, real_weights: Callable[[str], Path], chromium_path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real_weights("whisper-base")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    built = folder.build(selection.of_tab("speech"), tmp_path / "built")
    # The requirements are resolved by the command; here the packages of the tests do.
    options = CheckOptions(python=Path(sys.executable), weights_cache=settings().cache_dir)
    report = check(built, options)
    assert report.faults == ()
    assert report.environment is not None
    assert report.environment.installer == "given"
    assert "were not resolved" in report.notes[0]
    assert report.visit is not None
    assert report.visit.door == "browser"
    asked = [answer.asked for answer in report.visit.answers]
    assert asked[0] == "page"
    assert asked[-1] == "real input"
    assert sum(name.startswith("example") for name in asked) == 2
    assert not report.visit.answers[-1].stored
    assert report.end is not None
    assert report.end.peak_rss_bytes > 200_000_000
    assert [path.name for path in tmp_path.iterdir()] == ["built"]
