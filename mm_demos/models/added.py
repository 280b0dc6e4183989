"""Models of the user's own: any hub repository or local folder of a known family, remembered in the data folder.

They lie in `models/added.json`, an array of objects with `name`, `place` (a folder, or "owner/name" with `:packing` for one of
several GGUF files), `revision`, `family`, `licence` and `size_bytes`; every process registers them when it starts.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from filelock import FileLock

from mm_demos.errors import InvalidInputError, UnknownModelError, WeightsUnavailableError
from mm_demos.models import catalog, families, hub
from mm_demos.models.families import Family, Listing
from mm_demos.models.pins import COMMIT
from mm_demos.models.spec import HubRepository, LocalFolder, ModelSpec
from mm_demos.models.transfers import Meter, SourceError
from mm_demos.progress import Progress
from mm_demos.settings import settings

REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
PACKING = "q4_k_m"  # of several GGUF files of one model, if none is asked for: small, and little worse than 16 bits
MEMORY_SHARE = 1.1


@dataclass(frozen=True, slots=True)
class Added:
    """One model of the user's own, as it is remembered."""

    name: str
    place: str
    revision: str
    family: str
    licence: str
    size_bytes: int
    patterns: tuple[str, ...]


def add(place: str, revision: str | None = None, name: str | None = None, *, progress: Progress | None = None) -> ModelSpec:
    """Recognise a checkpoint, and put it into the catalog for good; nothing but its description is fetched.

    Args:
        place: a folder, or "owner/name" of a hub repository, with `:packing` to choose one of several GGUF files.
        revision: commit, branch or tag; the newest commit by default. What it means now is kept.
        name: in the catalog; by default what the place is called.
        progress: hears what is being asked.

    Returns:
        The row with the weights; a second one, `<name>-answers`, is made of it where the checkpoint answers questions too.

    Raises:
        InvalidInputError: the place is neither, its checkpoint is of no known family, or the name is taken.
        WeightsUnavailableError: the hub cannot be asked.
    """
    progress = progress or Progress()
    folder = Path(place).expanduser()
    if place.strip() and folder.is_dir():
        found = _of_folder(folder.resolve(), name)
    elif REPOSITORY.fullmatch(place.partition(":")[0]):
        found = _of_repository(place, revision or "main", name, progress)
    else:
        raise InvalidInputError(f"{place[:200]} is neither a folder nor the id of a hub repository: write it as owner/name.")
    rows = _rows(found)
    taken = {row.name for row in catalog.rows()}
    clash = next((row.name for row in rows if row.name in taken), None)
    if clash is not None:
        raise InvalidInputError(f"A model named {clash} is in the catalog already: give another name.")
    with _remembered() as kept:
        kept.append(found)
    for row in rows:
        catalog.register(row)
    return rows[0]


def remove(name: str) -> None:
    """Forget a model of the user's own; its files stay where they are.

    Raises:
        UnknownModelError: no model of the user's own has this name.
    """
    with _remembered() as kept:
        found = next((each for each in kept if each.name == name), None)
        if found is None:
            mine = ", ".join(each.name for each in kept) or "none yet"
            raise UnknownModelError(f"{name} is no model that was added here: choose one of those that were ({mine}).")
        kept.remove(found)
    present = {row.name for row in catalog.rows()}
    for row in reversed(_rows(found)):
        if row.name in present:
            catalog.unregister(row.name)


def names() -> tuple[str, ...]:
    """What the user's own models are called."""
    return tuple(each.name for each in _read())


def register_all() -> None:
    """Put the models that are remembered into the catalog; one whose name is taken by now is left out."""
    for each in _read():
        present = {row.name for row in catalog.rows()}
        for row in _rows(each):
            if row.name not in present:
                catalog.register(row)


def _of_folder(folder: Path, name: str | None) -> Added:
    family = families.recognise(folder)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return Added(_name(name, folder.name), str(folder), "", family.name, "", size, family.patterns)


def _of_repository(place: str, revision: str, name: str | None, progress: Progress) -> Added:
    repository, _, packing = place.partition(":")
    try:
        progress.report(f"Asking the hub for {repository}")
        snapshot = hub.look_up(repository, revision, ("*",))
        listing = _listing(repository, snapshot, progress)
    except SourceError as error:
        way_out = error.way_out if isinstance(error, hub.HubError) else "try again later"
        raise WeightsUnavailableError(
            f"{repository} could not be looked up on the Hugging Face hub ({error}): {way_out}."
        ) from error
    family = families.family_of(listing, repository)
    patterns = _patterns(family, listing, packing)
    size = sum(file.size_bytes for file in snapshot.files if any(Path(file.name).match(pattern) for pattern in patterns))
    own = _name(name, repository.rpartition("/")[2] + (f"-{packing}" if packing else ""))
    return Added(own, repository, snapshot.commit, family.name, snapshot.licence, size, patterns)


def _listing(repository: str, snapshot: hub.Snapshot, progress: Progress) -> Listing:
    with TemporaryDirectory() as place:
        wanted = [file for file in snapshot.files if file.name in families.DESCRIPTIONS]
        meter = Meter(progress, f"Reading what {repository} is", sum(file.size_bytes for file in wanted))
        read = {}
        for file in wanted:
            path = hub.fetch_file(repository, snapshot.commit, file.name, Path(place), meter)
            read[file.name] = families.read_object(path)
    return Listing(snapshot.all_names, read)


def _patterns(family: Family, listing: Listing, packing: str) -> tuple[str, ...]:
    """What to fetch; of a repository with several GGUF files the one that is asked for."""
    if family is not families.GGUF:
        if packing:
            raise InvalidInputError("Only GGUF repositories have packings: write the id without what follows the colon.")
        return _half(listing) if family is families.DIFFUSION else family.patterns
    files = [name for name in listing.matching("*.gguf") if not name.startswith("mmproj")]
    wanted = packing or (PACKING if any(PACKING in name.lower() for name in files) else "")
    fitting = [name for name in files if wanted.lower() in name.lower()]
    if not fitting:
        raise InvalidInputError(f"No GGUF file there is packed as {packing}: choose one of {', '.join(files)[:300]}.")
    return (fitting[0],)


def _half(listing: Listing) -> tuple[str, ...]:
    """Files of a pipeline: those in 16 bits alone where every network lies there in 16 and in 32."""
    networks = {Path(name).parent.name for name in listing.names if Path(name).match("*/*.safetensors")}
    halved = {Path(name).parent.name for name in listing.names if name.endswith(".fp16.safetensors")}
    weights = "*/*.fp16.safetensors" if networks and networks == halved else "*/*.safetensors"
    return (*families.PIPELINE_FILES[:-1], weights)


def _name(wanted: str | None, called: str) -> str:
    name = wanted if wanted is not None else re.sub(r"[^a-z0-9._-]+", "-", called.lower()).strip("-._")[:64]
    if not NAME.fullmatch(name):
        raise InvalidInputError(
            f"{name[:80]!r} cannot be a model's name: use small letters, digits, dots, dashes and underscores."
        )
    return name


def _rows(added: Added) -> tuple[ModelSpec, ...]:
    """The row that holds the weights, and rows made of it for whatever else the checkpoint can do."""
    family = next((each for each in families.FAMILIES if each.name == added.family), None)
    if family is None:
        return ()
    if COMMIT.fullmatch(added.revision):
        repository: HubRepository | LocalFolder = HubRepository(added.place, added.revision, added.patterns, added.size_bytes)
        source = f"https://huggingface.co/{added.place}"
    else:
        repository, source = LocalFolder(Path(added.place), added.size_bytes), added.place
    (role, engine), *others = family.roles
    row = ModelSpec(
        name=added.name,
        role=role,
        family=family.name,
        profiles=(),
        engines=(engine,),
        repository=repository,
        licence=added.licence,
        source=source,
        revision=added.revision,
        memory_bytes=int(added.size_bytes * MEMORY_SHARE),
        summary=f"Added here: {family.summary}",
    )
    shared = tuple(
        ModelSpec(
            name=f"{added.name}-answers",
            role=other,
            family=family.name,
            profiles=(),
            engines=(way,),
            components=(row.name,),
            licence=row.licence,
            source=source,
            revision=row.revision,
            memory_bytes=1_000_000,
            summary=f"Answers about pictures by {row.name}: one checkpoint, shared",
        )
        for other, way in others
    )
    return (row, *shared)


def _path() -> Path:
    return settings().data_dir / "models" / "added.json"


def _read() -> list[Added]:
    """What is remembered; a list that cannot be read counts as empty."""
    try:
        listed = json.loads(_path().read_text(encoding="utf-8"))
        return [Added(**{**each, "patterns": tuple(each["patterns"])}) for each in listed]
    except (OSError, ValueError, TypeError, KeyError):
        return []


@contextmanager
def _remembered() -> Iterator[list[Added]]:
    """The list, written back when it was changed."""
    path = _path()
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")):
        kept = _read()
        yield kept
        fresh = path.with_name(f"{path.name}.{os.getpid()}")
        fresh.write_text(json.dumps([asdict(each) for each in kept], indent=2) + "\n", encoding="utf-8")
        fresh.replace(path)
