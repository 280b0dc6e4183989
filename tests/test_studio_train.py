"""From a table to a model and its predictions: the task, the command line and the measurement, on the sample set's real files."""

from __future__ import annotations

import csv
import json
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import mm_demos
from mm_demos import samples
from mm_demos.cli import main
from mm_demos.errors import InvalidInputError, StoppedError
from mm_demos.evaluation import classifier
from mm_demos.fusion.feedback import FeedbackStore
from mm_demos.fusion.types import Columns, Epoch, Studio, TrainOptions
from mm_demos.progress import Progress
from mm_demos.tasks import studio

ROWS = 72
QUICK = TrainOptions(epochs=6, hidden=16)
COLUMNS = Columns(text="text", audio="audio", label="label", group="group")
ENCODERS = {"text": ("minilm",), "audio": ("mel",)}
ASKED = [
    "--image-column",
    "none",
    "--audio-encoders",
    "mel",
    "--fusion",
    "concatenation,single-audio",
    "--epochs",
    "4",
    "--quiet",
]


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first rows of the sample set, unpacked: `notes.csv` beside its media."""
    folder = tmp_path_factory.mktemp("table")
    with zipfile.ZipFile(samples.studio_set()) as archive:
        archive.extractall(folder)
    path = folder / "notes.csv"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(lines[: ROWS + 1]), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def trained(table: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Studio, list[Epoch]]:
    epochs: list[Epoch] = []
    result = mm_demos.train(
        table,
        columns=COLUMNS,
        encoders=ENCODERS,
        fusion=["bilinear"],
        options=QUICK,
        out=tmp_path_factory.mktemp("models") / "model",
        on_epoch=epochs.append,
    )
    return result, epochs


def test_a_training_gives_a_leaderboard_curves_and_the_split(trained: tuple[Studio, list[Epoch]]) -> None:
    result, epochs = trained
    assert {line.strategy for line in result.standings} == {"bilinear", "majority"}
    assert tuple(epochs) == result.curves
    assert sum(result.split.values()) == len(result.data.rows) == ROWS
    assert result.receipt is not None
    assert result.receipt.seed == 0
    assert {use.name for use in result.receipt.models} <= {"all-MiniLM-L6-v2"}  # none when all features were known
    assert not result.stopped


def test_the_folder_holds_model_report_and_the_worst_errors(trained: tuple[Studio, list[Epoch]]) -> None:
    result, _ = trained
    assert result.folder is not None
    assert {path.name for path in result.folder.iterdir()} == {
        "model.json",
        "model.safetensors",
        "report.html",
        "report.json",
        "mistakes",
    }
    card = json.loads((result.folder / "model.json").read_text(encoding="utf-8"))
    best = next(line for line in result.standings if line.strategy == result.best)
    assert card["metrics"]["accuracy"]["value"] == best.measures.accuracy.value
    assert card["data_sha256"] == result.data.sha256
    assert result.mistakes
    assert all(m.row.audio.parent == result.folder / "mistakes" and m.row.audio.is_file() for m in result.mistakes if m.row.audio)


def test_the_model_predicts_and_says_what_is_missing(trained: tuple[Studio, list[Epoch]]) -> None:
    folder = trained[0].folder
    assert folder is not None
    rows = [{"text": "Somebody barked.", "audio": str(samples.path("dog-bark.ogg"))}, {"text": "Only words."}]
    whole, words = mm_demos.predict(folder, rows)
    assert sum(score.score for score in whole.scores) == pytest.approx(1)
    assert whole.label == whole.scores[0].label
    assert sum(whole.contributions.values()) == pytest.approx(1)
    assert whole.receipt is not None
    assert words.notices


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([{}], "Row 1 has nothing to classify"),
        (["x"], "Row 1 is str, not a mapping"),
        ({"text": "x"}, "into brackets"),
        ([{"audio": "gone.ogg"}], "no file gone.ogg"),
    ],
)
def test_rows_that_cannot_be_predicted_give_a_sentence(trained: tuple[Studio, list[Epoch]], rows: Any, sentence: str) -> None:
    assert trained[0].folder is not None
    with pytest.raises(InvalidInputError, match=sentence):
        mm_demos.predict(trained[0].folder, rows)


def test_a_zip_leaves_errors_that_can_still_be_looked_at(tmp_path: Path, table: Path) -> None:
    packed = tmp_path / "set.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for path in sorted(table.parent.rglob("*.*")):
            archive.write(path, path.relative_to(table.parent))
    result = studio.train(
        packed, columns=Columns(audio="audio", label="label"), encoders={"audio": ["mel"]}, options=QUICK, out=tmp_path / "model"
    )
    assert [line.strategy for line in result.standings if line.strategy != "majority"] == ["single-audio"]
    assert result.mistakes
    assert all(mistake.row.audio.is_file() for mistake in result.mistakes if mistake.row.audio)


def test_a_folder_with_other_files_is_not_touched(table: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(InvalidInputError, match="is no model: give a new folder"):
        studio.train(table, out=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_model_beside_other_files_is_not_replaced(table: Path, trained: tuple[Studio, list[Epoch]], tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(trained[0].folder or "", folder)
    (folder / "thesis.txt").write_text("years of work")
    with pytest.raises(InvalidInputError, match=r"holds thesis\.txt, which is no part of a model"):
        studio.train(table, out=folder)
    assert (folder / "thesis.txt").read_text() == "years of work"
    assert mm_demos.predict(folder, [{"text": "a dog"}])


def test_a_model_goes_where_a_link_leads_and_replaces_an_older_one(table: Path, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "model").symlink_to(tmp_path / "disk")
    for n in (1, 2):
        options = replace(QUICK, epochs=n)
        studio.train(
            table,
            columns=Columns(audio="audio", label="label"),
            encoders={"audio": ["mel"]},
            fusion=["single-audio"],
            options=options,
            out=tmp_path / "model",
        )
    assert (tmp_path / "model").is_symlink()
    assert {path.name for path in (tmp_path / "disk").iterdir()} == studio.MODEL_FILES
    assert json.loads((tmp_path / "disk" / "model.json").read_text())["options"]["epochs"] == 2


@pytest.mark.parametrize("place", ["notes.csv/model", "notes.csv/deep/model", "a\0b", "n" * 300])
def test_a_folder_that_cannot_be_written_to_is_told_before_anything_runs(table: Path, place: str) -> None:
    progress = Progress()
    progress.stop()  # would end the training as soon as it begins
    with pytest.raises(InvalidInputError, match=r"cannot be written to .+: give another folder"):
        studio.train(table, out=table.parent / place, progress=progress)


def test_a_stopped_training_leaves_nothing(table: Path, tmp_path: Path) -> None:
    progress = Progress()
    with pytest.raises(StoppedError):
        studio.train(
            table,
            columns=COLUMNS,
            encoders=ENCODERS,
            out=tmp_path / "model",
            progress=progress,
            on_epoch=lambda _: progress.stop(),
        )
    assert list(tmp_path.iterdir()) == []


def test_feedback_joins_the_training_rows_but_not_those_measured_on(
    table: Path, trained: tuple[Studio, list[Epoch]], tmp_path: Path
) -> None:
    store = FeedbackStore(tmp_path / "feedback")
    store.add(predicted="campfire", right=False, label="stray dog", text="Paw prints.", audio=samples.path("dog-near.ogg"))
    store.add(predicted="campfire", right=False, label="alien landing", text="A light in the sky.")
    mistake = trained[0].mistakes[0]
    store.add(predicted=mistake.predicted, right=True, text=mistake.row.text, image=mistake.row.image, audio=mistake.row.audio)
    result = studio.train(table, columns=COLUMNS, encoders=ENCODERS, fusion=["bilinear"], options=QUICK, feedback=store.folder)
    assert result.split["train"] == trained[0].split["train"] + 1
    assert result.split["test"] == trained[0].split["test"]
    assert result.notices == (
        "Rows of feedback added to the training rows: 1. Left out, because the model is measured on them: 1.",
    )


def run(capfd: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[dict[str, Any]], str]:
    status = main(arguments)
    said = capfd.readouterr()
    return status, [json.loads(line) for line in said.out.splitlines()], said.err


def test_the_command_line_gives_the_same_figures_for_the_same_seed(
    table: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "model"
    status, lines, _ = run(capfd, "train", str(table), *ASKED, "--out", str(out), "--seed", "3", "--json")
    _, again, _ = run(capfd, "train", str(table), *ASKED, "--out", str(out), "--seed", "3", "--json")
    assert status == 0
    assert {line["strategy"] for line in lines} == {"concatenation", "single-audio", "majority"}
    assert {line["rank"] for line in lines} == {1, 2, 3}
    assert "train_seconds" in lines[0]

    def lasting(line: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in line.items() if not name.endswith("_seconds")}

    assert [lasting(line) for line in lines] == [lasting(line) for line in again]


def test_predict_answers_every_line_and_says_which_are_bad(
    trained: tuple[Studio, list[Epoch]], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    rows = tmp_path / "rows.jsonl"
    given = [{"text": "Smoke.", "audio": str(samples.path("fire.ogg"))}, {"image": "gone.jpg"}, {}, "Wet boots."]
    rows.write_text("".join(json.dumps(row) + "\n" for row in given) + "{broken\n", encoding="utf-8")
    status, lines, _ = run(capfd, "predict", str(trained[0].folder), "--batch", str(rows), "--json")
    assert status == 1
    assert [line["input"] for line in lines] == [*given, "{broken"]
    assert ["error" in line for line in lines] == [False, True, True, False, True]
    assert set(lines[0]) == {"input", "label", "scores", "contributions"}
    assert lines[1]["error"].startswith("There is no file") or "nothing to go by" in lines[1]["error"]
    assert lines[0]["label"] == max(lines[0]["scores"], key=lines[0]["scores"].get)


def test_evaluate_classifier_measures_on_a_table_however_small(
    trained: tuple[Studio, list[Epoch]], table: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with table.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["text"] and row["audio"]][:3]
    small = table.with_name("small.csv")
    with small.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows([*rows, {**rows[0], "label": "unheard of"}])
    assert classifier.main([str(trained[0].folder), "--data", str(small), "--label-column", "label", "--json"]) == 0
    report = json.loads(capfd.readouterr().out)
    assert {"accuracy", "f1_macro", "roc_auc", "ece", "confusion", "ablation"} <= set(report)
    assert (report["rows"], report["left_out"], report["roc_auc"]) == (3, 1, None)
    assert sum(map(sum, report["confusion"])) == 3
    small.unlink()


def test_one_of_several_tables_is_named_with_part(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.csv").write_text(f"text,label\n{name},only\n")
    assert main(["train", str(tmp_path), "--part", "b.csv"]) == 1
    assert f"{tmp_path.name}/b.csv cannot be trained on" in capfd.readouterr().err


def test_wrong_usage_is_told_before_anything_runs(capfd: pytest.CaptureFixture[str]) -> None:
    for arguments, sentence in (
        (["train"], "give a table, or --sample"),
        (["train", "x.csv", "--preset", "A", "--fusion", "bilinear"], "--preset decides"),
        (["train", "x.csv", "--feedback", "gone"], "no folder gone of feedback"),
        (["predict", "model"], "give --batch FILE"),
        (["predict", "model", "--batch", "gone.jsonl"], "no batch file gone.jsonl"),
    ):
        assert main(arguments) == 2
        assert sentence in capfd.readouterr().err
