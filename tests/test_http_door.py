"""The HTTP door from outside: what it refuses and how, what streams, what is cancelled, and how it describes itself."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from typing import Any

import httpx
import jsonschema
import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError, ValidationError
from openapi_spec_validator import validate
from peaks import is_one_sentence
from served import ROOT

from mm_demos import samples
from mm_demos.serving.api_text import markdown
from mm_demos.serving.api_view import reference
from mm_demos.serving.openapi import examples, tab_of
from mm_demos.serving.record_examples import CALLS, TABLE, complete, events

FILE = {"_type": "gradio.FileData"}
PATIENCE = 300  # seconds; a machine may be busy
MUCH = {"prompt": "a red apple", "n": 8, "steps": 150}  # minutes of painting, unless it is cancelled


@pytest.fixture(scope="module")
def door(served: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=served, timeout=PATIENCE) as client:
        yield client


def upload(door: httpx.Client, name: str, content: bytes) -> dict[str, Any]:
    sent = door.post("/gradio_api/upload", files={"files": (name, content)})
    return {"path": sent.json()[0], "meta": FILE}


def begin(door: httpx.Client, verb: str, given: dict[str, Any]) -> str:
    begun = door.post(f"/gradio_api/call/v2/{verb}", json=given)
    assert begun.status_code == 200, begun.text
    return str(begun.json()["event_id"])


def follow(door: httpx.Client, verb: str, run: str) -> list[tuple[str, Any]]:
    with door.stream("GET", f"/gradio_api/call/v2/{verb}/{run}") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        return list(events(stream))


# -- what is refused -------------------------------------------------------------------------------------------------

WITHIN = {"path": "http://127.0.0.1:9/a.wav", "meta": FILE}
NOT_UPLOADED = {"path": "/etc/passwd", "meta": FILE}
BAD_CALLS = {
    "unknown endpoint": ("transcrib", {}, 404, "did you mean transcribe"),
    "endpoint of the page alone": ("refresh", {}, 404, "no endpoint called"),
    "unknown argument": ("generate", {"promt": "x"}, 422, "it takes prompt"),
    "too large a number": ("generate", {"prompt": "x", "n": 99}, 422, "from 1 to 8"),
    "too small a number": ("generate", {"prompt": "x", "n": 0}, 422, "from 1 to 8"),
    "infinite number": ("generate", {"prompt": "x", "guidance": float("inf")}, 422, "finite"),
    "text for a number": ("generate", {"prompt": "x", "n": "many"}, 422, "is a number"),
    "true for a number": ("generate", {"prompt": "x", "n": True}, 422, "is a number"),
    "text for a switch": ("generate", {"prompt": "x", "rank": "yes"}, 422, "true or false"),
    "list for a text": ("generate", {"prompt": ["x"]}, 422, "is text"),
    "unknown choice": ("caption", {"image": None, "style": "rude"}, 422, "choose one of"),
    "list for a choice": ("caption", {"style": ["short"]}, 422, "not a list"),
    "unknown model": ("generate", {"prompt": "x", "model": "nope"}, 422, "choose one of"),
    "nothing at all": ("generate", {}, 422, "prompt is empty"),
    "no file": ("transcribe", {}, 422, "choose a file"),
    "a name instead of a file": ("transcribe", {"audio": "talk.flac"}, 422, "/gradio_api/upload"),
    "a file of the server": ("transcribe", {"audio": NOT_UPLOADED}, 422, "no file that was uploaded"),
    "a path upwards": ("transcribe", {"audio": {"path": "../../etc/passwd", "meta": FILE}}, 422, "no file that was uploaded"),
    "a file without its mark": ("transcribe", {"audio": {"path": "/etc/passwd"}}, 422, "no file that was uploaded"),
    "an address within": (
        "transcribe",
        {"audio": {"path": "http://127.0.0.1:9/a.wav", "meta": FILE}},
        422,
        "could not be fetched",
    ),
    "two files for one": ("transcribe", {"audio": [NOT_UPLOADED, NOT_UPLOADED]}, 422, "takes one file"),
}


@pytest.mark.parametrize(("verb", "given", "status", "words"), BAD_CALLS.values(), ids=BAD_CALLS)
def test_a_bad_call_is_refused_in_one_sentence(
    door: httpx.Client, verb: str, given: dict[str, Any], status: int, words: str
) -> None:
    body = json.dumps(given)
    answer = door.post(f"/gradio_api/call/v2/{verb}", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == status, answer.text
    assert set(answer.json()) == {"detail"}
    assert words in answer.json()["detail"]
    assert is_one_sentence(answer.json()["detail"])


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b'"text"', b"\xff\xfe", b"[" * 100_000])
def test_a_body_that_is_no_object_is_refused(door: httpx.Client, body: bytes) -> None:
    answer = door.post("/gradio_api/call/v2/generate", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 422
    assert is_one_sentence(answer.json()["detail"])


def test_a_body_is_called_json_or_refused(door: httpx.Client) -> None:
    answer = door.post("/gradio_api/call/v2/generate", content=b'{"prompt": "x"}', headers={"content-type": "text/plain"})
    assert answer.status_code == 415
    assert "Content-Type: application/json" in answer.json()["detail"]


def test_values_without_names_are_counted(door: httpx.Client) -> None:
    for body in ({}, {"data": "x"}, {"data": ["a red apple"]}):
        answer = door.post("/gradio_api/call/generate", json=body)
        assert answer.status_code == 422
        assert "in this order" in answer.json()["detail"]
        assert "prompt, negative_prompt" in answer.json()["detail"]


def test_a_run_that_cannot_go_on_says_why_in_its_stream(door: httpx.Client) -> None:
    run = begin(door, "models_load", {"model": "nope"})
    *_, (event, data) = follow(door, "models_load", run)
    assert event == "error"
    assert "cannot be 'nope': choose one of" in data["error"]


def test_a_damaged_file_is_refused_in_its_stream(door: httpx.Client) -> None:
    run = begin(door, "transcribe", {"audio": upload(door, "talk.flac", b"no sound" * 99)})
    *_, (event, data) = follow(door, "transcribe", run)
    assert event == "error"
    assert is_one_sentence(data["error"])


def test_uploads_have_a_limit_and_a_form(door: httpx.Client) -> None:
    large = door.post("/gradio_api/upload", files={"files": ("large.wav", b"0" * 20_000_001)})
    assert large.status_code == 413
    assert is_one_sentence(large.text) and "20 MB" in large.text and "MM_DEMOS_MAX_UPLOAD_MB" in large.text
    formless = door.post("/gradio_api/upload", content=b"x")
    assert formless.status_code == 400
    assert is_one_sentence(formless.text)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/gradio_api/nothing", 404),
        ("GET", "/gradio_api/call/v2/generate", 405),
        ("GET", "/gradio_api/call/v2/generate/0123", 404),
        ("POST", "/gradio_api/cancel", 422),
    ],
)
def test_an_address_without_anything_says_so(door: httpx.Client, method: str, path: str, status: int) -> None:
    answer = door.request(method, path, json={} if method == "POST" else None)
    assert answer.status_code == status
    assert is_one_sentence(answer.json()["detail"])


def test_gradios_own_client_reads_the_sentences(served: str) -> None:
    client = Client(served, verbose=False)
    with pytest.raises(ValidationError, match="from 1 to 8, and 99 does not"):
        client.predict(prompt="a red apple", n=99, api_name="/generate")
    with pytest.raises(ValidationError, match="prompt is empty"):
        client.predict(prompt="", api_name="/generate")
    with pytest.raises(AppError, match="choose one of"):
        client.predict(model="nope", api_name="/models_load")


# -- what streams, and what is cancelled -----------------------------------------------------------------------------


def test_a_longer_recording_streams_progress_and_segments(door: httpx.Client) -> None:
    told = follow(
        door, "transcribe", begin(door, "transcribe", {"audio": upload(door, "talk.flac", samples.path("jfk.flac").read_bytes())})
    )
    assert [event for event, _ in told[:-1]].count("generating") == len([event for event, _ in told[:-1] if event != "heartbeat"])
    assert told[-1][0] == "complete"
    (result,) = told[-1][1]
    assert "ask not what your country can do for you" in result["text"]


def test_painting_streams_every_step(door: httpx.Client) -> None:
    told = [
        data[0] for event, data in follow(door, "generate", begin(door, "generate", {"prompt": "a red apple", "n": 2})) if data
    ]
    assert any("progress" in step for step in told) or len(told) > 2
    assert told[-1]["done"] and len(told[-1]["images"]) == 2
    assert [step["step"] for step in told if "step" in step and not step["done"]]


def test_a_reply_grows_and_training_reports(door: httpx.Client) -> None:
    grown = [data[0] for _, data in follow(door, "reply", begin(door, "reply", {"text": "Where is my order S-10241?"})) if data]
    assert "S-10241" in json.dumps(grown[-1])
    given = {"table": upload(door, "table.csv", TABLE.encode()), "strategies": ["single-text"], "epochs": 3}
    told = [data[0] for _, data in follow(door, "train", begin(door, "train", given)) if data]
    assert any(step.get("progress") for step in told[:-1])
    assert told[-1]["leaderboard"]


def test_cancelling_ends_a_run_within_a_step_and_frees_the_queue(door: httpx.Client) -> None:
    run = begin(door, "generate", MUCH)
    waiting = begin(door, "generate", MUCH)
    cancelled = 0.0
    with door.stream("GET", f"/gradio_api/call/v2/generate/{run}") as stream:
        for event, data in events(stream):
            if event == "generating" and data[0].get("step") and not cancelled:
                assert door.post("/gradio_api/cancel", json={"event_id": waiting}).json() == {"success": True}
                assert door.post("/gradio_api/cancel", json={"event_id": run}).json() == {"success": True}
                cancelled = time.monotonic()
            last = event, data
    assert last == ("complete", None)
    result = complete(door, "generate", {"prompt": "a red apple", "steps": 2})
    assert len(result["images"]) == 1
    assert time.monotonic() - cancelled < PATIENCE / 10
    late = door.post("/gradio_api/cancel", json={"event_id": run})
    assert late.status_code == 404 and is_one_sentence(late.json()["detail"])


def test_closing_the_stream_ends_the_run(door: httpx.Client) -> None:
    run = begin(door, "generate", MUCH)
    with door.stream("GET", f"/gradio_api/call/v2/generate/{run}") as stream:
        next(event for event, data in events(stream) if data and data[0].get("step"))
    began = time.monotonic()
    assert len(complete(door, "generate", {"prompt": "a red apple", "steps": 2})["images"]) == 1
    assert time.monotonic() - began < PATIENCE / 10


# -- how it describes itself -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def document(door: httpx.Client) -> dict[str, Any]:
    return dict(door.get("/gradio_api/openapi.json").json())


def test_the_document_is_valid_openapi_and_complete(document: dict[str, Any]) -> None:
    validate(document)
    assert document["openapi"].startswith("3.1")
    paths = document["paths"]
    assert {path.rpartition("/")[2] for path in paths if "/call/v2/" in path and "{" not in path} == set(tab_of())
    operations = [operation for item in paths.values() for operation in item.values()]
    assert len({operation["operationId"] for operation in operations}) == len(operations)
    assert all(operation["summary"] and operation["description"] for operation in operations)
    assert "/gradio_api/upload" in paths and "/gradio_api/cancel" in paths


def test_every_argument_says_what_it_is(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    for name, schema in schemas.items():
        if name.endswith("Arguments"):
            for argument, told in schema["properties"].items():
                assert told.get("description"), f"{name}.{argument}"


def result_schema(document: dict[str, Any], name: str) -> dict[str, Any]:
    answer = document["paths"][f"/gradio_api/call/v2/{name}/{{event_id}}"]["get"]["responses"]["200"]
    return {**answer["content"]["text/event-stream"]["x-result"], "components": document["components"]}


@pytest.mark.parametrize("name", sorted(CALLS))
def test_a_recorded_result_fits_its_schema(document: dict[str, Any], name: str) -> None:
    assert "$ref" in result_schema(document, name)
    jsonschema.validate(examples()[name]["result"], result_schema(document, name))
    body = document["paths"][f"/gradio_api/call/v2/{name}"]["post"]["requestBody"]["content"]["application/json"]
    jsonschema.validate(examples()[name]["arguments"], {**body["schema"], "components": document["components"]})


def test_a_fresh_result_fits_its_schema(document: dict[str, Any], door: httpx.Client) -> None:
    image = upload(door, "cat.jpg", samples.path("cat.jpg").read_bytes())
    jsonschema.validate(complete(door, "caption", {"image": image}), result_schema(document, "caption"))


def test_the_text_is_what_the_page_serves(document: dict[str, Any]) -> None:
    """Otherwise: python -m mm_demos.serving.api_text > docs/api.md"""
    assert (ROOT / "docs" / "api.md").read_text(encoding="utf-8") == markdown(reference(document))


@pytest.mark.parametrize("theme", ["light", "dark", "", "<script>"])
def test_the_page_for_people_needs_no_network(door: httpx.Client, theme: str) -> None:
    answer = door.get("/docs/api", params={"__theme": theme})
    assert answer.status_code == 200
    assert all(f'id="{name}"' in answer.text for name in tab_of())
    assert not re.search(r'(?:src|href)="?https?://|@import|<script', answer.text)
    assert (f'class="{theme}"' in answer.text) == (theme != "<script>")
