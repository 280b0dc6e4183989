"""On ZeroGPU: models of torch placed before the page is there, each run in a GPU call of few seconds, results pickled."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
import zero_gpu as platform

from mm_demos import accelerator, samples
from mm_demos.errors import BusyError, InvalidInputError
from mm_demos.models import catalog
from mm_demos.progress import Progress
from mm_demos.publish import selection, start
from mm_demos.ui import TaskRun
from mm_demos.ui import zero_gpu as ui


@pytest.fixture(autouse=True)
def _zero_gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    monkeypatch.setitem(sys.modules, "spaces", None)
    platform.install()
    for kept in (platform.booked, platform.decorated, platform.refusal):
        kept.clear()
    accelerator.zero_gpu.cache_clear()
    yield
    accelerator.zero_gpu.cache_clear()


def echo(text: str, n: int = 1, *, progress: Progress) -> Iterator[str]:
    progress.report("Thinking", 1, 2, "words")
    for count in range(1, n + 1):
        yield f"{text} {count}"
        progress.checkpoint()


def refuse(text: str, *, progress: Progress) -> str:
    raise InvalidInputError(f"{text} cannot be used: give another.")


def for_ever(text: str, *, progress: Progress) -> str:
    while True:
        progress.checkpoint()


def steps_of(run: Any, *values: Any) -> list[Any]:
    return list(TaskRun(lambda progress: run(*values, progress=progress), threading.Lock()).steps())


def test_a_run_computes_in_the_gpu_call_and_its_result_and_progress_come_out() -> None:
    run = ui.on_gpu(echo)
    assert platform.decorated  # while the page is built, not when the first visitor comes
    steps = steps_of(run, "hello", 2)
    assert steps[-1].finished
    assert steps[-1].fault is None
    assert [step.result for step in steps if step.result is not None][-1] == "hello 2"
    assert any(step.update is not None and step.update.message == "Thinking" for step in steps)


def test_a_fault_crosses_with_its_words() -> None:
    last = steps_of(ui.on_gpu(refuse), "This")[-1]
    assert last.fault is not None
    assert (last.fault.title, last.fault.message) == ("Please check the input", "This cannot be used: give another.")


def test_a_visitor_without_a_share_is_told_in_the_words_of_the_platform() -> None:
    platform.refusal.append(gr.Error("You have used your <b>ZeroGPU</b> quota."))
    with pytest.raises(BusyError, match=r"^You have used your ZeroGPU quota\.$"):
        list(ui.on_gpu(echo)("hello", progress=Progress()))


def test_stop_ends_the_gpu_call() -> None:
    steps = TaskRun(lambda progress: ui.on_gpu(for_ever)("x", progress=progress), threading.Lock()).steps()
    next(steps)
    steps.close()
    again = steps_of(ui.on_gpu(echo), "free")
    assert again[-1].finished


def test_seconds_are_booked_by_what_there_is_to_do(tmp_path: Path) -> None:
    def paint(prompt: str, n: int, steps: int, *, progress: Progress) -> None: ...

    assert ui.booked(paint)("a cat", 1, 4) == ui.LEAST_SECONDS
    assert ui.booked(paint)("a cat", 4, 30) == 18
    assert ui.booked(paint)("a cat", 8, 100) == ui.MOST_SECONDS
    files = [str(samples.path("jfk.flac"))] * 10
    assert ui.booked(echo)(files) == 13  # ten times eleven seconds of speech
    assert ui.booked(echo)("jfk.flac") == ui.LEAST_SECONDS  # a name in a text is no file


def test_elsewhere_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPACES_ZERO_GPU")
    accelerator.zero_gpu.cache_clear()
    assert ui.on_gpu(echo) is echo


def test_models_that_reach_the_gpu_are_placed_and_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    placed: list[tuple[str, ...]] = []
    monkeypatch.setenv("MM_DEMOS_PROFILE", "base")
    monkeypatch.setattr("mm_demos.models.loader.Loader.place", lambda _, names: placed.append(tuple(names)))
    found = start.place(["speech", "text-embedder", "joint-embedder"])
    assert placed == [found]
    assert found == ("whisper-large-v3-turbo", "siglip2-base")  # the sentences run in ONNX Runtime


@pytest.mark.parametrize("space", selection.everything("zero-a10g"), ids=lambda space: space.name)
def test_a_space_for_zero_gpu_has_a_model_of_torch_for_every_role_that_has_one(space: selection.SpaceSpec) -> None:
    for role in space.roles:
        row = catalog.spec(catalog.default(role, "base", zero_gpu=True))
        others = [each for each in catalog.rows("base", role) if each.on_torch]
        assert row.on_torch or not others
