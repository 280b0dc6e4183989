"""A task as Gradio events: one that fills the page, one that answers programs, one that refuses bad input before the queue."""

from __future__ import annotations

import inspect
import math
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from mm_demos.errors import InvalidInputError
from mm_demos.progress import Progress
from mm_demos.results import as_dict
from mm_demos.ui import render
from mm_demos.ui.endpoints import define
from mm_demos.ui.examples import ExampleRows
from mm_demos.ui.handler import Fault, Step, TaskRun, fault_of
from mm_demos.ui.watch import watched

Run = Callable[..., Any]
Show = Callable[[Any], Sequence[Any]]
Check = Callable[..., None]
Allow = Callable[[gr.Request], None]


@dataclass(frozen=True, slots=True)
class Export:
    """A file a visitor may download: `write(result)` gives its text or its bytes."""

    label: str
    file_name: str
    write: Callable[[Any], str | bytes]

    def save(self, result: Any, folder: str | Path) -> str:
        """Write the file into `folder` and give its path."""
        content = self.write(result)
        path = Path(folder) / self.file_name
        path.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
        return str(path)


def page_event(
    run: Run,
    show: Show,
    exports: Sequence[Export],
    *,
    inputs: Sequence[gr.components.Component],
    n_outputs: int,
    lane: threading.Lock,
    header: Callable[[], str],
    receipt: bool,
    examples: ExampleRows | None,
) -> Run:
    """The event behind Run: yields status line, header, receipt (label and JSON), downloads and the tab's own outputs."""

    def event(*values: Any) -> Iterator[tuple[Any, ...]]:
        files: tuple[Any, ...] = tuple(gr.update(interactive=False) for _ in exports)
        last_header, last = "", None
        row = examples.find(inputs, values) if examples is not None else None
        kept = examples.recall(row) if examples is not None else None
        for step in steps(run, values, lane) if kept is None else [Step(None, kept, True, 0.0)]:
            last = step.result if step.result is not None else last
            shown = tuple(show(step.result)) if step.result is not None else (gr.skip(),) * n_outputs
            new_header = header()
            status = render.status(step) if kept is None else render.line("done", "Done", "kept from an earlier run")
            top = (status, gr.skip() if new_header == last_header else new_header)
            last_header = new_header
            # Gradio has copied the files to its own cache, which is emptied by age, when the yield returns.
            with tempfile.TemporaryDirectory(prefix="mm-demos-") as folder:
                if step.finished and last is not None:
                    files = tuple(gr.update(value=export.save(last, folder), interactive=True) for export in exports)
                yield (*top, *(_receipt(last, step) if receipt else ()), *files, *shown)
            files = (gr.skip(),) * len(exports)
            if examples is not None and row is not None and step.finished and step.fault is None:
                examples.keep(row, last)
            if step.fault is not None and not step.fault.stopped:
                raise error_of(step.fault)

    event.__signature__ = api_signature(run)  # type: ignore[attr-defined]
    return event


def api_event(run: Run, lane: threading.Lock, *, does: Run | None = None, allow: Allow | None = None) -> Run:
    """The event behind the endpoint: yields progress and partial results as JSON, and the complete result last.

    Args:
        run: gives the endpoint its arguments and its documentation.
        lane: held while it computes.
        does: what is run on the values; `run` itself when left out.
        allow: raises an error for a request that may not use the endpoint.
    """

    def endpoint(*values: Any) -> Iterator[Any]:
        last: Any = None
        given = values if allow is None else _admitted(allow, *values)
        for step in steps(does or run, given, lane):
            last = step.result if step.result is not None else last
            if step.fault is not None:
                raise error_of(step.fault)
            if step.finished or step.result is not None:
                yield as_dict(last)
            else:
                yield {"progress": as_dict(step.update), "elapsed": round(step.elapsed, 2)}

    signature = api_signature(run)
    if allow is not None:
        asked = inspect.Parameter("request", inspect.Parameter.POSITIONAL_OR_KEYWORD, default=None)
        signature = signature.replace(parameters=[*signature.parameters.values(), asked])
        endpoint.__annotations__ = {"request": gr.Request}  # by which Gradio knows that it is to be given
    define(endpoint, run, signature)
    return endpoint


def _admitted(allow: Allow, *values: Any) -> tuple[Any, ...]:
    """The values without the request, which comes last."""
    try:
        allow(values[-1])
    except InvalidInputError as error:
        raise error_of(fault_of(error)) from None
    return values[:-1]


def validator_of(check: Check, signature: inspect.Signature) -> Run:
    """A check as Gradio's validator: it runs before the queue, and its sentence appears at the first input."""

    def validator(*values: Any) -> Any:
        sentence = ""
        try:
            check(*values)
        except InvalidInputError as error:
            sentence = escape(str(error), quote=False)
        verdicts = [gr.validate(not sentence, sentence), *(gr.validate(True, "") for _ in values[1:])]
        return verdicts if len(verdicts) > 1 else verdicts[0]

    validator.__signature__ = signature  # type: ignore[attr-defined]
    return validator


def error_of(fault: Fault) -> gr.Error:
    """A fault for Gradio: escaped, titled by kind, without a traceback on the server's console.

    It pops up nowhere: the page's status line says it already, and stays.
    """
    return gr.Error(escape(fault.message, quote=False), title=fault.title, visible=False, print_exception=False)


def api_signature(run: Run) -> inspect.Signature:
    """The parameters of `run` that are given by position, without types, which Gradio would try to resolve.

    Each has a default, so that a program may leave out what has no value on the page; the check says what is missing.
    """
    signature = inspect.signature(run)
    kept = [
        parameter.replace(annotation=inspect.Parameter.empty, default=_default(parameter))
        for parameter in signature.parameters.values()
        if parameter.kind is not inspect.Parameter.KEYWORD_ONLY
    ]
    return signature.replace(parameters=kept, return_annotation=inspect.Signature.empty)


def _default(parameter: inspect.Parameter) -> Any:
    # An event of the page alone may take its values as a tuple, which has no default.
    return inspect.Parameter.empty if parameter.kind is inspect.Parameter.VAR_POSITIONAL else None


def steps(run: Run, values: Sequence[Any], lane: threading.Lock) -> Iterator[Step]:
    """Run a task for one event; closing the iterator stops it."""

    def work(progress: Progress) -> Any:
        if any(isinstance(value, float) and not math.isfinite(value) for value in values):
            raise InvalidInputError("A number given is infinite or no number at all: give a finite one.")
        return run(*values, progress=progress)

    return watched(TaskRun(work, lane).steps(), run)


def _receipt(result: Any, step: Step) -> tuple[Any, Any]:
    receipt = getattr(result, "receipt", None)
    if not step.finished or receipt is None:
        return gr.skip(), gr.skip()
    return gr.update(label=render.receipt_line(receipt)), as_dict(receipt)
