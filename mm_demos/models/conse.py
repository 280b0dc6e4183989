"""ConSE: pictures in the space of sentences, as a convex combination of the labels seen in them (Norouzi et al., 2014)."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mm_demos.models import catalog
from mm_demos.models.imagenet import LABELS_FILE, ImageNetClass, imagenet_classes

if TYPE_CHECKING:
    from PIL.Image import Image

    from mm_demos.models.loader import LoadRequest
    from mm_demos.models.protocols import FloatArray, ImageTagger, TextEmbedder
    from mm_demos.progress import Progress

TOP_T = 10  # labels mixed for one picture, as in the paper
# Fitted by maximum likelihood on ImageNet samples with 20 labels each; `python -m mm_demos.evaluation.zero_shot` reports it.
LOGIT_SCALE = 20.0
PROMPTS_VERSION = "1"  # raise it when the prompts of `class_prompts` change
CHUNK = 50  # classes between two reports


class Conse:
    """A `JointEmbedder` made of a tagger and a sentence encoder.

    Args:
        tagger: gives probabilities over the classes.
        encoder: gives the space.
        class_embeddings: (n_classes, dim), L2-normalised, in the tagger's order.
    """

    def __init__(self, tagger: ImageTagger, encoder: TextEmbedder, class_embeddings: FloatArray) -> None:
        self._tagger = tagger
        self._encoder = encoder
        self._class_embeddings = class_embeddings

    @property
    def logit_scale(self) -> float:
        """Factor that turns similarities into logits whose softmax is calibrated."""
        return LOGIT_SCALE

    def embed_texts(self, texts: Sequence[str]) -> FloatArray:
        """Embeddings (n_texts, dim), L2-normalised."""
        return self._encoder.embed_texts(texts)

    def embed_images(self, images: Sequence[Image]) -> FloatArray:
        """Embeddings (n_images, dim), L2-normalised."""
        return self.mix(self._tagger.tag(images))

    def mix(self, probs: FloatArray) -> FloatArray:
        """Embeddings (n, dim) for class probabilities (n, n_classes): the mean of the best classes, weighted by probability."""
        best = np.argsort(-probs, axis=1)[:, :TOP_T]
        weights = np.take_along_axis(probs, best, axis=1)
        return unit(np.einsum("nt,ntd->nd", weights, self._class_embeddings[best]))


def unit(vectors: FloatArray) -> FloatArray:
    """Rows divided by their length; a zero row stays zero."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    scaled: FloatArray = (vectors / np.maximum(lengths, 1e-12)).astype(np.float32)
    return scaled


def class_prompts(each: ImageNetClass) -> list[str]:
    """What is embedded for a class: its synonyms first, then its usual name, its definition, and both together.

    Names alone put a picture near its exact label; definitions ("any of several breeds of dog …") also put it near broader ones.
    """
    return [*each.names, each.names[0], each.definition, f"{each.names[0]}: {each.definition}"]


def label_embeddings(encoder: TextEmbedder, request: LoadRequest) -> FloatArray:
    """Embeddings (1000, dim) of the ImageNet classes, computed once for these labels and this encoder."""
    key = hashlib.sha256(LABELS_FILE.read_bytes() + PROMPTS_VERSION.encode())
    for part in request.spec.components:
        key.update("".join(file.sha256 for file in catalog.spec(part).files).encode())
    cached = request.derived_folder / f"class-embeddings-{key.hexdigest()[:16]}.npy"
    if cached.exists():
        with contextlib.suppress(ValueError, EOFError):  # damaged, so computed and written anew
            kept: FloatArray = np.load(cached, allow_pickle=False)
            return kept
    embeddings = _embed_classes(encoder, imagenet_classes(), request.progress)
    request.derived_folder.mkdir(parents=True, exist_ok=True)
    unfinished = cached.with_suffix(f".{os.getpid()}.part")
    with unfinished.open("wb") as file:
        np.save(file, embeddings)
    unfinished.replace(cached)
    return embeddings


def _embed_classes(encoder: TextEmbedder, classes: Sequence[ImageNetClass], progress: Progress) -> FloatArray:
    chunks = []
    for start in range(0, len(classes), CHUNK):
        progress.report("Preparing the labels' embeddings (once)", start, len(classes), "labels")
        prompts = [class_prompts(each) for each in classes[start : start + CHUNK]]
        embeddings = encoder.embed_texts([prompt for each in prompts for prompt in each])
        owners = np.repeat(np.arange(len(prompts)), [len(each) for each in prompts])
        chunks += [_class_embedding(embeddings[owners == i]) for i in range(len(prompts))]
    return unit(np.stack(chunks))


def _class_embedding(prompts: FloatArray) -> FloatArray:
    """One vector from the rows of `class_prompts`: synonyms count as one, as much as each of the other three."""
    synonyms = unit(prompts[:-3].mean(axis=0))
    mean: FloatArray = (synonyms + prompts[-3:].sum(axis=0)) / 4
    return mean
