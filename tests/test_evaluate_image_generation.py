"""What `evaluate image-generation` and `image-speed` count: held-out prompts, classifiers of drawings, shares, and the sheet."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw
from scipy.stats import binomtest
from tiny_pipelines import tiny_sd

from mm_demos.cli import main as command
from mm_demos.errors import InvalidInputError
from mm_demos.evaluation import image_generation, image_generation_classifier, image_generation_speed
from mm_demos.evaluation.image_generation_classifier import Taught
from mm_demos.evaluation.image_generation_prompts import choices, read_labels, read_phrases, read_prompts
from mm_demos.evaluation.image_generation_report import over_draws, share
from mm_demos.models import catalog, loader
from mm_demos.models.prompt_reader import plain
from mm_demos.training import emoji_classifier
from mm_demos.training.emoji_pictures import EmojiName, EmojiPicture

SHAPES = ("disc", "square", "triangle", "ring")
COLOURS = ("red", "green", "blue", "orange", "purple", "brown")
MADE = [f"{colour} {shape}" for colour in COLOURS for shape in SHAPES]


def drawn(name: str, side: int) -> Image.Image:
    """A drawing of one of `MADE`, `side` pixels large in the middle."""
    colour, shape = name.split()
    picture = Image.new("RGB", (64, 64), "white")
    draw = ImageDraw.Draw(picture)
    box = (32 - side // 2, 32 - side // 2, 32 + side // 2, 32 + side // 2)
    if shape == "disc":
        draw.ellipse(box, fill=colour)
    elif shape == "ring":
        draw.ellipse(box, outline=colour, width=side // 6)
    elif shape == "square":
        draw.rectangle(box, fill=colour)
    else:
        draw.polygon([(32, box[1]), box[2:], (box[0], box[3])], fill=colour)
    return picture


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> image_generation_classifier.DrawingClassifier:
    """The real network taught 24 names in three sizes, written and read again."""
    names = [EmojiName(str(number), label, 0, 0, ()) for number, label in enumerate(MADE)]
    pictures = [
        EmojiPicture(number, style, np.asarray(drawn(label, side)))
        for style, side in (("noto", 56), ("fluent", 48), ("twemoji", 40))
        for number, label in enumerate(MADE)
    ]
    taught, tensors = emoji_classifier.teach(names, pictures, image_generation_classifier.trunk(), views=2)
    folder = tmp_path_factory.mktemp("classifier")
    image_generation_classifier.save(folder, MADE, taught, tensors)
    return image_generation_classifier.load(folder)


def seen_as(label: str) -> Image.Image:
    """A picture whose colour stands for a name; `Reader` reads it."""
    number = read_labels().index(label)
    return Image.new("RGB", (64, 64), (number % 256, number // 256, 0))


class Reader:
    """A judge that reads `seen_as`; by pixels it sees nothing but the first choice of a prompt's name."""

    labels = read_labels()
    taught = Taught({"noto": 0.9, "fluent": 0.8}, {"noto": 0.6, "fluent": 0.4}, 0.99, 0.95, 1.0)

    def scores(self, pictures: list[Image.Image]) -> Any:
        pixels = [picture.getpixel((0, 0)) for picture in pictures]
        return np.stack([np.eye(len(self.labels), dtype=np.float32)[red + 256 * green] for red, green, _ in pixels])

    pixel_scores = scores


def test_a_hundred_prompts_in_words_that_no_name_or_keyword_has() -> None:
    prompts, labels = read_prompts(), read_labels()
    known = {plain(label) for label in labels} | read_phrases()
    assert len({prompt.name for prompt in prompts}) == len({plain(prompt.prompt) for prompt in prompts}) == 100
    assert [prompt.name for prompt in prompts if prompt.name not in labels] == []
    assert [prompt.prompt for prompt in prompts if plain(prompt.prompt) in known] == []
    assert min(plain(prompt.prompt).count(" ") for prompt in prompts) >= 1  # single words are keywords that `phrases` leaves out
    wordings = [prompt.wording for prompt in prompts]
    assert {wording: wordings.count(wording) for wording in wordings} == {"name": 34, "paraphrase": 33, "description": 33}
    assert [p.prompt for p in prompts if p.wording == "description" and plain(p.name) in plain(p.prompt)] == []


def test_no_training_reads_the_prompts() -> None:
    prompts = [prompt.prompt for prompt in read_prompts()]
    for path in Path(emoji_classifier.__file__).parent.glob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert [words for words in ("read_prompts", "image_prompts.jsonl", *prompts) if words in text] == [], path.name


def test_nineteen_other_names_that_a_prompt_always_has() -> None:
    for prompt in read_prompts():
        found = choices(prompt)
        assert len(set(found)) == 20
        assert found[0] == prompt.name
    assert choices(read_prompts()[0]) == choices(read_prompts()[0])
    others = [label for prompt in read_prompts() for label in choices(prompt)[1:]]
    assert len(set(others)) > 1000


@pytest.mark.parametrize("score", [0.0, float("nan")])
def test_a_judge_that_sees_nothing_recognises_nothing(score: float) -> None:
    prompts, judge = read_prompts(), Reader()
    blind = np.full((len(prompts), len(judge.labels)), score, np.float32)
    rows = image_generation.judged(prompts, [1.0] * len(prompts), judge, blind, blind)  # type: ignore[arg-type]
    found = image_generation.report(rows, judge, "m", 0)  # type: ignore[arg-type]
    assert (found.recognised.share, found.recognised_by_pixels.share, found.top_1.share, found.top_5.share) == (0, 0, 0, 0)


def test_the_interval_is_wilsons() -> None:
    for right, of in ((0, 10), (60, 100), (97, 100), (5, 5)):
        found = share([True] * right + [False] * (of - right))
        interval = binomtest(right, of).proportion_ci(method="wilson")
        assert (found.share, found.low, found.high) == pytest.approx((right / of, interval.low, interval.high), abs=1e-6)


def test_the_mean_over_draws_is_that_of_every_draw() -> None:
    names, others = 7, 3
    for rank in range(1, names + 1):
        better = set(range(rank - 1))
        draws = list(itertools.combinations(range(names - 1), others))
        assert over_draws([rank], names, others) == pytest.approx(np.mean([not better & set(draw) for draw in draws]))


def test_drawings_are_recognised_small_blurred_and_from_a_set_never_seen(made: Any) -> None:
    assert min(made.taught.unseen_set.values()) >= 0.8
    assert made.taught.changed >= 0.8
    pictures = [drawn(name, 44).resize((200, 200)) for name in MADE]
    assert (made.scores(pictures).argmax(1) == np.arange(len(MADE))).mean() >= 0.9
    assert (made.pixel_scores(pictures).argmax(1) == np.arange(len(MADE))).mean() >= 0.9


def test_a_wide_picture_is_seen_whole_and_transparency_is_white() -> None:
    wide, clear = Image.new("RGB", (128, 64), "red"), Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    squares = image_generation_classifier.squares([wide, clear])
    assert squares[0, 32, 0].tolist() == [255, 0, 0]
    assert squares[0, 4, 32].tolist() == squares[1, 32, 32].tolist() == [255, 255, 255]


def test_a_report_counts_and_the_sheet_shows_what_was_painted(tmp_path: Path) -> None:
    prompts = read_prompts()
    wanted = {prompt.prompt: prompt.name for prompt in prompts}
    wrong = {prompt.prompt: choices(prompt)[1] for prompt in prompts[:25]}
    judge: Any = Reader()
    found = image_generation.measure(lambda text: seen_as((wanted | wrong)[text]), judge, prompts, sheet=tmp_path / "s.png")
    assert (found.recognised.right, found.recognised.of, found.top_1.right) == (75, 100, 75)
    assert found.recognised_by_pixels.share == 0.75
    assert found.wordings[0].recognised == pytest.approx(9 / 34)
    assert sum(topic.prompts for topic in found.topics) == 100
    assert found.pictures[0].among_20 == wrong[prompts[0].prompt]
    assert (found.judge.unseen_set_among_20, found.judge.unseen_set_among_all) == pytest.approx((0.85, 0.5))
    assert (tmp_path / "s.png").stat().st_size < 1_000_000
    with Image.open(tmp_path / "s.png") as sheet:
        paper = sheet.convert("RGB")
    cell = paper.width // 10, paper.height // 10
    first, last = paper.getpixel((cell[0] // 2, 50)), paper.getpixel((paper.width - cell[0] // 2, paper.height - cell[1] + 50))
    for seen, label in ((first, found.pictures[0].among_20), (last, prompts[-1].name)):
        assert np.abs(np.subtract(seen, seen_as(label).getpixel((0, 0)))).max() <= 40


@pytest.mark.parametrize("given", [[], ["--classifier", "nothing"], ["--model", "no-such-model", "--classifier", "nothing"]])
def test_without_drawings_or_a_classifier_it_says_what_to_give(
    given: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    rest = [str(tmp_path / word) if word == "nothing" else word for word in given]
    assert command(["evaluate", "image-generation", *rest]) == 2
    assert len(capfd.readouterr().err.strip().splitlines()) == 1


def test_a_folder_that_holds_no_classifier_is_refused(tmp_path: Path) -> None:
    (tmp_path / image_generation_classifier.TABLE).write_text(json.dumps({"labels": []}))
    with pytest.raises(InvalidInputError, match="holds no classifier"):
        image_generation_classifier.load(tmp_path)


def test_a_classifier_of_other_names_is_refused(made: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / image_generation_classifier.TABLE).write_text("{}")
    monkeypatch.setattr(image_generation_classifier, "load", lambda folder: SimpleNamespace(labels=MADE))
    with pytest.raises(InvalidInputError, match="does not know"):
        image_generation.taught(None, tmp_path)


def test_cold_starts_paint_the_same_number_of_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[list[str]] = []
    monkeypatch.setattr("subprocess.run", lambda command, **_: started.append(command))
    for side in image_generation_speed.SIDES:
        image_generation_speed.cold(side, "m", 7)
    served: list[Any] = []
    monkeypatch.setattr(image_generation_speed, "serve", lambda *given: served.append(given))
    for arguments in started:
        image_generation_speed.main(arguments[3:])
    assert served == [("ours", "m", 7), ("bare", "m", 7)]


def test_a_damaged_classifier_is_refused_in_a_sentence(tmp_path: Path) -> None:
    table = {"labels": [], "taught": asdict(Reader.taught)}
    (tmp_path / image_generation_classifier.TABLE).write_text(json.dumps(table), encoding="utf-8")
    (tmp_path / image_generation_classifier.TENSORS).write_bytes(b"\xff" * 100)
    with pytest.raises(InvalidInputError, match="holds no classifier"):
        image_generation_classifier.load(tmp_path)


@pytest.fixture
def pipeline(tmp_path: Path, cache: Path) -> Iterator[str]:
    """A small pipeline's folder; what the test put into the catalog leaves it again."""
    before = {row.name for row in catalog.rows()}
    yield str(tiny_sd(tmp_path / "tiny"))
    for name in {row.name for row in catalog.rows()} - before:
        loader.shared().eject(name)
        catalog.unregister(name)


def test_both_sides_of_the_race_paint_the_same_pipeline(pipeline: str) -> None:
    sides: dict[str, Callable[[int], Any]] = {
        "ours": image_generation_speed.ours(pipeline),
        "bare": image_generation_speed.bare(pipeline),
    }
    line = image_generation_speed.race(sides, 2, 2)
    assert line.lowest_ratio <= line.ratio <= line.highest_ratio
    ours, bare = Image.open(BytesIO(sides["ours"](2).images[0].png)), sides["bare"](2).images[0]
    assert np.abs(np.asarray(ours, np.int16) - np.asarray(bare, np.int16)).max() <= 1
