"""Every block of the README's section on calling the suite runs as it stands, against a real server on real weights."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from served import ROOT

from mm_demos import samples
from mm_demos.cli import VERBS
from mm_demos.serving.record_examples import TABLE

SECTION = "Call it from anywhere"
WRITTEN_ADDRESS = "http://127.0.0.1:7860"
JAVASCRIPT = ROOT / "tests" / "javascript"
BLOCK = re.compile(r"```(python|javascript|bash)\n(.*?)```", re.DOTALL)
SECONDS = 300  # for one block on a busy machine
# What a block that holds the words on the left must print.
SAID = {
    "transcribe": r"my fellow Americans",
    "/caption": r"\d\.\d+",
    "verb caption": r'"captions": \[\{"text": "[^"]+"',
    "verb answer": r'"confidence": ',
    "classify(": r"(?m)^cat$",
    "verb classify": r'"label": "cat"',
    "search_sounds": r"dog-bark|dog-near",
    "search_pictures": r"coffee\.jpg",
    "S-10241": r"S-10241|on its way|delivered|parcel",
    "strategies": r'"leaderboard": ',
    "run.cancel()": r"the first of 8 pictures is there",
    "/cancel": r"event: complete\ndata: null",
    "call_tool": r"(?m)^sport$",
}


def section() -> str:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return text.partition(f"\n## {SECTION}\n")[2].partition("\n## ")[0]


def blocks() -> list[tuple[str, str]]:
    return BLOCK.findall(section())


@pytest.fixture(scope="session")
def packages(pytestconfig: pytest.Config) -> Path:
    """The folder with what the JavaScript examples import, installed once for each version of the lock."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.fail("JavaScript examples need Node.js: install it with npm (Debian: apt-get install nodejs npm).", pytrace=False)
    assert pytestconfig.cache is not None
    lock = (JAVASCRIPT / "package-lock.json").read_bytes()
    folder = pytestconfig.cache.mkdir(f"javascript-{hashlib.sha256(lock).hexdigest()[:12]}")
    if not (folder / "node_modules" / "@gradio" / "client" / "package.json").is_file():
        for name in ("package.json", "package-lock.json"):
            shutil.copy(JAVASCRIPT / name, folder)
        subprocess.run([npm, "ci", "--no-audit", "--no-fund", "--silent"], cwd=folder, check=True, timeout=SECONDS)
    return folder / "node_modules"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the files that the examples name."""
    shutil.copy(samples.path("jfk.flac"), tmp_path / "talk.flac")
    shutil.copy(samples.path("cat.jpg"), tmp_path / "photo.jpg")
    (tmp_path / "table.csv").write_text(TABLE, encoding="utf-8")
    return tmp_path


def command(language: str, code: str, folder: Path, request: pytest.FixtureRequest) -> list[str]:
    if language == "python":
        return [sys.executable, "-c", code]
    if language == "bash":
        return ["bash", "-euo", "pipefail", "-c", code]
    (folder / "node_modules").symlink_to(request.getfixturevalue("packages"))
    (folder / "example.mjs").write_text(code, encoding="utf-8")
    return ["node", "example.mjs"]


IDS = [f"{number}-{kind}" for number, (kind, _) in enumerate(blocks(), 1)]


@pytest.mark.parametrize(("language", "code"), blocks(), ids=IDS)
def test_an_example_does_what_it_says(
    language: str, code: str, served: str, folder: Path, request: pytest.FixtureRequest
) -> None:
    program = command(language, code.replace(WRITTEN_ADDRESS, served), folder, request)
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    done = subprocess.run(program, cwd=folder, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    wanted = {words: pattern for words, pattern in SAID.items() if words in code}
    assert wanted, "say in SAID what this block must print"
    for words, pattern in wanted.items():
        assert re.search(pattern, done.stdout), f"{words}: {done.stdout[-3000:]}"


def test_every_language_and_door_has_an_example() -> None:
    assert {language for language, _ in blocks()} == {"python", "javascript", "bash"}
    assert {words for words in SAID if any(words in code for _, code in blocks())} == set(SAID)


def test_the_configuration_for_tools_is_json() -> None:
    found = re.search(r"```json\n(.*?)```", section(), re.DOTALL)
    assert found is not None
    assert json.loads(found[1])["mcpServers"]["mm-demos"]["url"] == f"{WRITTEN_ADDRESS}/gradio_api/mcp"


def test_the_lock_names_no_registry() -> None:
    text = (JAVASCRIPT / "package-lock.json").read_text(encoding="utf-8")
    assert "resolved" not in text and "://" not in text
    wanted = json.loads((JAVASCRIPT / "package.json").read_text(encoding="utf-8"))["dependencies"]
    locked = json.loads(text)["packages"]
    assert {name: locked[f"node_modules/{name}"]["version"] for name in wanted} == wanted


def test_verbs_on_the_readmes_command_lines_exist() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"python -m mm_demos ([a-z-]+)", text))
    assert named
    assert named <= {verb.name for verb in VERBS}
