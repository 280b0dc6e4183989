"""The files of a Space's folder: sizes, links, names that shadow a package, and strings that look like secrets."""

from __future__ import annotations

import fnmatch
import hashlib
import json
import re
import time
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from mm_demos.publish.check_report import FilesResult

LIMIT_BYTES = 10_000_000  # a Space's repository takes larger files through LFS only
MANIFEST = "manifest.json"
# Written in pieces, so that no tool takes the patterns themselves for secrets.
SECRETS: Mapping[str, re.Pattern[bytes]] = {
    name: re.compile(pattern)
    for name, pattern in {
        "a Hugging Face token": rb"\bhf" rb"_[A-Za-z0-9]{30,}",
        "a GitHub token": rb"\bgh[pousr]" rb"_[A-Za-z0-9]{36,}|\bgithub" rb"_pat_[A-Za-z0-9_]{40,}",
        "a GitLab token": rb"\bglpat" rb"-[\w-]{20,}",
        "an OpenAI or Anthropic key": rb"\bsk" rb"-(?:proj-|ant-)?[A-Za-z0-9_-]{32,}",
        "an Amazon key": rb"\b(?:AKIA|ASIA)" rb"[0-9A-Z]{16}\b",
        "a Google key": rb"\bAIza" rb"[\w-]{35}",
        "a Slack token": rb"\bxox[abprs]" rb"-[\w-]{20,}",
        "a token of a package index": rb"\bpypi" rb"-AgEI[\w-]{40,}|\bnpm" rb"_[A-Za-z0-9]{36}",
        "a private key": rb"-----BEGIN " rb"(?:[A-Z]+ )*PRIVATE KEY-----",
        "a password in an address": rb"\bhttps?://[^\s/:@'\"{}<>]+:[^\s/:@'\"{}<>]{6,}@[\w.-]+",
    }.items()
}
SECRET_FILES = (".env", ".env.*", ".netrc", "_netrc", "id_rsa*", "id_ed25519*", "*.pem", "*.p12", "*.pfx", ".git-credentials")
SKIPPED = {"__pycache__"}  # what running a copy by hand leaves; `push` does not take it along


def check(folder: Path) -> FilesResult:
    """Look at every file of a Space's folder."""
    begun = time.perf_counter()
    paths = sorted(path for path in folder.rglob("*") if not SKIPPED & set(path.relative_to(folder).parts))
    files = [path for path in paths if path.is_file() and not path.is_symlink()]
    patterns, manifests = _lfs_patterns(folder), _manifests(files)
    weights = [path for path in files if path in manifests or _matches(path.relative_to(folder), patterns)]
    faults = [*_shapes(paths, folder), *_sizes(files, weights, folder), *_changed(manifests, folder)]
    faults += [fault for path in files if path not in weights for fault in _secrets(path, folder)]
    return FilesResult(
        faults=tuple(faults),
        seconds=time.perf_counter() - begun,
        count=len(files),
        size_bytes=sum(path.stat().st_size for path in files),
        weights=tuple(path.relative_to(folder).as_posix() for path in weights if path.stat().st_size > LIMIT_BYTES),
    )


def _shapes(paths: list[Path], folder: Path) -> Iterator[str]:
    for path in paths:
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            yield f"{name} is a symbolic link, which a repository does not carry along: put the file itself there."
        elif path.is_dir() and path.name == "spaces":
            yield f"{name} is a folder called spaces, which shadows the package that Gradio imports: give it another name."
        elif path.is_file() and any(fnmatch.fnmatch(path.name, pattern) for pattern in SECRET_FILES):
            yield f"{name} is a file of the kind that holds secrets: remove it and set a secret in the Space's settings."


def _sizes(files: list[Path], weights: list[Path], folder: Path) -> Iterator[str]:
    for path in files:
        size = path.stat().st_size
        if size > LIMIT_BYTES and path not in weights:
            yield (
                f"{path.relative_to(folder).as_posix()} has {size / 1e6:.1f} MB and is not declared as weights: "
                f"make it smaller than {LIMIT_BYTES / 1e6:.0f} MB, or name it in .gitattributes or in a {MANIFEST} beside it."
            )


def _secrets(path: Path, folder: Path) -> Iterator[str]:
    content = path.read_bytes()
    for kind, pattern in SECRETS.items():
        found = pattern.search(content)
        if found is not None:  # the sentence must not repeat it
            line = content.count(b"\n", 0, found.start()) + 1
            name = path.relative_to(folder).as_posix()
            yield f"{name}, line {line}, holds what looks like {kind}: remove it and set a secret in the Space's settings."


def _lfs_patterns(folder: Path) -> list[str]:
    """What .gitattributes declares to be kept by LFS."""
    attributes = folder / ".gitattributes"
    lines = attributes.read_text(encoding="utf-8").splitlines() if attributes.is_file() else []
    return [line.split()[0] for line in lines if "filter=lfs" in line.split()[1:]]


def _matches(path: Path, patterns: list[str]) -> bool:
    """Whether git would apply a pattern: one without a slash to the name, another one to the path from the root."""
    name = PurePosixPath(path.as_posix())
    return any(fnmatch.fnmatch(str(name) if "/" in each else name.name, each.lstrip("/")) for each in patterns)


def _manifests(files: list[Path]) -> dict[Path, dict[str, Any]]:
    """Every file that a manifest beside it, or above it, gives with size and sha256."""
    declared: dict[Path, dict[str, Any]] = {}
    for manifest in (path for path in files if path.name == MANIFEST):
        try:
            rows = json.loads(manifest.read_text(encoding="utf-8"))
        except ValueError:
            continue
        if isinstance(rows, dict):
            pairs = ((manifest.parent / name, row) for name, row in rows.items())
            declared |= {path: row for path, row in pairs if isinstance(row, dict) and "sha256" in row and path.is_file()}
    return declared


def _changed(declared: Mapping[Path, Mapping[str, Any]], folder: Path) -> Iterator[str]:
    for path, row in declared.items():
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest != row["sha256"]:
            yield f"{path.relative_to(folder).as_posix()} is not the file that its manifest declares: build the folder again."
