"""Tiny Whisper checkpoints as the hub has them: real classes and a real tokenizer, random weights; or a real one converted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from openai_checkpoint import save_openai

from mm_demos.models.catalog import ModelSpec
from mm_demos.models.hub_engines import WHISPER
from mm_demos.models.spec import LocalFolder

OPENAI_NAMES = {  # OpenAI's names of a layer's parts → those of transformers
    "cross_attn_ln": "encoder_attn_layer_norm",
    "attn_ln": "self_attn_layer_norm",
    "mlp_ln": "final_layer_norm",
    "cross_attn": "encoder_attn",
    "attn": "self_attn",
    "query": "q_proj",
    "key": "k_proj",
    "value": "v_proj",
    "out": "out_proj",
    "blocks": "layers",
    "ln_post": "layer_norm",
    "ln": "layer_norm",
    "token_embedding": "embed_tokens",
    "positional_embedding": "embed_positions.weight",
}


def row(name: str, *, folder: Path) -> ModelSpec:
    """A catalog row of the checkpoint in a folder."""
    place = LocalFolder(folder, sum(path.stat().st_size for path in folder.iterdir()))
    return ModelSpec(name=name, role="speech", family="whisper-transformers", profiles=(), engines=(WHISPER,), repository=place)


def save_tiny_whisper(source: Path, target: Path, *, layers: int = 2, alignment: bool = True) -> Path:
    """A Whisper of width 16 with random weights.

    Args:
        source: folder of a Whisper of CTranslate2, for its tokenizer and the numbers of its tokens.
        target: folder that is made.
        layers: of the decoder; distilled models have fewer there than in the encoder.
        alignment: whether the heads that follow the sound are named.
    """
    import torch
    from transformers import WhisperForConditionalGeneration

    processor = _processor(source)
    torch.manual_seed(8)
    model = WhisperForConditionalGeneration(_config(processor, layers=layers))
    with torch.no_grad():
        model.model.decoder.embed_tokens.weight *= 8  # so that one token stands out from the others
    _save(model, processor, _generation(source, processor, heads=[[layers - 1, 0]] if alignment else None), target)
    return target


def convert_whisper(source: Path, target: Path) -> Path:
    """The weights of a Whisper of CTranslate2 in the format of transformers, float16."""
    import torch
    from transformers import WhisperConfig, WhisperForConditionalGeneration

    processor = _processor(source)
    target.mkdir()
    save_openai(source / "model.bin", target / "openai.pt")
    state = torch.load(target / "openai.pt", weights_only=True)
    (target / "openai.pt").unlink()
    dims = state["dims"]
    config = _config(
        processor,
        width=dims["n_text_state"],
        heads=dims["n_text_head"],
        encoder_layers=dims["n_audio_layer"],
        layers=dims["n_text_layer"],
        ffn=4 * dims["n_text_state"],
        context=dims["n_text_ctx"],
    )
    assert isinstance(config, WhisperConfig) and config.vocab_size == dims["n_vocab"]
    model = WhisperForConditionalGeneration(config)
    renamed = {f"model.{_renamed(key)}": value for key, value in state["model_state_dict"].items()}
    missing = model.load_state_dict(renamed, strict=False)
    assert set(missing.missing_keys) <= {"proj_out.weight"} and not missing.unexpected_keys, missing
    model.tie_weights()
    _save(model.half(), processor, _generation(source, processor, heads=_numbers(source)["alignment_heads"]), target)
    return target


def _renamed(key: str) -> str:
    parts = [OPENAI_NAMES.get(part, part) for part in key.split(".")]
    return ".".join(parts).replace("mlp.0", "fc1").replace("mlp.2", "fc2")


def _processor(source: Path) -> Any:
    from transformers import WhisperFeatureExtractor, WhisperProcessor, WhisperTokenizer

    tokenizer = WhisperTokenizer.from_pretrained(source)
    return WhisperProcessor(feature_extractor=WhisperFeatureExtractor(feature_size=80), tokenizer=tokenizer)


def _config(
    processor: Any,
    *,
    width: int = 16,
    heads: int = 2,
    encoder_layers: int = 2,
    layers: int = 2,
    ffn: int = 32,
    context: int = 24,
) -> Any:
    from transformers import WhisperConfig

    tokenizer = processor.tokenizer
    number = tokenizer.convert_tokens_to_ids
    return WhisperConfig(
        vocab_size=number("<|notimestamps|>") + 1502,  # a token for every 20 ms from 0 to 30 s
        d_model=width,
        encoder_layers=encoder_layers,
        decoder_layers=layers,
        encoder_attention_heads=heads,
        decoder_attention_heads=heads,
        encoder_ffn_dim=ffn,
        decoder_ffn_dim=ffn,
        max_target_positions=context,
        pad_token_id=tokenizer.eos_token_id,
        bos_token_id=tokenizer.eos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        decoder_start_token_id=number("<|startoftranscript|>"),
    )


def _generation(source: Path, processor: Any, *, heads: list[list[int]] | None) -> Any:
    from transformers import GenerationConfig

    tokenizer, numbers = processor.tokenizer, _numbers(source)
    number = tokenizer.convert_tokens_to_ids
    end = tokenizer.eos_token_id
    given: dict[str, Any] = {
        "decoder_start_token_id": number("<|startoftranscript|>"),
        "eos_token_id": end,
        "pad_token_id": end,
        "bos_token_id": end,
        "no_timestamps_token_id": number("<|notimestamps|>"),
        "prev_sot_token_id": number("<|startofprev|>"),
        "suppress_tokens": numbers["suppress_ids"],
        "begin_suppress_tokens": numbers["suppress_ids_begin"],
        "max_initial_timestamp_index": 50,
        "max_length": 448,
        "is_multilingual": number("<|notimestamps|>") > 50362,
    }
    if given["is_multilingual"]:
        given["lang_to_id"] = {tokenizer.convert_ids_to_tokens(each): each for each in numbers["lang_ids"]}
        given["task_to_id"] = {task: number(f"<|{task}|>") for task in ("transcribe", "translate")}
    if heads:
        given["alignment_heads"] = heads
    return GenerationConfig(**given)


def _numbers(source: Path) -> Any:
    return json.loads((source / "config.json").read_text(encoding="utf-8"))


def _save(model: Any, processor: Any, generation: Any, target: Path) -> None:
    model.generation_config = generation
    model.save_pretrained(target)
    processor.save_pretrained(target)
