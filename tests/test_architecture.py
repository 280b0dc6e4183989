"""Who may import whom, and how large a file may grow."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "mm_demos"
SOURCES = sorted(PACKAGE.rglob("*.py"))
PAGE_ROOMS = {"tabs", "ui", "serving", "publish"}  # may import gradio; app.py stands outside the package

# A room may import itself and the rooms of lower rank.
RANKS = {
    **dict.fromkeys(("errors", "results"), 0),
    **dict.fromkeys(("progress", "settings", "machine"), 1),
    **dict.fromkeys(("media", "samples", "accelerator"), 2),
    "models": 3,
    "retrieval": 3.5,
    **dict.fromkeys(("fusion", "assistant"), 4),
    "tasks": 5,
    "evaluation": 6,
    **dict.fromkeys(("ui", "tabs", "training"), 7),
    "serving": 7.5,
    "publish": 7.7,
    **dict.fromkeys(("cli", "__init__"), 8),
    "__main__": 9,
}


def room(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[0]


def imports(tree: ast.AST) -> set[str]:
    """Dotted names of everything imported anywhere in a file, under functions and type checking too."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide the room they come from"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def tops(statements: list[ast.stmt]) -> set[str]:
    """Libraries imported when the file is, i.e. outside functions and `if TYPE_CHECKING`."""
    found: set[str] = set()
    for node in statements:
        if isinstance(node, ast.Import | ast.ImportFrom):
            found |= {name.partition(".")[0] for name in imports(node)}
        elif isinstance(node, (ast.Try, ast.ClassDef)):
            found |= tops(node.body)
    return found


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_room_imports_lower_rooms_only(path: Path) -> None:
    own = room(path)
    assert own in RANKS, f"{own} is a new room: give it a rank here"
    for name in imports(parsed(path)):
        if not name.startswith("mm_demos."):
            continue
        other = name.split(".")[1]
        allowed = own == other or other not in RANKS or RANKS[other] < RANKS[own] or {own, other} == {"ui", "tabs"}
        assert allowed, f"{path.relative_to(ROOT)} imports {name}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_pages_import_gradio_and_only_the_accelerator_imports_spaces(path: Path) -> None:
    libraries = {name.partition(".")[0] for name in imports(parsed(path))}
    assert "gradio" not in libraries or room(path) in PAGE_ROOMS
    assert "spaces" not in libraries or room(path) == "accelerator"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_heavy_libraries_are_imported_inside_functions(path: Path) -> None:
    heavy = {"torch", "transformers", "diffusers", "accelerate", "open_clip", "timm", "whisper"}
    if room(path) in {"tasks", "tabs", "ui", "cli", "media", "__init__", "settings", "results", "errors", "accelerator"}:
        assert not tops(parsed(path).body) & heavy


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_files_stay_small(path: Path) -> None:
    count = len(path.read_text(encoding="utf-8").splitlines())
    assert count <= 300
    if room(path) == "tabs":
        assert count < 150 or path.name == "__init__.py"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_faults_are_not_swallowed(path: Path) -> None:
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.ExceptHandler):
            broad = node.type is None or (isinstance(node.type, ast.Name) and node.type.id in {"Exception", "BaseException"})
            assert not (broad and all(isinstance(step, ast.Pass) for step in node.body))


def test_the_app_is_forty_lines() -> None:
    assert len((ROOT / "app.py").read_text(encoding="utf-8").splitlines()) <= 40


def test_the_folder_of_spaces_is_no_package() -> None:
    assert not [*(ROOT / "spaces").glob("__init__.py"), *(ROOT / "spaces").glob("*/__init__.py")]


@pytest.mark.parametrize("module", ["mm_demos", "mm_demos.tabs", "mm_demos.cli", "mm_demos.models.catalog", "mm_demos.media"])
def test_what_an_import_does_not_bring_along(module: str) -> None:
    heavy = ["torch", "transformers", "gradio", "onnxruntime", "ctranslate2", "faster_whisper", "av", "PIL"]
    code = f"import sys, {module}; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


def test_the_package_imports_at_once() -> None:
    code = "import time; start = time.perf_counter(); import mm_demos; print(time.perf_counter() - start)"
    runs = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT) for _ in range(3)]
    assert min(float(run.stdout) for run in runs) < 0.3
