"""Logs, metrics and health of a page that is open to all: they say what happened, and nothing that a visitor gave."""

from __future__ import annotations

import io
import json
import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import gradio as gr
import httpx
import pytest
import serving_page
from prometheus_client.parser import text_string_to_metric_families
from serving_page import MODEL, SPEC

from mm_demos.models import fake, loader
from mm_demos.models.loader import LoadEvent
from mm_demos.serving import health, log
from mm_demos.serving.measures import Measures
from mm_demos.settings import Settings, settings

SECRET = "my-private-words"  # noqa: S105 (a text that must not be logged)
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@pytest.fixture(scope="module")
def page() -> Iterator[gr.Blocks]:
    restore = fake.register_fakes()
    loader.reset_shared()
    with serving_page.served(7750) as blocks:
        yield blocks
    loader.reset_shared()
    restore()


@pytest.fixture
def client(page: gr.Blocks) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=page.local_url, timeout=60) as client:
        yield client


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What is logged, as JSON."""
    root, level = logging.getLogger(), log.REQUESTS.level
    handlers = root.handlers[:]
    stream = io.StringIO()
    root.handlers.clear()
    log.to_json(stream)
    yield stream
    root.handlers[:] = handlers
    log.REQUESTS.setLevel(level)


def run(client: httpx.Client, text: str) -> str:
    """Run the page's endpoint to its end, and give its last event."""
    number = client.post("/gradio_api/call/v2/ring", json={"text": text}).json()["event_id"]
    return client.get(f"/gradio_api/call/v2/ring/{number}").text.strip().rsplit("\n\n", 1)[-1]


def measured(client: httpx.Client) -> Samples:
    """The metrics of this moment, read by the official parser."""
    answer = client.get("/metrics")
    assert answer.status_code == 200, answer.text
    families = text_string_to_metric_families(answer.text)
    return {(item.name, tuple(sorted(item.labels.items()))): item.value for family in families for item in family.samples}


def value(samples: Samples, name: str, **labels: str) -> float:
    """One figure; 0.0 when it was never counted."""
    return samples.get((f"mm_demos_{name}", tuple(sorted(labels.items()))), 0.0)


# -- metrics ---------------------------------------------------------------------------------------------------------


def test_requests_and_runs_are_counted_with_how_they_ended(client: httpx.Client) -> None:
    before = measured(client)
    assert run(client, "hello").startswith("event: complete")
    assert run(client, "refuse").startswith("event: error")
    client.get("/no/such/path")
    client.post("/gradio_api/call/v2/nothing", json={})
    after = measured(client)

    def more(name: str, **labels: str) -> float:
        return value(after, name, **labels) - value(before, name, **labels)

    assert more("requests_total", endpoint="call/ring", status="200") == 2
    assert more("requests_total", endpoint="call/ring/events", status="200") == 2
    assert more("requests_total", endpoint="other", status="404") == 1
    assert more("requests_total", endpoint="call", status="404") == 1
    assert more("runs_total", endpoint="ring", status="done") == 1
    assert more("runs_total", endpoint="ring", status="failed") == 1
    assert more("run_seconds_count", endpoint="ring") == 2
    assert more("queue_wait_seconds_count") == 2
    assert value(after, "runs_in_progress") == 0
    assert value(after, "queue_length") == 0
    assert value(after, "models_budget_bytes") == loader.shared().budget_bytes
    assert after["process_resident_memory_bytes", ()] > 0


def test_loads_failures_and_evictions_are_counted_per_model(client: httpx.Client) -> None:
    before = measured(client)
    run(client, "load")
    during = measured(client)
    assert value(during, "model_load_seconds_count", model=MODEL) - value(before, "model_load_seconds_count", model=MODEL) == 1
    assert ("mm_demos_model_resident_bytes", (("model", MODEL),)) in during
    loader.shared().eject(MODEL)
    after = measured(client)
    assert value(after, "model_evictions_total", model=MODEL) - value(before, "model_evictions_total", model=MODEL) == 1
    assert ("mm_demos_model_resident_bytes", (("model", MODEL),)) not in after


def test_a_load_that_fails_is_counted_with_its_seconds() -> None:
    measures = Measures()
    measures.on_load_event(LoadEvent("m", "loading", "Reading"))
    measures.on_load_event(LoadEvent("m", "failed", "No."))
    assert measures.registry.get_sample_value("mm_demos_model_load_failure_seconds_count", {"model": "m"}) == 1


def test_two_pages_of_one_process_count_apart(client: httpx.Client) -> None:
    other = Measures()
    other.runs.labels("ring", "done").inc(1000)
    assert value(measured(client), "runs_total", endpoint="ring", status="done") < 1000


@pytest.mark.parametrize("headers", [{"Host": "demo.example"}, {"X-Forwarded-For": "1.2.3.4"}, {"Via": "1.1 proxy"}])
def test_metrics_are_for_this_machine_alone(
    headers: dict[str, str], client: httpx.Client, configure: Callable[..., Settings]
) -> None:
    assert client.get("/metrics").status_code == 200
    answer = client.get("/metrics", headers=headers)
    assert answer.status_code == 403
    assert "MM_DEMOS_METRICS" in answer.json()["error"]
    configure(metrics="open")
    assert client.get("/metrics", headers=headers).status_code == 200
    configure(metrics="off")
    assert client.get("/metrics").status_code == 403


# -- health ----------------------------------------------------------------------------------------------------------


def test_health_changes_when_a_model_is_loaded(client: httpx.Client) -> None:
    before = client.get("/health")
    assert before.status_code == 200
    assert MODEL not in before.json()["others"]
    with loader.shared().lease(MODEL):
        loaded = client.get("/health").json()
    assert MODEL in loaded["others"]
    loader.shared().eject(MODEL)
    assert MODEL not in client.get("/health").json()["others"]
    assert loaded["status"] == "ready"
    assert loaded["profile"] == settings().profile
    assert loaded["uptime_seconds"] > 0
    assert set(loaded["models"].values()) <= {"resident", "ready", "missing"}
    assert loaded["models"]
    assert loaded["queue"] == {"waiting": 0, "running": 0, "places": settings().queue_size}
    assert client.get("/health/live").json() == {"status": "alive"}


def test_a_page_that_can_never_have_its_weights_is_not_ready(
    client: httpx.Client, cache: Path, configure: Callable[..., Settings]
) -> None:
    cache.mkdir()
    assert client.get("/health").status_code == 200
    configure(cache_dir=cache, weights_dir=None, offline=True)
    answer = client.get("/health")
    assert answer.status_code == 503
    assert answer.json()["status"] == "not ready"
    assert answer.json()["reason"].startswith("Offline, and the weights of ")


def test_a_page_whose_disk_memory_or_queue_is_full_is_not_ready(page: gr.Blocks, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not health.examine(page, [SPEC], time.monotonic()).reason
    monkeypatch.setattr(health.accelerator, "free_disk_bytes", lambda _folder: 5_000_000)
    assert health.examine(page, [SPEC], 0.0).reason == "Only 5 MB are free on the disk with the weights."
    monkeypatch.setattr(health.accelerator, "available_bytes", lambda: 7_000_000)
    assert health.examine(page, [SPEC], 0.0).reason == "Only 7 MB of memory are free."
    monkeypatch.setattr(type(page._queue), "__len__", lambda _queue: settings().queue_size)
    assert "The queue is full" in health.examine(page, [SPEC], 0.0).reason


# -- logs ------------------------------------------------------------------------------------------------------------


def test_every_request_and_run_is_one_line_of_json_without_what_was_given(client: httpx.Client, lines: io.StringIO) -> None:
    uploaded = client.post("/gradio_api/upload", files={"files": (f"{SECRET}.txt", SECRET.encode())}).json()[0]
    client.get(f"/gradio_api/file={uploaded}")
    client.get(f"/{SECRET}?{SECRET}={SECRET}")
    run(client, SECRET)
    run(client, "refuse")
    said = lines.getvalue()
    assert SECRET not in said
    assert "not liked" not in said
    records = [json.loads(line) for line in said.splitlines()]
    # A request is noted when its answer has left, so the next one may be noted first.
    assert {record["endpoint"] for record in records if record["event"] == "request"} >= {"upload", "file", "other", "call/ring"}
    done, refused = [record for record in records if record["event"] == "run"]
    assert done["endpoint"] == "ring"
    assert done["status"] == "done"
    assert done["models"] == [MODEL]
    assert done["seconds"] >= 0
    assert done["queue_seconds"] >= 0
    assert done["time"].endswith("+00:00")
    assert (refused["status"], refused["reason"]) == ("failed", "Please check the input")
    for record in records:
        assert set(record) <= {
            *("time", "level", "event", "endpoint", "method", "status", "reason", "seconds", "queue_seconds", "models", "key")
        }


def test_an_error_is_logged_by_kind_and_place_and_not_by_its_words(lines: io.StringIO) -> None:
    try:
        raise ValueError(SECRET)
    except ValueError:
        logging.getLogger("somewhere").exception("unexpected error 1a2b")
    record = json.loads(lines.getvalue())
    assert record["message"] == "unexpected error 1a2b"
    assert record["error"] == "ValueError"
    assert record["at"][0].endswith("test_an_error_is_logged_by_kind_and_place_and_not_by_its_words")
    assert SECRET not in lines.getvalue()


def test_requests_are_not_logged_unless_asked_for() -> None:
    assert not log.REQUESTS.isEnabledFor(logging.INFO)
