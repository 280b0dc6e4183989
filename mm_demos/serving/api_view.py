"""The OpenAPI document as a reader meets it: tabs, their endpoints, arguments with types in words, shapes of results."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

Json = dict[str, Any]

OR_NULL = " or null"  # of arguments that may be left out: it would only repeat that
LONG_LIST = 24  # choices that are named; of more, the first and the last


@dataclass(frozen=True, slots=True)
class Row:
    """An argument or a field: name, type in words, default as JSON (empty for none), meaning."""

    name: str
    kind: str
    default: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Call:
    """One endpoint.

    Args:
        name: the last part of its address.
        summary: what it does.
        arguments: what it takes.
        result: the name of the shape of its result, as in `Reference.shapes`; empty when anything may come.
        request: an example of the arguments, as JSON; empty when there is none.
        answer: an example of the result, as JSON; empty when there is none.
    """

    name: str
    summary: str
    arguments: tuple[Row, ...]
    result: str
    request: str
    answer: str


@dataclass(frozen=True, slots=True)
class Shape:
    """A named object in results."""

    name: str
    meaning: str
    fields: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Reference:
    """Everything, in the order of the page.

    Args:
        tabs: (name, sentence, its endpoints).
        shapes: every object that results are made of, each after what refers to it first.
        refusals: (status, meaning, example of the sentence).
    """

    about: str
    events: str
    tabs: tuple[tuple[str, str, tuple[Call, ...]], ...]
    shapes: tuple[Shape, ...]
    refusals: tuple[tuple[str, str, str], ...]


def reference(document: Json) -> Reference:
    """Read the document."""
    schemas: Mapping[str, Json] = document["components"]["schemas"]
    posts = {path: item["post"] for path, item in document["paths"].items() if "/call/v2/" in path and "post" in item}
    follows = {path: document["paths"][f"{path}/{{event_id}}"]["get"] for path in posts}
    tabs, results = [], []
    for tag in document["tags"]:
        calls = tuple(_call(path, post, follows[path], schemas) for path, post in posts.items() if tag["name"] in post["tags"])
        if calls:
            title, _, sentence = tag["description"].partition(": ")
            tabs.append((title, sentence, calls))
            results += [call.result for call in calls]
    responses = document["components"]["responses"]
    said = (
        (status[6:], each["description"], each["content"]["application/json"]["example"]) for status, each in responses.items()
    )
    return Reference(
        about=document["info"]["description"],
        events=next(iter(follows.values()))["description"] if follows else "",
        tabs=tuple(tabs),
        shapes=tuple(_shapes(results, schemas)),
        refusals=tuple((status, meaning, example["detail"]) for status, meaning, example in said),
    )


def _call(path: str, post: Json, follow: Json, schemas: Mapping[str, Json]) -> Call:
    body = post["requestBody"]["content"]["application/json"]
    taken = schemas[_target(body["schema"])]
    stream = follow["responses"]["200"]["content"]["text/event-stream"]
    answer = stream.get("example", "").partition("data: ")[2].strip()
    return Call(
        name=path.rpartition("/")[2],
        summary=post["description"],
        arguments=tuple(replace(row, kind=row.kind.removesuffix(OR_NULL)) for row in _rows(taken)),
        result=_target(stream["x-result"]),
        request=_pretty(body["example"]) if "example" in body else "",
        answer=_pretty(json.loads(answer)[0]) if answer else "",
    )


def _rows(schema: Json) -> Iterator[Row]:
    for name, each in schema.get("properties", {}).items():
        default = json.dumps(each["default"], ensure_ascii=False) if "default" in each else ""
        needed = "required" if name in schema.get("required", ()) else ""
        yield Row(name, kind_of(each), default or needed, each.get("description", ""))


def kind_of(schema: Json) -> str:
    """A schema in words: "integer, 1 to 8", "list of Word", "one of auto, off"."""
    if "$ref" in schema:
        return _target(schema)
    if "anyOf" in schema:
        return " or ".join(kind_of(each) for each in schema["anyOf"])
    if "enum" in schema:
        return _one_of([each for each in schema["enum"] if each is not None])
    if "const" in schema:
        return json.dumps(schema["const"])
    kinds = schema.get("type", "anything")
    if isinstance(kinds, list):
        return " or ".join(kind if kind == "null" else _plain(kind, schema) for kind in kinds)
    return _plain(kinds, schema)


def _plain(kind: str, schema: Json) -> str:
    if kind == "array":
        if "prefixItems" in schema:
            return f"list of {len(schema['prefixItems'])}: {', '.join(kind_of(each) for each in schema['prefixItems'])}"
        return f"list of {kind_of(schema['items'])}" if schema.get("items") else "list"
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"object of {kind_of(schema['additionalProperties'])}" if schema["additionalProperties"] else "object"
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None:
        return f"{kind}, {low:g} to {high:g}"
    return kind


def _one_of(choices: Sequence[Any]) -> str:
    names = [json.dumps(each, ensure_ascii=False) for each in choices]
    if len(names) > LONG_LIST:
        names = [*names[: LONG_LIST // 2], f"… ({len(names)} in all) …", names[-1]]
    return "one of " + ", ".join(names) if len(names) > 1 else "".join(names) or "string"


def _shapes(results: Sequence[str], schemas: Mapping[str, Json]) -> Iterator[Shape]:
    waiting, met = [name for name in results if name], set[str]()
    while waiting:
        name = waiting.pop(0)
        if name in met:
            continue
        met.add(name)
        yield Shape(name, schemas[name].get("description", ""), tuple(_rows(schemas[name] | {"required": []})))
        waiting += _targets(schemas[name])


def _targets(schema: Any) -> Iterator[str]:
    """Names of everything a schema refers to, in order."""
    if isinstance(schema, dict):
        if "$ref" in schema:
            yield _target(schema)
        for value in schema.values():
            yield from _targets(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _targets(value)


def _target(schema: Json) -> str:
    return str(schema.get("$ref", "")).rpartition("/")[2]


def _pretty(value: Any) -> str:
    """JSON that a person reads: what is short stays on one line."""
    return _lines(value, 0)


def _lines(value: Any, depth: int) -> str:
    flat = json.dumps(value, ensure_ascii=False)
    if len(flat) + 2 * depth <= 110 or not isinstance(value, dict | list) or not value:
        return flat
    pad, end = "  " * (depth + 1), "  " * depth
    if isinstance(value, dict):
        inner = [f"{pad}{json.dumps(key, ensure_ascii=False)}: {_lines(item, depth + 1)}" for key, item in value.items()]
        return "{\n" + ",\n".join(inner) + f"\n{end}}}"
    return "[\n" + ",\n".join(pad + _lines(item, depth + 1) for item in value) + f"\n{end}]"
