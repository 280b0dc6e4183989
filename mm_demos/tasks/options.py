"""Checks that several tasks share: programs may put anything into an option."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from functools import lru_cache
from typing import Any, Literal, TypeVar, get_origin, get_type_hints

from pydantic import TypeAdapter, ValidationError

from mm_demos.errors import InvalidInputError

MAX_SEED = 2**32 - 2  # llama.cpp takes 32 bits, and the highest number there asks for chance

Options = TypeVar("Options", bound=Hashable)


def fitted(options: Options | None, kind: type[Options]) -> Options:
    """`options` with every value of its field's type, the defaults for None.

    Raises:
        InvalidInputError: not a `kind`, or a value that cannot become its field's type; the sentence names the field.
    """
    if options is None:
        return kind()
    if not isinstance(options, kind):
        raise InvalidInputError(f"Options are given as {kind.__name__}(…), not as {type(options).__name__}.")
    values: dict[str, Any] = {}
    for name, adapter in _adapters(kind).items():
        value = getattr(options, name)
        try:
            values[name] = adapter.validate_python(value)
        except ValidationError as error:
            wanted = error.errors(include_url=False)[0]["msg"].replace("Input should be", "it should be")
            raise InvalidInputError(f"The option {name} cannot be {str(value)[:40]!r}: {wanted.rstrip('.')}.") from None
    return replace(options, **values)  # type: ignore[type-var]


@lru_cache(maxsize=8)
def _adapters(kind: Any) -> dict[str, TypeAdapter[Any]]:
    """One per field; those that name their choices are checked by the task, which can say more."""
    hints = get_type_hints(kind)
    return {name: TypeAdapter(hint) for name, hint in hints.items() if get_origin(hint) is not Literal}


def check_seed(seed: int) -> None:
    """Refuse a seed that the models would not take as it is.

    Raises:
        InvalidInputError: below 0 or above 32 bits.
    """
    if not 0 <= seed <= MAX_SEED:
        raise InvalidInputError(f"The seed is out of range: give a whole number from 0 to {MAX_SEED}.")
