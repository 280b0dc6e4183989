"""A chat model on transformers, placed on the device by accelerate."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mm_demos.errors import InvalidInputError, MissingDependencyError
from mm_demos.models.chat_template import ChatTemplate
from mm_demos.models.language import check_choices, too_long
from mm_demos.models.llama_cpp_options import gguf_file
from mm_demos.models.placing import SAFE, load_checkpoint, number_format, understood, weight_bytes
from mm_demos.models.protocols import ChatMessage, FloatArray, GenerateOptions
from mm_demos.models.usage import MeasuredStream, Meter, Usage

if TYPE_CHECKING:
    from mm_demos.models.loader import LoadRequest

MAX_CONTEXT_TOKENS = 32_768  # prompt and cache stay within a few GB whatever the checkpoint allows
TOP_K = 40  # with a temperature, as llama.cpp has it


class TransformersChat:
    """One checkpoint; one thread at a time generates, the others wait."""

    follows_grammar = False

    def __init__(self, model: Any, tokenizer: Any, *, dtype: str = "", device: str = "") -> None:
        self._model = model
        self._tokenizer = tokenizer
        self._template = ChatTemplate(tokenizer)
        self._lock = threading.Lock()
        self._ends = self._end_tokens()
        self.dtype = dtype or str(model.dtype).removeprefix("torch.")
        self.device = device or str(model.device)
        self.weight_bytes = weight_bytes(model)

    @classmethod
    def load(cls, request: LoadRequest) -> TransformersChat:
        """Load `request.folder`: a safetensors checkpoint, or one GGUF file.

        Raises:
            MissingDependencyError: it has no chat template, or what reads GGUF files is not installed.
            InvalidInputError: its architecture is unknown or needs code of its own.
        """
        from transformers import AutoModelForCausalLM, AutoTokenizer

        source = _gguf_file(request.folder)
        with understood(request):
            tokenizer = AutoTokenizer.from_pretrained(request.folder, **source, **SAFE)
        if not tokenizer.chat_template:
            raise MissingDependencyError(f"{request.spec.name} has no chat template: choose a checkpoint tuned for chat.")
        options = source | {"use_safetensors": None} if source else {}
        model = load_checkpoint(AutoModelForCausalLM, request, **options)
        elsewhere = request.choices.offload
        where = request.device if elsewhere == "none" else f"{request.device} + {elsewhere}"
        return cls(model, tokenizer, dtype=number_format(model, request), device=where)

    @property
    def context_tokens(self) -> int:
        """Prompt and answer together may have at most this many tokens."""
        return min(int(self._model.config.get_text_config().max_position_embeddings), MAX_CONTEXT_TOKENS)

    def stream(self, messages: Sequence[ChatMessage], *, options: GenerateOptions) -> MeasuredStream:
        """Yield pieces of the answer; closing the iterator ends generation within one token.

        Raises:
            InvalidInputError: an empty or too long prompt, or a grammar or schema, which only llama.cpp can follow.
        """
        meter = Meter()
        return MeasuredStream(self._pieces(messages, options, meter), meter)

    def _pieces(self, messages: Sequence[ChatMessage], options: GenerateOptions, meter: Meter) -> Iterator[str]:
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
                if self._take_turn(stop):
                    try:
                        self._generate(tokens, options, streamer, stop, meter)
                    finally:
                        self._lock.release()
            except Exception as error:
                errors.append(error)
            finally:
                streamer.text_queue.put(streamer.stop_signal)  # again after the library's own, or in its place

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
            written = [*self._tokenizer.encode(choice, add_special_tokens=False), self._ends[0]]
            answer = torch.tensor(written, device=prompt.device)
            with self._lock, torch.inference_mode():
                logits = self._loaded()(torch.cat([prompt, answer])[None], logits_to_keep=len(answer) + 1).logits[0, :-1]
            total[i] = float(logits.float().log_softmax(-1).gather(1, answer[:, None]).sum())
        probs = np.exp(total - total.max())
        return np.asarray(probs / probs.sum(), dtype=np.float32)

    def close(self) -> None:
        """Wait for the running answer, then let go of the weights."""
        with self._lock:
            self._model = None

    def _loaded(self) -> Any:
        if self._model is None:
            raise MissingDependencyError("The language model was unloaded: ask again to load it.")
        return self._model

    def _take_turn(self, stop: threading.Event) -> bool:
        """Wait for the model; False when the caller gave up meanwhile."""
        while not stop.is_set():
            if self._lock.acquire(timeout=0.05):
                return True
        return False

    def _tokens(self, messages: Sequence[ChatMessage]) -> Any:
        """The prompt as token numbers (1, n_tokens) on the model's device."""
        tokens = self._template.tokens(messages).to(self._loaded().device)
        if tokens.shape[1] >= self.context_tokens:
            raise too_long(tokens.shape[1], self.context_tokens)
        return tokens

    def _generate(self, tokens: Any, options: GenerateOptions, streamer: Any, stop: threading.Event, meter: Meter) -> None:
        """Fill `streamer` until the answer ends or `stop` is set; `meter` counts."""
        import torch
        from transformers import StoppingCriteriaList

        model, n_prompt, began = self._loaded(), tokens.shape[1], time.perf_counter()
        meter.usage = Usage(prompt_tokens=n_prompt, evaluated_tokens=n_prompt)

        def after_each_token(input_ids: Any, *_: Any) -> Any:
            spent, read = time.perf_counter() - began, meter.usage.prompt_seconds
            n_new = input_ids.shape[1] - n_prompt
            meter.usage = Usage(n_prompt, n_prompt, n_new, read or spent, spent - read if read else 0.0)
            return torch.full((input_ids.shape[0],), stop.is_set(), device=input_ids.device)

        sampling: dict[str, Any] = {"do_sample": False, "temperature": None, "top_p": None, "top_k": None}
        if options.temperature > 0:
            sampling = {"do_sample": True, "temperature": options.temperature, "top_p": options.top_p, "top_k": TOP_K}
        with torch.random.fork_rng([model.device] if model.device.type == "cuda" else []), torch.inference_mode():
            torch.manual_seed(options.seed)
            model.generate(
                tokens,
                attention_mask=torch.ones_like(tokens),
                max_new_tokens=min(options.max_new_tokens, self.context_tokens - n_prompt),
                eos_token_id=self._ends,
                pad_token_id=self._ends[0],
                streamer=streamer,
                stopping_criteria=StoppingCriteriaList([after_each_token]),
                **sampling,
            )

    def _end_tokens(self) -> list[int]:
        """The token that the chat template puts after an answer, and those that the checkpoint says end one."""
        known = self._model.generation_config.eos_token_id
        known = known if isinstance(known, list) else [known]
        ends = [self._template.end(), *known, self._tokenizer.eos_token_id]
        return [int(token) for token in dict.fromkeys(ends) if token is not None]


def _gguf_file(folder: Path) -> dict[str, str]:
    """The option that names the GGUF file of a folder; empty where there is none.

    Raises:
        MissingDependencyError: there is one and nothing here reads it.
    """
    import importlib.util

    found = gguf_file(folder)
    if found is not None and importlib.util.find_spec("gguf") is None:
        raise MissingDependencyError("transformers reads GGUF files with a library that is not installed: pip install gguf")
    return {"gguf_file": found.name} if found is not None else {}


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
