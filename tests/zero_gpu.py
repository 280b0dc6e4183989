"""A stand-in for the package `spaces` on ZeroGPU: a decorated generator runs in a forked child; what crosses is pickled."""

from __future__ import annotations

import functools
import inspect
import multiprocessing
import pickle
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

booked: list[int] = []  # seconds that each call asked for
decorated: list[str] = []
refusal: list[Exception] = []  # raised instead of a call, as the platform does when a visitor's share is used up


def GPU(*, duration: int | Callable[..., int] = 60) -> Callable[[Any], Any]:  # noqa: N802 — its name in the package
    def decorate(task: Any) -> Any:
        if inspect.iscoroutinefunction(task):
            raise NotImplementedError
        assert inspect.isgeneratorfunction(task), "only generators are used here"
        decorated.append(task.__qualname__)

        @functools.wraps(task)
        def call(*values: Any) -> Iterator[Any]:
            if refusal:
                raise refusal.pop()
            booked.append(duration(*values) if callable(duration) else duration)
            ours, theirs = multiprocessing.Pipe()
            child = multiprocessing.get_context("fork").Process(target=_child, args=(task, theirs), daemon=True)
            child.start()
            ours.send_bytes(pickle.dumps(values))
            try:
                while True:
                    kind, value = pickle.loads(ours.recv_bytes())  # noqa: S301 — our own child's
                    if kind == "end":
                        return
                    if kind == "error":
                        raise RuntimeError(value)  # its text is lost on the platform too
                    yield value
            finally:
                child.kill()
                child.join()

        return call

    return decorate


def _child(task: Any, pipe: Any) -> None:
    try:
        for value in task(*pickle.loads(pipe.recv_bytes())):  # noqa: S301 — our own parent's
            pipe.send_bytes(pickle.dumps(("value", value)))
        pipe.send_bytes(pickle.dumps(("end", None)))
    except Exception as error:
        pipe.send_bytes(pickle.dumps(("error", type(error).__name__)))


def install() -> None:
    """Put the stand-in where `import spaces` finds it."""
    module = types.ModuleType("spaces")
    module.GPU = GPU  # type: ignore[attr-defined]
    sys.modules["spaces"] = module
