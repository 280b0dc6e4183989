"""Starts the page of a Space: what its `app.py` calls, and all of this package's publishing that a Space carries."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

EXAMPLES = "examples"  # folder beside app.py with what the example rows gave


def start(names: Sequence[str], app_file: str | Path, *, block: bool = True) -> None:
    """Serve the tabs of these names; what is wrong with the settings ends the program with one sentence.

    On ZeroGPU the models are put on the GPU before the page is there, because what a call loads is lost after it; elsewhere each
    is loaded when the first visitor needs it, and what takes long at a first load is done beside the page.

    Args:
        names: of the tabs, in order.
        app_file: the Space's `app.py`; the examples lie beside it.
        block: wait until interrupted.
    """
    _defaults(Path(app_file).resolve().parent)
    from mm_demos import accelerator
    from mm_demos.errors import DemoError
    from mm_demos.settings import settings
    from mm_demos.tabs import find

    try:
        if accelerator.zero_gpu():
            os.environ.setdefault("MM_DEMOS_PROFILE", "base")
        settings.cache_clear()
        specs = [find(name) for name in names]
        from mm_demos.models import preparing
        from mm_demos.serving.launch import launch

        roles = [role for spec in specs for role in (*spec.roles, *spec.on_demand)]
        if accelerator.zero_gpu():
            place(roles)
        with preparing.meanwhile(() if accelerator.zero_gpu() else ahead(roles)):
            launch(specs, host=settings().host, port=settings().port, block=block)
    except DemoError as error:
        sys.exit(f"mm-demos: {error}")


def place(roles: Sequence[str]) -> tuple[str, ...]:
    """Load the models of these roles for good and return their names; those that torch does not run stay where they are.

    A library with threads of its own, such as ONNX Runtime, would stand still in the child process that ZeroGPU forks for a call.
    """
    from mm_demos.models import catalog, loader

    names = dict.fromkeys(catalog.default(role) for role in roles)  # type: ignore[arg-type]
    found = tuple(name for name in names if all(row.on_torch for row in catalog.expand(name)))
    loader.shared().place(found)
    return found


def ahead(roles: Sequence[str]) -> tuple[str, ...]:
    """The models of these roles whose first load may be done beside the page: small ones, since they are in memory twice then."""
    from mm_demos.models import catalog

    names = dict.fromkeys(catalog.default(role) for role in roles)  # type: ignore[arg-type]
    return tuple(name for name in names if "embedded" in catalog.spec(name).profiles)


def _defaults(folder: Path) -> None:
    """Settings of a page for everybody, where the owner's variables say nothing else."""
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # read when gradio is imported
    os.environ.setdefault("MM_DEMOS_FETCH", "profile")
    if (folder / EXAMPLES).is_dir():
        os.environ.setdefault("MM_DEMOS_EXAMPLES_DIR", str(folder / EXAMPLES))
