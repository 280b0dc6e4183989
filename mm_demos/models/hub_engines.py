"""The engines that run checkpoints of the hub, by family: which function loads them, on what devices, with which libraries."""

from __future__ import annotations

from mm_demos.models.diffusion_rows import DIFFUSERS
from mm_demos.models.spec import Engine

TORCH_DEVICES = ("cpu", "cuda", "mps")
TRANSFORMERS = ("torch", "transformers")


def _torch(adapter: str, name: str = "transformers", libraries: tuple[str, ...] = TRANSFORMERS) -> Engine:
    return Engine(name, f"mm_demos.models.{adapter}", devices=TORCH_DEVICES, uses_torch=True, libraries=libraries)


WHISPER = _torch("speech_transformers:load_whisper_transformers")
FASTER_WHISPER = Engine(
    "faster-whisper", "mm_demos.models.speech:load_faster_whisper", devices=("cpu", "cuda"), libraries=("faster_whisper",)
)
CLAP = _torch("clap:load_clap")
JOINT = _torch("vision_transformers:load_joint_transformers")
OPEN_CLIP = _torch("open_clip_model:load_open_clip", "open_clip", ("torch", "open_clip"))
CAPTIONER = _torch("vlm_transformers:load_captioner")
ANSWERER = _torch("vlm_transformers:load_answerer")
CHAT = _torch("language:load_transformers", libraries=("torch", "transformers", "accelerate"))
# Tried in a child process first: built for other processors, it would end this one.
CHAT_GGUF = Engine("llama.cpp", "mm_demos.models.language:load_llama_cpp", probe=True, libraries=("xllamacpp",))
DIFFUSION = DIFFUSERS
PIPER = Engine("piper", "mm_demos.models.voice:load_piper", libraries=("piper", "onnxruntime"))
