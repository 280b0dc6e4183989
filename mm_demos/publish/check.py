"""Tries the folder of a Space as the hub would: schema, files, packages, a start on its own, a visitor who clicks through it."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from mm_demos.errors import InvalidInputError
from mm_demos.publish import check_browser, check_environment, check_files, check_front_matter, check_http
from mm_demos.publish.check_process import MEMORY_BYTES, RunningSpace
from mm_demos.publish.check_report import Answer, CheckReport, VisitResult
from mm_demos.publish.start import EXAMPLES


@dataclass(frozen=True, slots=True)
class CheckOptions:
    """How a folder is tried.

    Args:
        fresh: make its environment anew although there is one for these requirements.
        python: an interpreter whose packages are taken as they are; its requirements are not resolved then.
        weights_cache: a cache folder of this project, read and never written; None lets the Space fetch its own weights.
        browser: click through the page; without it a program calls the endpoints.
        start_seconds: longest wait for the first page.
        run_seconds: longest wait for one answer, in which weights may be fetched and prepared.
        idle_seconds: how long after its start the first visitor comes; meanwhile the Space prepares its models.
        memory_bytes: most that all processes of the Space may hold.
    """

    fresh: bool = False
    python: Path | None = None
    weights_cache: Path | None = None
    browser: bool = True
    start_seconds: float = 180.0
    run_seconds: float = 900.0
    idle_seconds: float = 0.0
    memory_bytes: int = MEMORY_BYTES


def check(folder: Path, options: CheckOptions | None = None, *, tell: Callable[[str], None] | None = None) -> CheckReport:
    """Try one folder, step by step, and leave nothing behind but its environment in the cache.

    Args:
        folder: of the Space, complete, with the package in it.
        options: as above.
        tell: called with a line whenever a step begins or an answer came.

    Raises:
        InvalidInputError: there is no such folder.
    """
    if not folder.is_dir():
        raise InvalidInputError(f"There is no folder {folder}: build the Space first.")
    chosen, say = options or CheckOptions(), tell or (lambda _line: None)
    front = check_front_matter.check(folder)
    report = CheckReport(folder.resolve().name, front, check_files.check(folder))
    if front.sdk != "gradio" or not front.app_file or not (folder / front.app_file).is_file() or not front.sdk_version:
        return report  # a static page has no process; anything else was said above
    say("making its environment" if chosen.python is None else "taking the environment given")
    environment = check_environment.check(folder, front, fresh=chosen.fresh, python=chosen.python)
    report = replace(report, environment=environment)
    if environment.faults:
        return report
    with tempfile.TemporaryDirectory(prefix="mm-demos-check-", ignore_cleanup_errors=True) as room:
        return _run(folder, report, Path(room), chosen, say)


def _run(folder: Path, report: CheckReport, room: Path, options: CheckOptions, say: Callable[[str], None]) -> CheckReport:
    """Start the folder, visit it, stop it."""
    assert report.environment is not None  # noqa: S101 (for the type checker: the caller made it)
    python = Path(report.environment.interpreter)
    weights = linked_weights(options.weights_cache, room / "weights") if options.weights_cache is not None else None
    app_file = report.front_matter.app_file
    space = RunningSpace(folder, python, room, app_file=app_file, weights=weights, memory_bytes=options.memory_bytes)
    say("starting")
    try:
        start = replace(space.start(options.start_seconds), weights=_origin(options.weights_cache))
        report = replace(report, start=start)
        if not start.faults:
            say(f"first page after {start.seconds:.1f} s")
            if options.idle_seconds > 0:
                say(f"nobody comes for {options.idle_seconds:.0f} s")
                time.sleep(options.idle_seconds)
            brought = len(list((folder / EXAMPLES).glob("*.json")))
            report = replace(report, visit=_visited(space, options, brought, say))
    finally:
        end = space.stop()
    return replace(report, end=replace(end, faults=tuple(fault for fault in end.faults if fault not in report.faults)))


def _origin(cache: Path | None) -> str:
    return f"read from {cache}" if cache is not None else "fetched by the Space into an empty cache"


def linked_weights(cache: Path, folder: Path) -> Path:
    """A folder as MM_DEMOS_WEIGHTS_DIR takes it, with a symbolic link to every weight file that lies in a cache folder.

    What the project computes from weights is left out on purpose: the Space has to be able to do that itself.
    """
    from mm_demos.models import catalog

    folder.mkdir(parents=True)
    for row in catalog.rows():
        for file in row.files:
            blob = cache.resolve() / "blobs" / file.sha256
            if blob.is_file():
                link = folder / row.name / file.name
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(blob)
    return folder


def _visited(space: RunningSpace, options: CheckOptions, brought: int, say: Callable[[str], None]) -> VisitResult:
    """Every answer of the page, or of its endpoints where there is no browser or none is wanted.

    Args:
        space: running.
        options: of the check.
        brought: how many results of examples the folder brings along.
        say: told about every answer.
    """
    begun = time.perf_counter()
    names = check_http.tabs_of(space.url)
    if not names:
        return VisitResult(door="http", faults=("The page serves none of the suite's tabs: name some in app.py.",))
    lacking = check_browser.missing() if options.browser else ""
    clicked = options.browser and not lacking
    answers, first = [], None
    for answer in _answers(space, names, options, clicked=clicked):
        answers.append(answer)
        if first is None and not answer.fault and answer.asked != "page":
            first = space.seconds
        say(answer.fault or f"{f'{answer.tab} {answer.asked}'.strip()}: {answer.seconds:.1f} s{', stored' * answer.stored}")
        if space.died():
            break
    faults = [lacking, *(answer.fault for answer in answers)]
    if clicked and (stored := sum(answer.stored for answer in answers)) < brought:
        faults.append(
            f"The folder brings {brought} results of examples, but {stored} examples showed theirs: run `space build --examples`."
        )
    return VisitResult(
        door="browser" if clicked else "http",
        faults=tuple(filter(None, faults)),
        notes=() if clicked else ("The examples were not clicked: that needs a browser.",),
        answers=tuple(answers),
        first_result_seconds=first,
        seconds=time.perf_counter() - begun,
    )


def _answers(space: RunningSpace, names: tuple[str, ...], options: CheckOptions, *, clicked: bool) -> Iterator[Answer]:
    if not clicked:
        yield from check_http.visit(space.url, names, run_seconds=options.run_seconds)
        return
    with check_browser.fresh_page() as page:
        visitor = check_browser.BrowserVisitor(page, space.url, run_seconds=options.run_seconds, died=space.died)
        yield from visitor.visit(names)
