"""Files of users and keys, limits and the pause after wrong passwords, and the commands that write the files."""

from __future__ import annotations

import io
import json
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from mm_demos import cli
from mm_demos.errors import InvalidInputError, SettingError
from mm_demos.serving import keys, users
from mm_demos.serving.keys import Key
from mm_demos.serving.limits import FAILURES, PAUSE_SECONDS, Limits, Throttle
from mm_demos.serving.private_file import Watched
from mm_demos.settings import Settings

PASSWORD = "correct horse battery"  # noqa: S105 (of nobody)


class Clock:
    """A clock that a test sets."""

    def __init__(self, now: float = 1_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def test_a_password_is_kept_as_a_salted_hash_that_only_it_matches(tmp_path: Path) -> None:
    path = tmp_path / "users"
    assert users.add(path, "anna", PASSWORD)
    assert not users.add(path, "anna", PASSWORD)
    users.add(path, "bert", PASSWORD)
    kept = users.read(path)
    assert kept["anna"] != kept["bert"]
    assert PASSWORD not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert users.matches(PASSWORD, kept["anna"])
    assert not users.matches(PASSWORD + " ", kept["anna"])
    assert not users.matches(PASSWORD, users.NOBODY)


@pytest.mark.parametrize("name", ["", "a:b", "a b", "../x", "-a", "a" * 65, "ä"])
def test_a_name_that_could_be_misread_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="A name has"):
        users.add(tmp_path / "users", name, PASSWORD)


@pytest.mark.parametrize("password", ["", "short", "x" * 257])
def test_a_password_that_is_too_short_or_too_long_is_refused(password: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="8 to 256 characters"):
        users.add(tmp_path / "users", "anna", password)


@pytest.mark.parametrize(
    "line",
    [
        f"anna:{PASSWORD}",
        "anna",
        "anna:scrypt$15$8$3$c2hvcnQ=$c2hvcnQ=",
        f"anna:scrypt$30$8$3${'A' * 24}${'A' * 44}",
        f"anna:{users.NOBODY}\nanna:{users.NOBODY}",
    ],
)
def test_a_line_of_users_that_cannot_be_used_is_named_by_its_number_alone(line: str, tmp_path: Path) -> None:
    path = tmp_path / "users"
    path.write_text(f"# who may come in\n{line}\n")
    with pytest.raises(SettingError, match=r"Line [23] of") as caught:
        users.read(path)
    assert PASSWORD not in str(caught.value)


def test_a_key_is_shown_once_and_kept_as_its_hash(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    made = keys.add(path, "ci", per_minute=30, seconds_per_day=60, endpoints=("ring",))
    assert made.startswith(keys.PREFIX)
    assert len(made) > 40
    assert made not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    key = keys.read(path)[keys.digest(made)]
    assert (key.name, key.per_minute, key.seconds_per_day, key.endpoints) == ("ci", 30, 60.0, ("ring",))
    with pytest.raises(InvalidInputError, match="already"):
        keys.add(path, "ci")
    with pytest.raises(InvalidInputError, match="per_minute"):
        keys.add(path, "other", per_minute=-1)
    keys.remove(path, "ci")
    assert not keys.read(path)
    with pytest.raises(InvalidInputError, match="no key called"):
        keys.remove(path, "ci")


@pytest.mark.parametrize("change", [{"sha256": "x"}, {"name": "a b"}, {"per_minute": -1}, {"more": 1}, {"endpoints": "ring"}])
def test_a_line_of_keys_that_cannot_be_used_is_named(change: dict[str, object], tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text(json.dumps({"name": "ci", "sha256": "0" * 64} | change))
    with pytest.raises(SettingError, match=f"Line 1 of .*{next(iter(change))}"):
        keys.read(path)


def test_a_file_is_read_again_when_it_changes_and_a_broken_one_is_not_taken(tmp_path: Path) -> None:
    path = tmp_path / "users"
    users.add(path, "anna", PASSWORD)
    watched = Watched(path, users.read)
    users.add(path, "bert", PASSWORD)
    assert set(watched.entries()) == {"anna", "bert"}
    users.remove(path, "anna")
    assert set(watched.entries()) == {"bert"}
    path.write_text("what is this")
    assert set(watched.entries()) == {"bert"}
    path.unlink()
    assert not watched.entries()


def test_a_file_that_is_missing_at_the_start_is_a_fault_of_the_settings(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="is missing: make it with"):
        Watched(tmp_path / "users", users.read)


def test_a_key_has_its_requests_in_any_minute() -> None:
    clock = Clock()
    limits = Limits(clock)
    key, other = Key(name="a", sha256="0" * 64, per_minute=3), Key(name="b", sha256="1" * 64)
    assert [limits.admit(key) for _ in range(3)] == [0.0, 0.0, 0.0]
    clock.now += 20
    assert limits.admit(key) == 40.0
    assert limits.admit(other) == 0.0
    clock.now += 40
    assert limits.admit(key) == 0.0


def test_a_key_has_its_computing_from_midnight_to_midnight() -> None:
    clock = Clock(86_400.0 * 20_000 + 3600)
    limits = Limits(clock)
    key = Key(name="a", sha256="0" * 64, seconds_per_day=10)
    limits.spend("a", 6)
    assert limits.rest(key) == 0.0
    limits.spend("a", 6)
    assert limits.rest(key) == 82_800.0
    clock.now += 82_800
    assert limits.rest(key) == 0.0
    limits.spend("a", 1)
    assert limits.rest(key) == 0.0


def test_a_name_waits_after_wrong_passwords_and_others_do_not() -> None:
    clock = Clock()
    throttle = Throttle(clock)
    for _ in range(FAILURES):
        assert not throttle.wait("anna")
        throttle.failed("anna")
    assert throttle.wait("anna") == PAUSE_SECONDS
    assert not throttle.wait("bert")
    clock.now += PAUSE_SECONDS
    assert not throttle.wait("anna")
    throttle.succeeded("anna")
    throttle.failed("anna")
    assert not throttle.wait("anna")


def test_names_made_up_by_an_attacker_cost_bounded_memory() -> None:
    throttle = Throttle()
    for number in range(10_100):
        throttle.failed(str(number))
    assert len(throttle._failures) == 10_000


def test_the_commands_never_see_a_password_as_an_argument(
    tmp_path: Path,
    configure: Callable[..., Settings],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure(users_file=tmp_path / "users")
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{PASSWORD}\n"))
    assert cli.main(["users", "add", "anna"]) == 0
    assert cli.main(["users", "list"]) == 0
    said = capsys.readouterr()
    assert PASSWORD not in said.out + said.err
    assert said.out.endswith("\nanna\n")
    assert users.matches(PASSWORD, users.read(tmp_path / "users")["anna"])
    monkeypatch.setattr("sys.stdin", io.StringIO("short\n"))
    assert cli.main(["users", "add", "bert"]) == 2
    assert cli.main(["users", "remove", "bert"]) == 2
    assert cli.main(["users", "remove", "anna"]) == 0


def test_the_command_for_keys_prints_a_key_once(
    tmp_path: Path, configure: Callable[..., Settings], capsys: pytest.CaptureFixture[str]
) -> None:
    configure(keys_file=tmp_path / "keys")
    assert cli.main(["keys", "add", "ci", "--per-minute", "30", "--endpoint", "ring"]) == 0
    made = capsys.readouterr().out.strip()
    assert keys.read(tmp_path / "keys")[keys.digest(made)].per_minute == 30
    assert cli.main(["keys", "list"]) == 0
    assert capsys.readouterr().out == "ci  30 requests per minute; only ring\n"
    assert cli.main(["keys", "remove", "ci"]) == 0
    configure(keys_file=None)
    assert cli.main(["keys", "list"]) == 2
    assert "MM_DEMOS_KEYS_FILE" in capsys.readouterr().err
