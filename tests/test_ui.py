"""The page's frame: runs that stop, errors in one sentence, private visitors, bounded uploads."""

from __future__ import annotations

import json
import logging
import socket
import subprocess
import sys
import threading
import time
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
import httpx
import pytest
from gradio_client import Client, handle_file

from mm_demos import samples, tabs, ui
from mm_demos.errors import InvalidInputError, StoppedError
from mm_demos.models import loader
from mm_demos.models.loader import Resident
from mm_demos.progress import Progress, Update
from mm_demos.results import Evidence, LabelScore, ModelUse, Receipt, TextLine
from mm_demos.serving.launch import free_port, launch
from mm_demos.ui import files, render, snippets
from mm_demos.ui.examples import ExampleRows
from mm_demos.ui.handler import MIN_GAP, TICK, Step, TaskRun

PRIVATE = "a path of the machine room"
PATIENCE = 10.0  # seconds that a shared machine may take for what takes a moment


@dataclass(frozen=True, slots=True)
class Echo:
    """The result of the test's own task."""

    text: str
    receipt: Receipt | None = None


class Bench:
    """A tab whose task does what its input says; `log` tells what the task went through."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.running = threading.Event()
        self.ended = threading.Event()

    def run(self, text: str, picture: str | None, *, progress: Progress | None = None) -> Iterator[Echo]:
        """Give the text back in capitals."""
        progress = progress or Progress()
        self.ended.clear()
        self.running.set()
        try:
            if text == "refuse":
                raise InvalidInputError("The text <refuse> is not liked: write another.")
            if text == "break":
                raise RuntimeError(PRIVATE)
            if text == "endless":
                while True:
                    progress.report("Going on", 1, 10, "steps")
                    pause(0.01)
            yield Echo(text[:1])
            use = ModelUse("model-a", "r1", "fake", "cpu", "float32", 0.5)
            yield Echo(text.upper(), Receipt("echo", (use,), {}, 3, 0.25, 5_000_000, "0"))
        except (GeneratorExit, StoppedError):
            self.log.append("stopped")
            raise
        finally:
            self.running.clear()
            self.ended.set()

    def build(self, frame: ui.Frame) -> None:
        """The tab."""
        page = frame.page(SPEC)
        with page.inputs():
            text = gr.Textbox("", label="Text")
            picture = ui.image_input()
            actions = page.actions()
        with page.results():
            out = ui.result_area("Nothing yet", "The text will appear here.")
            downloads = page.exports(ui.Export("JSON", "echo.json", files.json_text))
        page.connect(
            self.run,
            actions=actions,
            inputs=[text, picture],
            outputs=[out],
            show=lambda result: [render.notice(result.text)],
            api_name="echo",
            check=self.check,
            exports=downloads,
            snippet={"text": "hello", "picture": "file:picture.jpg"},
        )

    def check(self, text: str, _picture: str | None) -> None:
        """Refuse the empty text."""
        if not text:
            raise InvalidInputError("Write a text first.")


SPEC = tabs.TabSpec("bench", "Bench", "🧪", "M0 0h1", "For tests.", "bench_tab", ("echo",), ("speech",))


@pytest.fixture(scope="module")
def bench() -> Bench:
    return Bench()


@pytest.fixture(scope="module")
def app(bench: Bench) -> Iterator[gr.Blocks]:
    module = types.ModuleType(SPEC.module)
    module.build = bench.build  # type: ignore[attr-defined]
    sys.modules[SPEC.module] = module
    blocks = launch([SPEC], host="127.0.0.1", port=7960, block=False)
    yield blocks
    blocks.close()
    del sys.modules[SPEC.module]


@pytest.fixture
def client(app: gr.Blocks) -> Client:
    return Client(app.local_url, verbose=False)


def pause(seconds: float) -> None:
    """What a task's own work would take."""
    threading.Event().wait(seconds)


# -- a run in its thread ---------------------------------------------------------------------------------------------


def run(work: Callable[[Progress], Any]) -> list[Step]:
    return list(TaskRun(work, threading.Lock()).steps())


def test_a_run_ends_with_its_result() -> None:
    last = run(lambda progress: 42)[-1]
    assert last.finished
    assert last.result == 42
    assert last.fault is None


def test_thousands_of_reports_become_a_few_steps() -> None:
    def work(progress: Progress) -> str:
        until = time.monotonic() + 0.6
        while time.monotonic() < until:
            progress.report("Counting", 1, 2)
        return "done"

    began = time.monotonic()
    steps = run(work)
    assert len(steps) <= (time.monotonic() - began) / MIN_GAP + 2
    assert steps[-1].result == "done"


def test_a_silent_task_still_lets_the_page_breathe() -> None:
    pause = threading.Event()
    steps = run(lambda progress: pause.wait(3 * TICK))
    assert len(steps) >= 3


def test_closing_the_steps_stops_the_task() -> None:
    ended = threading.Event()

    def work(progress: Progress) -> None:
        try:
            while True:
                progress.report("Working")
                pause(0.005)
        except StoppedError:
            ended.set()
            raise

    steps = TaskRun(work, threading.Lock()).steps()
    next(steps)
    steps.close()
    assert ended.wait(1.0)


def test_the_next_run_waits_until_a_stopped_one_has_really_ended() -> None:
    lane, release, order = threading.Lock(), threading.Event(), []

    def stubborn(_progress: Progress) -> None:
        release.wait(PATIENCE)
        order.append("first ended")

    first = TaskRun(stubborn, lane).steps()
    next(first)
    first.close()
    second = TaskRun(lambda progress: order.append("second ran"), lane).steps()
    waiting = [next(second), next(second)]
    assert order == []
    assert not waiting[-1].finished
    release.set()
    assert list(second)[-1].finished
    assert order == ["first ended", "second ran"]


def test_time_left_comes_from_the_pace() -> None:
    def work(progress: Progress) -> None:
        for done in range(16):
            progress.report("Counting", done, 30)
            pause(0.1)

    left = [step.remaining for step in run(work) if step.remaining is not None]
    assert left
    assert 0.8 < left[-1] < 4.0  # about 1.5 s at ten counts a second


def test_what_nobody_foresaw_is_logged_under_the_number_the_visitor_gets(caplog: pytest.LogCaptureFixture) -> None:
    def work(_progress: Progress) -> None:
        raise RuntimeError(PRIVATE)

    with caplog.at_level(logging.ERROR):
        fault = run(work)[-1].fault
    assert fault is not None
    assert PRIVATE not in fault.message
    number = fault.message.split()[-1].rstrip(".")
    assert any(number in record.getMessage() and PRIVATE in str(record.exc_info) for record in caplog.records)


# -- the endpoint ----------------------------------------------------------------------------------------------------


def test_the_endpoint_gives_the_result_as_json(client: Client) -> None:
    result = client.predict(text="hello", picture=None, api_name="/echo")
    assert result["text"] == "HELLO"
    assert result["receipt"]["models"][0]["name"] == "model-a"


def test_what_has_no_value_on_the_page_may_be_left_out(app: gr.Blocks, client: Client) -> None:
    assert client.predict(text="hello", api_name="/echo")["text"] == "HELLO"
    begun = httpx.post(f"{app.local_url}gradio_api/call/v2/echo", json={"text": "hello"}).json()
    answer = httpx.get(f"{app.local_url}gradio_api/call/v2/echo/{begun['event_id']}").text
    assert "event: complete" in answer
    assert "HELLO" in answer


def test_dropping_the_connection_stops_the_computation(app: gr.Blocks, bench: Bench) -> None:
    begun = httpx.post(f"{app.local_url}gradio_api/call/v2/echo", json={"text": "endless"}).json()
    with httpx.stream("GET", f"{app.local_url}gradio_api/call/v2/echo/{begun['event_id']}") as answer:
        next(answer.iter_lines())
    assert bench.ended.wait(PATIENCE)


def test_partial_results_come_before_the_complete_one(client: Client) -> None:
    job = client.submit(text="hello", picture=None, api_name="/echo")
    assert job.result()["text"] == "HELLO"
    assert all(set(part) <= {"text", "receipt", "progress", "elapsed"} for part in job.outputs())


def test_an_uploaded_picture_reaches_the_task_unopened(client: Client, bench: Bench, tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_text("no picture at all")
    assert client.predict(text="fine", picture=handle_file(broken), api_name="/echo")["text"] == "FINE"
    assert client.predict(text="fine", picture=handle_file(samples.path("cat.jpg")), api_name="/echo")["text"] == "FINE"


def test_cancel_stops_the_computation(client: Client, bench: Bench) -> None:
    bench.log.clear()
    job = client.submit(text="endless", picture=None, api_name="/echo")
    assert bench.running.wait(PATIENCE)
    next(iter(job))
    began = time.monotonic()
    job.cancel()
    assert bench.ended.wait(PATIENCE)
    assert time.monotonic() - began < 2.0
    assert bench.log == ["stopped"]
    assert client.predict(text="next", picture=None, api_name="/echo")["text"] == "NEXT"


def test_bad_input_is_refused_before_it_queues(client: Client, bench: Bench) -> None:
    bench.ended.clear()
    with pytest.raises(Exception, match="Write a text first"):
        client.predict(text="", picture=None, api_name="/echo")
    assert not bench.ended.is_set()


def test_an_error_is_one_escaped_sentence(client: Client) -> None:
    with pytest.raises(Exception, match="&lt;refuse&gt; is not liked: write another") as caught:
        client.predict(text="refuse", picture=None, api_name="/echo")
    assert "Traceback" not in str(caught.value)


def test_an_unexpected_error_tells_nothing_of_the_machine(client: Client) -> None:
    with pytest.raises(Exception, match="report it with the number") as caught:
        client.predict(text="break", picture=None, api_name="/echo")
    assert PRIVATE not in str(caught.value)


def test_only_the_named_endpoints_are_public(app: gr.Blocks) -> None:
    described = httpx.get(f"{app.local_url}gradio_api/info").json()
    assert set(described["named_endpoints"]) == {"/echo"}
    names = [item["parameter_name"] for item in described["named_endpoints"]["/echo"]["parameters"]]
    assert names == ["text", "picture"]


# -- examples --------------------------------------------------------------------------------------------------------


def test_only_untouched_example_rows_are_kept(tmp_path: Path) -> None:
    cat, copied, other = samples.path("cat.jpg"), tmp_path / "copy.jpg", samples.path("coffee.jpg")
    copied.write_bytes(cat.read_bytes())
    with gr.Blocks():
        picture, words, strength = gr.Image(type="filepath"), gr.Textbox(""), gr.Slider(0, 9, value=3)
        examples = gr.Examples([[str(cat), "a cat"]], [picture, words])
    rows = ExampleRows(examples, [[str(cat), "a cat"]], [picture, words])
    inputs = [picture, words, strength]
    assert rows.find(inputs, [str(copied), "a cat", 3]) == 0
    for changed in ([str(other), "a cat", 3], [str(copied), "my cat", 3], [str(copied), "a cat", 4], [None, "a cat", 3]):
        assert rows.find(inputs, changed) is None
    assert rows.recall(0) is None
    rows.keep(0, "purr")
    assert rows.recall(0) == "purr"
    assert rows.recall(None) is None


# -- what the server gives away --------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/etc/passwd", "app.py", "../pyproject.toml", "/proc/self/environ"])
def test_files_outside_are_not_served(app: gr.Blocks, path: str) -> None:
    assert httpx.get(f"{app.local_url}gradio_api/file={path}").status_code in {403, 404}


def test_histories_and_statistics_are_closed(app: gr.Blocks) -> None:
    assert httpx.get(f"{app.local_url}gradio_api/runs").status_code == 404
    assert httpx.get(f"{app.local_url}monitoring/summary").status_code >= 400
    assert app.local_url.startswith("http://127.0.0.1:")


def test_uploads_are_bounded(app: gr.Blocks) -> None:
    big = b"0" * 21_000_000
    answer = httpx.post(f"{app.local_url}gradio_api/upload", files={"files": ("big.bin", big)})
    assert answer.status_code == 413


def test_other_origins_get_nothing(app: gr.Blocks) -> None:
    for origin in ("https://evil.example", "null"):
        answer = httpx.get(f"{app.local_url}config", headers={"Origin": origin})
        assert "access-control-allow-origin" not in answer.headers


def test_the_page_asks_no_other_host(app: gr.Blocks) -> None:
    page = httpx.get(app.local_url).text + httpx.get(f"{app.local_url}theme.css").text
    for host in ("fonts.googleapis", "fonts.gstatic", "cdn.", "unpkg.com"):
        assert f"https://{host}" not in page


def test_a_taken_port_passes_to_the_next() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert free_port("127.0.0.1", port) > port


# -- rendering -------------------------------------------------------------------------------------------------------

HOSTILE = "<script>alert('x')</script>"


@pytest.mark.parametrize(
    "html",
    [
        render.bars([LabelScore(HOSTILE, 0.5)], title=HOSTILE),
        render.evidence(Evidence((LabelScore(HOSTILE, 1.0),), (TextLine(HOSTILE, 0.9, (0, 0, 1, 1)),), HOSTILE)),
        render.status(Step(Update(HOSTILE, 1, 2, HOSTILE), None, False, 1.0)),
        render.notice(HOSTILE),
        render.empty(HOSTILE, HOSTILE),
        render.chips([(HOSTILE, HOSTILE)]),
        render.memory_bar([Resident(HOSTILE, "", "cpu", "", 5, 0.0, 0, False, 0.0)], 5, 10),
    ],
)
def test_no_word_from_outside_becomes_markup(html: str) -> None:
    assert "<script" not in html
    assert "&lt;script&gt;" in html


@pytest.mark.parametrize("score", [float("nan"), float("inf"), -1.0, 2.0])
def test_bars_stay_inside_their_track(score: float) -> None:
    html = render.bars([LabelScore("a", score)])
    width = float(html.split('style="width:')[1].split("%")[0])
    assert 0 <= width <= 100


def test_a_line_that_ends_a_run_is_like_no_other_and_one_that_goes_on_is() -> None:
    done, running = Step(None, "an answer", True, 0.1), Step(Update("Reading"), None, False, 0.1)
    assert render.status(done) != render.status(done)
    assert render.status(running) == render.status(running)


def test_a_receipt_fits_one_line() -> None:
    uses = tuple(ModelUse(name, "r", "e", "cpu", "int8", 0.4) for name in ("a", "b"))
    text = render.receipt_line(Receipt("caption", uses, {}, 0, 1.25, 600_000_000, "0"))
    assert text == "a + b · cpu · load 0.8 s · run 1.2 s · peak 600 MB"


@pytest.mark.parametrize(("size", "text"), [(0, "0 B"), (1500, "1.5 kB"), (145_217_532, "145 MB"), (9_100_000_000, "9.1 GB")])
def test_sizes_are_for_people(size: int, text: str) -> None:
    assert render.size(size) == text


@pytest.fixture
def empty_loader() -> Iterator[None]:
    """A shared loader without models, whatever other tests loaded."""
    kept = loader.shared()
    loader.reset_shared(loader.Loader())
    yield
    loader.reset_shared(kept)


def test_the_cost_of_the_next_run_names_download_and_memory(cache: Path, empty_loader: None) -> None:
    line = ui.cost_line(("speech",))
    assert "downloads 148 MB" in line
    assert "are free" in line


@pytest.mark.parametrize("cell", ["=cmd()", "+1", "-1+2", "@SUM(A1)", "\t=1"])
def test_no_cell_is_a_formula(cell: str) -> None:
    assert files.csv_text(["a"], [[cell]]).splitlines()[1].strip('"').startswith("'")


def test_snippets_are_programs() -> None:
    values = {"image": "file:picture.jpg", "style": "short"}
    compile(snippets.python("http://x", "caption", ["image", "style", "n"], values), "snippet", "exec")
    shell = snippets.curl("http://x", "caption", values)
    checked = subprocess.run(["sh", "-n"], input=shell, text=True, check=False, capture_output=True)  # noqa: S607
    assert checked.returncode == 0, checked.stderr


# -- the table of tabs -----------------------------------------------------------------------------------------------


def test_the_table_of_tabs_needs_no_library() -> None:
    code = (
        "import sys, json, mm_demos.tabs; print(json.dumps([m for m in ('torch', 'transformers', 'gradio') if m in sys.modules]))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(loaded.stdout) == []


def test_names_and_endpoints_are_unique() -> None:
    names = [tab.name for tab in tabs.TABS]
    endpoints = [name for tab in tabs.TABS for name in tab.api_names]
    assert len(set(names)) == len(names)
    assert len(set(endpoints)) == len(endpoints)


def test_an_unknown_tab_names_the_known_ones() -> None:
    with pytest.raises(InvalidInputError, match="speech"):
        tabs.find("speach")


def test_the_suite_has_every_endpoint_of_its_table_and_no_torch() -> None:
    code = (
        "import sys, json\nfrom mm_demos import tabs, ui\n"
        "blocks = ui.Frame(tabs.TABS, 'http://127.0.0.1').blocks\n"
        "info = blocks.get_api_info()\n"
        "print(json.dumps([sorted(name[1:] for name in info['named_endpoints']), 'torch' in sys.modules]))"
    )
    built = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    endpoints, torch_imported = json.loads(built.stdout.splitlines()[-1])
    assert set(endpoints) == {name for tab in tabs.TABS for name in tab.api_names}
    assert not torch_imported
