"""Which family a checkpoint belongs to, told by the files that it comes with: what it can do and which function loads it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import Any

from mm_demos.errors import InvalidInputError
from mm_demos.models import hub_engines as engines
from mm_demos.models.spec import SAFE_PATTERNS, Engine, Role

# Read to recognise a checkpoint, before any weight is fetched.
DESCRIPTIONS = ("config.json", "model_index.json", "open_clip_config.json", "adapter_config.json")


@dataclass(frozen=True, slots=True)
class Family:
    """Checkpoints that one adapter loads.

    Args:
        name: as rows of the catalog have it.
        summary: for people, in a list of what is known.
        roles: what its checkpoints can do, each with the engine for it; the first one holds the weights.
        architectures: names of classes in `config.json` (or of pipelines in `model_index.json`); "*ForCausalLM" is a pattern.
        patterns: files that are fetched.
    """

    name: str
    summary: str
    roles: tuple[tuple[Role, Engine], ...]
    architectures: tuple[str, ...] = ()
    patterns: tuple[str, ...] = SAFE_PATTERNS


@dataclass(frozen=True, slots=True)
class Listing:
    """What a checkpoint looks like from outside: names of its files, and the JSON objects among `DESCRIPTIONS`."""

    names: tuple[str, ...]
    descriptions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @classmethod
    def of_folder(cls, folder: Path) -> Listing:
        """The listing of a folder and of those in it; no checkpoint has its files deeper, and a whole disk may lie there.

        Raises:
            InvalidInputError: there is no such folder.
        """
        if not folder.is_dir():
            raise InvalidInputError(
                f"There is no folder {folder}: give one with a checkpoint in it, or the id of a hub repository."
            )
        files = sorted(path for level in ("*", "*/*") for path in folder.glob(level) if os.path.isfile(path))
        names = tuple(path.relative_to(folder).as_posix() for path in files)
        return cls(names, {name: read_object(folder / name) for name in DESCRIPTIONS if name in names})

    def matching(self, *patterns: str) -> list[str]:
        """Names at the top that one of `patterns` matches."""
        tops = (name for name in self.names if len(PurePosixPath(name).parts) == 1)
        return [name for name in tops if any(fnmatch(name, pattern) for pattern in patterns)]


CAPTIONS_AND_ANSWERS: tuple[tuple[Role, Engine], ...] = (("captioner", engines.CAPTIONER), ("answerer", engines.ANSWERER))
OPEN_CLIP_FILES = (
    "open_clip_config.json",
    "open_clip_*.safetensors",
    "tokenizer*",
    "vocab.*",
    "merges.txt",
    "special_tokens_map.json",
)
PIPELINE_FILES = ("model_index.json", "*/*.json", "*/*.txt", "*/*.model", "*/*.safetensors")

DIFFUSION = Family(
    "diffusion", "diffusion pipelines of diffusers", (("image-generator", engines.DIFFUSION),), ("*Pipeline",), PIPELINE_FILES
)
OPEN_CLIP = Family("open_clip", "CLIP in open_clip's format", (("joint-embedder", engines.OPEN_CLIP),), (), OPEN_CLIP_FILES)
GGUF = Family("gguf", "language models packed into GGUF", (("chat", engines.CHAT_GGUF),), (), ("*.gguf",))
CTRANSLATE2 = Family(
    "whisper-ctranslate2",
    "Whisper for faster-whisper",
    (("speech", engines.FASTER_WHISPER),),
    (),
    ("config.json", "preprocessor_config.json", "tokenizer.json", "vocabulary.*", "model.bin"),
)
PIPER = Family("piper", "Piper voices", (("speaker", engines.PIPER),), (), ("*.onnx", "*.onnx.json"))

# Looked through in this order for the architecture that config.json names.
BY_ARCHITECTURE = (
    Family("whisper", "Whisper and its students", (("speech", engines.WHISPER),), ("WhisperForConditionalGeneration",)),
    Family("clap", "CLAP", (("sound-tagger", engines.CLAP),), ("ClapModel",)),
    Family("siglip", "SigLIP and SigLIP 2", (("joint-embedder", engines.JOINT),), ("SiglipModel", "Siglip2Model")),
    Family("clip", "CLIP", (("joint-embedder", engines.JOINT),), ("CLIPModel",)),
    Family("blip", "BLIP for captions", (("captioner", engines.CAPTIONER),), ("BlipForConditionalGeneration",)),
    Family("blip-vqa", "BLIP for questions", (("answerer", engines.ANSWERER),), ("BlipForQuestionAnswering",)),
    Family("blip-2", "BLIP-2", CAPTIONS_AND_ANSWERS, ("Blip2ForConditionalGeneration",)),
    Family("florence-2", "Florence-2", CAPTIONS_AND_ANSWERS[:1], ("Florence2ForConditionalGeneration",)),
    Family(
        "smolvlm",
        "SmolVLM and Idefics 3",
        CAPTIONS_AND_ANSWERS,
        ("SmolVLMForConditionalGeneration", "Idefics3ForConditionalGeneration"),
    ),
    Family("qwen-vl", "Qwen-VL", CAPTIONS_AND_ANSWERS, ("Qwen*VLForConditionalGeneration", "Qwen*_VLForConditionalGeneration")),
    Family("qwen", "Qwen", (("chat", engines.CHAT),), ("Qwen2ForCausalLM", "Qwen3ForCausalLM", "Qwen3MoeForCausalLM")),
    Family("smollm", "SmolLM", (("chat", engines.CHAT),), ("SmolLM3ForCausalLM",)),
    Family("llama", "Llama (SmolLM 2 has its design)", (("chat", engines.CHAT),), ("LlamaForCausalLM",)),
    Family("gemma", "Gemma", (("chat", engines.CHAT),), ("Gemma*ForCausalLM", "Gemma3ForConditionalGeneration")),
    Family("language", "other language models of transformers", (("chat", engines.CHAT),), ("*ForCausalLM",)),
)
FAMILIES = (*BY_ARCHITECTURE, OPEN_CLIP, CTRANSLATE2, GGUF, DIFFUSION, PIPER)


def recognise(folder: Path) -> Family:
    """The family of the checkpoint in `folder`.

    Raises:
        InvalidInputError: there is no such folder, or the checkpoint is of no known family; the sentence names those known.
    """
    return family_of(Listing.of_folder(folder), str(folder))


def family_of(listing: Listing, name: str) -> Family:
    """The family of a checkpoint by its listing; `name` stands in the sentence of the error.

    An architecture that the library does not know, or that brings its own code, shows only when it is loaded.

    Raises:
        InvalidInputError: no known family, only an adapter without its model, or pickled weights.
    """
    if "adapter_config.json" in listing.descriptions:
        raise InvalidInputError(f"{name} is an adapter for another model: merge it into that one first.")
    found = _by_files(listing) or _by_architecture(listing)
    if found is None:
        raise InvalidInputError(f"{name} is of no known family: {_reason(listing)}. Known are {known(FAMILIES)}.")
    if not _has_safe_weights(listing, found):
        raise InvalidInputError(f"{name} has no weights as safetensors or GGUF, and pickles are not read: convert it first.")
    return found


def known(families: Iterable[Family]) -> str:
    """The families in words."""
    return ", ".join(family.summary for family in families)


def _by_files(listing: Listing) -> Family | None:
    if "model_index.json" in listing.descriptions:
        return DIFFUSION if _fits(DIFFUSION, str(listing.descriptions["model_index.json"].get("_class_name", ""))) else None
    if "open_clip_config.json" in listing.descriptions and listing.matching("open_clip_*.safetensors"):
        return OPEN_CLIP
    if listing.matching("vocabulary.*") and "model.bin" in listing.names and not _architectures(listing):
        return CTRANSLATE2
    if any(not name.startswith("mmproj") for name in listing.matching("*.gguf")):
        return GGUF
    voices = listing.matching("*.onnx")
    return PIPER if voices and all(f"{voice}.json" in listing.names for voice in voices) else None


def _by_architecture(listing: Listing) -> Family | None:
    wanted = _architectures(listing)
    return next((family for family in BY_ARCHITECTURE if any(_fits(family, each) for each in wanted)), None)


def _fits(family: Family, architecture: str) -> bool:
    return any(fnmatch(architecture, pattern) for pattern in family.architectures)


def _architectures(listing: Listing) -> list[str]:
    named = listing.descriptions.get("config.json", {}).get("architectures") or ()
    return [str(each) for each in named] if isinstance(named, list) else []


def _has_safe_weights(listing: Listing, family: Family) -> bool:
    wanted = {"whisper-ctranslate2": "model.bin", "gguf": "*.gguf", "piper": "*.onnx", "diffusion": "*/*.safetensors"}
    return any(fnmatch(name, wanted.get(family.name, "*.safetensors")) for name in listing.names)


def _reason(listing: Listing) -> str:
    architectures = _architectures(listing)
    if architectures:
        return f"it is a {architectures[0]}"
    if "model_index.json" in listing.descriptions:
        return "it is a pipeline that diffusers does not know"
    return "it has no config.json that names an architecture"


def read_object(path: Path) -> Mapping[str, Any]:
    """A JSON object.

    Raises:
        InvalidInputError: the file holds something else.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidInputError(f"{path} cannot be read as JSON: fetch the checkpoint again.") from error
    if not isinstance(found, dict):
        raise InvalidInputError(f"{path} holds no JSON object: fetch the checkpoint again.")
    return found
