"""The Image generation page without a browser: on the fake painter, and on pipelines of the classes people use."""

from __future__ import annotations

import base64
import inspect
import io
import json
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import PIL.Image
import pytest
import tiny_pipelines
from gradio_client import Client, handle_file

from mm_demos import media, samples
from mm_demos.errors import InvalidInputError
from mm_demos.models import catalog, loader
from mm_demos.models.diffusion_rows import register_pipeline
from mm_demos.models.fake import register_fakes
from mm_demos.models.fake_painter import FakePainter
from mm_demos.models.painting import PaintOptions
from mm_demos.results import GeneratedImage, Generation, as_dict
from mm_demos.serving.launch import launch
from mm_demos.tabs import find
from mm_demos.tasks.image_settings import PaintSettings, settings_of
from mm_demos.ui import painting, painting_events, painting_view
from mm_demos.ui.events import api_signature

SLY = '<img src=x onerror="alert(1)">'
FAKE = "fake-image-generator"
PARAMETERS = [
    *("prompt", "negative_prompt", "image", "n", "rank", "model", "steps", "guidance", "width", "height"),
    *("seed", "scheduler", "strength", "memory"),
]
PATIENCE = 60.0  # seconds that a shared machine may take for what takes a moment
HERE = SimpleNamespace(headers={"host": "127.0.0.1:7860"}, client=SimpleNamespace(host="127.0.0.1"))
ELSEWHERE = SimpleNamespace(headers={"host": "demo.example"}, client=SimpleNamespace(host="203.0.113.5"))


@pytest.fixture(scope="module")
def fakes() -> Iterator[None]:
    loader.reset_shared()
    restore = register_fakes(stand_in=True)
    yield
    loader.reset_shared()
    restore()


@pytest.fixture(scope="module")
def client(fakes: None) -> Iterator[Client]:
    blocks = launch([find("image-generation")], host="127.0.0.1", port=7930, block=False)
    yield Client(blocks.local_url, verbose=False)
    blocks.close()


def shown(prompt: str = "a red apple", **values: Any) -> list[Generation]:
    """What the page is given, step by step."""
    named = {"n": 1, "rank": False, "seed": 7, "model": FAKE} | values
    return list(painting.paint_shown(prompt, *(named.get(name) for name in PARAMETERS[1:])))


def picked(seed: int) -> Any:
    return SimpleNamespace(seed=seed)


def pixels(uri: str) -> bytes:
    return media.load_image(base64.b64decode(uri.removeprefix("data:image/png;base64,"))).tobytes()


# -- what is shown ---------------------------------------------------------------------------------------------------


def test_no_text_becomes_markup() -> None:
    image = GeneratedImage(b"", 64, 64, 1, "", 0.3)
    made = Generation(SLY, (image, image), b"", 1, 4, 4, notices=(SLY,))
    for page in ("".join(painting_view.cards(made)), "".join(painting_view.earlier([made]))):
        assert "onerror=&quot;" in page
        assert "<img src=x" not in page


def test_the_grid_shows_what_is_done_what_is_under_way_and_what_waits(fakes: None) -> None:
    steps = shown(n=3)
    under_way = next(made for made in steps if made.preview and made.images)
    notices, *cards = painting_view.cards(under_way)
    assert ["mm-pt-now" in card for card in cards] == [False, True, False, False]
    assert ["mm-pt-wait" in card for card in cards] == [False, False, False, True]
    assert 'alt="a red apple"' in cards[0]
    assert "<img" in cards[1] and "</figure>" not in cards[1], "the sketch travels by itself"
    assert f"step {under_way.step} of {under_way.steps}" in cards[2]
    assert len(painting_view.cards(steps[-1])) == 4
    assert notices == ""
    assert painting_view.cards(painting.closed(Generation("nothing done", total=3))) == []


def test_the_best_is_first_and_marked(fakes: None) -> None:
    last = shown(n=4, rank=True)[-1]
    scores = [image.score for image in last.images]
    assert scores == sorted(scores, reverse=True)  # type: ignore[type-var]
    marked = ["mm-best" in card for card in painting_view.cards(last)[1:]]
    assert marked == [True, False, False, False]


@pytest.mark.parametrize(
    ("prompt", "name"), [("A red apple!", "a-red-apple-7.png"), ("../../etc", "etc-7.png"), ("…", "picture-7.png")]
)
def test_a_picture_is_called_after_its_prompt(prompt: str, name: str) -> None:
    assert painting_view.file_name(prompt, 7) == name


# -- settings --------------------------------------------------------------------------------------------------------


def test_page_and_program_give_the_same_values() -> None:
    page, program = api_signature(painting.paint_shown), api_signature(painting.paint)
    assert page == program
    assert list(page.parameters) == PARAMETERS
    assert inspect.signature(painting.paint).parameters["progress"].kind is inspect.Parameter.KEYWORD_ONLY


def test_what_is_left_empty_stands_at_its_default_and_an_empty_seed_is_a_new_one() -> None:
    for empty in (None, 0):
        assert painting.options_of(None, empty, empty, empty, empty, 3, None, None, None) == PaintOptions(seed=3)
    assert len({painting.options_of("").seed for _ in range(5)}) > 1


def test_the_settings_of_a_picture_paint_it_again(fakes: None) -> None:
    first = shown(negative_prompt="leaves", n=2, steps=5, guidance=2.5, width=72, height=80, scheduler="ddim")[-1]
    *values, status = painting_events.use_settings(first, picked(8))
    assert painting_events.TAKEN in status
    prompt, negative, n, rank, model, *rest = values
    again = list(painting.paint_shown(prompt, negative, None, n, rank, model, *rest))[-1]
    assert (prompt, negative, model, rest[:6]) == ("a red apple", "leaves", FAKE, [5, 2.5, 72, 80, 8, "ddim"])
    assert [image.pixels_sha256 for image in again.images] == [first.images[1].pixels_sha256]


@pytest.mark.parametrize(("guidance", "filled_in"), [(0.0, 1), (None, 0), (2.5, 2.5)])
def test_no_guidance_is_one_on_the_page(guidance: float | None, filled_in: float) -> None:
    inside = PaintSettings("a snail", FAKE, PaintOptions(guidance_scale=guidance))
    assert painting_events.form(inside)[6] == filled_in


def test_numbers_that_are_none_stand_at_their_default() -> None:
    nothing = float("nan")
    assert painting.options_of("", nothing, None, float("inf"), nothing, 3).num_inference_steps == 0
    assert painting.options_of("", seed=nothing).seed >= 0


def test_settings_are_read_from_a_file(fakes: None, tmp_path: Path) -> None:
    path = tmp_path / "apple.png"
    path.write_bytes(shown()[-1].images[0].png)
    *values, told = painting_events.read_picture(str(path))
    assert values[0] == "a red apple"
    assert values[9] == 7
    assert "press Paint" in told


def test_a_broken_or_foreign_picture_gets_one_sentence(tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\nrest")
    for path in (str(broken), str(samples.path("cat.jpg")), str(tmp_path / "gone.png")):
        *values, told = painting_events.read_picture(path)
        assert all(value == gr.skip() for value in values)
        assert "mm-error" in told
        assert "Traceback" not in told


def test_a_picture_from_a_start_picture_says_so(fakes: None, tmp_path: Path) -> None:
    made = shown(image=str(samples.path("cat.jpg")), strength=0.5)[-1]
    path = tmp_path / "from.png"
    path.write_bytes(made.images[0].png)
    assert painting_events.SAME in painting_events.read_picture(str(path))[-1]
    assert painting_events.SAME in painting_events.use_settings(made, picked(7))[-1]
    assert settings_of(made.images[0].png).options.strength == 0.5


def test_a_painted_picture_becomes_the_start_picture(fakes: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    made = shown(n=2)[-1]
    path, _ = painting_events.start_from(made, picked(8))
    assert Path(path).read_bytes() == made.images[1].png
    assert painting_events.start_given(path)[0]["visible"]
    assert painting_events.start_from(None, picked(8)) == (gr.skip(), gr.skip())


# -- what is refused, before it queues -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"prompt": "  "}, "prompt is empty"),
        ({"prompt": None}, "prompt is empty"),
        ({"prompt": "x" * 3000}, "prompt is too long"),
        ({"prompt": "a nude woman"}, "not painted because"),
        ({"n": 9}, "Between 1 and 8"),
        ({"n": 0}, "Between 1 and 8"),
        ({"model": "/somewhere/else"}, "no painter called"),
        ({"steps": 5000}, "steps"),
        ({"guidance": -1}, "guidance"),
        ({"width": 3}, "width"),
        ({"height": 9000}, "height"),
        ({"seed": -1}, "seed"),
        ({"strength": 2}, "strength"),
        ({"memory": "lots"}, "memory mode"),
    ],
)
def test_bad_values_are_refused_in_one_sentence(fakes: None, changed: dict[str, Any], sentence: str) -> None:
    values = {"prompt": "a snail", "n": 1, "model": FAKE, "seed": 0} | changed
    with pytest.raises(InvalidInputError, match=sentence):
        painting.check(*(values.get(name) for name in PARAMETERS))


# -- models ----------------------------------------------------------------------------------------------------------


def test_only_who_sits_here_brings_a_pipeline(fakes: None, tmp_path: Path) -> None:
    for request, sentence in ((ELSEWHERE, "choose one of the list"), (HERE, "model_index.json")):
        *_, (model, _, told) = painting_events.choose_model(str(tmp_path), "", request)  # type: ignore[arg-type]
        assert model["value"] == painting.default_name()
        assert sentence in told


def test_schedulers_follow_the_model(fakes: None) -> None:
    shown()
    *_, (_, scheduler, _) = painting_events.choose_model(FAKE, "euler", HERE)  # type: ignore[arg-type]
    assert [value for _, value in scheduler["choices"]] == ["", *FakePainter.defaults.schedulers]
    assert scheduler["value"] == "euler"


def test_a_scheduler_stays_while_the_models_are_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str | None) -> tuple[str, ...]:
        raise AttributeError(name)

    for schedulers in (broken, lambda _: ()):
        monkeypatch.setattr(painting, "schedulers", schedulers)
        assert painting_events.offer("far", "heun") == gr.update(choices=[(painting_events.OWN_SCHEDULER, "")], value="heun")
    monkeypatch.setattr(painting, "schedulers", lambda _: ("ddim",))
    assert painting_events.offer("near", "heun")["value"] == ""


def test_the_menu_of_schedulers_is_filled_when_the_page_opens(client: Client) -> None:
    wired = [step for step in client.config["dependencies"] if [None, "load"] in [[None, event] for _, event in step["targets"]]]
    names = [part["id"] for part in client.config["components"] if part["props"].get("label") == "Scheduler"]
    assert any(step["outputs"] == names for step in wired)


# -- the history of a visit ------------------------------------------------------------------------------------------


def made_of(number: int, size: int = 10) -> Generation:
    return Generation(f"{number}", (GeneratedImage(bytes(size), 64, 64, number, str(number)),), done=True)


def test_a_visit_keeps_its_newest_runs_once() -> None:
    history: tuple[Generation, ...] = ()
    for number in range(painting.MAX_KEPT + 6):
        history = painting.remembered(made_of(number), history)
    assert len(history) == painting.MAX_KEPT
    assert painting.remembered(history[5], history)[:2] == (history[5], history[0])
    assert painting.remembered(Generation("nothing done"), history) == history
    assert len(painting.remembered(made_of(1, painting.MAX_KEPT_BYTES + 1), history)) == 1


def test_an_earlier_run_is_shown_with_its_files_and_receipt(fakes: None) -> None:
    made = shown(n=2)[-1]
    history, strip = painting_events.keep(made, (made_of(1),))
    assert len(strip) == 2
    (values,) = painting_events.show_again(history, SimpleNamespace(number=0))  # type: ignore[arg-type]
    cards, state, _, label, receipt, *files = values
    assert cards == painting_view.cards(made)
    assert state is made
    assert FAKE in label["label"]
    assert receipt == as_dict(made.receipt)
    assert all(file["interactive"] for file in files)
    (values,) = painting_events.show_again(history, SimpleNamespace(number=7))  # type: ignore[arg-type]
    assert all(value == gr.skip() for value in values)


def test_a_stopped_run_keeps_what_was_finished(fakes: None) -> None:
    stopped = next(made for made in shown(n=3) if made.preview and made.images)
    (values,) = painting_events.finished(stopped)
    cards, *files = values
    assert len(cards) == 2
    assert all(file["interactive"] for file in files)
    (values,) = painting_events.finished(Generation("nothing yet", total=2))
    assert values[0] == []
    assert not any(file["interactive"] for file in values[1:])


def test_a_stopped_run_is_kept_as_ended() -> None:
    under_way = Generation("a snail", (GeneratedImage(b"png", 64, 64, 1, "1"),), preview=b"half", step=3, steps=8, total=4)
    (kept,), _ = painting_events.keep(under_way, ())
    assert kept.done and kept.preview is None
    assert not any("mm-pt-now" in card or "mm-pt-wait" in card for card in painting_view.cards(kept))
    assert painting_events.keep(None, (kept,))[0] == (kept,)


def test_a_run_that_fails_midway_leaves_what_it_finished(client: Client) -> None:
    steps = client.config["dependencies"]
    (finished,) = (step for step in steps if step["trigger_only_on_failure"])
    (kept,) = (step for step in steps if step["trigger_after"] == finished["id"])
    assert len(finished["outputs"]) == 1 + len(painting.EXPORTS)
    assert len(kept["outputs"]) == 2


def test_the_archive_holds_the_files_as_painted(fakes: None) -> None:
    made = shown(n=2)[-1]
    with zipfile.ZipFile(io.BytesIO(painting.archive(made))) as file:
        assert file.namelist() == ["1 a-red-apple-7.png", "2 a-red-apple-8.png", "pictures.json"]
        assert file.read(file.namelist()[1]) == made.images[1].png
        assert json.loads(file.read("pictures.json"))["images"][1]["seed"] == 8


# -- the endpoint ----------------------------------------------------------------------------------------------------


def test_a_program_gets_steps_and_pictures_with_their_settings(client: Client) -> None:
    job = client.submit(prompt="a red apple", n=2, rank=True, seed=7, model=FAKE, api_name="/generate")
    result = job.result(timeout=PATIENCE)
    assert result["done"]
    assert {image["seed"] for image in result["images"]} == {7, 8}
    assert result["images"][0]["score"] >= result["images"][1]["score"]
    file = base64.b64decode(result["images"][0]["png"].removeprefix("data:image/png;base64,"))
    assert settings_of(file).prompt == "a red apple"
    assert PIL.Image.open(io.BytesIO(file)).size == (64, 64)
    assert any(part.get("step") or part.get("progress") for part in job.outputs()[:-1])
    again = client.predict(prompt="a red apple", seed=result["images"][0]["seed"], model=FAKE, api_name="/generate")
    assert again["images"][0]["pixels_sha256"] == result["images"][0]["pixels_sha256"]


def test_a_program_is_refused_before_it_queues(client: Client) -> None:
    with pytest.raises(Exception, match="prompt is empty"):
        client.predict(prompt="", api_name="/generate")


def test_cancel_ends_the_painting_within_a_step(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[int] = []
    go, ended, genuine = threading.Semaphore(3), threading.Event(), FakePainter.paint

    def slowly(self: FakePainter, *args: Any, **values: Any) -> Iterator[Any]:
        try:
            for painting in genuine(self, *args, **values):
                go.acquire(timeout=PATIENCE)
                steps.append(painting.step)
                yield painting
        finally:
            ended.set()

    monkeypatch.setattr(FakePainter, "paint", slowly)
    job = client.submit(prompt="a snail", steps=100, model=FAKE, api_name="/generate")
    for part in job:
        if part.get("step") == 3:
            break
    job.cancel()
    done = threading.Event()
    # The painter is let go one step at a time, so that only the cancelling can end it before the hundredth.
    while not ended.wait(1.0):
        go.release()
        done.wait(0.5)
    assert len(steps) <= 6


# -- pipelines of the classes people use -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pipelines(client: Client, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Names in the catalog of tiny pipelines of three classes."""
    makers = {"sd": tiny_pipelines.tiny_sd, "sdxl": tiny_pipelines.tiny_sdxl, "flux": tiny_pipelines.tiny_flux}
    names = {kind: register_pipeline(make(tmp_path_factory.mktemp("tiny") / kind)) for kind, make in makers.items()}
    yield names
    for name in names.values():
        loader.shared().eject(name)
        catalog.unregister(name)


@pytest.mark.parametrize("kind", ["sd", "sdxl", "flux"])
def test_real_classes_paint_through_the_tab(client: Client, pipelines: dict[str, str], kind: str) -> None:
    side = 64 if kind == "flux" else tiny_pipelines.SIDE
    common = {"prompt": "a cat", "model": pipelines[kind], "steps": 2, "width": side, "height": side, "seed": 5}
    painted = client.predict(**common, api_name="/generate")
    assert (painted["images"][0]["width"], painted["images"][0]["height"]) == (side, side)
    again = client.predict(**common, api_name="/generate")
    assert again["images"][0]["pixels_sha256"] == painted["images"][0]["pixels_sha256"]
    start = handle_file(str(samples.path("cat.jpg")))
    changed = client.predict(**common, image=start, strength=0.5, api_name="/generate")
    assert changed["done"]
    assert changed["images"][0]["pixels_sha256"] != painted["images"][0]["pixels_sha256"]
    assert len(pixels(changed["images"][0]["png"])) == 3 * side * side
    loaded = painting.schedulers(pipelines[kind])
    loader.shared().eject(pipelines[kind])
    as_the_folder_says = painting.schedulers(pipelines[kind])
    assert as_the_folder_says[0] == loaded[0]
    assert set(as_the_folder_says) == set(loaded)
