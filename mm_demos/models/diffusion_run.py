"""One run of a pipeline on a thread of its own: steps come out as they are done, and it ends when it is told to."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any

from mm_demos.errors import StoppedError
from mm_demos.models.painting import Painting
from mm_demos.progress import Progress

POLL_SECONDS = 0.05  # how often a waiting caller looks whether the visitor pressed Stop

Put = Callable[[Painting], None]


class Brake:
    """Ends the run that is under way at the next block of any of the networks: within a step, an encoder or the decoder."""

    def __init__(self, pipeline: Any) -> None:
        import torch

        self._stop = threading.Event()
        networks = [part for part in pipeline.components.values() if isinstance(part, torch.nn.Module)]
        self._hooks = [block.register_forward_pre_hook(self._look) for network in networks for block in _blocks(network)]

    def release(self) -> None:
        """Let the networks run again."""
        self._stop.clear()

    def pull(self) -> None:
        """End the run under way, if there is one."""
        self._stop.set()

    def check(self) -> None:
        """Raise StoppedError on the run's own thread once it was pulled."""
        if self._stop.is_set():
            raise StoppedError("Stopped.")

    def remove(self) -> None:
        """Take it out of the networks."""
        for hook in self._hooks:
            hook.remove()

    def _look(self, *_: Any) -> None:
        self.check()


def _blocks(network: Any) -> list[Any]:
    """The network itself and its repeated parts."""
    import torch

    lists = [module for module in network.modules() if isinstance(module, torch.nn.ModuleList)]
    return list(dict.fromkeys([network, *(block for blocks in lists for block in blocks)]))


def run(call: Callable[[Put], None], brake: Brake, progress: Progress) -> Iterator[Painting]:
    """Yield what `call` puts, as it comes; stopping `progress` or closing the iterator ends the thread before this returns.

    Args:
        call: runs the pipeline; its last painting is final.
        brake: of that pipeline.
        progress: told about the steps, on the caller's thread.

    Raises:
        StoppedError: `progress.stop()` was called.
    """
    outcome: queue.Queue[Painting | BaseException] = queue.Queue()

    def work() -> None:
        try:
            call(outcome.put)
        except BaseException as error:  # whatever it was, the waiting side must hear of the end
            outcome.put(error)

    worker = threading.Thread(target=work, name="diffusion", daemon=True)
    worker.start()
    try:
        yield from _received(outcome, progress)
    finally:
        brake.pull()
        worker.join()
        brake.release()


def _received(outcome: queue.Queue[Painting | BaseException], progress: Progress) -> Iterator[Painting]:
    progress.report("Reading the prompt")
    while True:
        progress.checkpoint()
        try:
            found = outcome.get(timeout=POLL_SECONDS)
        except queue.Empty:
            continue
        if isinstance(found, BaseException):
            raise found
        progress.report("Painting" if found.step < found.total else "Finishing", found.step, found.total, "steps")
        yield found
        if found.final:
            return
