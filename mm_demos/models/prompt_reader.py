"""Which of the things that a small painter knows a prompt means, so that it is painted by the name it was trained with.

A network that has seen a few thousand pictures learns their names well and other words for them badly, while the sentence
vectors of its text encoder, trained on a billion sentences, lie close together for both. So a linear classifier over those
vectors reads the prompt, and the picture is painted from the name. It is in a pipeline's folder as `reader/`: an int8 matrix and
the names; pipelines without it read their prompts themselves.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mm_demos.errors import InvalidInputError
from mm_demos.models.protocols import FloatArray

if TYPE_CHECKING:
    from mm_demos.models.diffusion_plan import Plan

FOLDER, WEIGHTS, NAMES = "reader", "reader.safetensors", "names.json"
ARTICLES = frozenset({"a", "an", "the"})
UNSURE = 0.1  # below it, one name among hundreds is a guess, and the words themselves say more


@dataclass(frozen=True, slots=True)
class Reading:
    """What a prompt is taken for: `name` and how likely it is, in [0, 1]."""

    name: str
    probability: float


class PromptReader:
    """A linear classifier over sentence vectors.

    Args:
        weight: (n_names, width) float32.
        bias: (n_names,) float32.
        names: what can be painted.
        kept: words of a prompt that go along with the name, as those of a style.
    """

    def __init__(self, weight: FloatArray, bias: FloatArray, names: tuple[str, ...], kept: tuple[str, ...]) -> None:
        self._weight, self._bias, self.names = weight, bias, names
        words = "|".join(map(re.escape, kept))
        self._kept = re.compile(rf"(?:\bin the style of )?\b({words})\b(?: style\b)?", re.IGNORECASE) if kept else None

    @classmethod
    def load(cls, folder: Path) -> PromptReader | None:
        """From a pipeline's folder; None where it has no reader.

        Raises:
            InvalidInputError: its files do not fit each other.
        """
        if not (folder / FOLDER / WEIGHTS).is_file():
            return None
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        try:
            arrays = load_file(folder / FOLDER / WEIGHTS)
            listed = json.loads((folder / FOLDER / NAMES).read_text(encoding="utf-8"))
            weight = arrays["weight"].astype(np.float32) * arrays["scale"][:, None]
            names, kept = tuple(map(str, listed["names"])), tuple(map(str, listed["kept"]))
            fits = arrays["weight"].ndim == 2 and arrays["bias"].shape == (len(names),) == weight.shape[:1]
        except (OSError, ValueError, KeyError, TypeError, IndexError, SafetensorError) as error:
            raise InvalidInputError(f"The reader of {folder.name} cannot be read: copy the pipeline again.") from error
        if not fits:
            raise InvalidInputError(f"The reader of {folder.name} has files that do not fit each other: copy the pipeline again.")
        return cls(weight, arrays["bias"].astype(np.float32), names, kept)

    def read(self, vector: FloatArray) -> Reading:
        """The likeliest name for a sentence vector of length one, (width,) float32."""
        logits = self._weight @ vector + self._bias
        best = int(logits.argmax())
        return Reading(self.names[best], float(1 / np.exp(logits - logits[best]).sum()))

    def applied(self, pipeline: Any, plan: Plan) -> Plan:
        """The plan with the name that its prompt is taken for, and a sentence that says so.

        Args:
            pipeline: whose text encoder reads; one of the kind that gives sentence vectors as the mean of its states.
            plan: with the prompt as it was typed.
        """
        style = self._kept.search(plan.prompt) if self._kept else None
        thing = plan.prompt if style is None else plan.prompt.replace(style[0], " ").strip(" ,")
        found = self.read(sentence_vector(pipeline, thing))
        if found.probability < UNSURE:
            doubt = f"Nothing among the {len(self.names):,} things that this model knows fits well: it may paint anything."
            return replace(plan, notices=(*plan.notices, doubt))
        if plain(thing) == plain(found.name):
            return plan
        said = f"Painted as “{found.name}”, the nearest thing that this model knows ({found.probability:.0%} sure)."
        prompt = found.name if style is None else " ".join((f"{found.name},", style[1].lower(), "style"))
        return replace(plan, prompt=prompt, notices=(*plan.notices, said))


def sentence_vector(pipeline: Any, text: str) -> FloatArray:
    """The mean of the text encoder's last states, (width,) float32 of length one (Reimers and Gurevych, 2019)."""
    import torch

    tokens = pipeline.tokenizer(text, truncation=True, return_tensors="pt").to(pipeline._execution_device)
    with torch.no_grad():
        states = pipeline.text_encoder(tokens.input_ids, attention_mask=tokens.attention_mask).last_hidden_state[0].float()
    mean = states.mean(0)
    vector: FloatArray = (mean / mean.norm().clamp(min=1e-9)).cpu().numpy()
    return vector


def plain(text: str) -> str:
    """Lower case, without articles and punctuation."""
    words = re.sub(r"[^a-z0-9]+", " ", text.lower()).split()
    return " ".join(word for word in words if word not in ARTICLES)
