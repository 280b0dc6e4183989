"""Trial of native engines in a child process, before they are trusted on a machine they have not run on."""

from __future__ import annotations

from mm_demos.models.catalog import Engine, ModelSpec
from mm_demos.progress import Progress


def trial(spec: ModelSpec, engine: Engine, progress: Progress) -> str:  # noqa: ARG001 - first step
    """Why `engine` cannot be trusted with this model here; empty when it can."""
    return ""
