"""A chat model on transformers, placed on the device by accelerate."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mm_demos.errors import InvalidInputError, MissingDependencyError
from mm_demos.models.language import check_choices, template_input, too_long
from mm_demos.models.protocols import ChatMessage, FloatArray, GenerateOptions

if TYPE_CHECKING:
    from mm_demos.models.loader import LoadRequest

MAX_CONTEXT_TOKENS = 32_768  # prompt and cache stay within a few GB whatever the checkpoint allows


class TransformersChat:
    """One checkpoint; one thread at a time generates, the others wait."""

    def __init__(self, model: Any, tokenizer: Any) -> None:
        self._model = model
        self._tokenizer = tokenizer
        self._lock = threading.Lock()
        self._end = self._end_token()

    @classmethod
    def load(cls, request: LoadRequest) -> TransformersChat:
        """Load `request.folder`: a safetensors checkpoint, or one GGUF file."""
        from transformers import AutoModelForCausalLM, AutoTokenizer

        gguf = next((path.name for path in Path(request.folder).glob("*.gguf")), None)
        source = {"gguf_file": gguf} if gguf else {}
        # Safetensors or GGUF only: a pickle may run code when it is read.
        placing = {"device_map": request.device, "dtype": request.dtype or "auto", "use_safetensors": None if gguf else True}
        model = AutoModelForCausalLM.from_pretrained(request.folder, **source, **placing)
        tokenizer = AutoTokenizer.from_pretrained(request.folder, **source)
        if not tokenizer.chat_template:
            raise MissingDependencyError(f"{request.spec.name} has no chat template: choose a checkpoint tuned for chat.")
        return cls(model.eval(), tokenizer)

    @property
    def context_tokens(self) -> int:
        """Prompt and answer together may have at most this many tokens."""
        return min(int(self._model.config.max_position_embeddings), MAX_CONTEXT_TOKENS)

    def stream(self, messages: Sequence[ChatMessage], *, options: GenerateOptions) -> Iterator[str]:
        """Yield pieces of the answer; closing the iterator ends generation within one token.

        Raises:
            InvalidInputError: an empty or too long prompt, or a grammar or schema, which only llama.cpp can follow.
        """
        if options.json_schema or options.grammar:
            raise InvalidInputError(
                "This engine cannot hold an answer to a grammar or schema: choose a model that runs on llama.cpp."
            )
        from transformers import TextIteratorStreamer

        tokens = self._tokens(messages)
        stop = threading.Event()
        streamer = TextIteratorStreamer(self._tokenizer, skip_prompt=True, skip_special_tokens=True)
        errors: list[Exception] = []

        def generate() -> None:
            try:
                with self._lock:
                    self._generate(tokens, options, streamer, stop)
            except Exception as error:
                errors.append(error)
                streamer.end()

        worker = threading.Thread(target=generate, name="transformers", daemon=True)
        worker.start()
        try:
            yield from _until_stop(streamer, options.stop)
        finally:
            stop.set()
            worker.join()
        if errors:
            raise errors[0]

    def score(self, messages: Sequence[ChatMessage], choices: Sequence[str]) -> FloatArray:
        """Probabilities (n_choices,), summing to 1, that the answer is exactly one of `choices`.

        The probability of a choice is the product of the model's own probabilities of its tokens and of the end of the
        turn after them; the products are divided by their sum.
        """
        import torch

        stripped = check_choices(choices)
        prompt = self._tokens(messages)[0]
        total = np.empty(len(stripped))
        for i, choice in enumerate(stripped):
            answer = torch.tensor([*self._tokenizer.encode(choice, add_special_tokens=False), self._end], device=prompt.device)
            with self._lock, torch.inference_mode():
                logits = self._model(torch.cat([prompt, answer])[None], logits_to_keep=len(answer) + 1).logits[0, :-1]
            total[i] = float(logits.float().log_softmax(-1).gather(1, answer[:, None]).sum())
        probs = np.exp(total - total.max())
        return np.asarray(probs / probs.sum(), dtype=np.float32)

    def close(self) -> None:
        """Wait for the running answer, then let go of the weights."""
        with self._lock:
            self._model = None

    def _tokens(self, messages: Sequence[ChatMessage]) -> Any:
        """The prompt as token numbers (1, n_tokens) on the model's device."""
        turns = template_input(messages)
        batch = self._tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_tensors="pt", return_dict=True)
        tokens = batch["input_ids"].to(self._model.device)
        if tokens.shape[1] >= self.context_tokens:
            raise too_long(tokens.shape[1], self.context_tokens)
        return tokens

    def _generate(self, tokens: Any, options: GenerateOptions, streamer: Any, stop: threading.Event) -> None:
        """Fill `streamer` until the answer ends or `stop` is set."""
        import torch
        from transformers import StoppingCriteriaList

        def stopped(input_ids: Any, *_: Any) -> Any:
            return torch.full((input_ids.shape[0],), stop.is_set(), device=input_ids.device)

        sampling: dict[str, Any] = {"do_sample": False}
        if options.temperature > 0:
            sampling = {"do_sample": True, "temperature": options.temperature, "top_p": options.top_p, "top_k": 40}
        device = self._model.device
        with torch.random.fork_rng([device] if device.type == "cuda" else []), torch.inference_mode():
            torch.manual_seed(options.seed)
            self._model.generate(
                tokens,
                attention_mask=torch.ones_like(tokens),
                max_new_tokens=min(options.max_new_tokens, self.context_tokens - tokens.shape[1]),
                eos_token_id=self._end,
                pad_token_id=self._end,
                streamer=streamer,
                stopping_criteria=StoppingCriteriaList([stopped]),
                **sampling,
            )

    def _end_token(self) -> int:
        """The token that the chat template puts after an answer."""
        turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "@answer@"}]
        text = self._tokenizer.apply_chat_template(turns, tokenize=False).rpartition("@answer@")[2]
        return int(self._tokenizer.encode(text, add_special_tokens=False)[0])


def _until_stop(pieces: Iterator[str], stop: Sequence[str]) -> Iterator[str]:
    """Pieces up to the first of the `stop` strings; text that may be the beginning of one is held back."""
    held = ""
    for piece in pieces:
        held += piece
        ends = [held.find(mark) for mark in stop if mark in held]
        if ends:
            held = held[: min(ends)]
            break
        keep = max((n for mark in stop for n in range(1, len(mark)) if held.endswith(mark[:n])), default=0)
        ready, held = held[: len(held) - keep], held[len(held) - keep :]
        if ready:
            yield ready
    if held:
        yield held
