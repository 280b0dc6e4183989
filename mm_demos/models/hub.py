"""What the store asks of the Hugging Face hub: which files a repository has at a commit, and the bytes of one of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path, PureWindowsPath
from typing import Any

from mm_demos.models import sources
from mm_demos.models.transfers import Meter, SourceError, first_line

LOOK_UP_SECONDS = 2.0  # with the question whether it answers at all, below five
FILE_SECONDS = 10.0  # for the headers of one file, once the hub has answered


class HubError(SourceError):
    """The hub does not deliver: the text is the reason, `way_out` what a user can do."""

    def __init__(self, reason: str, way_out: str = "connect to the internet") -> None:
        super().__init__(reason)
        self.way_out = way_out


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file of a repository; git's hash where the hub does not know its sha256, which is for small files."""

    name: str
    size_bytes: int
    sha256: str = ""
    git_sha1: str = ""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The wanted files of a repository at one commit; `all_names` are those of every file there."""

    commit: str
    files: tuple[HubFile, ...]
    all_names: tuple[str, ...]
    licence: str = ""
    gated: bool = False


def look_up(repository: str, revision: str, patterns: Iterable[str]) -> Snapshot:
    """Which files `patterns` match in a repository at a revision: a commit, a branch or a tag.

    Raises:
        HubError: within five seconds when the hub does not answer; when it has no such repository or revision, or refuses.
    """
    from huggingface_hub import HfApi, constants

    _check_reachable()
    with _faults(repository, revision):
        info = HfApi(endpoint=constants.ENDPOINT).model_info(
            repository, revision=revision, files_metadata=True, timeout=LOOK_UP_SECONDS
        )
    siblings = [_file(sibling) for sibling in info.siblings or () if _stays_inside(sibling.rfilename)]
    wanted = tuple(patterns)
    files = tuple(file for file in siblings if any(fnmatch(file.name, pattern) for pattern in wanted))
    if not files or not info.sha:
        raise HubError(
            f"it holds no file of the kinds {', '.join(wanted)}", "choose a repository with safetensors or GGUF weights"
        )
    card = info.card_data
    licence = (card.get("license_name") or card.get("license") or "") if card is not None else ""
    return Snapshot(info.sha, files, tuple(file.name for file in siblings), str(licence), bool(info.gated))


def fetch_file(repository: str, commit: str, name: str, folder: Path, meter: Meter) -> Path:
    """Download one file into `folder` under its name; a broken-off download goes on from where it stopped.

    Raises:
        HubError: the hub refuses, or does not answer any more.
        StoppedError: the visitor pressed Stop.
    """
    from huggingface_hub import constants, hf_hub_download

    with _faults(repository, commit):
        path = hf_hub_download(
            repository,
            name,
            revision=commit,
            local_dir=folder,
            endpoint=constants.ENDPOINT,
            etag_timeout=FILE_SECONDS,
            tqdm_class=sources.tqdm_class(meter),
        )
    return Path(path)


def _stays_inside(name: str) -> bool:
    """Whether a file of this name lies in the folder that it is joined to, on any system."""
    path = PureWindowsPath(name)  # splits at both slashes, and knows drives
    return not path.anchor and ".." not in path.parts


def _file(sibling: Any) -> HubFile:
    lfs = sibling.lfs
    size = sibling.size if sibling.size is not None else (lfs.size if lfs is not None else 0)
    return HubFile(sibling.rfilename, int(size), lfs.sha256 if lfs is not None else "", sibling.blob_id or "")


def _check_reachable() -> None:
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        raise HubError("HF_HUB_OFFLINE is set", "unset HF_HUB_OFFLINE")
    if not sources.answers(constants.ENDPOINT):
        raise HubError("it cannot be reached")


@contextmanager
def _faults(repository: str, revision: str) -> Iterator[None]:
    """The library's errors as reasons with a way out."""
    from huggingface_hub import errors

    page = f"https://huggingface.co/{repository}"
    try:
        yield
    except errors.GatedRepoError as error:
        way_out = f"accept its terms at {page}, put an access token of yours into HF_TOKEN"
        raise HubError("its publisher lets in only those who accepted its terms", way_out) from error
    except errors.RevisionNotFoundError as error:
        raise HubError(f"it has no revision {revision}", f"look at {page}/commits/main for one that exists") from error
    except errors.RepositoryNotFoundError as error:
        raise HubError(
            "there is no such repository, or it is private", "check its name, or put an access token of yours into HF_TOKEN"
        ) from error
    except errors.HfHubHTTPError as error:
        status = error.response.status_code
        if status in {401, 403}:
            raise HubError(f"it answered {status}", f"check at {page} that your access token in HF_TOKEN may read it") from error
        raise HubError(f"it answered {status}", "try again later") from error
    except (errors.HFValidationError, ValueError) as error:
        raise HubError(first_line(error).rstrip("."), "check its name") from error
    except (errors.EntryNotFoundError, OSError, _transport_error()) as error:
        raise HubError(f"the connection failed: {type(error).__name__}", "try again when the connection is better") from error


def _transport_error() -> type[Exception]:
    """What the library's own HTTP client raises when the connection fails."""
    from huggingface_hub import errors

    base: type[Exception] = errors.HfHubHTTPError.__mro__[1]
    return base
