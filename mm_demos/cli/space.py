"""Spaces of the Hugging Face hub: write a folder for each tab, for several together or for all, check it, upload it."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from mm_demos.cli import UsageError, space_check
from mm_demos.errors import DemoError, InvalidInputError

if TYPE_CHECKING:
    from mm_demos.publish.selection import SpaceSpec

HARDWARE = ("cpu-basic", "zero-a10g")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the actions of this verb."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    build = _action(
        actions, "build", "write the folders of Spaces: one for each tab, or one for all those named with --name", _build
    )
    build.add_argument("tabs", nargs="*", metavar="TAB", help="as `demo --tab` takes them")
    build.add_argument("--all", action="store_true", help="each tab, the suite and the landing page")
    build.add_argument("--suite", action="store_true", help="one Space with all tabs")
    build.add_argument("--landing", action="store_true", help="a static page that lists the tabs and shows their Spaces")
    build.add_argument("--owner", default="", help="account on the hub whose Spaces the landing page shows")
    build.add_argument("--out", type=Path, default=Path("spaces"), metavar="DIR", help="where the folders go (default spaces)")
    build.add_argument("--name", default="", help="put the tabs named into one Space of this name")
    build.add_argument("--title", default="", help="of that Space")
    build.add_argument("--short", default="", help="its description, 60 characters at most")
    build.add_argument(
        "--hardware", choices=HARDWARE, default=HARDWARE[0], help="what the Space is meant for (default cpu-basic)"
    )
    build.add_argument(
        "--source", default="", metavar="REQUIREMENT", help="install the package from this pinned source instead of copying it in"
    )
    build.add_argument("--examples", action="store_true", help="run the tabs' examples and keep what they give, first")
    check = _action(actions, "check", "build Spaces anew and try them: front matter, files, a clean start, a visit", _check)
    check.add_argument("spaces", nargs="*", metavar="SPACE", help="a tab, suite, or the folder of a Space")
    check.add_argument("--all", action="store_true", help="each tab, the suite and the landing page")
    space_check.configure(check)
    push = _action(actions, "push", "show what would be uploaded; with --really, upload it", _push)
    push.add_argument("spaces", nargs="+", metavar="SPACE", help="a tab, suite, landing, or the folder of a Space")
    push.add_argument("--to", required=True, metavar="OWNER/NAME", help="on the hub; of several Spaces, OWNER alone")
    push.add_argument("--hardware", default="", help="to ask the hub for, e.g. cpu-basic or zero-a10g")
    push.add_argument("--private", action="store_true", help="visible to the owner alone")
    push.add_argument("--really", action="store_true", help="upload; without it nothing is sent")


def run(flags: argparse.Namespace) -> int:
    """Do one action; its own `act` was chosen by the parser."""
    return int(flags.act(flags))


def _action(
    actions: argparse._SubParsersAction[argparse.ArgumentParser], name: str, summary: str, act: object
) -> argparse.ArgumentParser:
    action = actions.add_parser(name, help=summary, description=summary)
    action.set_defaults(act=act)
    return action


def _build(flags: argparse.Namespace) -> int:
    from mm_demos.publish import folder, landing

    wanted = _wanted(flags)
    if not wanted and not flags.landing:
        raise UsageError("name the tabs, or say --all, --suite or --landing.")
    try:
        if flags.examples:
            from mm_demos.publish import examples

            for tab in {tab.name: tab for space in wanted for tab in space.tabs}.values():
                print(examples.keep(tab, folder.COMMITTED / tab.name), file=sys.stderr)
        for space in wanted:
            print(folder.build(space, flags.out))
        if flags.landing or flags.all:
            print(landing.build(flags.out, owner=flags.owner))
    except OSError as error:
        raise InvalidInputError(f"{flags.out} cannot be written to ({error.strerror}): choose another --out.") from None
    return 0


def _wanted(flags: argparse.Namespace) -> list[SpaceSpec]:
    from mm_demos.publish import selection

    how = {"hardware": flags.hardware, "source": flags.source}
    try:
        if flags.name:
            return [selection.group(flags.tabs, name=flags.name, title=flags.title, short=flags.short, **how)]
        found = (
            list(selection.everything(**how))
            if flags.all
            else [selection.of_tab(name, **how) for name in dict.fromkeys(flags.tabs)]
        )
        if flags.suite and not flags.all:
            found.append(selection.suite(**how))
    except InvalidInputError as error:
        raise UsageError(str(error)) from None
    if flags.title or flags.short:
        raise UsageError("--title and --short belong to a Space of your own: give it a name with --name.")
    return found


def _check(flags: argparse.Namespace) -> int:
    from mm_demos.publish import landing, selection

    names = [*(space.name for space in selection.everything()), landing.NAME] if flags.all else flags.spaces
    if not names:
        raise UsageError("name the Spaces, or say --all.")
    with tempfile.TemporaryDirectory(prefix="mm-demos-spaces-") as scratch:
        return space_check.run(flags, names, lambda name: _folder(name, Path(scratch)))


def _push(flags: argparse.Namespace) -> int:
    from mm_demos.publish import push
    from mm_demos.ui import render

    several = len(flags.spaces) > 1
    with tempfile.TemporaryDirectory(prefix="mm-demos-spaces-") as scratch:
        for name in flags.spaces:
            folder = _folder(name, Path(scratch))
            target = f"{flags.to}/{folder.name}" if several and "/" not in flags.to else flags.to
            if several and "/" in flags.to:
                raise UsageError("several Spaces go to one OWNER, not to one OWNER/NAME.")
            plan = push.plan(folder, target, hardware=flags.hardware, visibility="private" if flags.private else "public")
            for line in push.lines(plan, render.size):
                print(line)
            if flags.really:
                from huggingface_hub import HfApi

                print(push.push(plan, HfApi()))
    if not flags.really:
        print("Nothing was sent: add --really to upload.")
    return 0


def _folder(name: str, scratch: Path) -> Path:
    """The folder of a Space: one that was given, or one that is built now."""
    from mm_demos.publish import folder, landing, selection

    if (Path(name) / "README.md").is_file():
        return Path(name)
    if name == landing.NAME:
        return landing.build(scratch)
    try:
        return folder.build(selection.named([name])[0], scratch)
    except DemoError as error:
        raise UsageError(str(error)) from None
