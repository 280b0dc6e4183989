"""Options of llama.cpp's server: of a model when it is loaded, of an answer when it is asked for."""

from __future__ import annotations

import re
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mm_demos.errors import InvalidInputError
from mm_demos.models.protocols import GenerateOptions

if TYPE_CHECKING:
    from mm_demos.models.loader import LoadRequest

CONTEXT_TOKENS = 4096  # 12 kB of keys and values a token in the 0.5B model: 50 MB
BATCH_TOKENS = 128  # prompt tokens evaluated between two looks at Stop; more costs memory and is no faster on two cores


def gguf_file(folder: Path) -> Path | None:
    """The language model among the GGUF files of a folder, or its first part; not the projector of pictures beside it."""
    return min((path for path in folder.glob("*.gguf") if not path.name.startswith("mmproj")), default=None)


def params_for(xllamacpp: Any, request: LoadRequest, folder: Path, key: str) -> Any:
    """Parameters of the native library for one model, one conversation at a time, and nothing it does not need."""
    params = xllamacpp.CommonParams()
    params.model.path = str(gguf_file(request.folder))
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


def packing(path: str) -> str:
    """How the weights are packed, by the file's name: "…-q4_k_m.gguf" → "q4_k_m"."""
    found = re.search(r"[-.](i?q\d\w*|bf16|f16|f32)\.gguf$", path, re.IGNORECASE)
    return found[1].lower() if found else "gguf"


def sampling(options: GenerateOptions) -> dict[str, Any]:
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
