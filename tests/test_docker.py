"""The Dockerfile keeps its promises, and what it says can be carried out: built in a folder, started as nobody, stopped."""

from __future__ import annotations

import json
import os
import queue
import re
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Iterator
from pathlib import Path

import dockerfile
import pytest
import yaml
from dockerfile import ROOT, Stage, Trial

TEXT = (ROOT / "Dockerfile").read_text(encoding="utf-8")
START_SECONDS = 300  # on a busy machine
STOP_SECONDS = 60


@pytest.fixture(scope="module")
def steps() -> list[dockerfile.Step]:
    """Of the image itself and all it begins from."""
    found = dockerfile.stages(TEXT)
    return dockerfile.lineage(found, found[-1].name)


def rests(steps: list[dockerfile.Step], word: str) -> list[str]:
    return [step.rest for step in steps if step.word == word]


def test_hadolint_has_nothing_to_say() -> None:
    folder = Path(sys.executable).parent
    linter = shutil.which("hadolint", path=f"{folder}{os.pathsep}{os.environ['PATH']}")
    assert linter is not None, "hadolint comes with requirements-dev.txt"
    found = subprocess.run([linter, "--format", "tty", "Dockerfile"], cwd=ROOT, check=False, capture_output=True, text=True)
    assert found.stdout == ""
    assert found.returncode == 0


def test_every_base_is_one_version_of_a_slim_python_or_a_stage_before() -> None:
    known: set[str] = set()
    for stage in dockerfile.stages(TEXT):
        assert stage.base in known or re.fullmatch(r"python:3\.12\.\d+-slim-[a-z]+", stage.base), stage.base
        known.add(stage.name)


def test_it_runs_without_rights_and_stops_by_a_signal(steps: list[dockerfile.Step]) -> None:
    user, _, group = rests(steps, "USER")[-1].partition(":")
    assert int(user) >= 10000
    assert int(group) >= 10000
    last_user = max(place for place, step in enumerate(steps) if step.word == "USER")
    assert not any("apt-get" in step.rest or "chown" in step.rest for step in steps[last_user:])
    assert json.loads(rests(steps, "ENTRYPOINT")[-1])[0] == "tini"
    assert json.loads(rests(steps, "CMD")[-1]) == ["python", "app.py"]
    assert rests(steps, "EXPOSE") == ["7860"]
    assert rests(steps, "STOPSIGNAL") == ["SIGINT"]
    assert set(json.loads(rests(steps, "VOLUME")[-1])) == {"/cache", "/data"}
    assert "/health" in rests(steps, "HEALTHCHECK")[-1]


def test_nothing_secret_is_asked_for_or_kept() -> None:
    for step in dockerfile.parse(TEXT):
        if step.word in {"ARG", "ENV"}:
            assert not re.search(r"password|secret|token|api_?key", step.rest, re.IGNORECASE), step.rest


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("mm_demos/settings.py", True),
        ("mm_demos/weights/answerer.safetensors", True),
        ("app.py", True),
        (".env", False),
        (".git/config", False),
        ("mm_demos/__pycache__/settings.cpython-311.pyc", False),
        ("tests/test_docker.py", False),
        (".venv/bin/python", False),
    ],
)
def test_the_builder_is_sent_what_it_copies_and_nothing_else(path: str, kept: bool) -> None:
    assert dockerfile.ignored(path, dockerfile.patterns_of(ROOT)) is not kept


def test_torch_comes_from_the_index_of_cpu_wheels_in_the_versions_of_the_suite(steps: list[dockerfile.Step]) -> None:
    packages = next(stage for stage in dockerfile.stages(TEXT) if stage.name == "packages")
    script = next(rest for rest in rests(packages.steps, "RUN") if "torch" in rest)
    pattern = re.search(r"grep -E '([^']+)'", script)
    assert pattern is not None
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert [line.partition("==")[0] for line in lines if re.search(pattern[1], line)] == ["torch", "torchvision"]
    assert "CPU_INDEX=https://download.pytorch.org/whl/cpu" in rests(packages.steps, "ARG")
    assert '--index-url "$CPU_INDEX"' in script
    assert "pip install -r requirements.txt" in rests(packages.steps, "RUN")
    # The libraries of the system that OpenCV's and llama.cpp's wheels leave to it.
    assert {"libgl1", "libglib2.0-0t64", "libgomp1", "tini"} <= set(" ".join(rests(steps, "RUN")).split())


def test_compose_bounds_and_closes_the_container() -> None:
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
    assert {name: service["profiles"] for name, service in compose["services"].items()} == {"cpu": ["cpu"], "cuda": ["cuda"]}
    for name, service in compose["services"].items():
        assert service["build"]["args"]["ACCELERATOR"] == name
        assert service["cpus"] == 2
        assert service["mem_limit"] == "16g"
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert all(port.startswith("127.0.0.1:") for port in service["ports"])
        assert {place.partition(":")[2] for place in service["volumes"]} == {"/cache", "/data"}
        assert {place.partition(":")[0] for place in service["volumes"]} == set(compose["volumes"])
    devices = compose["services"]["cuda"]["deploy"]["resources"]["reservations"]["devices"]
    assert devices == [{"driver": "nvidia", "count": 1, "capabilities": ["gpu"]}]


@pytest.fixture(scope="module")
def built() -> Iterator[tuple[Trial, Stage, list[str]]]:
    """The image as a folder; its packages are those that run this test."""
    folder = dockerfile.new_folder()
    python, before = dockerfile.runner()
    trial = Trial(folder, ROOT, arguments={}, packages=sysconfig.get_path("purelib"), python=python)
    try:
        yield trial, trial.build(), before
    finally:
        dockerfile.remove(folder)


def test_the_steps_install_what_they_should(built: tuple[Trial, Stage, list[str]]) -> None:
    trial, image, _ = built
    log = trial.log.read_text(encoding="utf-8")
    assert "pip install --index-url https://download.pytorch.org/whl/cpu -r torch.txt" in log
    assert "pip install -r requirements.txt" in log
    assert f"chown 10001:10001 {trial.root(image)}/cache {trial.root(image)}/data" in log
    app = trial.root(image) / "app"
    assert {item.name for item in app.iterdir()} >= {"app.py", "LICENSE", "mm_demos"}
    assert not (app / "tests").exists()
    assert all(item.stat().st_mode & 0o044 == 0o044 for item in app.rglob("*") if item.is_file())


@pytest.mark.parametrize(("stage", "name"), [("packages", "ACCELERATOR"), ("suite", "WEIGHTS")])
def test_an_unknown_choice_ends_the_build_with_a_sentence(
    built: tuple[Trial, Stage, list[str]], stage: str, name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    trial = built[0]
    found = next(item for item in trial.stages if item.name == stage)
    script = next(rest for rest in rests(found.steps, "RUN") if f'case "${name}"' in rest)
    with pytest.raises(subprocess.CalledProcessError):
        trial.run(found, script, {name: "tpu"})
    assert f"{name}=tpu cannot be used: choose " in capfd.readouterr().err


def test_it_starts_as_nobody_answers_its_health_check_and_stops(built: tuple[Trial, Stage, list[str]]) -> None:
    trial, image, before = built
    app = trial.workdir(image)
    for item in (app, *app.rglob("*")):
        item.chmod(item.stat().st_mode & ~0o222)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    own = {"MM_DEMOS_HOST": "127.0.0.1", "MM_DEMOS_PORT": str(port), "GRADIO_TEMP_DIR": str(trial.folder / "tmp/gradio")}
    environment = trial.environment(image) | own
    # Who runs the tests in the background ignores the signal, and so would the suite.
    command = ["env", "--default-signal=INT", *before, *trial.command(image)]
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    with subprocess.Popen(
        command, cwd=app, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as suite:
        threading.Thread(target=lambda: [lines.put(line) for line in suite.stdout or ()], daemon=True).start()
        try:
            while "mm-demos is at" not in lines.get(timeout=START_SECONDS):
                assert suite.poll() is None
            check = [*before, *trial.healthcheck(image)]
            healthy = subprocess.run(check, cwd=app, env=environment, check=False, capture_output=True, text=True, timeout=60)
            assert healthy.returncode == 0, healthy.stderr
            written = subprocess.run([*before, "touch", str(app / "new")], check=False, capture_output=True)
            assert written.returncode != 0
        finally:
            suite.send_signal(getattr(signal, dockerfile.last(trial.done[image.name], "STOPSIGNAL")))
            suite.wait(STOP_SECONDS)
