"""Spaces that are built: the committed folders are what the tables give, whole, small, and with all that their tabs import."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mm_demos import cli, samples, tabs
from mm_demos.errors import InvalidInputError
from mm_demos.models import catalog
from mm_demos.publish import folder, front_matter, landing, needs, selection, vendor
from mm_demos.publish.selection import SpaceSpec
from mm_demos.results import Segment, Transcription, Word
from mm_demos.ui import kept_results

ROOT = Path(__file__).parents[1]
EVERYTHING = selection.everything()
SPEECH = selection.of_tab("speech")
VENDORED = (vendor.PACKAGE.name, vendor.NORMALISER)  # copies that the repository leaves out
# Imports that only a request for another model, another device or a measurement reaches; each has its own sentence when absent.
ELSEWHERE = {
    "gradio",
    "gradio_client",
    "pydantic",
    "jinja2",
    "spaces",
    "mcp",
    "starlette",
    "fastapi",
    "openvino",
    "open_clip",
    "datasets",
}


def committed(home: Path) -> dict[str, bytes]:
    """Files of a Space by their path, without the copies."""
    files = (path for path in home.rglob("*") if path.is_file() and path.relative_to(home).parts[0] not in VENDORED)
    return {path.relative_to(home).as_posix(): path.read_bytes() for path in files}


@pytest.mark.parametrize("space", EVERYTHING, ids=lambda space: space.name)
def test_a_committed_space_is_what_building_it_gives(space: SpaceSpec, tmp_path: Path) -> None:
    built = folder.build(space, tmp_path)
    assert committed(built) == committed(ROOT / "spaces" / space.name), "run: python -m mm_demos space build --all"
    for path in vendor.package_files(space):
        assert (built / "mm_demos" / path).read_bytes() == (vendor.PACKAGE / path).read_bytes()
    large = {
        path.relative_to(built).as_posix() for path in built.rglob("*") if path.is_file() and path.stat().st_size > 10_000_000
    }
    attributes = built / ".gitattributes"
    declared = attributes.read_text(encoding="utf-8").splitlines() if attributes.is_file() else []
    assert {line.partition(" ")[0] for line in declared} == large
    assert all(name.startswith("mm_demos/weights/") for name in large)


def test_the_committed_landing_page_is_what_building_it_gives(tmp_path: Path) -> None:
    assert committed(landing.build(tmp_path)) == committed(ROOT / "spaces" / "landing")


def test_nothing_else_lies_among_the_spaces() -> None:
    there = {path.name for path in (ROOT / "spaces").iterdir() if path.is_dir() and any(committed(path))}
    assert there == {space.name for space in EVERYTHING} | {landing.NAME}


@pytest.mark.parametrize("space", EVERYTHING, ids=lambda space: space.name)
def test_front_matter_is_short_and_true(space: SpaceSpec) -> None:
    values = front_matter.fields(space)
    assert len(str(values["short_description"])) <= 60
    assert f"gradio[mcp]=={values['sdk_version']}" in (ROOT / "requirements.txt").read_text(encoding="utf-8")
    assert values["python_version"] == "3.12"
    for line in values.get("preload_from_hub", ()):  # type: ignore[union-attr]
        repository, files, commit = line.split(" ")
        assert repository in values["models"]  # type: ignore[operator]
        assert files and len(commit) == 40


def test_a_block_is_yaml_whatever_the_words_are() -> None:
    import yaml  # type: ignore[import-untyped]

    values: dict[str, Any] = {"title": 'a: "b" — #c', "fullWidth": True, "tags": ("x: y", "- z")}
    read = yaml.safe_load(front_matter.block(values).strip("-\n"))
    assert read == {**values, "tags": list(values["tags"])}


def reached(start: Path, stop: frozenset[str]) -> Iterator[Path]:
    """Files that a file imports anywhere, and those that they import, without the ones in `stop`."""
    seen, todo = {start}, [start]
    while todo:
        path = todo.pop()
        yield path
        fresh = {
            file for file in vendor._imported(path) if file not in seen and file.relative_to(vendor.PACKAGE).parts[0] not in stop
        }
        fresh = {file for file in fresh if file.name not in {"send_to.py", "__init__.py"}}  # where all tabs meet
        seen |= fresh
        todo += fresh


def libraries(path: Path) -> set[str]:
    """Libraries that a file imports anywhere."""
    found = set()
    for node in vendor._run(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found - sys.stdlib_module_names - {"mm_demos", "__future__"}


@pytest.mark.parametrize("tab", tabs.TABS, ids=lambda tab: tab.name)
def test_a_space_installs_what_its_tab_and_its_adapters_import(tab: tabs.TabSpec) -> None:
    space = selection.of_tab(tab.name)
    start = vendor.PACKAGE / f"{tab.module.removeprefix('mm_demos.').replace('.', '/')}.py"
    others = frozenset({"models", "serving", "evaluation", "accelerator.py", "machine.py", "settings.py"})
    imported = {name for path in reached(start, others) for name in libraries(path)}
    for row in space.models():
        adapter = needs.engine_there(row, space).adapter
        module = adapter.partition(":")[0]
        beside = [engine for each in catalog.rows() for engine in each.engines if engine.adapter.partition(":")[0] == module]
        others_need = {name for engine in beside if engine.adapter != adapter for name in engine.libraries}
        path = vendor.PACKAGE / f"{module.removeprefix('mm_demos.').replace('.', '/')}.py"
        imported |= libraries(path) - others_need
    covered = needs.wanted(space) | {"whisper"}
    optional = {"usearch", "whisper", *ELSEWHERE}  # usearch: only libraries of more windows than a Space's disk is for
    assert {needs.PACKAGES.get(name, name) for name in imported} - covered - optional <= {"open_clip_torch"}


def test_the_speech_space_is_light_and_needs_no_torch() -> None:
    names = needs.wanted(SPEECH)
    assert "faster-whisper" in names
    assert not names & {"torch", "transformers", "onnx", "timm", "openai-whisper"}
    assert sum((vendor.PACKAGE / path).stat().st_size for path in vendor.package_files(SPEECH)) < 6_000_000


def test_the_speech_space_transcribes_where_torch_cannot_be_imported(tmp_path: Path) -> None:
    home = folder.build(SPEECH, tmp_path)
    code = """
import importlib.abc, importlib.machinery, sys
class Blocked(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"torch", "transformers", "timm", "onnx", "openvino", "accelerate", "torchvision"}:
            raise ModuleNotFoundError(name)
        if name == "whisper":  # as where openai-whisper is not installed
            return importlib.machinery.PathFinder.find_spec(name, [sys.argv[1]])
sys.meta_path.insert(0, Blocked())
import mm_demos
from mm_demos import samples
from mm_demos.evaluation.wer import word_errors
text = mm_demos.transcribe(samples.path("jfk.flac")).text
assert "ask what you can do for your country" in text, text
assert word_errors(text, text).wer == 0
assert sys.modules["mm_demos_whisper_normalizers"].__file__.startswith(sys.argv[1])
assert mm_demos.__file__.startswith(sys.argv[1])
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(home)], cwd=home, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_every_page_opens_with_what_all_spaces_install() -> None:
    blocked = sorted(
        {"torch", "transformers", "onnxruntime", "faster_whisper", "ctranslate2", "av", "tokenizers", "safetensors", "jiwer"}
    )
    code = f"""
import importlib.abc, sys
class Blocked(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked}:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Blocked())
from mm_demos import tabs
from mm_demos.ui import Frame
Frame(tabs.TABS, "http://127.0.0.1").costs_html()
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


def test_every_example_that_lies_in_a_space_belongs_to_a_row_of_its_page() -> None:
    from mm_demos.ui import Frame

    rows = [rows for rows in Frame(tabs.TABS, "http://127.0.0.1").examples]
    names = {row.file_name(number) for row in rows for number in range(len(row.examples.examples))}
    kept = {path.name for path in (ROOT / "spaces").glob("*/examples/*.json")}
    assert kept <= names, "run: python -m mm_demos space build --all --examples"
    for path in (ROOT / "spaces").glob("*/examples/*.json"):
        assert kept_results.read(path) is not None
        assert path.stat().st_size < 300_000


def test_a_group_of_tabs_is_one_space(tmp_path: Path) -> None:
    space = selection.group(["speech", "captioning"], name="talk-and-see", title="Talk and see")
    built = folder.build(space, tmp_path)
    assert 'TABS = (\n    "speech",\n    "captioning",\n)' in (built / "app.py").read_text(encoding="utf-8")
    text = (built / "requirements.txt").read_text(encoding="utf-8")
    assert "faster-whisper" in text and "onnxruntime" in text and "diffusers" not in text
    assert "space build speech captioning --name talk-and-see" in (built / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "values",
    [
        {"name": "Talk"},
        {"name": "-x"},
        {"name": "x" * 97},
        {"name": "x", "short": "y" * 61},
        {"name": "x", "title": "a\nb"},
        {"name": "x", "source": "mm-demos"},
        {"name": "x", "source": "mm-demos @ git+https://example.org/mm-demos@main"},
        {"name": "x", "source": "mm-demos>=1"},
    ],
)
def test_what_the_hub_would_not_take_is_refused(values: dict[str, str]) -> None:
    with pytest.raises(InvalidInputError):
        selection.group(["speech"], **values)
    with pytest.raises(InvalidInputError):
        selection.group([], name="empty")


def test_a_pinned_source_stands_in_for_the_copy(tmp_path: Path) -> None:
    source = "mm-demos @ git+https://example.org/mm-demos@" + "0" * 40
    built = folder.build(selection.of_tab("speech", source=source), tmp_path)
    assert source in (built / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert not (built / "mm_demos").exists() and not (built / "whisper").exists()


def test_a_space_carries_the_weights_of_its_models_and_no_others() -> None:
    for space in EVERYTHING:
        carried = {path.name for path in vendor.package_files(space) if path.suffix == ".safetensors"}
        names = {row.name for row in space.models()}
        assert ("captioner.safetensors" in carried) == ("mm-mini-captioner" in names)
        assert ("sound-head.safetensors" in carried) == ("whisper-sound-head" in names)
    assert not {path.parts[0] for path in vendor.package_files(SPEECH)} & {"training", "cli"}


def test_licences_name_every_model_and_the_gpl_where_it_applies() -> None:
    for space in EVERYTHING:
        text = folder.texts(space)["LICENCES.md"]
        assert all(f"| {row.name} |" in text and row.licence in text for row in space.models())
        assert ("GPL-3.0-or-later" in text) == ("piper-joe-medium" in {row.name for row in space.models()})


def test_results_survive_a_folder(tmp_path: Path) -> None:
    said = Transcription("a", "en", 1.0, 2.0, (Segment(0.0, 1.0, "a", -0.1, 0.0, words=(Word(0.0, 1.0, "a", 0.9),)),))
    grid = np.linspace(0, 1, 81, dtype=np.float32).reshape(9, 9)
    picture = Image.new("RGB", (64, 64), "red")
    kept = (said, {"map": grid, "path": str(samples.path("cat.jpg"))}, [picture, b"\x00\xff", None, np.float32(0.5)])
    kept_results.write(kept, tmp_path / "a.json")
    back = kept_results.read(tmp_path / "a.json")
    assert back[0] == said
    assert np.array_equal(back[1]["map"], grid) and back[1]["map"].dtype == grid.dtype
    assert back[1]["path"] == str(samples.path("cat.jpg"))
    assert str(ROOT) not in (tmp_path / "a.json").read_text(encoding="utf-8")
    assert back[2][0].tobytes() == picture.tobytes() and back[2][1:] == [b"\x00\xff", None, 0.5]


@pytest.mark.parametrize("text", ["", "{", '{"$":"os:system","fields":{}}', '{"$":"mm_demos.cli:main","fields":{}}', '{"a":1}'])
def test_a_file_that_holds_no_result_makes_nothing(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidInputError, match="build the Space's examples again"):
        kept_results.read(path)


def test_a_result_with_a_file_of_this_machine_is_not_kept(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="file of this machine"):
        kept_results.write([str(ROOT / "README.md")], tmp_path / "a.json")


def test_the_landing_page_lists_every_tab_and_fetches_nothing_from_elsewhere() -> None:
    parts = landing.texts("Ada-Love")
    page = parts["index.html"]
    for tab in tabs.TABS:
        assert f'href="https://huggingface.co/spaces/Ada-Love/{tab.name}"' in page
        assert f'data-src="https://ada-love-{tab.name}.hf.space"' in page
        assert tab.summary.split(",")[0].replace("'", "&#x27;") in page
    loaded = [line for line in page.splitlines() if "<script" in line or "<link" in line or "<img" in line]
    assert all("http" not in line for line in loaded)
    assert "http" not in parts["style.css"]
    with pytest.raises(InvalidInputError, match="No account"):
        landing.texts('"><script>')


def test_the_command_says_what_is_wrong_in_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert cli.main(["space", "build"]) == cli.USAGE
    assert cli.main(["space", "build", "speach", "--out", str(tmp_path)]) == cli.USAGE
    assert "There is no tab called 'speach'" in capsys.readouterr().err
    assert cli.main(["space", "build", "speech", "--title", "x", "--out", str(tmp_path)]) == cli.USAGE
    assert cli.main(["space", "build", "speech", "--source", "mm-demos", "--out", str(tmp_path)]) == cli.USAGE
    assert "not pinned" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_the_zero_gpu_space_pins_a_torch_that_zero_gpu_has() -> None:
    space = selection.of_tab("captioning", "zero-a10g")
    assert "torch==2.11.0" in needs.requirements(space)
    assert "smolvlm-500m" in {row.name for row in space.models()}
    assert json.loads(json.dumps(front_matter.fields(space)["suggested_hardware"])) == "zero-a10g"
    assert catalog.default("captioner") == "mm-mini-captioner"
