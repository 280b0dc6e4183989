"""Native engines are tried in a child process: a crash there costs a notice, not the application."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mm_demos.errors import MissingDependencyError, StoppedError
from mm_demos.models import catalog, fake, probe
from mm_demos.models.catalog import Engine, ModelSpec
from mm_demos.models.loader import Loader, LoadEvent
from mm_demos.progress import Progress
from mm_demos.settings import settings

ROOM = 100_000_000


@pytest.fixture(autouse=True)
def fakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("MM_DEMOS_CACHE_DIR", str(tmp_path))
    settings.cache_clear()
    restore = fake.register_fakes()
    yield
    restore()
    settings.cache_clear()


def never(*_: object) -> tuple[str, bool]:
    raise AssertionError("no child process must be started")


def test_crashing_engine_gives_way_and_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[LoadEvent] = []
    loader = Loader(budget_bytes=ROOM)
    loader.subscribe(events.append)
    with loader.lease("fake-crash"):
        assert loader.describe("fake-crash").engine == "fake"
    notices = [event.message for event in events if event.kind == "notice"]
    assert len(notices) == 1
    assert "fake-crash: it crashes on this machine (SIGSEGV)" in notices[0]
    assert any(event.message == "Trying fake-crash on this machine (once)" for event in events)

    monkeypatch.setattr(probe, "_try_in_child", never)
    with Loader(budget_bytes=ROOM).lease("fake-crash") as model:
        assert isinstance(model, fake.FakeChat)


def test_engine_that_passes_is_tried_once(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine("fake", "mm_demos.models.fake:load_fake", probe=True)
    row = catalog.spec("fake-chat")
    assert probe.Trials()(row, engine, Progress()) == ""
    monkeypatch.setattr(probe, "_try_in_child", never)
    assert probe.Trials()(row, engine, Progress()) == ""


def test_no_engine_left_names_the_cause() -> None:
    catalog.register(ModelSpec("only-crash", "chat", "fake", (), (fake.CRASHING,)))
    try:
        with pytest.raises(MissingDependencyError, match=r"only-crash cannot run .*fake-crash.*SIGSEGV"):
            Loader(budget_bytes=ROOM).lease("only-crash").__enter__()
    finally:
        catalog.unregister("only-crash")


def test_time_out_is_forgotten_with_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    row = catalog.spec("fake-chat")
    trials = probe.Trials(timeout_seconds=0.01)
    assert "no answer within" in trials(row, fake.ENGINE, Progress())
    assert not (settings().cache_dir / "engines.json").exists()
    monkeypatch.setattr(probe, "_try_in_child", never)
    assert "no answer within" in trials(row, fake.ENGINE, Progress())


def test_stop_ends_the_trial() -> None:
    progress = Progress()
    progress.on_update = lambda update: progress.stop()
    with pytest.raises(StoppedError):
        probe.Trials()(catalog.spec("fake-chat"), fake.ENGINE, progress)


@pytest.mark.parametrize("content", ["", "[1, 2]", '{"cut": "of'])
def test_damaged_memory_of_trials_is_made_anew(content: str) -> None:
    file = settings().cache_dir / "engines.json"
    file.write_text(content)
    row = catalog.spec("fake-chat")
    assert probe.Trials()(row, fake.ENGINE, Progress()) == ""
    assert list(json.loads(file.read_text()).values()) == [""]
    assert [path.name for path in file.parent.glob("engines*")] == ["engines.json"]


@pytest.mark.parametrize(
    ("arguments", "status", "cause"),
    [
        (["whisper-base", "no-such-engine"], 1, "no-such-engine"),
        (["no-such-model", "fake"], 1, "no-such-model"),
        (["whisper-base"], 2, "usage"),
    ],
)
def test_by_hand_a_mistake_is_one_line(arguments: list[str], status: int, cause: str) -> None:
    command = [sys.executable, "-m", "mm_demos.models.probe", *arguments]
    root = Path(probe.__file__).parents[2]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=root)
    assert (done.returncode, done.stdout) == (status, "")
    assert cause in done.stderr
    assert done.stderr.count("\n") == 1


ROLES = ("speech", "image-tagger", "text-reader", "text-embedder", "joint-embedder", "captioner", "answerer", "chat")


@pytest.mark.parametrize("role", ROLES)
def test_every_role_has_a_tiny_call(role: catalog.Role) -> None:
    with Loader(budget_bytes=ROOM).lease(f"fake-{role}") as model:
        probe.exercise(role, model)
