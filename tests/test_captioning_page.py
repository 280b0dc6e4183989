"""The Captioning page without a browser: nothing of a visitor or a model becomes markup, options and edits arrive."""

from __future__ import annotations

import base64
import inspect
import io
import json
import re
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from mm_demos import media, samples
from mm_demos.errors import InvalidInputError
from mm_demos.media.thumbnails import data_uri
from mm_demos.models.fake import FakeCaptioner
from mm_demos.models.protocols import CaptionOptions
from mm_demos.progress import Progress, Update
from mm_demos.results import Caption, Captioning, Evidence, as_dict
from mm_demos.tasks import caption_batch
from mm_demos.tasks.caption_batch import Batch, Item
from mm_demos.ui import caption_gallery, captions, heat_map
from mm_demos.ui.captions import Gallery, Typed
from mm_demos.ui.events import api_signature

SLY = '<img src=x onerror="alert(1)">'
LOOK = tuple(1.0 if cell == 40 else 0.0 for cell in range(81))


def _seen(text: str, score: float = 0.4) -> Caption:
    words = tuple(text.lower().rstrip(".").split())
    return Caption(text, score, -1.0, words, (LOOK,) * len(words))


def _data(page: str) -> list[dict[str, Any]]:
    found = re.search(r'data-captions="([^"]*)"', page)
    assert found is not None
    return list(json.loads(unescape(found[1])))


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> list[CaptionOptions]:
    """Both runs on the weightless captioner; the options it was given."""
    given: list[CaptionOptions] = []

    def caption(image: Path, *, model: str | None, options: CaptionOptions, progress: Progress | None = None) -> Captioning:
        assert model is None
        given.append(options)
        picture = media.load_image(image)
        return FakeCaptioner().caption(picture, options=options, progress=progress or Progress(), lease=str)

    monkeypatch.setattr(captions, "caption", caption)
    monkeypatch.setattr(caption_batch, "caption", caption)
    return given


OPTIONS = ("short", "en", " A photo of ", 2.0, 7.0, "sampling", 3.0, 0.5, 20.0, "")


def test_no_text_becomes_markup() -> None:
    item = Item(SLY, Captioning((_seen(SLY), _seen(SLY)), Evidence()))
    gallery = Gallery(Batch((item, Item(SLY, error=SLY))), ("data:,", ""), "r")
    pages = [heat_map.page([_seen(SLY), Caption(SLY, 0.1)], "data:,"), *caption_gallery.items(gallery)]
    assert all("onerror=&quot;" in page and "<img src=x" not in page for page in pages)


def test_every_word_carries_its_look() -> None:
    best, worded = _data(heat_map.page([_seen("A cat, asleep."), Caption("Un chat.", 0.3)], "data:,"))
    assert best["words"] == ["A", "cat,", "asleep."], "as they stand in the text"
    assert [len(look) for look in best["looks"]] == [81] * 3
    assert best["looks"][0][40] == heat_map.SCALE
    assert worded == {"text": "Un chat.", "words": [], "looks": []}


def test_words_that_do_not_match_the_text_are_shown_as_they_are() -> None:
    caption = Caption("Two cats.", 0.4, -1.0, ("a", "pair", "of", "cats"), (LOOK,) * 4)
    assert _data(heat_map.page([caption], "data:,"))[0]["words"] == ["a", "pair", "of", "cats"]


def test_captions_of_a_language_model_say_that_they_have_no_map() -> None:
    page = heat_map.page([Caption("A cat dreams of fish.", 0.3)], "data:,")
    assert "<canvas" not in page
    assert "A language model worded these captions" in page


def test_scores_out_of_range_stay_in_their_track() -> None:
    page = heat_map.page([_seen("a", 1.2), _seen("b", -0.3)], "data:,")
    assert re.findall(r'<span style="width:([^"]*)"', page) == ["100.00%", "0.00%"]


def test_options_of_the_page_reach_the_model(fake: list[CaptionOptions]) -> None:
    shown = captions.picture_one(str(samples.path("cat.jpg")), *OPTIONS)
    assert fake == [CaptionOptions("short", "en", "A photo of", 2, 20, 0.5, 7, "sampling", 3)]
    assert len(shown.captioning.captions) == 2
    picture = media.load_image(base64.b64decode(shown.picture.partition(",")[2]))
    assert max(picture.size) <= captions.PICTURE_SIDE


def test_what_a_program_leaves_out_stands_at_its_default(fake: list[CaptionOptions]) -> None:
    captions.caption_one(str(samples.path("cat.jpg")), None, None, None, None, None)  # type: ignore[arg-type]
    assert fake == [CaptionOptions()]


@pytest.mark.parametrize("pair", [(captions.picture_one, captions.caption_one), (captions.picture_many, captions.caption_many)])
def test_page_and_program_give_the_same_values(pair: tuple[Callable[..., Any], Callable[..., Any]]) -> None:
    page, program = map(api_signature, pair)
    assert page == program
    assert list(page.parameters)[1:] == [
        *("style", "language", "prefix", "n", "seed", "method", "beams", "temperature", "max_new_tokens", "model")
    ]
    assert inspect.signature(pair[1]).parameters["progress"].kind is inspect.Parameter.KEYWORD_ONLY


def test_a_batch_goes_on_after_a_bad_picture_and_counts(fake: list[CaptionOptions], tmp_path: Path) -> None:
    bad = tmp_path / "bad.png"
    bad.write_text("words")
    pictures = [str(samples.path("cat.jpg")), str(bad), str(samples.path("coffee.jpg"))]
    updates: list[Update] = []
    *_, gallery = captions.picture_many(pictures, *OPTIONS, progress=Progress(updates.append))
    assert [item.input for item in gallery.batch.items] == ["cat.jpg", "bad.png", "coffee.jpg"]
    assert gallery.batch.items[1].error.startswith("bad.png is")
    assert [bool(thumbnail) for thumbnail in gallery.thumbnails] == [True, False, True]
    assert {(update.done, update.total, update.unit) for update in updates} == {(i, 3, "pictures") for i in range(3)}
    later = [update.message for update in updates if update.done]
    assert set(later) == {caption_batch.WORKING}, "one message, by which the time left is estimated"


def test_programs_get_a_table_without_pictures_and_maps(fake: list[CaptionOptions]) -> None:
    *_, batch = captions.caption_many([str(samples.path("cat.jpg"))], *OPTIONS)
    result = as_dict(batch)
    assert set(result) == {"items", "receipt"}
    assert result["items"][0]["captioning"]["captions"][0]["looks"] == []
    assert result["items"][0]["captioning"]["captions"][0]["words"]
    one = as_dict(captions.caption_one(str(samples.path("cat.jpg")), *OPTIONS))
    assert len(one["captions"][0]["looks"]) == len(one["captions"][0]["words"])


def test_edits_belong_to_their_run_and_reach_the_files() -> None:
    item = Item("cat.jpg", Captioning((_seen("A cat."),), Evidence()))
    gallery = Gallery(Batch((item,)), ("data:,",), "now")
    mine = captions.typed("now", {"0": "My cat", "7000": "far", "x": "none"})
    assert mine == Typed("now", {0: "My cat"})
    assert captions.edited(gallery, Typed("before", {0: "Old"})) == gallery
    for export in captions.MANY_EXPORTS:
        content = export.write(captions.edited(gallery, mine))
        if isinstance(content, bytes):
            assert content[:2] == b"PK"
        else:
            assert "My cat" in content and "A cat." in export.write(gallery), export.label
    (files,) = caption_gallery.downloads(gallery, mine)
    assert all(update["interactive"] for update in files)


def test_nothing_done_gives_no_files() -> None:
    (files,) = caption_gallery.downloads(Gallery(Batch(())), Typed())
    assert all("value" not in update for update in files)


def test_a_folder_gives_its_pictures() -> None:
    assert captions.pictures_in(["a/2.PNG", "b/notes.txt", "b/1.jpeg", "c/jpg"]) == ["b/1.jpeg", "a/2.PNG"]
    assert captions.pictures_in(None) == []


def test_no_picture_and_too_many_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="Choose, paste or take"):
        captions.check_one(None)
    with pytest.raises(InvalidInputError, match="Choose the pictures"):
        captions.check_many([])
    with pytest.raises(InvalidInputError, match="101 pictures are too many"):
        captions.check_many(["x.jpg"] * 101)


def test_a_thumbnail_is_small_and_a_picture_is_not_changed() -> None:
    picture = media.load_image(samples.path("astronaut.jpg"))
    size = picture.size
    data = base64.b64decode(data_uri(picture, captions.THUMBNAIL_SIDE).partition(",")[2])
    assert picture.size == size
    assert len(data) < 20_000
    assert max(media.load_image(io.BytesIO(data).getvalue()).size) == captions.THUMBNAIL_SIDE
