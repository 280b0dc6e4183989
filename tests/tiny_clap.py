"""A tiny CLAP checkpoint as the hub has it: real classes, a tokenizer made here, random weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from mm_demos.models.catalog import ModelSpec
from mm_demos.models.hub_engines import CLAP
from mm_demos.models.sound_labels import NOTHING, PROMPT, SOUND_LABELS
from mm_demos.models.spec import LocalFolder


def row(name: str, *, folder: Path, **changes: Any) -> ModelSpec:
    """A catalog row of the checkpoint in a folder."""
    place = LocalFolder(folder, sum(path.stat().st_size for path in folder.iterdir()))
    spec = ModelSpec(name=name, role="sound-tagger", family="clap", profiles=(), engines=(CLAP,), repository=place)
    return replace(spec, **changes)


def save_tiny_clap(target: Path, *, fused: bool = False) -> Path:
    """A CLAP with random weights and vectors of 16 numbers.

    Args:
        target: folder that is made.
        fused: as laion/clap-htsat-fused, which takes long sounds whole; otherwise as laion/clap-htsat-unfused.
    """
    import torch
    from transformers import ClapConfig, ClapFeatureExtractor, ClapModel, ClapProcessor

    tokenizer = _tokenizer()
    config = ClapConfig(
        text_config={
            "vocab_size": len(tokenizer),
            "hidden_size": 16,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "intermediate_size": 32,
            "max_position_embeddings": 80,
        },
        audio_config={
            "hidden_size": 16,
            "patch_embeds_hidden_size": 8,
            "depths": [1, 1],
            "num_attention_heads": [2, 2],
            "num_hidden_layers": 2,
            "mlp_ratio": 2.0,
            "enable_fusion": fused,
            "fusion_type": "aff_2d" if fused else None,
        },
        projection_dim=16,
    )
    torch.manual_seed(8)
    extractor = ClapFeatureExtractor(truncation="fusion" if fused else "rand_trunc", padding="repeatpad")
    ClapModel(config).save_pretrained(target)
    ClapProcessor(feature_extractor=extractor, tokenizer=tokenizer).save_pretrained(target)
    return target


def _tokenizer() -> Any:
    """Byte pairs of the sentences that the adapter asks with, in RoBERTa's form."""
    import json

    from tokenizers import ByteLevelBPETokenizer
    from transformers import RobertaTokenizer

    sentences = [PROMPT.replace("{}", name) for name in (*SOUND_LABELS, *(name for name, _ in NOTHING))]
    learnt = ByteLevelBPETokenizer()
    learnt.train_from_iterator(sentences, vocab_size=400, special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
    state = json.loads(learnt.to_str())["model"]
    merges = [tuple(pair) if isinstance(pair, list) else tuple(pair.split(" ")) for pair in state["merges"]]
    return RobertaTokenizer(vocab=state["vocab"], merges=merges, model_max_length=77)
