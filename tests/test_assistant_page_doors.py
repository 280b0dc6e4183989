"""The Assistant's conversations outlive the page, each for its own visitor; programs get the same answers."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import gradio as gr
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError, ValidationError

from mm_demos import samples, tabs
from mm_demos.assistant.types import Message, Reply
from mm_demos.progress import Progress
from mm_demos.serving.launch import launch
from mm_demos.ui import assistant, assistant_actions, assistant_kept
from mm_demos.ui.assistant import Rating, Talk, Turn
from mm_demos.ui.assistant_kept import VISITOR_SECONDS, Shelf

GOOD = Turn(Message("Can I return a plant?"), Reply("Yes, within 7 days."), rating=Rating(False, "wrong"))
TALK = Talk("a1b2", (GOOD, Turn(Message("Thank you."), Reply("You are welcome."), spoken=True)))


@pytest.fixture
def own(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "own", own=True)


def event(**data: object) -> gr.EventData:
    return gr.EventData(None, data)


# -- what is kept ----------------------------------------------------------------------------------------------------


def test_a_conversation_comes_back_with_its_pictures_and_ratings(own: Shelf, tmp_path: Path) -> None:
    upload = tmp_path / "upload.jpg"
    upload.write_bytes(samples.path("cat.jpg").read_bytes())
    talk = replace(TALK, turns=(replace(GOOD, message=Message("This one?", (upload,))), TALK.turns[1]))
    own.keep(talk)
    upload.unlink()
    back = Shelf(own.folder, own=True).talk("a1b2")
    assert back is not None and back.turns[1] == TALK.turns[1]
    assert back.turns[0].rating == GOOD.rating
    assert back.turns[0].thumbnails[0].startswith("data:image/jpeg;base64,")
    (values,) = assistant_kept.opened(own, back)
    assert "This one?" in values[0][0] and values[2] is back and "This one?" in values[3]


@pytest.mark.parametrize("number", [None, "", "unknown", "../../etc", 7, ["a1b2"], "a" * 99])
def test_a_number_that_opens_nothing_shows_an_empty_page(own: Shelf, number: object) -> None:
    own.keep(TALK)
    assert own.talk(number) is None
    (values,) = assistant_kept.opened(own, None)
    assert values[0] == [] and values[2] is None


def test_what_was_said_until_stop_is_kept(own: Shelf) -> None:
    run = assistant.send({"text": "Can I return a plant?"}, False, "", "", 0.0, False, None, own, None, progress=Progress())
    for state in run:
        if state.turns[0].reply.text:
            break
    run.close()  # type: ignore[attr-defined]
    back = own.talk(state.number)
    assert back is not None and back.turns[0].reply.text == state.turns[0].reply.text
    assert back.turns[0].reply.done


def test_a_rating_is_feedback_and_can_be_taken_back(own: Shelf) -> None:
    own.keep(TALK)
    _, talk = assistant_actions.rate(own, TALK, event(act="like", turn=1, pressed=False))
    (said,) = own.store.feedback()
    assert (said.question, said.liked) == ("Thank you.", True)
    _, talk = assistant_actions.rate(own, talk, event(act="like", turn=1, pressed=True))
    assert own.store.feedback() == ()
    back = own.talk("a1b2")
    assert back is not None and back.turns[1].rating is None


def test_a_branch_leaves_the_conversation_it_came_from(own: Shelf) -> None:
    own.keep(TALK)
    *_, branch = assistant_actions.change(own, TALK, event(act="branch", turn=0))
    assert branch.number != "a1b2"
    assert {each.turns for each in own.store.conversations()} == {1, 2}
    *_, undone = assistant_actions.change(own, TALK, event(act="undo", turn=1))
    assert len(undone.turns) == 1
    assert {each.turns for each in own.store.conversations()} == {1}


def test_earlier_conversations_are_listed_for_their_user_alone(own: Shelf) -> None:
    own.keep(TALK)
    assert 'data-number="a1b2"' in assistant_kept.listed(own)
    assert re.search(r"turns? · \d{4}-\d\d-\d\d \d\d:\d\d<", assistant_kept.listed(own))  # names of months have a language
    public = Shelf(own.folder)
    assert assistant_kept.listed(public) == assistant_kept.listed(None) == assistant_kept.EMPTY
    (values,) = assistant_kept.choose(public, event(number="a1b2"))
    assert values[0] == []
    (values,) = assistant_kept.choose(own, event(number="a1b2"))
    assert len(values[0]) == 2
    (values,) = assistant_kept.forget(public, None, event(number="a1b2"))
    assert own.talk("a1b2") is not None
    (values,) = assistant_kept.forget(own, TALK, event(number="a1b2"))
    assert values[0] == [] and own.talk("a1b2") is None


def test_a_kept_picture_goes_into_the_composer_as_an_upload(own: Shelf) -> None:
    picture = samples.path("cat.jpg")
    own.keep(replace(TALK, turns=(replace(GOOD, message=Message("This?", (picture,))),)))
    composer, _ = assistant_actions.ready(own.talk("a1b2"), event(act="again", turn=0))
    (file,) = composer["files"]
    assert Path(file).read_bytes() == picture.read_bytes()
    assert not Path(file).is_relative_to(own.folder)
    value = gr.MultimodalTextbox(file_count="multiple").postprocess(composer)
    assert value is not None and len(value.files) == 1


def test_a_folder_that_cannot_be_used_costs_no_answer(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "taken").write_text("no folder")
    broken = Shelf(tmp_path / "taken", own=True)
    broken.keep(TALK)
    broken.rate(TALK, 0)
    assert "was not kept" in caplog.text
    _, talk = assistant_actions.rate(broken, TALK, event(act="like", turn=1, pressed=False))
    assert talk.turns[1].rating == Rating(True)


def test_titles_are_no_markup(own: Shelf) -> None:
    own.keep(replace(TALK, turns=(replace(GOOD, message=Message("<img src=x onerror=alert(1)>")),)))
    assert "<img" not in assistant_kept.listed(own)


def test_a_public_page_forgets_after_an_hour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    public = Shelf(tmp_path / "public")
    public.keep(TALK)
    later = time.time() + VISITOR_SECONDS + 1
    monkeypatch.setattr(assistant_kept.time, "time", lambda: later)
    monkeypatch.setattr("mm_demos.assistant.store.time.time", lambda: later)
    public.keep(replace(TALK, number="new"))
    assert [each.number for each in public.store.conversations()] == ["new"]


# -- the endpoint ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    page = launch([tabs.find("assistant")], host="127.0.0.1", port=7960, block=False)
    yield Client(page.local_url, verbose=False)
    page.close()


def test_programs_get_the_reply_as_json(client: Client) -> None:
    reply = client.predict(text="Where is my order S-10241?", api_name="/reply")
    assert reply["done"] and reply["steps"][0]["tool"] == "order_status" and reply["receipt"]["task"] == "reply"
    follow_up = client.predict(
        text="When will it arrive?", history=[["Where is my order S-10241?", reply["text"]]], api_name="/reply"
    )
    assert follow_up["steps"][0]["arguments"]["order"] == "S-10241"


def test_programs_speak_and_hear_the_transcript(client: Client) -> None:
    reply = client.predict(audio=handle_file(str(samples.path("jfk.flac"))), api_name="/reply")
    assert "country" in reply["transcript"] and reply["text"]


def test_programs_see_the_answer_grow_and_stop_it(client: Client) -> None:
    whole = client.submit(text="How long does the refund take?", api_name="/reply")
    *growing, last = [each for each in whole if "text" in each]
    assert last["done"] and any(not each["done"] for each in growing)
    stopped = client.submit(text="How do I look after a fern?", api_name="/reply")
    next(each for each in stopped if "text" in each)
    began = time.monotonic()
    stopped.cancel()
    client.predict(text="Where is my order S-10241?", api_name="/reply")  # waits for the lane
    assert time.monotonic() - began < 10.0


def test_programs_are_told_what_is_wrong(client: Client) -> None:
    with pytest.raises(ValidationError, match="Give a text"):
        client.predict(text="", api_name="/reply")
    with pytest.raises((ValidationError, AppError), match="history"):
        client.predict(text="Hello", history=[["one"]], api_name="/reply")
