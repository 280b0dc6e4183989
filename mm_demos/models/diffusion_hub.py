"""Pipelines from the Hugging Face hub: pinned to a commit, and only the files that are loaded."""

from __future__ import annotations

from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from mm_demos.errors import InvalidInputError, WeightsUnavailableError
from mm_demos.models import sources
from mm_demos.models.diffusion_folder import HALF, INDEX
from mm_demos.models.transfers import Meter, first_line
from mm_demos.progress import Progress
from mm_demos.settings import settings

WANTED = [INDEX, "*/*.safetensors", "*/*.json", "*/*.txt", "*/*.model"]
UNWANTED = ["*non_ema*", "*flax*", "*onnx*", "*openvino*"]
HALVES = [f"*.{HALF}*"]  # wanted only where the weights are there in no other form
ASK_SECONDS = 5.0


def fetch(repository: str, revision: str | None, progress: Progress) -> tuple[Path, str]:
    """The folder and the commit of a repository; what the hub's own cache has is not fetched again.

    Raises:
        WeightsUnavailableError: the hub cannot be reached, or does not give the repository.
        InvalidInputError: it holds no pipeline.
    """
    from huggingface_hub import constants

    offline = settings().offline or constants.HF_HUB_OFFLINE
    if offline or not sources.answers(constants.ENDPOINT):
        kept = _kept(repository, revision)
        if kept is not None:
            return kept, kept.name
        problem, way_out = (
            ("offline mode is set", "unset it") if offline else ("the hub cannot be reached", "connect to the internet")
        )
        raise WeightsUnavailableError(
            f"The pipeline {repository} cannot be fetched ({problem}): {way_out}, or give the folder of a copy."
        )
    return _download(repository, revision, progress)


def _kept(repository: str, revision: str | None) -> Path | None:
    """The snapshot in the hub's own cache, if it is there."""
    from huggingface_hub import errors, snapshot_download

    try:
        return Path(snapshot_download(repository, revision=revision, local_files_only=True))
    except (errors.LocalEntryNotFoundError, errors.HFValidationError, OSError):
        return None


def _download(repository: str, revision: str | None, progress: Progress) -> tuple[Path, str]:
    from huggingface_hub import HfApi, errors, snapshot_download

    progress.report(f"Asking the hub for {repository}")
    try:
        about = HfApi().model_info(repository, revision=revision, timeout=ASK_SECONDS, files_metadata=True)
        found = about.siblings or []
        if INDEX not in {file.rfilename for file in found}:
            raise InvalidInputError(f"{repository} holds no pipeline of the diffusers library: choose a repository with {INDEX}.")
        unwanted = _unwanted(repository, [file.rfilename for file in found])
        meter = Meter(progress, f"Fetching {repository}", _total(found, unwanted))
        folder = snapshot_download(
            repository,
            revision=about.sha,
            allow_patterns=WANTED,
            ignore_patterns=unwanted,
            max_workers=1,  # one count of bytes, and a stop is heard on this thread
            tqdm_class=sources.tqdm_class(meter),
        )
    except errors.GatedRepoError as error:
        raise WeightsUnavailableError(
            f"{repository} is given only to accounts that accepted its terms: accept them at https://huggingface.co/{repository} "
            "and set HF_TOKEN."
        ) from error
    except errors.RevisionNotFoundError as error:
        raise WeightsUnavailableError(f"{repository} has no revision {revision}: leave it out or give a commit.") from error
    except errors.RepositoryNotFoundError as error:
        raise WeightsUnavailableError(
            f"The hub has no repository {repository}, or a private one: check the name, or set HF_TOKEN."
        ) from error
    except (errors.HFValidationError, OSError) as error:
        raise WeightsUnavailableError(
            f"The pipeline {repository} could not be fetched ({first_line(error)}): try again, or give the folder of a copy."
        ) from error
    return Path(folder), str(about.sha)


def _unwanted(repository: str, names: list[str]) -> list[str]:
    """What is not fetched: second copies of the weights, and what other programs read.

    Raises:
        InvalidInputError: there would be no weights.
    """
    weights = [name for name in names if fnmatch(name, "*/*.safetensors") and not _among(name, UNWANTED)]
    if not weights:
        raise InvalidInputError(f"{repository} has no weights in the safetensors format: choose a repository that has.")
    return UNWANTED if all(_among(name, HALVES) for name in weights) else [*UNWANTED, *HALVES]


def _total(found: list[Any], unwanted: list[str]) -> int:
    """Bytes of the files that will be fetched."""
    return sum(int(file.size or 0) for file in found if _among(file.rfilename, WANTED) and not _among(file.rfilename, unwanted))


def _among(name: str, patterns: list[str]) -> bool:
    return any(fnmatch(name, pattern) for pattern in patterns)
