"""Pipelines of the classes people use, through the loader, against the library's own call."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tiny_pipelines import SIDE, tiny_flux, tiny_sd, tiny_sdxl

from mm_demos.errors import InvalidInputError, StoppedError
from mm_demos.models import catalog, diffusion_run
from mm_demos.models.diffusion import DiffusionPainter
from mm_demos.models.diffusion_preview import Sketch
from mm_demos.models.diffusion_rows import register_pipeline
from mm_demos.models.diffusion_schedulers import rebuilt
from mm_demos.models.loader import Loader
from mm_demos.models.painting import ImageGenerator, Painting, PaintOptions
from mm_demos.progress import Progress
from mm_demos.settings import settings

MAKERS: dict[str, Callable[[Path], Path]] = {"sd": tiny_sd, "sdxl": tiny_sdxl, "flux": tiny_flux}
KINDS = tuple(MAKERS)
PROMPT = "a red apple"
SMALL = PaintOptions(num_inference_steps=3, width=64, height=32, seed=11)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("pipelines")
    return {kind: make(root / f"tiny-{kind}") for kind, make in MAKERS.items()}


@pytest.fixture(scope="module")
def painters(folders: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, DiffusionPainter]]:
    """Leased from a loader of their own, registered as a user's folders."""
    with pytest.MonkeyPatch.context() as patch, ExitStack() as leases:
        patch.setenv("MM_DEMOS_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        settings.cache_clear()
        loader = Loader(budget_bytes=10**10, idle_seconds=0)
        names = {kind: register_pipeline(folder) for kind, folder in folders.items()}
        yield {kind: leases.enter_context(loader.lease(name)) for kind, name in names.items()}
        leases.close()
        for name in names.values():
            loader.eject(name)
            catalog.unregister(name)


@pytest.fixture(scope="module")
def references(folders: dict[str, Path]) -> dict[str, Any]:
    """The library's own pipelines of the same folders."""
    from diffusers import AutoPipelineForText2Image

    found = {}
    for kind, folder in folders.items():
        found[kind] = AutoPipelineForText2Image.from_pretrained(folder, use_safetensors=True, local_files_only=True)
        found[kind].set_progress_bar_config(disable=True)
    return found


def finished(painter: ImageGenerator, options: PaintOptions = SMALL, **more: Any) -> Painting:
    *_, last = painter.paint(PROMPT, options=options, progress=Progress(), **more)
    assert last.final and last.image is not None and last.step == last.total
    return last


def pixels(painting: Painting) -> np.ndarray[Any, Any]:
    assert painting.image is not None
    return np.asarray(painting.image)


def noise(seed: int) -> Any:
    import torch

    return torch.Generator("cpu").manual_seed(seed)


def start_image(width: int = 64, height: int = 32) -> Image.Image:
    ramp = np.linspace(0, 255, width * height * 3).reshape(height, width, 3)
    return Image.fromarray(ramp.astype(np.uint8))


def workers() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "diffusion"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_prompt_becomes_the_picture_that_the_library_paints(kind: str, painters: Any, references: Any) -> None:
    assert isinstance(painters[kind], ImageGenerator)
    guidance = painters[kind].defaults.guidance_scale
    expected = references[kind](
        PROMPT, num_inference_steps=3, guidance_scale=guidance, width=64, height=32, generator=noise(11)
    ).images[0]
    assert np.array_equal(pixels(finished(painters[kind])), np.asarray(expected))


@pytest.mark.parametrize("kind", KINDS)
def test_a_start_image_is_repainted_as_the_library_does(kind: str, painters: Any, references: Any) -> None:
    from diffusers import AutoPipelineForImage2Image

    pipeline = AutoPipelineForImage2Image.from_pipe(references[kind])
    pipeline.set_progress_bar_config(disable=True)
    painter = painters[kind]
    size = {"width": 64, "height": 32} if kind == "flux" else {}
    options = PaintOptions(num_inference_steps=4, strength=0.5, seed=5, width=64, height=32)
    expected = pipeline(
        PROMPT,
        image=start_image(),
        strength=0.5,
        num_inference_steps=4,
        guidance_scale=painter.defaults.guidance_scale,
        generator=noise(5),
        **size,
    ).images[0]
    found = finished(painter, options, image=start_image())
    assert found.total == 2
    assert np.array_equal(pixels(found), np.asarray(expected))


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_options_give_the_same_pixels_whatever_ran_before(kind: str, painters: Any) -> None:
    painter = painters[kind]
    first = pixels(finished(painter))
    finished(painter, PaintOptions(num_inference_steps=2, width=32, height=32, scheduler=painter.defaults.schedulers[-1]))
    finished(painter, PaintOptions(num_inference_steps=2, width=32, height=32, seed=2), image=start_image())
    seen = list(painter.paint(PROMPT, options=SMALL, progress=Progress(), previews=True))
    assert any(painting.image is not None for painting in seen[:-1])
    assert np.array_equal(pixels(seen[-1]), first)
    assert [painting.step for painting in seen] == [1, 2, 3]
    assert not np.array_equal(pixels(finished(painter, PaintOptions(num_inference_steps=3, width=64, height=32, seed=12))), first)


@pytest.mark.parametrize("kind", KINDS)
def test_a_preview_of_the_last_latents_is_the_picture(kind: str, references: Any) -> None:
    pipeline = references[kind]
    arguments = {"num_inference_steps": 2, "width": 64, "height": 32}
    latents = pipeline(PROMPT, generator=noise(1), output_type="latent", **arguments).images
    picture = pipeline(PROMPT, generator=noise(1), **arguments).images[0]
    kept, pipeline.scheduler = pipeline.scheduler, rebuilt(pipeline.scheduler, "")
    preview = Sketch(pipeline, (64, 32)).image(latents)
    pipeline.scheduler = kept
    assert preview is not None
    assert np.abs(np.asarray(preview).astype(int) - np.asarray(picture).astype(int)).max() <= 1


def test_every_scheduler_paints_and_none_is_left_behind(painters: Any) -> None:
    painter = painters["sd"]
    assert painter.defaults.schedulers[0] == "pndm"
    assert {"ddim", "ddpm", "euler", "euler-ancestral", "heun", "dpm++ 2m", "dpm++ 2m karras", "unipc", "lms"} < set(
        painter.defaults.schedulers
    )
    assert painters["flux"].defaults.schedulers == ("flow-match-euler",)
    own, before = painter._text.scheduler, dict(painter._text.scheduler.config)
    pictures = set()
    for name in painter.defaults.schedulers:
        found = list(painter.paint(PROMPT, options=PaintOptions(num_inference_steps=4, scheduler=name), progress=Progress()))
        assert [painting.step for painting in found] == [1, 2, 3, 4]
        pictures.add(pixels(found[-1]).tobytes())
    assert len(pictures) == len(painter.defaults.schedulers)
    assert painter._text.scheduler is own and dict(own.config) == before


def test_what_a_pipeline_does_by_itself_is_read_off_its_configuration(painters: Any) -> None:
    sd, sdxl, flux = (painters[kind].defaults for kind in KINDS)
    assert (sd.num_inference_steps, sd.guidance_scale, sd.width, sd.height) == (25, 7.5, SIDE, SIDE)
    assert (sdxl.num_inference_steps, sdxl.guidance_scale) == (25, 5.0)
    assert (flux.num_inference_steps, flux.guidance_scale, flux.negative_prompt) == (4, 0.0, False)
    assert all(defaults.from_image and defaults.multiple_of == 8 for defaults in (sd, sdxl, flux))


class Counted:
    """How often the denoising network was asked."""

    def __init__(self, painter: DiffusionPainter) -> None:
        self.count = 0
        self._hook = painter._text.unet.register_forward_pre_hook(self._more)

    def _more(self, *_: Any) -> None:
        self.count += 1

    def __enter__(self) -> Counted:
        return self

    def __exit__(self, *_: object) -> None:
        self._hook.remove()


def test_stop_ends_within_a_step_and_leaves_no_thread(painters: Any) -> None:
    progress = Progress()
    options = PaintOptions(num_inference_steps=500)
    with Counted(painters["sd"]) as calls:
        steps = painters["sd"].paint(PROMPT, options=options, progress=progress)
        done, before = next(steps).step, calls.count
        progress.stop()
        with pytest.raises(StoppedError):
            list(steps)
    assert done == 1 and calls.count <= before + 2
    assert not workers()


def test_whatever_ends_the_thread_reaches_the_waiting_side(painters: Any) -> None:
    def call(put: Any) -> None:
        raise SystemExit("gone")

    with pytest.raises(SystemExit, match="gone"):
        list(diffusion_run.run(call, painters["sd"]._brake, Progress()))
    assert not workers()


def test_closing_ends_it_too_and_the_next_one_paints(painters: Any) -> None:
    first = pixels(finished(painters["sd"]))
    steps = painters["sd"].paint(PROMPT, options=PaintOptions(num_inference_steps=500), progress=Progress(), previews=True)
    next(steps)
    steps.close()
    assert not workers()
    assert np.array_equal(pixels(finished(painters["sd"])), first)


def test_a_stop_is_heard_before_the_first_step(painters: Any) -> None:
    progress = Progress()
    progress.stop()
    with Counted(painters["sd"]) as calls, pytest.raises(StoppedError):
        list(painters["sd"].paint(PROMPT, options=SMALL, progress=progress))
    assert calls.count == 0 and not workers()


def test_the_brake_ends_every_network_at_its_next_block(painters: Any) -> None:
    import torch

    painter = painters["sd"]
    painter._brake.pull()
    for network, call in (
        ("text_encoder", lambda text: text(torch.zeros(1, 4, dtype=torch.long))),
        ("vae", lambda vae: vae.decode(torch.zeros(1, 4, 8, 8))),
        ("unet", lambda unet: unet(torch.zeros(1, 4, 8, 8), 1, torch.zeros(1, 4, 32))),
    ):
        with pytest.raises(StoppedError):
            call(getattr(painter._text, network))
    painter._brake.release()


def test_one_picture_at_a_time_and_whoever_waits_can_stop(painters: Any) -> None:
    held = painters["sd"].paint(PROMPT, options=PaintOptions(num_inference_steps=500), progress=Progress())
    next(held)
    heard: list[str] = []
    progress = Progress()

    def tell(update: Any) -> None:
        heard.append(update.message)
        progress.stop()

    progress.on_update = tell
    with pytest.raises(StoppedError):
        list(painters["sd"].paint(PROMPT, options=SMALL, progress=progress))
    held.close()
    assert heard == ["Waiting for the picture before this one"]
    assert finished(painters["sd"]).final


def test_a_fault_inside_the_pipeline_reaches_the_caller(painters: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("broken")

    with monkeypatch.context() as patch:
        patch.setattr(painters["sd"]._text, "encode_prompt", broken)
        with pytest.raises(RuntimeError, match="broken"):
            finished(painters["sd"])
    assert not workers() and finished(painters["sd"]).final


@pytest.mark.parametrize(("width", "height"), [(640, 480), (48, 96), (4, 3)])
def test_a_start_image_gives_its_shape_at_the_models_own_size(width: int, height: int, painters: Any) -> None:
    painting = finished(painters["sd"], PaintOptions(num_inference_steps=2), image=start_image(width, height))
    assert painting.image is not None
    wide, high = painting.image.size
    assert wide % 8 == high % 8 == 0
    assert 0.5 < wide * high / SIDE**2 < 1.5
    assert abs(np.log(wide / high) - np.log(width / height)) < 0.45


def test_a_negative_prompt_counts_where_it_is_read_and_is_said_to_be_unread_elsewhere(painters: Any) -> None:
    options = PaintOptions(num_inference_steps=2, width=32, height=32, negative_prompt="blue")
    plain = PaintOptions(num_inference_steps=2, width=32, height=32)
    read = finished(painters["sd"], options)
    assert not read.notices and not np.array_equal(pixels(read), pixels(finished(painters["sd"], plain)))
    unread = finished(painters["flux"], options)
    assert "not read" in unread.notices[0] and np.array_equal(pixels(unread), pixels(finished(painters["flux"], plain)))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (PaintOptions(width=100), "choose 96 or 104"),
        (PaintOptions(height=-8), "multiple of 8"),
        (PaintOptions(width=80_000, height=80_000), "pixels"),
        (PaintOptions(num_inference_steps=-1), "steps"),
        (PaintOptions(scheduler="magic"), "choose one of pndm"),
        (PaintOptions(strength=0.0), "strength"),
        (PaintOptions(strength=float("nan")), "strength"),
        (PaintOptions(guidance_scale=float("inf")), "guidance"),
        (PaintOptions(seed=-1), "seed"),
        (PaintOptions(memory="none"), "memory"),  # type: ignore[arg-type]
    ],
)
def test_options_that_do_not_fit_are_refused_at_once(options: PaintOptions, said: str, painters: Any) -> None:
    with pytest.raises(InvalidInputError, match=said):
        painters["sd"].paint(PROMPT, options=options, progress=Progress())


def test_image_to_image_holds_no_second_copy(painters: Any) -> None:
    for painter in painters.values():
        for name, part in painter._text.components.items():
            assert painter._image.components.get(name) is part


def test_the_weights_go_on_close(folders: dict[str, Path]) -> None:
    import gc
    import weakref
    from types import SimpleNamespace

    from mm_demos.models.diffusion import load_pipeline

    request = SimpleNamespace(
        folder=folders["sd"], dtype="", device="cpu", spec=SimpleNamespace(name="tiny", guidance_scale=None)
    )
    painter = load_pipeline(request)  # type: ignore[arg-type]
    finished(painter)
    unet = weakref.ref(painter._text.unet)
    painter.close()
    gc.collect()
    assert unet() is None
