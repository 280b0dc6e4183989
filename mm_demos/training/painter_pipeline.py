"""Write the painter as it ships: `python -m mm_demos.training.painter_pipeline --run RUN --out mm_demos/weights/mm-mini-painter`.

A plain `StableDiffusionPipeline` folder in float16, without the text encoder's weights, which are all-MiniLM-L6-v2's own file.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

import torch

from mm_demos.models.mini_rows import write_manifest
from mm_demos.models.prompt_reader import FOLDER
from mm_demos.training.painter import noise_schedule, unet
from mm_demos.training.painter_pictures import autoencoder
from mm_demos.training.painter_texts import MAX_TOKENS

INDEX = {
    "_class_name": "StableDiffusionPipeline",
    "_diffusers_version": "0.42.1",
    "feature_extractor": [None, None],
    "image_encoder": [None, None],
    "requires_safety_checker": False,
    "safety_checker": [None, None],
    "scheduler": ["diffusers", "DPMSolverMultistepScheduler"],
    "text_encoder": ["transformers", "BertModel"],
    "tokenizer": ["transformers", "BertTokenizerFast"],
    "unet": ["diffusers", "UNet2DConditionModel"],
    "vae": ["diffusers", "AutoencoderTiny"],
}
BERT = {
    "architectures": ["BertModel"],
    "model_type": "bert",
    "hidden_size": 384,
    "intermediate_size": 1536,
    "num_attention_heads": 12,
    "num_hidden_layers": 6,
    "vocab_size": 30522,
    "max_position_embeddings": 512,
    "layer_norm_eps": 1e-12,
    "use_attention_mask": True,  # the pipeline passes the mask of padding only to encoders that ask for it
}
TOKENIZER = {"tokenizer_class": "BertTokenizerFast", "do_lower_case": True, "model_max_length": MAX_TOKENS}


def main() -> None:
    """Put the folder together and note its files in the manifest."""
    from diffusers import DPMSolverMultistepScheduler

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--run", type=Path, required=True, help="folder of the training, with autoencoder.pt, painter.pt and reader/"
    )
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    for build, weights, name in ((unet, "painter.pt", "unet"), (autoencoder, "autoencoder.pt", "vae")):
        network = build()
        network.load_state_dict(torch.load(options.run / weights, weights_only=True))
        network.half().to(memory_format=torch.contiguous_format).save_pretrained(options.out / name, safe_serialization=True)
    scheduler = DPMSolverMultistepScheduler.from_config(noise_schedule().config, algorithm_type="dpmsolver++")
    scheduler.save_pretrained(options.out / "scheduler")
    for name, content in (
        ("model_index.json", INDEX),
        ("text_encoder/config.json", BERT),
        ("tokenizer/tokenizer_config.json", TOKENIZER),
    ):
        (options.out / name).parent.mkdir(parents=True, exist_ok=True)
        (options.out / name).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    shutil.copytree(options.run / FOLDER, options.out / FOLDER, dirs_exist_ok=True)
    write_manifest(options.out.parent)


if __name__ == "__main__":
    main()
