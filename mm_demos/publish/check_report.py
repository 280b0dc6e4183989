"""What a check of a Space's folder found: one frozen result a step, and the table that people read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """The outcome of one step.

    Args:
        faults: sentences with cause and fix; none when the step passed.
        notes: sentences about what was not, or could not be, looked at.
        seconds: how long the step took.
    """

    faults: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontMatterResult(StepResult):
    """The block at the top of README.md; what is empty here is missing or wrong there."""

    sdk: str = ""
    sdk_version: str = ""
    python_version: str = ""
    app_file: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesResult(StepResult):
    """Every file of the folder; `weights` are those that may be larger than 10 MB."""

    count: int = 0
    size_bytes: int = 0
    weights: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentResult(StepResult):
    """The packages of the Space.

    Args:
        interpreter: path of the Python that has them.
        installer: "uv" or "pip"; "given" when the caller brought the interpreter.
        python: its version.
        packages: how many distributions it has.
        key: names the environment in the cache; equal requirements give an equal key.
        kept: made by an earlier check and used again.
    """

    interpreter: str = ""
    installer: str = ""
    python: str = ""
    packages: int = 0
    key: str = ""
    kept: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StartResult(StepResult):
    """The folder on its own; `seconds` are those to the first page, `weights` says where the models' bytes came from."""

    weights: str = ""
    cores: int = 0  # 0 where the system cannot limit them


@dataclass(frozen=True, slots=True)
class Answer:
    """One thing asked of a tab.

    Args:
        tab: name of the tab.
        asked: "example 2: a cup of coffee", "real input" or "page".
        seconds: from the press of the button to the complete answer.
        stored: shown from what the folder brought along, without a computation.
        fault: a sentence; empty when the answer came.
    """

    tab: str
    asked: str
    seconds: float = 0.0
    stored: bool = False
    fault: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitResult(StepResult):
    """What a visitor got, by the door "browser" or "http"; `first_result_seconds` count from the start of the process."""

    door: str
    answers: tuple[Answer, ...] = ()
    first_result_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EndResult(StepResult):
    """After the stop: the largest resident memory of all processes together, pages that they share counted for each."""

    peak_rss_bytes: int = 0


@dataclass(frozen=True, slots=True)
class CheckReport:
    """One folder; a step is None when an earlier one left nothing for it to work on."""

    name: str
    front_matter: FrontMatterResult
    files: FilesResult
    environment: EnvironmentResult | None = None
    start: StartResult | None = None
    visit: VisitResult | None = None
    end: EndResult | None = None

    @property
    def steps(self) -> tuple[tuple[str, StepResult], ...]:
        """The steps that were taken, by name."""
        named = (
            ("front matter", self.front_matter),
            ("files", self.files),
            ("environment", self.environment),
            ("start", self.start),
            ("visit", self.visit),
            ("end", self.end),
        )
        return tuple((name, step) for name, step in named if step is not None)

    @property
    def faults(self) -> tuple[str, ...]:
        """Every fault, step by step."""
        return tuple(fault for _, step in self.steps for fault in step.faults)

    @property
    def notes(self) -> tuple[str, ...]:
        """Everything that was not looked at."""
        return tuple(note for _, step in self.steps for note in step.notes)

    @property
    def ok(self) -> bool:
        """Whether the folder can be published."""
        return not self.faults


HEADINGS = ("space", "result", "files", "packages", "page", "first result", "real input", "examples", "peak memory")


def rows(reports: Iterable[CheckReport]) -> list[tuple[str, ...]]:
    """The table: headings, then one row a folder."""
    return [HEADINGS, *(_row(report) for report in reports)]


def _row(report: CheckReport) -> tuple[str, ...]:
    environment, visit = report.environment, report.visit
    first = visit.first_result_seconds if visit is not None else None
    reals = [answer.seconds for answer in visit.answers if answer.asked == "real input"] if visit is not None else []
    return (
        report.name,
        "good" if report.ok else f"{len(report.faults)} wrong",
        f"{report.files.size_bytes / 1e6:.1f} MB",
        f"{environment.packages} ({environment.installer})" if environment is not None else "–",
        _seconds(report.start.seconds) if report.start is not None and not report.start.faults else "–",
        _seconds(first) if first is not None else "–",
        _seconds(max(reals)) if reals else "–",
        _examples(visit),
        f"{report.end.peak_rss_bytes / 1e9:.2f} GB" if report.end is not None and report.end.peak_rss_bytes else "–",
    )


def _examples(visit: VisitResult | None) -> str:
    """How many examples answered, and how many of them from what was stored."""
    asked = [answer for answer in visit.answers if answer.asked.startswith("example")] if visit is not None else []
    if not asked:
        return "–"
    good = [answer for answer in asked if not answer.fault]
    return f"{len(good)} of {len(asked)}, {sum(answer.stored for answer in good)} stored"


def _seconds(value: float) -> str:
    return f"{value:.1f} s"
