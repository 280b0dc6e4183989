"""Writes the ONNX graph of a trained model where torch may be imported: `python -m mm_demos.fusion.graph FOLDER TARGET`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mm_demos.fusion.network import FusionNetwork

GRAPH_VERSION = "1"  # raise it when a graph written by an older version must not be used any more
AGREEMENT = 1e-4  # largest difference of the logits that the graph may show on a trial input


def graph_path(cache: Path, strategy: str, hidden: int, sha256: str) -> Path:
    """Where the graph of weights with this sha256 is kept; the network that they fill is part of its name."""
    return cache / "fusion" / f"{strategy}-{hidden}-{sha256[:24]}-v{GRAPH_VERSION}.onnx"


def export(network: FusionNetwork, target: Path) -> None:
    """Write the graph under a temporary name and move it into place, so that a reader never sees half a file.

    Its inputs are `present` (n, n_modalities) and one (n, dim) for each modality by name, float32; its output is `logits`
    (n, n_classes), divided by the temperature.

    Raises:
        ValueError: the graph's output differs from the network's own.
    """
    import torch

    network = network.eval()
    vectors = tuple(torch.linspace(-1.0, 1.0, 2 * dim).reshape(2, dim) for dim in network.dims.values())
    present = torch.ones(2, len(vectors))
    present[1, 0] = float(len(vectors) == 1)
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f"{target.name}.{os.getpid()}.part")
    rows = {0: torch.export.Dim("n")}
    try:
        torch.onnx.export(
            network,
            (present, *vectors),
            str(unfinished),
            input_names=["present", *network.dims],
            output_names=["logits"],
            dynamic_shapes=(rows, tuple(rows for _ in vectors)),
            dynamo=True,
            external_data=False,
            verbose=False,
        )
        _check(network, present, vectors, unfinished)
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)


def _check(network: FusionNetwork, present: object, vectors: tuple[object, ...], path: Path) -> None:
    import numpy as np
    import torch

    from mm_demos.models.onnx_graph import Graph

    with torch.inference_mode():
        expected = network(present, *vectors).numpy()
    inputs = {name: np.asarray(value) for name, value in zip(["present", *network.dims], [present, *vectors], strict=True)}
    difference = float(np.abs(Graph(path, threads=1).run(**inputs) - expected).max())
    if not difference <= AGREEMENT * max(1.0, float(np.abs(expected).max())):
        raise ValueError(f"the exported graph differs from the network by {difference:.2g}")


def restored(folder: Path) -> FusionNetwork:
    """The network of a model folder, in evaluation mode.

    Raises:
        InvalidInputError: its files do not fit each other; the sentence names what is wrong.
    """
    import torch

    from mm_demos.errors import InvalidInputError
    from mm_demos.fusion.model_folder import read_folder
    from mm_demos.fusion.networks import build

    card, tensors = read_folder(folder)
    with torch.device("meta"):  # shapes alone: a forged width costs no memory
        network = build(card.strategy, card.dims, len(card.labels), hidden=card.options.hidden, dense=card.options.dense)
    wanted = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    for name in sorted(wanted.keys() | tensors.keys()):
        found = tensors[name].shape if name in tensors else "nothing"
        if found != wanted.get(name):
            raise InvalidInputError(
                f"This model's weights do not fit its description ({name[:60]}: {found} instead of "
                f"{wanted.get(name, 'nothing')}): copy the model's folder again or train it anew."
            )
    network.load_state_dict({name: torch.from_numpy(array) for name, array in tensors.items()}, assign=True)
    network.eval()
    return network


def main(arguments: list[str]) -> int:
    """Write the graph of a folder; what is wrong with it goes to standard error, in one line."""
    from mm_demos.errors import DemoError

    folder, target = map(Path, arguments)
    try:
        export(restored(folder), target)
    except DemoError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
