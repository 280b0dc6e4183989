"""Multimodal demos: speech, vision and language models behind one loader, in the browser and in Python.

    import mm_demos
    mm_demos.transcribe("talk.flac").text

Everything named in `__all__` is imported on first use, so `import mm_demos` costs next to nothing.
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mm_demos.errors import DemoError, InvalidInputError
    from mm_demos.models.added import add as add_model
    from mm_demos.models.added import remove as remove_model
    from mm_demos.models.painting import PaintOptions
    from mm_demos.models.protocols import AnswerOptions, CaptionOptions, TranscribeOptions
    from mm_demos.progress import Progress
    from mm_demos.results import (
        Answer,
        Caption,
        Captioning,
        Classification,
        GeneratedImage,
        Generation,
        LabelScore,
        Segment,
        Transcription,
        Word,
        as_dict,
    )
    from mm_demos.retrieval.library import Library
    from mm_demos.retrieval.types import Query
    from mm_demos.tasks.assistant import reply
    from mm_demos.tasks.assistant_chat import Chat
    from mm_demos.tasks.captioning import caption
    from mm_demos.tasks.classification import classify
    from mm_demos.tasks.embedding import embed_images, embed_texts
    from mm_demos.tasks.image_generation import generate, generate_steps, replay
    from mm_demos.tasks.model_choices import choose as choose_model
    from mm_demos.tasks.model_states import download as download_model
    from mm_demos.tasks.model_states import eject as eject_model
    from mm_demos.tasks.model_states import listing as list_models
    from mm_demos.tasks.model_states import load as load_model
    from mm_demos.tasks.model_states import pin as pin_model
    from mm_demos.tasks.picture_index import PictureIndex
    from mm_demos.tasks.picture_search import rank_sentences, search_pictures
    from mm_demos.tasks.retrieval import index_folder, search
    from mm_demos.tasks.sound_sentences import rank_sentences as describe_sound
    from mm_demos.tasks.speaking import speak
    from mm_demos.tasks.studio import train
    from mm_demos.tasks.studio_predict import predict
    from mm_demos.tasks.transcription import transcribe
    from mm_demos.tasks.visual_qa import answer

__version__ = "0.1.0"
__all__ = [
    "Answer",
    "AnswerOptions",
    "Caption",
    "CaptionOptions",
    "Captioning",
    "Chat",
    "Classification",
    "DemoError",
    "GeneratedImage",
    "Generation",
    "InvalidInputError",
    "LabelScore",
    "Library",
    "PaintOptions",
    "PictureIndex",
    "Progress",
    "Query",
    "Segment",
    "TranscribeOptions",
    "Transcription",
    "Word",
    "add_model",
    "answer",
    "as_dict",
    "caption",
    "choose_model",
    "classify",
    "describe_sound",
    "download_model",
    "eject_model",
    "embed_images",
    "embed_texts",
    "generate",
    "generate_steps",
    "index_folder",
    "list_models",
    "load_model",
    "pin_model",
    "predict",
    "rank_sentences",
    "remove_model",
    "replay",
    "reply",
    "search",
    "search_pictures",
    "speak",
    "train",
    "transcribe",
]

_HOMES = {
    "mm_demos.errors": ("DemoError", "InvalidInputError"),
    "mm_demos.models.painting": ("PaintOptions",),
    "mm_demos.models.protocols": ("AnswerOptions", "CaptionOptions", "TranscribeOptions"),
    "mm_demos.progress": ("Progress",),
    "mm_demos.results": (
        *("Answer", "Caption", "Captioning", "Classification", "LabelScore"),
        *("GeneratedImage", "Generation", "Segment", "Transcription", "Word", "as_dict"),
    ),
    "mm_demos.retrieval.library": ("Library",),
    "mm_demos.retrieval.types": ("Query",),
    "mm_demos.tasks.assistant": ("reply",),
    "mm_demos.tasks.assistant_chat": ("Chat",),
    "mm_demos.tasks.captioning": ("caption",),
    "mm_demos.tasks.classification": ("classify",),
    "mm_demos.tasks.embedding": ("embed_images", "embed_texts"),
    "mm_demos.tasks.image_generation": ("generate", "generate_steps", "replay"),
    "mm_demos.tasks.picture_index": ("PictureIndex",),
    "mm_demos.tasks.picture_search": ("rank_sentences", "search_pictures"),
    "mm_demos.tasks.retrieval": ("index_folder", "search"),
    "mm_demos.tasks.speaking": ("speak",),
    "mm_demos.tasks.studio": ("train",),
    "mm_demos.tasks.studio_predict": ("predict",),
    "mm_demos.tasks.transcription": ("transcribe",),
    "mm_demos.tasks.visual_qa": ("answer",),
}
_OTHER_NAMES = {  # in their own rooms they have shorter ones
    "add_model": ("mm_demos.models.added", "add"),
    "choose_model": ("mm_demos.tasks.model_choices", "choose"),
    "describe_sound": ("mm_demos.tasks.sound_sentences", "rank_sentences"),
    "download_model": ("mm_demos.tasks.model_states", "download"),
    "eject_model": ("mm_demos.tasks.model_states", "eject"),
    "list_models": ("mm_demos.tasks.model_states", "listing"),
    "load_model": ("mm_demos.tasks.model_states", "load"),
    "pin_model": ("mm_demos.tasks.model_states", "pin"),
    "remove_model": ("mm_demos.models.added", "remove"),
}

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # ONNX Runtime reads it when it is loaded, and reports to its maker otherwise


def __getattr__(name: str) -> Any:
    """Import what `name` stands for; Python calls this once per name."""
    for module, names in _HOMES.items():
        if name in names:
            globals()[name] = value = getattr(importlib.import_module(module), name)
            return value
    if name in _OTHER_NAMES:
        module, there = _OTHER_NAMES[name]
        globals()[name] = value = getattr(importlib.import_module(module), there)
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """Public names, imported yet or not."""
    return sorted({*globals(), *__all__})
