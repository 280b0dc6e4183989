"""What networks trained on pairs of pictures and sentences share, whichever library holds them."""

from __future__ import annotations

from typing import Any


class Contrastive:
    """The scale and bias of the logits of a torch network, kept as CLIP and SigLIP keep them."""

    _model: Any

    @property
    def logit_scale(self) -> float:
        """Factor that turns similarities into logits."""
        return float(self._model.logit_scale.detach().float().exp())

    @property
    def logit_bias(self) -> float | None:
        """What is added to the logits before a sigmoid; None for a model that was trained with a softmax."""
        bias = getattr(self._model, "logit_bias", None)
        return None if bias is None else float(bias.detach().float())
