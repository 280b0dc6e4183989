"""`models state`, `load`, `eject` and `pin`: the memory of a page that runs, which is another process than this one."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from mm_demos.cli.inputs import add_output
from mm_demos.cli.output import Output, attempt, standard_output, table
from mm_demos.errors import DemoError
from mm_demos.settings import settings

if TYPE_CHECKING:
    import httpx

ACTIONS = {
    "state": "what is in the memory of a page that runs",
    "load": "bring models into the memory of a page that runs",
    "eject": "take models out of the memory of a page that runs",
    "pin": "keep models in the memory of a page that runs, or release those that were kept",
}
KEY = "MM_DEMOS_KEY"  # of a page that asks for one; not a flag, because others can read command lines
CONNECT_SECONDS = 10.0


def configure(actions: Any) -> None:
    """Add the actions to those of `models`."""
    for name, summary in ACTIONS.items():
        action: argparse.ArgumentParser = actions.add_parser(name, help=summary, description=summary)
        if name != "state":
            action.add_argument("names", nargs="+", metavar="NAME", help="as `models list` shows it")
        action.add_argument("--at", metavar="URL", help=f"the page's address (default this machine's); {KEY} holds its key")
        add_output(action)


def run(flags: argparse.Namespace) -> int:
    """Ask the page, model by model."""
    import httpx

    url = (flags.at or f"http://127.0.0.1:{settings().port}").rstrip("/")
    key = os.environ.get(KEY)
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    timeout = httpx.Timeout(None, connect=CONNECT_SECONDS)
    with (
        standard_output(as_json=flags.json, quiet=flags.quiet) as output,
        httpx.Client(base_url=url, headers=headers, timeout=timeout) as client,
    ):
        for name in getattr(flags, "names", [""]):
            attempt(output, name or url, partial(_one, flags.action, name, client, output))
        return output.status


def _one(action: str, name: str, client: httpx.Client, output: Output) -> None:
    endpoint = "models_list" if action == "state" else f"models_{action}"
    found = called(client, endpoint, {"model": name} if name else {})
    models = [each for each in found["models"] if (each["name"] == name if name else each["resident"])]
    if name:
        (state,) = models
        output.result(name, state, _line(state))
    elif output.as_json:
        for state in models:
            output.write(state)
    else:
        rows = [("NAME", "MEMORY", "PINNED"), *((m["name"], _megabytes(m), "yes" if m["pinned"] else "no") for m in models)]
        output.write(table(rows) if models else "No model is in memory.")


def _line(state: Mapping[str, Any]) -> str:
    where = f"in memory, {_megabytes(state)}" if state["resident"] else "not in memory"
    return f"{state['name']}: {where}{', pinned' if state['pinned'] else ''}"


def _megabytes(state: Mapping[str, Any]) -> str:
    return f"{state['memory_bytes'] / 1e6:,.0f} MB"


def called(client: httpx.Client, endpoint: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The result of an endpoint of the page.

    Raises:
        DemoError: nothing answers there, or the page refuses.
    """
    import httpx

    address = f"/gradio_api/call/v2/{endpoint}"
    try:
        begun = client.post(address, json=dict(arguments))
        if begun.status_code >= 400:
            raise DemoError(_sentence(begun))
        followed = client.get(f"{address}/{begun.json()['event_id']}").text
    except (httpx.TransportError, httpx.InvalidURL, KeyError, ValueError):
        raise DemoError(f"No page of this suite answers at {client.base_url}: start one, or name another with --at.") from None
    *_, kind, data = (line.partition(": ")[2] for line in followed.splitlines() if line)
    said = json.loads(data)
    if kind != "complete":
        raise DemoError(str(said.get("error") if isinstance(said, dict) else said))
    result: dict[str, Any] = said[0]
    return result


def _sentence(response: httpx.Response) -> str:
    """Why the page refuses."""
    detail = response.json().get("detail") if "json" in response.headers.get("content-type", "") else ""
    return str(detail or f"The page refuses with status {response.status_code}.")
