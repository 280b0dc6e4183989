"""Send-to without a browser: every route of the table leads somewhere, and what is sent is what was shown."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import gradio as gr
import numpy as np
import pytest

from mm_demos import samples
from mm_demos.assistant.types import Message, Reply
from mm_demos.results import GeneratedImage, Generation, Segment
from mm_demos.tabs import TABS, find
from mm_demos.tasks.picture_index import IndexedPicture, PictureIndex
from mm_demos.ui import Frame, send_to
from mm_demos.ui.assistant import Talk, Turn
from mm_demos.ui.clips import clip_of
from mm_demos.ui.send_to import MP3_URI, ROUTES, Route
from mm_demos.ui.transcripts import Batch, Checked, Item

URL = "http://127.0.0.1:7860"
SKIP = gr.skip()
CAT = str(samples.path("cat.jpg"))


@pytest.fixture(scope="module")
def suite() -> Frame:
    return Frame(TABS, URL)


@pytest.fixture
def warned(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What a visitor was told."""
    told: list[str] = []
    monkeypatch.setattr(gr, "Warning", lambda text, **_: told.append(text))
    yield told


@pytest.fixture(autouse=True)
def _uploads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "uploads"))


def rows(frame: Frame) -> list[gr.Row]:
    return [
        block for block in frame.blocks.blocks.values() if isinstance(block, gr.Row) and "mm-send" in (block.elem_classes or [])
    ]


def route(source: str, thing: str, target: str) -> Route:
    return next(each for each in ROUTES if (each.source, each.thing, each.target) == (source, thing, target))


def sent(way: Route, given: object = None, seen: str = "", there: object = None) -> object:
    """The new value of the target's input; the tab that opens is checked on the way."""
    selected, value = send_to._send(way, way.target == "assistant", given, seen, there)
    assert selected == gr.update(selected=way.target)
    return value


def test_every_route_has_a_button_and_an_input(suite: Frame) -> None:
    offered = [offer.route for offer in suite.sending._offers]
    assert sorted(offered, key=str) == sorted(ROUTES, key=str)
    assert len(set(ROUTES)) == len(ROUTES)
    texts = {offer.button.value for offer in suite.sending._offers}
    assert texts == {find(way.target).title for way in ROUTES}


def test_buttons_are_no_endpoints(suite: Frame) -> None:
    buttons = {offer.button._id for offer in suite.sending._offers}
    bound = [event for event in suite.blocks.fns.values() if {target for target, _ in event.targets} & buttons]
    assert len(bound) == len(ROUTES)
    assert {event.api_visibility for event in suite.blocks.fns.values() if event in bound} == {"private"}


@pytest.mark.parametrize("name", [tab.name for tab in TABS])
def test_a_tab_alone_offers_nothing(name: str) -> None:
    assert rows(Frame([find(name)], URL)) == []


def test_a_page_of_two_tabs_offers_what_they_can_take() -> None:
    frame = Frame([find("captioning"), find("visual-qa")], URL)
    assert [(offer.route.source, offer.route.target) for offer in frame.sending._offers] == [
        ("captioning", "visual-qa"),
        ("visual-qa", "captioning"),
    ]


def test_a_transcript_joins_what_was_typed() -> None:
    batch = Batch((Item("a.wav", Checked(" Hello there. ", "en", 0.9, 2.0, (Segment(0, 2, "Hello there.", -0.1, 0.0),))),))
    way = route("speech", "transcript", "assistant")
    assert sent(way, batch) == {"text": "Hello there.", "files": []}
    typed = {"text": "He said:", "files": [CAT]}
    assert sent(way, batch, there=typed) == {"text": "He said: Hello there.", "files": [CAT]}
    assert sent(route("speech", "transcript", "classification"), batch, there="old text") == "Hello there."


def test_a_caption_is_the_one_on_show() -> None:
    assert sent(route("captioning", "caption", "retrieval"), seen=" A cat\n on a mat. ") == "A cat on a mat."


def test_a_picture_joins_a_message() -> None:
    assert sent(route("captioning", "picture", "visual-qa"), CAT) == CAT
    there = {"text": "What is it?", "files": []}
    assert sent(route("visual-qa", "picture", "assistant"), CAT, there=there) == {"text": "What is it?", "files": [CAT]}


def test_the_last_picture_of_a_conversation(tmp_path: Path) -> None:
    turns = [Turn(Message("x", paths), Reply("y")) for paths in ((Path(CAT),), (), (tmp_path / "tidied away.jpg",))]
    path = sent(route("assistant", "picture", "captioning"), Talk(turns=tuple(turns)))
    assert isinstance(path, str)
    assert Path(path).is_relative_to(tmp_path / "uploads"), "where the page may read it"
    assert Path(path).read_bytes() == Path(CAT).read_bytes()


def test_a_moment_is_the_sound_that_was_heard() -> None:
    mp3 = clip_of(str(samples.path("dog-near.ogg")), 0, 1).mp3
    path = sent(route("retrieval", "match", "classification"), seen=MP3_URI + base64.b64encode(mp3).decode())
    assert isinstance(path, str)
    assert Path(path).read_bytes() == mp3
    assert Path(path).suffix == ".mp3"


def test_a_match_is_the_file_or_its_small_copy() -> None:
    here = IndexedPicture("cat.jpg", "1", b"", Path(CAT))
    gone = IndexedPicture("gone.jpg", "2", b"small", Path("/nowhere/gone.jpg"))
    index = PictureIndex((here, gone), np.zeros((2, 2), np.float32), "m", "r")
    way = route("picture-search", "match", "captioning")
    assert sent(way, index, "cat.jpg") == CAT
    small = sent(way, index, "gone.jpg")
    assert isinstance(small, str)
    assert Path(small).read_bytes() == b"small"


def test_a_painted_picture_is_the_one_looked_at_and_at_first_the_best() -> None:
    images = tuple(GeneratedImage(content, 64, 64, seed, "") for seed, content in ((9, b"best"), (7, b"other")))
    way = route("image-generation", "picture", "captioning")
    for seen, expected in (("", b"best"), ("7", b"other"), ("1 or 1", b"best")):
        path = sent(way, Generation("a snail", images), seen)
        assert isinstance(path, str)
        assert Path(path).read_bytes() == expected
    assert sent(route("captioning", "caption", "image-generation"), seen="A cat on\n a mat.") == "A cat on a mat."


@pytest.mark.parametrize(
    ("way", "given", "seen"),
    [
        (route("speech", "transcript", "assistant"), None, ""),
        (route("speech", "transcript", "assistant"), Batch(()), ""),
        (route("captioning", "caption", "assistant"), None, ""),
        (route("captioning", "picture", "visual-qa"), None, ""),
        (route("retrieval", "match", "speech"), None, "https://elsewhere/x.mp3"),
        (route("retrieval", "match", "speech"), None, MP3_URI + "no base64 at all!"),
        (route("retrieval", "match", "speech"), None, MP3_URI + "A" * send_to.MAX_CLIP_CHARS),
        (route("picture-search", "match", "captioning"), None, "cat.jpg"),
        (route("assistant", "picture", "captioning"), Talk(), ""),
        (route("image-generation", "picture", "visual-qa"), None, ""),
        (route("image-generation", "picture", "visual-qa"), Generation("under way"), "0"),
    ],
)
def test_without_a_result_nothing_changes_and_the_visitor_is_told(
    way: Route, given: object, seen: str, warned: list[str]
) -> None:
    assert send_to._send(way, False, given, seen, None) == (SKIP, SKIP)
    assert warned == [send_to.NOTHING]


def test_another_name_than_a_match_opens_no_file() -> None:
    index = PictureIndex((IndexedPicture("cat.jpg", "1", b"", Path(CAT)),), np.zeros((1, 2), np.float32), "m", "r")
    assert send_to._found(index, "/etc/passwd") == ""
