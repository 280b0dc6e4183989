"""Tiny vision-language checkpoints as the hub has them: real classes, real processors, random weights."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from tiny_tokenizers import byte_pairs, sentence_pieces, word_pieces

from mm_demos.models.hub_engines import ANSWERER, CAPTIONER
from mm_demos.models.spec import LocalFolder, ModelSpec

SIZE = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
PIXELS = {"height": 32, "width": 32}
QWEN_TEMPLATE = (
    "{% for message in messages %}{% if loop.first and message['role'] != 'system' %}<|im_start|>system\n"
    "You are a helpful assistant.<|im_end|>\n{% endif %}<|im_start|>{{ message['role'] }}\n"
    "{% for content in message['content'] %}{% if content['type'] == 'image' %}<|vision_start|><|image_pad|><|vision_end|>"
    "{% elif 'text' in content %}{{ content['text'] }}{% endif %}{% endfor %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
QWEN_TOKENS = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    "<|video_pad|>",
)


def captioner_row(name: str, folder: Path, **changes: Any) -> ModelSpec:
    """A catalog row that captions with the checkpoint in a folder."""
    return ModelSpec(
        name=name,
        role="captioner",
        family=name,
        profiles=(),
        engines=(CAPTIONER,),
        repository=LocalFolder(folder),
        **changes,
    )


def answerer_row(name: str, folder: Path, **changes: Any) -> ModelSpec:
    """A catalog row that answers with the checkpoint in a folder."""
    return replace(captioner_row(name, folder, **changes), role="answerer", engines=(ANSWERER,))


def save_blip(folder: Path, *, answers: bool = False) -> Path:
    """`BlipForConditionalGeneration`, or `BlipForQuestionAnswering`."""
    from transformers import (
        BertTokenizer,
        BlipConfig,
        BlipForConditionalGeneration,
        BlipForQuestionAnswering,
        BlipImageProcessor,
        BlipProcessor,
    )

    vocab = word_pieces()
    tokenizer = BertTokenizer(vocab=vocab, model_max_length=64)
    text = {
        **SIZE,
        "vocab_size": len(vocab) + 2,
        "encoder_hidden_size": 32,
        "max_position_embeddings": 64,
        "bos_token_id": len(vocab),
        "sep_token_id": vocab["[SEP]"],
        "eos_token_id": vocab["[UNK]"],
        "pad_token_id": 0,
    }
    config = BlipConfig(text_config=text, vision_config={**SIZE, "image_size": 32, "patch_size": 8, "initializer_range": 0.2})
    kind = BlipForQuestionAnswering if answers else BlipForConditionalGeneration
    return _save(kind, config, BlipProcessor(BlipImageProcessor(size=PIXELS), tokenizer), folder)


def save_blip_answers(folder: Path) -> Path:
    """`BlipForQuestionAnswering`."""
    return save_blip(folder, answers=True)


def save_blip2(folder: Path) -> Path:
    """`Blip2ForConditionalGeneration` over OPT, a decoder."""
    from transformers import GPT2Tokenizer, OPTConfig

    vocab, merges = byte_pairs(("<pad>", "</s>", "<image>"))
    special = {"bos_token": "</s>", "eos_token": "</s>", "unk_token": "</s>", "pad_token": "<pad>"}
    tokenizer = GPT2Tokenizer(vocab=vocab, merges=merges, **special)
    text = OPTConfig(
        vocab_size=len(vocab),
        hidden_size=32,
        ffn_dim=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        word_embed_proj_dim=32,
        max_position_embeddings=128,
        bos_token_id=1,
        eos_token_id=1,
        pad_token_id=0,
    )
    _save_blip2(text, tokenizer, folder)
    # As published: what puts the mark before a text stands in this file, and the class named beside it would not do it.
    template = {"id": "</s>", "ids": [1], "tokens": ["</s>"]}
    mark, body = {"SpecialToken": {"id": "</s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}
    file = folder / "tokenizer.json"
    written = json.loads(file.read_text(encoding="utf-8"))
    written["post_processor"] = {
        "type": "TemplateProcessing",
        "single": [mark, body],
        "pair": [mark, body],
        "special_tokens": {"</s>": template},
    }
    file.write_text(json.dumps(written), encoding="utf-8")
    return folder


def save_blip2_t5(folder: Path) -> Path:
    """`Blip2ForConditionalGeneration` over T5, an encoder with a decoder."""
    import sentencepiece
    from transformers import T5Config, T5Tokenizer

    folder.mkdir(parents=True)
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(sentence_pieces(folder)))
    (folder / "spiece.model").unlink()
    scores = [(pieces.id_to_piece(i), pieces.get_score(i)) for i in range(pieces.get_piece_size())]
    tokenizer = T5Tokenizer(vocab=scores, extra_ids=0)
    text = T5Config(
        vocab_size=len(tokenizer) + 1, d_model=32, d_kv=16, d_ff=64, num_layers=2, num_heads=2, decoder_start_token_id=0
    )
    text.bos_token_id = 1
    return _save_blip2(text, tokenizer, folder)


def _save_blip2(text: Any, tokenizer: Any, folder: Path) -> Path:
    from transformers import Blip2Config, Blip2ForConditionalGeneration, Blip2Processor, BlipImageProcessor

    processor = Blip2Processor(BlipImageProcessor(size=PIXELS), tokenizer, num_query_tokens=4)
    config = Blip2Config(
        vision_config={**SIZE, "image_size": 32, "patch_size": 8, "initializer_range": 0.2},
        qformer_config={**SIZE, "encoder_hidden_size": 32, "vocab_size": 10},
        text_config=text.to_dict(),
        num_query_tokens=4,
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
    )
    return _save(Blip2ForConditionalGeneration, config, processor, folder)


def save_florence2(folder: Path) -> Path:
    """`Florence2ForConditionalGeneration`."""
    from transformers import (
        BartConfig,
        BartTokenizer,
        CLIPImageProcessor,
        Florence2Config,
        Florence2ForConditionalGeneration,
        Florence2Processor,
    )

    vocab, merges = byte_pairs(("<s>", "<pad>", "</s>", "<unk>", "<mask>", "<image>"))
    tokenizer = BartTokenizer(vocab=vocab, merges=merges, extra_special_tokens={"image_token": "<image>"})
    text = BartConfig(
        vocab_size=len(vocab),
        d_model=32,
        encoder_layers=2,
        decoder_layers=2,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=64,
        decoder_ffn_dim=64,
        max_position_embeddings=128,
    )
    vision = {
        "embed_dim": (8, 8, 16, 16),
        "depths": (1, 1, 1, 1),
        "num_heads": (1, 1, 2, 2),
        "num_groups": (1, 1, 2, 2),
        "window_size": 4,
        "projection_dim": 32,
    }
    images = CLIPImageProcessor(size=PIXELS, do_center_crop=False)
    images.image_seq_length = 2
    config = Florence2Config(
        text_config=text.to_dict(), vision_config=vision, image_token_id=tokenizer.convert_tokens_to_ids("<image>")
    )
    settings = {"num_beams": 3, "no_repeat_ngram_size": 3, "forced_bos_token_id": 0, "early_stopping": True}
    return _save(Florence2ForConditionalGeneration, config, Florence2Processor(images, tokenizer), folder, settings)


def save_idefics3(folder: Path) -> Path:
    """`Idefics3ForConditionalGeneration`."""
    from transformers import (
        Idefics3Config,
        Idefics3ForConditionalGeneration,
        Idefics3ImageProcessor,
        Idefics3Processor,
    )

    tokenizer, config = _idefics()
    images = Idefics3ImageProcessor(**_tiles())
    processor = Idefics3Processor(images, tokenizer, image_seq_len=4, chat_template=_smolvlm_template())
    return _save(
        Idefics3ForConditionalGeneration, Idefics3Config(**config), processor, folder, _chat_ends(tokenizer, "<end_of_utterance>")
    )


def save_smolvlm(folder: Path) -> Path:
    """`SmolVLMForConditionalGeneration`."""
    from transformers import (
        SmolVLMConfig,
        SmolVLMForConditionalGeneration,
        SmolVLMImageProcessor,
        SmolVLMProcessor,
        SmolVLMVideoProcessor,
    )

    tokenizer, config = _idefics()
    processor = SmolVLMProcessor(
        SmolVLMImageProcessor(**_tiles()),
        tokenizer,
        SmolVLMVideoProcessor(**_tiles()),
        image_seq_len=4,
        chat_template=_smolvlm_template(),
    )
    return _save(
        SmolVLMForConditionalGeneration, SmolVLMConfig(**config), processor, folder, _chat_ends(tokenizer, "<end_of_utterance>")
    )


def _smolvlm_template() -> str:
    from transformers.models.smolvlm.processing_smolvlm import DEFAULT_CHAT_TEMPLATE

    return str(DEFAULT_CHAT_TEMPLATE)


def _tiles() -> dict[str, Any]:
    return {"size": {"longest_edge": 64}, "max_image_size": {"longest_edge": 32}}


def _idefics() -> tuple[Any, dict[str, Any]]:
    from transformers import GPT2Tokenizer

    rows = tuple(f"<row_{i}_col_{j}>" for i in range(1, 7) for j in range(1, 7))
    special = (
        "<|endoftext|>",
        "<|im_start|>",
        "<image>",
        "<fake_token_around_image>",
        "<global-img>",
        "<end_of_utterance>",
        *rows,
    )
    vocab, merges = byte_pairs(special, size=440)
    tokens = {"pad_token": "<|im_end|>", "additional_special_tokens": list(special[1:])}
    tokenizer = GPT2Tokenizer(vocab=vocab, merges=merges, **tokens)
    text = {**SIZE, "model_type": "llama", "vocab_size": len(tokenizer), "num_key_value_heads": 1, "max_position_embeddings": 512}
    config = {
        "text_config": text | {"pad_token_id": tokenizer.pad_token_id},
        "vision_config": {**SIZE, "image_size": 32, "patch_size": 8},
        "image_token_id": tokenizer.convert_tokens_to_ids("<image>"),
        "scale_factor": 2,
        "pad_token_id": tokenizer.pad_token_id,
    }
    return tokenizer, config


def _chat_ends(tokenizer: Any, *names: str) -> dict[str, Any]:
    return {"eos_token_id": [tokenizer.convert_tokens_to_ids(name) for name in names], "pad_token_id": tokenizer.pad_token_id}


def save_qwen(version: str, folder: Path) -> Path:
    """`Qwen2VLForConditionalGeneration`, `Qwen2_5_VLForConditionalGeneration` or `Qwen3VLForConditionalGeneration`."""
    import transformers

    vocab, merges = byte_pairs(QWEN_TOKENS)
    tokenizer = transformers.Qwen2Tokenizer(vocab=vocab, merges=merges, additional_special_tokens=list(QWEN_TOKENS[1:]))
    patch = 16 if version == "Qwen3VL" else 14
    size = {"shortest_edge": (2 * patch) ** 2, "longest_edge": (8 * patch) ** 2}
    images = transformers.Qwen2VLImageProcessor(size=size, patch_size=patch)
    videos = transformers.Qwen3VLVideoProcessor() if version == "Qwen3VL" else transformers.Qwen2VLVideoProcessor()
    kind = getattr(transformers, f"{version}Processor")
    processor = kind(images, tokenizer, videos, chat_template=QWEN_TEMPLATE)
    config = getattr(transformers, f"{version}Config")(
        text_config=_qwen_text(version, len(tokenizer)),
        vision_config=_qwen_vision(version, patch),
        image_token_id=vocab["<|image_pad|>"],
        video_token_id=vocab["<|video_pad|>"],
        vision_start_token_id=vocab["<|vision_start|>"],
        vision_end_token_id=vocab["<|vision_end|>"],
    )
    # As published: drawn, but hardly.
    settings = {
        "do_sample": True,
        "temperature": 0.01,
        "top_p": 0.001,
        "top_k": 1,
        **_chat_ends(tokenizer, "<|im_end|>", "<|endoftext|>"),
    }
    return _save(getattr(transformers, f"{version}ForConditionalGeneration"), config, processor, folder, settings)


def _qwen_text(version: str, vocab_size: int) -> dict[str, Any]:
    rope = {"rope_type": "default", "rope_theta": 10_000.0, "mrope_section": [2, 3, 3]}
    head = {"head_dim": 16} if version == "Qwen3VL" else {}
    numbers = {"bos_token_id": 0, "eos_token_id": 2, "pad_token_id": 0}
    common = {"num_key_value_heads": 1, "max_position_embeddings": 512, "rope_parameters": rope}
    return {**SIZE, **common, **head, **numbers, "vocab_size": vocab_size}


def _qwen_vision(version: str, patch: int) -> dict[str, Any]:
    common = {"depth": 2, "num_heads": 2, "patch_size": patch}
    if version == "Qwen2VL":
        return {**common, "embed_dim": 32, "hidden_size": 32}
    wide = {**common, "hidden_size": 32, "intermediate_size": 64, "out_hidden_size": 32}
    if version == "Qwen2_5_VL":
        return {**wide, "window_size": 4 * patch, "fullatt_block_indexes": [1]}
    return {**wide, "num_position_embeddings": 64, "deepstack_visual_indexes": [0]}


def save_qwen2_vl(folder: Path) -> Path:
    """`Qwen2VLForConditionalGeneration`."""
    return save_qwen("Qwen2VL", folder)


def save_qwen2_5_vl(folder: Path) -> Path:
    """`Qwen2_5_VLForConditionalGeneration`."""
    return save_qwen("Qwen2_5_VL", folder)


def save_qwen3_vl(folder: Path) -> Path:
    """`Qwen3VLForConditionalGeneration`."""
    return save_qwen("Qwen3VL", folder)


CAPTIONERS: dict[str, Callable[[Path], Path]] = {
    "blip": save_blip,
    "blip2": save_blip2,
    "blip2-t5": save_blip2_t5,
    "florence2": save_florence2,
    "idefics3": save_idefics3,
    "smolvlm": save_smolvlm,
    "qwen2-vl": save_qwen2_vl,
    "qwen2.5-vl": save_qwen2_5_vl,
    "qwen3-vl": save_qwen3_vl,
}
ANSWERERS = {"blip-vqa": save_blip_answers} | {name: save for name, save in CAPTIONERS.items() if name != "blip"}


def _save(kind: Any, config: Any, processor: Any, folder: Path, settings: dict[str, Any] | None = None) -> Path:
    import torch

    torch.manual_seed(8)
    model = kind(config).eval()
    with torch.no_grad():
        for name, weights in model.named_parameters():
            if weights.ndim > 1:  # so that texts differ from picture to picture, and one token stands out from the others
                weights.mul_(6 if "embed" in name else 3)
            if name == "query_tokens":
                weights.normal_()
        _quieten(model, processor.tokenizer)
    for name, value in (settings or {}).items():
        setattr(model.generation_config, name, value)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def _quieten(model: Any, tokenizer: Any) -> None:
    """Single bytes hardly ever win, so that what is written can be read."""
    outputs = getattr(model, "text_decoder", model).get_output_embeddings().weight
    for token, number in tokenizer.get_vocab().items():
        if not token.lstrip("Ġ").isascii() and number < len(outputs):
            outputs[number] = 0
