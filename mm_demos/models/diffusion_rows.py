"""Rows of painters: the suite's own, and pipelines that a user brings as a folder or names on the hub."""

from __future__ import annotations

import hashlib
import json
import math
import re
from dataclasses import replace
from pathlib import Path

from mm_demos.errors import InvalidInputError, UnknownModelError
from mm_demos.models.diffusion_folder import check_folder, weight_files
from mm_demos.models.local_files import file_sha256, folder_at
from mm_demos.models.mini_rows import MANIFEST, packaged
from mm_demos.models.spec import Engine, ModelSpec, WeightFile
from mm_demos.progress import Progress

DIFFUSERS = Engine(
    "diffusers",
    "mm_demos.models.diffusion:load_pipeline",
    devices=("cuda", "mps", "cpu"),
    uses_torch=True,
    libraries=("torch", "diffusers", "transformers", "accelerate"),
)
PAINTER = "mm-mini-painter"
HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
ELEMENT_BYTES = 4  # on a CPU weights are held in float32, whatever they are stored in
TOKENIZER_FILES = ("vocab.txt", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")


def painter_row(text: ModelSpec) -> ModelSpec:
    """The suite's own painter.

    Args:
        text: the row whose files hold the text encoder and its tokenizer.
    """
    names = [name for name in json.loads(MANIFEST.read_text(encoding="utf-8")) if name.startswith(f"{PAINTER}/")]
    own = [replace(file, name=file.name.removeprefix(f"{PAINTER}/")) for file in packaged(*names)]
    shared = {"text_encoder/model.safetensors": "model.safetensors", **{f"tokenizer/{name}": name for name in TOKENIZER_FILES}}
    there, theirs = {file.name for file in own}, {file.name: file for file in text.files}
    borrowed = [replace(theirs[name], name=place) for place, name in shared.items() if name in theirs and place not in there]
    return ModelSpec(
        name=PAINTER,
        role="image-generator",
        family="diffusers",
        profiles=("embedded",),
        engines=(DIFFUSERS,),
        files=(*own, *borrowed),
        licence="Apache-2.0",
        memory_bytes=240_000_000,
        languages=("en",),
        guidance_scale=4.0,
        summary="Paints emoji-like pictures of 64 × 64 pixels from a few words",
    )


def register_pipeline(folder_or_hub_id: str | Path, revision: str | None = None, progress: Progress | None = None) -> str:
    """Add a pipeline in diffusers' format to the catalog, and return the name that leases ask for.

    The same folder keeps its name; when its files have changed it gets another revision, and the model is loaded anew. What the
    catalog lists already, as the suite's or as an added model, is taken from there as long as no revision is asked for.

    Args:
        folder_or_hub_id: a local folder with `model_index.json`, or "owner/name" on the Hugging Face hub.
        revision: commit, branch or tag on the hub; the commit it stands for now is what is registered.
        progress: told about the download, which it can stop.

    Raises:
        InvalidInputError: no such folder or repository id, or a pipeline that is not loaded here.
        WeightsUnavailableError: the hub cannot be reached, or does not give the repository.
        BusyError: its files have changed while the model is in use.
    """
    given = str(folder_or_hub_id).strip()
    local = folder_at(given)
    progress = progress or Progress()
    if local is None and (isinstance(folder_or_hub_id, Path) or not HUB_ID.fullmatch(given)):
        raise InvalidInputError(f"There is no folder {given!r}: give a pipeline's folder, or owner/name on the Hugging Face hub.")
    source = f"https://huggingface.co/{given}" if local is None else str(local)
    listed = [row.name for row in _painters(source) if row.repository is not None]
    if listed and revision is None:
        return listed[0]
    if local is not None:
        return _register(local, source, local.name, "", progress)
    from mm_demos.models.diffusion_hub import fetch

    folder, commit = fetch(given, revision, progress)
    return _register(folder, source, given.partition("/")[2], commit, progress)


def _painters(source: str) -> list[ModelSpec]:
    """The catalog's rows for the pipeline of one place."""
    from mm_demos.models import catalog

    return [row for row in catalog.rows(role="image-generator") if row.source == source]


def _register(folder: Path, source: str, title: str, commit: str, progress: Progress) -> str:
    from mm_demos.models import catalog

    check_folder(folder)
    row = _row(folder, source, title, commit, progress)
    known = [other for other in _painters(source) if other.repository is None]
    if not known:
        row = replace(row, name=_free_name(row.name, source))
    elif known[0].digest == row.digest:
        return known[0].name
    else:
        row = replace(row, name=known[0].name)
        _forget(row.name)
    catalog.register(row)
    return row.name


def _row(folder: Path, source: str, title: str, commit: str, progress: Progress) -> ModelSpec:
    files = []
    paths = weight_files(folder)
    for number, path in enumerate(paths):
        progress.report(f"Reading {folder.name}", number, len(paths), "files")
        files.append(WeightFile(path.relative_to(folder).as_posix(), file_sha256(path), path.stat().st_size, ()))
    row = ModelSpec(
        name=re.sub(r"[^a-z0-9.]+", "-", title.lower()).strip("-.") or "pipeline",
        role="image-generator",
        family="diffusers",
        profiles=(),
        engines=(DIFFUSERS,),
        files=tuple(files),
        licence="unknown",
        source=source,
        local_folder=folder,
        memory_bytes=sum(_elements(path) for path in paths if path.suffix == ".safetensors") * ELEMENT_BYTES,
        summary=f"A pipeline of yours, {title}",
    )
    return replace(row, revision=commit or row.digest[:16])


def _elements(path: Path) -> int:
    """Numbers in a safetensors file, by its header."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > path.stat().st_size:
            raise InvalidInputError(f"{path.name} in {path.parent} is damaged: copy the pipeline again.")
        try:
            header = json.loads(file.read(length))
        except ValueError as error:
            raise InvalidInputError(f"{path.name} in {path.parent} is damaged: copy the pipeline again.") from error
    return sum(math.prod(tensor["shape"]) for name, tensor in header.items() if name != "__metadata__")


def _free_name(name: str, source: str) -> str:
    """The name itself, or with a few digits of its place where another model has it."""
    from mm_demos.models import catalog

    try:
        catalog.spec(name)
    except UnknownModelError:
        return name
    return f"{name}-{hashlib.sha256(source.encode()).hexdigest()[:4]}"


def _forget(name: str) -> None:
    """Take the row of the older files out, with the model that was loaded from them."""
    from mm_demos.models import catalog, loader

    loader.shared().eject(name)
    catalog.unregister(name)
