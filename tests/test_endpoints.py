"""What programs are told about endpoints, what the newer verbs refuse, and how a tool's call travels."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from mm_demos import samples
from mm_demos.cli import main
from mm_demos.errors import InvalidInputError
from mm_demos.progress import Progress
from mm_demos.serving import tool_calls, tools
from mm_demos.ui import embedding, model_adding, painting_replay, read_aloud, sound_index
from mm_demos.ui.endpoints import Definition, Endpoint, define, describe, endpoints_of
from mm_demos.ui.events import api_event, api_signature
from mm_demos.ui.sound_library import MAX_FILES

CLOSED = "http://127.0.0.1:9"  # nothing listens there


def paint(  # noqa: PLR0917 (an endpoint receives its values by position)
    prompt: str,
    strength: float = 0.5,
    size: float = 64,
    style: str = "plain",
    tags: list[str] | None = None,
    image: str | None = None,
    *,
    progress: Progress | None = None,
) -> dict[str, str]:
    """Paint what is asked for.

    More of it on a second line.

    Args:
        prompt: what to paint,
            at length.
        strength: from 0 to 1.
        image: to start from.

    Raises:
        InvalidInputError: never.
    """
    return {"prompt": prompt}


@pytest.fixture(scope="module")
def endpoint() -> Endpoint:
    with gr.Blocks() as page:
        inputs = [
            gr.Textbox(""),
            gr.Slider(0, 1, value=0.5, step=0.05),
            gr.Number(64, precision=0, minimum=1),
            gr.Dropdown([("Plain", "plain"), ("Loud", "loud")], value="plain"),
            gr.CheckboxGroup(["a", "b"], value=["a"]),
            gr.Image(type="filepath"),
        ]
        event = api_event(paint, threading.Lock())
        gr.Button().click(event, inputs, gr.JSON(), api_name="paint")
        gr.Button().click(lambda: None, None, None, api_visibility="private")
    describe(page)
    (found,) = endpoints_of(page)
    told = page.get_api_info()["named_endpoints"]["/paint"]["parameters"]
    assert [each["python_type"]["description"] for each in told][:2] == ["what to paint, at length.", "from 0 to 1."]
    return found


def test_an_endpoint_says_what_its_function_says(endpoint: Endpoint) -> None:
    assert endpoint.name == "paint"
    assert endpoint.summary == "Paint what is asked for. More of it on a second line."
    assert endpoint.returns == dict[str, str]
    schemas = {argument.name: argument.schema for argument in endpoint.arguments}
    assert schemas["prompt"] == {"type": "string", "description": "what to paint, at length."}
    assert schemas["strength"] == {
        "type": "number",
        "minimum": 0,
        "maximum": 1,
        "default": 0.5,
        "description": "from 0 to 1.",
    }
    assert schemas["size"] == {"type": "integer", "minimum": 1, "default": 64}
    assert schemas["style"] == {"type": "string", "enum": ["plain", "loud"], "default": "plain"}
    assert schemas["tags"] == {"type": "array", "items": {"type": "string", "enum": ["a", "b"]}, "default": ["a"]}
    assert [argument.name for argument in endpoint.arguments if argument.required] == ["prompt"]
    assert [argument.name for argument in endpoint.arguments if argument.files] == ["image"]


def test_a_tool_takes_files_as_addresses(endpoint: Endpoint) -> None:
    schema = tools.input_schema(endpoint)
    assert schema["required"] == ["prompt"]
    assert schema["properties"]["image"]["type"] == "string"
    assert "data URI" in schema["properties"]["image"]["description"]
    assert schema["additionalProperties"] is False


def test_a_function_without_sections_is_its_own_summary() -> None:
    def plain(text: str) -> str:
        """One sentence."""
        return text

    definition = Definition.of(plain)
    assert (definition.summary, dict(definition.notes), definition.required) == ("One sentence.", {}, {"text"})
    define(plain, plain, api_signature(plain))
    assert list(api_signature(paint).parameters) == ["prompt", "strength", "size", "style", "tags", "image"]


def test_pictures_and_sounds_leave_a_result_and_files_are_listed() -> None:
    png = "data:image/png;base64,AAAA"
    file = {"path": "/x", "url": "/gradio_api/file=/x", "orig_name": "x.zip", "meta": {"_type": "gradio.FileData"}}
    content = tools.content_of({"images": [{"png": png, "seed": 1}], "text": "data: none", "model": file})
    assert content.data["images"] == [{"png": "see content 1", "seed": 1}]
    assert content.data["text"] == "data: none"
    assert content.media == [("image/png", "AAAA")]
    assert content.files == [file]


@pytest.mark.parametrize(
    ("client", "host", "own"),
    [("127.0.0.1", "127.0.0.1:7860", True), ("10.0.0.7", "127.0.0.1:7860", False), ("127.0.0.1", "demos.example.org", False)],
)
def test_a_call_from_elsewhere_never_passes_for_one_of_this_machine(client: str, host: str, own: bool) -> None:
    headers = [(b"host", host.encode()), (b"authorization", b"Bearer secret"), (b"x-other", b"1")]
    passed = tool_calls.headers_of({"headers": headers, "client": (client, 5)})
    assert ("x-forwarded-for" in passed) is not own
    assert passed["authorization"] == "Bearer secret"
    assert "x-other" not in passed


@pytest.mark.parametrize(
    ("refuse", "words"),
    [
        (lambda: read_aloud.check(""), "nothing to read aloud"),
        (lambda: read_aloud.check("a" * 3000), "2,000 characters"),
        (lambda: embedding.check(" \n", None), "texts"),
        (lambda: embedding.check("a\n" * 600, None), "too many"),
        (lambda: painting_replay.check(None), "PNG"),
        (lambda: painting_replay.check(str(samples.path("cat.jpg"))), "."),
        (lambda: painting_replay.check(str(samples.path("sign.png"))), "settings"),
        (lambda: sound_index.check([]), "recordings"),
        (lambda: sound_index.check(["a"] * (MAX_FILES + 1)), "too many"),
        (lambda: model_adding.check_place(str(samples.FOLDER)), "owner/name"),
        (lambda: model_adding.check_place("../tests"), "owner/name"),
        (lambda: model_adding.check_place(None), "owner/name"),
    ],
)
def test_what_cannot_be_done_is_refused_before_it_queues(refuse: Callable[[], Any], words: str) -> None:
    with pytest.raises(InvalidInputError, match=words):
        refuse()


def test_a_folder_beside_the_program_is_no_repository(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "owner" / "name").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidInputError, match="owner/name"):
        model_adding.check_place("owner/name")
    model_adding.check_place("owner/other")


def test_vectors_are_saved_as_the_command_saves_them(tmp_path: Path) -> None:
    import numpy as np

    path = tmp_path / "two.npz"
    path.write_bytes(embedding.npz(embedding.Embeddings(("a", "b"), ((1.0, 0.0), (0.0, 1.0)), 2, "model")))
    with np.load(path) as file:
        assert file["embeddings"].tolist() == [[1.0, 0.0], [0.0, 1.0]]
        assert file["inputs"].tolist() == ["a", "b"]


def test_speech_is_saved_whole() -> None:
    spoken = read_aloud.Spoken(f"data:audio/wav;base64,{base64.b64encode(b'RIFF').decode()}", 1.0, ())
    assert read_aloud._wav(spoken) == b"RIFF"


def test_commands_say_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rank", "a cat"]) == 2
    assert "--image FILE or --audio FILE" in capsys.readouterr().err
    assert main(["rank", "--image", "cat.jpg"]) == 2
    assert "sentences" in capsys.readouterr().err


def test_the_memory_of_a_page_that_does_not_run_is_one_sentence(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "state", "--at", CLOSED]) == 1
    said = capfd.readouterr()
    assert "No page of this suite answers" in said.err
    assert "Traceback" not in said.err
