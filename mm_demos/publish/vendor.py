"""Which files of the package a Space carries: the sources that pages need, and the weights of the models it runs."""

from __future__ import annotations

import ast
import importlib.metadata
import importlib.util
import shutil
from functools import cache
from pathlib import Path

import mm_demos
from mm_demos.errors import MissingDependencyError
from mm_demos.models.catalog import PackagedSource
from mm_demos.models.mini_rows import MANIFEST
from mm_demos.publish.selection import SpaceSpec

PACKAGE = Path(mm_demos.__file__).parent
WEIGHTS = MANIFEST.parent
LEFT_OUT = ("cli", "evaluation", "publish", "training", "__main__.py")  # rooms that no page needs, but for what it imports
STARTS = ("publish/__init__.py", "publish/start.py")
NORMALISER = "whisper"  # the folder of openai-whisper's text normaliser, which the word error rate looks for


def package_files(space: SpaceSpec) -> tuple[Path, ...]:
    """Files below the package that a Space carries, relative to it, sorted."""
    weights = {
        source.name
        for row in space.models()
        for file in row.files
        for source in file.sources
        if isinstance(source, PackagedSource)
    }
    kept = []
    for path in _sources():
        if path.parts[0] != WEIGHTS.name or path.name == MANIFEST.name or path.relative_to(WEIGHTS.name).as_posix() in weights:
            kept.append(path)
    return tuple(kept)


def copy(space: SpaceSpec, folder: Path) -> None:
    """Write the package into a Space's folder, in place of one that lies there, and Whisper's normaliser where it is read.

    Raises:
        MissingDependencyError: openai-whisper, which the normaliser is taken from, is not installed.
    """
    shutil.rmtree(folder / PACKAGE.name, ignore_errors=True)
    shutil.rmtree(folder / NORMALISER, ignore_errors=True)
    if space.source:
        return
    for path in package_files(space):
        _copy(PACKAGE / path, folder / PACKAGE.name / path)
    if carries_normaliser(space):
        for source, name in _normaliser():
            _copy(source, folder / NORMALISER / name)


def carries_normaliser(space: SpaceSpec) -> bool:
    """Whether a tab counts word errors: installing openai-whisper for its four files of rules would bring torch along."""
    return not space.source and any(tab.name == "speech" for tab in space.tabs)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def _normaliser() -> list[tuple[Path, str]]:
    spec = importlib.util.find_spec("whisper")
    if spec is None or not spec.submodule_search_locations:
        raise MissingDependencyError("A Space with the Speech tab carries Whisper's text normaliser: pip install openai-whisper.")
    folder = Path(spec.submodule_search_locations[0]) / "normalizers"
    found = [(path, f"normalizers/{path.name}") for path in sorted(folder.iterdir()) if path.suffix in {".py", ".json"}]
    listed = importlib.metadata.files("openai-whisper") or []
    return [*found, *((Path(str(file.locate())), "LICENSE") for file in listed if file.name == "LICENSE")]


@cache
def _sources() -> tuple[Path, ...]:
    """Every file of the package but those of rooms that are left out, and what of those rooms the others import."""
    files = sorted(path for path in PACKAGE.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    kept = [path for path in files if path.relative_to(PACKAGE).parts[0] not in LEFT_OUT]
    kept += [PACKAGE / name for name in STARTS]
    todo = [path for path in kept if path.suffix == ".py"]
    seen = set(kept)
    while todo:
        for path in _imported(todo.pop()) - seen:
            seen.add(path)
            todo.append(path)
    return tuple(sorted(path.relative_to(PACKAGE) for path in seen))


def _imported(path: Path) -> set[Path]:
    """Files of this package that a file imports anywhere, with the packages they lie in; not what only type checkers see."""
    names: set[str] = set()
    for node in _run(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    found = set()
    for name in names:
        parts = name.split(".")
        if parts[0] == PACKAGE.name:
            places = [PACKAGE.joinpath(*parts[1:end]) for end in range(1, len(parts) + 1)]
            found |= {file for place in places for file in (place / "__init__.py", place.with_suffix(".py")) if file.is_file()}
    return found


def _run(tree: ast.AST) -> list[ast.AST]:
    """All nodes but those under `if TYPE_CHECKING`."""
    found, todo = [], [tree]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            todo += node.orelse
            continue
        found.append(node)
        todo += ast.iter_child_nodes(node)
    return found
