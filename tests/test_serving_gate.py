"""A page with users and keys refuses what it must, at every door, and nothing else."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gradio as gr
import httpx
import pytest
import serving_page
from gradio_client import Client
from serving_page import function

from mm_demos.serving import access, keys, limits, users
from mm_demos.serving.access import Access, RefusedAccessError
from mm_demos.settings import Settings, settings

PASSWORD = "correct horse battery"  # noqa: S105 (of nobody)
GUARDED = [
    ("GET", "/config"),
    ("GET", "/docs/api"),
    ("GET", "/gradio_api/info"),
    ("GET", "/gradio_api/openapi.json"),
    ("GET", "/gradio_api/mcp"),
    ("POST", "/gradio_api/mcp"),
    ("POST", "/gradio_api/call/ring"),
    ("POST", "/gradio_api/call/v2/ring"),
    ("GET", "/gradio_api/call/ring/0123"),
    ("POST", "/gradio_api/queue/join"),
    ("POST", "/gradio_api/queue/join/"),
    ("GET", "/gradio_api/queue/data?session_hash=x"),
    ("POST", "/gradio_api/run/ring"),
    ("POST", "/gradio_api/api/ring"),
    ("POST", "/gradio_api/upload"),
    ("GET", "/gradio_api/file=/etc/hostname"),
    ("GET", "/gradio_api/file/x"),
    ("POST", "/gradio_api/component_server"),
    ("POST", "/gradio_api/cancel"),
    ("POST", "/gradio_api/stream/x"),
    ("GET", "/gradio_api/heartbeat/x"),
    ("GET", "/monitoring/summary"),
    ("GET", "/health/../config"),
    ("GET", "/no/such/path"),
    ("GET", "/metrics"),
]


class House:
    """A page with users and keys, and who has them."""

    def __init__(self, folder: Path, blocks: gr.Blocks | None = None) -> None:
        self.users, self.keys, self.blocks = folder / "users", folder / "keys", blocks

    def key(self, **limits: Any) -> str:
        """A key of its own for one test."""
        return keys.add(self.keys, f"key-{secrets.token_hex(4)}", **limits)

    def client(self, key: str | None = None) -> httpx.Client:
        """A program, with or without a key."""
        headers = {"X-API-Key": key} if key is not None else {}
        return httpx.Client(base_url=self.blocks.local_url, headers=headers, timeout=60)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    house = House(tmp_path_factory.mktemp("house"))
    users.add(house.users, "anna", PASSWORD)
    house.key()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MM_DEMOS_USERS_FILE", str(house.users))
        patch.setenv("MM_DEMOS_KEYS_FILE", str(house.keys))
        patch.setenv("MM_DEMOS_MCP", "1")
        # However slow the machine is, no minute passes while these tests run.
        patch.setattr(limits, "MINUTE", 3600.0)
        patch.setattr(limits, "PAUSE_SECONDS", 3600.0)
        patch.setattr(limits, "FORGOTTEN_SECONDS", 7200.0)
        settings.cache_clear()
        with serving_page.served(7730) as house.blocks:
            yield house
    settings.cache_clear()


def sentence(answer: httpx.Response) -> str:
    """What a refusal says."""
    said = answer.json()["error"]
    assert said.endswith(".")
    assert "\n" not in said
    return str(said)


def call(client: httpx.Client, name: str = "ring", text: str = "hello") -> httpx.Response:
    """Start a run."""
    return client.post(f"/gradio_api/call/v2/{name}", json={"text": text})


def result(client: httpx.Client, name: str, answer: httpx.Response) -> Any:
    """What a run gave."""
    events = client.get(f"/gradio_api/call/v2/{name}/{answer.json()['event_id']}").text
    last = events.strip().rsplit("\n\n", 1)[-1].splitlines()
    return last[0], json.loads(last[1].removeprefix("data: "))


# -- who is neither user nor key -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("method", "path"), GUARDED)
def test_nothing_answers_those_who_are_neither(method: str, path: str, house: House) -> None:
    with house.client() as client:
        answer = client.request(method, path)
    assert answer.status_code == 401
    assert "Give a key" in sentence(answer)
    assert answer.headers["www-authenticate"] == "Bearer"


def test_the_log_in_page_and_the_pulse_of_the_page_are_open(house: House) -> None:
    with house.client() as client:
        page = client.get("/")
        assert page.status_code == 200
        assert '"auth_required":true' in page.text
        assert "Ring" not in page.text.partition("gradio_api_info")[0]
        assert client.get("/theme.css").status_code == 200
        assert client.get("/health").json() == {"status": "ready"}
        assert client.get("/health/live").json() == {"status": "alive"}


WRONG_HEADERS: list[tuple[str, Callable[[str], list[tuple[str, str]]]]] = [
    ("an unknown key", lambda key: [("X-API-Key", key[:-1] + ("a" if key[-1] != "a" else "b"))]),
    ("another case", lambda key: [("X-API-Key", key.swapcase())]),
    ("no key", lambda key: [("X-API-Key", "")]),
    ("the hash", lambda key: [("X-API-Key", keys.digest(key))]),
    ("two of one header", lambda key: [("X-API-Key", key), ("x-api-key", key)]),
    ("two headers", lambda key: [("X-API-Key", key), ("Authorization", f"Bearer {key}")]),
    ("two bearers", lambda key: [("Authorization", f"Bearer {key}"), ("Authorization", "Bearer mmd_x")]),
    ("a list", lambda key: [("X-API-Key", f"{key}, {key}")]),
    ("another scheme", lambda key: [("Authorization", f"Basic {key}")]),
    ("no scheme", lambda key: [("Authorization", key)]),
    ("a cookie", lambda key: [("Cookie", f"X-API-Key={key}")]),
]


@pytest.mark.parametrize(("headers"), [make for _, make in WRONG_HEADERS], ids=[name for name, _ in WRONG_HEADERS])
def test_a_key_that_is_wrong_or_given_wrongly_opens_nothing(
    headers: Callable[[str], list[tuple[str, str]]], house: House
) -> None:
    with house.client() as client:
        answer = client.get("/config", headers=headers(house.key()))
    assert answer.status_code == 401
    assert "mmd_" not in sentence(answer).replace("Bearer mmd_…", "")


def test_a_key_in_the_address_opens_nothing(house: House) -> None:
    key = house.key()
    with house.client() as client:
        for name in ("X-API-Key", "api_key", "key", "token", "authorization"):
            assert client.get("/config", params={name: key}).status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        lambda key: {"X-API-Key": key},
        lambda key: {"x-api-KEY": key},
        lambda key: {"Authorization": f"Bearer {key}"},
        lambda key: {"authorization": f"bearer {key}"},
        lambda key: {"X-API-Key": key, "Authorization": "Bearer hf_of_the_proxy"},
    ],
)
def test_a_good_key_opens_in_either_header(headers: Callable[[str], dict[str, str]], house: House) -> None:
    with house.client() as client:
        assert client.get("/config", headers=headers(house.key())).status_code == 200


# -- keys ------------------------------------------------------------------------------------------------------------


def test_a_program_with_a_key_runs_an_endpoint_over_http_and_with_gradios_client(house: House) -> None:
    key = house.key()
    with house.client(key) as client:
        assert result(client, "ring", call(client))[1][0]["text"] == "HELLO"
    remote = Client(house.blocks.local_url, headers={"X-API-Key": key}, verbose=False)
    assert remote.predict(text="hi", api_name="/knock")["text"] == "hihi"


def test_a_key_for_one_endpoint_opens_no_other_by_any_path(house: House) -> None:
    ring, knock = function(house.blocks, "ring"), function(house.blocks, "knock")
    with house.client(house.key(endpoints=("ring",))) as client:
        assert call(client).status_code == 200
        direct = client.post("/gradio_api/run/ring", json={"data": ["a"]})
        assert direct.status_code == 200
        tried = [
            call(client, "knock"),
            client.post("/gradio_api/call/knock", json={"data": ["a"]}),
            client.post("/gradio_api/run/knock", json={"data": ["a"]}),
            client.post("/gradio_api/run/ring", json={"data": ["a"], "fn_index": knock}),
            client.post("/gradio_api/run/ring", json={"data": ["a"], "fn_index": str(knock)}),
            client.post("/gradio_api/run/ring", json={"data": ["a"], "fn_index": 0}),
            client.post("/gradio_api/queue/join", json={"data": ["a"], "fn_index": knock, "session_hash": "s"}),
            client.post("/gradio_api/queue/join", json={"data": ["a"], "fn_index": str(ring), "session_hash": "s"}),
            client.post("/gradio_api/queue/join", content=b"no json"),
            client.post("/gradio_api/component_server", json={"component_id": 1, "session_hash": "s", "fn_name": "x", "data": 0}),
            client.get("/metrics"),
        ]
    assert [answer.status_code for answer in tried] == [403] * len(tried)
    assert all("is for ring" in sentence(answer) for answer in tried)


def test_requests_of_a_key_are_counted_together_at_all_doors(house: House) -> None:
    ring = function(house.blocks, "ring")
    with house.client(house.key(per_minute=5)) as client:
        assert call(client).status_code == 200
        assert client.post("/gradio_api/upload", files={"files": ("a.txt", b"a")}).status_code == 200
        assert client.post("/gradio_api/run/knock", json={"data": ["a"]}).status_code == 200
        joined = client.post("/gradio_api/queue/join", json={"data": ["a"], "fn_index": ring, "session_hash": "counted"})
        assert joined.status_code == 200
        assert "HELLO" in tool(house, client.headers["X-API-Key"], "ring")
        answer = call(client)
        assert answer.status_code == 429
        assert 1 <= int(answer.headers["retry-after"]) <= 3600
        assert "has had its 5 requests per minute" in sentence(answer)
        assert "has had its 5 requests per minute" in tool(house, client.headers["X-API-Key"], "ring")
        assert client.get("/config").status_code == 200


def test_computing_of_a_key_is_charged_and_ends_for_the_day(house: House) -> None:
    with house.client(house.key(seconds_per_day=1e-6)) as client:
        assert result(client, "ring", call(client))[0] == "event: complete"
        answer = call(client)
        assert answer.status_code == 429
        assert "midnight" in sentence(answer)
        assert 0 < int(answer.headers["retry-after"]) <= 86_400


def test_computing_that_ended_while_a_run_waited_stops_the_run(house: House) -> None:
    made = house.key(seconds_per_day=1)
    key = keys.read(house.keys)[keys.digest(made)]
    doors = Access(settings())
    doors.limits.spend(key.name, 2)
    with pytest.raises(RefusedAccessError, match="1 seconds of computing"):
        doors.require_rest(key)


def test_a_session_belongs_to_who_began_it(house: House) -> None:
    ring = function(house.blocks, "ring")
    asked = {"data": ["a"], "fn_index": ring, "session_hash": "mine"}
    with house.client(house.key()) as mine, house.client(house.key()) as other:
        assert mine.post("/gradio_api/queue/join", json=asked).status_code == 200
        tried = [
            other.post("/gradio_api/queue/join", json=asked),
            other.get("/gradio_api/queue/data", params={"session_hash": "mine"}),
            other.get("/gradio_api/heartbeat/mine"),
            other.post("/gradio_api/cancel", json={"session_hash": "mine", "fn_index": ring, "event_id": "x"}),
            other.post("/gradio_api/call/ring", json={"data": ["a"], "session_hash": "mine"}),
            other.post("/gradio_api/queue/join", params={"session_hash": "another"}, json=asked),
            other.get("/gradio_api/heartbeat/mine", params={"session_hash": "another"}),
        ]
        assert [answer.status_code for answer in tried] == [403] * len(tried)
        assert all("somebody else" in sentence(answer) for answer in tried)
        form = {"data": "", "component_id": "1", "session_hash": "mine", "fn_name": "ls"}
        hidden = other.post("/gradio_api/component_server", files={name: (None, value) for name, value in form.items()})
        assert hidden.status_code == 403
        assert "names no session" in sentence(hidden)
        assert "process_completed" in mine.get("/gradio_api/queue/data", params={"session_hash": "mine"}).text


def test_a_key_called_like_a_user_does_not_share_their_session(house: House) -> None:
    asked = {"data": ["a"], "fn_index": function(house.blocks, "ring"), "session_hash": "annas"}
    with house.client() as page, house.client(keys.add(house.keys, "anna")) as program:
        assert page.post("/login", data={"username": "anna", "password": PASSWORD}).status_code == 200
        assert page.post("/gradio_api/queue/join", json=asked).status_code == 200
        assert program.get("/gradio_api/heartbeat/annas").status_code == 403
        assert "process_completed" in page.get("/gradio_api/queue/data", params={"session_hash": "annas"}).text


def test_a_key_that_is_removed_opens_nothing_any_more(house: House) -> None:
    made = house.key()
    with house.client(made) as client:
        assert client.get("/config").status_code == 200
        keys.remove(house.keys, keys.read(house.keys)[keys.digest(made)].name)
        assert client.get("/config").status_code == 401


def tool(house: House, key: str | None, name: str) -> str:
    """What a tool answers to a client of the Model Context Protocol."""
    from mcp import ClientSession
    from mcp.client.streamable_http import streamablehttp_client

    async def ask() -> str:
        headers = {"X-API-Key": key} if key is not None else None
        address = f"{house.blocks.local_url}gradio_api/mcp"
        async with streamablehttp_client(address, headers=headers) as (read, write, _), ClientSession(read, write) as session:
            await session.initialize()
            answer = await session.call_tool(name, {"text": "hello"})
            return answer.content[0].text

    return asyncio.run(ask())


def test_a_tool_runs_what_its_callers_key_is_for(house: House) -> None:
    key = house.key(endpoints=("knock",))
    assert "hellohello" in tool(house, key, "knock")
    assert "is for knock" in tool(house, key, "ring")


# -- log-in ----------------------------------------------------------------------------------------------------------


@contextmanager
def logged_in(house: House, name: str, password: str) -> Iterator[httpx.Client]:
    """A visitor whose log-in was taken."""
    with house.client() as visitor:
        assert visitor.post("/login", data={"username": name, "password": password}).status_code == 200
        yield visitor


def attempt(house: House, name: str, password: str) -> httpx.Response:
    """The answer to a log-in form."""
    with house.client() as visitor:
        return visitor.post("/login", data={"username": name, "password": password})


def test_who_logs_in_has_the_page_and_its_runs(house: House) -> None:
    with logged_in(house, "anna", PASSWORD) as visitor:
        assert '"auth_required":true' not in visitor.get("/").text
        assert visitor.get("/health").json()["version"]
        assert result(visitor, "ring", call(visitor))[1][0]["text"] == "HELLO"
        visitor.get("/logout")
        assert visitor.get("/config").status_code == 401


def test_an_unknown_name_and_a_wrong_password_get_the_same_answer_for_the_same_work(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared = []
    matches = users.matches

    def counted(password: str, kept: str) -> bool:
        compared.append(kept.rpartition("$")[0].rpartition("$")[0])
        return matches(password, kept)

    monkeypatch.setattr(access.users, "matches", counted)
    wrong, unknown = attempt(house, "anna", "not her password"), attempt(house, "nobody", "not her password")
    assert wrong.status_code == unknown.status_code == 400
    assert wrong.content == unknown.content
    assert len(compared) == 2
    assert len(set(compared)) == 1


def test_a_name_has_to_wait_after_five_wrong_passwords_whoever_has_it(house: House) -> None:
    users.add(house.users, "carl", PASSWORD)
    for name in ("carl", "nemo"):
        tries = [attempt(house, name, "wrong password") for _ in range(6)]
        assert [answer.status_code for answer in tries] == [400] * 5 + [429]
        assert 1 <= int(tries[-1].headers["retry-after"]) <= 3600
        assert "wait" in tries[-1].json()["detail"]
    assert attempt(house, "carl", PASSWORD).status_code == 429
    assert attempt(house, "anna", PASSWORD).status_code == 200


def test_a_log_in_ends_with_its_user(house: House) -> None:
    users.add(house.users, "dora", PASSWORD)
    with logged_in(house, "dora", PASSWORD) as visitor:
        assert visitor.get("/config").status_code == 200
        users.remove(house.users, "dora")
        assert visitor.get("/config").status_code == 401


def test_a_key_logs_in_under_its_name_and_keeps_its_limits(house: House) -> None:
    made = house.key(per_minute=2)
    name = keys.read(house.keys)[keys.digest(made)].name
    with logged_in(house, name, made) as visitor, house.client(made) as program:
        assert call(visitor).status_code == call(program).status_code == 200
        assert call(visitor).status_code == call(program).status_code == 429
    bound = house.key(endpoints=("ring",))
    assert attempt(house, keys.read(house.keys)[keys.digest(bound)].name, bound).status_code == 400
    assert attempt(house, "anna", made).status_code == 400


def test_another_site_cannot_use_a_visitors_log_in(house: House) -> None:
    with logged_in(house, "anna", PASSWORD) as visitor:
        body = {"text": "hello"}
        foreign = visitor.post("/gradio_api/call/v2/ring", json=body, headers={"Sec-Fetch-Site": "cross-site"})
        assert foreign.status_code == 403
        assert "Another site" in sentence(foreign)
        own = visitor.post("/gradio_api/call/v2/ring", json=body, headers={"Sec-Fetch-Site": "same-origin"})
        assert own.status_code == 200


def test_what_stands_for_a_key_inside_is_no_log_in_outside(house: House) -> None:
    with house.client(house.key()) as program:
        inside = program.get("/gradio_api/token").json()["token"]
    name = f"access-token-{house.blocks.app.cookie_id}"
    with house.client() as thief:
        assert thief.get("/config", headers={"Cookie": f"{name}={inside}"}).status_code == 401


def test_a_page_with_keys_alone_asks_for_a_log_in_too(tmp_path: Path, configure: Callable[..., Settings]) -> None:
    made = keys.add(tmp_path / "keys", "ci")
    doors = Access(configure(users_file=None, keys_file=tmp_path / "keys"))
    assert doors.restricted
    assert asyncio.run(doors.log_in("ci", made))
    assert not asyncio.run(doors.log_in("ci", made.swapcase()))


def test_a_flood_of_log_ins_is_cut_short(configure: Callable[..., Settings], house: House) -> None:
    doors = Access(configure())

    async def flood() -> list[object]:
        names = [f"name{number}" for number in range(access.LOG_INS_WAITING + 3)]
        return await asyncio.gather(*(doors.log_in(name, "x" * 300) for name in names), return_exceptions=True)

    said = asyncio.run(flood())
    assert said.count(False) == access.LOG_INS_WAITING
    assert [str(each) for each in said if each is not False] == [
        "Too many log-ins at once: wait a few seconds and try again."
    ] * 3
