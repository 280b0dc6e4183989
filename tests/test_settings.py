"""Settings that cannot be used are refused in one sentence, at every door."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mm_demos import cli
from mm_demos.errors import SettingError
from mm_demos.serving.launch import free_port
from mm_demos.settings import Settings

ROOT = Path(__file__).parents[1]
WRONG = [
    ("port", "abc"),
    ("port", "70000"),
    ("profile", "huge"),
    ("threads", "-1"),
    ("memory_budget_gb", "nan"),
    ("memory_budget_gb", "-1"),
    ("device", "gpu"),
    ("max_audio_seconds", "0"),
    ("offline", "perhaps"),
]


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_a_wrong_value_is_named(configure: Callable[..., Settings], name: str, value: str) -> None:
    with pytest.raises(SettingError, match=f"MM_DEMOS_{name.upper()}={value} cannot be used: [^\n]{{5,120}}\\.$"):
        configure(**{name: value})


def test_devices_that_exist_are_taken(configure: Callable[..., Settings]) -> None:
    for device in ("auto", "cpu", "cuda", "cuda:1", "mps"):
        assert configure(device=device).device == device


def test_the_command_line_ends_with_status_2(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("MM_DEMOS_THREADS", "-1")
    assert cli.main(["embed", "text", "x", "--out", "x.npz", "--json"]) == cli.USAGE
    captured = capfd.readouterr()
    assert not captured.out
    assert captured.err.startswith("mm-demos embed: MM_DEMOS_THREADS=-1 cannot be used")
    assert captured.err.count("\n") == 1


@pytest.mark.parametrize(("flags", "named"), [(["--port", "99999999"], "MM_DEMOS_PORT"), (["--host", "999.1.1.1"], "--host")])
def test_an_address_that_cannot_be_is_one_sentence(flags: list[str], named: str) -> None:
    command = [sys.executable, str(ROOT / "app.py"), *flags]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr
    assert named in ended.stderr.splitlines()[-1]


def test_the_last_port_is_not_passed() -> None:
    assert free_port("127.0.0.1", 65535) == 65535


@pytest.mark.parametrize(("system", "host"), [("spaces", "0.0.0.0"), ("", "127.0.0.1")])  # noqa: S104 (compared, not bound)
def test_only_a_space_listens_at_every_address(monkeypatch: pytest.MonkeyPatch, system: str, host: str) -> None:
    monkeypatch.setenv("SYSTEM", system)
    monkeypatch.delenv("MM_DEMOS_HOST", raising=False)
    assert Settings().host == host
