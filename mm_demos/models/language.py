"""Chat models: llama.cpp on a CPU, transformers on a GPU, and what the two share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mm_demos.errors import InvalidInputError
from mm_demos.models.protocols import ChatMessage, ChatModel

if TYPE_CHECKING:
    from mm_demos.models.loader import LoadRequest

# Of Gemma and of Llama 2 and Mistral; those of most others begin with "<|".
OTHER_MARKS = ("<start_of_turn>", "<end_of_turn>", "<bos>", "<eos>", "[INST]", "[/INST]", "<<SYS>>", "</s>", "<s>")


def load_llama_cpp(request: LoadRequest) -> ChatModel:
    """The GGUF file in the model's folder, run by llama.cpp."""
    from mm_demos.models.llama_cpp import LlamaCppChat

    return LlamaCppChat.load(request)


def load_transformers(request: LoadRequest) -> ChatModel:
    """The safetensors or GGUF checkpoint in the model's folder, run by transformers and placed by accelerate."""
    from mm_demos.models.language_transformers import TransformersChat

    return TransformersChat.load(request)


def template_input(messages: Sequence[ChatMessage]) -> list[dict[str, str]]:
    """Messages as chat templates take them, with the marks of special tokens in their text defused.

    Raises:
        InvalidInputError: there is no message, or the last one is empty.
    """
    if not messages or not messages[-1].content.strip():
        raise InvalidInputError("The message is empty: write something first.")
    return [{"role": message.role, "content": _defused(message.content)} for message in messages]


def _defused(text: str) -> str:
    """ "<|im_end|>" inside a visitor's text or a text read in a picture would otherwise end the turn and open another."""
    text = text.replace("<|", "< |")
    for mark in OTHER_MARKS:
        text = text.replace(mark, f"{mark[0]} {mark[1:]}")
    return text


def follows_grammar(chat: ChatModel) -> bool:
    """Whether a model holds an answer to a grammar or schema; one that does not refuses them."""
    return bool(getattr(chat, "follows_grammar", True))


def check_choices(choices: Sequence[str]) -> list[str]:
    """Choices without blanks around them.

    Raises:
        InvalidInputError: fewer than one, an empty one, or two that are the same.
    """
    stripped = [choice.strip() for choice in choices]
    if not stripped or not all(stripped):
        raise InvalidInputError("A choice is empty: give at least one word for each.")
    if len(set(stripped)) < len(stripped):
        raise InvalidInputError("Two choices are the same: remove one of them.")
    return stripped


def too_long(n_tokens: int, context_tokens: int) -> InvalidInputError:
    """The error for a prompt that leaves no room for an answer."""
    return InvalidInputError(
        f"The text is too long for this model: {n_tokens:,} tokens of at most {context_tokens:,}. Shorten it or start a new chat."
    )
