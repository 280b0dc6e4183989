"""Tiny checkpoints of the language families, from their configs, with random weights and tokenizers trained here."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
THINKING = CHATML.replace(
    "assistant\n{% endif %}", "assistant\n{% if enable_thinking is false %}<think>\n\n</think>\n\n{% endif %}{% endif %}"
)
LLAMA3 = (
    "{{ bos_token }}{% for m in messages %}"
    "<|start_header_id|>{{ m.role }}<|end_header_id|>\n\n{{ m.content }}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)
GEMMA = (
    "{{ bos_token }}{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for m in messages %}{% set role = 'model' if m.role == 'assistant' else m.role %}"
    "<start_of_turn>{{ role }}\n{{ m.content | trim }}<end_of_turn>\n{% endfor %}"
    "{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)
SHAPE: dict[str, Any] = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "max_position_embeddings": 512,
}
SENTENCES = (
    "The order S-10241 left on Monday and arrives on Wednesday.",
    "A dog on a beach, a cat on a sofa; two people in front of a house.",
    "Each return is free within thirty days. What colour is the sky?",
    "system user assistant model: You answer in one short sentence.",
)
# Family: (config class, model class, what is its own in the config, template, special tokens with the end of turn last).
Family = tuple[str, str, dict[str, Any], str, tuple[str, ...]]
CHATML_MARKS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
FAMILIES: dict[str, Family] = {
    "qwen2": ("Qwen2Config", "Qwen2ForCausalLM", {"tie_word_embeddings": True}, CHATML, CHATML_MARKS),
    "qwen3": ("Qwen3Config", "Qwen3ForCausalLM", {"tie_word_embeddings": False}, THINKING, CHATML_MARKS),
    "smollm2": ("LlamaConfig", "LlamaForCausalLM", {"tie_word_embeddings": True}, CHATML, CHATML_MARKS),
    "llama3": (
        "LlamaConfig",
        "LlamaForCausalLM",
        {"tie_word_embeddings": False},
        LLAMA3,
        ("<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"),
    ),
    "smollm3": ("SmolLM3Config", "SmolLM3ForCausalLM", {"no_rope_layers": [1, 0]}, THINKING, CHATML_MARKS),
    "gemma3": (
        "Gemma3TextConfig",
        "Gemma3ForCausalLM",
        # Tied, with random weights and embeddings as large as Gemma's, it would repeat the last token for ever.
        {"sliding_window": 32, "layer_types": ["sliding_attention", "full_attention"], "tie_word_embeddings": False},
        GEMMA,
        ("<bos>", "<eos>", "<start_of_turn>", "<end_of_turn>"),
    ),
}


def tokenizer_of(family: str) -> Any:
    """A byte-level BPE of 400 words with the family's marks and chat template."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    *_, template, marks = FAMILIES[family]
    bare = Tokenizer(models.BPE())
    bare.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bare.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=list(marks), initial_alphabet=alphabet, show_progress=False)
    bare.train_from_iterator(SENTENCES, trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bare, bos_token=marks[0], eos_token=marks[-1], pad_token=marks[1] if family == "llama3" else marks[0]
    )
    tokenizer.chat_template = template
    return tokenizer


def write(family: str, folder: Path, *, dtype: str = "float32", shape: dict[str, Any] | None = None) -> Path:
    """Save a checkpoint of `family` with seeded random weights, as the hub would have it, and return its folder."""
    import torch
    import transformers

    config_name, model_name, own, _, marks = FAMILIES[family]
    tokenizer = tokenizer_of(family)
    config_class: Callable[..., Any] = getattr(transformers, config_name)
    ids = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.convert_tokens_to_ids(marks[-1])}
    ids["pad_token_id"] = tokenizer.pad_token_id
    # Wider than usual, so that a random model has preferences and greedy decoding does not hang on rounding.
    config = config_class(vocab_size=len(tokenizer), initializer_range=0.15, **{**SHAPE, **(shape or {}), **own, **ids})
    torch.manual_seed(0)
    model = getattr(transformers, model_name)(config).to(getattr(torch, dtype))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


GGUF_NAMES = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "model.layers": "blk",
}


def write_gguf(checkpoint: Path, folder: Path, *, template: str = CHATML) -> Path:
    """Save a Qwen2 checkpoint of `write` as one GGUF file of 32-bit numbers, and return its folder."""
    import gguf
    from safetensors.numpy import load_file

    config = json.loads((checkpoint / "config.json").read_text(encoding="utf-8"))
    tokenizer = json.loads((checkpoint / "tokenizer.json").read_text(encoding="utf-8"))
    words, marks = tokenizer["model"]["vocab"], {each["content"]: each["id"] for each in tokenizer["added_tokens"]}
    folder.mkdir(parents=True, exist_ok=True)
    out = gguf.GGUFWriter(folder / "tiny-f32.gguf", "qwen2")
    out.add_context_length(config["max_position_embeddings"])
    out.add_embedding_length(config["hidden_size"])
    out.add_block_count(config["num_hidden_layers"])
    out.add_feed_forward_length(config["intermediate_size"])
    out.add_head_count(config["num_attention_heads"])
    out.add_head_count_kv(config["num_key_value_heads"])
    out.add_rope_freq_base(config["rope_parameters"]["rope_theta"])
    out.add_layer_norm_rms_eps(config["rms_norm_eps"])
    out.add_file_type(gguf.LlamaFileType.ALL_F32)
    out.add_tokenizer_model("gpt2")
    out.add_tokenizer_pre("gpt-2")
    out.add_token_list(sorted(words | marks, key=(words | marks).__getitem__))
    out.add_token_types([gguf.TokenType.CONTROL if i in marks.values() else gguf.TokenType.NORMAL for i in range(len(words))])
    out.add_token_merges([" ".join(pair) for pair in tokenizer["model"]["merges"]])
    out.add_bos_token_id(config["bos_token_id"])
    out.add_eos_token_id(config["eos_token_id"])
    out.add_add_bos_token(False)
    out.add_chat_template(template)
    for name, array in load_file(checkpoint / "model.safetensors").items():
        short = name
        for long, brief in GGUF_NAMES.items():
            short = short.replace(long, brief)
        out.add_tensor(short.removeprefix("model."), array)
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()
    return folder
