"""How a checkpoint of transformers comes into memory as `ModelChoices` say: number format, packing, places, compilation."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from mm_demos.errors import InvalidInputError, MissingDependencyError
from mm_demos.models.transfers import first_line

if TYPE_CHECKING:
    from mm_demos.models.loader import LoadRequest

SAFE = {"local_files_only": True, "trust_remote_code": False}  # code that comes with a checkpoint is never run
SOURCES = SAFE | {"use_safetensors": True}  # a pickle may run code when it is read
KEPT = "<kept>"  # stands for the device that computes, in `layer_map`


def load_checkpoint(auto: Any, request: LoadRequest, **options: Any) -> Any:
    """The model of `request.folder`, ready to be asked.

    Args:
        auto: class with `from_pretrained` and `from_config`, e.g. `AutoModelForCausalLM`.
        request: folder, device, dtype and choices.
        options: for `from_pretrained`, beside those that the choices give.

    Raises:
        MissingDependencyError: a library that packs weights on a GPU is not installed.
        InvalidInputError: its architecture is unknown or needs code of its own.
    """
    from transformers.utils import logging

    logging.disable_progress_bar()  # loads report to the page and the command line, not to the console
    choices = request.choices
    placing: dict[str, Any] = {"device_map": request.device, "dtype": request.dtype or "auto"} | SOURCES
    if choices.offload != "none":
        with understood(request):
            placing["device_map"] = _places(auto, request)
        placing["offload_folder"] = str(request.derived_folder / "offload")
    on_gpu = request.device.startswith("cuda")
    if choices.quantisation != "none" and on_gpu:
        placing["quantization_config"] = _on_gpu(choices.quantisation, request.dtype)
    with understood(request):
        model = auto.from_pretrained(request.folder, **placing | options).eval()
    if choices.quantisation != "none" and not on_gpu:
        from mm_demos.models.quantisation import quantise

        request.progress.report(f"Packing {request.spec.name} into {choices.quantisation}")
        quantise(model, choices.quantisation)
    if choices.compile:
        model.compile(dynamic=True)  # the prompt's length differs from call to call
    return model


@contextmanager
def understood(request: LoadRequest) -> Iterator[None]:
    """Say in one sentence that the library cannot read the checkpoint.

    Raises:
        InvalidInputError: the library gave a ValueError, as it does for what it does not know and for foreign code.
    """
    try:
        yield
    except ValueError as error:
        name = request.spec.name
        said = ValueError(str(error).replace(str(request.folder), name))  # where it lies concerns no visitor
        reason = first_line(said).partition(". ")[0].rstrip(".")
        raise InvalidInputError(
            f"{name} is of a kind that this transformers does not know or needs code of its own ({reason}): choose another."
        ) from error


def number_format(model: Any, request: LoadRequest) -> str:
    """What a receipt calls the numbers of a model: how its weights are packed, or else their dtype."""
    packed = request.choices.quantisation
    return packed if packed != "none" else str(model.dtype).removeprefix("torch.")


def weight_bytes(model: Any) -> int:
    """What its tensors take in memory; those that wait on disk take nothing.

    The growth of the process would not tell: a checkpoint is mapped, and its pages count only once they are read.
    """
    tensors = [*model.parameters(), *model.buffers()]
    return sum(int(tensor.nbytes) for tensor in tensors if tensor.device.type != "meta")


def layer_map(model: Any, place: str) -> dict[str, str]:
    """Where each module of a model on the meta device goes: its repeated layers to `place`, the rest stays, see `KEPT`.

    Every weight has exactly one entry over it, as accelerate wants.
    """
    layers = set(model._no_split_modules or ())
    places: dict[str, str] = {}

    def spread(module: Any, name: str) -> None:
        inner = any(type(part).__name__ in layers for part in module.modules())
        if type(module).__name__ in layers or not inner:
            places[name] = place if inner else KEPT
            return
        own = [key for key, _ in (*module.named_parameters(recurse=False), *module.named_buffers(recurse=False))]
        places.update((f"{name}.{key}".lstrip("."), KEPT) for key in own)
        for key, part in module.named_children():
            spread(part, f"{name}.{key}".lstrip("."))

    spread(model, "")
    return places


def _places(auto: Any, request: LoadRequest) -> dict[str, str]:
    import torch
    from transformers import AutoConfig

    with torch.device("meta"):
        model = auto.from_config(AutoConfig.from_pretrained(request.folder, **SAFE))
    where = layer_map(model, request.choices.offload)
    return {name: request.device if place == KEPT else place for name, place in where.items()}


def _on_gpu(kind: str, dtype: str) -> Any:
    """How bitsandbytes packs the weights: LLM.int8() (Dettmers et al., 2022) or 4-bit NormalFloat (Dettmers et al., 2023)."""
    import importlib.util

    from transformers import BitsAndBytesConfig

    if importlib.util.find_spec("bitsandbytes") is None:
        raise MissingDependencyError("bitsandbytes packs weights on a GPU and is not installed: pip install bitsandbytes")
    if kind == "int8":
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=dtype or "bfloat16")
