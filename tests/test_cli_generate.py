"""`generate` on the command line, on the fake painter: files, order, replay, batches, refusals."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from mm_demos import samples
from mm_demos.cli import generate as verb
from mm_demos.cli import main
from mm_demos.errors import StoppedError
from mm_demos.models import fake, loader
from mm_demos.models.fake_painter import FakePainter
from mm_demos.tasks.image_settings import settings_of

Run = Callable[..., tuple[int, list[dict[str, Any]]]]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """`run("a cat")` is the exit status and the objects on standard output; files go to a folder of the test."""
    monkeypatch.chdir(tmp_path)
    restore = fake.register_fakes(stand_in=True)
    loader.reset_shared()

    def call(*arguments: object) -> tuple[int, list[dict[str, Any]]]:
        own = [] if "--model" in arguments else ["--model", "fake-image-generator"]
        status = main(["generate", *map(str, arguments), *own, "--json"])
        return status, [json.loads(line) for line in capfd.readouterr().out.splitlines()]

    yield call
    restore()
    loader.reset_shared()


def test_a_prompt_becomes_a_file(run: Run, tmp_path: Path) -> None:
    status, (result,) = run(
        "a red apple", "-o", "apple.png", "--size", "64x32", "--steps", 3, "--seed", 7, "--negative", "a pear"
    )
    assert status == 0
    assert list(result) == ["input", "prompt", "images", "notices"]
    assert set(result["images"][0]) == {"file", "width", "height", "seed", "pixels_sha256", "score"}
    assert (result["images"][0]["width"], result["images"][0]["height"]) == (64, 32)
    options = settings_of(tmp_path / "apple.png").options
    assert (options.num_inference_steps, options.seed, options.negative_prompt) == (3, 7, "a pear")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["apple.png"]


def test_several_pictures_are_numbered_and_ranked(run: Run) -> None:
    _, (one, two) = run("a red apple", "a blue car", "-n", 2, "--rank", "--seed", 1)
    files = [image["file"] for result in (one, two) for image in result["images"]]
    assert files == ["picture.png", "picture-2.png", "picture-3.png", "picture-4.png"]
    assert [image["seed"] for image in one["images"]] == [2, 1]
    for result in (one, two):
        for image in result["images"]:
            assert settings_of(image["file"]).pixels_sha256 == image["pixels_sha256"]


def test_a_file_is_painted_again(run: Run) -> None:
    start = str(samples.path("cat.jpg"))
    _, (first,) = run("a red apple", "--image", start, "--strength", 0.5, "-o", "a.png")
    status, (again,) = run("--replay", "a.png", "--image", start, "-o", "b.png")
    assert status == 0
    assert again["images"][0]["pixels_sha256"] == first["images"][0]["pixels_sha256"]
    assert Path("a.png").read_bytes() == Path("b.png").read_bytes()
    status, (refused,) = run("--replay", "a.png")
    assert status == 1
    assert "start picture" in refused["error"]


def test_a_line_of_a_batch_names_its_start_picture_for_a_replay(run: Run, tmp_path: Path) -> None:
    start = str(samples.path("cat.jpg"))
    _, (first,) = run("a red apple", "--image", start, "-o", "a.png")
    batch = tmp_path / "batch.jsonl"
    batch.write_text(json.dumps({"replay": "a.png", "image": start, "out": "b.png"}), encoding="utf-8")
    _, (again,) = run("--batch", batch)
    assert again["images"][0]["pixels_sha256"] == first["images"][0]["pixels_sha256"]


@pytest.mark.parametrize("place", [".", "/", "..", "mine"])
def test_a_folder_is_no_file_to_write_to(run: Run, tmp_path: Path, place: str) -> None:
    (tmp_path / "mine").mkdir()
    status, (refused,) = run("a red apple", "-o", place)
    assert status == 1
    assert "is a folder" in refused["error"]


def test_a_batch_goes_on_after_a_line_that_cannot_be_painted(run: Run, tmp_path: Path) -> None:
    lines: list[object] = [
        {"prompt": "a red apple", "out": "apple.png", "seed": 4},
        {"prompt": "a nude woman"},
        "a blue car",
        {"prompt": "a cat", "seed": "four"},
        {"audio": str(samples.path("jfk.flac"))},
        {"prompt": "a cat", "out": "no/such/folder.png"},
        {"image": "cat.jpg"},
    ]
    batch = tmp_path / "batch.jsonl"
    batch.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    status, results = run("--batch", batch, "--receipt")
    assert status == 1
    assert ["error" in result for result in results] == [False, True, False, True, False, True, True]
    assert (results[0]["images"][0]["file"], results[0]["images"][0]["seed"]) == ("apple.png", 4)
    assert results[4]["receipt"]["options"]["spoken"] is True
    assert not list(tmp_path.glob("*.partial"))


def test_what_is_finished_is_kept_when_it_is_stopped(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    paint = FakePainter.paint

    def stopping(self: FakePainter, *values: Any, **more: Any) -> Any:
        if more["options"].seed == 2:
            raise StoppedError("Stopped.")
        return paint(self, *values, **more)

    monkeypatch.setattr(FakePainter, "paint", stopping)
    status, (result,) = run("a red apple", "-n", 4)
    assert status == 1
    assert result["error"] == "Stopped."
    assert sorted(path.name for path in tmp_path.iterdir()) == ["picture-2.png", "picture.png"]


def test_a_folder_or_a_repository_is_registered(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[str] = []

    def register(place: str) -> str:
        asked.append(place)
        return "fake-image-generator"

    monkeypatch.setattr("mm_demos.models.diffusion_rows.register_pipeline", register)
    (tmp_path / "mine").mkdir()
    for place in ("mine", "someone/something"):
        status, (result,) = run("a red apple", "--model", place, "--receipt")
        assert status == 0
        assert result["receipt"]["options"]["model"] == "fake-image-generator"
    assert asked == ["mine", "someone/something"]


def test_wrong_usage_is_told_before_anything_is_painted(run: Run, tmp_path: Path) -> None:
    assert main(["generate"]) == 2
    assert run("a", "b", "-o", "one.png")[0] == 2
    assert run("a", "--model", "whisper-base")[0] == 2
    assert run("--batch", "nowhere.jsonl")[0] == 2
    assert main(["generate", "a", "--model", str(tmp_path / "no" / "folder")]) == 1
    for size in ("64", "64x32", "64×32"):
        assert verb._size(size)[0] == 64
    with pytest.raises(SystemExit):
        main(["generate", "a", "--size", "large"])


def test_text_for_people(run: Run, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["generate", "a red apple", "-n", "2", "--rank", "--model", "fake-image-generator"]) == 0
    first, second = capfd.readouterr().out.splitlines()
    assert first.startswith("picture.png  seed 0  +")
    assert second.startswith("picture-2.png  seed 1  ")
    assert Image.open("picture.png").size == (64, 64)
