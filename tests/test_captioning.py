"""Captions of real pictures on the embedded weights, and what the language model may not say."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from skimage import data

from mm_demos import samples
from mm_demos.errors import InvalidInputError, StoppedError
from mm_demos.models.caption_phrases import ALT_TEXT_CHARS, faithful, fitted, notes, safe_captions
from mm_demos.models.evidence import Sight, look, singulars, with_article
from mm_demos.models.evidence_captioner import EvidenceCaptioner
from mm_demos.models.fake import FakeJointEmbedder, FakeReader, FakeTagger
from mm_demos.models.imagenet import imagenet_classes
from mm_demos.models.label_groups import columns_by_word, label_groups
from mm_demos.models.protocols import CaptionOptions, ChatMessage, GenerateOptions
from mm_demos.progress import Progress
from mm_demos.results import Captioning, TextLine
from mm_demos.tasks.captioning import caption

LABELS = tuple(each.names[0] for each in imagenet_classes())


def sight(*text: str, **probs: float) -> Sight:
    """Evidence with these ImageNet labels ("_" for blanks) and lines of text."""
    row = np.zeros(len(LABELS), dtype=np.float32)
    for name, prob in probs.items():
        row[LABELS.index(name.replace("_", " "))] = prob
    return Sight(LABELS, row, tuple(TextLine(line, 0.99, (0, 0, 9, 9)) for line in text))


CATS = sight(Egyptian_cat=0.59, tiger_cat=0.13, tabby=0.1, lynx=0.03)
RIG = sight(drilling_platform=0.12, missile=0.05)


@pytest.fixture(scope="module")
def chelsea() -> Captioning:
    from PIL import Image

    return caption(Image.fromarray(data.chelsea()))


def test_a_cat_is_captioned_as_a_cat(chelsea: Captioning) -> None:
    assert len(chelsea.captions) == 3
    assert all("cat" in item.text for item in chelsea.captions)
    scores = [item.score for item in chelsea.captions]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] > 0.5
    assert all(faithful(item.text, CATS) for item in chelsea.captions)


def test_says_what_it_is_built_on(chelsea: Captioning) -> None:
    assert "not seen the picture" in chelsea.evidence.basis
    assert any("cat" in label.label for label in chelsea.evidence.labels[:2])
    assert chelsea.receipt is not None
    assert {use.name for use in chelsea.receipt.models} >= {"evidence-captioner", "efficientnet-lite2", "qwen2.5-coder-0.5b"}
    assert chelsea.receipt.seed == 0


def test_text_in_the_picture_is_quoted_and_alt_text_is_short() -> None:
    captions = caption(samples.path("sign.png"), options=CaptionOptions(style="alt-text", n=4)).captions
    assert len({item.text.lower() for item in captions}) == 4
    assert all(len(item.text) <= ALT_TEXT_CHARS for item in captions)
    assert sum("LIBRARY" in item.text.upper() for item in captions) >= 3


def test_prefix_seed_and_language() -> None:
    options = CaptionOptions(prefix="My holiday: ", n=2, seed=3)
    first = caption(samples.path("coffee.jpg"), options=options)
    assert all(item.text.startswith("My holiday:") for item in first.captions)
    assert all("espresso" in item.text or "coffee" in item.text for item in first.captions)
    assert caption(samples.path("coffee.jpg"), options=options).captions == first.captions
    with pytest.raises(InvalidInputError, match="xx"):
        caption(samples.path("coffee.jpg"), options=CaptionOptions(language="xx"))


def test_translations_that_say_something_else_stay_english() -> None:
    class Liar:
        """Translates a cat into a dog, and a dog back into a dog."""

        context_tokens = 100

        def stream(self, messages: list[ChatMessage], *, options: GenerateOptions) -> Iterator[str]:
            yield "Un chien.\n" * 2 if "French" in messages[0].content else "A photo of a cat, possibly an Egyptian dog.\n" * 2

    captioner = EvidenceCaptioner(FakeTagger(), FakeReader(), FakeJointEmbedder(), Liar())
    safe = safe_captions(CATS, CaptionOptions())[:2]
    assert captioner._translate(safe, CATS, CaptionOptions(language="fr", n=2), Progress()) == safe


def test_stop_ends_it() -> None:
    progress = Progress()
    progress.stop()
    with pytest.raises(StoppedError):
        caption(samples.path("coffee.jpg"), progress=progress)


@pytest.mark.parametrize(
    "options", [CaptionOptions(n=0), CaptionOptions(n=9), CaptionOptions(prefix="a" * 101), CaptionOptions(temperature=3.0)]
)
def test_options_out_of_range_are_refused(options: CaptionOptions) -> None:
    with pytest.raises(InvalidInputError, match=r"\d"):
        caption(samples.path("coffee.jpg"), options=options)


@pytest.mark.parametrize(
    ("text", "evidence", "kept"),
    [
        ("A cat, possibly an Egyptian cat.", CATS, True),
        ("This cat was born to be famous!", CATS, True),
        ("A lovely animal looks at the camera.", CATS, True),
        ("A cat and a dog.", CATS, False),  # not in the evidence
        ("A cat on a sofa.", CATS, False),
        ("Two cats.", CATS, False),
        ("A black cat.", CATS, False),
        ("A wonderful moment.", CATS, False),  # speaks of nothing in the evidence
        ("A cat with the words “HELLO”.", CATS, False),  # nothing was read
        ("Perhaps a site open until 9:00.", sight("Open 9:00 - 18:00", web_site=0.1), False),
        ("Perhaps a site: “Open 9:00 - 18:00”.", sight("Open 9:00 - 18:00", web_site=0.1), True),
        ("A drilling platform.", RIG, False),  # too sure
        ("Perhaps a drilling platform.", RIG, True),
        ("The words “OPEN” are written here.", sight("OPEN", web_site=0.1), True),
    ],
)
def test_only_the_evidence_may_be_claimed(text: str, evidence: Sight, kept: bool) -> None:
    assert faithful(text, evidence) is kept


def test_safe_captions_hedge_what_is_unlikely() -> None:
    assert "a cat" in safe_captions(CATS, CaptionOptions())[0]
    assert "possibly" in safe_captions(RIG, CaptionOptions())[0]
    assert "espresso" in safe_captions(sight(espresso=0.9), CaptionOptions())[0]
    assert "could not be recognised" in safe_captions(sight(), CaptionOptions())[0]
    for style in ("short", "detailed", "alt-text", "playful"):
        found = safe_captions(CATS, CaptionOptions(style=style))
        assert len(set(found)) >= 8
        assert all(faithful(line, CATS) for line in found)
    assert notes(sight("EXIT", tabby=0.9)) == "surely a tabby; text “EXIT”"


def test_alt_text_is_cut_at_a_word() -> None:
    cut = fitted("word " * 60, CaptionOptions(style="alt-text"))
    assert len(cut) <= ALT_TEXT_CHARS
    assert cut.endswith("word…")


def test_labels_are_merged_into_everyday_words() -> None:
    thing = CATS.things()[0]
    assert (thing.name, thing.exact) == ("cat", "Egyptian cat")
    assert thing.prob == pytest.approx(0.82, abs=0.01)
    assert CATS.prob_of("any cats") == pytest.approx(0.82, abs=0.01)
    assert CATS.prob_of("a dog") == 0
    assert CATS.prob_of("animal") > CATS.prob_of("cat")
    assert CATS.prob_of("wizard") is None


def test_groups_hold_what_they_say() -> None:
    assert {"beagle", "Chihuahua", "pug"} <= {LABELS[i] for i in columns_by_word()["dog"]}
    assert {LABELS[i] for i in columns_by_word()["cat"]} == {"tabby", "tiger cat", "Persian cat", "Siamese cat", "Egyptian cat"}
    assert {"airliner", "warplane"} <= {LABELS[i] for i in columns_by_word()["airplane"]}
    assert {"espresso", "red wine"} <= {LABELS[i] for i in columns_by_word()["drink"]}
    assert all(group.columns <= set(range(1000)) for group in label_groups())


def test_words() -> None:
    assert with_article("espresso") == "an espresso"
    assert with_article("unicycle") == "a unicycle"
    assert with_article("sunglasses") == "sunglasses"
    assert "butterfly" in singulars("butterflies")
    assert look(None, FakeTagger(), FakeReader()).probs.sum() == 0
