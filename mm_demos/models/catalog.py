"""Every model the suite knows, looked up by name or by role."""

from __future__ import annotations

import difflib
import hashlib

from mm_demos import accelerator
from mm_demos.errors import UnknownModelError
from mm_demos.models.rows import ROWS
from mm_demos.models.spec import (
    Engine,
    HubRepository,
    HubSource,
    LocalFolder,
    ModelSpec,
    PackagedSource,
    Role,
    Source,
    UrlSource,
    WeightFile,
    WheelSource,
)
from mm_demos.settings import Profile, settings

__all__ = [
    "Engine",
    "HubRepository",
    "HubSource",
    "LocalFolder",
    "ModelSpec",
    "PackagedSource",
    "Role",
    "Source",
    "UrlSource",
    "WeightFile",
    "WheelSource",
    "chosen",
    "default",
    "defaults",
    "expand",
    "is_default",
    "register",
    "revision_of",
    "rows",
    "spec",
    "unregister",
]

_registered: dict[str, ModelSpec] = {row.name: row for row in ROWS}


def spec(name: str) -> ModelSpec:
    """The row of this name.

    Raises:
        UnknownModelError: there is none; the message names the closest ones.
    """
    if not isinstance(name, str):
        raise UnknownModelError(f"A model is asked for by its name, not by {type(name).__name__}: choose one of the catalog.")
    if name not in _registered:
        from mm_demos.models import added  # it registers rows here

        added.register_all()
    row = _registered.get(name)
    if row is not None:
        return row
    close = {known.lower(): known for known in _registered}
    matches = [close[match] for match in difflib.get_close_matches(name.lower(), close, n=3)]
    hint = f"did you mean {' or '.join(matches)}?" if matches else f"choose one of {', '.join(_registered)}."
    raise UnknownModelError(f"There is no model named {name!r}: {hint}")


def rows(profile: Profile | None = None, role: Role | None = None) -> tuple[ModelSpec, ...]:
    """The rows of a profile, of a role, of both or all of them, in the order of the catalog."""
    return tuple(
        row for row in _registered.values() if (profile is None or profile in row.profiles) and (role is None or row.role == role)
    )


def default(role: Role, profile: Profile | None = None, *, zero_gpu: bool | None = None) -> str:
    """Name of the model that fulfils `role` in a profile (the one in the settings by default), or else in the embedded one.

    Args:
        role: what it shall do.
        profile: where to look first.
        zero_gpu: prefer models of torch, the only ones that reach ZeroGPU's device; None asks whether this is such a Space.

    Raises:
        UnknownModelError: neither profile has a model of this role.
    """
    for wanted in (profile or settings().profile, "embedded"):
        found = rows(wanted, role)
        if accelerator.zero_gpu() if zero_gpu is None else zero_gpu:
            found = tuple(row for row in found if row.on_torch) or found
        if found:
            return found[0].name
    raise UnknownModelError(f"No model for the role {role!r} is in the catalog: register one, or ask for a model by name.")


def is_default(row: ModelSpec, profile: Profile | None = None) -> bool:
    """Whether it is what `default` finds for its role."""
    try:
        return default(row.role, profile) == row.name
    except UnknownModelError:  # nothing in that profile can do it
        return False


def defaults(profile: Profile) -> tuple[ModelSpec, ...]:
    """The default of each role in a profile; the embedded profile's where it has none of its own."""
    roles = dict.fromkeys(row.role for row in (*rows(profile), *rows("embedded")))
    return tuple(spec(default(role, profile)) for role in roles)


def chosen(name: str | None, *roles: Role) -> str:
    """`name` if that model has one of `roles`, or the default of the first role when there is no name.

    Raises:
        UnknownModelError: no such model, or one for something else; the message names those that fit.
    """
    if not name:
        return default(roles[0])
    if spec(name).role not in roles:
        fitting = ", ".join(row.name for role in roles for row in rows(role=role))
        raise UnknownModelError(f"{name} is a model for something else: choose {fitting}.")
    return name


def expand(name: str, *, on_demand: bool = False) -> tuple[ModelSpec, ...]:
    """The model and every model it is made of, each once, components first.

    Args:
        on_demand: also the models that it leases only when a request needs them.
    """
    found: dict[str, ModelSpec] = {}
    row = spec(name)
    for component in (*row.components, *(row.on_demand if on_demand else ())):
        found.update((part.name, part) for part in expand(component, on_demand=on_demand))
    found[row.name] = row
    return tuple(found.values())


def revision_of(model: str) -> str:
    """What tells one state of a model's weights from another: a digest of all its files, and of those it is made of.

    Raises:
        UnknownModelError: no such model.
    """
    key = hashlib.sha256()
    for row in expand(model):
        bytes_of = [row.digest] if row.repository is not None else [file.sha256 for file in row.files]
        key.update("|".join([row.name, row.revision, *bytes_of]).encode())
    return key.hexdigest()[:16]


def register(row: ModelSpec) -> None:
    """Add a row at run time, for a model of the user's own or a fake in a test.

    Raises:
        ValueError: another row has this name.
    """
    if row.name in _registered:
        raise ValueError(f"A model named {row.name!r} is in the catalog already: unregister it first or choose another name.")
    _registered[row.name] = row


def unregister(name: str) -> None:
    """Take a row out of the catalog; raises UnknownModelError when there is none."""
    del _registered[spec(name).name]
