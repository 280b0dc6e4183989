"""Writes the folder of a Space: whole, the same bytes every time, and able to start alone with `python app.py`."""

from __future__ import annotations

import shutil
from pathlib import Path

from mm_demos.publish import front_matter, needs, vendor, words
from mm_demos.publish.selection import SpaceSpec
from mm_demos.publish.start import EXAMPLES

COMMITTED = needs.ROOT / "spaces"  # generated folders that belong to the repository, and with them the examples of each tab
LARGE_BYTES = 10_000_000  # larger files have to be declared: the hub stores them apart
LICENCE = needs.ROOT / "LICENSE"
ATTRIBUTES = ".gitattributes"

APP = '''"""{title}: a Space of mm-demos; README.md names the command that wrote it."""

from __future__ import annotations

import importlib.util

if importlib.util.find_spec("spaces"):  # on ZeroGPU it has to come before anything that touches CUDA
    import spaces  # noqa: F401

from mm_demos.publish.start import start

TABS = {tabs}

if __name__ == "__main__":
    start(TABS, __file__)
'''


def build(space: SpaceSpec, destination: Path) -> Path:
    """Write `destination/<name of the Space>/`, replacing what an earlier build wrote there, and return it.

    Raises:
        InvalidInputError: the suite's requirements cannot be found.
        MissingDependencyError: a library of which the Space carries files is not installed.
    """
    folder = destination / space.name
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts(space).items():
        (folder / name).write_text(text, encoding="utf-8")
    if not needs.packages(space):
        (folder / "packages.txt").unlink(missing_ok=True)
    vendor.copy(space, folder)
    if not space.source:
        shutil.copyfile(LICENCE, folder / vendor.PACKAGE.name / "LICENSE")
    _copy_examples(space, folder)
    _declare_large_files(folder)
    return folder


def texts(space: SpaceSpec) -> dict[str, str]:
    """The text files of a Space, name → content."""
    names = [f'"{tab.name}",' for tab in space.tabs]
    tabs = f"({names[0]})" if len(names) == 1 else "\n    ".join(["(", *names]) + "\n)"
    found = {
        "README.md": front_matter.block(front_matter.fields(space)) + words.readme(space),
        "app.py": APP.format(title=space.title, tabs=tabs),
        "requirements.txt": _lines(needs.requirements(space)),
        "LICENCES.md": words.licences(space),
    }
    if needs.packages(space):
        found["packages.txt"] = _lines(needs.packages(space))
    return found


def _copy_examples(space: SpaceSpec, folder: Path) -> None:
    """The examples of each tab, from the tab's committed Space; a folder that is that Space keeps its own."""
    target = folder / EXAMPLES
    sources = [COMMITTED / tab.name / EXAMPLES for tab in space.tabs]
    if target.resolve() in [source.resolve() for source in sources]:
        return
    shutil.rmtree(target, ignore_errors=True)
    for source in sources:
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True)


def _declare_large_files(folder: Path) -> None:
    """Name every large file in .gitattributes, so that the hub stores it apart; without any there is no such file."""
    large = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.stat().st_size > LARGE_BYTES]
    lines = [f"{path.relative_to(folder).as_posix()} filter=lfs diff=lfs merge=lfs -text" for path in large]
    (folder / ATTRIBUTES).unlink(missing_ok=True)
    if lines:
        (folder / ATTRIBUTES).write_text(_lines(lines), encoding="utf-8")


def _lines(lines: tuple[str, ...] | list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
