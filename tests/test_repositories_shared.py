"""Repositories of the hub that two fetch at once, that are there in part already, or whose files have names that lead away."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fake_hub import COMMIT, Hub
from test_repositories import BIG, WANTED, cache, hub, row

from mm_demos.errors import StoppedError
from mm_demos.models import repositories, weights
from mm_demos.models.hub import look_up
from mm_demos.progress import Progress, Update

__all__ = ["cache", "hub"]  # fixtures


def test_who_waited_for_the_same_bytes_leaves_the_folder_in_place(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    real, seen = repositories.held, []

    def after_another(*arguments: Any) -> Any:
        monkeypatch.setattr(repositories, "held", real)
        folder = weights.ensure(row())  # as another process does that has had the lock before
        seen.append((folder, _state(folder)))
        return real(*arguments)

    monkeypatch.setattr(repositories, "held", after_another)
    folder = weights.ensure(row())
    assert seen == [(folder, _state(folder))]


def _state(folder: Path) -> list[tuple[int, int]]:
    return [(path.stat().st_ino, path.stat().st_mtime_ns) for path in (folder, folder / repositories.CONTENTS)]


def test_what_lies_there_is_read_once_and_a_stop_is_heard_meanwhile(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    place = weights.ensure(row())
    (place / repositories.CONTENTS).unlink()
    monkeypatch.setattr(repositories, "CHUNK_BYTES", len(BIG) // 4)
    real, read = repositories._differs, []

    def differs(path: Path, *others: Any) -> bool:
        read.append(path.name)
        return real(path, *others)

    monkeypatch.setattr(repositories, "_differs", differs)
    progress = Progress()

    def stop(update: Update) -> None:
        if update.done and len(BIG) // 4 < update.done < len(BIG):
            progress.stop()

    progress.on_update = stop
    with pytest.raises(StoppedError):
        weights.ensure(row(), progress)
    read.clear()
    asked = len(hub.requests)
    assert weights.ensure(row()) == place
    assert sorted(read) == sorted(Path(name).name for name in WANTED)
    assert not [request for request in hub.requests[asked:] if "resolve" in request]


@pytest.mark.parametrize("name", ["../evil.json", "/evil.json", "a/../../evil.json", "..\\evil.json", "C:/evil.json"])
def test_a_file_whose_name_leads_out_of_the_folder_is_no_file_of_it(hub: Hub, name: str) -> None:
    hub.repositories["owner/tiny"].files[name] = b"{}"
    snapshot = look_up("owner/tiny", COMMIT, ("*.json",))
    assert [file.name for file in snapshot.files] == ["config.json", "nested/tokenizer.json"]
    assert name not in snapshot.all_names
