"""The assistant on the command line: one message, a batch of conversations, and a conversation that is typed."""

from __future__ import annotations

import io
import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mm_demos.assistant.store import ConversationStore
from mm_demos.assistant.types import Reply
from mm_demos.cli import main
from mm_demos.models.fake import register_fakes
from mm_demos.progress import Progress
from mm_demos.settings import Settings
from mm_demos.tasks import assistant_chat

Run = Callable[..., tuple[int, str, str]]
FAKE = ("--model", "fake-chat")


@pytest.fixture
def run(tmp_path: Path, configure: Callable[..., Settings], capfd: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """`run("Hello", "--json")` is the exit status and what was written; what code decides is real, the wording is a fake's."""
    configure(data_dir=tmp_path / "data")
    restore = register_fakes()

    def call(*arguments: object) -> tuple[int, str, str]:
        status = main(["chat", *map(str, arguments), *FAKE])
        written = capfd.readouterr()
        return status, written.out, written.err

    yield call
    restore()


@pytest.fixture
def typed(run: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`typed("Hello\\n/quit\\n", "--json")` is a conversation at the prompt."""

    def call(lines: str, *arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.stdin", io.StringIO(lines))
        return run(*arguments)

    return call


def objects(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_one_message(run: Run) -> None:
    status, out, _ = run("Where is my order S-10241?", "--json", "--receipt")
    (answer,) = objects(out)
    assert status == 0
    assert answer["input"] == "Where is my order S-10241?"
    assert answer["steps"][0]["tool"] == "order_status"
    assert answer["intent"] == "order status"
    assert answer["receipt"]["task"] == "reply"
    assert "done" not in answer


def test_for_people_an_answer_names_its_tools(run: Run) -> None:
    status, out, _ = run("Where is my order S-10241?")
    assert status == 0
    assert "shipped" in out
    assert "· order_status S-10241" in out


def test_a_batch_goes_on_after_what_cannot_be_answered(run: Run, tmp_path: Path) -> None:
    lines = [
        {"turns": [{"text": "Where is my order S-10241?"}, {"text": "And S-10234?"}]},
        {"turns": []},
        {"image": "nowhere.jpg"},
        "Hello",
    ]
    batch = tmp_path / "batch.jsonl"
    batch.write_text("\n".join(map(json.dumps, lines)) + "\nno JSON\n", encoding="utf-8")
    status, out, _ = run("--batch", batch, "--json")
    talk, empty, missing, hello, broken = objects(out)
    assert status == 1
    assert [reply["steps"][0]["arguments"]["order"] for reply in talk["replies"]] == ["S-10241", "S-10234"]
    assert '"turns" must be a list' in empty["error"]
    assert "nowhere.jpg" in missing["error"]
    assert hello["intent"] == "small talk"
    assert "not JSON" in broken["error"]


def test_answers_rest_on_documents_of_ones_own(run: Run, tmp_path: Path) -> None:
    document = tmp_path / "library.md"
    document.write_text("# Opening hours\n\nThe reading room opens at nine and closes at five on weekdays.\n", encoding="utf-8")
    _, out, _ = run("When does the reading room open?", "--documents", document, "--json")
    assert {source["span"]["source"] for source in objects(out)[0]["sources"]} == {"library.md"}


def test_a_conversation_is_typed_kept_and_gone_on_with(typed: Run) -> None:
    status, out, err = typed("Where is my order S-10241?\n\nHello\n/undo\n/nonsense\n/undo\n/undo\nHello\n/quit\nlost\n")
    assert status == 1, "one /undo too many"
    assert "shipped" in out
    assert "Taken back: Hello" in err
    assert "There is no turn to take back" in err
    assert "/image FILE" in err
    (kept,) = ConversationStore().conversations()
    assert (kept.title, kept.turns) == ("Hello", 1)
    _, _, err = typed("Thanks\n", "--continue")
    assert "Going on with “Hello”" in err
    assert [each.turns for each in ConversationStore().conversations()] == [2]
    typed("Hello\n/new\nHello\n")
    assert len(ConversationStore().conversations()) == 3


def test_json_of_a_typed_conversation_is_nothing_but_replies(typed: Run) -> None:
    status, out, _ = typed("Hello\n/image nowhere.png\nThanks\n", "--json", "--private")
    first, fault, last = objects(out)
    assert status == 1
    assert (first["input"], last["input"]) == ("Hello", "Thanks")
    assert "nowhere.png" in fault["error"]
    assert ConversationStore().conversations() == ()


def test_an_answer_is_written_as_it_grows_and_ctrl_c_stops_it(typed: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def growing(*_: object, progress: Progress, **__: object) -> Iterator[Reply]:
        yield Reply("Once", done=False)
        yield Reply("Once upon", done=False)
        signal.raise_signal(signal.SIGINT)
        progress.checkpoint()
        yield Reply("never", done=True)

    monkeypatch.setattr(assistant_chat, "reply", growing)
    status, out, err = typed("Tell me a tale\n")
    assert status == 0
    assert out == "Once upon\n"
    assert "Stopped." in err
    assert ConversationStore().conversations() == ()


def test_wrong_usage(run: Run, tmp_path: Path) -> None:
    assert run("Hello", "--continue")[0] == 2
    assert run("a", "b", "--image", "c.jpg")[0] == 2
    assert run("--batch", tmp_path / "none.jsonl")[0] == 2
    assert main(["chat", "Hello", "--model", "whisper-base"]) == 2
