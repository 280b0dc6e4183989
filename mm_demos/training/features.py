"""Grid features of every view of every photo: `python -m mm_demos.training.features --data DIR --weights FILE --out DIR`.

The frozen trunk runs once per view; the heads then train on its features, hundreds of times faster than on pixels.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import open_memmap

from mm_demos.models.trunk import GRID_CELLS, GRID_CHANNELS, export_trunk
from mm_demos.training.photos import VIEWS, Photo, Pixels, read_flickr8k, read_tar, view

BATCH = 16
Run = Callable[[Pixels], Any]


def trunk_session(path: Path, threads: int) -> Run:
    """The trunk as a function of pixels, in OpenVINO with bf16 where it is installed (four times as fast on AMX)."""
    try:
        import openvino
    except ImportError:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        return lambda pixels: session.run(["grid"], {"pixels": pixels})[0]
    model = openvino.Core().compile_model(
        str(path), "CPU", {"INFERENCE_PRECISION_HINT": "bf16", "INFERENCE_NUM_THREADS": threads}
    )
    return lambda pixels: model(pixels)["grid"]


def batches(photos: Sequence[Photo], name: str) -> Iterator[tuple[int, Pixels]]:
    """Stacks of `BATCH` views with the number of their first photo; a crop depends only on the photo's key and the view."""

    def load(start: int) -> Pixels:
        seeds = ([*photo.key.encode(), *name.encode()] for photo in photos[start : start + BATCH])
        return np.stack(
            [view(p.image, name, np.random.default_rng(s)) for p, s in zip(photos[start : start + BATCH], seeds, strict=True)]
        )

    starts = range(0, len(photos), BATCH)
    with ThreadPoolExecutor(1) as pool:
        ahead = pool.submit(load, 0)
        for start in starts:
            pixels = ahead.result()
            if start + BATCH < len(photos):
                ahead = pool.submit(load, start + BATCH)
            yield start, pixels


def extract(photos: Sequence[Photo], name: str, run: Run, path: Path) -> None:
    """Write the grids of one view to `path`, (n_photos, 81, 680) float16; an interrupted run leaves no file under this name."""
    partial = path.with_suffix(".partial")
    grids = open_memmap(partial, "w+", np.float16, (len(photos), GRID_CELLS, GRID_CHANNELS))
    for start, pixels in batches(photos, name):
        grids[start : start + len(pixels)] = run(pixels)
        if start % (64 * BATCH) == 0:
            print(f"{path.name} {start}/{len(photos)}", flush=True)
    grids.flush()
    partial.rename(path)


def main() -> None:
    """Extract what is not there yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with flickr8k-*.tar and imagenet-samples-*.tar")
    parser.add_argument("--weights", type=Path, required=True, help="efficientnet-lite2-9656183e.pth")
    parser.add_argument("--out", type=Path, required=True, help="folder for the features, 0.8 GB a view")
    parser.add_argument("--views", nargs="*", default=VIEWS)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    trunk = options.out / "trunk.onnx"
    if not trunk.exists():
        export_trunk(options.weights, trunk)
    run = trunk_session(trunk, options.threads)
    samples = [photo for tar in sorted(options.data.rglob("imagenet-samples-*.tar")) for photo in read_tar(tar)]
    photos = read_flickr8k(options.data)
    (options.out / "photos.json").write_text(json.dumps([{"key": p.key, "captions": p.captions} for p in photos]))
    (options.out / "imagenet.json").write_text(json.dumps([{"key": p.key, "index": p.class_index} for p in samples]))
    for stem, group, views in (("imagenet", samples, ("plain",)), ("flickr8k", photos, options.views)):
        for name in views:
            path = options.out / f"{stem}-{name}.npy"
            if group and not path.exists():
                extract(group, name, run, path)


if __name__ == "__main__":
    main()
