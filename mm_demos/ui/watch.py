"""What becomes of runs, told to whoever serves the page: it leaves a listener in the scope of every request it passes on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from gradio.context import LocalContext

from mm_demos.errors import DemoError
from mm_demos.ui.handler import Step, fault_of

LISTENER = "mm_demos.runs"  # its key in the ASGI scope

Status = Literal["done", "stopped", "failed"]


@dataclass(frozen=True, slots=True)
class Run:
    """A run that was asked for.

    Args:
        endpoint: the public name, or "page:" and the module of a run that only the page has.
        queue_seconds: how long it waited in the page's queue.
        scope: of the HTTP request that asked for it.
    """

    endpoint: str
    queue_seconds: float
    scope: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RunEnd:
    """How a run ended.

    Args:
        status: a run that its visitor left is "stopped".
        seconds: from its first step to its last.
        models: catalog names of those that took part, when a result says so.
        reason: the title of the fault; never its message, which may quote what a visitor gave.
    """

    status: Status
    seconds: float
    models: tuple[str, ...] = ()
    reason: str = ""


class RunListener(Protocol):
    """Who is told."""

    def began(self, run: Run) -> None:
        """A run begins.

        Raises:
            DemoError: it must not; the sentence is the visitor's.
        """

    def ended(self, run: Run, end: RunEnd) -> None:
        """A run that began is over."""


def watched(steps: Iterator[Step], work: Callable[..., Any]) -> Iterator[Step]:
    """The same steps, with the listener of the request told when they begin and how they end."""
    scope = _scope()
    listener: RunListener | None = scope.get(LISTENER)
    if listener is None:
        yield from steps
        return
    run = Run(*_called(work), scope)
    try:
        listener.began(run)
    except DemoError as error:
        yield Step(None, None, True, 0.0, fault=fault_of(error))
        return
    began = time.monotonic()
    last: Step | None = None
    models: tuple[str, ...] = ()
    try:
        for last in steps:
            models = _models(last.result) or models
            yield last
    finally:
        close = getattr(steps, "close", None)
        if close is not None:
            close()
        listener.ended(run, RunEnd(_status(last), time.monotonic() - began, models, _reason(last)))


def _scope() -> Mapping[str, Any]:
    request = LocalContext.request.get(None)
    scope = getattr(getattr(request, "request", None), "scope", None)
    return scope if isinstance(scope, dict) else {}


def _called(work: Callable[..., Any]) -> tuple[str, float]:
    """Endpoint and seconds in the queue of the event that runs on this thread."""
    blocks, number = LocalContext.blocks.get(None), LocalContext.event_id.get(None)
    event = blocks._queue.event_ids_to_events.get(number) if blocks is not None and number else None
    if event is not None and event.fn.api_visibility == "public":
        return str(event.fn.api_name), time.monotonic() - event.enqueue_time
    module = str(getattr(work, "__module__", "")).rpartition(".")[2]
    return f"page:{module}", time.monotonic() - event.enqueue_time if event is not None else 0.0


def _models(result: Any) -> tuple[str, ...]:
    uses = getattr(getattr(result, "receipt", None), "models", ())
    return tuple(use.name for use in uses)


def _status(last: Step | None) -> Status:
    if last is None or not last.finished or (last.fault is not None and last.fault.stopped):
        return "stopped"
    return "failed" if last.fault is not None else "done"


def _reason(last: Step | None) -> str:
    return last.fault.title if last is not None and last.fault is not None else ""
