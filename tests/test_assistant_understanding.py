"""Pictures in words, products recognised by the shop's own pictures, and questions that lean on earlier ones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw, ImageEnhance

from mm_demos import media, samples
from mm_demos.assistant.types import Seen
from mm_demos.assistant.understanding import Products, look, points_at_picture, product_in, trimmed
from mm_demos.assistant.understanding_questions import agrees, declines, elliptic, leans, standalone, whole
from mm_demos.models import catalog, loader
from mm_demos.progress import Progress
from mm_demos.tasks.assistant_shop import looks_of, sample_pictures
from mm_demos.tasks.receipts import record


@pytest.fixture(scope="module")
def products() -> Products:
    """What the sample shop's products look like."""
    found = looks_of(sample_pictures())
    assert found is not None
    return found


@pytest.fixture
def embedder() -> Iterator[Any]:
    """The model that pictures are compared by."""
    with loader.shared().lease(catalog.default("joint-embedder")) as model:
        yield model


def altered(picture: Image.Image, how: str) -> Image.Image:
    """The picture as a customer's photo of it might be."""
    if how == "dark":
        return ImageEnhance.Brightness(picture).enhance(0.75)
    if how == "on a table":
        table = Image.new("RGB", (600, 450), (180, 170, 150))
        table.paste(picture.resize((300, 300)), (150, 80))
        return table
    return picture.resize((120, 120))


@pytest.mark.parametrize("how", ["dark", "on a table", "small"])
@pytest.mark.parametrize("name", ["Moss Teapot", "Snake Plant", "Dusk Lamp", "Gift Card"])
def test_a_photo_of_a_product_is_recognised(products: Products, embedder: Any, name: str, how: str) -> None:
    picture = altered(media.load_image(sample_pictures()[name]), how)
    found = products.recognised(picture, embedder=embedder)
    assert found is not None
    assert found.label == name


@pytest.mark.parametrize("name", ["cat.jpg", "coffee.jpg", "rocket.jpg"])
def test_other_photos_are_no_product(products: Products, embedder: Any, name: str) -> None:
    assert products.recognised(media.load_image(samples.path(name)), embedder=embedder) is None


def test_a_picture_becomes_caption_labels_and_text(products: Products, tmp_path: Path) -> None:
    slip = Image.new("RGB", (640, 200), "white")
    ImageDraw.Draw(slip).text((30, 60), "Order S-10241", fill="black", font_size=56)
    slip.save(tmp_path / "slip.png")
    with record("test") as run:
        paper, teapot = look(
            [tmp_path / "slip.png", sample_pictures()["Moss Teapot"]],
            lease=run.lease,
            progress=Progress(),
            products=lambda: products,
        )
    assert "10241" in paper.text
    assert paper.name == "slip.png"
    assert paper.labels
    assert teapot.labels[0].label == "Moss Teapot"
    assert "Moss Teapot" in teapot.caption
    assert product_in([teapot], tuple(products.names)) == "Moss Teapot"


def test_no_picture_needs_no_model() -> None:
    def lease(name: str) -> Any:
        raise AssertionError(name)

    assert look([], lease=lease, progress=Progress()) == ()


def test_an_even_border_comes_off_and_a_full_picture_stays() -> None:
    framed = Image.new("RGB", (400, 400), "white")
    framed.paste(Image.new("RGB", (200, 200), "red"), (100, 100))
    inner = trimmed(framed)
    assert inner is not None
    assert abs(inner.width - 200) <= 14
    assert trimmed(Image.new("RGB", (100, 100), "red")) is None


def test_a_product_written_in_a_picture_counts_unless_there_are_two() -> None:
    one = Seen("a.png", "", (), "HERON KETTLE 64.00")
    two = Seen("b.png", "", (), "Moss Teapot")
    names = ("Heron Kettle", "Moss Teapot")
    assert product_in([one], names) == "Heron Kettle"
    assert product_in([one, two], names) == ""


@pytest.mark.parametrize(("text", "points"), [("Is this safe for cats?", True), ("", True), ("Where is order S-10234?", False)])
def test_words_that_lean_on_the_picture(text: str, points: bool) -> None:
    assert points_at_picture(text) is points


def test_a_leaning_question_is_searched_with_the_one_before() -> None:
    earlier = ("How long is the warranty on kettles?", "and for lamps?")
    assert leans("and for candles?")
    assert standalone("and for candles?", earlier) == "How long is the warranty on kettles? and for candles?"
    whole_one = (*earlier, "and how much does shipping cost?")
    assert standalone("and to Norway?", whole_one) == "and how much does shipping cost? and to Norway?"
    assert standalone("Which countries do you deliver to in general?", earlier) == "Which countries do you deliver to in general?"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("And how long does the refund take?", True),
        ("And how long does it take?", False),
        ("And for a set of beeswax candles?", False),
        ("And a gift card?", False),
    ],
)
def test_questions_that_go_on_but_say_all_they_ask(text: str, said: bool) -> None:
    assert leans(text)
    assert whole(text) is said


@pytest.mark.parametrize(
    ("text", "bare"), [("and for candles?", True), ("What about Norway?", True), ("How much does that cost?", False)]
)
def test_questions_without_a_verb(text: str, bare: bool) -> None:
    assert elliptic(text) is bare


@pytest.mark.parametrize(
    ("text", "yes", "no"),
    [
        ("Yes please", True, False),
        ("ok", True, False),
        ("no thanks", False, True),
        ("yes, but where is my order S-10241 now", False, False),
    ],
)
def test_yes_and_no(text: str, yes: bool, no: bool) -> None:
    assert agrees(text) is yes
    assert declines(text) is no
