"""The weights of a CTranslate2 Whisper in OpenAI's checkpoint format, so that both engines run on the same numbers."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]
DTYPES: tuple[type, ...] = (np.float32, np.int8, np.int16, np.int32, np.float16)
# CTranslate2's names of a layer's parts → OpenAI's; fused projections are cut apart.
NORMS = {"self_attention": "attn_ln", "attention": "cross_attn_ln", "ffn": "mlp_ln"}


def read_ctranslate2(path: Path) -> Arrays:
    """All arrays of a model.bin by name (binary format version 6)."""
    file = io.BytesIO(path.read_bytes())

    def number(form: str) -> int:
        return int(struct.unpack(f"<{form}", file.read(struct.calcsize(f"<{form}")))[0])

    def name() -> str:
        return file.read(number("H"))[:-1].decode()

    assert number("I") == 6
    name(), number("I")
    arrays: Arrays = {}
    for _ in range(number("I")):
        key = name()
        shape = [number("I") for _ in range(number("B"))]
        dtype = DTYPES[number("B")]
        arrays[key] = np.frombuffer(file.read(number("I")), dtype).reshape(shape)
    return arrays


def save_openai(source: Path, target: Path) -> None:
    """Write the weights in `source` (a model.bin of a Whisper) as the checkpoint `target` (.pt)."""
    import torch

    arrays = read_ctranslate2(source)
    layers = {
        side: len({key.split("/")[1] for key in arrays if key.startswith(f"{side}/layer_")}) - 1
        for side in ("encoder", "decoder")
    }
    width = arrays["decoder/embeddings/weight"].shape[1]
    dims = {
        "n_mels": arrays["encoder/conv1/weight"].shape[1],
        "n_audio_ctx": len(arrays["encoder/position_encodings/encodings"]),
        "n_text_ctx": len(arrays["decoder/position_encodings/encodings"]),
        "n_vocab": len(arrays["decoder/embeddings/weight"]),
        **{f"n_{kind}_state": width for kind in ("audio", "text")},
        "n_audio_head": int(arrays["encoder/num_heads"]),
        "n_text_head": int(arrays["decoder/num_heads"]),
        "n_audio_layer": layers["encoder"],
        "n_text_layer": layers["decoder"],
    }
    state = {key: torch.from_numpy(value.astype(np.float32)) for key, value in _named(arrays, layers).items()}
    torch.save({"dims": dims, "model_state_dict": state}, target)


def _named(arrays: Arrays, layers: dict[str, int]) -> Arrays:
    named = {
        "encoder.positional_embedding": arrays["encoder/position_encodings/encodings"],
        "decoder.positional_embedding": arrays["decoder/position_encodings/encodings"],
        "decoder.token_embedding.weight": arrays["decoder/embeddings/weight"],
        **_pair(arrays, "encoder/layer_norm", "encoder.ln_post"),
        **_pair(arrays, "decoder/layer_norm", "decoder.ln"),
        **_pair(arrays, "encoder/conv1", "encoder.conv1"),
        **_pair(arrays, "encoder/conv2", "encoder.conv2"),
    }
    for side, count in layers.items():
        for layer in range(count):
            named |= _layer(arrays, f"{side}/layer_{layer}", f"{side}.blocks.{layer}")
    return named


def _layer(arrays: Arrays, old: str, new: str) -> Arrays:
    named = _pair(arrays, f"{old}/ffn/linear_0", f"{new}.mlp.0") | _pair(arrays, f"{old}/ffn/linear_1", f"{new}.mlp.2")
    for part, norm in NORMS.items():
        if f"{old}/{part}/layer_norm/gamma" in arrays:
            named |= _pair(arrays, f"{old}/{part}/layer_norm", f"{new}.{norm}")
    fused = {f"{old}/self_attention/linear_0": (f"{new}.attn", ("query", "key", "value"))}
    fused[f"{old}/attention/linear_0"] = (f"{new}.cross_attn", ("query",))
    fused[f"{old}/attention/linear_1"] = (f"{new}.cross_attn", ("key", "value"))
    for key, (target, parts) in fused.items():
        if f"{key}/weight" in arrays:
            for kind in ("weight", "bias"):
                pieces = np.split(arrays[f"{key}/{kind}"], len(parts))
                named |= {f"{target}.{part}.{kind}": piece for part, piece in zip(parts, pieces, strict=True)}
    named |= _pair(arrays, f"{old}/self_attention/linear_1", f"{new}.attn.out")
    if f"{old}/attention/linear_2/weight" in arrays:
        named |= _pair(arrays, f"{old}/attention/linear_2", f"{new}.cross_attn.out")
    return {key: value for key, value in named.items() if not key.endswith("key.bias")}  # keys have no bias in Whisper


def _pair(arrays: Arrays, old: str, new: str) -> Arrays:
    names = ("gamma", "beta") if f"{old}/gamma" in arrays else ("weight", "bias")
    return {f"{new}.weight": arrays[f"{old}/{names[0]}"], f"{new}.bias": arrays[f"{old}/{names[1]}"]}
