"""Knowledge: what is found, how surely it supports an answer, and what survives a file."""

from __future__ import annotations

import csv
import re
import shutil
import zipfile
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from mm_demos import samples
from mm_demos.assistant import knowledge as module
from mm_demos.assistant.knowledge import SUPPORTED, Knowledge
from mm_demos.assistant.knowledge_words import WordIndex
from mm_demos.errors import InvalidInputError, StoppedError
from mm_demos.models import catalog, loader
from mm_demos.models.protocols import FloatArray, TextEmbedder
from mm_demos.progress import Progress
from mm_demos.training import knowledge_questions as questions
from mm_demos.training.knowledge_support import best_score, examined, handbook_knowledge, listed, place, shop_knowledge
from mm_demos.training.shop_drawings import DRAWINGS, drawing
from mm_demos.training.shop_samples import guide


class Letters:
    """Embeds by counting letters: for tests of everything but meaning."""

    def embed_texts(self, texts: Sequence[str]) -> FloatArray:
        rows = np.array([[1 + text.lower().count(chr(97 + i)) for i in range(26)] for text in texts], np.float32)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def embedder() -> Iterator[TextEmbedder]:
    with loader.shared().lease(catalog.default("text-embedder")) as leased:
        yield leased


@pytest.fixture(scope="module")
def shop(embedder: TextEmbedder) -> Knowledge:
    return shop_knowledge(embedder)


def small(folder: Path, **texts: str) -> Knowledge:
    for name, text in texts.items():
        (folder / f"{name}.md").write_text(text, encoding="utf-8")
    return Knowledge.build([folder], embedder=Letters(), model="letters")


def test_the_shop_answers_and_knows_what_it_does_not_know(shop: Knowledge, embedder: TextEmbedder) -> None:
    asked = examined(shop, listed(questions.SHOP_ANSWERABLE, questions.SHOP_UNANSWERABLE), embedder)
    answerable = [each for each in asked if each.question.source]
    others = [each for each in asked if not each.question.source]
    assert min(len(answerable), len(others)) >= 40
    assert np.mean([place(each) == 0 for each in answerable]) >= 0.8
    assert np.mean([0 <= place(each) < 3 for each in answerable]) >= 0.9
    assert np.mean([best_score(each) >= SUPPORTED for each in answerable]) >= 0.9
    assert np.mean([best_score(each) < SUPPORTED for each in others]) >= 0.88


def test_the_score_holds_on_documents_of_another_kind(embedder: TextEmbedder) -> None:
    asked = examined(
        handbook_knowledge(embedder), listed(questions.HANDBOOK_ANSWERABLE, questions.HANDBOOK_UNANSWERABLE), embedder
    )
    assert np.mean([(best_score(each) >= SUPPORTED) == bool(each.question.source) for each in asked]) >= 0.8


def test_find_gives_passages_in_order_of_support(shop: Knowledge, embedder: TextEmbedder) -> None:
    found = shop.find("How much does express delivery cost?", embedder=embedder)
    assert len(found) == 3
    assert "€9.90" in found[0].span.text
    assert [passage.score for passage in found] == sorted((passage.score for passage in found), reverse=True)
    assert shop.find(" ?! ", embedder=embedder) == ()
    assert shop.find("很贵吗", embedder=embedder)[0].score < SUPPORTED


def test_a_span_opens_with_its_neighbours_and_its_document(shop: Knowledge) -> None:
    span = shop.span("shipping.md", 3)
    assert span.heading == "Shipping › Delivery costs"
    assert [each.number for each in shop.neighbours(span)] == [2, 3, 4]
    assert [each.number for each in shop.neighbours(shop.span("shipping.md", 1), reach=2)] == [1, 2, 3]
    assert shop.document("shipping.md").text[span.start : span.end] == span.text
    with pytest.raises(InvalidInputError, match="no passage 99"):
        shop.span("shipping.md", 99)
    with pytest.raises(InvalidInputError, match="no document"):
        shop.document("orders.csv")


def test_what_was_saved_finds_the_same(shop: Knowledge, embedder: TextEmbedder, tmp_path: Path) -> None:
    shop.save(tmp_path / "shop.mmknowledge")
    again = Knowledge.load(tmp_path / "shop.mmknowledge")
    assert (again.documents, again.spans) == (shop.documents, shop.spans)
    question = "How do I descale the kettle?"
    assert again.find(question, embedder=embedder) == shop.find(question, embedder=embedder)
    assert [file.name for file in tmp_path.iterdir()] == ["shop.mmknowledge"]


def test_damaged_files_are_refused_in_one_sentence(tmp_path: Path) -> None:
    file = tmp_path / "a.mmknowledge"
    small(tmp_path, one="# A\nSome text.").save(file)
    whole = file.read_bytes()
    with zipfile.ZipFile(file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    for name, content in [
        ("rows.f32", members["rows.f32"][:-4]),
        ("rows.f32", b"\0" * len(members["rows.f32"])),
        ("owners.i64", b"\xff" * len(members["owners.i64"])),
        ("about.json", members["about.json"].replace(b"knowledge 1", b"knowledge 2")),
        ("about.json", b"[" * 5000),
    ]:
        with zipfile.ZipFile(file, "w") as archive:
            for each, old in members.items():
                archive.writestr(each, content if each == name else old)
        with pytest.raises(InvalidInputError, match="is not saved knowledge"):
            Knowledge.load(file)
    for content in (whole[: len(whole) // 2], b"not a zip"):
        file.write_bytes(content)
        with pytest.raises(InvalidInputError, match="is not saved knowledge"):
            Knowledge.load(file)


def test_one_broken_file_does_not_spoil_the_others(tmp_path: Path) -> None:
    (tmp_path / "broken.pdf").write_bytes(b"no pdf")
    made = small(tmp_path, fine="# Fine\nIt works.")
    assert made.sources == ("fine.md",)
    assert len(made.faults) == 1
    assert "broken.pdf is not a PDF" in made.faults[0]
    with pytest.raises(InvalidInputError, match=r"broken\.pdf"):
        Knowledge.build([tmp_path / "broken.pdf"], embedder=Letters())
    (tmp_path / "nothing").mkdir()
    with pytest.raises(InvalidInputError, match="no document to read"):
        Knowledge.build([tmp_path / "nothing"], embedder=Letters())


def test_files_of_one_name_are_told_apart(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "rules.txt").write_text(f"Rules of {folder}.", encoding="utf-8")
    assert Knowledge.build([tmp_path], embedder=Letters()).sources == ("rules.txt", "b/rules.txt")


def test_limits_and_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shop: Knowledge) -> None:
    with pytest.raises(InvalidInputError, match="another model"):
        shop.find("What is it?", embedder=Letters())
    monkeypatch.setattr(module, "MAX_SPANS", 1)
    with pytest.raises(InvalidInputError, match="limit is 1"):
        small(tmp_path, one="# A\nOne.\n# B\nTwo.")
    monkeypatch.setattr(module, "MAX_FILES", 0)
    with pytest.raises(InvalidInputError, match="limit is 0"):
        small(tmp_path, one="# A\nOne.")
    progress = Progress()
    progress.stop()
    monkeypatch.undo()
    with pytest.raises(StoppedError):
        Knowledge.build([tmp_path], embedder=Letters(), progress=progress)


def test_words_are_ranked_by_how_rare_they_are() -> None:
    index = WordIndex(["the red cup and the red plate", "a blue cup", "cups, cups, cups of tea", "nothing"])
    assert list(index.ranked("Do you have a blue cup?", 10)) == [1, 2, 0]
    assert index.shares("blue cups", [1, 2, 3])[1] == 1.0
    assert index.unknown("purple cup") == 0.5
    assert index.ranked("what is it?", 10) == {}


def test_the_shop_is_coherent() -> None:
    with (samples.shop() / "products.csv").open(encoding="utf-8", newline="") as file:
        products = {row["name"]: row for row in csv.DictReader(file)}
    assert len(products) == 20
    assert all((samples.shop() / row["picture"]).is_file() for row in products.values())
    with (samples.shop() / "orders.csv").open(encoding="utf-8", newline="") as file:
        orders = list(csv.DictReader(file))
    assert len({order["number"] for order in orders}) == len(orders) >= 25
    for order in orders:
        goods = sum(
            int(count) * float(products[name]["price"]) for count, name in re.findall(r"(\d+) x ([^;]+)(?:; |$)", order["items"])
        )
        delivery = {"pickup": 0.0, "express": 9.9}.get(order["delivery"], 0.0 if goods >= 60 else 4.9)
        assert float(order["total"]) == pytest.approx(goods + delivery), order["number"]
        days = [date.fromisoformat(order[key]) for key in ("ordered", "shipped", "delivered") if order[key]]
        assert days == sorted(days)
        assert max(days) <= date(2026, 11, 20)
        assert bool(order["delivered"]) == (order["status"] in {"delivered", "returned"})
    size = sum(file.stat().st_size for file in samples.shop().rglob("*") if file.is_file())
    assert size < 400_000


def test_the_shop_is_made_again_by_its_script(tmp_path: Path) -> None:
    from io import BytesIO

    from PIL import Image

    assert guide() == (samples.shop() / "care-guide.pdf").read_bytes()
    shutil.copytree(samples.shop() / "pictures", tmp_path / "pictures")
    assert {file.stem for file in (tmp_path / "pictures").iterdir()} == set(DRAWINGS)
    for name in ("moss-teapot", "gift-card"):
        made, kept = (Image.open(each).convert("RGB") for each in (BytesIO(drawing(name)), tmp_path / f"pictures/{name}.png"))
        assert np.abs(np.asarray(made, np.int16) - np.asarray(kept, np.int16)).mean() < 2
