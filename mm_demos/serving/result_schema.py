"""JSON schemas of results, made from the dataclasses that every door shares."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Iterator, Mapping, Sequence, Set
from pathlib import Path
from typing import Any

from mm_demos.ui.endpoints import Definition

Json = dict[str, Any]

_PLAIN: dict[Any, Json] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    type(None): {"type": "null"},
    Path: {"type": "string"},
    bytes: {"type": "string", "format": "binary"},
}


class Schemas:
    """Named schemas, one for each dataclass met; `named` goes into `components/schemas`."""

    def __init__(self) -> None:
        self.named: dict[str, Json] = {}
        self._names: dict[type, str] = {}

    def of(self, kind: Any) -> Json:
        """The schema of `as_dict(value)` for values of this annotation; an empty one allows anything."""
        if kind in _PLAIN:
            return dict(_PLAIN[kind])
        if dataclasses.is_dataclass(kind) and isinstance(kind, type):
            return {"$ref": f"#/components/schemas/{self._name(kind)}"}
        origin, parts = typing.get_origin(kind), typing.get_args(kind)
        return self.of(parts[0]) if origin is Iterator else self._composed(origin, parts)

    def _composed(self, origin: Any, parts: tuple[Any, ...]) -> Json:
        if origin in {typing.Union, types.UnionType}:
            return self._union(parts)
        if origin is typing.Literal:
            return {"enum": list(parts)}
        if origin is tuple and not (len(parts) == 2 and parts[1] is Ellipsis):
            return {"type": "array", "prefixItems": [self.of(part) for part in parts], "items": False, "minItems": len(parts)}
        if origin in {tuple, list, Sequence, Set, set, frozenset}:
            return {"type": "array", "items": self.of(parts[0]) if parts else {}}
        if origin in {dict, Mapping}:
            return {"type": "object", "additionalProperties": self.of(parts[1]) if len(parts) > 1 else {}}
        return {}

    def _union(self, parts: tuple[Any, ...]) -> Json:
        several = [self.of(part) for part in parts]
        if all(set(each) == {"type"} for each in several):
            return {"type": [each["type"] for each in several]}
        return {"anyOf": several}

    def _name(self, kind: type) -> str:
        if kind in self._names:
            return self._names[kind]
        name = kind.__name__
        if name in self.named:  # another module's class of the same name
            name = "".join(part.title() for part in kind.__module__.rpartition(".")[2].split("_")) + name
        self._names[kind] = name
        self.named[name] = {}  # met again inside itself, it is a reference
        about = Definition.of(kind)
        hints = typing.get_type_hints(kind)
        kept = [field.name for field in dataclasses.fields(kind) if field.metadata.get("json", True)]
        properties = {}
        for field in kept:
            note = about.notes.get(field, "")
            properties[field] = self.of(hints[field]) | ({"description": note} if note else {})
        self.named[name] = {
            "type": "object",
            "description": about.summary,
            "properties": properties,
            "required": kept,
            "additionalProperties": False,
        }
        return name
