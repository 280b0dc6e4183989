"""Folders in diffusers' format: what may be in them, and what must not."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mm_demos.errors import InvalidInputError

INDEX = "model_index.json"
LIBRARIES = ("diffusers", "transformers")
PICKLES = frozenset({".bin", ".ckpt", ".pkl", ".pt", ".pth"})
HALF = "fp16"  # how the hub marks a second copy of the weights


def check_folder(folder: Path) -> None:
    """Refuse what is no pipeline, brings code of its own, or has its weights in pickle form only.

    Raises:
        InvalidInputError: one sentence that names the file.
    """
    index = _json(folder / INDEX)
    code = next(folder.rglob("*.py"), None)
    if code is not None or isinstance(index.get("_class_name"), list):
        named = code.relative_to(folder) if code else INDEX
        raise _refused(folder, f"brings code of its own ({named})", "only pipelines of the diffusers library itself are loaded")
    for part, (library, class_name) in _parts(folder, index):
        if library not in LIBRARIES and not _in_diffusers(library):
            raise _refused(folder, f"takes its {part} from {library}.{class_name}", "only diffusers and transformers are trusted")
        _check_part(folder, folder / part)


def variant(folder: Path) -> str | None:
    """ "fp16" where the folder has the weights in no other form."""
    names = [path.name for path in folder.glob("*/*.safetensors")]
    return HALF if names and all(f".{HALF}." in name or f".{HALF}-" in name for name in names) else None


def weight_files(folder: Path) -> list[Path]:
    """The files that a load reads, in the order of their names: no second copies, no checkpoints of other programs."""
    half = variant(folder)
    chosen = []
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        weights = path.suffix == ".safetensors"
        second = weights and (len(relative.parts) != 2 or (f".{HALF}" in path.name) != (half == HALF) or "non_ema" in path.name)
        hidden = any(part.startswith(".") for part in relative.parts)
        if path.is_file() and not second and not hidden and path.suffix in {".safetensors", ".json", ".txt", ".model"}:
            chosen.append(path)
    return chosen


def _parts(folder: Path, index: dict[str, Any]) -> Iterator[tuple[str, tuple[str, str]]]:
    """Names of the parts with the library and the class of each; those left out are passed over."""
    for part, value in index.items():
        if part.startswith("_") or not isinstance(value, list) or value[:1] == [None]:
            continue
        if len(value) < 2 or not all(isinstance(word, str) for word in value[:2]) or Path(part).name != part:
            raise _refused(folder, f"has an entry {part!r} in {INDEX} that cannot be read", "save the pipeline anew")
        yield part, (value[0], value[1])


def _check_part(folder: Path, part: Path) -> None:
    if not part.is_dir():
        raise _refused(folder, f"has no folder {part.name}", "copy the whole pipeline")
    if (part / INDEX).exists():
        raise _refused(folder, f"has another pipeline as its {part.name}", "only pipelines of single networks are loaded")
    config = part / "config.json"
    if config.is_file() and "auto_map" in _json(config):
        raise _refused(
            folder,
            f"brings code of its own ({part.name}/config.json)",
            "only pipelines of the diffusers library itself are loaded",
        )
    names = [path for path in part.iterdir() if path.is_file()]
    pickled = next((path for path in names if path.suffix in PICKLES), None)
    if pickled is not None and not any(path.suffix == ".safetensors" for path in names):
        raise _refused(
            folder,
            f"has the weights of its {part.name} as {pickled.name}, a format that can run code",
            "save it with safe_serialization=True",
        )


def _in_diffusers(library: str) -> bool:
    """Whether a name such as "stable_diffusion" is a module of pipelines inside the diffusers library."""
    found = importlib.util.find_spec("diffusers")
    if found is None or found.origin is None or not library.isidentifier():
        return False
    return (Path(found.origin).parent / "pipelines" / library).is_dir()


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        found = None
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise InvalidInputError(f"{path.name} in {path.parent} cannot be read: copy the whole pipeline again.") from error
    if not isinstance(found, dict):
        raise InvalidInputError(f"{path.parent} is no pipeline of the diffusers library: its {path.name} is missing.")
    return found


def _refused(folder: Path, problem: str, way_out: str) -> InvalidInputError:
    return InvalidInputError(f"The pipeline in {folder} {problem}: {way_out}.")
