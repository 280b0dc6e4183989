"""One tab's page: inputs left, results right, and the events between them."""

from __future__ import annotations

import inspect
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import gradio as gr

from mm_demos.tabs import TabSpec
from mm_demos.ui import render, snippets
from mm_demos.ui.events import Allow, Check, Export, Run, Show, api_event, api_signature, page_event, validator_of
from mm_demos.ui.examples import ExampleRows
from mm_demos.ui.handler import TICK
from mm_demos.ui.zero_gpu import on_gpu

if TYPE_CHECKING:
    from mm_demos.ui.frame import Frame

DEVICE_QUEUE = "device"  # every event that computes shares it, so that the machine runs one model at a time

# An example is run by the button, so that whatever a tab does after a run happens after an example too.
PRESS_RUN_JS = """() => {
  [...document.querySelectorAll("button.mm-run")].find((button) => button.offsetParent !== null)?.click();
}"""
# In one column the results are below the fold, where a visitor with a phone would not look for them.
SHOW_RESULTS_JS = """() => {
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const results = [...document.querySelectorAll(".mm-results")].find((column) => column.offsetParent !== null);
  if (results && window.innerWidth <= 600) results.scrollIntoView({ behavior: still ? "auto" : "smooth", block: "start" });
}"""


@dataclass(slots=True)
class Actions:
    """The row of buttons that starts a run, and the lines that tell about it."""

    run: gr.Button
    stop: gr.Button
    clear: gr.Button | None
    status: gr.HTML


class Page:
    """The common frame of a tab; made by `Frame.page`."""

    def __init__(self, frame: Frame, spec: TabSpec) -> None:
        self.frame = frame
        self.spec = spec
        self.receipt: gr.Accordion | None = None
        self._receipt_json: gr.JSON | None = None
        self._results: gr.Column | None = None
        self._code: dict[str, gr.Tab] = {}
        self._examples: list[ExampleRows] = []
        title = f'<h2 class="mm-unseen">{escape(spec.title)}</h2>'
        gr.HTML(f'{title}<p class="mm-summary">{escape(spec.summary)}</p>', elem_classes="mm-plain")
        self._row: gr.Row | None = None

    @contextmanager
    def inputs(self) -> Iterator[gr.Column]:
        """The left column: what the visitor gives."""
        with self._columns(), gr.Column(scale=5, min_width=320, elem_classes="mm-inputs") as column:
            yield column

    @contextmanager
    def results(self, *, receipt: bool = True) -> Iterator[gr.Column]:
        """The right column: what the visitor gets; ends with the receipt."""
        with self._columns(), gr.Column(scale=6, min_width=320, elem_classes="mm-results") as self._results:
            yield self._results
            if receipt:
                with gr.Accordion("Receipt", open=False, elem_classes="mm-receipt") as self.receipt:
                    self._receipt_json = gr.JSON(show_label=False, buttons=["copy"], min_height=0)

    def _columns(self) -> gr.Row:
        if self._row is None:
            self._row = gr.Row(elem_classes="mm-columns", equal_height=False)
        return self._row

    def actions(self, run: str = "Run") -> Actions:
        """Run, Stop and Clear with the status line and the cost preview; call it inside `inputs()`."""
        with gr.Row(elem_classes="mm-actions"):
            start = gr.Button(run, variant="primary", elem_classes="mm-run", scale=3, min_width=120)
            stop = gr.Button("Stop", variant="stop", elem_classes="mm-stop", scale=1, min_width=70)
            clear = gr.Button("Clear", variant="secondary", elem_classes="mm-clear", scale=1, min_width=70)
        status = gr.HTML(render.line("idle", "Ready", "Ctrl + Enter runs"), elem_classes="mm-plain mm-statusbox")
        self.frame.cost(self.spec.roles)
        return Actions(start, stop, clear, status)

    @property
    def receipt_parts(self) -> list[gr.components.Component | gr.Accordion]:
        """The receipt's fold and its JSON, as far as `results()` made them."""
        return [item for item in (self.receipt, self._receipt_json) if item is not None]

    def exports(self, *exports: Export) -> dict[Export, gr.DownloadButton]:
        """The download row; call it inside `results()` and give what it returns to `connect`."""
        with gr.Row(elem_classes="mm-downloads"):
            gr.HTML("<span>Download</span>", elem_classes="mm-plain")
            return {export: gr.DownloadButton(export.label, size="sm", interactive=False, min_width=60) for export in exports}

    def connect(
        self,
        run: Run,
        *,
        actions: Actions,
        inputs: Sequence[gr.components.Component],
        outputs: Sequence[gr.components.Component],
        show: Show,
        api_name: str | None,
        api: Run | None = None,
        check: Check | None = None,
        exports: Mapping[Export, gr.DownloadButton] | None = None,
        submit: Sequence[gr.components.Component] = (),
        triggers: Sequence[Any] = (),
        snippet: Mapping[str, str] | None = None,
        queue: str = DEVICE_QUEUE,
        keep: Sequence[gr.components.Component] = (),
    ) -> gr.events.Dependency:
        """Bind a task to the page and to its public endpoint.

        Args:
            run: `run(*input_values, progress=Progress)` gives a result, or an iterator of results of which the last is complete.
            actions: from `actions()`.
            inputs: components whose values `run` receives, in order.
            outputs: components that `show` fills.
            show: turns a result into one value for each of `outputs`.
            api_name: the endpoint; it takes `run`'s parameters by name and gives the result as JSON. None makes no endpoint.
            api: what the endpoint runs on the same values, when `run` adds what only a page needs; `run` itself when left out.
            check: called with the input values before the request queues; raises `InvalidInputError`.
            exports: from `exports()`.
            submit: text boxes in which Enter runs too.
            triggers: events that run it instead of the Run button.
            snippet: example values by parameter name for the API accordion, "file:NAME" for a file; None leaves it out.
            queue: events of one queue run one at a time; what does not compute may have its own.
            keep: inputs and outputs that Clear leaves as they are.
        """
        downloads = dict(exports or {})
        signature = api_signature(run)
        lane = self.frame.lane if queue == DEVICE_QUEUE else threading.Lock()
        validator = validator_of(check, signature) if check is not None else None
        starts = list(triggers) or [actions.run.click, *(box.submit for box in submit)]
        receipt = self.receipt_parts
        shown = [actions.status, self.frame.header, *receipt, *downloads.values(), *outputs]
        examples = next((rows for rows in self._examples if rows.fit(inputs)), None)
        event_of = page_event(
            on_gpu(run) if queue == DEVICE_QUEUE else run,
            show,
            tuple(downloads),
            inputs=inputs,
            n_outputs=len(outputs),
            lane=lane,
            header=self.frame.header_html,
            receipt=bool(receipt),
            examples=examples,
        )
        event = gr.on(
            starts,
            event_of,
            inputs=list(inputs),
            outputs=shown,
            validator=validator,
            api_visibility="private",
            show_progress="minimal",
            show_progress_on=actions.status,
            concurrency_id=queue,
            concurrency_limit=1,
        )
        if examples is not None:
            examples.connected(run, inputs)
            examples.examples.load_input_event.then(None, js=PRESS_RUN_JS, api_visibility="private")
        self._connect_stop(actions, event)
        if actions.clear is not None and not triggers:
            self._connect_clear(actions.clear, [item for item in (*inputs, *shown) if item not in keep])
            event.success(None, js=SHOW_RESULTS_JS, api_visibility="private")
        if api_name is None:
            return event
        self.endpoint(api or run, inputs=inputs, api_name=api_name, lane=lane, validator=validator, queue=queue)
        if snippet is not None:
            self.add_snippet(api_name, signature, snippet)
        return event

    def examples(
        self,
        rows: Sequence[Sequence[Any]],
        inputs: Sequence[gr.components.Component],
        *,
        visible: Sequence[int] = (0,),
        label: str = "Try one",
    ) -> gr.Examples:
        """Example rows: a click fills the inputs and runs, and what a row gave is kept for the next visitor.

        Call it inside `inputs()`, before `connect`.

        Args:
            rows: values of `inputs`; a file by its path.
            inputs: among those of `connect`.
            visible: columns that are shown.
            label: above the rows.
        """
        filled = gr.Examples(
            [list(row) for row in rows],
            list(inputs),
            label=label,
            visible_columns=list(visible),
            api_visibility="private",
            examples_per_page=8,
        )
        self._examples.append(ExampleRows(filled, rows, inputs))
        self.frame.examples.append(self._examples[-1])
        return filled

    def _connect_stop(self, actions: Actions, event: gr.events.Dependency) -> None:
        quiet: dict[str, Any] = {"queue": False, "api_visibility": "private", "show_progress": "hidden"}
        stopping = actions.stop.click(
            lambda: render.line("running", "Stopping"), outputs=actions.status, cancels=[event], **quiet
        )
        stopping.then(_after_the_last_step, outputs=actions.status, **quiet)

    def _connect_clear(self, clear: gr.Button, items: Sequence[Any]) -> None:
        targets = [item for item in items if item is not self.frame.header]
        resets = [_reset(item) for item in targets]
        clear.click(lambda: resets, outputs=targets, queue=False, api_visibility="private", show_progress="hidden")

    def endpoint(
        self,
        run: Run,
        *,
        inputs: Sequence[gr.components.Component],
        api_name: str,
        lane: threading.Lock | None = None,
        validator: Run | None = None,
        check: Check | None = None,
        snippet: Mapping[str, str] | None = None,
        queue: str = DEVICE_QUEUE,
        does: Run | None = None,
        allow: Allow | None = None,
        output: gr.JSON | None = None,
    ) -> None:
        """A public endpoint for `run` alone; `connect` makes one by itself.

        `check` and `snippet` are as there, `does` and `allow` as in `api_event`; `output` is what keeps the files of a result.
        """
        if check is not None:
            validator = validator_of(check, api_signature(run))
        if snippet is not None:
            self.add_snippet(api_name, api_signature(run), snippet)
        # A button no one sees carries it, so that the answer is the result alone and not the page's pieces.
        gr.Button(visible=False).click(
            api_event(run, lane or threading.Lock(), does=on_gpu(does or run) if queue == DEVICE_QUEUE else does, allow=allow),
            inputs=list(inputs),
            outputs=output or gr.JSON(visible=False, label="result"),
            api_name=api_name,
            validator=validator,
            concurrency_id=queue,
            concurrency_limit=1,
        )

    def add_snippet(self, api_name: str, signature: inspect.Signature, values: Mapping[str, str]) -> None:
        """Code for the API accordion that calls an endpoint with example values, see `connect`."""
        url = self.frame.url
        programs = (
            ("Python", "python", snippets.python(url, api_name, list(signature.parameters), values)),
            ("JavaScript", "javascript", snippets.javascript(url, api_name, values)),
            ("curl", "shell", snippets.curl(url, api_name, values)),
            ("MCP", "json", snippets.tool(url, api_name, values)),
        )
        if not self._code:
            fold = gr.Accordion("Use it from code", open=False, elem_classes="mm-api", render=False)
            with self._results or nullcontext():
                fold.render()
            with fold, gr.Tabs(elem_classes="mm-modes"):
                self._code = {door: gr.Tab(door) for door, _, _ in programs}
        for door, language, program in programs:
            with self._code[door]:
                gr.Code(program, language=language, label=f"{door} · {api_name}", interactive=False)


def _after_the_last_step() -> str:
    time.sleep(2 * TICK)  # a step that was on its way when Stop was pressed may still arrive and must not have the last word
    return render.line("stopped", "Stopped")


def _reset(item: Any) -> Any:
    if isinstance(item, gr.DownloadButton):
        return gr.update(value=None, interactive=False)
    if isinstance(item, gr.Accordion):
        return gr.update(label=item.label)
    return getattr(item, "value", None)
