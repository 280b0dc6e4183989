"""Measuring the models: word error rate, speed, accuracy; each module runs from the command line on a folder of data."""

from __future__ import annotations

# A measurement is a row: its module has `main(arguments) -> exit status`.
SUBJECTS = {
    "startup": "mm_demos.evaluation.benchmark_startup",
    "memory": "mm_demos.evaluation.benchmark_memory",
    "speech-overhead": "mm_demos.evaluation.benchmark_speech",
    "language-speed": "mm_demos.evaluation.benchmark_language",
    "speech": "mm_demos.evaluation.speech",
    "zero-shot": "mm_demos.evaluation.zero_shot",
    "clip": "mm_demos.evaluation.clip",
    "caption": "mm_demos.evaluation.caption",
    "vqa": "mm_demos.evaluation.visual_qa",
    "retrieval": "mm_demos.evaluation.retrieval_audio",
    "fusion": "mm_demos.evaluation.fusion_set",
    "classifier": "mm_demos.evaluation.classifier",
    "presets": "mm_demos.evaluation.presets",
    "image-generation": "mm_demos.evaluation.image_generation",
    "image-speed": "mm_demos.evaluation.image_generation_speed",
    "vision-speed": "mm_demos.evaluation.benchmark_vision",
    "retrieval-speed": "mm_demos.evaluation.benchmark_retrieval",
    "assistant": "mm_demos.evaluation.assistant",
    "assistant-speed": "mm_demos.evaluation.benchmark_assistant",
}
NEEDS_DATA = ("speech", "zero-shot", "clip", "caption", "vqa", "retrieval", "fusion", "image-generation")
NEEDS_MODEL = ("classifier",)  # one of the user's own
