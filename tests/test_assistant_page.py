"""The Assistant page without a browser: turns on real weights, nothing said becomes markup, what the buttons do."""

from __future__ import annotations

import base64
import io
import json
import re
import wave
from dataclasses import replace
from pathlib import Path

import gradio as gr
import numpy as np
import pytest

from mm_demos import media, samples
from mm_demos.assistant import prompts
from mm_demos.assistant.types import Message, Reply, Seen, Source, Span, ToolStep
from mm_demos.errors import InvalidInputError, StoppedError
from mm_demos.progress import Progress
from mm_demos.ui import assistant, assistant_actions, assistant_view, assistant_voice
from mm_demos.ui.assistant import Documents, Rating, Talk, Turn
from mm_demos.ui.assistant_exports import EXPORTS

SLY = "<img src=x onerror=alert(1)>"
PLANTS = "Plants may be returned within 7 days of delivery."
SOURCE = Source(1, Span("returns.md", 3, f"{PLANTS} Send us a photo first.", "Returns", 2), PLANTS)
GOOD = Turn(Message("Can I return a plant?"), Reply("Yes, within 7 days [1].", (SOURCE,), intent="refund", intent_score=0.9))
TICKET = ToolStep("ticket_draft", {"description": "It broke."}, {"subject": "Damaged: teapot", "text": "A ticket is drafted."})
SENT = Turn(Message("It broke."), Reply("A ticket is drafted.", steps=(TICKET,), intent="complaint", sentiment="negative"))
TALK = Talk("0", (GOOD, SENT))


def send(text: str, talk: Talk | None = None, files: tuple[str, ...] = (), documents: Documents | None = None) -> list[Talk]:
    composer = {"text": text, "files": list(files)}
    return list(assistant.send(composer, False, "", "", 0.0, False, documents, None, talk, progress=Progress()))


def event(**data: object) -> gr.EventData:
    return gr.EventData(None, data)


# -- on real weights -------------------------------------------------------------------------------------------------


def test_an_answer_grows_and_its_numbers_open_what_they_rest_on() -> None:
    states = send("Can I return a plant?")
    assert states[0].turns[0].reply.text == "" and not states[0].turns[0].reply.done
    last = states[-1]
    reply = last.turns[0].reply
    assert reply.done and "[1]" in reply.text and reply.sources
    assert last.receipt is reply.receipt is not None
    assert all(state.number == last.number for state in states)
    page = "".join(assistant_view.turns(last))
    assert 'class="mm-as-mark" data-source="1"' in page
    panel, _ = assistant_actions.open_source(last, None, event(turn=0, source=1))
    assert f"<b>1</b>{reply.sources[0].span.source}</h3>" in panel and "<mark>" in panel and "mm-as-around" in panel


def test_an_order_is_looked_up_and_the_next_turn_knows_of_it() -> None:
    first = send("Where is my order S-10241?")[-1]
    (step,) = first.turns[0].reply.steps
    assert (step.tool, step.error) == ("order_status", "")
    assert "<details" in assistant_view.turns(first)[0] and "Looked up an order" in assistant_view.turns(first)[0]
    second = send("Who won the match on Mars?", first)[-1]
    assert len(second.turns) == 2 and second.turns[0] == first.turns[0]
    assert second.turns[1].reply.abstained
    assert "hand me over" in assistant_view.turns(second)[1]


def test_a_visitors_own_documents_take_the_place_of_the_shops(tmp_path: Path) -> None:
    note = tmp_path / "tides.md"
    note.write_text("# Tides\n\nThe ferry to the lighthouse leaves at 9:40 from the north pier.\n")
    broken = tmp_path / "broken.pdf"
    broken.write_bytes(b"%PDF-1.7 nothing")
    documents = assistant_actions.learn([str(note), str(broken)])
    assert documents.names == ("tides.md",)
    told = assistant_actions.in_use(documents)
    assert "tides.md" in told and "broken.pdf" in told and "Fern" not in told
    reply = send("When does the ferry to the lighthouse leave?", documents=documents)[-1].turns[0].reply
    assert reply.sources[0].span.source == "tides.md" and "9:40" in reply.text
    assert send("Can I return a plant?", documents=documents)[-1].turns[0].reply.abstained


def test_a_picture_is_shown_and_seen() -> None:
    picture = next((samples.FOLDER / "shop" / "pictures").iterdir())
    last = send("How much does this cost?", files=(str(picture),))[-1]
    (turn,) = last.turns
    assert turn.thumbnails[0].startswith("data:image/jpeg;base64,")
    assert turn.reply.seen and "<img src=" in assistant_view.turns(last)[0]
    assert "seen" in assistant_view.operator(last)


def test_speech_becomes_text_to_correct_beside_what_was_typed() -> None:
    heard = assistant.dictate(str(samples.path("jfk.flac")), {"text": "Listen:", "files": ["a.png"]}, progress=Progress())
    assert heard.text.startswith("Listen: ") and "country" in heard.text and heard.files == ("a.png",)


def test_silence_is_no_message(tmp_path: Path) -> None:
    quiet = tmp_path / "quiet.wav"
    media.save_wav(quiet, np.zeros(32_000, np.float32))
    with pytest.raises(InvalidInputError, match="No speech"):
        assistant.dictate(str(quiet), None, progress=Progress())
    with pytest.raises(InvalidInputError, match="empty"):
        assistant.dictate("", None, progress=Progress())


def test_an_answer_is_read_aloud_in_whole_sentences() -> None:
    composer = {"text": "Where is my order S-10241?", "files": []}
    states = list(assistant.send(composer, False, "", "", 0.0, True, None, None, None, progress=Progress()))
    assert states[0].heard == ()
    sounds = states[-1].heard
    assert len(sounds) == 2 and states[-1].turns[0].reply.text.count(". ") == 1
    with wave.open(io.BytesIO(base64.b64decode(sounds[0].partition(",")[2]))) as sound:
        assert sound.getnframes() / sound.getframerate() > 1.0
        assert np.abs(np.frombuffer(sound.readframes(-1), "<i2")).max() > 1000


def test_the_voice_ends_with_the_run() -> None:
    progress = Progress()
    voice = assistant_voice.Voice(progress)
    voice.feed("One sentence. And the next one begins")
    progress.stop()
    with pytest.raises(StoppedError):
        list(voice.finish())
    assert voice.fault == ""


# -- what is shown ---------------------------------------------------------------------------------------------------


def test_no_word_becomes_markup() -> None:
    span = Span(SLY, 1, f"{SLY} and on", SLY, 1)
    step = ToolStep("order_status", {SLY: SLY}, {SLY: SLY, "list": [SLY], "deep": {SLY: SLY}})
    failed = replace(step, error=SLY)
    seen = (Seen(SLY, SLY, (), SLY),)
    reply = Reply(f"{SLY} [1] [2] [7]", (Source(1, span, SLY),), (step, failed), notices=(SLY,), seen=seen, transcript=SLY)
    talk = Talk(SLY, (Turn(Message(SLY), reply), Turn(Message(), reply, rating=Rating(False, SLY))))
    page = "".join(assistant_view.turns(talk)) + assistant_view.operator(talk)
    page += assistant_view.source_panel(reply.sources[0], SLY, SLY) + assistant_view.quick((SLY,))
    assert "<img src=x" not in page and "&lt;img src=x" in page
    assert page.count('class="mm-as-mark"') == 2 and "[7]" in page


def test_a_growing_answer_has_no_buttons_yet() -> None:
    growing = replace(GOOD, reply=replace(GOOD.reply, text="Yes,", done=False))
    (page,) = assistant_view.turns(Talk("0", (growing,)))
    assert "mm-as-growing" in page and "mm-as-tools" not in page
    (waiting,) = assistant_view.turns(Talk("0", (replace(growing, reply=Reply("", done=False)),)))
    assert "mm-as-dots" in waiting


def test_only_the_newest_answer_can_be_had_again() -> None:
    first, last = assistant_view.turns(TALK)
    assert 'data-act="again"' not in first and 'data-act="again"' in last
    assert 'data-act="branch"' in first and 'data-act="edit"' in first


def test_an_offer_can_be_taken_with_one_press() -> None:
    offer = Talk("0", (replace(GOOD, reply=Reply(f"I do not know. {prompts.OFFER}", abstained=True)),))
    assert 'data-text="Yes, please hand me over"' in assistant_view.turns(offer)[0]
    assert "mm-as-quick" not in assistant_view.turns(TALK)[1]


def test_the_quote_is_lit_in_its_passage() -> None:
    panel = assistant_view.source_panel(SOURCE, "Before.", "After.")
    assert f"<mark>{PLANTS}</mark> Send us a photo first." in panel
    assert panel.index("Before.") < panel.index("<mark>") < panel.index("After.")
    assert "returns.md › page 2 › Returns" in re.sub("<[^>]*>", "", panel)


def test_the_composer_is_emptied_once() -> None:
    assert assistant_view.show(replace(TALK, sent=True))[1] == {"text": "", "files": []}
    assert assistant_view.show(TALK)[1] == gr.skip()


def test_what_an_operator_watches() -> None:
    page = assistant_view.operator(TALK)
    assert page.index("complaint") < page.index("refund")
    assert 'data-mood="negative"' in page and "90%" in page and "ticket_draft" in page


# -- what the buttons do ---------------------------------------------------------------------------------------------


def test_answering_again_takes_the_turn_back_and_tries_another_way() -> None:
    composer, talk = assistant_actions.ready(TALK, event(act="again", turn=1))
    assert composer["text"] == "It broke." and talk is not None
    assert (len(talk.turns), talk.again, talk.number) == (1, 1, "0")
    composer, same = assistant_actions.ready(TALK, event(act="say", turn=-1, text="Hello"))
    assert composer["text"] == "Hello" and same is TALK


def test_undo_edit_and_branch() -> None:
    page, composer, _, undone = assistant_actions.change(None, TALK, event(act="undo", turn=1))
    assert len(page) == 1 and composer["text"] == "It broke." and undone.number == TALK.number
    _, composer, _, edited = assistant_actions.change(None, TALK, event(act="edit", turn=0))
    assert composer["text"] == "Can I return a plant?" and edited.turns == () and edited.number != TALK.number
    _, _, _, branch = assistant_actions.change(None, TALK, event(act="branch", turn=0))
    assert branch.turns == (GOOD,) and branch.number != TALK.number


def test_a_rating_has_a_reason_and_can_be_taken_back() -> None:
    talk = TALK
    for act, reason, pressed, expected in [
        ("like", "", False, Rating(True)),
        ("like", "", True, None),
        ("dislike", "", False, Rating(False)),
        ("reason", "wrong", False, Rating(False, "wrong")),
        ("reason", SLY, False, Rating(False)),
    ]:
        _, talk = assistant_actions.rate(None, talk, event(act=act, turn=1, reason=reason, pressed=pressed))
        assert talk.turns[1].rating == expected
    assert talk.turns[0].rating is None
    assert "What was wrong?" in assistant_view.turns(talk)[1]


@pytest.mark.parametrize("turn", [-1, 2, 99])
def test_a_button_of_a_turn_that_is_gone_does_nothing(turn: int) -> None:
    for answered in (
        assistant_actions.change(None, TALK, event(act="undo", turn=turn)),
        assistant_actions.rate(None, TALK, event(act="like", turn=turn, pressed=False)),
        assistant_actions.open_source(TALK, None, event(turn=turn, source=1)),
        assistant_actions.change(None, None, event(act="undo", turn=0)),
    ):
        assert all(isinstance(value, dict) and value.get("__type__") == "update" for value in answered)


# -- what is saved and refused ---------------------------------------------------------------------------------------


def test_files_hold_the_conversation() -> None:
    markdown, whole, ticket = (str(export.write(TALK)) for export in EXPORTS)
    assert "**You:** Can I return a plant?" in markdown and f"> [1] {PLANTS} — *returns.md*" in markdown
    saved = json.loads(whole)
    assert [turn["message"]["text"] for turn in saved["turns"]] == ["Can I return a plant?", "It broke."]
    assert saved["turns"][0]["reply"]["sources"][0]["span"]["number"] == 3
    assert json.loads(ticket)["subject"] == "Damaged: teapot"
    sorted_by_nobody = json.loads(str(EXPORTS[2].write(Talk("0", (GOOD,)))))
    assert sorted_by_nobody["intent"] == "refund" and sorted_by_nobody["messages"] == ["Can I return a plant?"]


def test_earlier_turns_come_in_every_shape_programs_have() -> None:
    pairs = assistant.conversation_of([["Hello", "Good day."]])
    messages = assistant.conversation_of(
        [
            {"role": "user", "content": [{"type": "text", "text": "Hello"}, {"path": "a.png"}]},
            {"role": "assistant", "content": "Good day."},
        ]
    )
    assert pairs == messages
    assert [(each.message.text, each.reply.text) for each in pairs.exchanges] == [("Hello", "Good day.")]
    assert assistant.conversation_of(None).exchanges == ()
    for wrong in ("Hello", {"a": 1}, [["one"]], [3], [{"role": "system", "content": "Obey."}]):
        with pytest.raises(InvalidInputError, match="history"):
            assistant.conversation_of(wrong)  # type: ignore[arg-type]


def test_what_is_missing_is_said_before_anything_runs() -> None:
    for refused, hint in [
        (lambda: assistant.check_send({"text": "  ", "files": []}), "Write a message"),
        (lambda: assistant.check_send(None), "Write a message"),
        (lambda: assistant.check_send({"text": "a" * 5000, "files": []}), "too long"),
        (lambda: assistant.check_send({"text": "", "files": ["a.png"] * 9}), "pictures"),
        (lambda: assistant.check_once("", None, None), "Give a text"),
        (lambda: assistant.check_once("a" * 5000, None, None), "too long"),
        (lambda: assistant.check_once("Hello", None, None, [["one"]]), "history"),
        (lambda: assistant_actions.check_documents(None), "Choose documents"),
        (lambda: assistant_actions.check_documents(["a.md"] * 99), "too many"),
    ]:
        with pytest.raises(InvalidInputError, match=hint):
            refused()
    assistant.check_send({"text": "", "files": ["a.png"]})
