"""What a program sends instead of a page: every value is looked at before the task sees it, and refused in one sentence."""

from __future__ import annotations

import inspect
import logging
import math
import os
from collections.abc import Callable, Sequence
from html import escape
from typing import Any

import gradio as gr

logger = logging.getLogger(__name__)

SHOWN_CHOICES = 12  # of a list of a hundred languages, a sentence names the first ones
SHOWN_CHARS = 60  # of a value that is quoted back
HOW_TO_GIVE_A_FILE = 'POST the file to /gradio_api/upload and give {"path": "…", "meta": {"_type": "gradio.FileData"}}'
WHERE = "see /docs/api for what this endpoint takes"


class Refusal(gr.Error):  # type: ignore[misc]
    """A value that cannot be used; unlike its base, it says its sentence and nothing else as text."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence, title="Please check the input", visible=True, print_exception=False)

    def __str__(self) -> str:
        return str(self.message)


def guard(blocks: gr.Blocks) -> None:
    """Let the events of `blocks` refuse values that fit no component, where Gradio would answer without a word."""
    prepare = blocks.preprocess_data

    async def prepared(block_fn: Any, inputs: list[Any], state: Any, *rest: Any, **options: Any) -> Any:
        names = list(inspect.signature(block_fn.fn).parameters) if block_fn.fn is not None else []
        _refuse_count(names, block_fn.inputs, inputs)
        for index, (block, value) in enumerate(zip(block_fn.inputs, inputs, strict=False)):
            current = state[block._id] if state is not None and block._id in state else block
            name = names[index] if index < len(names) else str(getattr(block, "label", "") or index)
            if sentence := fault(current, name, value):
                raise Refusal(escape(sentence, quote=False))
        try:
            return await prepare(block_fn, whole(inputs), state, *rest, **options)
        except gr.Error:
            raise
        except Exception as error:
            logger.info("refused a value", exc_info=error)
            raise Refusal(escape(_unreadable(names, block_fn.inputs, inputs), quote=False)) from None

    blocks.preprocess_data = prepared


def fault(block: Any, name: str, value: Any) -> str:
    """Why `value` cannot be the argument `name` that `block` takes; empty when it can, and for None, which is no value.

    Gradio's own state and page-only components are not looked at.
    """
    if value is None or getattr(block, "stateful", False):
        return ""
    for kinds, look in _LOOKS:
        if isinstance(block, kinds):
            return look(block, name, value)
    return ""


def whole(value: Any) -> Any:
    """`value` with halves of characters as U+FFFD; an answer that quotes one could not be sent."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {whole(key): whole(item) for key, item in value.items()}
    return [whole(item) for item in value] if isinstance(value, list) else value


def _refuse_count(names: Sequence[str], blocks: Sequence[Any], inputs: Sequence[Any]) -> None:
    if len(inputs) < len(blocks):
        order = ", ".join(names[: len(blocks)])
        raise Refusal(f"{len(inputs)} of {len(blocks)} values were given: give all of them in this order, or by name: {order}.")


def _number(block: Any, name: str, value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"“{name}” is a number, not {_shown(value)}: give one without quotes."
    if not math.isfinite(value):
        return f"“{name}” is infinite or no number at all: give a finite one."
    low, high = block.minimum, block.maximum
    if (low is not None and value < low) or (high is not None and value > high):
        if low is None or high is None:
            wanted = f"at least {low:g}" if low is not None else f"at most {high:g}"
            return f"“{name}” must be {wanted}, and {value:g} is not: give a number in that range."
        return f"“{name}” must lie from {low:g} to {high:g}, and {value:g} does not: give a number in that range."
    return ""


def _choice(block: Any, name: str, value: Any) -> str:
    several = isinstance(block, gr.CheckboxGroup) or bool(getattr(block, "multiselect", False))
    if isinstance(value, list) and not several:
        return f"“{name}” takes one value, not a list: give one of its choices."
    values = value if isinstance(value, list) else [value]
    if any(isinstance(item, dict | list) for item in values):
        return f"“{name}” takes plain values, not {_shown(value)}: {WHERE}."
    if getattr(block, "allow_custom_value", False):
        return ""
    known = [choice for _, choice in block.choices]
    wrong = next((item for item in values if item not in known), None)
    if wrong is None:
        return ""
    more = f" and {len(known) - SHOWN_CHOICES} more (/docs/api lists them)" if len(known) > SHOWN_CHOICES else ""
    listed = ", ".join(_shown(choice) for choice in known[:SHOWN_CHOICES]) or "none on this machine"
    return f"“{name}” cannot be {_shown(wrong)}: choose one of {listed}{more}."


def _files(block: Any, name: str, value: Any) -> str:
    several = getattr(block, "file_count", "single") != "single"
    if isinstance(value, list) and not several:
        return f"“{name}” takes one file, not a list: give one."
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, str) and isinstance(block, gr.Image) and item.startswith("data:"):
            continue
        if not isinstance(item, dict) or not isinstance(item.get("path") or item.get("url"), str):
            return f"“{name}” is a file, not {_shown(item)}: {HOW_TO_GIVE_A_FILE}."
    return ""


def _flag(_block: Any, name: str, value: Any) -> str:
    return "" if isinstance(value, bool) else f"“{name}” is true or false, not {_shown(value)}: give one of the two."


def _text(_block: Any, name: str, value: Any) -> str:
    return "" if isinstance(value, str) else f"“{name}” is text, not {_shown(value)}: put it in quotes."


_LOOKS: tuple[tuple[tuple[type, ...], Callable[[Any, str, Any], str]], ...] = (
    ((gr.Slider, gr.Number), _number),
    ((gr.Checkbox,), _flag),
    ((gr.Dropdown, gr.Radio, gr.CheckboxGroup), _choice),
    ((gr.Textbox,), _text),
    ((gr.Image, gr.Audio, gr.Video, gr.File, gr.UploadButton), _files),
)


def _unreadable(names: Sequence[str], blocks: Sequence[Any], inputs: Sequence[Any]) -> str:
    """The sentence for what only Gradio noticed: nearly always a file that is not one of the uploaded ones."""
    for index, (_, value) in enumerate(zip(blocks, inputs, strict=False)):
        for item in value if isinstance(value, list) else [value]:
            if not isinstance(item, dict) or not ("path" in item or "url" in item):
                continue
            name, path = names[index], str(item.get("path") or item.get("url"))
            if path.startswith(("http:", "https:")):
                return f"“{name}” could not be fetched from its address: {HOW_TO_GIVE_A_FILE}."
            if item.get("meta") != {"_type": "gradio.FileData"} or not _uploaded(path):
                return f"“{name}” is no file that was uploaded here, or it was deleted after an hour: {HOW_TO_GIVE_A_FILE}."
    return f"One of the values cannot be read: {WHERE}."


def _uploaded(path: str) -> bool:
    from gradio.utils import get_upload_folder, is_in_or_equal

    return bool(is_in_or_equal(path, get_upload_folder())) and os.path.isfile(path)


def _shown(value: Any) -> str:
    """A value as a sentence may quote it: short and on one line."""
    text = repr(value) if not isinstance(value, bool) else str(value).lower()
    return text if len(text) <= SHOWN_CHARS else text[: SHOWN_CHARS - 1] + "…"
