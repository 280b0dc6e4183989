"""What a Space has to install: a table from models and tabs to requirements, with the versions of the whole suite."""

from __future__ import annotations

import importlib.metadata
import re
from pathlib import Path

from mm_demos.errors import InvalidInputError
from mm_demos.models.catalog import Engine, ModelSpec
from mm_demos.publish.selection import SpaceSpec

ROOT = Path(__file__).parents[2]  # of a checkout
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")

# Needed to open any page; gradio itself comes with the SDK that the front matter names.
BASE = (
    "huggingface-hub", "pydantic-settings", "filelock", "httpx", "tqdm", "platformdirs", "psutil", "numpy", "pillow", "av",
    "prometheus_client",
)  # fmt: skip

# What an adapter imports beyond its engine's `libraries`; most of it turns published weights into a graph, once.
EXPORT = ("torch", "transformers", "onnx", "onnxscript")
ADAPTERS: dict[str, tuple[str, ...]] = {
    "mini_clip:load_mini_clip": (*EXPORT, "torchvision", "timm", "safetensors", "threadpoolctl"),
    "text:load_minilm": (*EXPORT, "safetensors"),
    "vision:load_efficientnet": (*EXPORT, "torchvision", "timm"),
    "vlm:load_mini_captioner": ("safetensors", "threadpoolctl"),
    "vlm:load_mini_answerer": ("safetensors", "threadpoolctl"),
    "sound:load_whisper_sound_head": ("safetensors", "threadpoolctl"),
    "diffusion:load_pipeline": ("safetensors",),
    "vlm_transformers:load_captioner": ("torchvision", "accelerate", "num2words"),
    "vlm_transformers:load_answerer": ("torchvision", "accelerate", "num2words"),
    "vision_transformers:load_joint_transformers": ("torchvision", "accelerate", "sentencepiece"),
    "speech_transformers:load_whisper_transformers": ("accelerate",),
    "clap:load_clap": ("accelerate",),
}

# What a tab imports beside its models; the word error rate reads Whisper's own normaliser, which the folder carries.
TABS: dict[str, tuple[str, ...]] = {
    "speech": ("jiwer", "more-itertools", "regex"),
    "picture-search": ("safetensors",),
    "retrieval": ("usearch",),
    "assistant": ("pypdf",),
    "classification": (
        "torch", "transformers", "accelerate", "optuna", "scikit-learn", "librosa", "pyarrow", "safetensors", "usearch",
    ),
}  # fmt: skip

# Import names that are not the name of their package.
PACKAGES = {
    "PIL": "pillow",
    "faster_whisper": "faster-whisper",
    "huggingface_hub": "huggingface-hub",
    "open_clip": "open_clip_torch",
    "piper": "piper-tts",
    "pydantic_settings": "pydantic-settings",
    "rapidocr_onnxruntime": "rapidocr-onnxruntime",
    "sklearn": "scikit-learn",
}

UNLISTED = ("more-itertools>=10.5", "regex>=2024.11.6")  # the suite has them with openai-whisper, which would bring torch
ZERO_GPU = {"torch": "torch==2.11.0", "torchvision": "torchvision==0.26.0"}  # the newest pair that ZeroGPU's list names
SYSTEM = {"rapidocr_onnxruntime": ("libgl1", "libglib2.0-0")}  # OpenCV's wheels expect them; a slim image has none


def requirements(space: SpaceSpec) -> tuple[str, ...]:
    """The lines of requirements.txt, sorted by name.

    Raises:
        InvalidInputError: this installation does not say which versions it needs.
    """
    versions = suite_versions()
    names = {PACKAGES.get(name, name) for name in wanted(space)}
    pinned = ZERO_GPU if space.hardware != "cpu-basic" else {}
    lines = sorted(pinned.get(name, versions[name]) for name in names)
    return (*lines, space.source) if space.source else tuple(lines)


def wanted(space: SpaceSpec) -> frozenset[str]:
    """Packages that a Space installs: those of the page, of its tabs, and of the engines that run its models there."""
    names = {*BASE, *(name for tab in space.tabs for name in TABS.get(tab.name, ()))}
    for row in space.models():
        engine = engine_there(row, space)
        names |= {*engine.libraries, *ADAPTERS.get(engine.adapter.removeprefix("mm_demos.models."), ())}
    return frozenset(PACKAGES.get(name, name) for name in names)


def engine_there(row: ModelSpec, space: SpaceSpec) -> Engine:
    """The engine that runs a model on the hardware of a Space: without special instructions of a processor."""
    device = "cuda" if space.hardware != "cpu-basic" and row.on_torch and space.profile in row.profiles else "cpu"
    return next(engine for engine in row.engines if not engine.cpu_flags and device in engine.devices)


def packages(space: SpaceSpec) -> tuple[str, ...]:
    """The lines of packages.txt: what apt has to install."""
    libraries = {library for row in space.models() for library in engine_there(row, space).libraries}
    return tuple(sorted({name for library in libraries for name in SYSTEM.get(library, ())}))


def gradio_version() -> str:
    """The release of Gradio that the suite is pinned to, e.g. "6.31.0"."""
    found = re.search(r"==\s*([\d.]+)", suite_versions()["gradio"])
    if found is None:
        raise InvalidInputError(
            "The requirements do not pin gradio: write gradio==VERSION there, which the Space's front matter needs."
        )
    return found[1]


def suite_versions() -> dict[str, str]:
    """Package name → its line in the suite's requirements.

    Raises:
        InvalidInputError: neither a checkout nor the metadata of an installation is there.
    """
    path = ROOT / "requirements.txt"
    if path.is_file():
        lines = path.read_text(encoding="utf-8").splitlines()
    else:
        try:
            lines = list(importlib.metadata.requires("mm-demos") or ())
        except importlib.metadata.PackageNotFoundError:
            raise InvalidInputError(
                "No requirements.txt lies beside the package: build Spaces from a checkout of mm-demos."
            ) from None
    found = {}
    for line in (*lines, *UNLISTED):
        text = line.partition("#")[0].strip()
        name = NAME.match(text)
        if name is not None:
            found[name[0]] = text
    return found
