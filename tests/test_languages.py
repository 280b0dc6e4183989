"""The interface's dictionaries say all that the interface says, and nothing else; what is shown of an expression is found."""

from __future__ import annotations

import ast
import json
import re
from collections import Counter
from pathlib import Path

import gradio
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from mm_demos.ui import languages
from mm_demos.ui.languages import extract
from mm_demos.ui.languages.templates import keys_of, texts_of

PLACEHOLDER = re.compile(r"\{\d\}")
ENTRIES = [
    (area, key, value)
    for name in languages.OTHERS
    for area, entries in languages.areas(name).items()
    for key, value in entries.items()
]


def keys(code: str) -> set[str]:
    """What an expression can show."""
    shown, _ = texts_of(ast.parse(code, mode="eval").body)
    return {key for text in shown for key in keys_of(text)}


@pytest.mark.parametrize("language", languages.OTHERS)
def test_every_text_of_the_interface_has_its_entry(language: str) -> None:
    assert [f"{text.area}: {text.key} ({text.place})" for text in extract.lacking(language)] == []


@pytest.mark.parametrize("language", languages.OTHERS)
def test_no_entry_is_for_a_text_that_is_gone(language: str) -> None:
    assert extract.stale(language) == []


def test_words_of_gradio_are_gradios() -> None:
    assets = (Path(gradio.__file__).parent / "templates" / "frontend" / "assets").glob("*.js")
    said = "".join(path.read_text(encoding="utf-8") for path in assets if path.stat().st_size < 2_000_000)
    pieces = {key: max(PLACEHOLDER.split(key), key=len).strip(" -.:…") for key in languages.areas("zh")["gradio"]}
    assert [key for key, piece in pieces.items() if piece not in said] == []


def test_a_translation_fills_in_what_the_english_fills_in() -> None:
    for _, key, value in ENTRIES:
        assert set(PLACEHOLDER.findall(value)) <= set(PLACEHOLDER.findall(key)), key
        missing = set(PLACEHOLDER.findall(key)) - set(PLACEHOLDER.findall(value))
        assert not missing, f"{key} loses {missing}"


def test_an_entry_is_written_as_the_page_shows_it() -> None:
    for _, key, value in ENTRIES:
        assert key == re.sub(r"\s+", " ", key).strip(), key
        assert value.strip(), key
        assert value == value.strip(), key
        assert "<" not in value or "<" in key, key


def test_a_text_stands_in_one_file_only() -> None:
    assert [key for key, count in Counter(key for _, key, _ in ENTRIES).items() if count > 1] == []


def test_placeholders_alternatives_and_tags_are_found_in_an_expression() -> None:
    assert keys(
        """f'<p title="Spoken at {time}">{name} has <b>{n:,} file{"s" if n != 1 else ""}</b>, {escape("or none")}</p>'"""
    ) == {
        "Spoken at {0}",
        "{0} has",
        "{0} file",
        "{0} files",
        ", or none",
    }
    assert keys('"Nothing " + (f"for {x}" if x else "at all") + "."') == {"Nothing for {0}.", "Nothing at all."}
    assert keys('"The {names} ended"') == {"The {0} ended"}
    assert keys("f'{a} · {b}'") == set()


def test_the_dictionary_comes_from_its_own_address_and_may_be_kept() -> None:
    client = TestClient(Starlette(routes=[languages.route()]))
    answer = client.get(f"/{languages.address('zh')}")
    assert answer.headers["cache-control"] == languages.KEEP
    assert answer.json()["Ready"] == languages.areas("zh")["frame"].get("Ready", answer.json()["Ready"])
    assert json.loads(languages.dictionary("zh")) == answer.json()
    assert client.get("/languages/0/tlh.json").status_code == 404


def test_the_head_fetches_nothing_for_a_page_in_english() -> None:
    head = languages.head()
    assert "DICTIONARY" not in head
    assert languages.address("zh") in head
    assert len(head) < 15_000
