"""Trial of native engines in a child process, before they are trusted on a machine they have not run on.

Run by hand: `python -m mm_demos.models.probe MODEL ENGINE`; exit status 0 when the engine loads the model and answers.
"""

from __future__ import annotations

import dataclasses
import importlib.metadata
import json
import logging
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import mm_demos
from mm_demos import accelerator
from mm_demos.errors import (
    InsufficientMemoryError,
    MissingDependencyError,
    StoppedError,
    UnknownModelError,
    WeightsUnavailableError,
)
from mm_demos.machine import child_search_path
from mm_demos.models import catalog
from mm_demos.models.catalog import Engine, ModelSpec, Role
from mm_demos.progress import Progress
from mm_demos.settings import settings

log = logging.getLogger(__name__)

TIMEOUT_SECONDS = 180.0  # a 0.5 B model loads and answers within 20 s on two busy cores
POLL_SECONDS = 0.1
FOR_NOW = 75  # exit status (EX_TEMPFAIL of sysexits.h): the trial failed for a reason that may be gone next time
# SIGKILL is not among them: the kernel sends it when memory runs out.
CRASHES = frozenset({"SIGSEGV", "SIGILL", "SIGBUS", "SIGFPE", "SIGABRT"})


class Trials:
    """Says why an engine cannot be trusted here; asks a child process once per processor, engine version and model.

    Args:
        timeout_seconds: after which the child is ended; a time-out is forgotten when this process ends.
    """

    def __init__(self, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._timeout_seconds = timeout_seconds
        self._for_now: dict[str, str] = {}
        self._lock = threading.Lock()  # one trial at a time: the child loads a whole model

    def __call__(self, spec: ModelSpec, engine: Engine, progress: Progress) -> str:
        """Why `engine` cannot run `spec` here, or an empty string.

        Raises:
            StoppedError: the visitor pressed Stop; the child is ended.
        """
        key = _key(spec, engine)
        with self._lock:
            known = {**_remembered(), **self._for_now}.get(key)
            if known is not None:
                return known
            progress.report(f"Trying {engine.name} on this machine (once)")
            reason, lasting = _try_in_child(spec, engine, progress, self._timeout_seconds)
            if lasting:
                _remember(key, reason)
            else:
                self._for_now[key] = reason
            return reason


def _try_in_child(spec: ModelSpec, engine: Engine, progress: Progress, timeout_seconds: float) -> tuple[str, bool]:
    """Why the trial failed (empty when it passed), and whether it would fail again."""
    command = [sys.executable, "-m", "mm_demos.models.probe", spec.name, engine.name, "-"]
    with tempfile.TemporaryFile() as row, tempfile.TemporaryFile() as stderr:
        pickle.dump(spec, row)  # the child's catalog lacks rows that were registered at run time
        row.seek(0)
        environment = {**os.environ, "PYTHONPATH": child_search_path()}
        child = subprocess.Popen(command, stdin=row, stdout=subprocess.DEVNULL, stderr=stderr, env=environment)
        try:
            status = _wait(child, progress, timeout_seconds)
        finally:
            child.kill()
            child.wait()
        stderr.seek(0)
        lines = stderr.read().decode("utf-8", "replace").strip().splitlines()
    if status is None:
        return f"no answer within {timeout_seconds:.0f} s", False
    if status < 0:
        name = signal.Signals(-status).name
        return f"it crashes on this machine ({name})", name in CRASHES
    if status == 0:
        return "", True
    return (lines[-1].strip(". ") if lines else f"exit status {status}"), status != FOR_NOW


def _wait(child: subprocess.Popen[bytes], progress: Progress, timeout_seconds: float) -> int | None:
    """Exit status of the child, or None when it did not end in time."""
    deadline = time.monotonic() + timeout_seconds
    while time.monotonic() < deadline:
        try:
            return child.wait(POLL_SECONDS)
        except subprocess.TimeoutExpired:
            progress.checkpoint()
    return None


# -- what is remembered ----------------------------------------------------------------------------------------------


def _key(spec: ModelSpec, engine: Engine) -> str:
    versions = [_version(library) for library in engine.libraries] or [mm_demos.__version__]
    return f"{accelerator.cpu_identity()} | {engine.name} {' '.join(versions)} | {spec.name} {spec.digest[:12]}"


def _version(library: str) -> str:
    """Release of the distribution that carries an import name."""
    try:
        return importlib.metadata.version(library)
    except importlib.metadata.PackageNotFoundError:
        names = importlib.metadata.packages_distributions().get(library, [])
        return importlib.metadata.version(names[0]) if names else "?"


def _file() -> Path:
    return settings().cache_dir / "engines.json"


def _remembered() -> dict[str, str]:
    """Reasons by key, empty for engines that passed."""
    try:
        known = json.loads(_file().read_text(encoding="utf-8"))
        return {str(key): str(reason) for key, reason in known.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError):
        log.warning("%s cannot be read; engines are tried again", _file())
        return {}


def _remember(key: str, reason: str) -> None:
    known = _remembered() | {key: reason}
    fresh = _file().with_name(f"engines.{os.getpid()}.partial")
    try:
        fresh.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_text(json.dumps(known, indent=1, sort_keys=True), encoding="utf-8")
        fresh.replace(_file())
    except OSError:
        log.warning("%s cannot be written; engines are tried again at the next start", _file())


# -- in the child ----------------------------------------------------------------------------------------------------


def main(arguments: list[str]) -> int:
    """Load a model with one engine, ask it for very little, and say by exit status how that went.

    Args:
        arguments: model, engine, and "-" when the model's row comes pickled on standard input.
    """
    from mm_demos.models.loader import Loader

    if len(arguments) not in {2, 3}:
        print("usage: python -m mm_demos.models.probe MODEL ENGINE", file=sys.stderr)
        return 2
    try:
        row = pickle.load(sys.stdin.buffer) if arguments[2:] == ["-"] else catalog.spec(arguments[0])  # noqa: S301 - from our parent
        _keep_engine(row, arguments[1])
        with Loader(budget_bytes=1 << 62, idle_seconds=0).lease(row.name) as model:
            exercise(row.role, model)
    except (MemoryError, InsufficientMemoryError, WeightsUnavailableError, StoppedError) as error:
        print(str(error) or "out of memory", file=sys.stderr)
        return FOR_NOW
    except Exception as error:
        print(f"{type(error).__name__}: {error}".replace("\n", " "), file=sys.stderr)
        return 1
    return 0


def _keep_engine(row: ModelSpec, name: str) -> None:
    """Put `row` into the catalog with this engine alone."""
    engines = tuple(dataclasses.replace(engine, probe=False) for engine in row.engines if engine.name == name)
    if not engines:
        raise UnknownModelError(f"{row.name} has no engine named {name!r}: it has {', '.join(e.name for e in row.engines)}.")
    if row.name in {known.name for known in catalog.rows()}:
        catalog.unregister(row.name)
    catalog.register(dataclasses.replace(row, engines=engines))


def exercise(role: Role, model: Any) -> None:
    """One tiny call, enough to run the engine's kernels."""
    import numpy as np
    from PIL import Image

    from mm_demos.models import protocols

    image = Image.new("RGB", (64, 64), (200, 30, 30))
    if role == "speech":
        noise = np.random.default_rng(0).normal(0, 0.01, protocols.SAMPLE_RATE).astype(np.float32)
        list(model.transcribe(noise, options=protocols.TranscribeOptions(beam_size=1, temperature=0.0)).segments)
    elif role == "chat":
        options = protocols.GenerateOptions(max_new_tokens=2)
        list(model.stream([protocols.ChatMessage("user", "Say yes.")], options=options))
    elif role == "image-tagger":
        model.tag([image])
    elif role == "text-reader":
        model.read(image)
    elif role in {"text-embedder", "joint-embedder"}:
        model.embed_texts(["a red square"])
    elif role == "captioner":
        model.caption(image, options=protocols.CaptionOptions(n=1, max_new_tokens=2), progress=Progress(), lease=_no_lease)
    elif role == "answerer":
        model.answer(
            image, "What is it?", options=protocols.AnswerOptions(max_new_tokens=2), progress=Progress(), lease=_no_lease
        )


def _no_lease(name: str) -> Any:
    raise MissingDependencyError(f"{name} is not tried here")


if __name__ == "__main__":
    status = main(sys.argv[1:])
    sys.stderr.flush()
    os._exit(status)  # native libraries may crash on the way out, which says nothing about their answers
