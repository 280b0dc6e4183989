"""What a run takes, what there is, and what is done when it is too little."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from tiny_pipelines import tiny_flux, tiny_sd, tiny_sdxl

from mm_demos.errors import InsufficientMemoryError
from mm_demos.models import diffusion_memory
from mm_demos.models.diffusion import DiffusionPainter, load_pipeline
from mm_demos.models.diffusion_memory import FIXED_BYTES, Need, choose, need
from mm_demos.models.painting import Painting, PaintOptions
from mm_demos.progress import Progress

MAKERS: dict[str, Callable[[Path], Path]] = {"sd": tiny_sd, "sdxl": tiny_sdxl, "flux": tiny_flux}
LARGE = PaintOptions(num_inference_steps=1, width=96, height=96, seed=3)


@pytest.fixture(scope="module")
def painters(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, DiffusionPainter]]:
    root = tmp_path_factory.mktemp("pipelines")
    made = {}
    for kind, make in MAKERS.items():
        spec = SimpleNamespace(name=kind, guidance_scale=None)
        request: Any = SimpleNamespace(folder=make(root / kind), dtype="", device="cpu", spec=spec)
        made[kind] = load_pipeline(request)
    yield made
    for painter in made.values():
        painter.close()


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Sets how much memory there seems to be."""
    return lambda there: monkeypatch.setattr(diffusion_memory.accelerator, "available_bytes", lambda: there)


def finished(painter: DiffusionPainter, options: PaintOptions) -> Painting:
    *_, last = painter.paint("a red apple", options=options, progress=Progress())
    return last


def needed(painter: DiffusionPainter) -> Need:
    return need(painter._text, 96, 96, guided=True)


def test_enough_memory_saves_nothing_and_says_nothing(painters: Any, free: Any) -> None:
    free(needed(painters["sd"]).whole)
    last = finished(painters["sd"], LARGE)
    assert (last.memory, last.notices) == ("off", ())


def test_too_little_goes_to_slices_with_a_notice_and_back_afterwards(
    painters: Any, free: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(diffusion_memory, "DECODER_TENSORS", 100)  # in large pipelines it is the decoder that takes most
    painter, room = painters["sd"], needed(painters["sd"])
    assert room.sliced < room.whole
    free(room.whole)
    whole = finished(painter, LARGE)
    free(room.whole - 1)
    first, second = finished(painter, LARGE), finished(painter, LARGE)
    assert first.memory == "sliced" and len(first.notices) == 1 and first.notices[0].endswith(".")
    assert np.array_equal(np.asarray(first.image), np.asarray(second.image))
    assert not painter._text.vae.use_tiling
    free(room.whole)
    again = finished(painter, LARGE)
    assert np.array_equal(np.asarray(again.image), np.asarray(whole.image))
    named = finished(painter, PaintOptions(num_inference_steps=1, width=96, height=96, seed=3, memory="sliced"))
    assert np.array_equal(np.asarray(named.image), np.asarray(first.image)) and not named.notices


def test_what_does_not_fit_is_said_before_anything_is_computed(painters: Any, free: Any) -> None:
    asked = []
    free(1_000_000)
    painter = painters["sd"]
    hooks = [
        part.register_forward_pre_hook(lambda *_: asked.append(1)) for part in (painter._text.unet, painter._text.text_encoder)
    ]
    with pytest.raises(InsufficientMemoryError, match=r"96 × 96 .* about 0\.1 GB .* 0\.0 GB are free .*: choose a smaller"):
        finished(painter, LARGE)
    for hook in hooks:
        hook.remove()
    assert not asked


def test_without_saving_the_sentence_offers_it(painters: Any, free: Any) -> None:
    free(needed(painters["sd"]).whole - 1)
    with pytest.raises(InsufficientMemoryError, match="choose memory saving"):
        finished(painters["sd"], PaintOptions(num_inference_steps=1, width=96, height=96, memory="off"))


def test_a_processor_cannot_offload_and_says_what_it_does_instead(painters: Any) -> None:
    last = finished(painters["sd"], PaintOptions(num_inference_steps=1, memory="offload"))
    assert last.memory == "sliced" and "needs a GPU" in last.notices[0]


@pytest.mark.parametrize(
    ("there", "placed", "mode"),
    [(10_000, True, "off"), (500, True, "sliced"), (99, True, "offload"), (1_600, False, "sliced"), (600, False, "offload")],
)
def test_a_gpu_offloads_when_slices_do_not_do(
    there: int, placed: bool, mode: str, painters: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(diffusion_memory, "free_bytes", lambda device: there)
    monkeypatch.setattr(diffusion_memory, "weight_bytes", lambda pipeline: (1_000, 400))
    chosen = choose(painters["sd"]._text, "auto", Need(1_000, 100), device="cuda:0", size=(8, 8), placed=placed)
    assert chosen.mode == mode and len(chosen.notices) == (mode != "off")


def test_a_gpu_too_small_for_one_network_says_so(painters: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diffusion_memory, "free_bytes", lambda device: 10)
    monkeypatch.setattr(diffusion_memory, "weight_bytes", lambda pipeline: (1_000, 990))
    with pytest.raises(InsufficientMemoryError, match="the GPU"):
        choose(painters["sd"]._text, "auto", Need(1_000, 100), device="cuda:0", size=(8, 8), placed=True)


def test_memory_that_runs_out_all_the_same_is_a_sentence(painters: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(*_: Any, **__: Any) -> None:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(painters["sd"]._text, "encode_prompt", exhausted)
        with pytest.raises(InsufficientMemoryError, match="96 × 96"):
            finished(painters["sd"], LARGE)


def test_a_gpu_too_full_to_move_to_is_a_sentence(monkeypatch: pytest.MonkeyPatch, painters: Any) -> None:
    moved: list[str] = []

    def move(device: str) -> None:
        moved.append(device)
        if device != "cpu":
            raise MemoryError

    pipeline = painters["sd"]._text
    monkeypatch.setattr(pipeline, "to", move)
    with pytest.raises(InsufficientMemoryError, match="moved to the GPU"), diffusion_memory.saving(pipeline, "off", "cuda"):
        pass
    assert moved == ["cuda", "cpu"]


def peak_bytes(call: Callable[[], object]) -> int:
    """The largest sum of tensors that were alive at once, as torch made them."""
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode

    class Live(TorchDispatchMode):  # type: ignore[misc]
        now = peak = 0

        def __init__(self) -> None:
            super().__init__()
            self.held: dict[int, list[int]] = {}

        def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            result = function(*args, **(kwargs or {}))
            for tensor in result if isinstance(result, list | tuple) else (result,):
                if isinstance(tensor, torch.Tensor):
                    self.add(tensor)
            return result

        def add(self, tensor: Any) -> None:
            storage = tensor.untyped_storage()
            users = self.held.setdefault(storage._cdata, [0, storage.nbytes()])
            if not users[0]:
                self.now += users[1]
                self.peak = max(self.peak, self.now)
            users[0] += 1
            weakref.finalize(tensor, self.drop, storage._cdata)

        def drop(self, key: int) -> None:
            users = self.held[key]
            users[0] -= 1
            if not users[0]:
                self.now -= self.held.pop(key)[1]

    with torch.no_grad(), Live() as live:
        call()
    return live.peak


@pytest.mark.parametrize("kind", MAKERS)
def test_the_estimate_covers_what_is_used_and_is_no_wild_guess(kind: str, painters: Any) -> None:
    pipeline = painters[kind]._text
    guided = kind != "flux"
    used = peak_bytes(lambda: pipeline("a red apple", num_inference_steps=1, width=128, height=128))
    estimate = need(pipeline, 128, 128, guided=guided).whole - FIXED_BYTES
    assert used <= estimate <= 12 * used
