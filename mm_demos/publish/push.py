"""Uploads a Space's folder to the hub, after showing what would be uploaded; the hub's own library knows the token."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from mm_demos.errors import DemoError, InvalidInputError

if TYPE_CHECKING:
    from huggingface_hub import HfApi

Visibility = Literal["public", "private"]

TARGET = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")
# As fnmatch has it: a star goes through folders.
IGNORED = ("*__pycache__/*", "*.py[co]", ".git/*", ".cache/*", ".venv/*", ".env*", "*/.env*", "*.log")
HARDWARE = (
    "cpu-basic", "cpu-upgrade", "zero-a10g", "t4-small", "t4-medium", "l4x1", "l4x4", "l40sx1", "l40sx4", "l40sx8", "a10g-small",
    "a10g-large", "a10g-largex2", "a10g-largex4", "a100-large", "h100", "h200",
)  # fmt: skip
FREE_SPACES = 2  # with Gradio that an account without a subscription may host


class PushError(DemoError):
    """The hub did not take the Space; the sentence says why and what to do."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a push uploads, and where to.

    Args:
        folder: of the Space.
        target: "owner/name" on the hub.
        files: path below the folder → size in bytes.
        front_matter: the lines that tell the hub what the Space is.
        sdk: "gradio" or "static".
        hardware: what is asked for; empty leaves it to the hub.
        visibility: who may see it.
    """

    folder: Path
    target: str
    files: tuple[tuple[str, int], ...]
    front_matter: str
    sdk: str
    hardware: str = ""
    visibility: Visibility = "public"

    @property
    def size_bytes(self) -> int:
        """Of all files together."""
        return sum(size for _, size in self.files)


def plan(folder: Path, target: str, *, hardware: str = "", visibility: Visibility = "public") -> Plan:
    """What a push of `folder` would upload.

    Raises:
        InvalidInputError: the folder is no Space, or the target or the hardware cannot be.
    """
    if not TARGET.fullmatch(target) or "--" in target or ".." in target:
        raise InvalidInputError(f"A Space cannot lie at {target[:120]!r}: give OWNER/NAME, e.g. ada/speech.")
    if hardware and hardware not in HARDWARE:
        raise InvalidInputError(f"The hub has no hardware {hardware[:40]!r}: choose one of {', '.join(HARDWARE)}.")
    readme = folder / "README.md"
    text = readme.read_text(encoding="utf-8") if readme.is_file() else ""
    found = re.match(r"---\n(.*?\n)---\n", text, re.DOTALL)
    sdk = re.search(r'^sdk: "?(\w+)"?$', found[1], re.MULTILINE) if found else None
    if found is None or sdk is None:
        raise InvalidInputError(f"{folder} is no Space: its README.md begins with no front matter that names an sdk.")
    return Plan(folder, target, tuple(_files(folder)), found[1], sdk[1], hardware, visibility)


def push(plan: Plan, api: HfApi) -> str:
    """Make the Space if there is none, upload its folder, and return its address.

    What an earlier push uploaded and the folder no longer has is removed there.

    Args:
        plan: from `plan`.
        api: of huggingface_hub; it finds the token by itself, in `HF_TOKEN` or where `hf auth login` left it.

    Raises:
        PushError: no token, no hub, no right, or no more Spaces for this account.
    """
    wanted = {"space_hardware": plan.hardware} if plan.hardware and plan.sdk != "static" else {}
    with explained(plan):
        made = api.create_repo(
            plan.target,
            repo_type="space",
            space_sdk=plan.sdk,
            private=plan.visibility == "private",
            exist_ok=True,
            **wanted,  # type: ignore[arg-type]
        )
        api.upload_folder(
            repo_id=plan.target,
            repo_type="space",
            folder_path=plan.folder,
            allow_patterns=[name for name, _ in plan.files],
            ignore_patterns=list(IGNORED),
            delete_patterns="*",
            commit_message="Space built by mm-demos",
        )
    return str(made)


@contextmanager
def explained(plan: Plan) -> Iterator[None]:
    """Turn what the hub's library raises into one sentence, with no token in it.

    Raises:
        PushError: whatever went wrong.
    """
    from huggingface_hub import errors

    try:
        yield
    except errors.LocalTokenNotFoundError:
        raise PushError(NO_TOKEN) from None
    except errors.HfHubHTTPError as error:
        status = error.response.status_code if error.response is not None else 0
        raise PushError(_refused(status, str(error.server_message or ""), plan)) from None
    except ValueError as error:
        raise PushError(f"The hub's library refused {plan.target} ({type(error).__name__}): check its name and files.") from None
    except Exception as error:  # of whichever library carries its requests
        raise PushError(f"The hub cannot be reached ({type(error).__name__}): try again with a connection to it.") from None


NO_TOKEN = "You are not logged in to the hub: run `hf auth login` or set HF_TOKEN, with a token that may write."  # noqa: S105


def _refused(status: int, message: str, plan: Plan) -> str:
    """The sentence for an answer that is no success."""
    owner = plan.target.partition("/")[0]
    if status in {402, 403, 429} and re.search(r"quota|limit|subscri|upgrade|plan|PRO\b", message, re.IGNORECASE):
        return (
            f"The account {owner} may have no more Spaces or no such hardware (a free one hosts {FREE_SPACES} with Gradio): put "
            "several tabs into one with `space build TAB TAB --name NAME`, remove one on the hub, or take a subscription."
        )
    if status >= 500:
        return f"The hub has trouble of its own (status {status}): try again later."
    return {
        401: NO_TOKEN,
        403: f"Your token may not write to {owner}: take one with the right to write, or another OWNER.",
        404: f"The hub knows no owner {owner}: check the name before the slash.",
        429: "The hub is asked too often: wait some minutes and push again.",
    }.get(status, f"The hub refused {plan.target} (status {status}): check its name and front matter with `space check`.")


def _files(folder: Path) -> Iterator[tuple[str, int]]:
    from huggingface_hub.utils import filter_repo_objects  # type: ignore[attr-defined]  # public, but not marked as exported

    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    ignored: list[str] = list(IGNORED)
    for name in filter_repo_objects(names, ignore_patterns=ignored):
        yield name, (folder / name).stat().st_size


def lines(plan: Plan, size: Callable[[int], str]) -> Iterator[str]:
    """What a dry run prints."""
    yield f"to          {plan.target} ({plan.visibility}, sdk {plan.sdk}, hardware {plan.hardware or 'as the hub gives it'})"
    yield f"from        {plan.folder}"
    yield "front matter"
    yield from (f"            {line}" for line in plan.front_matter.splitlines())
    yield f"files       {len(plan.files)}, {size(plan.size_bytes)}"
    yield from (f"{size(count):>10}  {name}" for name, count in plan.files)
