"""Faults that a visitor can understand: one sentence that names the cause and the fix."""

from __future__ import annotations


class DemoError(Exception):
    """Base of every error the project raises on purpose; `str(error)` is fit to be shown to a visitor."""


class InvalidInputError(DemoError):
    """The file, text or option given cannot be used as it is."""


class SettingError(DemoError):
    """An environment variable or a flag of the whole program holds what cannot be used."""


class UnknownModelError(DemoError):
    """No catalog row has this name."""


class WeightsUnavailableError(DemoError):
    """None of a model's sources could deliver the verified bytes."""


class MissingDependencyError(DemoError):
    """A library that this model needs is not installed, or no engine for it works on this machine."""


class BusyError(DemoError):
    """Every model that could make room is in use, and stayed in use until the time-out."""


class InsufficientMemoryError(DemoError):
    """A model is larger than the memory there is for models; waiting does not help."""


class StoppedError(DemoError):
    """The visitor pressed Stop; raised at the next checkpoint of the running task."""
