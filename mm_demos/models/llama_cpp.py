"""A chat model on llama.cpp, through xllamacpp's in-process server.

The library always opens a listener. Ours is a UNIX socket in a folder that only this user may enter (where the
system has none: a loopback port of the system's choice), and behind a random key; it serves tokenizer and template.
"""

from __future__ import annotations

import queue
import secrets
import shutil
import tempfile
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mm_demos import accelerator
from mm_demos.errors import InvalidInputError, MissingDependencyError
from mm_demos.models.language import check_choices, template_input, too_long
from mm_demos.models.llama_cpp_cache import PromptCache, Tokens
from mm_demos.models.llama_cpp_http import LocalClient
from mm_demos.models.llama_cpp_options import CONTEXT_TOKENS, packing, params_for, sampling
from mm_demos.models.protocols import ChatMessage, FloatArray, GenerateOptions
from mm_demos.models.usage import MeasuredStream, Meter, Usage, with_timings

if TYPE_CHECKING:
    from mm_demos.models.loader import LoadRequest

TOP_TOKENS = 64  # probabilities asked for at each step of a score; rarer tokens cost one more step each
FORCE = 1000.0  # a logit bias that makes a token certain to be sampled; reported probabilities are from before it

# Replies also while the prompt is read, so that Stop is heard then, each with what it has cost so far.
STREAMED: dict[str, Any] = {"stream": True, "return_progress": True, "timings_per_token": True}

Reply = dict[str, Any]


class LlamaCppChat:
    """One GGUF checkpoint; one thread at a time generates, the others wait.

    The key–value cache is reused between calls only up to the last turn, and always computed in the same way, so that
    the same call gives the same text whatever ran before it. The one exception: a call that continues the conversation just
    answered keeps that answer as it was written, so it reads the new turn only, and may be worded otherwise than the same
    call in a fresh process (see `PromptCache`).
    """

    def __init__(self, server: Any, client: LocalClient, folder: Path, dtype: str = "") -> None:
        self._server = server
        self._client = client
        self._remove_folder = weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)  # also when the program ends
        self.dtype = dtype  # how the file packs its weights, for receipts
        self._lock = threading.Lock()
        self._cache = PromptCache()
        self._end = self._end_token()
        # A model trained on less than we would give it has less.
        self._context = min(CONTEXT_TOKENS, int(client.get("/v1/models")["data"][0]["meta"]["n_ctx"]))

    @classmethod
    def load(cls, request: LoadRequest) -> LlamaCppChat:
        """Map the GGUF file of `request.folder` into memory and start the model's loop."""
        accelerator.let_waiting_threads_sleep()  # again, for those who load without the loader
        try:
            import xllamacpp
        except ImportError as error:
            raise MissingDependencyError("xllamacpp is not installed: pip install xllamacpp") from error
        folder = Path(tempfile.mkdtemp(prefix="mm-demos-"))
        key = secrets.token_hex(16)
        params = params_for(xllamacpp, request, folder, key)
        try:
            server = xllamacpp.Server(params)
        except RuntimeError as error:
            shutil.rmtree(folder, ignore_errors=True)
            raise MissingDependencyError(
                f"llama.cpp could not load {request.spec.name}: the file or the system refuses."
            ) from error
        return cls(server, LocalClient(server.listening_address, key), folder, packing(params.model.path))

    @property
    def context_tokens(self) -> int:
        """Prompt and answer together may have at most this many tokens."""
        return self._context

    def stream(self, messages: Sequence[ChatMessage], *, options: GenerateOptions) -> MeasuredStream:
        """Yield pieces of the answer; closing the iterator ends generation within one token.

        Raises:
            InvalidInputError: an empty or too long prompt, or a grammar or schema that cannot be read.
        """
        meter = Meter()
        return MeasuredStream(self._pieces(messages, options, meter), meter)

    def _pieces(self, messages: Sequence[ChatMessage], options: GenerateOptions, meter: Meter) -> Iterator[str]:
        tokens, stages = self._prompt(messages)
        request = sampling(options) | {"max_tokens": min(options.max_new_tokens, self._context - len(tokens))}
        pieces: queue.SimpleQueue[str | Exception | None] = queue.SimpleQueue()
        stop = threading.Event()

        def on_reply(reply: Reply) -> bool:
            pieces.put("".join(choice.get("text", "") for choice in reply["choices"]))
            return stop.is_set()

        def generate() -> None:
            try:
                if self._take_turn(stop):
                    try:
                        meter.usage = Usage(prompt_tokens=len(tokens))
                        self._prime(stages, stop, meter)
                        if not stop.is_set():
                            self._complete(tokens, on_reply, meter, **STREAMED, **request)
                            self._cache.answered(tokens)
                    finally:
                        self._lock.release()
                pieces.put(None)
            except Exception as error:  # carried to the thread that reads
                pieces.put(error)

        worker = threading.Thread(target=generate, name="llama.cpp", daemon=True)
        worker.start()
        try:
            yield from _until_end(pieces)
        finally:
            stop.set()
            worker.join()

    def score(self, messages: Sequence[ChatMessage], choices: Sequence[str]) -> FloatArray:
        """Probabilities (n_choices,), summing to 1, that the answer is exactly one of `choices`.

        The probability of a choice is the product of the model's own probabilities of its tokens and of the end of the
        turn after them, each read before any sampling filter; the products are divided by their sum. Longer
        choices are therefore not favoured or corrected: this is the model's distribution, restricted to the choices.
        """
        stripped = check_choices(choices)
        tokens, stages = self._prompt(messages)
        paths = [(*self._tokenize(choice), self._end) for choice in stripped]
        with self._lock:
            self._prime(stages)
            self._complete(tokens, None, max_tokens=1)
            steps: dict[tuple[int, ...], dict[int, float]] = {}
            for path in sorted(set(paths)):  # neighbours share their beginning, which stays in the cache
                for i, token in enumerate(path):
                    seen = steps.setdefault(path[:i], {})
                    if token not in seen:
                        seen.update(self._logprobs([*tokens, *path[:i]], token))
        total = np.array([sum(steps[path[:i]][token] for i, token in enumerate(path)) for path in paths])
        probs = np.exp(total - total.max())
        return np.asarray(probs / probs.sum(), dtype=np.float32)

    def close(self) -> None:
        """Wait for the running answer, then give the memory back."""
        with self._lock:
            self._server = None
            self._remove_folder()

    def _take_turn(self, stop: threading.Event) -> bool:
        """Wait for the model; False when the caller gave up meanwhile."""
        while not stop.is_set():
            if self._lock.acquire(timeout=0.05):
                return True
        return False

    def _prompt(self, messages: Sequence[ChatMessage]) -> tuple[Tokens, list[Tokens]]:
        """Tokens of the whole prompt, and of its beginnings that later prompts may share: the system turn, the earlier turns."""
        turns = template_input(messages)
        text = self._template(turns)
        tokens = self._tokenize(text)
        if len(tokens) >= self._context:
            raise too_long(len(tokens), self._context)
        counts = sorted({len(turns) - 1, *([1] if turns[0]["role"] == "system" and len(turns) > 1 else [])} - {0})
        beginnings = [self._template(turns[:count], generation_prompt=False) for count in counts]
        stages = [self._tokenize(beginning) for beginning in beginnings if text.startswith(beginning)]
        return tokens, [stage for stage in stages if tokens[: len(stage)] == stage]

    def _prime(self, stages: Sequence[Tokens], stop: threading.Event | None = None, meter: Meter | None = None) -> None:
        """Bring the cache to exactly the last of `stages`; without one, to nothing that a prompt may begin with."""
        if not stages:
            self._cache.forget()
            self._complete([self._end], None, max_tokens=1, cache_prompt=False)
            return
        done = False
        try:
            for each in self._cache.passes(stages):
                if stop is not None and stop.is_set():
                    return
                self._complete(each.tokens, _unless(stop), meter, cache_prompt=each.keep, **(STREAMED | {"max_tokens": 1}))
            done = stop is None or not stop.is_set()
        finally:
            if not done:
                self._cache.forget()

    def _logprobs(self, tokens: list[int], forced: int) -> dict[int, float]:
        """Log-probabilities of the likeliest next tokens and of `forced`, before any bias or filter."""
        found: dict[int, float] = {}

        def on_reply(reply: Reply) -> bool:
            step = reply["choices"][0]["logprobs"]["content"][0]
            found.update({top["id"]: top["logprob"] for top in step["top_logprobs"]})
            found[step["id"]] = step["logprob"]
            return False

        self._complete(tokens, on_reply, max_tokens=1, temperature=0, logprobs=TOP_TOKENS, logit_bias=[[forced, FORCE]])
        return found

    def _complete(
        self, tokens: Tokens, on_reply: Callable[[Reply], bool] | None, meter: Meter | None = None, **options: Any
    ) -> None:
        """Continue `tokens`; `on_reply` gets each reply and returns whether to stop. The caller holds the lock."""
        if self._server is None:
            raise MissingDependencyError("The language model was unloaded: ask again to load it.")
        errors: list[str] = []
        before = meter.usage if meter else Usage()

        def on_any(reply: Reply) -> bool:
            if "error" in reply:
                errors.append(str(reply["error"].get("message", reply["error"])))
                return True
            if meter:
                meter.usage = with_timings(before, reply.get("timings", {}))
            return on_reply(reply) if on_reply else False

        self._server.handle_completions({"prompt": tokens, "cache_prompt": True} | options, on_any)
        if errors:
            raise InvalidInputError(f"The language model refused the request: {errors[0].rstrip('.')}.")

    def _template(self, turns: list[dict[str, str]], *, generation_prompt: bool = True) -> str:
        """The prompt text that the checkpoint's own chat template makes of `turns`."""
        reply = self._client.post("/apply-template", {"messages": turns, "add_generation_prompt": generation_prompt})
        return str(reply["prompt"])

    def _tokenize(self, text: str) -> list[int]:
        """Token numbers of `text`; marks of special tokens become those tokens."""
        reply = self._client.post("/tokenize", {"content": text, "add_special": False, "parse_special": True})
        return [int(token) for token in reply["tokens"]]

    def _end_token(self) -> int:
        """The token that the chat template puts after an answer."""
        turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "@answer@"}]
        return self._tokenize(self._template(turns, generation_prompt=False).rpartition("@answer@")[2])[0]


def _until_end(pieces: queue.SimpleQueue[str | Exception | None]) -> Iterator[str]:
    """Pieces from the generating thread until None; an error that arrives is raised here."""
    while (piece := pieces.get()) is not None:
        if isinstance(piece, Exception):
            raise piece
        if piece:
            yield piece


def _unless(stop: threading.Event | None) -> Callable[[Reply], bool]:
    """For a run whose text nobody reads: whether to break it off."""
    return lambda _: stop is not None and stop.is_set()
