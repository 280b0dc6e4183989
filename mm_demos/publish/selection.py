"""Which tabs stand together in one Space, what it is called, and which models it runs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from mm_demos.errors import InvalidInputError
from mm_demos.models import catalog
from mm_demos.models.catalog import ModelSpec, Role
from mm_demos.settings import Profile
from mm_demos.tabs import TABS, TabSpec, find

Hardware = Literal["cpu-basic", "zero-a10g"]  # two cores and 16 GB; a slice of a GPU for each call ("ZeroGPU")
SUITE = "suite"
MAX_SHORT_CHARS = 60  # of a Space's short description
NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,94}[a-z0-9])?")
# What makes an installed package the same one tomorrow: a commit, a release, or a hash of the file.
PINNED = re.compile(
    r"[\w.-]+(?:\[[\w,-]+\])?\s*(?:@\s*git\+https://[^\s@#]+@[0-9a-f]{40}|@\s*https://[^\s#]+#sha256=[0-9a-f]{64}|==\s*\d[\w.+!]*)"
)


@dataclass(frozen=True, slots=True)
class SpaceSpec:
    """One Space.

    Args:
        name: of its folder, and of its repository unless it is pushed under another.
        tabs: what its page shows, in order.
        title: at most a few words.
        emoji: on its card.
        short: what it does, in at most 60 characters.
        hardware: what it is meant for; decides the profile of models and the release of torch.
        source: a pinned requirement that installs this package; empty where the folder carries the package itself.
    """

    name: str
    tabs: tuple[TabSpec, ...]
    title: str
    emoji: str
    short: str
    hardware: Hardware = "cpu-basic"
    source: str = ""

    @property
    def profile(self) -> Profile:
        """The models that its tabs use by default."""
        return "embedded" if self.hardware == "cpu-basic" else "base"

    @property
    def roles(self) -> tuple[Role, ...]:
        """Roles of all models that its tabs may run; the Models tab offers every role there is."""
        found = dict.fromkeys(role for tab in self.tabs for role in (*tab.roles, *tab.on_demand))
        if all(tab.roles for tab in self.tabs):
            return tuple(found)
        return tuple(role for role in get_args(Role) if catalog.rows("embedded", role))

    def models(self) -> tuple[ModelSpec, ...]:
        """The rows that its tabs may use unasked, with all that they are made of, each once.

        On ZeroGPU those of the embedded profile too: what a tab asks for by name runs beside the GPU, in the same process.
        """
        names = [catalog.default(role, "embedded", zero_gpu=False) for role in self.roles]
        if self.profile != "embedded":
            names = [*(catalog.default(role, self.profile, zero_gpu=True) for role in self.roles), *names]
        found = {row.name: row for name in names for row in catalog.expand(name, on_demand=True)}
        return tuple(found.values())


def of_tab(name: str, hardware: Hardware = "cpu-basic", source: str = "") -> SpaceSpec:
    """The Space of one tab.

    Raises:
        InvalidInputError: there is no such tab; or see `checked`.
    """
    tab = find(name)
    return checked(SpaceSpec(tab.name, (tab,), tab.title, tab.emoji, tab.short, hardware, source))


def suite(hardware: Hardware = "cpu-basic", source: str = "") -> SpaceSpec:
    """The Space of all tabs."""
    short = "Speech, vision and language demos on one shared loader"
    return checked(SpaceSpec(SUITE, TABS, "mm-demos", "🎛️", short, hardware, source))


def group(
    names: Sequence[str], *, name: str, title: str = "", short: str = "", hardware: Hardware = "cpu-basic", source: str = ""
) -> SpaceSpec:
    """Several tabs in one Space.

    Raises:
        InvalidInputError: see `checked`; or there is no such tab.
    """
    tabs = tuple(find(each) for each in dict.fromkeys(names))
    titles = [tab.title for tab in tabs]
    said = short or f"{', '.join(titles)} on one page"
    if not short and len(said) > MAX_SHORT_CHARS:
        said = f"{len(tabs)} demos of speech, vision and language"
    words = title or " and ".join([", ".join(titles[:-1]), titles[-1]] if len(titles) > 1 else titles)
    return checked(SpaceSpec(name, tabs, words, tabs[0].emoji if tabs else "", said, hardware, source))


def everything(hardware: Hardware = "cpu-basic", source: str = "") -> tuple[SpaceSpec, ...]:
    """The Space of each tab, and the suite's."""
    return (*(of_tab(tab.name, hardware, source) for tab in TABS), suite(hardware, source))


def named(names: Sequence[str]) -> tuple[SpaceSpec, ...]:
    """The Spaces of these names: tabs, or "suite"."""
    return tuple(suite() if name == SUITE else of_tab(name) for name in dict.fromkeys(names))


def checked(space: SpaceSpec) -> SpaceSpec:
    """The same Space.

    Raises:
        InvalidInputError: it has no tabs, a name or words the hub does not take, or a source that is not pinned.
    """
    if not space.tabs:
        raise InvalidInputError("A Space needs at least one tab: name one.")
    if not NAME.fullmatch(space.name):
        raise InvalidInputError(
            f"A Space cannot be called {space.name[:80]!r}: take small letters, digits and hyphens, 96 at most."
        )
    if len(space.short) > MAX_SHORT_CHARS or not space.short.isprintable():
        raise InvalidInputError(f"The short description may have {MAX_SHORT_CHARS} characters in one line: say it in fewer.")
    if not space.title.strip() or len(space.title) > MAX_SHORT_CHARS * 2 or not space.title.isprintable():
        raise InvalidInputError("The title of a Space is one line of at most 120 characters: give another.")
    if space.source and not PINNED.fullmatch(space.source):
        raise InvalidInputError(
            "The source of the package is not pinned: give NAME==VERSION, NAME @ git+https://…@ with the 40 digits of a commit, "
            "or NAME @ https://….whl#sha256=…."
        )
    return space
