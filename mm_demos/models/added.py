"""Models of the user's own: any hub repository or local folder of a known family, remembered in the data folder.

They lie in `models/added.json`, an array of objects with `name`, `place` (a folder, or "owner/name" of the hub), `revision`,
`family`, `licence`, `size_bytes`, `patterns` and `gated`; every process registers them when it starts.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from filelock import FileLock

from mm_demos.errors import InvalidInputError, UnknownModelError, WeightsUnavailableError
from mm_demos.models import catalog, families, hub
from mm_demos.models.families import Family, Listing
from mm_demos.models.local_files import folder_at
from mm_demos.models.pins import COMMIT
from mm_demos.models.spec import HubRepository, LocalFolder, ModelSpec
from mm_demos.models.transfers import Meter, SourceError
from mm_demos.progress import Progress
from mm_demos.settings import settings

REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
PACKING = "q4_k_m"  # of several GGUF files of one model, if none is asked for: small, and little worse than 16 bits
MEMORY_SHARE = 1.1
LICENCES = {  # the hub's names of the common ones, as SPDX has them
    "apache-2.0": "Apache-2.0",
    "mit": "MIT",
    "bsd-3-clause": "BSD-3-Clause",
    "cc0-1.0": "CC0-1.0",
    "cc-by-4.0": "CC-BY-4.0",
    "cc-by-sa-4.0": "CC-BY-SA-4.0",
    "cc-by-nc-4.0": "CC-BY-NC-4.0",
    "gpl-3.0": "GPL-3.0-only",
    "agpl-3.0": "AGPL-3.0-only",
    "openrail++": "LicenseRef-CreativeML-OpenRAIL-PP-M",
    "creativeml-openrail-m": "LicenseRef-CreativeML-OpenRAIL-M",
    "gemma": "LicenseRef-Gemma",
}


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
    gated: bool = False

    @classmethod
    def of(cls, written: Any) -> Added | None:
        """One entry of the list; None where it is spoilt, or a newer version of the suite wrote what is not known here."""
        try:
            found = cls(**{**written, "patterns": tuple(written["patterns"])})
        except (TypeError, KeyError):
            return None
        texts = (found.name, found.place, found.revision, found.family, found.licence, *found.patterns)
        counted = isinstance(found.size_bytes, int) and isinstance(found.gated, bool)
        return found if counted and all(isinstance(text, str) for text in texts) else None


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
    folder = folder_at(place)
    if folder is not None:
        found = _of_folder(folder, name)
    elif REPOSITORY.fullmatch(place.partition(":")[0]):
        found = _of_repository(place, revision or "main", name, progress)
    else:
        raise InvalidInputError(f"{place[:200]} is neither a folder nor the id of a hub repository: write it as owner/name.")
    rows = _rows(found)
    with _remembered() as kept:  # another process, or another visitor, may take the same name meanwhile
        taken = {row.name for row in (*catalog.rows(), *(row for each in kept for row in _rows(each)))}
        clash = next((row.name for row in rows if row.name in taken), None)
        if clash is not None:
            raise InvalidInputError(f"A model named {clash} is in the catalog already: give another name.")
        kept.append(found)
    _register(rows)
    return rows[0]


def remove(name: str) -> None:
    """Forget a model of the user's own; its files stay where they are.

    Raises:
        UnknownModelError: no model of the user's own has this name.
        BusyError: it is in use; nothing has changed then.
    """
    from mm_demos.models import loader

    with _remembered() as kept:
        found = next((each for each in kept if each.name == name), None)
        if found is None:
            those = ", ".join(each.name for each in kept) or "none yet"
            raise UnknownModelError(f"{name} is no model that was added here: choose one of those that were ({those}).")
        places = {(row.name, row.summary, row.source) for row in catalog.rows()}
        mine = [row.name for row in reversed(_rows(found)) if (row.name, row.summary, row.source) in places]
        for row in mine:
            loader.shared().eject(row)  # or else it would answer for the next model of this name
        kept.remove(found)
    for row in mine:
        catalog.unregister(row)


def names() -> tuple[str, ...]:
    """What the user's own models are called."""
    return tuple(each.name for each in _read()[0])


def register_all() -> None:
    """Put the models that are remembered into the catalog; one whose name is taken by now is left out."""
    for each in _read()[0]:
        _register(_rows(each))


def _register(rows: Sequence[ModelSpec]) -> None:
    """Put all rows of one model into the catalog, or none: what is made of it must not be made of another one."""
    present = {row.name for row in catalog.rows()}
    if not any(row.name in present for row in rows):
        for row in rows:
            catalog.register(row)


def _of_folder(folder: Path, name: str | None) -> Added:
    family = families.recognise(folder)
    size = LocalFolder.as_it_is(folder).size_bytes
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
    licence = LICENCES.get(snapshot.licence, snapshot.licence)
    return Added(own, repository, snapshot.commit, family.name, licence, size, patterns, snapshot.gated)


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
    return (re.sub(r"-\d{5}-of-(\d{5})", r"-*-of-\1", fitting[0]),)  # with the other parts of a file that was split


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
        repository: HubRepository | LocalFolder = HubRepository(
            added.place, added.revision, added.patterns, added.size_bytes, added.gated
        )
        source = f"https://huggingface.co/{added.place}"
    else:
        repository, source = LocalFolder.as_it_is(Path(added.place)), added.place
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


def _read() -> tuple[list[Added], bool]:
    """What is remembered, as far as it can be read, and whether that is all that the list holds."""
    try:
        listed = json.loads(_path().read_text(encoding="utf-8"))
    except FileNotFoundError:
        return [], True
    except (OSError, ValueError):
        return [], False
    found = [Added.of(each) for each in listed] if isinstance(listed, list) else [None]
    kept = [each for each in found if each is not None]
    return kept, len(kept) == len(found)


@contextmanager
def _remembered() -> Iterator[list[Added]]:
    """The list, written back when the block is through; one that was not read whole stays beside it as `added.bad`."""
    path = _path()
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")):
        kept, whole = _read()
        yield kept
        fresh = path.with_name(f"{path.name}.{os.getpid()}")
        fresh.write_text(json.dumps([asdict(each) for each in kept], indent=2) + "\n", encoding="utf-8")
        if not whole:
            path.replace(path.with_suffix(".bad"))
        fresh.replace(path)
