"""Rows of the suite's own models, whose trained parts come with this package in `mm_demos/weights/`."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from mm_demos.models.sources import PACKAGED
from mm_demos.models.spec import Engine, ModelSpec, PackagedSource, WeightFile

MANIFEST = PACKAGED / "manifest.json"  # written with the weights by `python -m mm_demos.training.ship`


def packaged(*names: str) -> tuple[WeightFile, ...]:
    """Files of this package, with the sha256 and the size that the manifest gives them."""
    listed = json.loads(MANIFEST.read_text(encoding="utf-8"))
    return tuple(WeightFile(name, listed[name]["sha256"], listed[name]["size_bytes"], (PackagedSource(name),)) for name in names)


def write_manifest(folder: Path) -> None:
    """Note every file's sha256 and size, by which the catalog knows it; shipping calls it."""
    files = sorted(path for path in folder.rglob("*") if path.suffix in {".json", ".safetensors", ".txt"})
    listed = {
        path.relative_to(folder).as_posix(): {
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            "size_bytes": path.stat().st_size,
        }
        for path in files
        if path.name != MANIFEST.name
    }
    (folder / MANIFEST.name).write_text(json.dumps(listed, indent=2) + "\n", encoding="utf-8")


def mini_rows(trunk: ModelSpec, text: ModelSpec) -> tuple[ModelSpec, ModelSpec, ModelSpec]:
    """The joint embedder, the captioner and the answerer.

    Args:
        trunk: the row whose file holds the image tower.
        text: the row whose files hold the text tower.
    """
    clip = ModelSpec(
        name="mm-mini-clip",
        role="joint-embedder",
        family="mini-clip",
        profiles=("embedded",),
        engines=(
            Engine(
                "open_clip",
                "mm_demos.models.open_clip_model:load_mini_clip",
                devices=("cuda", "mps"),
                uses_torch=True,
                libraries=("torch", "open_clip"),
            ),
            Engine(
                "openvino",
                "mm_demos.models.mini_clip:load_mini_clip_openvino",
                libraries=("openvino", "onnxruntime", "tokenizers"),
                cpu_flags=frozenset({"amx_bf16"}),
            ),
            Engine("onnxruntime", "mm_demos.models.mini_clip:load_mini_clip", libraries=("onnxruntime", "tokenizers")),
        ),
        files=(*trunk.files, *text.files, *packaged("mm-mini-clip.safetensors", "open_clip_config.json")),
        licence="Apache-2.0",
        memory_bytes=150_000_000,
        languages=("en",),
        summary="Pictures and sentences in one space: EfficientNet-Lite2 and MiniLM, joined by training on captioned photos",
    )
    captioner = ModelSpec(
        name="mm-mini-captioner",
        role="captioner",
        family="mini-captioner",
        profiles=("embedded",),
        engines=(Engine("numpy", "mm_demos.models.vlm:load_mini_captioner"),),
        files=packaged("captioner.safetensors", "words.json"),
        components=(clip.name,),
        on_demand=("pp-ocr", "qwen2.5-coder-0.5b"),
        licence="Apache-2.0",
        memory_bytes=40_000_000,
        languages=("en",),
        summary="Writes what it sees in a picture, word by word; other styles and languages through the language model",
    )
    answerer = ModelSpec(
        name="mm-mini-answerer",
        role="answerer",
        family="mini-answerer",
        profiles=("embedded",),
        engines=(Engine("numpy", "mm_demos.models.vlm:load_mini_answerer"),),
        files=packaged("answerer.safetensors", "answers.json"),
        components=(clip.name,),
        on_demand=(captioner.name, *captioner.on_demand),
        licence="Apache-2.0",
        memory_bytes=15_000_000,
        languages=("en",),
        summary="Short answers about a picture: yes or no, how many, which colour, what, where, what is being done",
    )
    return clip, captioner, answerer


def sound_row(speech: ModelSpec) -> ModelSpec:
    """The sound tagger.

    Args:
        speech: the row of the model whose encoder hears.
    """
    return ModelSpec(
        name="whisper-sound-head",
        role="sound-tagger",
        family="whisper-sound-head",
        profiles=("embedded",),
        engines=(Engine("numpy", "mm_demos.models.sound:load_whisper_sound_head"),),
        files=packaged("sound-head.safetensors", "sound-head.json"),
        components=(speech.name,),
        licence="Apache-2.0",
        memory_bytes=5_000_000,
        languages=("en",),
        quality="0.953 right of ESC-10, each fold by a head that had not heard it",
        summary="Ten everyday sounds, by name and by likeness, from what the speech model's encoder hears",
    )
