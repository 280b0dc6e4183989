"""What the decoding of Whisper on transformers is measured by."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


def compression_ratio(text: str) -> float:
    """Bytes of `text` over bytes of its zlib form."""
    data = text.encode()
    return len(data) / len(zlib.compress(data))


def token_logprobs(part: dict[str, Any], temperature: float) -> Any:
    """Log-probabilities (n_tokens,) of what was generated, the end of the text included, as at temperature 1."""
    import torch

    tokens, scores = part["result"]["sequences"][part["idxs"][0] :], part["result"]["scores"]
    count = min(len(tokens), len(scores))
    if not count:
        return torch.zeros(0)
    logits = torch.stack(list(scores[:count])).float() * (temperature or 1.0)
    return logits.log_softmax(-1).gather(1, tokens[:count, None].to(logits.device))[:, 0]


def upper_half(config: Any) -> list[list[int]]:
    """All heads of the upper half of the decoder: what follows the sound best where nobody has measured it."""
    layers, heads = config.decoder_layers, config.decoder_attention_heads
    return [[layer, head] for layer in range(layers // 2, layers) for head in range(heads)]


@contextmanager
def attention_kept(model: Any) -> Iterator[None]:
    """Give the faster attention back, which the library takes away for good where it reads attention weights."""
    config = model.model.config
    kind = config._attn_implementation
    try:
        yield
    finally:
        config._attn_implementation = kind
