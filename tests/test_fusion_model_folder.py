"""A model's folder: saved, loaded, and refused in one sentence when anything about it is wrong."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fusion_signals as signals
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from mm_demos.errors import InvalidInputError, StoppedError
from mm_demos.fusion.model_folder import CONFIG, WEIGHTS, load_model, save_model
from mm_demos.fusion.process import run_training
from mm_demos.fusion.types import Outcome, TrainOptions
from mm_demos.media.files import sha256_of
from mm_demos.progress import Progress
from mm_demos.settings import Settings

LABELS = ("cat", "dog", "owl")
Saved = tuple[Path, tuple[Outcome, ...]]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Saved:
    """A finished run of two strategies."""
    folder = tmp_path_factory.mktemp("run")
    options = TrainOptions(epochs=3, hidden=8)
    outcomes = run_training(
        signals.features(),
        signals.split(120),
        LABELS,
        strategies=("bilinear", "single-image"),
        options=options,
        folder=folder,
        progress=Progress(),
        on_epoch=lambda _: None,
    )
    return folder, outcomes


@pytest.fixture(scope="module")
def saved(run: Saved, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bilinear model of the run."""
    folder = tmp_path_factory.mktemp("saved") / "m"
    shutil.copytree(run[0], folder)
    save_model(folder, outcome=run[1][0], metrics={"accuracy": 0.9}, data_sha256="ab" * 32)
    return folder


@pytest.fixture
def model(saved: Path, tmp_path: Path) -> Path:
    """A copy to spoil."""
    return Path(shutil.copytree(saved, tmp_path / "model"))


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, configure: Callable[..., Settings]) -> Iterator[None]:
    """One for all tests of this file, so that a graph is written once."""
    configure(cache_dir=tmp_path_factory.getbasetemp() / "fusion-cache")
    yield


def test_a_saved_model_is_two_files_that_say_everything(saved: Path) -> None:
    assert sorted(path.name for path in saved.iterdir()) == [CONFIG, WEIGHTS]
    card = json.loads((saved / CONFIG).read_text(encoding="utf-8"))
    assert card["schema"] == 1
    assert card["labels"] == list(LABELS)
    assert card["strategy"] == "bilinear"
    assert card["metrics"] == {"accuracy": 0.9}
    assert card["data_sha256"] == "ab" * 32
    assert card["sha256"] == sha256_of(saved / WEIGHTS)
    assert card["temperature"] == pytest.approx(float(load_file(saved / WEIGHTS)["temperature"]))
    assert [each["name"] for each in card["encoders"]["text"]] == ["minilm"]
    assert card["options"]["hidden"] == 8


def test_only_what_was_trained_can_be_saved(run: Saved, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="bilinear was not trained in this run"):
        save_model(tmp_path, outcome=run[1][0])


def test_a_model_of_one_modality_needs_that_one_alone(run: Saved, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(run[0], tmp_path / "m"))
    save_model(folder, outcome=run[1][1])
    assert load_model(folder).modalities == ("image",)
    assert list(load_model(folder).encoders) == ["image"]


def test_what_was_saved_answers_as_it_was_trained(saved: Path, run: Saved) -> None:
    loaded = load_model(saved)
    test = signals.lines_of(signals.features(), list(signals.split(120)["test"]))
    assert np.abs(loaded.probabilities(test) - run[1][0].probs["test"]).max() < 1e-5
    for name, probs in run[1][0].without.items():
        assert np.abs(loaded.probabilities(test, without=name) - probs).max() < 1e-5


def edit(model: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    card = json.loads((model / CONFIG).read_text(encoding="utf-8"))
    change(card)
    (model / CONFIG).write_text(json.dumps(card), encoding="utf-8")


def reweigh(model: Path, change: Callable[[dict[str, np.ndarray]], Any]) -> None:
    """Change the weights and keep the checksum right."""
    tensors = load_file(model / WEIGHTS)
    change(tensors)
    save_file(tensors, model / WEIGHTS)
    edit(model, lambda card: card.update(sha256=sha256_of(model / WEIGHTS)))


class Canary:
    """Unpickling it leaves a trace."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.trace,))


def a_pickle(model: Path) -> None:
    (model / WEIGHTS).write_bytes(pickle.dumps(Canary(model / "trace")))
    edit(model, lambda card: card.update(sha256=sha256_of(model / WEIGHTS)))


def cut_short(model: Path) -> None:
    (model / WEIGHTS).write_bytes((model / WEIGHTS).read_bytes()[:-7])
    edit(model, lambda card: card.update(sha256=sha256_of(model / WEIGHTS)))


def huge(model: Path) -> None:
    with (model / CONFIG).open("r+b") as file:
        file.truncate(9_000_000)


FAULTS: dict[str, tuple[Callable[[Path], Any], str]] = {
    "a pickle": (a_pickle, "no safetensors file"),
    "cut short": (cut_short, "no safetensors file, or it is damaged"),
    "other weights": (lambda model: (model / WEIGHTS).write_bytes(b"x"), "not the file that model.json describes"),
    "no weights": (lambda model: (model / WEIGHTS).unlink(), "model.safetensors is missing"),
    "no description": (lambda model: (model / CONFIG).unlink(), "model.json is missing"),
    "huge description": (huge, "larger than 8 MB"),
    "no JSON": (lambda model: (model / CONFIG).write_bytes(b"\xff{"), "not valid JSON"),
    "deep JSON": (lambda model: (model / CONFIG).write_text("[" * 200_000), "not valid JSON"),
    "a list": (lambda model: (model / CONFIG).write_text("[]"), "version None"),
    "a later version": (lambda model: edit(model, lambda card: card.update(schema=2)), "version 2"),
    "a missing key": (lambda model: edit(model, lambda card: card.pop("labels")), "labels"),
    "an unknown key": (lambda model: edit(model, lambda card: card.update(code="rm")), "code"),
    "an unknown strategy": (lambda model: edit(model, lambda card: card.update(strategy="voting")), "strategy"),
    "a wrong type": (lambda model: edit(model, lambda card: card["options"].update(hidden="many")), "options.hidden"),
    "one label": (lambda model: edit(model, lambda card: card.update(labels=["cat"])), "labels"),
    "a label twice": (lambda model: edit(model, lambda card: card.update(labels=["cat"] * 3)), "labels"),
    "more labels": (lambda model: edit(model, lambda card: card["labels"].append("elk")), "do not fit"),
    "another width": (lambda model: edit(model, lambda card: card["options"].update(hidden=4096)), "do not fit"),
    "a forged width": (lambda model: edit(model, lambda card: card["options"].update(hidden=10**9)), "hidden"),
    "no encoders": (lambda model: edit(model, lambda card: card.update(encoders={})), "encoders"),
    "a swapped encoder": (lambda model: edit(model, lambda card: card["encoders"].pop("audio")), "do not fit"),
    "an unknown encoder": (lambda model: edit(model, lambda card: card["encoders"]["text"][0].update(name="bort")), "bort"),
    "another revision": (
        lambda model: edit(model, lambda card: card["encoders"]["text"][0].update(revision="0")),
        "train it anew",
    ),
    "a temperature of 0": (lambda model: edit(model, lambda card: card.update(temperature=0.0)), "temperature"),
    "not finite": (lambda model: reweigh(model, lambda tensors: tensors["beta"].fill(np.nan)), "not finite .beta"),
    "a missing tensor": (lambda model: reweigh(model, lambda tensors: tensors.pop("beta")), "do not fit.*beta"),
    "a tensor too many": (
        lambda model: reweigh(model, lambda tensors: tensors.update(x=np.ones(1, np.float32))),
        "do not fit.*x",
    ),
    "another shape": (lambda model: reweigh(model, lambda tensors: tensors.update(beta=np.ones((8, 9), np.float32))), "beta"),
    "another dtype": (lambda model: reweigh(model, lambda tensors: tensors.update(beta=np.ones((8, 8)))), "float64"),
    "a negative temperature": (
        lambda model: reweigh(model, lambda tensors: tensors["temperature"].fill(-1)),
        "temperature that is not positive",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_spoilt_model_is_refused_in_a_sentence(model: Path, saved: Path, fault: str) -> None:
    load_model(saved)
    spoil, words = FAULTS[fault]
    spoil(model)
    with pytest.raises(InvalidInputError, match=words) as caught:
        load_model(model)
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)
    assert not (model / "trace").exists()


def test_stopping_while_the_graph_is_written_leaves_none(model: Path, tmp_path: Path, configure: Callable[..., Settings]) -> None:
    configure(cache_dir=tmp_path / "fresh")
    progress = Progress()
    progress.stop()
    with pytest.raises(StoppedError):
        load_model(model, progress=progress)
    assert not list((tmp_path / "fresh").rglob("*.onnx"))


def test_a_damaged_graph_is_written_again(model: Path, tmp_path: Path, configure: Callable[..., Settings]) -> None:
    configure(cache_dir=tmp_path / "fresh")
    load_model(model)
    (graph,) = (tmp_path / "fresh").rglob("*.onnx")
    graph.write_bytes(b"damaged")
    assert load_model(model).labels == LABELS
    assert graph.stat().st_size > 1000
