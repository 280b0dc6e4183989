"""A program in front of a running Space: which tabs it serves, and one real input for each of their endpoints."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from typing import Any

import httpx

from mm_demos import samples, tabs
from mm_demos.publish.check_inputs import RealInput, of_tab
from mm_demos.publish.check_report import Answer

CONFIG_SECONDS = 60.0


def tabs_of(url: str) -> tuple[str, ...]:
    """Names of the tabs that a running Space serves, told by their endpoints; in the order of the suite."""
    with httpx.Client(trust_env=False, timeout=CONFIG_SECONDS) as client:
        config = client.get(f"{url}/config").raise_for_status().json()
    names = {str(event.get("api_name")) for event in config["dependencies"]}
    return tuple(tab.name for tab in tabs.TABS if set(tab.api_names) <= names)


def visit(url: str, names: tuple[str, ...], *, run_seconds: float) -> Iterator[Answer]:
    """Call one endpoint of each tab with its real input."""
    for name in names:
        row = of_tab(name)
        begun = time.perf_counter()
        fault = _call(url, row, run_seconds)
        yield Answer(name, "real input", time.perf_counter() - begun, fault=f"{name}, real input: {fault}" if fault else "")


def _call(url: str, row: RealInput, run_seconds: float) -> str:
    """A sentence when the endpoint does not answer what is expected; empty otherwise."""
    from gradio_client import Client

    client = Client(url, verbose=False, analytics_enabled=False, httpx_kwargs={"trust_env": False})
    try:
        job = client.submit(**{name: _value(value) for name, value in row.arguments.items()}, api_name=f"/{row.api_name}")
        answer = json.dumps(job.result(timeout=run_seconds), ensure_ascii=False)
    except TimeoutError:
        return f"no answer came within {run_seconds:.0f} s."
    except Exception as error:  # whatever a server of unknown state makes of a request belongs into the report
        return f"{row.api_name} answered with an error: {' '.join(str(error).split())[:200].rstrip('.')}."
    finally:
        client.close()
    if not re.search(row.expected, answer, re.IGNORECASE):
        return f"the answer of {row.api_name} does not hold {row.expected!r} but {answer[:200]!r}."
    return ""


def _value(value: Any) -> Any:
    from gradio_client import handle_file

    is_file = isinstance(value, str) and value.startswith("file:")
    return handle_file(samples.path(value.removeprefix("file:"))) if is_file else value
