"""What the check of a Space's folder refuses before it starts anything: schema, files, tables that belong together."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import gradio
import pytest

from mm_demos import samples, tabs
from mm_demos.errors import InvalidInputError
from mm_demos.publish import check_environment, check_files, check_front_matter, check_inputs
from mm_demos.publish.check import check, linked_weights
from mm_demos.publish.check_inputs import Attach
from mm_demos.publish.check_report import Answer, CheckReport, FilesResult, FrontMatterResult, StartResult, VisitResult, rows

GOOD = {
    "title": '"Speech"',
    "emoji": '"🎙️"',
    "colorFrom": "indigo",
    "colorTo": "green",
    "sdk": "gradio",
    "sdk_version": f'"{gradio.__version__}"',
    "python_version": '"3.12"',
    "app_file": "app.py",
    "short_description": '"Speech to text"',
    "license": "apache-2.0",
    "suggested_hardware": "cpu-basic",
    "models": "[openai/whisper-base, gpt2]",
    "preload_from_hub": '["openai/whisper-base config.json,model.safetensors e37978b90ca9030d5170a5c07aadb050351a65bb"]',
    "tags": "[speech]",
    "custom_headers": "{cross-origin-embedder-policy: require-corp}",
    "startup_duration_timeout": "1h",
    "header": "mini",
    "fullWidth": "true",
}


def space(folder: Path, **changes: str | None) -> Path:
    """A folder with good front matter but for `changes`; None leaves a key out."""
    values = {key: value for key, value in (GOOD | changes).items() if value is not None}
    folder.mkdir(exist_ok=True)
    block = "\n".join(f"{key}: {value}" for key, value in values.items())
    (folder / "README.md").write_text(f"---\n{block}\n---\n\n# A Space\n", encoding="utf-8")
    (folder / "app.py").write_text("print('here')\n")
    (folder / "requirements.txt").write_text("numpy==2.4.6\n")
    return folder


def test_a_good_folder_has_no_fault(tmp_path: Path) -> None:
    folder = space(tmp_path / "good")
    found = check_front_matter.check(folder)
    assert found.faults == ()
    assert (found.sdk, found.sdk_version, found.python_version) == ("gradio", gradio.__version__, "3.12")
    files = check_files.check(folder)
    assert files.faults == ()
    assert files.count == 3


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("colorFrom", "turquoise", "colorFrom: 'turquoise'"),
        ("colorTo", None, "lacks colorTo"),
        ("title", '""', "title: ''"),
        ("emoji", "smile", "one emoji"),
        ("sdk", "streamlit", "gradio, docker or static"),
        ("sdk_version", '"5.0.0"', f"the project runs on {re.escape(gradio.__version__)}"),
        ("sdk_version", "6.3", "a release in quotes"),
        ("python_version", "3.12", "in quotes"),
        ("python_version", '"3.10"', "numpy has no release"),
        ("python_version", None, "lacks python_version"),
        ("short_description", f'"{"x" * 61}"', "at most 60 characters"),
        ("license", "apache", "list of licences"),
        ("suggested_hardware", "cpu-huge", "hardware flavour"),
        ("suggested_storage", "small", "storage is retired"),
        ("app_file", "main.py", "there is no such file"),
        ("app_file", "../app.py", "a path inside the folder"),
        ("pinned", "maybe", "true or false"),
        ("app_port", "99999", "a port"),
        ("header", "huge", "mini or default"),
        ("custom_headers", "{x-frame-options: DENY}", "COEP, COOP or CORP"),
        ("preload_from_hub", "[gpt2 a.bin abc]", "file1,file2 commit"),
        ("models", "gpt2", "a list of names of models"),
        ("startup_duration_timeout", "soon", "a time"),
        ("colourFrom", "red", "Spaces do not know"),
    ],
)
def test_each_fault_of_the_front_matter_is_one_sentence(tmp_path: Path, key: str, value: str | None, sentence: str) -> None:
    faults = check_front_matter.check(space(tmp_path / "bad", **{key: value})).faults
    assert len(faults) == 1
    assert re.search(sentence, faults[0])
    assert faults[0].endswith(".")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("# no block\n", "does not begin with a block"), ("---\na: [1\n---\n", "is no YAML"), ("---\n- a\n---\n", "no YAML")],
)
def test_a_readme_without_front_matter_is_told(tmp_path: Path, text: str, sentence: str) -> None:
    folder = space(tmp_path / "bad")
    (folder / "README.md").write_text(text)
    assert sentence in check_front_matter.check(folder).faults[0]
    (folder / "README.md").unlink()
    assert "no README.md" in check_front_matter.check(folder).faults[0]


def test_gradio_belongs_to_the_sdk_and_not_to_the_requirements(tmp_path: Path) -> None:
    folder = space(tmp_path / "bad")
    (folder / "requirements.txt").write_text("numpy\ngradio[mcp]==6.0.0\n")
    assert "lists gradio" in check_front_matter.check(folder).faults[0]
    (folder / "requirements.txt").write_text("gradio_client==2.7.2\n")
    assert check_front_matter.check(folder).faults == ()


def test_large_files_have_to_be_declared(tmp_path: Path) -> None:
    folder = space(tmp_path / "large")
    content = bytes(check_files.LIMIT_BYTES + 1)
    (folder / "model.bin").write_bytes(content)
    assert "not declared as weights" in check_files.check(folder).faults[0]
    (folder / ".gitattributes").write_text("*.bin filter=lfs diff=lfs merge=lfs -text\n")
    found = check_files.check(folder)
    assert found.faults == ()
    assert found.weights == ("model.bin",)
    (folder / ".gitattributes").unlink()
    row = {"sha256": hashlib.sha256(content).hexdigest(), "size_bytes": len(content)}
    (folder / "manifest.json").write_text(json.dumps({"model.bin": row, "not-taken-along.bin": row}))
    assert check_files.check(folder).faults == ()
    (folder / "model.bin").write_bytes(content[:-1] + b"x")
    assert "not the file that its manifest declares" in check_files.check(folder).faults[0]


def test_links_shadows_and_files_of_secrets_are_refused(tmp_path: Path) -> None:
    folder = space(tmp_path / "odd")
    (folder / "link.py").symlink_to(folder / "app.py")
    (folder / "spaces").mkdir()
    (folder / ".env").write_text("A=1\n")
    faults = " ".join(check_files.check(folder).faults)
    assert "symbolic link" in faults
    assert "shadows the package" in faults
    assert ".env is a file of the kind that holds secrets" in faults


@pytest.mark.parametrize(
    "secret",
    [
        "hf" + "_" + "Ab1" * 12,
        "gh" + "p_" + "Ab1" * 12,
        "sk" + "-proj-" + "Ab1" * 12,
        "AK" + "IA" + "ABCDEFGHIJKLMNOP",
        "-----BEGIN " + "RSA PRIVATE KEY-----",
        "https://user:" + "verysecret@example.org/x",
    ],
)
def test_a_secret_is_found_and_never_repeated(tmp_path: Path, secret: str) -> None:
    folder = space(tmp_path / "leak")
    (folder / "app.py").write_text(f"one = 1\nkey = '{secret}'\n")
    (fault,) = check_files.check(folder).faults
    assert "app.py, line 2" in fault
    assert secret not in fault


def test_every_tab_has_a_real_input_of_its_own() -> None:
    assert {row.tab for row in check_inputs.INPUTS} == {tab.name for tab in tabs.TABS}
    for row in check_inputs.INPUTS:
        assert row.api_name in tabs.find(row.tab).api_names
        for act in row.acts:
            assert not isinstance(act, Attach) or samples.path(act.sample).is_file()


def test_equal_requirements_share_an_environment(tmp_path: Path) -> None:
    one, other = space(tmp_path / "one"), space(tmp_path / "other")
    (other / "requirements.txt").write_text("# why\nnumpy==2.4.6  # pinned\n\n")
    keys = [check_environment.wanted(folder, check_front_matter.check(folder)).key for folder in (one, other)]
    assert keys[0] == keys[1]
    (other / "requirements.txt").write_text("numpy==2.4.5\n")
    assert check_environment.wanted(other, check_front_matter.check(other)).key != keys[0]


def test_weights_are_linked_and_what_was_computed_from_them_is_not(tmp_path: Path) -> None:
    from mm_demos.models import catalog

    file = catalog.spec("whisper-base").files[0]
    cache = tmp_path / "cache"
    (cache / "blobs").mkdir(parents=True)
    (cache / "blobs" / file.sha256).write_bytes(b"weights")
    (cache / "derived" / "whisper-base").mkdir(parents=True)
    folder = linked_weights(cache, tmp_path / "weights")
    found = [path for path in folder.rglob("*") if path.is_file()]
    assert found == [folder / "whisper-base" / file.name]
    assert found[0].read_bytes() == b"weights"


def test_the_table_tells_what_was_measured() -> None:
    answers = (
        Answer("speech", "page"),
        Answer("speech", "example 1", 0.4, stored=True),
        Answer("speech", "example 2", 0.5, fault="speech, example 2: it failed: no."),
        Answer("speech", "real input", 2.5),
    )
    report = CheckReport(
        "speech",
        FrontMatterResult(),
        FilesResult(count=3, size_bytes=4_100_000),
        start=StartResult(seconds=7.0),
        visit=VisitResult(door="browser", answers=answers, faults=(answers[2].fault,), first_result_seconds=8.0),
    )
    assert not report.ok
    _, row = rows([report])
    assert row == ("speech", "1 wrong", "4.1 MB", "–", "7.0 s", "8.0 s", "2.5 s", "1 of 2, 1 stored", "–")


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="build the Space first"):
        check(tmp_path / "nowhere")


def test_environments_make_room_for_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for age, name in enumerate(("newest", "older", "oldest")):
        (tmp_path / name).mkdir()
        (tmp_path / name / check_environment.COMPLETE).write_text("{}")
        os.utime(tmp_path / name / check_environment.COMPLETE, (1000 - age, 1000 - age))
    free = iter([0, 0, check_environment.ROOM_BYTES])
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: SimpleNamespace(free=next(free)))
    check_environment._make_room(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["newest"]
