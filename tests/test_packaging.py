"""What is no Python file travels with the package too."""

from __future__ import annotations

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_every_data_file_is_package_data() -> None:
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    packed = {
        file
        for package, patterns in tools["setuptools"]["package-data"].items()
        for pattern in patterns
        for file in (ROOT / package.replace(".", "/")).glob(pattern)
    }
    there = {file for file in (ROOT / "mm_demos").rglob("*") if file.is_file() and file.suffix not in {".py", ".pyc"}}
    assert {str(file.relative_to(ROOT)) for file in there - packed} == set()
