"""The fusion strategies as networks over frozen features.

In the formulas x_m is the standardised feature vector of modality m (zeros where it is missing), z_m = GELU(LayerNorm(P_m·x_m))
its projection to the shared space, W and b are those of the last linear layer, and ⊙ multiplies element by element. Sums, means,
maxima and softmax run over the modalities that are there: one that is missing takes no part in the decision.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from itertools import combinations

import torch
from torch import Tensor, nn

from mm_demos.fusion.network import NEVER, FusionNetwork, masked_softmax
from mm_demos.fusion.types import MODALITIES, Modality, Strategy

TOKENS = 2  # of a modality in cross-attention
HEADS = 4  # 1 where the width cannot be divided by it


class SingleModality(FusionNetwork):
    """One modality alone: y = W·z_m + b."""

    def __init__(self, dims: Mapping[Modality, int], n_classes: int, hidden: int, dropout: float, *, modality: Modality) -> None:
        super().__init__(dims, n_classes, hidden, dropout)
        self.column = list(dims).index(modality)
        self.used = torch.eye(len(dims))[self.column]
        self.project = self.projection(dims[modality])
        self.classify = nn.Linear(hidden, n_classes)

    def fuse(self, features: Sequence[Tensor], present: Tensor) -> Tensor:  # noqa: ARG002 - forward() deals with what is missing
        logits: Tensor = self.classify(self.project(features[self.column]))
        return logits

    def shares(self, present: Tensor, *vectors: Tensor) -> Tensor:  # noqa: ARG002 - known beforehand
        return self.used.expand(len(present), -1)


class Concatenation(FusionNetwork):
    """The linear baseline: y = W·[x_1; x_2; …; x_M] + b, which cannot say anything about how modalities interact.

    Dense: y = W·ReLU(D·[x_1; x_2; …; x_M] + d) + b, a perceptron with one hidden layer.
    """

    def __init__(self, dims: Mapping[Modality, int], n_classes: int, hidden: int, dropout: float, *, dense: bool = False) -> None:
        super().__init__(dims, n_classes, hidden, dropout)
        self.drop = nn.Dropout(dropout)
        width = sum(dims.values())
        self.classify = (
            nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, n_classes))
            if dense
            else nn.Linear(width, n_classes)
        )

    def fuse(self, features: Sequence[Tensor], present: Tensor) -> Tensor:  # noqa: ARG002 - what is missing is zero
        logits: Tensor = self.classify(self.drop(torch.cat(list(features), 1)))
        return logits


class Pooling(FusionNetwork):
    """Strategies that join the projections to one vector: y = W·z + b."""

    def __init__(self, dims: Mapping[Modality, int], n_classes: int, hidden: int, dropout: float) -> None:
        super().__init__(dims, n_classes, hidden, dropout)
        self.project = self.projections()
        self.classify = nn.Linear(hidden, n_classes)

    def projected(self, features: Sequence[Tensor]) -> Tensor:
        """z (n, n_modalities, hidden)."""
        return torch.stack([self.project[name](feature) for name, feature in zip(self.dims, features, strict=True)], 1)

    def joined(self, projected: Tensor, present: Tensor) -> Tensor:
        """z (n, hidden): the weighted sum, unless the strategy joins in another way."""
        return (self.weights(projected, present).unsqueeze(-1) * projected).sum(1)

    @abstractmethod
    def weights(self, projected: Tensor, present: Tensor) -> Tensor:
        """Weights (n, n_modalities) of the modalities, rows summing to 1."""

    def fuse(self, features: Sequence[Tensor], present: Tensor) -> Tensor:
        logits: Tensor = self.classify(self.joined(self.projected(features), present))
        return logits

    def shares(self, present: Tensor, *vectors: Tensor) -> Tensor | None:
        return self.weights(self.projected(self.standardised(present, vectors)), present)


class WeightedAverage(Pooling):
    """Learned weights: z = Σ_m a_m·z_m with a = softmax(w) over the modalities that are there."""

    def __init__(self, dims: Mapping[Modality, int], n_classes: int, hidden: int, dropout: float) -> None:
        super().__init__(dims, n_classes, hidden, dropout)
        self.scores = nn.Parameter(torch.zeros(len(dims)))

    def weights(self, projected: Tensor, present: Tensor) -> Tensor:  # noqa: ARG002 - the same for every row
        return masked_softmax(self.scores.expand_as(present), present)


class MaxPooling(Pooling):
    """The largest value of each dimension: z_j = max over the m that are there of z_mj."""

    def joined(self, projected: Tensor, present: Tensor) -> Tensor:
        largest = projected.masked_fill(present.unsqueeze(-1) == 0, NEVER).amax(1)
        return largest * (present.sum(1, keepdim=True) > 0)

    def weights(self, projected: Tensor, present: Tensor) -> Tensor:
        """The share of dimensions in which each modality is the largest."""
        winners = projected.masked_fill(present.unsqueeze(-1) == 0, NEVER).argmax(1)
        return nn.functional.one_hot(winners, len(self.dims)).float().mean(1)


class GatedAttention(Pooling):
    """Attention with a gate (Ilse et al., 2018): z = Σ_m a_m·z_m, a = softmax_m of v·(tanh(V·z_m) ⊙ σ(U·z_m))."""

    def __init__(self, dims: Mapping[Modality, int], n_classes: int, hidden: int, dropout: float) -> None:
        super().__init__(dims, n_classes, hidden, dropout)
        self.look = nn.Linear(hidden, hidden // 2)
        self.gate = nn.Linear(hidden, hidden // 2)
        self.score = nn.Linear(hidden // 2, 1)

    def weights(self, projected: Tensor, present: Tensor) -> Tensor:
        scores = self.score(torch.tanh(self.look(projected)) * torch.sigmoid(self.gate(projected))).squeeze(-1)
        return masked_softmax(scores, present)


class CrossAttention(FusionNetwork):
    """Tokens of each modality attend to the tokens of the others (Vaswani et al., 2017; Tsai et al., 2019).

    T_m = LayerNorm(P_m·x_m) as 2 tokens, plus a learned vector for m; H_m = T_m + softmax(Q·T_m·(K·T_n)ᵀ / √d)·V·T_n over the
    tokens of every n ≠ m; z = mean over the tokens that are there of H_m + F(LayerNorm(H_m)), where F has one hidden
    layer; y = W·LayerNorm(z) + b.
    """

    def __init__(self, dims: Mapping[Modality, int], n_classes: int, hidden: int, dropout: float) -> None:
        super().__init__(dims, n_classes, hidden, dropout)
        self.project = nn.ModuleDict(
            {name: nn.Sequential(nn.Dropout(dropout), nn.Linear(dim, TOKENS * hidden)) for name, dim in dims.items()}
        )
        self.heads = HEADS if hidden % HEADS == 0 else 1
        self.kind = nn.Parameter(0.02 * torch.randn(len(dims), 1, hidden))
        self.token_norm = nn.LayerNorm(hidden)
        self.read = nn.Linear(hidden, 3 * hidden)
        self.write = nn.Linear(hidden, hidden)
        self.feed = nn.Sequential(
            nn.LayerNorm(hidden),
            nn.Linear(hidden, 2 * hidden),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(2 * hidden, hidden),
        )
        self.norm = nn.LayerNorm(hidden)
        self.classify = nn.Linear(hidden, n_classes)

    def fuse(self, features: Sequence[Tensor], present: Tensor) -> Tensor:
        tokens = torch.stack(
            [
                self.token_norm(self.project[name](feature).unflatten(1, (TOKENS, self.hidden)))
                for name, feature in zip(self.dims, features, strict=True)
            ],
            1,
        )
        tokens = (tokens + self.kind).flatten(1, 2)
        there = present.repeat_interleave(TOKENS, 1)
        tokens = tokens + self._attended(tokens, there)
        tokens = tokens + self.feed(tokens)
        mean = (tokens * there.unsqueeze(-1)).sum(1) / there.sum(1, keepdim=True).clamp(min=1)
        logits: Tensor = self.classify(self.norm(mean))
        return logits

    def _attended(self, tokens: Tensor, there: Tensor) -> Tensor:
        """What each token (n, n_tokens, hidden) reads from those of the other modalities."""
        owner = torch.arange(len(self.dims), device=tokens.device).repeat_interleave(TOKENS)
        others = (owner.unsqueeze(0) != owner.unsqueeze(1)).to(tokens.dtype)
        allowed = (others * there.unsqueeze(1)).unsqueeze(1)  # (n, 1, n_tokens, n_tokens)
        width = self.hidden // self.heads
        query, key, value = (part.unflatten(2, (self.heads, width)).transpose(1, 2) for part in self.read(tokens).chunk(3, 2))
        weights = masked_softmax(query @ key.transpose(2, 3) * width**-0.5, allowed)
        written: Tensor = self.write((weights @ value).transpose(1, 2).flatten(2))
        return written


class Bilinear(FusionNetwork):
    """All products of the modalities, each with its own coefficients.

    y = β0 + β1·T + β2·I + β3·A + β4·T⊙I + β5·T⊙A + β6·I⊙A + β7·T⊙I⊙A with T, I, A = LayerNorm(P_m·x_m) and βk one coefficient per
    dimension; logits = W·LayerNorm(y) + b. A product with a modality that is missing is zero.
    """

    def __init__(self, dims: Mapping[Modality, int], n_classes: int, hidden: int, dropout: float) -> None:
        super().__init__(dims, n_classes, hidden, dropout)
        self.project = self.projections(activation=False)
        self.terms = [term for size in range(1, len(dims) + 1) for term in combinations(range(len(dims)), size)]
        self.beta = nn.Parameter(torch.cat([torch.zeros(1, hidden), torch.ones(len(self.terms), hidden)]))
        self.norm = nn.LayerNorm(hidden)
        self.classify = nn.Linear(hidden, n_classes)

    def fuse(self, features: Sequence[Tensor], present: Tensor) -> Tensor:
        projected = [
            self.project[name](feature) * present[:, column : column + 1]
            for column, (name, feature) in enumerate(zip(self.dims, features, strict=True))
        ]
        total = self.beta[0].expand_as(projected[0])
        for coefficients, term in zip(self.beta[1:], self.terms, strict=True):
            product = projected[term[0]]
            for column in term[1:]:
                product = product * projected[column]
            total = total + coefficients * product
        logits: Tensor = self.classify(self.norm(total))
        return logits


class LateFusion(FusionNetwork):
    """Single-modality classifiers whose probabilities are joined: P = Σ_m a_m·softmax(W_m·z_m + b_m), a = softmax(w).

    The classifiers are trained side by side, each with a loss of its own; w is learnt afterwards, on validation rows, and a runs
    over the modalities that are there.
    """

    def __init__(self, dims: Mapping[Modality, int], n_classes: int, hidden: int, dropout: float) -> None:
        super().__init__(dims, n_classes, hidden, dropout)
        self.project = self.projections()
        self.classify = nn.ModuleDict({name: nn.Linear(hidden, n_classes) for name in dims})
        self.register_buffer("scores", torch.zeros(len(dims)))

    def separate(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Logits (n, n_classes) of every classifier."""
        return [self.classify[name](self.project[name](feature)) for name, feature in zip(self.dims, features, strict=True)]

    def join(self, separate: Sequence[Tensor], present: Tensor) -> Tensor:
        """Logarithms of the joined probabilities (n, n_classes)."""
        weights = masked_softmax(self.scores.expand_as(present), present)
        probs = torch.stack([logits.softmax(1) for logits in separate], 1)
        return (weights.unsqueeze(-1) * probs).sum(1).clamp(min=1e-9).log()

    def fuse(self, features: Sequence[Tensor], present: Tensor) -> Tensor:
        return self.join(self.separate(features), present)

    def loss(self, present: Tensor, vectors: Sequence[Tensor], labels: Tensor, criterion: nn.Module) -> tuple[Tensor, Tensor]:
        separate = self.separate(self.standardised(present, vectors))
        total = torch.zeros((), device=present.device)
        for column, logits in enumerate(separate):
            rows = present[:, column] > 0
            if bool(rows.any()):
                total = total + criterion(logits[rows], labels[rows])
        return total / len(separate), self.join(separate, present)

    def shares(self, present: Tensor, *vectors: Tensor) -> Tensor:  # noqa: ARG002 - the same for every row
        return masked_softmax(self.scores.expand_as(present), present)


JOINT: dict[Strategy, type[FusionNetwork]] = {
    "concatenation": Concatenation,
    "weighted-average": WeightedAverage,
    "max-pooling": MaxPooling,
    "gated-attention": GatedAttention,
    "cross-attention": CrossAttention,
    "bilinear": Bilinear,
    "late-fusion": LateFusion,
}


def build(
    strategy: Strategy, dims: Mapping[Modality, int], n_classes: int, *, hidden: int, dropout: float = 0.0, dense: bool = False
) -> FusionNetwork:
    """The network of a strategy with fresh weights; `dense` is for concatenation."""
    ordered: dict[Modality, int] = {modality: dims[modality] for modality in MODALITIES if modality in dims}
    if strategy == "concatenation":
        return Concatenation(ordered, n_classes, hidden, dropout, dense=dense)
    if strategy in JOINT:
        return JOINT[strategy](ordered, n_classes, hidden, dropout)
    modality = next(modality for modality in MODALITIES if strategy == f"single-{modality}")
    return SingleModality(ordered, n_classes, hidden, dropout, modality=modality)
