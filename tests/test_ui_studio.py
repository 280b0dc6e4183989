"""The studio's pages without a browser: what is shown, chosen, refused, kept, and whose it is."""

from __future__ import annotations

import csv
import io
import threading
import types
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mm_demos import samples
from mm_demos.errors import InvalidInputError, StoppedError
from mm_demos.fusion import standings
from mm_demos.fusion.presets import PRESETS
from mm_demos.fusion.types import (
    STRATEGIES,
    Columns,
    DataSet,
    Epoch,
    Finding,
    Outcome,
    Prediction,
    Row,
    Studio,
    TrainOptions,
)
from mm_demos.progress import Progress
from mm_demos.results import LabelScore, as_dict
from mm_demos.ui import (
    studio,
    studio_api,
    studio_data,
    studio_feedback,
    studio_files,
    studio_models,
    studio_options,
    studio_predict,
    studio_result,
    studio_runs,
    studio_train,
    studio_view,
)
from mm_demos.ui.studio import Asked, Checked, Model, Shown, Source, Training, Visit

SLY = '<img src=x onerror="alert(1)">'
LABELS = ("flood", SLY)
NAMES = ("text", "", "", "label", "")


def data_set(rows: int = 12) -> DataSet:
    made = tuple(Row(n, LABELS[n % 2], text=f"{SLY} {n}") for n in range(1, rows + 1))
    findings = (Finding(SLY, f"Two are {SLY}.", 2, (SLY,), dropped=True),)
    return DataSet(made, LABELS, ("text",), Columns(text="text", label="label"), findings, "0")


def epoch(number: int = 1, strategy: Any = "bilinear") -> Epoch:
    return Epoch(strategy, number, 4, 0.9, 0.8, 0.5, 0.6, best=True)


def made_studio(folder: Path | None = None, *, wrong: bool = True) -> Studio:
    """A small result, measured by the real measures."""
    data, truth = data_set(), np.arange(1, 13) % 2
    probs = np.full((12, 2), 0.1)
    probs[np.arange(12), truth] = 0.9
    if wrong:
        probs[0] = probs[0][::-1]
    curve = (epoch(1), epoch(2))
    outcome = Outcome("bilinear", {"test": probs}, {"text": probs}, np.ones((12, 1)), curve, 2, 0.4, 10, 1.0, TrainOptions())
    single = replace(outcome, strategy="single-text", validation_loss=0.5)
    board = standings.standings([outcome, single], train_truth=truth, truth=truth, labels=LABELS)
    mistakes = standings.mistakes(outcome, data.rows, truth=truth, labels=LABELS, modalities=("text",))
    split: Any = {"train": 8, "validation": 2, "test": 12}
    return Studio(data, split, board, "bilinear", curve, mistakes, folder, ({"text": 0.7, "image": 0.3},))


@pytest.fixture
def visit(tmp_path: Path) -> Visit:
    (tmp_path / "visit").mkdir()
    return Visit(str(tmp_path / "visit"), own=True)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "notes.csv"
    path.write_text("text,label\n" + "".join(f"note {n},{'ab'[n % 2]}\n" for n in range(20)), encoding="utf-8")
    return path


@pytest.fixture
def source(table: Path) -> Source:
    return Source(str(table), "notes.csv")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> list[studio_runs.Job]:
    """Trainings give a small result at once, after one epoch; the jobs they were given."""
    jobs: list[studio_runs.Job] = []

    def run(job: studio_runs.Job, progress: Progress, on_epoch: Callable[[Epoch], None]) -> Studio:
        jobs.append(job)
        on_epoch(epoch())
        job.folder.mkdir(parents=True)
        for name in ("model.json", "model.safetensors", "report.html", "report.json"):
            (job.folder / name).write_text(name)
        (job.folder / "mistakes").mkdir()
        (job.folder / "mistakes" / "1.jpg").write_bytes(samples.path("cat.jpg").read_bytes())
        return made_studio(job.folder)

    monkeypatch.setattr(studio_runs, "run", run)
    return jobs


# -- what is seen ------------------------------------------------------------------------------------------------------


def test_no_text_becomes_markup() -> None:
    shown = (Shown(1, SLY, SLY),)
    training = Training(Visit(""), ("bilinear",), (epoch(),), studio=made_studio(), mistakes=shown)
    assert training.studio is not None
    prediction = Prediction(SLY, (LabelScore(SLY, 0.9),), {"text": 1.0}, (SLY,))
    pages = [
        studio_view.show_checked(Checked(Source("", SLY), data_set(), shown)),
        studio_result.leaderboard(replace(training.studio, notices=(SLY,))),
        studio_result.classes(training.studio),
        studio_result.mistakes(training),
        *studio_predict.show(Asked(prediction))[:2],
        studio_models.about(Model("", SLY, ((SLY, SLY),), LABELS)),
    ]
    assert all(SLY not in page for page in pages)
    assert all("onerror=&quot;" in page for page in pages)


def test_findings_say_how_many_rows_are_left_out() -> None:
    page = studio_view.show_checked(Checked(Source("", "t"), data_set(), ()))
    assert '<b>2</b><div><p class="mm-st-kind">' in page
    assert "left out" in page
    clean = studio_view.show_checked(Checked(Source("", "t"), replace(data_set(), findings=()), ()))
    assert "this table can be trained on" in clean


def test_rows_to_look_at_are_of_all_classes() -> None:
    rows = tuple(Row(n, "rare" if n == 50 else "common", text="x") for n in range(1, 51))
    data = replace(data_set(), rows=rows, labels=("common", "rare"))
    assert [row.number for row in studio_data.some_of(data)] == [1, 2, 3, 4, 5, 50]


def test_a_row_with_media_has_a_thumbnail_and_a_player() -> None:
    shown = studio_data.shown_row(Row(1, "a", image=samples.path("cat.jpg"), audio=samples.path("clock.ogg")))
    assert shown.picture.startswith("data:image/jpeg;base64,")
    assert "mm-player-row" in shown.sound
    broken = studio_data.shown_row(Row(1, "a", image=samples.path("clock.ogg"), audio=samples.path("cat.jpg")))
    assert not broken.picture
    assert "mm-wrong" in broken.sound


def test_curves_fill_the_leaderboard_while_it_trains() -> None:
    waiting = Training(Visit(""), ("single-text", "bilinear"))
    assert "Features first" in studio_view.show_live(waiting)
    page = studio_view.show_live(replace(waiting, epochs=(epoch(1, "single-text"), epoch(2)), seconds=10.0))
    assert "<svg" in page
    assert "strategy 2 of 2 · epoch 2 of 4 · about 3.3 s left" in page
    assert "60.0%" in page
    assert "waits" in studio_view.show_live(replace(waiting, epochs=(epoch(1, "single-text"),)))


def test_the_time_left_is_told_when_it_can_be_known() -> None:
    training = Training(Visit(""), ("single-text", "bilinear"), (epoch(2),), seconds=1.0)
    assert studio_view.seconds_left(training) is None
    assert studio_view.seconds_left(replace(training, seconds=9.0)) == pytest.approx(27.0)


def test_two_strategies_at_a_time_are_both_shown() -> None:
    turns = ("single-text", "concatenation", "single-text", "concatenation", "bilinear", "concatenation")
    epochs = tuple(epoch(number, name) for number, name in enumerate(turns, 1))
    training = Training(Visit(""), ("single-text", "concatenation", "bilinear"), epochs)
    assert [latest.strategy for latest in studio_view.at_work(training)] == ["concatenation", "bilinear"]
    in_turn = replace(training, epochs=(epoch(1, "single-text"), epoch(2, "single-text"), epoch(1, "bilinear")))
    assert [latest.strategy for latest in studio_view.at_work(in_turn)] == ["bilinear"]


def test_results_without_mistakes_say_so() -> None:
    training = Training(Visit(""), ("bilinear",), studio=made_studio(wrong=False))
    assert "Every test row got its right label" in studio_result.mistakes(training)


# -- table and columns -------------------------------------------------------------------------------------------------


def test_a_table_is_opened_and_its_columns_guessed(visit: Visit, table: Path) -> None:
    source, line, mapping, text, image, _audio, label, _group = studio_data.look_at_upload(visit, str(table))
    assert source == Source(str(table), "notes.csv", confined=False)
    assert "20 rows" in line
    assert mapping["visible"] is True
    assert (text["value"], image["value"], label["value"]) == ("text", "", "label")
    stranger = studio_data.look_at_upload(replace(visit, own=False), str(table))[0]
    assert stranger.confined, "media outside its folder are not for a visitor of a public page"


def test_the_sample_set_is_there_when_the_tab_opens() -> None:
    file, source, line, _mapping, *lists = studio_data.look_at_sample()
    assert file is None
    assert Path(source.path).is_file()
    assert "300 rows" in line
    assert all(item["value"] for item in lists)


def test_what_is_no_table_is_told_in_the_line(visit: Visit) -> None:
    source, line, mapping, *_ = studio_data.look_at_upload(visit, str(samples.path("cat.jpg")))
    assert source is None
    assert "cat.jpg" in line
    assert "mm-wrong" in line
    assert mapping["visible"] is False


def test_only_the_user_of_the_machine_names_a_path(visit: Visit, table: Path) -> None:
    assert studio_data.look_at_path(visit, f" {table} ")[0] is not None
    source, line, *_ = studio_data.look_at_path(replace(visit, own=False), str(table))
    assert source is None
    assert "Only the user of this machine" in line


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("text", "", "", "", ""), "holds the label"),
        (("", "", "", "label", ""), "at least one column"),
        (("a", "a", "", "label", ""), "chosen for two things"),
    ],
)
def test_columns_that_cannot_be_are_refused(source: Source, names: tuple[str, ...], said: str) -> None:
    with pytest.raises(InvalidInputError, match=said):
        studio_data.refuse_check(source, *names)
    with pytest.raises(InvalidInputError, match="Drop a table first"):
        studio_data.refuse_check(None, *names)


def test_a_check_gives_the_data_and_some_rows(source: Source) -> None:
    checked = studio_data.check(source, *NAMES)
    assert checked.data.labels == ("a", "b")
    assert len(checked.preview) == studio_data.PREVIEW_ROWS


# -- options -----------------------------------------------------------------------------------------------------------


def test_what_is_left_out_stands_at_its_default() -> None:
    choices = studio_options.choices_of()
    assert choices.strategies == STRATEGIES
    assert choices.options == TrainOptions()
    assert set(choices.encoders) == {"text", "image", "audio"}


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.name)
def test_a_preset_sets_what_the_page_shows_and_what_programs_get(preset: Any) -> None:
    _note, strategies, *values = studio_options.apply_preset(preset.name)
    page = studio_options.choices_of(strategies, preset.name, *values)
    assert page == studio_options.choices_of(None, preset.name)
    assert set(page.strategies) == set(preset.strategies)
    assert page.options == preset.options
    assert page.encoders == preset.encoders
    assert page.search_trials == preset.search_trials


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"strategies": ["magic"]}, "no fusion strategy 'magic'"),
        ({"strategies": []}, "at least one fusion strategy"),
        ({"chosen": "Z"}, "no preset"),
        ({"text_encoders": ["mfcc"]}, "no encoder of text"),
        ({"text_encoders": [], "image_encoders": [], "audio_encoders": []}, "at least one of text"),
        ({"epochs": 0}, "from 1 to 500"),
        ({"seed": -1}, "from 0"),
        ({"label_smoothing": 1.0}, "less than 1"),
        ({"search": "trials", "amount": 0}, "from 1 to 200"),
        ({"search": "minutes", "amount": 1e9}, "from 1 to 120"),
    ],
)
def test_options_that_cannot_be_are_one_sentence(values: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInputError, match=said):
        studio_options.choices_of(**values)


def test_a_search_is_by_trials_or_by_minutes() -> None:
    by_trials = studio_options.choices_of(search="trials", amount=7)
    assert (by_trials.search_trials, by_trials.search_minutes) == (7, 0.0)
    by_minutes = studio_options.choices_of(search="minutes", amount=7)
    assert (by_minutes.search_trials, by_minutes.search_minutes) == (0, 7.0)


def test_strategies_of_what_the_table_lacks_are_not_waited_for() -> None:
    choices = studio_options.choices_of()
    assert studio_runs.likely(Columns(text="t", label="l"), choices) == ("single-text",)
    both = studio_runs.likely(Columns(text="t", image="i", label="l"), choices)
    assert "single-audio" not in both
    assert "bilinear" in both


# -- training ----------------------------------------------------------------------------------------------------------


def test_a_training_shows_its_first_moment_and_its_result(visit: Visit, source: Source, quick: list[Any]) -> None:
    steps = list(studio_runs.train_here(visit, source, *NAMES, ["bilinear"]))
    assert steps[0].began
    assert steps[-1].studio is not None
    assert len(steps[-1].mistakes) == 1
    assert quick[0].choices.strategies == ("bilinear",)
    assert quick[0].feedback is None
    shown = studio_train.show_training(steps[-1])
    assert shown[1].labels == LABELS
    assert len(shown) == len(studio_train.show_training(steps[0]))


def test_the_next_training_takes_the_place_of_the_last(visit: Visit, source: Source, quick: list[Any]) -> None:
    for _ in range(2):
        *_, last = studio_runs.train_here(visit, source, *NAMES, ["bilinear"])
    assert [path.name for path in visit.folder.iterdir()] == [last.studio.folder.name]


def test_a_training_that_fails_says_why_and_leaves_nothing(visit: Visit, source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(job: studio_runs.Job, *_: Any) -> Studio:
        job.folder.mkdir()
        raise InvalidInputError("There is one class.")

    monkeypatch.setattr(studio_runs, "run", run)
    with pytest.raises(InvalidInputError, match="There is one class"):
        list(studio_runs.train_here(visit, source, *NAMES, ["bilinear"]))
    assert list(visit.folder.iterdir()) == []


def endless(reached: threading.Event) -> Callable[..., Studio]:
    """A training that goes on until it is told to end, early or at once."""

    def run(job: studio_runs.Job, progress: Progress, on_epoch: Callable[[Epoch], None]) -> Studio:
        job.folder.mkdir()
        on_epoch(epoch())
        while not job.finish():
            reached.set()
            progress.checkpoint()
            threading.Event().wait(0.01)
        return replace(made_studio(job.folder), stopped=True)

    return run


def test_stop_ends_a_training_and_leaves_nothing(visit: Visit, source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    reached = threading.Event()
    monkeypatch.setattr(studio_runs, "run", endless(reached))
    progress = Progress()
    steps = studio_runs.train_here(visit, source, *NAMES, ["bilinear"], progress=progress)
    next(steps)
    assert next(steps).epochs
    progress.stop()
    with pytest.raises(StoppedError):
        list(steps)
    assert list(visit.folder.iterdir()) == []


def test_closing_the_page_ends_a_training(visit: Visit, source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(studio_runs, "run", endless(threading.Event()))
    steps: Any = studio_runs.train_here(visit, source, *NAMES, ["bilinear"])
    next(steps), next(steps)
    steps.close()
    assert list(visit.folder.iterdir()) == []


def test_stop_and_keep_gives_the_best_so_far(visit: Visit, source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(studio_runs, "run", endless(threading.Event()))
    steps = studio_runs.train_here(visit, source, *NAMES, ["bilinear"])
    next(steps), next(steps)
    studio_runs.finish_early(visit)
    *_, last = steps
    assert last.studio is not None
    assert "Stopped early" in studio_result.leaderboard(last.studio)


def test_one_visitors_wish_ends_only_their_own_training(visit: Visit, tmp_path: Path) -> None:
    studio_runs.finish_early(visit)
    other = studio.new_visit()
    assert not (other.folder / studio.FINISH_FILE).exists()
    studio_runs.finish_early(other)
    studio.leave(other)
    assert not other.folder.exists()


def test_downloads_are_the_model_the_report_and_the_figures(visit: Visit, source: Source, quick: list[Any]) -> None:
    *_, last = studio_runs.train_here(visit, source, *NAMES, ["bilinear"])
    content = {export.file_name: export.write(last) for export in studio_files.EXPORTS}
    model = content["model.zip"]
    assert isinstance(model, bytes)
    with zipfile.ZipFile(io.BytesIO(model)) as archive:
        names = archive.namelist()
    assert names == [f"model/{name}" for name in ("model.json", "model.safetensors", "report.html", "report.json")]
    assert model == studio_files.model_zip(last), "the same files give the same bytes"
    rows = list(csv.DictReader(str(content["leaderboard.csv"]).splitlines()))
    assert [row["strategy"] for row in rows] == ["bilinear", "single-text", "majority"]
    assert content["report.html"] == b"report.html"


def test_there_is_nothing_to_download_before_the_end() -> None:
    assert all(not update["interactive"] for update in next(studio_files.downloads(None)))
    with pytest.raises(InvalidInputError, match="before the training has ended"):
        studio_files.model_zip(Training(Visit(""), ("bilinear",)))


def test_a_program_gets_the_leaderboard_and_the_model(table: Path, tmp_path: Path, quick: list[Any]) -> None:
    (answer,) = studio_api.train(str(table), strategies=["bilinear"], epochs=3, folder=tmp_path)
    assert quick[0].columns == Columns(text="text", label="label"), "guessed"
    assert quick[0].source.confined
    assert quick[0].choices.options.epochs == 3
    result = as_dict(answer)
    assert [line["strategy"] for line in result["leaderboard"]] == ["bilinear", "single-text", "majority"]
    assert zipfile.is_zipfile(result["model"]["path"])
    with pytest.raises(InvalidInputError, match="Give a table"):
        studio_api.refuse(None)


def test_a_preset_outweighs_what_the_pages_components_stand_at(table: Path, tmp_path: Path, quick: list[Any]) -> None:
    list(studio_api.train(str(table), strategies=["bilinear"], preset="A", epochs=60, seed=3, folder=tmp_path))
    assert quick[0].choices == studio_options.choices_of(chosen="A", seed=3)
    assert quick[0].choices.options.epochs == 10


# -- prediction and feedback -------------------------------------------------------------------------------------------


def asked(text: str = "It burns.", label: str = "flood") -> Asked:
    return Asked(Prediction(label, (LabelScore(label, 0.9), LabelScore("fire", 0.1)), {"text": 1.0}), text, model="m")


MODEL = Model("", "m", labels=("flood", "fire"))


def last(steps: Iterator[tuple[Any, ...]]) -> tuple[Any, ...]:
    return list(steps)[-1]


def test_a_prediction_needs_a_model_and_an_input() -> None:
    with pytest.raises(InvalidInputError, match="no model yet"):
        studio_predict.refuse(None, "text", None, None)
    with pytest.raises(InvalidInputError, match="any one of them"):
        studio_predict.refuse(MODEL, "  ", None, None)
    with pytest.raises(InvalidInputError, match="ZIP"):
        studio_predict.refuse_once(None, "text", None, None)
    with pytest.raises(InvalidInputError, match="not here any more"):
        studio_predict.ask(Model("/nowhere", "m"), "text", None, None)


def test_inputs_that_were_not_given_have_no_bar() -> None:
    prediction = replace(asked().prediction, contributions={"text": 1.0, "image": 0.0})
    _, shares, _ = studio_predict.show(Asked(prediction))
    assert "Text" in shares
    assert "Picture" not in shares


def test_feedback_is_kept_and_offered_to_the_next_training(visit: Visit) -> None:
    box, _, labels, _ = studio_feedback.ready(visit, asked(), MODEL)
    assert box["visible"] is True
    assert labels["choices"] == ["fire"], "not the one that was predicted"
    last(studio_feedback.say_right(visit, asked("Water."), MODEL))
    _, _, table, _, offer = last(studio_feedback.say_wrong(visit, asked(), MODEL, "fire"))
    assert "1 of 2 right" in table
    assert offer["visible"] is True
    assert "2 rows" in offer["label"]
    assert [row.label for row in visit.feedback.rows()] == ["flood", "fire"]


def test_feedback_without_the_right_label_is_noted_but_not_learned_from(visit: Visit) -> None:
    _, _, table, _, offer = last(studio_feedback.say_wrong(visit, asked(), MODEL, None))
    assert "not known" in table
    assert offer["visible"] is False


def test_feedback_that_cannot_be_is_told_in_the_line(visit: Visit) -> None:
    line, *_ = last(studio_feedback.say_wrong(visit, asked(), MODEL, "flood"))
    assert "choose another" in line
    line, *_ = last(studio_feedback.say_right(visit, None, MODEL))
    assert "Classify something first" in line


def test_feedback_as_a_table_runs_no_formula_and_names_no_folder(visit: Visit) -> None:
    given = replace(asked("=1+1", SLY), image=str(samples.path("cat.jpg")))
    last(studio_feedback.say_right(visit, given, MODEL))
    said = visit.feedback.all()
    (row,) = csv.DictReader(studio_feedback.as_csv(said).splitlines())
    assert row["text"] == "'=1+1"
    assert "/" not in row["image"]
    assert SLY not in studio_feedback.table(said)


def test_feedback_reaches_the_training_that_asks_for_it(visit: Visit, source: Source, quick: list[Any]) -> None:
    rest: Sequence[Any] = [None] * 12
    list(studio_runs.train_here(visit, source, *NAMES, ["bilinear"], *rest, True))
    assert quick[0].feedback == visit.feedback.folder


# -- models ------------------------------------------------------------------------------------------------------------


def packed(path: Path, names: Sequence[str]) -> str:
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    return str(path)


def test_a_model_is_found_in_its_zip(tmp_path: Path) -> None:
    path = packed(tmp_path / "m.zip", ["model/model.json", "model/model.safetensors"])
    assert studio_models.unpacked(path, tmp_path / "visit").name == "model"
    flat = packed(tmp_path / "f.zip", ["model.json", "model.safetensors"])
    assert studio_models.unpacked(flat, tmp_path / "visit").parent.name == "visit"


@pytest.mark.parametrize("names", [["../out.txt"], ["notes.txt"], ["model/model.safetensors", "model/model.json"]])
def test_what_is_no_model_is_one_sentence_and_leaves_nothing(visit: Visit, tmp_path: Path, names: list[str]) -> None:
    _, model, line = studio_models.load_zip(visit, packed(tmp_path / "m.zip", names))
    assert not isinstance(model, Model)
    assert "mm-wrong" in line
    assert list(visit.folder.iterdir()) == []


def test_only_the_user_of_the_machine_names_a_models_folder(visit: Visit) -> None:
    _, line = studio_models.load_path(replace(visit, own=False), "/")
    assert "Only the user of this machine" in line
    _, line = studio_models.load_path(visit, "")
    assert "mm-wrong" in line


def test_a_visit_knows_who_sits_at_the_machine() -> None:
    def request(host: str) -> Any:
        return types.SimpleNamespace(client=types.SimpleNamespace(host="127.0.0.1"), headers={"host": host})

    here, there = studio.enter(request("127.0.0.1:7860")), studio.enter(request("example.org"))
    assert here.own
    assert not there.own
    assert here.root != there.root
    for visit in (here, there):
        studio.leave(visit)
        assert not visit.folder.exists()
