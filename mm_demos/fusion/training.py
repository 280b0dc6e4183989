"""The training of one strategy: AdamW, a cosine schedule with warm-up, early stopping, calibration.

Everything random starts from the options' seed, and all of it runs on one thread with deterministic kernels: the same data and
options give the same numbers to the last bit on the same machine, whichever strategies are trained before.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from mm_demos import accelerator as machine
from mm_demos.errors import InvalidInputError
from mm_demos.fusion.lines import Lines, Material
from mm_demos.fusion.network import FusionNetwork
from mm_demos.fusion.networks import LateFusion, build
from mm_demos.fusion.outcomes import calibrate, fitted_weights, probabilities, shares, without
from mm_demos.fusion.types import Epoch, Outcome, Strategy, TrainOptions

WARM_UP = 0.1  # of all steps
GAIN = 1e-3  # nats; less is no reason to go on
DEVIATION_FLOOR = 1e-6  # a feature that varies less is constant


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
    network = build(
        strategy, material.dims, material.n_classes, hidden=options.hidden, dropout=options.dropout, dense=options.dense
    )
    _standardise(network, material.fitted)
    run = _Run(strategy, network, material, options, accelerator)
    curve = run.epochs(on_epoch, finish)
    best_epoch = next(epoch.number for epoch in reversed(curve) if epoch.best)
    network.to("cpu").eval()
    validation_loss = calibrate(network, _deciding(material), run.class_weights)
    if not math.isfinite(validation_loss):
        raise InvalidInputError(
            f"{strategy} did not converge with a learning rate of {options.learning_rate:g}: choose a lower one, e.g. 0.001."
        )
    outcome = Outcome(
        strategy=strategy,
        probs={part: probabilities(network, lines) for part, lines in material.parts.items()},
        without=without(network, material),
        attention=shares(network, material.parts["test"]),
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
        lowest, mark, weights, last = math.inf, math.inf, copy.deepcopy(self.plain.state_dict()), 0
        for number in range(1, self.options.epochs + 1):
            train_loss, train_accuracy = self._epoch()
            self._weigh_classifiers()
            validation_loss, validation_accuracy = self._judged(self.deciding)
            best = not curve or validation_loss < lowest
            if best:
                lowest = validation_loss if math.isfinite(validation_loss) else math.inf
                weights = copy.deepcopy(self.plain.state_dict())
            if lowest < mark - GAIN:
                mark, last = lowest, number
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


def accelerated() -> Accelerator:
    """Where to train and how precisely: bfloat16 on a GPU that has it, else float32."""
    device = machine.device(("cuda", "mps", "cpu"))
    precise = device.startswith("cuda") and machine.dtype(device) == "bfloat16"
    return Accelerator(cpu=device == "cpu", mixed_precision="bf16" if precise else "no")
