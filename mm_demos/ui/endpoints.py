"""What programs are told about the endpoints: names and documentation from the task, bounds and defaults from the page."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import gradio as gr
from gradio_client.utils import json_schema_to_python_type

Run = Callable[..., Any]
Json = dict[str, Any]

FILES = (gr.Image, gr.Audio, gr.Video, gr.File, gr.UploadButton)
_NAMED = re.compile(r"(\w+): +(.*)")


@dataclass(frozen=True, slots=True)
class Definition:
    """What a task's own function says about itself.

    Args:
        summary: the docstring up to its sections, on one line.
        notes: argument → what the docstring says about it.
        required: arguments without a default.
        lists: arguments that are annotated as lists.
        returns: the type of the result; None where the function does not say it.
    """

    summary: str
    notes: Mapping[str, str]
    required: frozenset[str]
    lists: frozenset[str]
    returns: Any = None

    @classmethod
    def of(cls, run: Run) -> Definition:
        """Read a function's signature and docstring."""
        text, _, sections = (inspect.getdoc(run) or "").partition("\nArgs:\n")
        parameters = inspect.signature(run).parameters.values()
        required = frozenset(each.name for each in parameters if each.default is inspect.Parameter.empty)
        lists = frozenset(each.name for each in parameters if str(each.annotation).startswith(("list", "Sequence")))
        return cls(" ".join(text.split("\nRaises:\n")[0].split()), dict(_notes(sections)), required, lists, _returned(run))


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of an endpoint.

    Args:
        schema: JSON schema of a value that is no file, with its description and default; for a file the description alone.
        files: how many files it takes: "" (it is none), "one" or "many".
        required: a call without it is refused.
    """

    name: str
    schema: Json
    files: str = ""
    required: bool = False


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A verb as programs see it."""

    name: str
    summary: str
    arguments: tuple[Argument, ...]
    returns: Any = None


def define(event: Run, run: Run, signature: inspect.Signature) -> None:
    """Let an event say what `run` says about itself."""
    event.__signature__ = signature  # type: ignore[attr-defined]
    event.__doc__ = inspect.getdoc(run)
    event.definition = Definition.of(run)  # type: ignore[attr-defined]


def endpoints_of(blocks: gr.Blocks) -> Iterator[Endpoint]:
    """The public endpoints of a page as they are now: a model that was added is a choice at once."""
    for fn in blocks.fns.values():
        definition = getattr(fn.fn, "definition", None)
        if definition is None or fn.api_visibility != "public":
            continue
        names = inspect.signature(fn.fn).parameters
        pairs = zip(names, fn.inputs, strict=False)
        arguments = tuple(_argument(name, block, definition) for name, block in pairs if not block.skip_api)
        yield Endpoint(str(fn.api_name), definition.summary, arguments, definition.returns)


def describe(blocks: gr.Blocks) -> None:
    """Let `/gradio_api/info`, the OpenAPI page and the clients know what `endpoints_of` knows."""
    blocks.get_api_info = partial(_described, blocks, blocks.get_api_info)


def _described(blocks: gr.Blocks, ask: Callable[..., Json], all_endpoints: bool = False, page: str | None = None) -> Json:
    info = ask(all_endpoints=all_endpoints, page=page)
    for endpoint in endpoints_of(blocks):
        told = info["named_endpoints"].get(f"/{endpoint.name}")
        for argument, parameter in zip(endpoint.arguments, told["parameters"] if told else (), strict=False):
            note = argument.schema.get("description", "")
            schema = {key: value for key, value in argument.schema.items() if key != "default"}
            parameter["type"] = {**parameter["type"], **({"description": note} if argument.files else schema)}
            if not argument.files:
                kept = {**schema} if "enum" not in schema else {**schema, "enum": list(map(str, schema["enum"]))}
                parameter["python_type"]["type"] = json_schema_to_python_type(kept or {"type": {}})
            parameter["python_type"]["description"] = note
    return info


def _argument(name: str, block: Any, definition: Definition) -> Argument:
    note = definition.notes.get(name, "")
    about = {"description": note} if note else {}
    value = getattr(block, "value", None)
    required = name in definition.required
    if isinstance(block, FILES):
        several = getattr(block, "file_count", "single") != "single"
        return Argument(name, about, "many" if several else "one", required)
    schema = _schema(name, block, definition) | about
    if value is not None and not callable(value) and not required:
        schema["default"] = value
    return Argument(name, schema, required=required)


def _schema(name: str, block: Any, definition: Definition) -> Json:
    """The JSON schema of the values that a component takes."""
    if isinstance(block, gr.Slider | gr.Number):
        whole = getattr(block, "precision", None) == 0 or (isinstance(block, gr.Slider) and float(block.step or 0).is_integer())
        bounds = {"minimum": block.minimum, "maximum": block.maximum}
        return {"type": "integer" if whole else "number", **{key: at for key, at in bounds.items() if at is not None}}
    if isinstance(block, gr.Checkbox):
        return {"type": "boolean"}
    if isinstance(block, gr.Dropdown | gr.Radio | gr.CheckboxGroup):
        free = getattr(block, "allow_custom_value", False)
        one: Json = {"type": "string"} | ({} if free else {"enum": [value for _, value in block.choices or ()]})
        several = isinstance(block, gr.CheckboxGroup) or getattr(block, "multiselect", False)
        return {"type": "array", "items": one} if several else one
    if isinstance(block, gr.Textbox):
        return {"type": "string"}
    return {"type": "array", "items": {}} if name in definition.lists else {}


def _returned(run: Run) -> Any:
    """The annotation after the arrow, looked up where the function was written."""
    function = inspect.unwrap(getattr(run, "func", run))
    said = getattr(function, "__annotations__", {}).get("return")
    names = getattr(function, "__globals__", {})
    return eval(said, names) if isinstance(said, str) else said  # noqa: S307 (our own source)


def _notes(sections: str) -> Iterator[tuple[str, str]]:
    """Argument and text of each entry of a docstring's `Args:`; continuation lines are joined."""
    name = ""
    words: list[str] = []
    for line in sections.split("\n"):
        if line and not line.startswith(" "):
            break  # the next section
        begins = _NAMED.fullmatch(line.strip()) if line.startswith("    ") and line[4:5] != " " else None
        if begins:
            if name:
                yield name, " ".join(words)
            name, words = begins[1], [begins[2]]
        elif line.strip():
            words.append(line.strip())
    if name:
        yield name, " ".join(words)
