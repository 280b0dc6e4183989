"""Image generation on the fake painter: streaming, stop, ranking, replay, spoken prompts, options refused in a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from peaks import is_one_sentence
from PIL import Image

import mm_demos
from mm_demos import samples
from mm_demos.errors import BusyError, InvalidInputError, StoppedError, UnknownModelError
from mm_demos.models import catalog, fake, loader
from mm_demos.models.fake_painter import FakePainter
from mm_demos.models.painting import PaintDefaults, Painting, PaintOptions
from mm_demos.progress import Progress, Update
from mm_demos.results import Generation, as_dict
from mm_demos.tasks import image_painting
from mm_demos.tasks.image_generation import generate, generate_steps, replay
from mm_demos.tasks.image_options import filled
from mm_demos.tasks.image_painting import UNRANKED, cropped, pixels_sha256
from mm_demos.tasks.image_settings import settings_of
from mm_demos.tasks.receipts import Run

PAINTER = "fake-image-generator"
EMBEDDER = catalog.default("joint-embedder", "embedded")
START = Image.fromarray(np.random.default_rng(3).integers(0, 256, (48, 96, 3), dtype=np.uint8))


@pytest.fixture(autouse=True)
def _fakes() -> Iterator[None]:
    restore = fake.register_fakes(stand_in=True)
    loader.reset_shared()
    yield
    restore()
    loader.reset_shared()


def paint(prompt: str = "a red apple", **more: Any) -> Generation:
    return generate(prompt, **{"model": PAINTER, **more})


def steps(prompt: str = "a red apple", **more: Any) -> Iterator[Generation]:
    return generate_steps(prompt, **{"model": PAINTER, **more})


def shas(made: Generation) -> list[str]:
    return [image.pixels_sha256 for image in made.images]


def test_pictures_come_step_by_step_and_the_last_is_done() -> None:
    told: list[Update] = []
    seen = list(steps(n=2, previews=True, options=PaintOptions(num_inference_steps=4), progress=Progress(told.append)))
    assert [(made.step, len(made.images), made.done) for made in seen] == [
        (1, 0, False), (2, 0, False), (3, 0, False), (4, 1, False),
        (1, 1, False), (2, 1, False), (3, 1, False), (4, 2, False), (4, 2, True),
    ]  # fmt: skip
    assert all(made.steps == 4 and made.total == 2 for made in seen)
    previews = [made.preview for made in seen if made.preview]
    assert len(set(previews)) == 6
    assert all(preview.startswith(b"\x89PNG") for preview in previews)
    counted = [(update.done, update.total) for update in told if update.message.startswith("Painting picture")]
    assert counted == [(done, 8) for done in range(8)]
    assert not any(made.preview for made in steps(n=2))


def test_each_picture_is_painted_from_its_own_seed() -> None:
    three = paint(n=3, options=PaintOptions(seed=5))
    assert [image.seed for image in three.images] == [5, 6, 7]
    assert len(set(shas(three))) == 3
    assert shas(paint(options=PaintOptions(seed=6))) == [shas(three)[1]]


def test_the_receipt_is_complete() -> None:
    made = paint(image=START, n=2, rank=True, options=PaintOptions(seed=3, negative_prompt=" a  pear "))
    assert made.receipt is not None
    assert {**made.receipt.options, "model_revision": ""} == {
        "prompt": "a red apple", "model": PAINTER, "model_revision": "", "n": 2, "rank": True, "spoken": False,
        "negative_prompt": "a pear", "num_inference_steps": 8, "guidance_scale": 5.0, "width": 88, "height": 48,
        "scheduler": "ddim", "strength": 0.6, "seed": 3, "memory": "auto", "memory_used": "",
        "image_sha256": pixels_sha256(START),
    }  # fmt: skip
    assert made.receipt.seed == 3
    assert {use.name for use in made.receipt.models} == {PAINTER, EMBEDDER}
    assert (made.images[0].width, made.images[0].height) == (88, 48)


def test_a_stop_ends_within_a_step_and_what_was_finished_remains() -> None:
    progress = Progress()
    kept: list[Generation] = []
    with pytest.raises(StoppedError):
        for made in steps(n=16, options=PaintOptions(num_inference_steps=10), progress=progress):
            kept.append(made)
            if len(made.images) == 1 and made.step == 3:
                progress.stop()
    assert (kept[-1].step, len(kept[-1].images)) == (3, 1)
    assert kept[-1].receipt is not None
    assert replay(kept[-1].images[0].png).images[0].pixels_sha256 == shas(kept[-1])[0]


def test_closing_the_iterator_lets_the_models_go() -> None:
    running = steps(n=16)
    next(running)
    with pytest.raises(BusyError):
        loader.shared().eject(PAINTER)
    running.close()  # type: ignore[attr-defined]
    assert loader.shared().eject(PAINTER)


def test_the_best_comes_first_when_asked_for() -> None:
    ranked = paint(n=4, rank=True)
    scores = [image.score for image in ranked.images]
    assert None not in scores
    assert scores == sorted(scores, reverse=True)
    assert [image.seed for image in ranked.images] == [0, 2, 1, 3]  # even ones are red
    assert scores[0] > scores[2]
    assert [image.score for image in paint(n=2).images] == [None, None]


def test_pictures_stay_as_painted_where_there_is_no_memory_to_compare_them(monkeypatch: pytest.MonkeyPatch) -> None:
    lease = Run.lease

    def short(self: Run, name: str, **more: Any) -> Any:
        if name == EMBEDDER:
            raise BusyError("Every model is in use.")
        return lease(self, name, **more)

    monkeypatch.setattr(Run, "lease", short)
    made = paint(n=3, rank=True)
    assert [image.seed for image in made.images] == [0, 1, 2]
    assert made.notices == (UNRANKED,)
    assert made.done


@pytest.mark.parametrize(("room_from", "asked", "notices"), [(9, 2, (UNRANKED,)), (2, 2, ())])
def test_without_room_comparing_is_tried_once_more_at_the_end(
    monkeypatch: pytest.MonkeyPatch, room_from: int, asked: int, notices: tuple[str, ...]
) -> None:
    lease, tries = Run.lease, 0

    def short(self: Run, name: str, **more: Any) -> Any:
        nonlocal tries
        tries += name == EMBEDDER
        if name == EMBEDDER and tries < room_from:
            raise BusyError("Every model is in use.")
        return lease(self, name, **more)

    monkeypatch.setattr(Run, "lease", short)
    made = paint(n=4, rank=True)
    assert (tries, made.notices) == (asked, notices)
    assert all((image.score is None) == bool(notices) for image in made.images)


def test_all_pictures_of_a_run_keep_the_first_ones_saving_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    genuine = FakePainter.paint

    def paints(self: FakePainter, prompt: str, **more: Any) -> Iterator[Painting]:
        told.append(more["options"].memory)
        return (replace(painting, memory="sliced") for painting in genuine(self, prompt, **more))

    monkeypatch.setattr(FakePainter, "paint", paints)
    made = paint(n=3)
    assert told == ["auto", "sliced", "sliced"]
    assert made.receipt is not None and made.receipt.options["memory_used"] == "sliced"


def test_a_replay_gives_the_same_pixels_from_the_file_and_from_the_receipt(tmp_path: Path) -> None:
    options = PaintOptions(seed=9, num_inference_steps=3, guidance_scale=2.5, width=40, height=24, scheduler="euler")
    made = paint(n=3, rank=True, options=replace(options, negative_prompt="grün “pear”\nand more"))
    for image in made.images:
        again = replay(image.png)
        assert (again.images[0].pixels_sha256, again.images[0].seed) == (image.pixels_sha256, image.seed)
        assert again.images[0].png == image.png
        assert again.notices == ()
    assert made.receipt is not None
    path = tmp_path / "a.png"
    path.write_bytes(made.images[0].png)
    assert shas(replay(path)) == shas(made)[:1]
    for receipt in (made.receipt, as_dict(made.receipt)):
        assert shas(replay(receipt)) == shas(made)


def test_a_replay_needs_the_same_start_picture() -> None:
    png = paint(image=START).images[0].png
    assert replay(png, image=START).images[0].png == png
    for source, image in ((png, None), (png, START.rotate(180)), (paint().images[0].png, START)):
        with pytest.raises(InvalidInputError, match="start picture") as caught:
            replay(source, image=image)
        assert is_one_sentence(str(caught.value))


def test_a_replay_needs_the_same_revision_and_tells_when_pixels_differ() -> None:
    png = paint().images[0].png
    inside = settings_of(png)
    other = image_painting.png_of(Image.new("RGB", (64, 64)), replace(inside, pixels_sha256="0" * 64))
    assert any("differs" in notice for notice in replay(other).notices)
    other = image_painting.png_of(Image.new("RGB", (64, 64)), replace(inside, model_revision="0123456789abcdef"))
    with pytest.raises(InvalidInputError, match="revision 0123456789abcdef") as caught:
        replay(other)
    assert is_one_sentence(str(caught.value))


def test_a_spoken_prompt_is_heard_and_painted() -> None:
    seen = list(steps("", audio=samples.path("jfk.flac")))
    assert seen[0].prompt == seen[-1].prompt != ""
    assert seen[0].images == ()
    assert seen[-1].receipt is not None
    assert [use.name for use in seen[-1].receipt.models] == ["whisper-base", PAINTER]
    assert seen[-1].receipt.options["spoken"] is True
    assert shas(paint(seen[-1].prompt)) == shas(seen[-1])
    with pytest.raises(InvalidInputError, match="No prompt was heard"):
        generate(audio=np.zeros(16_000, np.float32), model=PAINTER)
    with pytest.raises(InvalidInputError, match="not as both"):
        paint("a red apple", audio=samples.path("jfk.flac"))


@pytest.mark.parametrize(
    ("options", "more", "words"),
    [
        ({}, {"prompt": " \n\t "}, "The prompt is empty"),
        ({}, {"prompt": "x" * 2001}, "at most 2,000 characters"),
        ({}, {"prompt": 3}, "A text is needed"),
        ({}, {"prompt": "a nude woman"}, "nudity"),
        ({}, {"n": 0}, "Between 1 and 16 pictures"),
        ({}, {"n": 17}, "Between 1 and 16 pictures"),
        ({}, {"n": 1.5}, "Between 1 and 16 pictures"),
        ({}, {"image": b"no picture"}, "not a picture"),
        ({"seed": -1}, {}, "The seed is out of range"),
        ({"seed": 2**32 - 2}, {"n": 2}, "The seed is too high"),
        ({"num_inference_steps": 151}, {}, "1 to 150 steps"),
        ({"num_inference_steps": -1}, {}, "1 to 150 steps"),
        ({"guidance_scale": 30.1}, {}, "between 0 and 30"),
        ({"guidance_scale": float("nan")}, {}, "between 0 and 30"),
        ({"strength": 0.0}, {}, "The strength"),
        ({"strength": 1.1}, {}, "The strength"),
        ({"width": 4}, {}, "The width must lie between 8 and 2048"),
        ({"height": 2056}, {}, "The height must lie between 8 and 2048"),
        ({"height": 100}, {}, "multiple of 8, as this model needs: choose 96 or 104"),
        ({"scheduler": "fast"}, {}, "choose one of ddim, euler"),
        ({"memory": "all"}, {}, "choose one of auto, off, sliced, offload"),
        ({"negative_prompt": "x" * 2001}, {}, "negative prompt is too long"),
        ({"width": "wide"}, {}, "The option width"),
    ],
)
def test_what_cannot_be_painted_is_refused_in_a_sentence(options: dict[str, Any], more: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        paint(**{"prompt": "a red apple", "options": PaintOptions(**options), **more})
    assert words in str(caught.value)
    assert is_one_sentence(str(caught.value))


def test_another_kind_of_model_is_refused() -> None:
    with pytest.raises(UnknownModelError):
        paint(model="whisper-base")
    with pytest.raises(InvalidInputError, match="PaintOptions"):
        paint(options={"seed": 1})


def test_options_are_filled_in_with_the_models_own() -> None:
    own = PaintDefaults(4, 0.0, 64, 64, 16, (), False, False)
    complete, notices = filled(PaintOptions(negative_prompt="a pear"), own, None)
    assert (complete.num_inference_steps, complete.guidance_scale, complete.scheduler) == (4, 0.0, "")
    assert complete.negative_prompt == ""
    assert len(notices) == 1
    with pytest.raises(InvalidInputError, match="cannot start from a picture"):
        filled(PaintOptions(), own, START)
    wide, _ = filled(PaintOptions(), replace(own, from_image=True), START)
    assert (wide.width, wide.height) == (96, 48)
    square, _ = filled(PaintOptions(width=32, height=32), replace(own, from_image=True), START)
    assert (square.width, square.height) == (32, 32)


def test_the_middle_of_a_start_picture_is_taken() -> None:
    assert cropped(START, 24, 24).size == (24, 24)
    assert cropped(START, *START.size).tobytes() == START.tobytes()


def test_it_is_public() -> None:
    assert mm_demos.generate("a red apple", model=PAINTER).done
    assert mm_demos.PaintOptions is PaintOptions
    assert mm_demos.Generation is Generation
