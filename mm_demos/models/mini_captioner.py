"""mm-mini-captioner: captions from a picture's grid, ranked by how well they fit, reworded only when that is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mm_demos.errors import InvalidInputError
from mm_demos.models.caption_decoder import CaptionDecoder, Draft
from mm_demos.models.caption_phrases import LANGUAGES
from mm_demos.models.caption_writer import CaptionWriter, distinct
from mm_demos.models.evidence import NAMED, Sight, readable, with_article
from mm_demos.models.imagenet import imagenet_classes
from mm_demos.results import Caption, Captioning

if TYPE_CHECKING:
    from PIL.Image import Image

    from mm_demos.models.attention import FloatArray
    from mm_demos.models.mini_clip import Look, MiniClip
    from mm_demos.models.protocols import CaptionOptions, ChatModel, Lease, TextReader
    from mm_demos.progress import Progress

SEEN = "Written by a small model that was trained on photos of people and dogs; it looks at the picture and may be wrong."
REWORDED = "The language model, which has not seen the picture, worded them from that, ImageNet labels and text read in it."
TRANSLATED = "Translated by the same small language model, which makes mistakes."
UNFIT = "None of these fits well: the picture is unlike those it knows."
WEAK = 0.2  # cosine under which no more than one in twenty best captions of photos like those it was trained on lies
CHAT, READER = "qwen2.5-coder-0.5b", "pp-ocr"


class MiniCaptioner:
    """A `Captioner`.

    Args:
        clip: gives the picture's grid and ranks the captions.
        decoder: writes the captions.
    """

    def __init__(self, clip: MiniClip, decoder: CaptionDecoder) -> None:
        self._clip = clip
        self._decoder = decoder
        self._labels = tuple(each.names[0] for each in imagenet_classes())

    def caption(self, image: Image, *, options: CaptionOptions, progress: Progress, lease: Lease) -> Captioning:
        """`options.n` distinct captions, best first by image–text similarity, with what they are built on.

        Short English captions need nothing else; other styles take the text reader and the language model, other languages the
        language model.

        Raises:
            InvalidInputError: a language the language model does not write, or a prefix that leaves no room for a caption.
        """
        if options.language not in LANGUAGES:
            raise InvalidInputError(f"Captions cannot be written in {options.language!r}: choose one of {', '.join(LANGUAGES)}.")
        progress.report("Looking at the picture")
        look = self._clip.look(image)
        progress.report("Writing captions")
        drafts = self.drafts(look, options)
        ranked = self._rank(look, drafts, self._plain(look, drafts, options))[: options.n]
        sight = Sight(self._labels, look.class_probs, (), tuple(caption.text for caption in ranked))
        if options.style == "short" and options.language == "en":
            fits = not ranked or ranked[0].score >= WEAK
            return Captioning(ranked, sight.evidence(SEEN if fits else f"{UNFIT} {SEEN}"))
        if options.style != "short":
            reader: TextReader = lease(READER)
            sight = Sight(self._labels, look.class_probs, readable(reader.read(image)), sight.captions)
        progress.report("Wording the captions")
        return self._reworded(look, sight, options, progress, lease(CHAT))

    def drafts(self, look: Look, options: CaptionOptions) -> tuple[Draft, ...]:
        """At least `options.n` different captions where the method finds as many, and one that begins with the likeliest label.

        The captions the decoder learnt from are about people and dogs, so a zebra would go unsaid although the picture's label
        is sure of it.
        """
        most, features = options.max_new_tokens, look.features
        width = max(options.beams, options.n)
        found: tuple[Draft, ...] = ()
        if options.method == "sampling":
            drawn = {"seed": options.seed, "temperature": options.temperature, "prefix": options.prefix}
            found = self._decoder.sample(features, n=2 * options.n, most=most, **drawn)  # type: ignore[arg-type]
        if len({draft.text for draft in found}) < options.n:
            found += self._decoder.beam(features, width=width, n=options.n, prefix=options.prefix, most=most)
        found = tuple({draft.text: draft for draft in reversed(found)}.values())[::-1][: options.n]
        label = "" if options.prefix else self._unsaid(look, found)
        if not label or not self._decoder.knows(label):
            return found
        named = self._decoder.beam(features, width=width, n=1, prefix=label, most=most)
        return *found[: max(1, options.n - 1)], *(draft.without_prefix() for draft in named)

    def _plain(self, look: Look, drafts: Sequence[Draft], options: CaptionOptions) -> tuple[str, ...]:
        """A bare sentence that names the picture's label, when the decoder has no word for it."""
        label = "" if options.prefix else self._unsaid(look, drafts)
        return (f"A photo of {label}.",) if label and not self._decoder.knows(label) else ()

    def _unsaid(self, look: Look, drafts: Sequence[Draft]) -> str:
        """The picture's label with its article when it is sure and no caption names it or its kind; else empty."""
        things = Sight(self._labels, look.class_probs, ()).things()[:1]
        if not things or things[0].prob < NAMED:
            return ""
        thing, sight = things[0], Sight(self._labels, look.class_probs, (), tuple(draft.text for draft in drafts))
        return "" if sight.says(thing) else with_article(thing.name)

    def _rank(self, look: Look, drafts: Sequence[Draft], plain: Sequence[str]) -> tuple[Caption, ...]:
        """Drafts and plain sentences with their similarity to the picture, best first."""
        texts = [*(draft.text for draft in drafts), *plain]
        similarity = self._similarity(look, texts)
        captions = [
            Caption(draft.text, float(score), draft.log_prob, draft.words, _shares(draft))
            for draft, score in zip(drafts, similarity, strict=False)
        ]
        captions += [Caption(text, float(score)) for text, score in zip(plain, similarity[len(drafts) :], strict=True)]
        return tuple(sorted(captions, key=lambda caption: -caption.score))

    def _similarity(self, look: Look, texts: Sequence[str]) -> FloatArray:
        return np.asarray(np.clip(self._clip.embed_texts(texts) @ look.embedding, -1, 1), np.float32)

    def _reworded(self, look: Look, sight: Sight, options: CaptionOptions, progress: Progress, chat: ChatModel) -> Captioning:
        """Captions in another style or language, ranked by the English they were made from."""
        writer = CaptionWriter(chat, self._clip)
        texts = list(sight.captions) if options.style == "short" else writer.write(sight, options, progress)
        shown = texts = distinct(texts)[: options.n] if options.language != "en" else texts
        basis = f"{SEEN} {REWORDED}"
        if options.language != "en":
            shown = writer.translate(texts, sight, options, progress)
            basis = f"{basis if options.style != 'short' else SEEN} {TRANSLATED}"
        similarity = self._similarity(look, texts)
        order = np.argsort(-similarity, kind="stable")[: options.n]
        return Captioning(tuple(Caption(shown[i], float(similarity[i])) for i in order), sight.evidence(basis))


def _shares(draft: Draft) -> tuple[tuple[float, ...], ...]:
    """Where each word looked, rounded to what a picture can show."""
    return tuple(tuple(round(share, 4) for share in look.reshape(-1).tolist()) for look in draft.evidence)
