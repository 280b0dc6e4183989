"""What a run takes beside the weights, what there is, and which way of saving lets it fit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Literal

from mm_demos import accelerator
from mm_demos.errors import InsufficientMemoryError
from mm_demos.models.loading import out_of_memory

Mode = Literal["off", "sliced", "offload"]

# Largest sum of tensors alive at once, in tensors of the widest layer; from peaks measured on networks of the sizes of
# Stable Diffusion 1.5, see tests/test_diffusion_memory.py for the same ratio on small ones.
DECODER_TENSORS: Final = 5
DENOISER_TENSORS: Final = 32  # the widest part of a feed-forward block is 8 times its input, and skip connections wait
PROMPT_TOKENS: Final = 512  # at most, in text encoders of the T5 kind and in the joint attention of transformers
ENCODER_SCORES: Final = 4  # copies of the attention weights of a text encoder, which no fused kernel computes
FIXED_BYTES: Final = 100_000_000  # weights in the layout of the kernels, scratch space
OFFLOADED: Final = "Networks wait in main memory and move to the GPU in turn, because its memory is short: it takes longer."
SLICED: Final = "Attention and the decoder work in slices, because memory is short: it takes longer."
NO_OFFLOAD: Final = "Offloading needs a GPU; attention and the decoder work in slices instead."


@dataclass(frozen=True, slots=True)
class Need:
    """Bytes that one run takes beside the weights, whole and with attention and decoder in slices."""

    whole: int
    sliced: int


@dataclass(frozen=True, slots=True)
class Choice:
    """How a run saves memory, and what the visitor is told about it."""

    mode: Mode
    notices: tuple[str, ...] = ()


def need(pipeline: Any, width: int, height: int, *, guided: bool) -> Need:
    """The estimate for a picture of `width` × `height` pixels; guidance computes two of everything at once."""
    vae = getattr(pipeline, "vae", None)
    tile = min(getattr(vae, "tile_sample_min_size", 0) or max(width, height), max(width, height))
    denoising, attending = _denoising(pipeline, width, height, batch=2 if guided else 1)
    image = 3 * width * height * 4 * 4  # floats and bytes of the finished picture
    encoding, decoding = _encoding(pipeline), _decoding(vae, width, height)
    whole = max(encoding, denoising + attending, decoding) + image + FIXED_BYTES
    sliced = max(encoding, denoising, _decoding(vae, min(width, tile), min(height, tile))) + 2 * image + FIXED_BYTES
    return Need(whole, min(whole, sliced))


def _encoding(pipeline: Any) -> int:
    """Bytes of the widest layer of a text encoder."""
    import torch

    names = ("text_encoder", "text_encoder_2", "text_encoder_3")
    encoders = [part for part in (getattr(pipeline, name, None) for name in names) if isinstance(part, torch.nn.Module)]
    return max((_encoder_numbers(encoder.config) * _item_bytes(encoder) for encoder in encoders), default=0)


def _encoder_numbers(config: Any) -> int:
    """Numbers alive at once."""
    heads = int(getattr(config, "num_attention_heads", 0) or getattr(config, "num_heads", 0) or 32)
    wide = int(getattr(config, "intermediate_size", 0) or getattr(config, "d_ff", 0) or 16_384)
    tokens = min(int(getattr(config, "max_position_embeddings", 0) or PROMPT_TOKENS), PROMPT_TOKENS)
    return tokens * (ENCODER_SCORES * heads * tokens + 6 * wide)


def _decoding(vae: Any, width: int, height: int) -> int:
    """Bytes of the last block of the decoder, whose tensors are as large as the picture."""
    channels = vae.config.get("block_out_channels") or vae.config.get("decoder_block_out_channels") if vae else None
    # Its input still has the channels of the block before, which are twice as many.
    widest = int(min(channels)) * (1 if min(channels) == max(channels) else 2) if channels else 256
    return width * height * widest * DECODER_TENSORS * _item_bytes(vae)


def _denoising(pipeline: Any, width: int, height: int, batch: int) -> tuple[int, int]:
    """Bytes of one step, and those of whole attention weights where no kernel computes them block by block."""
    scale = int(getattr(pipeline, "vae_scale_factor", 8) or 8)
    unet, transformer = getattr(pipeline, "unet", None), getattr(pipeline, "transformer", None)
    network = unet if unet is not None else transformer
    size = _item_bytes(network)
    tokens = (width // scale) * (height // scale)
    if unet is not None:
        channels = int(unet.config.get("block_out_channels", (320,))[0])
    else:
        heads, dim = _config(network, "num_attention_heads", 24), _config(network, "attention_head_dim", 128)
        channels, tokens = heads * dim, tokens // 4 + PROMPT_TOKENS
    scores = 0 if _blockwise(pipeline) else batch * 8 * tokens * tokens * size
    return batch * tokens * channels * DENOISER_TENSORS * size, scores


def _config(network: Any, key: str, default: int) -> int:
    value = network.config.get(key, default) if network is not None else default
    return int(value) if isinstance(value, int) else default


def _blockwise(pipeline: Any) -> bool:
    """Whether torch's fused attention on this device keeps no whole attention weights; Metal's does."""
    return str(pipeline.device).partition(":")[0] in {"cpu", "cuda"}


def _item_bytes(network: Any) -> int:
    return network.dtype.itemsize if network is not None else 4


def weight_bytes(pipeline: Any) -> tuple[int, int]:
    """Bytes of all networks together, and of the largest one."""
    import torch

    networks = [part for part in pipeline.components.values() if isinstance(part, torch.nn.Module)]
    sizes = [sum(tensor.numel() * tensor.itemsize for tensor in network.parameters()) for network in networks]
    return sum(sizes), max(sizes, default=0)


def free_bytes(device: str) -> int:
    """What can be had on the device that computes."""
    if device.startswith("cuda"):
        import torch

        return int(torch.cuda.mem_get_info(device)[0])
    return accelerator.available_bytes()


def choose(pipeline: Any, wanted: str, needed: Need, *, device: str, size: tuple[int, int], placed: bool = True) -> Choice:
    """The first way that fits, or the one asked for.

    Args:
        pipeline: what is to run.
        wanted: `PaintOptions.memory`.
        needed: by this run.
        device: that computes.
        size: of the picture, for the message.
        placed: the weights are on the device already.

    Raises:
        InsufficientMemoryError: it would not fit; nothing was started.
    """
    cuda = device.startswith("cuda")
    total, largest = weight_bytes(pipeline)
    free = free_bytes(device)
    room: dict[Mode, tuple[int, int]] = {
        "off": (needed.whole, free - (0 if placed else total)),
        "sliced": (needed.sliced, free - (0 if placed else total)),
        "offload": (needed.sliced, free + (total if placed else 0) - largest),
    }
    candidates = _candidates(wanted, cuda)
    for mode in candidates:
        required, there = room[mode]
        if required <= there:
            return Choice(mode, _notices(wanted, mode))
    required, there = room[candidates[-1]]
    raise InsufficientMemoryError(_sentence(size, required, there, wanted, "the GPU" if cuda else "this machine"))


def _candidates(wanted: str, cuda: bool) -> list[Mode]:
    """Modes to try, fastest first; on a CPU there is nowhere to offload to."""
    modes: list[Mode] = ["off", "sliced", "offload"] if cuda else ["off", "sliced"]
    if wanted == "auto":
        return modes
    return [mode for mode in modes if mode == wanted] or ["sliced"]


def _notices(wanted: str, mode: Mode) -> tuple[str, ...]:
    if wanted == "offload" and mode == "sliced":
        return (NO_OFFLOAD,)
    if wanted != "auto" or mode == "off":
        return ()
    return (SLICED,) if mode == "sliced" else (OFFLOADED,)


def _sentence(size: tuple[int, int], required: int, there: int, wanted: str, where: str) -> str:
    way_out = "choose a smaller picture or free memory" if wanted != "off" else "choose memory saving or a smaller picture"
    return (
        f"A picture of {size[0]} × {size[1]} pixels needs about {required / 1e9:.1f} GB beside the model and "
        f"{max(0, there) / 1e9:.1f} GB are free on {where}: {way_out}."
    )


@contextmanager
def saving(pipeline: Any, mode: Mode, device: str) -> Iterator[None]:
    """Run the block in this mode; afterwards the pipeline is as it was."""
    vae = getattr(pipeline, "vae", None)
    sliced = mode in {"sliced", "offload"}
    try:
        _slice(pipeline, vae, sliced)
        if mode == "offload":
            pipeline.enable_model_cpu_offload(device=device)
        elif str(pipeline.device) != device:
            _move(pipeline, device)
        yield
    finally:
        _slice(pipeline, vae, False)
        if mode == "offload":
            pipeline.remove_all_hooks()
            pipeline.to("cpu")


def _move(pipeline: Any, device: str) -> None:
    """All networks onto the device, or none.

    Raises:
        InsufficientMemoryError: they do not fit.
    """
    try:
        pipeline.to(device)
    except Exception as error:
        if not out_of_memory(error):
            raise
        pipeline.to("cpu")
        raise InsufficientMemoryError("Memory ran out while the model was moved to the GPU: choose memory saving.") from error


def _slice(pipeline: Any, vae: Any, on: bool) -> None:
    """Decode tile by tile, and attend head by head where attention is not blockwise anyway."""
    if not _blockwise(pipeline):
        (pipeline.enable_attention_slicing if on else pipeline.disable_attention_slicing)()
    for name in ("use_slicing", "use_tiling"):
        if hasattr(vae, name):
            setattr(vae, name, on)
