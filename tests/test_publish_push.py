"""Push: a dry run that sends nothing, an upload that leaves exactly the folder, and one sentence for whatever the hub refuses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_spaces_hub import TOKEN, SpacesHub, running
from huggingface_hub import HfApi, constants

from mm_demos import cli
from mm_demos.errors import InvalidInputError
from mm_demos.publish import push


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[SpacesHub]:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    with running() as server:
        yield server


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    home = tmp_path / "speech"
    (home / "mm_demos" / "__pycache__").mkdir(parents=True)
    (home / "README.md").write_text('---\ntitle: "Speech"\nsdk: "gradio"\n---\n# Speech\n', encoding="utf-8")
    (home / "app.py").write_text("print()\n", encoding="utf-8")
    (home / "mm_demos" / "a.py").write_text("A = 1\n", encoding="utf-8")
    (home / "mm_demos" / "__pycache__" / "a.cpython-311.pyc").write_bytes(b"x")
    (home / ".env").write_text("HF_TOKEN=never\n", encoding="utf-8")
    return home


def api(hub: SpacesHub, token: str | bool = TOKEN) -> HfApi:
    return HfApi(endpoint=hub.url, token=token)


def test_the_plan_names_every_file_and_leaves_out_what_is_no_part_of_a_space(folder: Path) -> None:
    plan = push.plan(folder, "ada/speech", hardware="zero-a10g", visibility="private")
    assert [name for name, _ in plan.files] == ["README.md", "app.py", "mm_demos/a.py"]
    assert plan.size_bytes == sum((folder / name).stat().st_size for name, _ in plan.files)
    said = "\n".join(push.lines(plan, str))
    assert "ada/speech (private, sdk gradio, hardware zero-a10g)" in said
    assert 'title: "Speech"' in said
    assert "never" not in said


def test_a_push_makes_the_space_uploads_its_files_and_removes_what_is_gone(hub: SpacesHub, folder: Path) -> None:
    hub.files["ada/speech"] = {"old.py": b"x", ".gitattributes": b"kept by the hub"}
    address = push.push(push.plan(folder, "ada/speech", hardware="cpu-basic"), api(hub))
    assert address == f"{hub.url}/spaces/ada/speech"
    (asked,) = hub.created
    assert {name: asked[name] for name in ("type", "sdk", "hardware")} == {
        "type": "space",
        "sdk": "gradio",
        "hardware": "cpu-basic",
    }
    assert hub.files["ada/speech"].keys() == {"README.md", "app.py", "mm_demos/a.py", ".gitattributes"}
    assert hub.files["ada/speech"]["mm_demos/a.py"] == b"A = 1\n"


@pytest.mark.parametrize(
    ("status", "message", "said"),
    [
        (403, "You have reached the limit of Spaces, upgrade to PRO.", "may have no more Spaces"),
        (402, "This hardware needs a subscription.", "may have no more Spaces"),
        (403, "Forbidden", "Your token may not write to ada"),
        (404, "Not found", "knows no owner ada"),
        (400, "Bad request", "status 400"),
    ],
)
def test_what_the_hub_refuses_is_one_sentence(hub: SpacesHub, folder: Path, status: int, message: str, said: str) -> None:
    hub.refusal = (status, message)
    with pytest.raises(push.PushError, match=said) as caught:
        push.push(push.plan(folder, "ada/speech"), api(hub))
    assert TOKEN not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_without_a_token_the_sentence_says_where_to_log_in(hub: SpacesHub, folder: Path) -> None:
    with pytest.raises(push.PushError, match="hf auth login"):
        push.push(push.plan(folder, "ada/speech"), api(hub, token=False))


def test_a_hub_that_is_not_there_is_one_sentence(hub: SpacesHub, folder: Path) -> None:
    nowhere = api(hub)
    hub.shutdown()
    hub.server_close()
    with pytest.raises(push.PushError, match="cannot be reached"):
        push.push(push.plan(folder, "ada/speech"), nowhere)


@pytest.mark.parametrize("target", ["speech", "ada/speech/x", "ada/../x", "a--b/x", "ada/", "/x", "ada/sp eech"])
def test_a_target_that_cannot_be_is_refused(folder: Path, target: str) -> None:
    with pytest.raises(InvalidInputError, match="OWNER/NAME"):
        push.plan(folder, target)


def test_a_folder_that_is_no_space_and_hardware_that_is_none_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="front matter"):
        push.plan(tmp_path, "ada/speech")
    with pytest.raises(InvalidInputError, match="no hardware"):
        push.plan(folder, "ada/speech", hardware="quantum")


def test_the_command_sends_nothing_unless_told_to(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(push, "push", lambda *_: pytest.fail("something was sent"))
    assert cli.main(["space", "push", str(folder), "--to", "ada/speech"]) == 0
    out = capsys.readouterr().out
    assert "Nothing was sent" in out
    assert "mm_demos/a.py" in out


def test_the_command_uploads_when_told_to(
    hub: SpacesHub, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.HfApi", lambda: api(hub))
    assert cli.main(["space", "push", str(folder), "--to", "ada/speech", "--really"]) == 0
    said = capsys.readouterr()
    assert f"{hub.url}/spaces/ada/speech" in said.out
    assert TOKEN not in said.out + said.err
