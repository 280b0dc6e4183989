"""Image generation on real pipelines, tiny ones, and the real joint embedder: replay, stop, best of n, what is cut off."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tiny_pipelines import tiny_sd, tiny_sdxl

from mm_demos import media
from mm_demos.cli import main
from mm_demos.errors import InvalidInputError, StoppedError
from mm_demos.models import catalog, loader
from mm_demos.models.diffusion_rows import register_pipeline
from mm_demos.models.painting import PaintOptions
from mm_demos.models.protocols import JointEmbedder
from mm_demos.progress import Progress
from mm_demos.results import Generation, as_dict
from mm_demos.tasks.image_generation import generate, generate_steps, replay
from mm_demos.tasks.image_settings import settings_of

PROMPT = "a red apple"
START = Image.fromarray(np.random.default_rng(5).integers(0, 256, (40, 60, 3), dtype=np.uint8))
EMBEDDER = catalog.default("joint-embedder", "embedded")


@pytest.fixture(scope="module")
def sd_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_sd(tmp_path_factory.mktemp("pipelines") / "tiny-sd")


@pytest.fixture(scope="module")
def painter(sd_folder: Path) -> Iterator[str]:
    name = register_pipeline(sd_folder)
    yield name
    loader.shared().eject(name)
    catalog.unregister(name)


def shas(made: Generation) -> list[str]:
    return [image.pixels_sha256 for image in made.images]


@pytest.mark.parametrize("start", [None, START], ids=["from text", "from a picture"])
def test_the_same_receipt_gives_the_same_pixels(painter: str, start: Image.Image | None) -> None:
    options = PaintOptions(num_inference_steps=4, seed=21, negative_prompt="a pear", scheduler="euler-ancestral")
    made = generate(PROMPT, image=start, n=2, model=painter, options=options)
    assert len(set(shas(made))) == 2
    assert made.receipt is not None
    assert made.receipt.options["memory_used"] == "off"
    assert shas(replay(as_dict(made.receipt), image=start)) == shas(made)
    for image in made.images:
        again = replay(image.png, image=start)
        assert shas(again) == [image.pixels_sha256]
        assert again.notices == ()
        assert np.array_equal(np.asarray(media.load_image(again.images[0].png)), np.asarray(media.load_image(image.png)))


def test_another_pipeline_of_the_same_name_does_not_replay(painter: str, tmp_path: Path) -> None:
    png = generate(PROMPT, model=painter, options=PaintOptions(num_inference_steps=1)).images[0].png
    other = register_pipeline(tiny_sdxl(tmp_path / "tiny-sdxl"))
    try:
        with pytest.raises(InvalidInputError, match=f"revision {settings_of(png).model_revision}"):
            replay(png, model=other)
    finally:
        catalog.unregister(other)


def test_a_stop_ends_within_a_step(painter: str) -> None:
    progress = Progress()
    seen: list[Generation] = []
    with pytest.raises(StoppedError):
        for made in generate_steps(
            PROMPT, n=3, model=painter, options=PaintOptions(num_inference_steps=6), previews=True, progress=progress
        ):
            seen.append(made)
            if len(made.images) == 1 and made.step == 2:
                progress.stop()
    assert (len(seen[-1].images), seen[-1].step) == (1, 2)
    assert all(made.preview for made in seen if made.step < made.steps), "it stays where a step brings no new one"
    assert shas(replay(seen[-1].images[0].png)) == shas(seen[-1])


def test_what_the_text_encoder_cannot_read_is_told(painter: str) -> None:
    few = PaintOptions(num_inference_steps=1)
    short = generate("a red hat", model=painter, options=few)
    long = generate("a red hat and a green scarf", model=painter, options=few)
    assert short.notices == ()
    assert "scarf" in long.notices[0]
    assert "cut off" in long.notices[0]
    assert shas(generate("a red hat and a green coat", model=painter, options=few)) == shas(long)


def test_the_best_of_several_is_the_one_with_the_highest_score(painter: str, real_weights: Callable[[str], Path]) -> None:
    real_weights(EMBEDDER)
    made = generate(PROMPT, n=4, rank=True, model=painter, options=PaintOptions(num_inference_steps=2))
    with loader.shared().lease(EMBEDDER) as leased:
        embedder: JointEmbedder = leased
        text = embedder.embed_texts([PROMPT])[0].astype(np.float64)
        scores: dict[int, float] = {}
        for image in made.images:
            vector = embedder.embed_images([media.load_image(image.png)])[0].astype(np.float64)
            scores[image.seed] = float(vector @ text / np.linalg.norm(vector) / np.linalg.norm(text))
    assert [image.seed for image in made.images] == sorted(scores, key=lambda seed: -scores[seed])
    assert [image.score for image in made.images] == pytest.approx([scores[image.seed] for image in made.images], abs=1e-5)


def test_the_real_embedder_puts_the_picture_that_fits_first(
    painter: str, real_weights: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    real_weights(EMBEDDER)
    from mm_demos import samples
    from mm_demos.models.diffusion import DiffusionPainter
    from mm_demos.models.painting import Painting

    photos = [samples.path(name) for name in ("rocket.jpg", "coffee.jpg", "cat.jpg")]

    def photo(_self: DiffusionPainter, _prompt: str, *, options: PaintOptions, **_: Any) -> Iterator[Painting]:
        yield Painting(media.load_image(photos[options.seed]), 1, 1, final=True)

    monkeypatch.setattr(DiffusionPainter, "paint", photo)
    made = generate("a cat", n=3, rank=True, model=painter)
    assert made.images[0].seed == 2
    assert [image.score for image in made.images] == sorted((image.score or 0.0 for image in made.images), reverse=True)


def test_a_folder_paints_and_replays_on_the_command_line(painter: str, sd_folder: Path, tmp_path: Path) -> None:
    first, again = tmp_path / "a.png", tmp_path / "b.png"
    own = ["--model", str(sd_folder), "--quiet"]
    assert main(["generate", PROMPT, "-o", str(first), "--steps", "2", "--size", "32x64", *own]) == 0
    assert main(["generate", "--replay", str(first), "-o", str(again), *own]) == 0
    assert first.read_bytes() == again.read_bytes()
    assert media.load_image(first).size == (32, 64)
