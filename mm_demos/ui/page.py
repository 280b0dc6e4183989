"""One tab's page: inputs left, results right, and the events between them."""

from __future__ import annotations

import inspect
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from mm_demos.errors import InvalidInputError
from mm_demos.progress import Progress
from mm_demos.results import as_dict
from mm_demos.tabs import TabSpec
from mm_demos.ui import render, snippets
from mm_demos.ui.handler import Fault, Step, TaskRun

if TYPE_CHECKING:
    from mm_demos.ui.frame import Frame

DEVICE_QUEUE = "device"  # every event that computes shares it, so that the machine runs one model at a time

Run = Callable[..., Any]
Show = Callable[[Any], Sequence[Any]]
Check = Callable[..., None]


@dataclass(frozen=True, slots=True)
class Export:
    """A file a visitor may download: `write(result)` gives its text or bytes, or writes it and gives its path."""

    label: str
    file_name: str
    write: Callable[[Any], str | bytes | Path]

    def save(self, result: Any) -> str:
        """Write the file into a folder of its own and give its path."""
        content = self.write(result)
        if isinstance(content, Path):
            return str(content)
        path = Path(tempfile.mkdtemp(prefix="mm-demos-")) / self.file_name
        path.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
        return str(path)


@dataclass(slots=True)
class Actions:
    """The row of buttons that starts a run, and the lines that tell about it."""

    run: gr.Button
    stop: gr.Button
    clear: gr.Button
    status: gr.HTML


class Page:
    """The common frame of a tab; made by `Frame.page`."""

    def __init__(self, frame: Frame, spec: TabSpec) -> None:
        self.frame = frame
        self.spec = spec
        self.receipt: gr.Accordion | None = None
        self._receipt_json: gr.JSON | None = None
        self._results: gr.Column | None = None
        gr.HTML(f'<p class="mm-summary">{escape(spec.summary)}</p>', elem_classes="mm-plain")
        self._row = gr.Row(elem_classes="mm-columns", equal_height=False)

    @contextmanager
    def inputs(self) -> Iterator[gr.Column]:
        """The left column: what the visitor gives."""
        with self._row, gr.Column(scale=5, min_width=320, elem_classes="mm-inputs") as column:
            yield column

    @contextmanager
    def results(self) -> Iterator[gr.Column]:
        """The right column: what the visitor gets; ends with the receipt."""
        with self._row, gr.Column(scale=6, min_width=320, elem_classes="mm-results") as self._results:
            yield self._results
            with gr.Accordion("Receipt", open=False, elem_classes="mm-receipt") as self.receipt:
                self._receipt_json = gr.JSON(show_label=False, buttons=["copy"], min_height=0)

    def actions(self, run: str = "Run") -> Actions:
        """Run, Stop and Clear with the status line and the cost preview; call it inside `inputs()`."""
        with gr.Row(elem_classes="mm-actions"):
            start = gr.Button(run, variant="primary", elem_classes="mm-run", scale=3, min_width=120)
            stop = gr.Button("Stop", variant="stop", elem_classes="mm-stop", scale=1, min_width=70)
            clear = gr.Button("Clear", variant="secondary", elem_classes="mm-clear", scale=1, min_width=70)
        status = gr.HTML(render.line("idle", "Ready", "Ctrl + Enter runs"), elem_classes="mm-plain mm-statusbox")
        self.frame.cost(self.spec.roles)
        return Actions(start, stop, clear, status)

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
        api_name: str,
        check: Check | None = None,
        exports: Mapping[Export, gr.DownloadButton] | None = None,
        submit: Sequence[gr.components.Component] = (),
        snippet: Mapping[str, str] | None = None,
    ) -> gr.events.Dependency:
        """Bind a task to the page and to its public endpoint.

        Args:
            run: `run(*input_values, progress=Progress)` gives a result, or an iterator of results of which the last is complete.
            actions: from `actions()`.
            inputs: components whose values `run` receives, in order.
            outputs: components that `show` fills.
            show: turns a result into one value for each of `outputs`.
            api_name: the endpoint; it takes `run`'s parameters by name and gives the result as JSON.
            check: called with the input values before the request queues; raises `InvalidInputError`.
            exports: from `exports()`.
            submit: text boxes in which Enter runs too.
            snippet: example values by parameter name for the API accordion; a path for a file.
        """
        downloads = dict(exports or {})
        signature = _api_signature(run)
        visible = self._ui_event(run, show, downloads, len(outputs))
        visible.__signature__ = signature  # type: ignore[attr-defined]
        validator = _validator(check, signature) if check is not None else None
        triggers = [actions.run.click, *(box.submit for box in submit)]
        shown = [actions.status, self.receipt, self._receipt_json, self.frame.header, *downloads.values(), *outputs]
        event = gr.on(
            triggers,
            visible,
            inputs=list(inputs),
            outputs=shown,
            validator=validator,
            api_visibility="private",
            api_name=f"{api_name}_page",
            show_progress="minimal",
            show_progress_on=actions.status,
            concurrency_id=DEVICE_QUEUE,
            concurrency_limit=1,
        )
        self._connect_stop(actions, event)
        self._connect_clear(actions, inputs, shown)
        self._endpoint(run, signature, inputs, api_name, validator)
        self._snippets(api_name, signature, snippet or {})
        return event

    def examples(
        self,
        rows: Sequence[Sequence[Any]],
        inputs: Sequence[gr.components.Component],
        *,
        visible: Sequence[int] = (0,),
        label: str = "Try one",
    ) -> gr.Examples:
        """Example rows that fill the inputs; `visible` columns are shown. Call it inside `inputs()`."""
        return gr.Examples(
            [list(row) for row in rows],
            list(inputs),
            label=label,
            visible_columns=list(visible),
            api_visibility="private",
            examples_per_page=8,
        )

    def _ui_event(self, run: Run, show: Show, downloads: Mapping[Export, gr.DownloadButton], n_outputs: int) -> Run:
        def event(*values: Any) -> Iterator[tuple[Any, ...]]:
            same = tuple(gr.skip() for _ in range(n_outputs))
            files: tuple[Any, ...] = tuple(gr.DownloadButton(interactive=False) for _ in downloads)
            header, last = "", None
            for step in self._steps(run, values):
                last = step.result if step.result is not None else last
                shown = tuple(show(step.result)) if step.result is not None else same
                new_header = self.frame.header_html()
                parts = (
                    render.status(step),
                    *self._receipt_values(last, step),
                    gr.skip() if new_header == header else new_header,
                )
                header = new_header
                if step.finished and last is not None:
                    files = tuple(gr.DownloadButton(value=export.save(last), interactive=True) for export in downloads)
                yield (*parts, *files, *shown)
                files = tuple(gr.skip() for _ in downloads)
                if step.fault is not None and not step.fault.stopped:
                    raise error_of(step.fault)

        return event

    def _receipt_values(self, result: Any, step: Step) -> tuple[Any, Any]:
        receipt = getattr(result, "receipt", None)
        if not step.finished or receipt is None:
            return gr.skip(), gr.skip()
        return gr.Accordion(label=render.receipt_line(receipt)), as_dict(receipt)

    def _steps(self, run: Run, values: Sequence[Any]) -> Iterator[Step]:
        def work(progress: Progress) -> Any:
            return run(*values, progress=progress)

        return TaskRun(work, self.frame.lane).steps()

    def _connect_stop(self, actions: Actions, event: gr.events.Dependency) -> None:
        actions.stop.click(
            lambda: render.line("stopped", "Stopped"),
            outputs=actions.status,
            cancels=[event],
            queue=False,
            api_visibility="private",
            show_progress="hidden",
        )

    def _connect_clear(self, actions: Actions, inputs: Sequence[Any], outputs: Sequence[Any]) -> None:
        targets = [item for item in (*inputs, *outputs) if item is not self.frame.header]
        resets = [_reset(item) for item in targets]
        actions.clear.click(lambda: resets, outputs=targets, queue=False, api_visibility="private", show_progress="hidden")

    def _endpoint(
        self, run: Run, signature: inspect.Signature, inputs: Sequence[Any], api_name: str, validator: Run | None
    ) -> None:
        def endpoint(*values: Any) -> Iterator[dict[str, Any]]:
            last: Any = None
            for step in self._steps(run, values):
                last = step.result if step.result is not None else last
                if step.fault is not None:
                    raise error_of(step.fault)
                if step.finished or step.result is not None:
                    yield as_dict(last)
                else:
                    yield {"progress": as_dict(step.update), "elapsed": round(step.elapsed, 2)}

        endpoint.__signature__ = signature  # type: ignore[attr-defined]
        endpoint.__doc__ = inspect.getdoc(run)
        # A button no one sees carries the public endpoint, so that it gives the result alone and not the page's pieces.
        gr.Button(visible=False).click(
            endpoint,
            inputs=list(inputs),
            outputs=gr.JSON(visible=False, label="result"),
            api_name=api_name,
            validator=validator,
            concurrency_id=DEVICE_QUEUE,
            concurrency_limit=1,
        )

    def _snippets(self, api_name: str, signature: inspect.Signature, values: Mapping[str, str]) -> None:
        with self._results or nullcontext(), gr.Accordion(f"Use it from code: {api_name}", open=False, elem_classes="mm-api"):
            gr.Code(
                snippets.python(self.frame.url, api_name, list(signature.parameters), values),
                language="python",
                label="Python",
                interactive=False,
            )
            gr.Code(snippets.curl(self.frame.url, api_name, values), language="shell", label="curl", interactive=False)


def error_of(fault: Fault) -> gr.Error:
    """A fault as Gradio shows it: escaped, titled by kind, without a traceback on the server's console."""
    return gr.Error(escape(fault.message), title=fault.title, print_exception=False)


def _api_signature(run: Run) -> inspect.Signature:
    signature = inspect.signature(run)
    kept = [
        replaced.replace(annotation=inspect.Parameter.empty)
        for name, replaced in signature.parameters.items()
        if name != "progress"
    ]
    return signature.replace(parameters=kept, return_annotation=inspect.Signature.empty)


def _validator(check: Check, signature: inspect.Signature) -> Callable[..., Any]:
    def validator(*values: Any) -> Any:
        try:
            check(*values)
        except InvalidInputError as error:
            return gr.validate(False, escape(str(error)))
        return gr.validate(True, "")

    validator.__signature__ = signature  # type: ignore[attr-defined]
    return validator


def _reset(item: Any) -> Any:
    if isinstance(item, gr.DownloadButton):
        return gr.DownloadButton(value=None, interactive=False)
    if isinstance(item, gr.Accordion):
        return gr.Accordion(label=item.label)
    return getattr(item, "value", None)
