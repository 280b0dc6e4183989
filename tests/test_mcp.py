"""The tools of the Model Context Protocol: the official client, the real transport, a real server, real weights."""

from __future__ import annotations

import asyncio
import base64
import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import jsonschema
import pytest
from mcp import ClientSession, types
from mcp.client.streamable_http import streamable_http_client
from PIL import Image

from mm_demos import samples, tabs
from mm_demos.serving import tools
from mm_demos.serving.launch import free_port, launch
from mm_demos.settings import settings

PATIENCE = 60.0  # seconds that a busy machine may take for what takes a moment
Work = Callable[[ClientSession], Awaitable[Any]]


def uri(name: str, kind: str) -> str:
    """A sample as a data URI."""
    return f"data:{kind};name={name};base64,{base64.b64encode(samples.path(name).read_bytes()).decode()}"


CAT = uri("cat.jpg", "image/jpeg")


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Where the tools of a whole suite are."""
    blocks = launch(tabs.TABS, host="127.0.0.1", port=free_port("127.0.0.1", 17_860), block=False)
    yield f"{blocks.local_url}gradio_api/mcp"
    blocks.close(verbose=False)


@asynccontextmanager
async def session(address: str) -> AsyncIterator[ClientSession]:
    async with streamable_http_client(address) as (reading, writing, _), ClientSession(reading, writing) as opened:
        await opened.initialize()
        yield opened


def visit(address: str, work: Work) -> Any:
    """What `work` gives in a session of its own."""

    async def run() -> Any:
        async with session(address) as opened:
            return await asyncio.wait_for(work(opened), 10 * PATIENCE)

    return asyncio.run(run())


def called(address: str, tool: str, **arguments: Any) -> types.CallToolResult:
    """The result of one call; the client itself compares it with the tool's output schema."""

    async def work(opened: ClientSession) -> types.CallToolResult:
        await opened.list_tools()
        return await opened.call_tool(tool, arguments)

    result: types.CallToolResult = visit(address, work)
    return result


def refused(address: str, tool: str, **arguments: Any) -> str:
    """The sentence of a call that is refused."""
    result = called(address, tool, **arguments)
    assert result.isError
    assert len(result.content) == 1
    assert isinstance(result.content[0], types.TextContent)
    return result.content[0].text


def text_of(result: types.CallToolResult) -> Any:
    """The JSON that stands in the first content."""
    assert not result.isError, result.content
    assert isinstance(result.content[0], types.TextContent)
    return json.loads(result.content[0].text)


def test_every_verb_is_a_tool_and_no_event_of_the_page_is(address: str) -> None:
    async def work(opened: ClientSession) -> list[types.Tool]:
        return (await opened.list_tools()).tools

    found = {tool.name: tool for tool in visit(address, work)}
    assert set(found) == {name for tab in tabs.TABS for name in tab.api_names}
    for tool in found.values():
        jsonschema.Draft202012Validator.check_schema(tool.inputSchema)
        assert tool.description
        assert tool.description.endswith(".")
        assert "upload_file_to_gradio" not in tool.description
        assert tool.title
        assert tool.outputSchema is not None
        jsonschema.Draft202012Validator.check_schema(tool.outputSchema)
        for name, schema in tool.inputSchema["properties"].items():
            assert schema.get("description"), f"{tool.name}: {name} is not explained"
            assert "type" in schema, f"{tool.name}: {name} has no type"


def test_arguments_have_types_choices_bounds_and_defaults(address: str) -> None:
    async def work(opened: ClientSession) -> list[types.Tool]:
        return (await opened.list_tools()).tools

    found = {tool.name: tool for tool in visit(address, work)}
    caption = found["caption"].inputSchema
    assert caption["required"] == ["image"]
    assert caption["properties"]["image"]["type"] == "string"
    assert caption["properties"]["style"]["enum"] == ["short", "detailed", "alt-text", "playful"]
    n = caption["properties"]["n"]
    assert (n["type"], n["minimum"], n["maximum"], n["default"]) == ("integer", 1, 8, 3)
    assert found["caption_many"].inputSchema["properties"]["images"]["type"] == "array"
    assert found["transcribe"].inputSchema["properties"]["translate"] | {"description": ""} == {
        "type": "boolean",
        "default": False,
        "description": "",
    }
    hints = {name: tool.annotations for name, tool in found.items() if tool.annotations is not None}
    assert hints["caption"].readOnlyHint
    assert not hints["models_eject"].readOnlyHint
    assert hints["models_remove"].destructiveHint
    assert hints["models_download"].openWorldHint
    assert not hints["transcribe"].openWorldHint


def test_a_picture_becomes_captions_as_json(address: str) -> None:
    result = called(address, "caption", image=CAT, n=2)
    assert result.structuredContent == text_of(result)
    assert [found["text"] for found in text_of(result)["captions"]]
    assert len(text_of(result)["captions"]) == 2
    again = called(address, "caption", image=CAT, n=2)
    assert text_of(again)["captions"] == text_of(result)["captions"]


def test_painted_pictures_come_as_pictures_and_speech_as_sound(address: str) -> None:
    painted = called(address, "generate", prompt="a red apple", seed=3, steps=2)
    picture = painted.content[1]
    assert isinstance(picture, types.ImageContent)
    assert picture.mimeType == "image/png"
    with Image.open(io.BytesIO(base64.b64decode(picture.data))) as image:
        assert image.size == (text_of(painted)["images"][0]["width"], text_of(painted)["images"][0]["height"])
    again = called(address, "replay", picture=f"data:image/png;base64,{picture.data}")
    assert text_of(again)["images"][0]["pixels_sha256"] == text_of(painted)["images"][0]["pixels_sha256"]
    spoken = called(address, "speak", text="Good morning.", variation=0)
    sound = spoken.content[1]
    assert isinstance(sound, types.AudioContent)
    assert base64.b64decode(sound.data)[:4] == b"RIFF"


def test_a_file_of_a_result_is_a_link_that_the_next_tool_takes(address: str) -> None:
    made = called(address, "index_sounds", recordings=[uri("dog-near.ogg", "audio/ogg"), uri("cock-crow.ogg", "audio/ogg")])
    link = made.content[-1]
    assert isinstance(link, types.ResourceLink)
    assert httpx.get(str(link.uri)).content[:2] == b"PK"
    found = called(address, "search_sounds", words="a dog barks", library=str(link.uri), mode="sounds")
    assert "dog-near" in text_of(found)["hits"][0]["file"]


@pytest.mark.parametrize(
    ("tool", "arguments", "names"),
    [
        ("caption", {}, "image"),
        ("caption", {"image": CAT, "n": 99}, "n"),
        ("caption", {"image": CAT, "style": "loud"}, "style"),
        ("caption", {"image": CAT, "size": 3}, "size"),
        ("caption", {"image": 5}, "image"),
        ("caption", {"image": "data:image/png;base64,!!"}, "image"),
        ("caption", {"image": "cat.jpg"}, "image"),
        ("caption", {"image": "data:image/png;base64,aGVsbG8="}, "picture"),
        ("models_load", {"model": "no-such-model"}, "no-such-model"),
        ("refresh", {}, "refresh"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(address: str, tool: str, arguments: dict[str, Any], names: str) -> None:
    sentence = refused(address, tool, **arguments)
    assert names in sentence
    assert sentence.endswith(".")
    assert "Traceback" not in sentence
    assert "\n" not in sentence


@pytest.mark.parametrize("path", ["/etc/passwd", "{root}/mm_demos/settings.py", "file:///etc/passwd"])
def test_files_of_the_server_are_not_read(address: str, path: str) -> None:
    place = path.format(root=samples.FOLDER.parent.parent)
    assert "root:" not in refused(address, "transcribe", audio=place)
    own = address.replace("/gradio_api/mcp", f"/gradio_api/file={place}")
    assert refused(address, "transcribe", audio=own).endswith(".")
    assert refused(address, "models_add", place=str(samples.FOLDER)).endswith(".")


def test_progress_is_told_while_a_run_goes_on(address: str) -> None:
    heard: list[tuple[float, str | None]] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        heard.append((progress, message))

    async def work(opened: ClientSession) -> types.CallToolResult:
        return await opened.call_tool("generate", {"prompt": "a boat", "n": 2, "steps": 20}, progress_callback=hear)

    assert not visit(address, work).isError
    assert heard
    assert [at for at, _ in heard] == sorted(at for at, _ in heard)
    assert any(message and "step" in message for _, message in heard)


def test_a_call_that_is_cancelled_stops_computing(address: str) -> None:
    async def work(opened: ClientSession) -> float:
        begun = asyncio.Event()

        async def hear(progress: float, total: float | None, message: str | None) -> None:
            if message and "step" in message:
                begun.set()

        endless = {"prompt": "a boat", "n": 8, "steps": 150}
        call = asyncio.create_task(opened.call_tool("generate", endless, progress_callback=hear))
        await asyncio.wait_for(begun.wait(), PATIENCE)
        number = types.CancelledNotificationParams(requestId=opened._request_id - 1)
        await opened.send_notification(types.ClientNotification(types.CancelledNotification(params=number)))
        with pytest.raises(Exception, match=r"(?i)cancelled"):
            await call
        began = asyncio.get_running_loop().time()
        after = await opened.call_tool("generate", {"prompt": "a boat", "steps": 1})  # one computation at a time
        assert not after.isError
        return asyncio.get_running_loop().time() - began

    whole = visit(address, lambda opened: opened.call_tool("generate", {"prompt": "a boat", "n": 1, "steps": 10}))
    assert not whole.isError
    assert visit(address, work) < PATIENCE


@pytest.mark.parametrize("origin", ["https://example.org", "null", ""])
def test_pages_of_other_sites_are_refused(address: str, origin: str) -> None:
    headers = {"origin": origin, "accept": "application/json, text/event-stream"}
    asked = httpx.post(address, json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"}, headers=headers)
    assert asked.status_code == 403
    assert "another site" in asked.json()["detail"]


def test_people_are_told_what_the_address_is_and_gradio_gets_its_list(address: str) -> None:
    said = httpx.get(address, headers={"accept": "text/html"})
    assert said.status_code == 200
    assert "Model Context Protocol" in said.text
    listed = httpx.get(f"{address}/schema").json()
    assert {entry["name"] for entry in listed} == {name for tab in tabs.TABS for name in tab.api_names}


def test_a_larger_file_than_the_page_takes_is_refused(address: str) -> None:
    large = base64.b64encode(bytes(settings().max_upload_mb * 1_000_000 + 1_000_000)).decode()
    assert "MB" in refused(address, "transcribe", audio=f"data:audio/wav;base64,{large}")


def test_what_is_told_of_a_step_is_one_line() -> None:
    assert tools.told({"progress": {"message": "Loading", "done": 1, "total": 4}}) == "Loading 25%"
    assert tools.told({"progress": None}) == "Going on"
    assert tools.told({"text": "And so"}) == "And so"
    assert tools.told({"images": [{}], "step": 2, "steps": 9, "total": 3}) == "Picture 2 of 3, step 2 of 9"
