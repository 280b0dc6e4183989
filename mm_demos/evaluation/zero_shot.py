"""How well and how fast the embedded models classify pictures into labels they are given; prints one JSON object.

Run as `python -m mm_demos.evaluation.zero_shot --data FOLDER`. FOLDER holds, in webdataset layout,
`vision/imagenet-samples-even.tar` (pictures with index and name), `vision/flickr8k-*.tar` (pictures with five captions),
`speech/spoken-captions.tar` (the first of these captions, spoken) and `sound/*.tar` (sounds with label and fold). Sounds of a
fold are measured fairly by a head that has not seen it: `--fold N --head FOLDER`, which `python -m mm_demos.training.sound_head
--without-fold N` writes.
"""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mm_demos import accelerator, media
from mm_demos.errors import DemoError
from mm_demos.evaluation.arguments import USAGE, positive
from mm_demos.evaluation.photos import captioned
from mm_demos.evaluation.zero_shot_words import EVERYDAY, captions, definitions, everyday_label, sounds, speech
from mm_demos.fusion.measures import calibration_error
from mm_demos.models import catalog, weights
from mm_demos.results import as_dict
from mm_demos.tasks.classification import classify
from mm_demos.tasks.embedding import embed_images, embed_texts

CHOICES = 20  # labels in a draw, one of them right
TIMED = 64  # pictures
# Eager PyTorch on the pixels the ONNX graph was given, in a process of its own.
EAGER = """
import sys, time
from pathlib import Path
import numpy as np, torch
from mm_demos.models.onnx_export import efficientnet_lite2
torch.set_num_threads(int(sys.argv[3]))
network, pixels = efficientnet_lite2(Path(sys.argv[1])), torch.from_numpy(np.load(sys.argv[2]))
with torch.inference_mode():
    network(pixels[:8])
    start = time.perf_counter()
    for batch in pixels.split(8):
        network(batch)
print(len(pixels) / (time.perf_counter() - start))
"""


def members(tar: Path) -> Iterator[tuple[bytes, dict[str, Any]]]:
    """JPEG bytes and description of each entry of a webdataset file, in the file's order."""
    pictures: dict[str, bytes] = {}
    descriptions: dict[str, dict[str, Any]] = {}
    with tarfile.open(tar) as archive:
        for member in archive:
            key, _, suffix = member.name.rpartition(".")
            content = archive.extractfile(member)
            if content is not None and suffix == "jpg":
                pictures[key] = content.read()
            elif content is not None and suffix == "json":
                descriptions[key] = json.load(io.TextIOWrapper(content, encoding="utf-8"))
    for key, picture in pictures.items():
        yield picture, descriptions[key]


def draw_labels(n_labels: int, seed: int) -> NDArray[np.int64]:
    """(n_labels, CHOICES) label numbers: in each row its own number first, then others at random."""
    generator = np.random.default_rng(seed)
    rows = [generator.choice(n_labels - 1, CHOICES - 1, replace=False) for _ in range(n_labels)]
    return np.array([[i, *(row + (row >= i))] for i, row in enumerate(rows)])


def through_classify(pictures: Sequence[bytes], names: Sequence[str], draw: NDArray[np.int64]) -> dict[str, float]:
    """Accuracy and calibration of `classify` itself, with plain names as labels."""
    right: list[bool] = []
    confidence: list[float] = []
    for picture, row in zip(pictures, draw, strict=True):
        # Sorted, so that the right label has no place of its own.
        result = classify(labels=sorted(names[i] for i in row), image=picture)
        right.append(result.label == names[row[0]])
        confidence.append(result.scores[0].score)
    correct = np.array(right)
    return {"accuracy": float(correct.mean()), "ece": calibration_error(np.array(confidence, dtype=np.float32), correct)}


def everyday(data: Path, limit: int) -> dict[str, Any]:
    """Accuracy on held-out photos of people's days, most of them outside ImageNet's classes."""
    labelled = [(photo.jpeg, everyday_label(photo.captions)) for photo in captioned(data, "validation")]
    chosen = [(picture, label) for picture, label in labelled if label][:limit]
    found = [classify(labels=EVERYDAY, image=picture).label for picture, _ in chosen]
    right = np.array([f == label for f, (_, label) in zip(found, chosen, strict=True)])
    truths = np.array([label for _, label in chosen])
    by_label = {label: round(float(right[truths == label].mean()), 3) for label in dict.fromkeys(truths.tolist())}
    return {"labels": len(EVERYDAY), "photos": len(right), "accuracy": float(right.mean()), "by_label": by_label}


def speed(pictures: Sequence[bytes]) -> dict[str, float]:
    """Pictures per second: `embed_images` as a whole, and the bare network in eager PyTorch."""
    from mm_demos.models.vision import pixel_values

    images = [media.load_image(picture) for picture in pictures[:TIMED]]
    embed_images(images[:8])
    start = time.perf_counter()
    embed_images(images)
    ours = len(images) / (time.perf_counter() - start)
    row = catalog.spec("efficientnet-lite2")
    with tempfile.TemporaryDirectory() as folder:
        pixels = Path(folder) / "pixels.npy"
        np.save(pixels, pixel_values(images))
        checkpoint = weights.folder(row) / row.files[0].name
        command = [sys.executable, "-c", EAGER, str(checkpoint), str(pixels), str(accelerator.threads())]
        eager = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return {"images_per_second": ours, "eager_torch_images_per_second": eager, "ratio": ours / eager}


def measure(data: Path, draws: int, photos: int) -> dict[str, Any]:
    """Every figure of this module."""
    entries = sorted(members(data / "vision" / "imagenet-samples-even.tar"), key=lambda entry: entry[1]["index"])
    pictures, names = [entry[0] for entry in entries], [entry[1]["name"] for entry in entries]
    similarity = embed_images(pictures) @ embed_texts(names).T
    drawn = [draw_labels(len(names), seed) for seed in range(draws)]
    accuracies = [float((np.take_along_axis(similarity, draw, axis=1).argmax(axis=1) == 0).mean()) for draw in drawn]
    return {
        "images": len(pictures),
        "choices": CHOICES,
        "classify": through_classify(pictures, names, drawn[0]),
        "accuracy_by_draw": accuracies,
        "accuracy": float(np.mean(accuracies)),
        "top1_among_all_names": float((similarity.argmax(axis=1) == np.arange(len(names))).mean()),
        "network_top1_among_1000": _network_top1(pictures, [entry[1]["index"] for entry in entries]),
        "everyday": everyday(data, photos),
        "speed": speed(pictures),
    }


def _network_top1(pictures: Sequence[bytes], indexes: Sequence[int]) -> float:
    from mm_demos.models import loader

    with loader.shared().lease("efficientnet-lite2") as tagger:
        best = [int(tagger.tag([media.load_image(picture)])[0].argmax()) for picture in pictures]
    return float(np.mean([b == i for b, i in zip(best, indexes, strict=True)]))


def other_kinds(data: Path, limit: int, *, fold: int, head: Path | None) -> dict[str, Any]:
    """Texts, speech and sounds; None for what the data has nothing of."""
    return {
        "definitions": as_dict(definitions(limit)),
        "captions": as_dict(captions(data, limit)),
        "speech": as_dict(speech(data, limit)),
        "sounds": as_dict(sounds(data, limit, fold=fold, head=head)),
    }


def main(arguments: list[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m mm_demos evaluate zero-shot", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--draws", type=int, default=5, help="random sets of 20 labels for each picture")
    parser.add_argument("--photos", type=int, default=200, help="everyday photos")
    parser.add_argument("--kinds", choices=("all", "pictures", "others"), default="all", help="others: texts, speech and sounds")
    parser.add_argument("--limit", type=positive, default=320, help="texts, recordings and sounds of each kind")
    parser.add_argument("--fold", type=int, default=0, help="sounds of this fold only")
    parser.add_argument("--head", type=Path, help="folder of the sound head to use")
    options = parser.parse_args(arguments)
    try:
        report = measure(options.data, options.draws, options.photos) if options.kinds != "others" else {}
        if options.kinds != "pictures":
            report |= other_kinds(options.data, options.limit, fold=options.fold, head=options.head)
    except DemoError as error:
        print(error, file=sys.stderr)
        return USAGE
    print(json.dumps(report, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
