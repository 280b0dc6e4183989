"""Write checkpoints as the suite ships them: `python -m mm_demos.training.ship --clip F --captioner F --answerer F --out DIR`.

Without checkpoints it only writes the manifest of DIR anew.

Only what was trained is written, in float16; the trunk and MiniLM's other layers come from their published files.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

from mm_demos.models.mini_clip_export import CONFIG, PARTS
from mm_demos.models.mini_rows import write_manifest
from mm_demos.training.clip_towers import EMBED_DIM, TRAINED_LAYERS, as_mlp

MINILM_LAYERS = 6
MODEL_CONFIG = {
    "model_cfg": {
        "embed_dim": EMBED_DIM,
        "vision_cfg": {
            "timm_model_name": "tf_efficientnet_lite2",
            "timm_model_pretrained": False,
            "timm_pool": "avg",
            "timm_proj": "mlp",
            "image_size": 260,
        },
        "text_cfg": {
            "hf_model_name": "sentence-transformers/all-MiniLM-L6-v2",
            "hf_tokenizer_name": "sentence-transformers/all-MiniLM-L6-v2",
            "hf_model_pretrained": False,
            "hf_proj_type": "mlp",
            "hf_pooler_type": "mean_pooler",
            "context_length": 64,
        },
        "custom_text": True,
    },
    "preprocess_cfg": {
        "size": [260, 260],
        "mean": [127 / 255] * 3,
        "std": [128 / 255] * 3,
        "interpolation": "bicubic",
        "resize_mode": "squash",
    },
}


def open_clip_names(tensors: dict[str, Any], label_share: float) -> dict[str, Any]:
    """The trained tensors of the CLIP under the names open_clip gives them."""
    image = {name.removeprefix("image."): tensor for name, tensor in tensors.items() if name.startswith("image.")}
    out = {f"visual.head.mlp.{name}": tensor for name, tensor in as_mlp(image, label_share).items()}
    out["logit_scale"] = tensors["scale"]
    for name, tensor in tensors.items():
        if name.startswith("text.proj."):
            out[name] = tensor
        elif name.startswith("text.layers."):
            number, _, rest = name.removeprefix("text.layers.").partition(".")
            out[f"text.transformer.encoder.layer.{MINILM_LAYERS - TRAINED_LAYERS + int(number)}.{rest}"] = tensor
    return out


def save_half(tensors: dict[str, Any], path: Path) -> None:
    """Write float16 safetensors."""
    from safetensors.torch import save_file

    save_file({name: tensor.detach().half().contiguous() for name, tensor in tensors.items()}, path)
    print(path.name, path.stat().st_size)


def main() -> None:
    """Write what was given."""
    import torch

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clip", type=Path, help="clip.pt")
    parser.add_argument("--label-share", type=float, default=1.0, help="factor on the CLIP's label part")
    parser.add_argument("--captioner", type=Path, help="captioner.pt, with words.json beside it")
    parser.add_argument("--answerer", type=Path, help="vqa.pt, with answers.json and temperature.json beside it")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    if options.clip:
        save_half(open_clip_names(torch.load(options.clip, weights_only=True), options.label_share), options.out / PARTS)
        (options.out / CONFIG).write_text(json.dumps(MODEL_CONFIG, indent=2) + "\n", encoding="utf-8")
    for source, target, table in (
        (options.captioner, "captioner.safetensors", "words.json"),
        (options.answerer, "answerer.safetensors", "answers.json"),
    ):
        if source:
            tensors = {k: v for k, v in torch.load(source, weights_only=True).items() if not k.startswith("input.head_")}
            if source == options.answerer:
                tensors["temperature"] = torch.tensor(json.loads((source.parent / "temperature.json").read_text()))
            save_half(tensors, options.out / target)
            shutil.copyfile(source.parent / table, options.out / table)
    write_manifest(options.out)


if __name__ == "__main__":
    main()
