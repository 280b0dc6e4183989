"""The training of one strategy: AdamW, a cosine schedule with warm-up, early stopping, calibration.

Everything that is random starts from the options' seed and runs on one thread with deterministic kernels, so that the same data and
options give the same numbers to the last bit on the same machine, whichever strategies are trained before.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from accelerate import Accelerator
from numpy.typing import NDArray
from torch import Tensor, nn

from mm_demos.errors import InvalidInputError
from mm_demos.fusion.networks import FusionNetwork, LateFusion, build, masked_softmax
from mm_demos.fusion.shares import even, occlusion_shares
from mm_demos.fusion.types import Epoch, Modality, Outcome, Part, Strategy, TrainOptions

WARM_UP = 0.1  # of all steps
DEVIATION_FLOOR = 1e-6  # a feature that varies less is constant
TEMPERATURES = np.geomspace(0.05, 20.0, 481)


@dataclass(frozen=True, slots=True)
class Lines:
    """Rows as tensors.

    Args:
        vectors: for each modality (n, dim) float32.
        present: (n, n_modalities) float32.
        labels: (n,) int64.
    """

    vectors: tuple[Tensor, ...]
    present: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def chosen(self, rows: Tensor) -> Lines:
        """Some of the rows."""
        return Lines(tuple(vector[rows] for vector in self.vectors), self.present[rows], self.labels[rows])

    def on(self, device: torch.device) -> Lines:
        """The same rows on a device."""
        return Lines(tuple(vector.to(device) for vector in self.vectors), self.present.to(device), self.labels.to(device))


@dataclass(frozen=True, slots=True)
class Material:
    """What every strategy of a run is trained on.

    Args:
        fitted: training rows, augmented ones too.
        parts: one line for each row of a part, in the order of the split.
    """

    dims: Mapping[Modality, int]
    n_classes: int
    fitted: Lines
    parts: Mapping[Part, Lines]


@dataclass(frozen=True, slots=True)
class Trained:
    """A trained network, on the CPU and calibrated, with its outcome."""

    network: FusionNetwork
    outcome: Outcome


def be_deterministic() -> None:
    """One thread and deterministic kernels: sums in another order differ in their last bits."""
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.benchmark = False


def train(
    strategy: Strategy,
    material: Material,
    options: TrainOptions,
    *,
    accelerator: Accelerator,
    on_epoch: Callable[[Epoch], None],
    finish: Callable[[], bool],
) -> Trained:
    """Train a strategy and keep the weights of the epoch with the lowest validation loss.

    Args:
        on_epoch: receives every epoch as it ends.
        finish: asked after every epoch; True ends the training with what is best so far.
    """
    start = time.perf_counter()
    torch.manual_seed(options.seed)
    network = build(strategy, material.dims, material.n_classes, hidden=options.hidden, dropout=options.dropout)
    _standardise(network, material.fitted)
    run = _Run(strategy, network, material, options, accelerator)
    curve = run.epochs(on_epoch, finish)
    best_epoch = next(epoch.number for epoch in reversed(curve) if epoch.best)
    network.to("cpu").eval()
    validation_loss = _calibrate(network, _deciding(material), run.class_weights)
    if not math.isfinite(validation_loss):
        raise InvalidInputError(
            f"{strategy} did not converge with a learning rate of {options.learning_rate:g}: choose a lower one, e.g. 0.001."
        )
    outcome = Outcome(
        strategy=strategy,
        probs={part: probabilities(network, lines) for part, lines in material.parts.items()},
        without=_without(network, material),
        attention=_shares(network, material.parts["test"]),
        curve=curve,
        best_epoch=best_epoch,
        validation_loss=validation_loss,
        parameters=sum(parameter.numel() for parameter in network.parameters()),
        train_seconds=time.perf_counter() - start,
        options=options,
    )
    return Trained(network, outcome)


class _Run:
    """The state of one training."""

    def __init__(
        self, strategy: Strategy, network: FusionNetwork, material: Material, options: TrainOptions, accelerator: Accelerator
    ) -> None:
        self.strategy = strategy
        self.options = options
        self.accelerator = accelerator
        device = accelerator.device
        usable = (material.fitted.present * network.used).sum(1) > 0
        self.fitted = material.fitted.chosen(usable.nonzero().squeeze(1)).on(device)
        self.deciding = _deciding(material).on(device)
        self.class_weights = _class_weights(material, balanced=options.class_weights)
        self.criterion = nn.CrossEntropyLoss(self.class_weights.to(device), label_smoothing=options.label_smoothing)
        self.judge = nn.CrossEntropyLoss(self.class_weights.to(device))
        self.random = torch.Generator().manual_seed(options.seed)
        self.steps = max(1, math.ceil(len(self.fitted) / options.batch_size))
        optimizer = torch.optim.AdamW(
            network.parameters(), options.learning_rate, weight_decay=options.weight_decay, fused=device.type in {"cpu", "cuda"}
        )
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, self._rate)
        self.plain = network
        self.network, self.optimizer, self.schedule = accelerator.prepare(network, optimizer, schedule)

    def _rate(self, step: int) -> float:
        """Share of the learning rate: up in a line while warming up, then down along a cosine."""
        total = self.steps * self.options.epochs
        warm = max(1, int(WARM_UP * total))
        if step < warm:
            return (step + 1) / warm
        return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - warm) / max(1, total - warm))))

    def epochs(self, on_epoch: Callable[[Epoch], None], finish: Callable[[], bool]) -> tuple[Epoch, ...]:
        """Train until the validation loss has not fallen for `patience` epochs, and go back to where it was lowest."""
        curve: list[Epoch] = []
        lowest, weights, last = math.inf, copy.deepcopy(self.plain.state_dict()), 0
        for number in range(1, self.options.epochs + 1):
            train_loss, train_accuracy = self._epoch()
            self._weigh_classifiers()
            validation_loss, validation_accuracy = self._judged(self.deciding)
            best = not curve or validation_loss < lowest
            if best:
                lowest = validation_loss if math.isfinite(validation_loss) else math.inf
                weights, last = copy.deepcopy(self.plain.state_dict()), number
            losses = (train_loss, validation_loss, train_accuracy, validation_accuracy)
            curve.append(Epoch(self.strategy, number, self.options.epochs, *losses, best))
            on_epoch(curve[-1])
            if number - last >= self.options.patience or finish():
                break
        self.plain.load_state_dict(weights)
        return tuple(curve)

    def _epoch(self) -> tuple[float, float]:
        """Loss and accuracy over the training rows, as seen while learning."""
        self.network.train()
        total, right = 0.0, 0
        order = torch.randperm(len(self.fitted), generator=self.random)
        for rows in order.split(self.options.batch_size):
            batch = self.fitted.chosen(rows.to(self.accelerator.device))
            with self.accelerator.autocast():
                loss, logits = self.plain.loss(self._hidden(batch.present), batch.vectors, batch.labels, self.criterion)
            self.accelerator.backward(loss)
            self.optimizer.step()
            self.schedule.step()
            self.optimizer.zero_grad()
            total += float(loss.detach()) * len(rows)
            right += int((logits.argmax(1) == batch.labels).sum())
        return total / max(1, len(self.fitted)), right / max(1, len(self.fitted))

    def _hidden(self, present: Tensor) -> Tensor:
        """Modality drop-out: some modalities are taken away, but never the last one of a row."""
        rate = self.options.modality_dropout
        if rate == 0 or isinstance(self.plain, LateFusion) or float(self.plain.used.sum()) == 1:
            return present
        draw = torch.rand(present.shape, generator=self.random).to(present.device)
        kept = present * (draw >= rate)
        return torch.where(kept.sum(1, keepdim=True) > 0, kept, present)

    def _judged(self, lines: Lines) -> tuple[float, float]:
        """Loss without label smoothing, and accuracy."""
        self.network.eval()
        with torch.inference_mode():
            logits = self.plain(lines.present, *lines.vectors).float()
            loss = self.judge(logits, lines.labels)
        return float(loss), float((logits.argmax(1) == lines.labels).float().mean())

    def _weigh_classifiers(self) -> None:
        """Late fusion learns the weights of its classifiers on the validation rows."""
        network = self.plain
        if not isinstance(network, LateFusion):
            return
        network.eval()
        lines = self.deciding
        with torch.no_grad():
            separate = network.separate(network.standardised(lines.present, lines.vectors))
            told = torch.stack([logits.float().softmax(1).gather(1, lines.labels[:, None])[:, 0] for logits in separate], 1)
        network.scores.copy_(fitted_weights(told, lines.present, self.class_weights.to(told.device)[lines.labels]))


def fitted_weights(told: Tensor, present: Tensor, importance: Tensor) -> Tensor:
    """The scores w (n_modalities,) under which the joined probability of the right class is highest.

    Args:
        told: (n, n_modalities), the probability that each classifier gave to the right class.
        importance: (n,) of the rows.
    """
    scores = torch.zeros(told.shape[1], device=told.device, requires_grad=True)
    solver = torch.optim.LBFGS([scores], max_iter=25, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        solver.zero_grad()
        joined = (masked_softmax(scores.expand_as(present), present) * told).sum(1).clamp(min=1e-9)
        surprise = -(importance * joined.log()).sum() / importance.sum().clamp(min=1e-9)
        total: Tensor = surprise + 0.01 * scores.square().sum()  # a few validation rows must not decide on one classifier alone
        total.backward()
        return total

    solver.step(loss)
    return scores.detach()


def probabilities(network: FusionNetwork, lines: Lines) -> NDArray[np.float64]:
    """Calibrated probabilities (n, n_classes)."""
    with torch.inference_mode():
        probs: NDArray[np.float64] = network(lines.present, *lines.vectors).double().softmax(1).numpy()
    return probs


def _deciding(material: Material) -> Lines:
    """The rows that early stopping and calibration look at: validation, or training where there is no validation."""
    return material.parts["validation"] if len(material.parts["validation"]) else material.parts["train"]


def _standardise(network: FusionNetwork, lines: Lines) -> None:
    """Give the network the mean and deviation of the training rows that have a modality, and the frequency of the classes."""
    for column, (modality, vector) in enumerate(zip(network.dims, lines.vectors, strict=True)):
        known = vector[lines.present[:, column] > 0].double()
        if len(known):
            deviation = known.std(0, correction=0)
            deviation = torch.where(deviation < DEVIATION_FLOOR * known.abs().amax(0).clamp(min=1), 1.0, deviation)
            network.get_buffer(f"mean_{modality}").copy_(known.mean(0))
            network.get_buffer(f"deviation_{modality}").copy_(deviation)
    counts = torch.bincount(lines.labels, minlength=network.n_classes).double()
    network.log_prior.copy_((counts / counts.sum()).clamp(min=1e-6).log())


def _class_weights(material: Material, *, balanced: bool) -> Tensor:
    """n / (classes · n_k) for each class k, 0 for a class without training rows."""
    counts = torch.bincount(material.fitted.labels, minlength=material.n_classes).float()
    if not balanced:
        return torch.ones_like(counts)
    return torch.where(counts > 0, counts.sum() / ((counts > 0).sum() * counts.clamp(min=1)), 0.0)


def _calibrate(network: FusionNetwork, lines: Lines, class_weights: Tensor) -> float:
    """Set the temperature (Guo et al., 2017) under which the rows' labels are least surprising; returns the loss with it."""
    network.temperature.fill_(1.0)
    with torch.inference_mode():
        logits = network(lines.present, *lines.vectors).double()
    rows = (lines.present * network.used).sum(1) > 0  # the others have the prior, whatever the temperature
    if bool(rows.any()):
        losses = [float(nn.functional.cross_entropy(logits[rows] / value, lines.labels[rows])) for value in TEMPERATURES]
        network.temperature.fill_(float(TEMPERATURES[int(np.argmin(losses))]))
    with torch.inference_mode():
        logits = network(lines.present, *lines.vectors)
        return float(nn.functional.cross_entropy(logits, lines.labels, weight=class_weights))


def _without(network: FusionNetwork, material: Material) -> dict[Modality, NDArray[np.float64]]:
    """Probabilities of the test rows with each modality taken away."""
    found: dict[Modality, NDArray[np.float64]] = {}
    lines = material.parts["test"]
    for column, modality in enumerate(material.dims):
        present = lines.present.clone()
        present[:, column] = 0
        found[modality] = probabilities(network, replace(lines, present=present))
    return found


def _shares(network: FusionNetwork, lines: Lines) -> NDArray[np.float64]:
    """Each modality's share (n, n_modalities) in the decision."""
    with torch.inference_mode():
        shares = network.shares(lines.present, *lines.vectors)
    if shares is not None:
        return even(shares.double().numpy() * lines.present.numpy(), lines.present.numpy())
    full = probabilities(network, lines)
    rows, winners = np.arange(len(full)), full.argmax(1)
    lost = []
    for column in range(len(network.dims)):
        present = lines.present.clone()
        present[:, column] = 0
        lost.append((full - probabilities(network, replace(lines, present=present)))[rows, winners])
    return occlusion_shares(np.stack(lost, 1), lines.present.numpy())
