"""The built-in sample shop: its knowledge, tools, pictures and day, each made once."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from pathlib import Path

from mm_demos import samples
from mm_demos.assistant.intents import IntentClassifier
from mm_demos.assistant.knowledge import Knowledge
from mm_demos.assistant.tools import Tools
from mm_demos.assistant.tools_orders import ShopRules
from mm_demos.assistant.understanding import Products
from mm_demos.media.files import existing_file
from mm_demos.models import catalog, loader

FOLDER = samples.FOLDER / "shop"
NO_KNOWLEDGE = frozenset({"orders.csv", "README.md"})  # customers' orders are looked up, never quoted


def sample_day() -> date:
    """The Friday on which the sample's orders stand as they do."""
    return date(2026, 11, 20)


def sample_documents() -> tuple[Path, ...]:
    """Files of the sample's knowledge base."""
    files = (file for file in FOLDER.iterdir() if file.suffix in {".md", ".pdf", ".csv"})
    return tuple(sorted(file for file in files if file.name not in NO_KNOWLEDGE))


def sample_pictures() -> Mapping[str, Path]:
    """The sample's pictures by product name."""
    return product_pictures(FOLDER / "products.csv")


def product_pictures(table: Path) -> dict[str, Path]:
    """Pictures by product name, from the columns `name` and `picture` of a table; those that are not there are left out."""
    with table.open(encoding="utf-8-sig", newline="") as file:
        rows = [(row.get("name") or "", row.get("picture") or "") for row in csv.DictReader(file)]
    base = table.parent.resolve()
    paths = {name: (base / picture).resolve() for name, picture in rows if name and picture}
    return {name: path for name, path in paths.items() if path.is_file() and path.is_relative_to(base)}


def sample_tools() -> Tools:
    """Order status, refund rule, ticket draft and hand-over for the sample shop."""
    return Tools.of_folder(FOLDER, rules=ShopRules.sample())


def sample_knowledge() -> Knowledge:
    """The sample's documents, embedded once for each state of the embedder's weights."""
    name = catalog.default("text-embedder")
    return _sample_knowledge(name, catalog.revision_of(name))


@lru_cache(maxsize=1)
def _sample_knowledge(name: str, revision: str) -> Knowledge:  # noqa: ARG001 (part of the key)
    with loader.shared().lease(name) as embedder:
        return Knowledge.build(sample_documents(), embedder=embedder)


def looks_of(pictures: Mapping[str, Path]) -> Products | None:
    """What products look like, embedded once for each state of their files and of the embedder; None without pictures."""
    if not pictures:
        return None
    name = catalog.default("joint-embedder")
    stamps = tuple(existing_file(path, "picture").stat().st_mtime_ns for path in pictures.values())
    return _looks_of(tuple(pictures.items()), stamps, name, catalog.revision_of(name))


@lru_cache(maxsize=2)
def _looks_of(pictures: tuple[tuple[str, Path], ...], stamps: tuple[int, ...], name: str, revision: str) -> Products:  # noqa: ARG001
    with loader.shared().lease(name) as embedder:
        return Products.build(dict(pictures), embedder=embedder)


def classifier(name: str) -> IntentClassifier:
    """Intents and sentiment by the sentence embedder of this name; built once, and it does not hold the model."""
    return _classifier(name, catalog.revision_of(name))


@lru_cache(maxsize=1)
def _classifier(name: str, revision: str) -> IntentClassifier:  # noqa: ARG001 (part of the key)
    with loader.shared().lease(name) as embedder:
        return IntentClassifier.build(embedder)
