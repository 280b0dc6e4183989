"""Which models may be fetched: on a page for others, those that its owner chose, or any visitor could fill the disk."""

from __future__ import annotations

from mm_demos.errors import WeightsUnavailableError
from mm_demos.models import catalog
from mm_demos.models.spec import ModelSpec
from mm_demos.settings import settings


def check(spec: ModelSpec, *, there: bool = False) -> None:
    """Pass what is `there` already, a default of the profile, or in the embedded one, with what they are made of.

    Raises:
        WeightsUnavailableError: another model, where the settings keep to the profile.
    """
    if there or settings().fetch == "any":
        return
    chosen = (row for row in catalog.rows() if catalog.is_default(row) or "embedded" in row.profiles)
    if not any(part.name == spec.name for row in chosen for part in catalog.expand(row.name, on_demand=True)):
        raise WeightsUnavailableError(
            f"{spec.name} is not on this machine, and this page fetches only the models of its profile: choose one of those, "
            f"or let its owner run `python -m mm_demos models pull {spec.name}`."
        )
