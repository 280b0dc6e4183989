"""What a saved model says of rows, on a graph that agrees with the network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import fusion_signals as signals
import numpy as np
import pytest
import torch

from mm_demos.errors import InvalidInputError
from mm_demos.fusion.graph import export
from mm_demos.fusion.model_folder import ModelCard
from mm_demos.fusion.networks import build
from mm_demos.fusion.predictor import StudioModel
from mm_demos.fusion.types import STRATEGIES, Features, Modality, Strategy, TrainOptions
from mm_demos.models.onnx_graph import Graph

LABELS = ("cat", "dog", "owl")
DIMS: dict[Modality, int] = {name: signals.features(3).vectors[name].shape[1] for name in signals.NAMES}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Strategy], tuple[StudioModel, torch.nn.Module]]:
    """A model with random weights, and its network."""
    folder, kept = tmp_path_factory.mktemp("graphs"), dict[str, tuple[StudioModel, torch.nn.Module]]()

    def make(strategy: Strategy) -> tuple[StudioModel, torch.nn.Module]:
        if strategy not in kept:
            torch.manual_seed(0)
            network = build(strategy, DIMS, 3, hidden=8).eval()
            network.temperature.fill_(0.7)
            export(network, folder / f"{strategy}.onnx")
            card = ModelCard(strategy, LABELS, signals.features(3).encoders, TrainOptions(hidden=8), "")
            kept[strategy] = StudioModel(card, Graph(folder / f"{strategy}.onnx", threads=1)), network
        return kept[strategy]

    return make


Made = Callable[[Strategy], tuple[StudioModel, torch.nn.Module]]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_graph_agrees_with_the_network(made: Made, strategy: Strategy) -> None:
    model, network = made(strategy)
    found = signals.features(40)
    present = torch.from_numpy(np.stack(list(found.present.values()), 1).astype(np.float32))
    with torch.inference_mode():
        logits = network(present, *map(torch.from_numpy, found.vectors.values()))
    expected = logits.double().softmax(1).numpy()
    assert np.abs(model.probabilities(found) - expected).max() < 1e-5
    first = model.probabilities(signals.lines_of(found, [0]))
    assert np.abs(first - expected[:1]).max() < 1e-5


def test_a_prediction_has_every_label_and_shares_that_sum_to_one(made: Made) -> None:
    model, _ = made("bilinear")
    predictions = model.predict(signals.features(9))
    assert len(predictions) == 9
    for prediction in predictions:
        assert {score.label for score in prediction.scores} == set(LABELS)
        assert prediction.scores[0].label == prediction.label
        assert sum(score.score for score in prediction.scores) == pytest.approx(1)
        assert sum(prediction.contributions.values()) == pytest.approx(1)
        assert min(prediction.contributions.values()) >= 0


def without(found: Features, *names: Modality) -> Features:
    """The same lines with modalities missing."""
    gone = {name: np.zeros(len(found.rows), dtype=np.bool_) for name in names}
    return replace(found, present={**found.present, **gone})


def test_contributions_are_what_taking_a_modality_away_costs(made: Made) -> None:
    model, _ = made("bilinear")
    found = signals.lines_of(signals.features(40), [7])
    full = model.probabilities(found)[0]
    lost = {name: max(0.0, full.max() - model.probabilities(found, without=name)[0, full.argmax()]) for name in DIMS}
    assert sum(lost.values()) > 0
    assert model.predict(found)[0].contributions == pytest.approx({name: lost[name] / sum(lost.values()) for name in DIMS})


def test_what_is_missing_is_said_and_has_no_part(made: Made) -> None:
    model, _ = made("bilinear")
    found = signals.lines_of(signals.features(40), [7])
    (prediction,) = model.predict(without(found, "audio"))
    assert prediction.notices == ("There is no audio: the answer rests on text and image alone.",)
    assert prediction.contributions["audio"] == 0
    (prediction,) = model.predict(without(found, "audio", "text"))
    assert prediction.notices == ("There is no text or audio: the answer rests on image alone.",)
    assert prediction.contributions == {"text": 0, "image": 1, "audio": 0}
    fewer = replace(found, vectors={"text": found.vectors["text"]}, present={"text": found.present["text"]})
    assert np.array_equal(model.probabilities(fewer), model.probabilities(without(found, "audio", "image")))


def test_a_row_with_nothing_is_refused(made: Made) -> None:
    found = signals.lines_of(signals.features(40), [7])
    with pytest.raises(InvalidInputError, match="Row 1 has nothing to go by: this model needs text, image or audio"):
        made("bilinear")[0].predict(without(found, "text", "image", "audio"))
    with pytest.raises(InvalidInputError, match="this model needs image"):
        made("single-image")[0].predict(without(found, "image"))


def test_features_of_other_encoders_are_refused(made: Made) -> None:
    model, _ = made("bilinear")
    found = signals.features(4)
    other = replace(found, encoders={**found.encoders, "text": (replace(found.encoders["text"][0], revision="0"),)})
    with pytest.raises(InvalidInputError, match="needs text features of minilm"):
        model.predict(other)
    found.vectors["text"][0, 0] = np.inf
    with pytest.raises(InvalidInputError, match="text features hold numbers that are not finite"):
        model.predict(found)


def test_no_rows_have_no_predictions(made: Made, tmp_path: Path) -> None:
    assert made("bilinear")[0].predict(signals.lines_of(signals.features(4), [])) == []
