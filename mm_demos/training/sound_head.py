"""Train the sound head: `python -m mm_demos.training.sound_head --data DIR --speech TAR --out DIR`.

Kernel ridge regression on the class of a sound (Saunders et al., 1998), with a Gaussian kernel between features on their
principal axes. Each fold is tested with a head that has not seen it; the head that is written has seen all of them.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mm_demos.models import loader
from mm_demos.models.attention import softmax
from mm_demos.models.mini_rows import write_manifest
from mm_demos.models.protocols import FloatArray
from mm_demos.models.sound import OUTLIER, TABLE, WEIGHTS, SoundHead, compared, placed, probabilities
from mm_demos.training.sound_features import FOLDS, Sounds, sounds
from mm_demos.training.sound_wordings import OTHER, TUNING, WORDINGS

Tensors = dict[str, FloatArray]
SHARPNESS = np.geomspace(2, 30, 40)
KEENNESS, FLOORS = np.geomspace(5, 80, 30), np.linspace(0.2, 0.7, 26)


@dataclass(frozen=True, slots=True)
class Recipe:
    """What was chosen, by the folds' figures.

    Args:
        views: changed copies of each clip.
        axes: principal axes kept.
        shares: weight of the encoder's frames, of the spectrogram and of the loudness's swings in a squared distance.
        width: of the kernel, in medians of the squared distances.
        ridge: what is added to the kernel's diagonal.
        caution: added to the score of none of the labels: sounds of no known class look more like one than they are.
    """

    views: int = 6
    axes: int = 160
    shares: tuple[float, ...] = (1.0, 0.5, 0.2)
    width: float = 0.5
    ridge: float = 0.05
    caution: float = 0.2


@dataclass(frozen=True, slots=True)
class FoldScores:
    """Of clips whose fold was not trained on.

    Args:
        accuracy: of the likeliest label.
        named: share of clips in which the right label has half of the probability or more.
        nearest: share of clips whose nearest other clip of the fold has their label.
        others_refused: share of speech and made-up sounds in which no label gets half of the probability.
        unknown_refused: the same of the clips of a class when that class is left out of training, mean over classes.
        sharpness: calibrated on these clips.
        log_loss: natural logarithm, of the label and none.
    """

    clips: int
    accuracy: float
    named: float
    by_fold: tuple[float, ...]
    by_label: dict[str, float]
    changed_accuracy: float
    nearest: float
    others_refused: float
    unknown_refused: float
    sharpness: float
    log_loss: float


def fit(known: Sounds, recipe: Recipe) -> Tensors:
    """The head's tensors but those of queries."""
    base = known.features[known.plain & (known.classes < known.none)]
    share = np.concatenate([np.full(n, (w / n) ** 0.5) for n, w in zip(known.sizes, recipe.shares, strict=True)])
    tensors: Tensors = {"mean": base.mean(0), "scale": base.std(0) + 1e-3, "share": share.astype(np.float32)}
    x = np.clip((known.features - tensors["mean"]) / tensors["scale"], -OUTLIER, OUTLIER) * tensors["share"]
    tensors["centre"] = x.mean(0)
    spread = x - tensors["centre"]
    tensors["axes"] = np.linalg.eigh(spread.T @ spread)[1][:, ::-1].T[: recipe.axes]
    # Rounded here as in the file, so that what is tested is what ships.
    tensors = {name: tensor.astype(np.float16).astype(np.float32) for name, tensor in tensors.items()}
    points = placed(known.features, tensors).astype(np.float16).astype(np.float32)
    apart = _distances(points, points)
    width = recipe.width * float(np.median(apart))
    targets = np.eye(known.none + 1)[known.classes] - 1 / (known.none + 1)
    kernel = np.exp(-apart / width) + recipe.ridge * np.eye(len(points))
    alpha = np.linalg.solve(kernel, targets)
    return {**tensors, "points": points, "alpha": alpha.astype(np.float32), **_made(width=width)}


def _distances(a: FloatArray, b: FloatArray) -> FloatArray:
    """Squared distances (n_a, n_b)."""
    return np.maximum((a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * a @ b.T, 0)  # type: ignore[no-any-return]


def scores(features: FloatArray, tensors: Tensors) -> tuple[FloatArray, FloatArray]:
    """Scores (n, n_labels + 1) and places (n, n_axes) of many features at once."""
    place = placed(features, tensors)
    return np.exp(-_distances(place, tensors["points"]) / tensors["width"]) @ tensors["alpha"], place


def nearest(vectors: FloatArray) -> NDArray[np.int64]:
    """For each of several unit vectors the number of its nearest other one."""
    similarity = vectors @ vectors.T
    np.fill_diagonal(similarity, -2)
    return np.asarray(similarity.argmax(1), np.int64)


def cross_validate(known: Sounds, recipe: Recipe) -> FoldScores:
    """Train without each fold in turn, and test on it."""
    found = np.zeros((len(known.classes), known.none + 1), np.float32)
    clips, alike = known.plain & (known.classes < known.none), []
    for fold in FOLDS:
        held_out = known.folds == fold
        found[held_out], place = scores(known.features[held_out], fit(known.part(~held_out), recipe))
        inside = clips[held_out]
        classes = known.classes[held_out][inside]
        alike += (classes[nearest(compared(found[held_out][inside], place[inside]))] == classes).tolist()
    judged = clips | (known.classes == known.none)
    made, loss = calibrate(found[judged], known.classes[judged], recipe)
    probs = probabilities(found, made)
    right = found[:, :-1].argmax(1) == known.classes
    refused = probs[:, :-1].max(1) < 0.5
    copies = ~known.plain & (known.classes < known.none)
    return FoldScores(
        clips=int(clips.sum()),
        accuracy=float(right[clips].mean()),
        named=float((right & ~refused)[clips].mean()),
        by_fold=tuple(float(right[clips & (known.folds == fold)].mean()) for fold in FOLDS),
        by_label={label: float(right[clips & (known.classes == i)].mean()) for i, label in enumerate(known.labels)},
        changed_accuracy=float(right[copies].mean()) if copies.any() else 0.0,
        nearest=float(np.mean(alike)),
        others_refused=float(refused[known.classes == known.none].mean()),
        unknown_refused=unknown_refused(known, recipe, made),
        sharpness=float(made["sharpness"][0]),
        log_loss=loss,
    )


def calibrate(found: FloatArray, classes: NDArray[np.int64], recipe: Recipe) -> tuple[Tensors, float]:
    """The factor on held-out scores that makes their softmax likeliest (Guo et al., 2017), with the caution; and its log loss."""
    tried = [_made(caution=recipe.caution, sharpness=float(factor)) for factor in SHARPNESS]
    losses = [-np.log(probabilities(found, each)[np.arange(len(found)), classes] + 1e-9).mean() for each in tried]
    best = int(np.argmin(losses))
    return tried[best], float(losses[best])


def _made(**values: float) -> Tensors:
    return {name: np.array([value], np.float32) for name, value in values.items()}


def unknown_refused(known: Sounds, recipe: Recipe, made: Tensors) -> float:
    """Share of the clips of a class never trained on in which no label gets half of the probability, mean over classes."""
    shares = []
    for left_out in range(known.none):
        its = known.classes == left_out
        found, _ = scores(known.features[its & known.plain], fit(known.part(~its), recipe))
        shares.append((probabilities(found, made)[:, :-1].max(1) < 0.5).mean())
    return float(np.mean(shares))


def query_tensors(labels: tuple[str, ...]) -> tuple[Tensors, list[int]]:
    """Embeddings of the wordings, and the class of each."""
    texts = [(text, number) for number, label in enumerate(labels) for text in WORDINGS[label]]
    texts += [(text, len(labels)) for text in OTHER]
    return {"wordings": _embedded([text for text, _ in texts])}, [number for _, number in texts]


def _embedded(texts: list[str]) -> FloatArray:
    with loader.shared().lease("all-MiniLM-L6-v2") as embedder:
        found: FloatArray = embedder.embed_texts(texts)
        return found


def tune_queries(tensors: Tensors, labels: tuple[str, ...], numbers: list[int]) -> tuple[float, float, float]:
    """Keenness and floor that make the classes of the tuning sentences likeliest, and the share that is then right."""
    asked = [(text, labels.index(label) if label else len(labels)) for label, texts in TUNING.items() for text in texts]
    queries, classes = _embedded([text for text, _ in asked]), np.array([number for _, number in asked])
    head = SoundHead(tensors, labels, numbers, keenness=1.0, floor=-1.0)
    close = np.stack([head.closeness(query) for query in queries])
    best = (np.inf, 0.0, 0.0, 0.0)
    for floor in FLOORS:
        raised = close.copy()
        raised[:, -1] = np.maximum(raised[:, -1], floor)
        for keenness in KEENNESS:
            loss = -np.log(softmax(keenness * raised)[np.arange(len(classes)), classes] + 1e-9).mean()
            best = min(best, (float(loss), float(keenness), float(floor), float((raised.argmax(1) == classes).mean())))
    return best[1:]


def main() -> None:
    """Train, test and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="esc10-folds1-4.tar, or the folder it lies in")
    parser.add_argument("--speech", type=Path, required=True, help="spoken-captions.tar")
    parser.add_argument("--out", type=Path, required=True, help="folder for the head, its manifest and the features")
    parser.add_argument("--features", type=Path, help="where the features are kept; sound-features.npz in --out otherwise")
    parser.add_argument("--without-fold", type=int, choices=FOLDS, help="leave this fold out of the head that is written")
    parser.add_argument("--views", type=int, default=Recipe().views)
    options = parser.parse_args()
    start, recipe = time.time(), Recipe(views=options.views)
    options.out.mkdir(parents=True, exist_ok=True)
    cache = options.features or options.out / "sound-features.npz"
    known = sounds(options.data, options.speech, cache, views=recipe.views)
    report = cross_validate(known, recipe)
    taught = known.part(known.folds != options.without_fold) if options.without_fold else known
    tensors = fit(taught, recipe) | _made(caution=recipe.caution, sharpness=report.sharpness)
    wordings, numbers = query_tensors(known.labels)
    keenness, floor, right = tune_queries(wordings, known.labels, numbers)
    write(options.out, tensors | wordings, known.labels, numbers, keenness=keenness, floor=floor)
    took = {"tuning_queries_right": right, "keenness": keenness, "floor": floor, "seconds": round(time.time() - start)}
    print(json.dumps({"recipe": asdict(recipe), "folds": asdict(report), **took}, indent=2))


def write(out: Path, tensors: Tensors, labels: tuple[str, ...], numbers: list[int], *, keenness: float, floor: float) -> None:
    """The head in float16, its coefficients in float32, with the table of its labels, and the manifest of the folder anew."""
    from safetensors.numpy import save_file

    exact = {"alpha", "width", "caution", "sharpness"}
    kept = {name: np.ascontiguousarray(t if name in exact else t.astype(np.float16)) for name, t in tensors.items()}
    save_file(kept, out / WEIGHTS)
    table = {"labels": labels, "wording_labels": numbers, "keenness": round(keenness, 3), "floor": round(floor, 3)}
    (out / TABLE).write_text(json.dumps(table) + "\n", encoding="utf-8")
    write_manifest(out)


if __name__ == "__main__":
    main()
