"""Texts and pictures as vectors: the panel of the Picture search tab and the endpoint `embed`."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from mm_demos import media, ui
from mm_demos.errors import InvalidInputError
from mm_demos.models import catalog
from mm_demos.progress import Progress
from mm_demos.results import Receipt
from mm_demos.tasks.embedding import embed_images, embed_texts
from mm_demos.tasks.receipts import record
from mm_demos.ui.events import Export
from mm_demos.ui.files import json_text

MAX_INPUTS = 500
SHOWN = 12  # rows and columns of the table of cosines


@dataclass(frozen=True, slots=True)
class Embeddings:
    """Vectors of one space, L2-normalised, so that a product of two is their cosine.

    Args:
        inputs: texts as given, then pictures by the name of their file.
        embeddings: one vector of `dim` numbers each.
        dim: numbers of a vector.
        model: whose space it is.
    """

    inputs: tuple[str, ...]
    embeddings: tuple[tuple[float, ...], ...]
    dim: int
    model: str
    receipt: Receipt | None = None


def embed(
    texts: str = "", images: Sequence[str] | None = None, model: str = "", *, progress: Progress | None = None
) -> Embeddings:
    """Turn texts and pictures into vectors of one space, L2-normalised: the product of two is their cosine.

    Args:
        texts: one a line.
        images: picture files.
        model: of the catalog, for both.
        progress: told about loads and inputs.
    """
    lines, files = lines_of(texts), [Path(path) for path in images or ()]
    name = catalog.chosen(model or None, "joint-embedder")
    with record("embed", options={"texts": len(lines), "images": len(files)}, progress=progress) as run:
        run.lease(name)
        parts = [embed_texts(lines, model=name, progress=progress)] if lines else []
        parts += [embed_images(files, model=name, progress=progress)] if files else []
        rows = np.concatenate(parts)
        vectors = tuple(tuple(float(number) for number in row) for row in rows)
        names = (*lines, *(path.name for path in files))
        return Embeddings(names, vectors, rows.shape[1], name, run.receipt())


def lines_of(texts: str | None) -> list[str]:
    """Texts, one a line; empty lines do not count."""
    return [line.strip() for line in media.clean_text(texts or "").split("\n") if line.strip()]


def check(texts: str | None, images: Sequence[str] | None, *_options: Any) -> None:
    """Refuse a run without inputs, or with too many, before it queues."""
    count = len(lines_of(texts)) + len(images or ())
    if not count:
        raise InvalidInputError("Give texts, one a line, or pictures.")
    if count > MAX_INPUTS:
        raise InvalidInputError(f"{count:,} inputs are too many at once: take at most {MAX_INPUTS}, or use the command embed.")


def npz(found: Embeddings) -> bytes:
    """A NumPy file as the command `embed` writes it: `embeddings` (n, dim) float32 and `inputs` (n,)."""
    content = io.BytesIO()
    np.savez(content, embeddings=np.array(found.embeddings, np.float32), inputs=np.array(found.inputs))
    return content.getvalue()


def build(page: ui.Page) -> tuple[gr.Textbox, ui.Actions]:
    """Text box and button, inside `inputs()`."""
    texts = gr.Textbox("", label="Texts", placeholder="One a line", lines=4, max_lines=10, info="And the pictures above, if any")
    return texts, page.actions("Embed")


def connect(page: ui.Page, texts: gr.Textbox, actions: ui.Actions, images: gr.File) -> None:
    """The table of cosines and the downloads, inside `results()`, and the endpoint; `images` is the page's collection."""
    area = ui.result_area("Vectors will appear here", "As a file for NumPy, with the cosine between every two of them.")
    files = page.exports(Export("NPZ", "embeddings.npz", npz), Export("JSON", "embeddings.json", json_text))
    names = [row.name for row in catalog.rows(role="joint-embedder")]
    model = gr.Dropdown(names, value=catalog.default("joint-embedder"), label="Model", visible=False)
    page.connect(
        embed,
        actions=actions,
        inputs=[texts, images, model],
        outputs=[area],
        show=lambda found: [_table(found)],
        api_name="embed",
        check=check,
        exports=files,
        snippet={"texts": "a dog\na cat"},
        keep=[model],
    )


def _table(found: Embeddings) -> str:
    rows = np.array(found.embeddings[:SHOWN])
    names = [escape(name) for name in found.inputs[:SHOWN]]
    head = "".join(f'<th scope="col">{number}</th>' for number, _ in enumerate(names, start=1))
    lines = "".join(
        f'<tr><th scope="row" translate="no">{number} · {name}</th>{"".join(f"<td>{value:.2f}</td>" for value in cosines)}</tr>'
        for number, (name, cosines) in enumerate(zip(names, rows @ rows.T, strict=True), start=1)
    )
    table = f'<table class="mm-measured"><thead><tr><th></th>{head}</tr></thead><tbody>{lines}</tbody></table>'
    return f'<div class="mm-card"><p class="mm-basis">{len(found.inputs)} × {found.dim} · {escape(found.model)}</p>{table}</div>'
