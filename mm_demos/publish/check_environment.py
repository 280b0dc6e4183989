"""The packages of a Space in an environment of their own, shared by folders with equal requirements."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from filelock import FileLock

from mm_demos.publish.check_report import EnvironmentResult, FrontMatterResult
from mm_demos.settings import settings

ENVIRONMENTS = "space-environments"  # below the cache folder
COMPLETE = "complete.json"  # written last: an environment without it is made anew
ROOM_BYTES = 12_000_000_000  # torch with the libraries for a GPU, and what is unpacked on the way
INSTALL_SECONDS = 3600.0  # the suite's packages on a slow line
# What a Gradio Space installs beside its own requirements, as its build log shows.
PLATFORM = ("gradio[oauth,mcp]=={sdk_version}", "uvicorn>=0.14.0", "websockets>=10.4", "spaces")
# Whatever could let another environment shine through.
DROPPED = ("PYTHONPATH", "PYTHONHOME", "PYTHONUSERBASE", "VIRTUAL_ENV", "CONDA_PREFIX", "__PYVENV_LAUNCHER__")
LOOK = """
import importlib.metadata, importlib.util, json, platform, sys
print(json.dumps({
    "python": platform.python_version(),
    "packages": len({item.metadata["Name"] for item in importlib.metadata.distributions()}),
    "path": sys.path,
    "own": importlib.util.find_spec("mm_demos") is not None,
}))
"""


class InstallError(Exception):
    """A step of making an environment failed; the text is what the installer said last."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an environment is made from."""

    requirements: tuple[str, ...]
    python_version: str  # of the Space
    interpreter: Path  # of this machine

    @property
    def key(self) -> str:
        """Equal for folders that can share an environment."""
        facts = (*self.requirements, str(self.interpreter), sys.version, platform.platform())
        return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:16]


def check(folder: Path, front: FrontMatterResult, *, fresh: bool = False, python: Path | None = None) -> EnvironmentResult:
    """Give the folder an interpreter that has what it asks for and nothing else.

    Args:
        folder: of the Space.
        front: its front matter.
        fresh: make the environment anew although there is one for these requirements.
        python: an interpreter to take as it is, which proves nothing about the requirements.
    """
    begun = time.perf_counter()
    if python is None:
        result = _own(wanted(folder, front), fresh=fresh)
    else:
        python = python.absolute()  # a symbolic link is what makes it the interpreter of an environment
        seen = _look(python)
        note = f"The environment of {python} was taken as it is: the requirements were not resolved."
        result = EnvironmentResult(
            interpreter=str(python), installer="given", python=seen["python"], packages=seen["packages"], notes=(note,)
        )
    return replace(result, notes=(*result.notes, *_system_packages(folder)), seconds=time.perf_counter() - begun)


def wanted(folder: Path, front: FrontMatterResult) -> Wanted:
    """What the folder's environment is made from: its own requirements and those of the platform."""
    lines = [line for name in ("pre-requirements.txt", "requirements.txt") for line in _lines(folder / name)]
    lines += [line.format(sdk_version=front.sdk_version) for line in PLATFORM]
    return Wanted(tuple(sorted(lines)), front.python_version, _interpreter(front.python_version))


def _lines(path: Path) -> list[str]:
    """Lines of a file of requirements, without comments."""
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    return [line for line in (re.sub(r"(^|\s)#.*", "", line).strip() for line in text.splitlines()) if line]


def _interpreter(version: str) -> Path:
    """The Python of this version, or the one that runs this when the machine has no other."""
    wanted_name = f"python{'.'.join(version.split('.')[:2])}"
    found = shutil.which(wanted_name) if version else None
    if found is None:
        return Path(sys.executable)
    tried = subprocess.run([found, "-c", ""], capture_output=True, check=False)  # a shim stands for versions that are not there
    return Path(sys.executable if tried.returncode else found)


def _own(asked: Wanted, *, fresh: bool) -> EnvironmentResult:
    home = settings().cache_dir / ENVIRONMENTS / asked.key
    home.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(home.with_suffix(".lock")):
        kept = not fresh and (home / COMPLETE).is_file()
        if kept:
            (home / COMPLETE).touch()  # the others go first when room is needed
        else:
            _make_room(home.parent)
            try:
                _make(home, asked)
            except InstallError as error:
                shutil.rmtree(home, ignore_errors=True)
                fault = f"The requirements cannot be installed ({error}): mend requirements.txt or the network, and check again."
                return EnvironmentResult(key=asked.key, faults=(fault,))
    facts = json.loads((home / COMPLETE).read_text(encoding="utf-8"))
    python = _python_of(home)
    seen = _look(python)
    faults = _leaks(seen, home)
    return EnvironmentResult(
        faults=tuple(faults),
        notes=_notes(asked, seen["python"], facts["target"]),
        interpreter=str(python),
        installer=facts["installer"],
        python=seen["python"],
        packages=seen["packages"],
        key=asked.key,
        kept=kept,
    )


def _make_room(folder: Path) -> None:
    """Remove environments, longest unused first, while the disk lacks room for one more; pip shares nothing among them."""
    for complete in sorted(folder.glob(f"*/{COMPLETE}"), key=lambda path: path.stat().st_mtime):
        if shutil.disk_usage(folder).free >= ROOM_BYTES:
            return
        shutil.rmtree(complete.parent)


def _make(home: Path, asked: Wanted) -> None:
    """An environment with the packages, by uv where it is installed, otherwise by venv and pip."""
    shutil.rmtree(home, ignore_errors=True)
    uv, python = _uv(), _python_of(home)
    home.mkdir(parents=True)
    listed = home / "requirements.txt"
    listed.write_text("\n".join((*asked.requirements, "")), encoding="utf-8")
    if uv:
        _run(uv, "venv", "--quiet", "--python", str(asked.interpreter), str(home / "venv"))
        # Compiled as by the hub's pip: a Space that runs here may not write, and would compile all that it imports at each start.
        _run(uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", str(python), "--requirement", str(listed))
        _run(uv, "pip", "check", "--python", str(python))
    else:
        _run(str(asked.interpreter), "-m", "venv", str(home / "venv"))
        pip = (str(python), "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input")
        _run(*pip, "install", "--progress-bar", "off", "--requirement", str(listed))
        _run(*pip, "check")
    facts = {"installer": "uv" if uv else "pip", "target": _resolved_for_the_space(uv, asked, listed)}
    (home / COMPLETE).write_text(json.dumps(facts), encoding="utf-8")


def _resolved_for_the_space(uv: str | None, asked: Wanted, listed: Path) -> int:
    """How many packages the requirements are on the Space's own Python and system; 0 where that cannot be asked."""
    if not uv or not asked.python_version:
        return 0
    options = ("--python-version", asked.python_version, "--python-platform", "x86_64-manylinux_2_28")
    told = _run(uv, "pip", "compile", "--quiet", "--no-header", "--no-annotate", *options, str(listed))
    return len(told.splitlines())


def _notes(asked: Wanted, python: str, target: int) -> tuple[str, ...]:
    if not asked.python_version or (python + ".").startswith(".".join(asked.python_version.split(".")[:2]) + "."):
        return ()
    resolved = f"resolved to {target} packages there" if target else "not resolved for it, which uv would do"
    return (f"This machine ran the Space on Python {python}; it asks for {asked.python_version}, and was {resolved}.",)


def _uv() -> str | None:
    """The accelerator, when it is on the path or beside this interpreter."""
    beside = Path(sys.executable).with_name("uv")
    return shutil.which("uv") or (str(beside) if beside.is_file() else None)


def _python_of(home: Path) -> Path:
    return home / "venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def _run(*command: str) -> str:
    """Run one step; the environment is the user's, for indexes and certificates, without what points at other packages."""
    environment = {name: value for name, value in os.environ.items() if name not in DROPPED}
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise InstallError(f"it took longer than {INSTALL_SECONDS / 60:.0f} minutes") from None
    if done.returncode:
        said = [line.strip() for line in f"{done.stdout}\n{done.stderr}".splitlines() if line.strip()]
        wrong = [line for line in said if line.lower().startswith("error")] or said[-3:] or ["no reason was given"]
        raise InstallError(" ".join(wrong)[:300].rstrip("."))
    return done.stdout


def _look(python: Path) -> dict[str, Any]:
    """What an interpreter has, apart from the folder it is started in."""
    done = subprocess.run([str(python), "-I", "-c", LOOK], capture_output=True, text=True, timeout=120, check=True)
    return dict(json.loads(done.stdout))


def _leaks(seen: dict[str, Any], home: Path) -> list[str]:
    """Faults of an environment that would find packages elsewhere than in itself and the standard library."""
    foreign = [path for path in seen["path"] if re.search(r"(site|dist)-packages", path) and not path.startswith(str(home))]
    if seen["own"] or foreign:
        what = foreign[0] if foreign else "a package mm_demos of its own"
        return [f"The environment sees {what}, so it proves nothing: remove {home} and check again with --fresh."]
    return []


def _system_packages(folder: Path) -> tuple[str, ...]:
    """A note on packages.txt, which needs the rights of an administrator."""
    names = _lines(folder / "packages.txt")
    if not names:
        return ()
    return (f"The system packages of packages.txt ({', '.join(names)}) were not installed: this machine's own were used.",)
