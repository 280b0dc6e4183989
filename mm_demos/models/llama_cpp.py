"""A chat model on llama.cpp, through xllamacpp's in-process server.

The library always opens a listener. Ours is a UNIX socket in a folder that only this user may enter (where the
system has none: a loopback port of the system's choice), and behind a random key; it serves tokenizer and template.
"""

from __future__ import annotations

import queue
import re
import secrets
import shutil
import socket
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
from mm_demos.models.llama_cpp_http import LocalClient
from mm_demos.models.protocols import ChatMessage, FloatArray, GenerateOptions

if TYPE_CHECKING:
    from mm_demos.models.loader import LoadRequest

CONTEXT_TOKENS = 4096  # 12 kB of keys and values a token in the 0.5B model: 50 MB
BATCH_TOKENS = 128  # prompt tokens evaluated between two looks at Stop; more costs memory and is no faster on two cores
TOP_TOKENS = 64  # probabilities asked for at each step of a score; rarer tokens cost one more step each
FORCE = 1000.0  # a logit bias that makes a token certain to be sampled; reported probabilities are from before it

Reply = dict[str, Any]


class LlamaCppChat:
    """One GGUF checkpoint; one thread at a time generates, the others wait.

    The key–value cache is reused between calls only up to the last turn, so that the same call gives the same text
    whatever ran before it: a token evaluated alone and one evaluated in a batch differ in the last digits, and
    sampling magnifies the difference. In a growing conversation the cache also keeps the earlier answers.
    """

    def __init__(self, server: Any, client: LocalClient, folder: Path, dtype: str = "") -> None:
        self._server = server
        self._client = client
        self._remove_folder = weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)  # also when the program ends
        self.dtype = dtype  # how the file packs its weights, for receipts
        self._lock = threading.Lock()
        self._prefix: list[int] = []
        self._end = self._end_token()

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
        params = _params(xllamacpp, request, folder, key)
        try:
            server = xllamacpp.Server(params)
        except RuntimeError as error:
            shutil.rmtree(folder, ignore_errors=True)
            raise MissingDependencyError(
                f"llama.cpp could not load {request.spec.name}: the file or the system refuses."
            ) from error
        return cls(server, LocalClient(server.listening_address, key), folder, _packing(params.model.path))

    @property
    def context_tokens(self) -> int:
        """Prompt and answer together may have at most this many tokens."""
        return CONTEXT_TOKENS

    def stream(self, messages: Sequence[ChatMessage], *, options: GenerateOptions) -> Iterator[str]:
        """Yield pieces of the answer; closing the iterator ends generation within one token.

        Raises:
            InvalidInputError: an empty or too long prompt, or a grammar or schema that cannot be read.
        """
        tokens, prefix = self._prompt(messages)
        request = _sampling(options) | {"max_tokens": min(options.max_new_tokens, CONTEXT_TOKENS - len(tokens))}
        pieces: queue.SimpleQueue[str | Exception | None] = queue.SimpleQueue()
        stop = threading.Event()

        def on_reply(reply: Reply) -> bool:
            pieces.put("".join(choice.get("text", "") for choice in reply["choices"]))
            return stop.is_set()

        def generate() -> None:
            try:
                if self._take_turn(stop):
                    try:
                        self._prime(prefix)
                        self._complete(tokens, on_reply, stream=True, return_progress=True, **request)
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
        tokens, prefix = self._prompt(messages)
        paths = [(*self._tokenize(choice), self._end) for choice in stripped]
        with self._lock:
            self._prime(prefix)
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

    def _prompt(self, messages: Sequence[ChatMessage]) -> tuple[list[int], list[int]]:
        """Tokens of the whole prompt, and of its part before the last turn."""
        turns = template_input(messages)
        text = self._template(turns)
        before = self._template(turns[:-1], generation_prompt=False) if len(turns) > 1 else ""
        tokens = self._tokenize(text)
        if len(tokens) >= CONTEXT_TOKENS:
            raise too_long(len(tokens), CONTEXT_TOKENS)
        return tokens, self._tokenize(before) if before and text.startswith(before) else []

    def _prime(self, prefix: list[int]) -> None:
        """Bring the cache to exactly `prefix`, computed in the same way every time."""
        if not prefix:
            self._prefix = []
            self._complete([self._end], None, max_tokens=1, cache_prompt=False)
            return
        grown = bool(self._prefix) and prefix[: len(self._prefix)] == self._prefix
        if prefix != self._prefix:
            self._complete(prefix, None, max_tokens=1, cache_prompt=grown)
            self._prefix = prefix
        # This second pass evaluates the last token alone and drops whatever the cache held after it.
        self._complete(prefix, None, max_tokens=1)

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

    def _complete(self, tokens: list[int], on_reply: Callable[[Reply], bool] | None, **options: Any) -> None:
        """Continue `tokens`; `on_reply` gets each reply and returns whether to stop. The caller holds the lock."""
        if self._server is None:
            raise MissingDependencyError("The language model was unloaded: ask again to load it.")
        errors: list[str] = []

        def on_any(reply: Reply) -> bool:
            if "error" in reply:
                errors.append(str(reply["error"].get("message", reply["error"])))
                return True
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


def _params(xllamacpp: Any, request: LoadRequest, folder: Path, key: str) -> Any:
    """Parameters of the native library for one model, one conversation at a time, and nothing it does not need."""
    params = xllamacpp.CommonParams()
    params.model.path = str(next(request.folder.glob("*.gguf")))
    params.n_ctx, params.n_parallel = CONTEXT_TOKENS, 1
    params.n_batch = params.n_ubatch = BATCH_TOKENS
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = request.threads
    params.n_gpu_layers = 0 if request.device == "cpu" else -1
    params.no_extra_bufts = True  # repacked copies cost memory, and the AMX ones crash on some machines (llama.cpp#20824)
    params.cache_ram_mib, params.n_ctx_checkpoints, params.fit_params, params.prefill_assistant = 0, 0, False, False
    params.ui, params.endpoint_slots, params.n_threads_http, params.verbosity = False, False, 1, -1
    address = folder / "llama.sock"
    # 100: the longest path a UNIX socket may have is 104 to 108 bytes, by system.
    params.hostnames = [str(address) if hasattr(socket, "AF_UNIX") and len(str(address)) < 100 else "127.0.0.1"]
    params.port, params.api_keys = 0, [key]
    return params


def _packing(path: str) -> str:
    """How the weights are packed, by the file's name: "…-q4_k_m.gguf" → "q4_k_m"."""
    found = re.search(r"[-.](i?q\d\w*|bf16|f16|f32)\.gguf$", path, re.IGNORECASE)
    return found[1].lower() if found else "gguf"


def _sampling(options: GenerateOptions) -> dict[str, Any]:
    """`options` in the words of llama.cpp's server."""
    request: dict[str, Any] = {"temperature": options.temperature, "top_p": options.top_p, "seed": options.seed, "min_p": 0.0}
    if options.stop:
        request["stop"] = list(options.stop)
    if options.json_schema:
        request["json_schema"] = _schema(options.json_schema)
    elif options.grammar:
        request["grammar"] = options.grammar
    return request


def _schema(text: str) -> Any:
    import json

    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise InvalidInputError(f"The JSON schema is not valid JSON: {error.msg} at character {error.pos}.") from error


def _until_end(pieces: queue.SimpleQueue[str | Exception | None]) -> Iterator[str]:
    """Pieces from the generating thread until None; an error that arrives is raised here."""
    while (piece := pieces.get()) is not None:
        if isinstance(piece, Exception):
            raise piece
        if piece:
            yield piece
