"""Conversations outlive the page, the uploads and the process; what was said of answers outlives the conversation."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from mm_demos import samples
from mm_demos.assistant import store as module
from mm_demos.assistant.store import DATABASE, MEDIA, ConversationStore, Kept
from mm_demos.assistant.types import Message, Reply, Seen, Source, Span, ToolStep
from mm_demos.errors import InvalidInputError
from mm_demos.results import LabelScore, ModelUse, Receipt
from mm_demos.settings import Settings

SPAN = Span("returns.md", 3, "Plants can be returned within 7 days.", "Returns › Plants", 0, 10, 48)
REPLY = Reply(
    "Within 7 days [1].",
    sources=(Source(1, SPAN, "Plants can be returned within 7 days."),),
    steps=(ToolStep("refund_rule", {"order": "S-10234"}, {"text": "Yes.", "days": 7, "lines": ["a", "b"]}),),
    intent="refund",
    intent_score=0.9,
    sentiment="negative",
    seen=(Seen("cat.jpg", "a cat", (LabelScore("cat", 0.8),), ""),),
    notices=("One notice.",),
    first_token_seconds=0.5,
    receipt=Receipt("reply", (), {"temperature": 0.0, "images": 1}, 0, 1.5, 10, "0.1"),
)


@pytest.fixture
def store(tmp_path: Path) -> ConversationStore:
    return ConversationStore(tmp_path / "assistant")


def turn(text: str, reply: Reply = REPLY, **more: bool | str | None) -> Kept:
    return Kept(Message(text), reply, **more)  # type: ignore[arg-type]


def test_a_conversation_comes_back_as_it_was(store: ConversationStore) -> None:
    turns = (turn("Can I return a plant?", liked=False, reason="wrong"), turn("Grüße – 好", spoken=True))
    store.keep("a1", turns)
    again = ConversationStore(store.folder)
    assert again.turns("a1") == turns
    assert [exchange.reply for exchange in again.conversation("a1").exchanges] == [REPLY, REPLY]


def test_a_receipt_keeps_its_models(store: ConversationStore) -> None:
    receipt = Receipt("reply", (ModelUse("m", "r", "cpu", "int8", "onnx", 0.1),), {}, None, 1.0, 2, "0.1")
    store.keep("a", [turn("Hello", Reply("Hi", receipt=receipt))])
    assert store.turns("a")[0].reply.receipt == receipt


def test_pictures_and_recordings_outlive_their_uploads(store: ConversationStore, tmp_path: Path) -> None:
    upload, voice = tmp_path / "Cat.JPG", tmp_path / "voice.ogg"
    upload.write_bytes(samples.path("cat.jpg").read_bytes())
    voice.write_bytes(samples.path("baby.ogg").read_bytes())
    store.keep("a", [Kept(Message("", (upload, upload), voice), REPLY)])
    upload.unlink()
    voice.unlink()
    message = store.turns("a")[0].message
    assert [path.read_bytes() for path in message.images] == [samples.path("cat.jpg").read_bytes()] * 2
    assert message.audio is not None
    assert message.audio.suffix == ".ogg"
    assert len(list((store.folder / MEDIA).iterdir())) == 2, "one copy for one content"
    store.delete("a")
    assert not list((store.folder / MEDIA).iterdir())


def test_keeping_again_replaces_and_comes_first(store: ConversationStore) -> None:
    store.keep("a", [turn("first"), turn("second")])
    store.keep("b", [turn("x " * 200)])
    store.keep("a", [turn("first"), turn("other"), turn("third")])
    newest, older = store.conversations()
    assert (newest.number, newest.title, newest.turns) == ("a", "first", 3)
    assert len(older.title) <= module.MAX_TITLE_CHARS
    assert [kept.message.text for kept in store.turns("a")] == ["first", "other", "third"]
    store.keep("a", ())
    assert [each.number for each in store.conversations()] == ["b"]


def test_a_stopped_answer_does_not_come_back_growing(store: ConversationStore) -> None:
    store.keep("a", [turn("Hello", Reply("Half an ans", done=False))])
    assert store.turns("a")[0].reply == Reply("Half an ans", done=True)


def test_nothing_is_made_before_something_is_kept(store: ConversationStore) -> None:
    assert store.conversations() == store.turns("a") == store.feedback() == ()
    store.delete("a")
    assert not store.folder.exists()


def test_what_readers_said_stays_and_their_last_word_counts(store: ConversationStore) -> None:
    store.keep("a", [turn("Can I return a plant?")])
    store.rate("a", turn("Can I return a plant?", liked=True))
    store.rate("a", turn("Can I return a plant?", liked=False, reason="not from the source"))
    store.rate("b", turn("Can I return a plant?", liked=True))
    store.rate("b", turn("Can I return a plant?"))
    store.delete("a")
    (said,) = store.feedback()
    assert (said.question, said.answer, said.sources) == ("Can I return a plant?", "Within 7 days [1].", ("returns.md",))
    assert (said.liked, said.reason) == (False, "not from the source")
    store.clear()
    assert store.feedback() == ()
    with pytest.raises(InvalidInputError, match="at most 300"):
        store.rate("a", turn("x", liked=False, reason="y" * 301))


def test_the_oldest_make_room(store: ConversationStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_CONVERSATIONS", 2)
    for number in ("a", "b", "c"):
        store.keep(number, [turn(number)])
    assert [each.number for each in store.conversations()] == ["c", "b"]
    assert store.turns("a") == ()


def test_several_write_at_once(store: ConversationStore) -> None:
    writers = [threading.Thread(target=store.keep, args=(f"n{number}", [turn("x")])) for number in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert len(store.conversations()) == 8


@pytest.mark.parametrize("number", ["", "../a", "a b", "x" * 65, "é"])
def test_odd_numbers_are_refused(store: ConversationStore, number: str) -> None:
    with pytest.raises(InvalidInputError, match="number of a conversation"):
        store.keep(number, [turn("x")])


def test_a_file_that_is_no_database_is_said_so(store: ConversationStore) -> None:
    store.folder.mkdir()
    (store.folder / DATABASE).write_text("no database at all, only text " * 50)
    with pytest.raises(InvalidInputError, match="delete"):
        store.conversations()


def test_the_users_own_lies_in_the_data_folder(tmp_path: Path, configure: Callable[..., Settings]) -> None:
    configure(data_dir=tmp_path)
    assert ConversationStore().folder == tmp_path / "assistant"
