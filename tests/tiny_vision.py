"""Tiny joint embedders as the hub has them: real classes, real processors, random weights."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

from tiny_tokenizers import byte_pairs, sentence_pieces

from mm_demos.models.hub_engines import JOINT, OPEN_CLIP
from mm_demos.models.spec import Engine, LocalFolder, ModelSpec

WIDTH = 32
TOWER = {"hidden_size": WIDTH, "intermediate_size": 2 * WIDTH, "num_hidden_layers": 2, "num_attention_heads": 2}
PIXELS = {"height": 32, "width": 32}


def row(name: str, folder: Path, engine: Engine, **changes: Any) -> ModelSpec:
    """A catalog row of a checkpoint in a folder."""
    return ModelSpec(
        name=name,
        role="joint-embedder",
        family=name,
        profiles=(),
        engines=(engine,),
        repository=LocalFolder(folder),
        **changes,
    )


def joint_row(name: str, folder: Path) -> ModelSpec:
    return row(name, folder, JOINT)


def open_clip_row(name: str, folder: Path) -> ModelSpec:
    return row(name, folder, OPEN_CLIP)


def save_clip(folder: Path) -> Path:
    """`CLIPModel`."""
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPProcessor, CLIPTokenizer

    vocab, merges = byte_pairs(("<|startoftext|>", "<|endoftext|>"), suffix="</w>")
    tokenizer = CLIPTokenizer(vocab=vocab, merges=merges, model_max_length=16)
    text = {**TOWER, "vocab_size": len(tokenizer), "max_position_embeddings": 16, "bos_token_id": 0, "eos_token_id": 1}
    vision = {**TOWER, "image_size": 32, "patch_size": 8}
    images = CLIPImageProcessor(size={"shortest_edge": 32}, crop_size=PIXELS)
    config = CLIPConfig(text_config=text, vision_config=vision, projection_dim=24)
    return _save(CLIPModel, config, CLIPProcessor(images, tokenizer), folder)


def save_siglip(folder: Path) -> Path:
    """`SiglipModel`."""
    from transformers import SiglipConfig, SiglipImageProcessor, SiglipModel, SiglipProcessor, SiglipTokenizer

    folder.mkdir(parents=True)
    tokenizer = SiglipTokenizer(str(sentence_pieces(folder)), model_max_length=16, model_input_names=["input_ids"])
    config = SiglipConfig(text_config=_sigmoid_text(len(tokenizer)), vision_config={**TOWER, "image_size": 32, "patch_size": 8})
    return _save(SiglipModel, config, SiglipProcessor(SiglipImageProcessor(size=PIXELS), tokenizer), folder)


def save_siglip2(folder: Path) -> Path:
    """`Siglip2Model`, which keeps the shape of a picture."""
    from transformers import Siglip2Config, Siglip2ImageProcessor, Siglip2Model, Siglip2Processor, Siglip2Tokenizer

    vocab, merges = byte_pairs(("<pad>", "<eos>", "<bos>", "<unk>", "<mask>"))
    tokenizer = Siglip2Tokenizer(vocab=vocab, merges=merges, model_input_names=["input_ids"])
    vision = {**TOWER, "patch_size": 16, "num_patches": 16}
    config = Siglip2Config(text_config=_sigmoid_text(len(tokenizer)), vision_config=vision)
    return _save(Siglip2Model, config, Siglip2Processor(Siglip2ImageProcessor(), tokenizer), folder)


def save_siglip2_square(folder: Path) -> Path:
    """SigLIP 2 for pictures of one size: published as a `SiglipModel` with the tokenizer of Gemma."""
    from transformers import GemmaTokenizer, SiglipConfig, SiglipImageProcessor, SiglipModel, SiglipProcessor

    vocab, merges = byte_pairs(("<pad>", "<eos>", "<bos>", "<unk>", "<mask>"))
    tokenizer = GemmaTokenizer(vocab=vocab, merges=merges, padding_side="right", model_input_names=["input_ids"])
    config = SiglipConfig(text_config=_sigmoid_text(len(tokenizer)), vision_config={**TOWER, "image_size": 32, "patch_size": 8})
    return _save(SiglipModel, config, SiglipProcessor(SiglipImageProcessor(size=PIXELS), tokenizer), folder)


JOINTS = {"clip": save_clip, "siglip": save_siglip, "siglip2": save_siglip2, "siglip2-square": save_siglip2_square}


def _sigmoid_text(size: int) -> dict[str, Any]:
    return {
        **TOWER,
        "vocab_size": size,
        "max_position_embeddings": 16,
        "projection_size": WIDTH,
        "pad_token_id": 0,
        "eos_token_id": 1,
    }


def _save(kind: Any, config: Any, processor: Any, folder: Path) -> Path:
    import torch

    torch.manual_seed(8)
    model = kind(config)
    with torch.no_grad():
        if hasattr(model, "logit_bias"):
            model.logit_bias.fill_(-10.0)
        model.logit_scale.fill_(3.0)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


# Published architecture of open_clip → what is smaller in the tiny one.
OPEN_CLIPS: dict[str, dict[str, Any]] = {
    "ViT-B-32": {"image_size": 32, "patch_size": 8, "layers": 2, "width": WIDTH, "head_width": 16},
    "ViT-B-32-SigLIP2-256": {"image_size": 32, "timm_model_name": "tiny_siglip_vit"},
    "MobileCLIP2-S0": {"image_size": 64, "timm_model_name": "tiny_fastvit"},
}


def save_open_clip(name: str, folder: Path) -> Path:
    """A folder as open_clip publishes them, of a known architecture made small."""
    import open_clip
    import torch
    from safetensors.torch import save_file
    from transformers import GemmaTokenizer

    _register_towers()
    config = deepcopy(open_clip.get_model_config(name))
    config["embed_dim"] = WIDTH if "SigLIP" in name else 24
    config["vision_cfg"] |= OPEN_CLIPS[name]
    config["text_cfg"] |= {"width": WIDTH, "heads": 2, "layers": 2}
    mobile = {"mean": [0, 0, 0], "std": [1, 1, 1]} if name.startswith("Mobile") else {}
    folder.mkdir(parents=True)
    if "hf_tokenizer_name" in config["text_cfg"]:
        vocab, merges = byte_pairs(("<pad>", "<eos>", "<bos>", "<unk>", "<mask>"))
        config["text_cfg"] |= {"vocab_size": len(vocab), "context_length": 16}
        GemmaTokenizer(vocab=vocab, merges=merges, padding_side="right").save_pretrained(folder)
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": config, "preprocess_cfg": mobile}))
    torch.manual_seed(8)
    model = open_clip.create_model(f"local-dir:{folder}", load_weights=False)
    save_file({key: value.contiguous() for key, value in model.state_dict().items()}, folder / "open_clip_model.safetensors")
    return folder


def _register_towers() -> None:
    """The picture towers of SigLIP 2 and MobileCLIP 2 in small, under names that timm then knows."""
    from timm.models import is_model, register_model

    for build in (tiny_siglip_vit, tiny_fastvit):
        if not is_model(build.__name__):
            register_model(build)


def tiny_siglip_vit(pretrained: bool = False, **options: Any) -> Any:
    from timm.models.vision_transformer import VisionTransformer

    size = {"img_size": 32, "patch_size": 8, "embed_dim": WIDTH, "depth": 2, "num_heads": 2}
    return VisionTransformer(**size, class_token=False, act_layer="gelu_tanh", **_own(options))


def tiny_fastvit(pretrained: bool = False, **options: Any) -> Any:
    from timm.models.fastvit import FastVit

    size = {"layers": (1, 1, 1, 1), "embed_dims": (8, 16, 32, 64), "mlp_ratios": (2, 2, 2, 2)}
    mixers = ("repmixer", "repmixer", "repmixer", "repmixer")
    return FastVit(**size, token_mixers=mixers, se_downsamples=(False, False, True, True), lkc_use_act=True, **_own(options))


def _own(options: dict[str, Any]) -> dict[str, Any]:
    """Options of a network, without those of timm's downloads."""
    return {name: value for name, value in options.items() if not name.startswith(("pretrained", "cache"))}
