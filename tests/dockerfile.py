"""Carries a Dockerfile out in a folder, stage by stage, for machines that have no Docker; `tools/try-dockerfile` is its command.

Every stage has a folder of its own that stands for its root: absolute paths of the Dockerfile are those below it. What needs a
machine of its own, its packages and its users, is recorded and left out; everything else runs as it is written there.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).parents[1]
NOBODY = 65534
OURS = re.compile(r"(?<![\w/:.\-])/(?=(?:app|build|cache|data|opt|var)(?:/|\b))")  # where a path of the image begins
MACHINE = ("apt-get", "groupadd", "useradd", "chown")  # recorded instead of run
LIKELY_PYTHON = f"/usr/bin/python3.{sys.version_info.minor}"


@dataclass(frozen=True, slots=True)
class Step:
    """An instruction: its word in capitals, and the rest with continued lines joined."""

    word: str
    rest: str


@dataclass(slots=True)
class Stage:
    """From one FROM to the next."""

    name: str
    base: str
    steps: list[Step] = field(default_factory=list)


def parse(text: str) -> list[Step]:
    """The instructions, in order; comments are left out."""
    lines = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    joined = re.sub(r"\\\n\s*", " ", lines)
    return [Step(word.upper(), rest.strip()) for word, _, rest in (line.partition(" ") for line in joined.splitlines() if line)]


def stages(text: str) -> list[Stage]:
    """The stages with their instructions."""
    found: list[Stage] = []
    for step in parse(text):
        if step.word == "FROM":
            base, _, name = step.rest.partition(" AS ")
            found.append(Stage(name, base))
        else:
            found[-1].steps.append(step)
    return found


def lineage(all_stages: Sequence[Stage], name: str) -> list[Step]:
    """What makes a stage: the steps of those it begins from, then its own."""
    stage = next((stage for stage in all_stages if stage.name == name), None)
    return [*lineage(all_stages, stage.base), *stage.steps] if stage else []


def last(steps: Sequence[Step], word: str) -> str:
    """What the last instruction of this word says; empty without one."""
    return next((step.rest for step in reversed(steps) if step.word == word), "")


def pairs(rest: str) -> dict[str, str]:
    """The names and values of an ENV."""
    return dict(part.partition("=")[::2] for part in shlex.split(rest))


def ignored(path: str, patterns: Sequence[str]) -> bool:
    """Whether a .dockerignore keeps a file of the context from the builder: the last pattern that fits it or a parent decides."""
    parents = [path, *(str(parent) for parent in Path(path).parents if str(parent) != ".")]
    verdict = False
    for line in patterns:
        pattern = line.removeprefix("!")
        fits = any(_fits(part, pattern) for part in parents)
        verdict = not line.startswith("!") if fits else verdict
    return verdict


def _fits(path: str, pattern: str) -> bool:
    if pattern.startswith("**/"):
        return any(_fits("/".join(path.split("/")[i:]), pattern[3:]) for i in range(path.count("/") + 1))
    return path.count("/") == pattern.count("/") and fnmatch(path, pattern)


def patterns_of(context: Path) -> list[str]:
    """The lines of its .dockerignore."""
    lines = (context / ".dockerignore").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


class Trial:
    """A build under way below a folder.

    Args:
        folder: an empty one that everybody may enter.
        context: what is built.
        arguments: values for ARG, as of `--build-arg`.
        packages: site-packages to use in place of what `pip install` would bring; None lets pip install.
        python: the interpreter that stands for the base image's.
    """

    def __init__(
        self, folder: Path, context: Path, *, arguments: Mapping[str, str], packages: str | None, python: str | None = None
    ) -> None:
        self.folder, self.context, self.arguments, self.packages = folder, context, dict(arguments), packages
        self.stages = stages((context / "Dockerfile").read_text(encoding="utf-8"))
        self.done: dict[str, list[Step]] = {}  # what each stage is made of so far
        self.log = folder / "machine.log"
        self.log.touch()
        self._doubles(python or sys.executable)

    def build(self) -> Stage:
        """Every stage; the last one is the image."""
        for stage in self.stages:
            self._stage(stage)
        return self.stages[-1]

    def root(self, stage: Stage) -> Path:
        """The folder that stands for `/` of a stage."""
        return self.folder / stage.name

    def environment(self, stage: Stage) -> dict[str, str]:
        """Of a process in a stage."""
        shown = {
            "PATH": f"{self.folder / 'last'}:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "TMPDIR": str(self.folder / "tmp"),
        } | self._proxies()
        for step in self.done[stage.name]:
            if step.word == "ENV":
                for name, value in pairs(step.rest).items():
                    shown[name] = self._placed(stage, value.replace("$PATH", shown["PATH"]))
        shown["PATH"] = f"{self.folder / 'first'}:{shown['PATH']}"
        return shown

    def workdir(self, stage: Stage) -> Path:
        """Where its commands run."""
        return self.root(stage) / last(self.done[stage.name], "WORKDIR").lstrip("/")

    def command(self, stage: Stage) -> list[str]:
        """Entry point and command in exec form."""
        return [*json.loads(last(self.done[stage.name], "ENTRYPOINT")), *json.loads(last(self.done[stage.name], "CMD"))]

    def healthcheck(self, stage: Stage) -> list[str]:
        """The command of the health check."""
        return list(json.loads(last(self.done[stage.name], "HEALTHCHECK").partition("CMD")[2]))

    @staticmethod
    def _proxies() -> dict[str, str]:
        kept = ("PIP_INDEX_URL", "PIP_CONFIG_FILE", "PIP_EXTRA_INDEX_URL", "SSL_CERT_FILE")
        return {name: os.environ[name] for name in kept if name in os.environ}

    def _doubles(self, python: str) -> None:
        """Commands before all others, which record; and those after all others, which a base image would have."""
        first, after = self.folder / "first", self.folder / "last"
        for name in (*MACHINE, *(["pip"] if self.packages else [])):
            body = f'echo "{name} $*" >> "{self.log}"\n'
            if name == "pip":
                body += f'echo "{self.packages}" > "$(echo "$VIRTUAL_ENV"/lib/python3.*/site-packages)/running.pth"\n'
            _script(first / name, body)
        _script(after / "tini", 'shift\nexec "$@"\n')
        (after / "python").symlink_to(python)
        (self.folder / "tmp").mkdir(mode=0o1777)
        (self.folder / "tmp").chmod(0o1777)

    def _stage(self, stage: Stage) -> None:
        root = self.root(stage)
        base = self.folder / stage.base
        if base.is_dir():
            shutil.copytree(base, root, symlinks=True)
        root.mkdir(exist_ok=True)
        arguments: dict[str, str] = {}
        self.done[stage.name] = list(self.done.get(stage.base, ()))
        for step in stage.steps:
            self.done[stage.name].append(step)
            if step.word == "ARG":
                name, _, value = step.rest.partition("=")
                arguments[name] = self.arguments.get(name, value)
            elif step.word == "COPY":
                self._copy(stage, step.rest)
            elif step.word == "WORKDIR":
                self.workdir(stage).mkdir(parents=True, exist_ok=True)
            elif step.word == "VOLUME":
                for place in json.loads(step.rest):
                    self._open(root / place.lstrip("/"))
            elif step.word == "RUN":
                self.run(stage, step.rest, arguments)

    def run(self, stage: Stage, script: str, arguments: Mapping[str, str]) -> None:
        """A RUN, by the shell that Docker uses; raises `CalledProcessError` when it fails."""
        environment = self.environment(stage) | dict(arguments)
        command = ["sh", "-c", self._placed(stage, script)]
        subprocess.run(command, env=environment, cwd=self.workdir(stage), check=True, stdout=subprocess.DEVNULL)

    def _placed(self, stage: Stage, text: str) -> str:
        return OURS.sub(f"{self.root(stage)}/", text)

    def _copy(self, stage: Stage, rest: str) -> None:
        words = shlex.split(rest)
        origin = next((word.removeprefix("--from=") for word in words if word.startswith("--from=")), None)
        *sources, target = (word for word in words if not word.startswith("--"))
        place = self.root(stage) / target.lstrip("/") if target.startswith("/") else self.workdir(stage) / target
        for source in sources:
            if origin is None:
                self._from_context(source, place / source if target.endswith("/") else place)
            else:
                shutil.copytree(
                    self.folder / origin / source.lstrip("/"), place, symlinks=True, copy_function=_link, dirs_exist_ok=True
                )

    def _from_context(self, source: str, target: Path) -> None:
        patterns = patterns_of(self.context)
        start = self.context / source
        files = [start] if start.is_file() else sorted(item for item in start.rglob("*") if item.is_file())
        kept = [file for file in files if not ignored(str(file.relative_to(self.context)), patterns)]
        if not kept:
            raise FileNotFoundError(f"COPY {source}: the builder would not find it.")
        for file in kept:
            place = target / file.relative_to(start) if start.is_dir() else target
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(file, place)

    @staticmethod
    def _open(place: Path) -> None:
        place.mkdir(parents=True, exist_ok=True)
        for item in (place, *place.rglob("*")):
            item.chmod(item.stat().st_mode | stat.S_IRWXO)


def _script(file: Path, body: str) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"#!/bin/sh\n{body}", encoding="utf-8")
    file.chmod(0o755)


def _link(source: str, target: str) -> None:
    """A name more for a file, which is much faster than its bytes once more."""
    os.link(source, target, follow_symlinks=False)


def runner() -> tuple[str, list[str]]:
    """A Python of the running version that nobody may start, and what runs a command as nobody.

    Where nobody may not, the running one, and whoever runs the tests without any capability.
    """
    if os.getuid() != 0:
        return sys.executable, ["setpriv", "--no-new-privs"]
    plain = ["setpriv", "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all"]
    nobody = [*plain, f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    for candidate in (os.path.realpath(sys.executable), LIKELY_PYTHON):
        if Path(candidate).exists():
            # By a shell, because setpriv itself may still start what nobody may not.
            script = 'exec "$0" -c "import ensurepip, venv"'
            tried = subprocess.run([*nobody, "sh", "-c", script, candidate], check=False, capture_output=True)
            if tried.returncode == 0:
                return candidate, nobody
    return sys.executable, plain


def new_folder() -> Path:
    """An empty folder that everybody may enter, which pytest's own are not."""
    folder = Path(tempfile.mkdtemp(prefix="mm-demos-image-"))
    folder.chmod(0o755)
    return folder


def remove(folder: Path) -> None:
    """A folder whose parts may be read-only."""
    for item in folder.rglob("*"):
        if item.is_dir() and not item.is_symlink():
            item.chmod(0o755)
    shutil.rmtree(folder)


def main() -> int:
    """Build as the Dockerfile says, pip and all, and say how to start what came of it."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--build-arg", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--into", type=Path, help="an empty folder; a new one otherwise")
    flags = parser.parse_args()
    folder = flags.into or new_folder()
    folder.mkdir(parents=True, exist_ok=True)
    python, before = runner()
    arguments = dict(pair.partition("=")[::2] for pair in flags.build_arg)
    trial = Trial(folder, ROOT, arguments=arguments, packages=None, python=python)
    image = trial.build()
    shown = " ".join(f"{name}={shlex.quote(value)}" for name, value in trial.environment(image).items())
    start = shlex.join([*before, *trial.command(image)])
    print(f"Built in {folder}. Start it with:\ncd {trial.workdir(image)} && env -i {shown} {start}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
