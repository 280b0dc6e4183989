"""The Visual QA page without a browser: conversations on real weights, nothing said becomes markup, files hold what is shown."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError, ValidationError
from PIL import Image

from mm_demos import media, samples, tabs
from mm_demos.errors import InvalidInputError
from mm_demos.progress import Progress
from mm_demos.results import Answer, Evidence, LabelScore, Receipt, TextLine
from mm_demos.serving.launch import launch
from mm_demos.tasks.question_batch import MAX_QUESTIONS, AnswerItem, AnswerTable
from mm_demos.ui import answer_view as view
from mm_demos.ui import answers
from mm_demos.ui.answers import Picture, Talk, Turn

SLY = "<img src=x onerror=alert(1)>"
CAT, SIGN, ROCKET = (str(samples.path(name)) for name in ("cat.jpg", "sign.png", "rocket.jpg"))
PICTURE = Picture("0" * 64, "data:image/jpeg;base64,AAAA", 200, 100)
SURE = Answer("yes", 0.8, (LabelScore("yes", 0.8), LabelScore("no", 0.2)), source="answer model")
LOOK = tuple(float(i == 40) for i in range(81))


def begin(image: str, question: str) -> Talk:
    return answers.begin(image, question, "open", "", "", 5, 0.0, False, [], progress=Progress())


def follow_up(image: str, question: str, talk: Talk | None) -> Talk:
    return answers.follow_up(image, question, "", 5, 0.0, False, talk, progress=Progress())


def page_of(answer: Answer, question: str = "Is it?") -> str:
    """All HTML of one answer."""
    *pages, _, _ = view.show_talk(Talk(PICTURE, (Turn(question, answer), Turn(question, answer))))
    return "".join(pages) + "".join(view.table(AnswerTable((AnswerItem(question, answer), AnswerItem(SLY, None, SLY)))))


# -- on real weights -------------------------------------------------------------------------------------------------


def test_a_follow_up_knows_what_was_spoken_of() -> None:
    first = begin(CAT, "Is there a cat?")
    second = follow_up(CAT, "And what colour is it?", first)
    assert second.turns[0] == first.last and second.picture == first.picture
    assert second.history == (("Is there a cat?", "yes"), ("And what colour is it?", second.last.answer.text))
    assert "understood as “What colour is the cat?”" in view.answer_card(second.last)
    assert second.receipt is second.last.answer.receipt is not None
    shown = view.thread(second)
    assert shown.index("Is there a cat?") < shown.index("And what colour is it?")
    assert view.thread(first) == ""


def test_another_picture_begins_another_conversation(tmp_path: Path) -> None:
    first = begin(CAT, "Is there a cat?")
    elsewhere = follow_up(SIGN, "What does it say?", first)
    assert len(elsewhere.turns) == 1
    assert elsewhere.picture.digest != first.picture.digest
    copy = tmp_path / "again.jpg"
    copy.write_bytes(Path(CAT).read_bytes())
    assert len(follow_up(str(copy), "Is it an animal?", first).turns) == 2
    assert len(follow_up(CAT, "Is there a cat?", None).turns) == 1


def test_text_read_in_the_picture_is_framed_where_it_stands() -> None:
    talk = begin(SIGN, "What does the sign say?")
    page = view.seen(talk)
    lines = talk.last.answer.evidence.text_lines
    frames = [
        [float(value) for value in re.findall(r":(-?[\d.]+)%", style)] for style in re.findall(r'<span style="([^"]+)', page)
    ]
    frames = [frame for frame in frames if len(frame) == 4]
    assert len(frames) == len(lines) >= 3
    for left, top, width, height in frames:
        assert 0 <= left < left + width <= 100
        assert 0 <= top < top + height <= 100
    tops = {line.text: frame[1] for line, frame in zip(lines, frames, strict=True)}
    assert tops[next(text for text in tops if "LIBRARY" in text)] < tops[next(text for text in tops if "quiet" in text)]


def test_several_questions_go_on_after_a_bad_one() -> None:
    questions = "Is there a cat?\n\n  ???\nIs there a dog?\n"
    states = list(answers.ask_many(CAT, questions, "yes/no", "", "", 5, 0.0, False, progress=Progress()))
    assert [len(state.items) for state in states] == [1, 2, 3]
    good, bad, other = states[-1].items
    assert good.answer is not None and good.answer.text == "yes"
    assert bad.answer is None and bad.error
    assert other.answer is not None and other.answer.text == "no"
    page = view.table(states[-1])[0]
    assert page.count("<tr>") == 4 and bad.error in page
    rows = list(csv.reader(io.StringIO(str(answers.TABLE_EXPORTS[0].write(states[-1])))))
    assert [row[1] for row in rows] == ["answer", "yes", "", "no"]
    assert rows[2][-1] == bad.error
    assert json.loads(str(answers.TABLE_EXPORTS[1].write(states[-1])))["items"][0]["answer"]["text"] == "yes"


def test_the_picture_travels_upright_and_small(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    path = tmp_path / "turned.jpg"
    Image.new("RGB", (1600, 900), "navy").save(path, exif=exif)
    picture = answers.picture_of(str(path))
    assert (picture.width, picture.height) == (900, 1600)
    assert picture.thumbnail.startswith("data:image/jpeg;base64,")
    assert len(picture.thumbnail) < 200_000


def test_silence_is_no_question(tmp_path: Path) -> None:
    quiet = tmp_path / "quiet.wav"
    media.save_wav(quiet, np.zeros(32_000, np.float32))
    with pytest.raises(InvalidInputError, match="No speech"):
        answers.listen(str(quiet), progress=Progress())
    with pytest.raises(InvalidInputError, match="empty"):
        answers.listen("", progress=Progress())


# -- what is shown and saved -----------------------------------------------------------------------------------------


def test_no_word_becomes_markup() -> None:
    evidence = Evidence((LabelScore(SLY, 0.5),), (TextLine(SLY, 0.9, (0, 0, 10, 10)),), SLY)
    blind = Answer(SLY, 0.1, (LabelScore(SLY, 0.1),), unsure=True)
    receipt = Receipt("answer", (), {"asked": SLY, "threshold": 0.3}, 0, 1.0, 1, "0")
    answer = Answer(SLY, 0.4, (LabelScore(SLY, 0.4),), evidence, False, blind, receipt, SLY, LOOK)
    page = page_of(answer, SLY)
    assert "<img src=x" not in page
    assert "&lt;img src=x" in page


@pytest.mark.parametrize(
    ("source", "mark", "words"),
    [
        ("answer model", "mm-from-model", "answer model"),
        ("text in the picture", "mm-from-text", "text in the picture"),
        ("language model", "mm-from-words", "language model, from what was seen"),
    ],
)
def test_the_source_of_an_answer_is_named(source: str, mark: str, words: str) -> None:
    page = view.source(replace(SURE, source=source))
    assert f'class="mm-from {mark}"' in page and f"</span> {words}</p>" in page
    assert view.source(replace(SURE, source="")) == ""


def test_an_unsure_answer_says_so() -> None:
    unsure = replace(SURE, unsure=True)
    assert "Not sure – perhaps “yes”" in view.answer_card(Turn("Is it?", unsure))
    assert "Not sure" not in view.answer_card(Turn("Is it?", SURE))
    assert "Not sure" in view.table(AnswerTable((AnswerItem("Is it?", unsure),)))[0]


def test_the_blanked_picture_stands_beside_the_answer() -> None:
    def judged(text: str, yes: float) -> str:
        other = Answer(text, max(yes, 1 - yes), (LabelScore("yes", yes), LabelScore("no", 1 - yes)))
        return view.blanked(replace(SURE, without_image=other))

    assert view.blanked(SURE) == ""
    assert "rests on the picture" in judged("no", 0.3) and "mm-info" in judged("no", 0.3)
    assert "20 points more likely" in judged("yes", 0.6) and "mm-info" in judged("yes", 0.6)
    assert "1 point more likely" in judged("yes", 0.79) and "mm-warn" in judged("yes", 0.79)
    assert "15 points less likely" in judged("yes", 0.95)
    assert "habit of language" in judged("yes", 0.8)


def test_the_picture_is_bright_where_the_question_looked() -> None:
    page = view.drawn(PICTURE, LOOK, ())
    lights = re.findall(r"background:([^\"]+)", page)
    assert len(lights) == 11 * 11  # the grid and one cell more on every side
    assert [i for i, light in enumerate(lights) if light != lights[0]] == [60]
    assert "mm-show-look" in page and "mm-show-boxes" not in page
    assert view.drawn(PICTURE, (), ()) == "" == view.drawn(PICTURE, (1 / 81,) * 81, ())
    corner = view.drawn(PICTURE, (1.0,) + (0.0,) * 80, ())
    assert corner.count(lights[60]) == 4  # its copies outside the edge are as bright


def test_files_hold_the_conversation() -> None:
    talk = Talk(PICTURE, (Turn("=1+1", SURE), Turn("And?", replace(SURE, text="no"))))
    rows = list(csv.reader(io.StringIO(str(answers.TALK_EXPORTS[0].write(talk)))))
    assert rows[0] == ["turn", "question", "answer", "probability", "source"]
    assert rows[1] == ["1", "'=1+1", "yes", "0.8", "answer model"]
    assert len(rows) == 5
    saved = json.loads(str(answers.TALK_EXPORTS[1].write(talk)))
    assert (saved["question"], saved["text"]) == ("And?", "no")
    assert [turn["question"] for turn in saved["earlier"]] == ["=1+1"]
    assert "data:image" not in json.dumps(saved)


# -- what is refused before it queues --------------------------------------------------------------------------------


def test_what_is_missing_is_said_before_anything_runs() -> None:
    for refused, hint in [
        (lambda: answers.check_one(None, "Why?", "open", ""), "picture first"),
        (lambda: answers.check_one(CAT, "  ", "open", ""), "Type a question"),
        (lambda: answers.check_one(CAT, "Which?", "choice", "one, one"), "at least two"),
        (lambda: answers.check_more(CAT, None), "Type a question"),
        (lambda: answers.check_many(None, "Why?", "open", ""), "picture first"),
        (lambda: answers.check_many(CAT, "\n \n", "open", ""), "one per line"),
        (lambda: answers.check_many(CAT, "Why?\n" * (MAX_QUESTIONS + 1), "open", ""), "at most"),
        (lambda: answers.check_many(CAT, "Which?", "choice", ""), "at least two"),
    ]:
        with pytest.raises(InvalidInputError, match=hint):
            refused()
    answers.check_one(CAT, "Which?", "choice", "one, two")
    answers.check_many(CAT, "Why?\nWho?", "open", "")


# -- the endpoints ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    page = launch([tabs.find("visual-qa")], host="127.0.0.1", port=7930, block=False)
    yield Client(page.local_url, verbose=False)
    page.close()


def test_programs_ask_one_question_and_follow_up(client: Client) -> None:
    cat = handle_file(CAT)
    first = client.predict(image=cat, question="Is there a cat?", api_name="/answer")
    assert first["text"] == "yes" and "turns" not in first
    asked = {"question": "And what colour is it?", "history": [["Is there a cat?", "yes"]]}
    second = client.predict(image=cat, **asked, api_name="/answer")
    assert second["receipt"]["options"]["asked"] == "What colour is the cat?"
    with pytest.raises(AppError, match="history"):
        client.predict(image=cat, question="And it?", history=["yes"], api_name="/answer")


def test_programs_ask_many_questions_at_once(client: Client) -> None:
    job = client.submit(image=handle_file(CAT), questions="Is there a cat?\nIs there a dog?", api_name="/answer_many")
    table = job.result(timeout=120)
    assert [item["answer"]["text"] for item in table["items"]] == ["yes", "no"]
    with pytest.raises(ValidationError, match="one per line"):
        client.predict(image=handle_file(ROCKET), questions=" ", api_name="/answer_many")
