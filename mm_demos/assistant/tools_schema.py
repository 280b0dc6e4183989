"""What a tool may be given, as JSON schema, and whether it was given that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mm_demos.errors import InvalidInputError

MAX_CHARS = 4000  # of one argument


@dataclass(frozen=True, slots=True)
class Parameter:
    """One argument of a tool, a string; `choices` restricts it, `format` is "date" for YYYY-MM-DD."""

    name: str
    description: str
    required: bool = False
    choices: tuple[str, ...] = ()
    format: str = ""


def schema(parameters: Sequence[Parameter]) -> dict[str, object]:
    """JSON schema of an object with these strings and no others."""
    return {
        "type": "object",
        "properties": {parameter.name: _property(parameter) for parameter in parameters},
        "required": [parameter.name for parameter in parameters if parameter.required],
        "additionalProperties": False,
    }


def _property(parameter: Parameter) -> dict[str, object]:
    found: dict[str, object] = {"type": "string", "description": parameter.description}
    if parameter.choices:
        found["enum"] = list(parameter.choices)
    if parameter.format:
        found["format"] = parameter.format
    return found


def checked(arguments: Mapping[str, str], parameters: Sequence[Parameter]) -> Mapping[str, str]:
    """The arguments, if they fit.

    Raises:
        InvalidInputError: an argument is unknown, missing, too long or none of its choices.
    """
    known = {parameter.name: parameter for parameter in parameters}
    for name, value in arguments.items():
        if name not in known:
            raise InvalidInputError(f"There is no argument {name!r}: give {', '.join(known)}.")
        if not isinstance(value, str) or len(value) > MAX_CHARS:
            raise InvalidInputError(f"{name} must be text of at most {MAX_CHARS} characters.")
        if known[name].choices and value not in known[name].choices:
            raise InvalidInputError(f"{name} cannot be {value[:40]!r}: choose one of {', '.join(known[name].choices)}.")
    for parameter in parameters:
        if parameter.required and not arguments.get(parameter.name):
            raise InvalidInputError(f"{parameter.name} is missing: give the {parameter.description}.")
    return arguments
