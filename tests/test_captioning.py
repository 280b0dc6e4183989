"""Captions of real pictures on the embedded weights, and what the language model may not say."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest
from skimage import data

from mm_demos import samples
from mm_demos.errors import InvalidInputError, StoppedError
from mm_demos.models import loader
from mm_demos.models.caption_phrases import ALT_TEXT_CHARS, faithful, fitted, notes, safe_captions
from mm_demos.models.caption_writer import CaptionWriter
from mm_demos.models.evidence import Sight, readable, singulars, with_article
from mm_demos.models.fake import FakeJointEmbedder
from mm_demos.models.imagenet import imagenet_classes
from mm_demos.models.label_groups import columns_by_word, label_groups
from mm_demos.models.protocols import CaptionOptions, ChatMessage, GenerateOptions
from mm_demos.progress import Progress
from mm_demos.results import Captioning, TextLine
from mm_demos.tasks.captioning import caption

LABELS = tuple(each.names[0] for each in imagenet_classes())


def sight(*text: str, says: tuple[str, ...] = (), **probs: float) -> Sight:
    """Evidence with these ImageNet labels ("_" for blanks), lines of text and captions."""
    row = np.zeros(len(LABELS), dtype=np.float32)
    for name, prob in probs.items():
        row[LABELS.index(name.replace("_", " "))] = prob
    return Sight(LABELS, row, tuple(TextLine(line, 0.99, (0, 0, 9, 9)) for line in text), says)


CATS = sight(Egyptian_cat=0.59, tiger_cat=0.13, tabby=0.1, lynx=0.03)
RIG = sight(drilling_platform=0.12, missile=0.05)
RUNNING = sight(says=("A brown dog runs through the grass.", "A dog is running."), beagle=0.9)


@pytest.fixture(scope="module")
def chelsea() -> Captioning:
    from PIL import Image

    return caption(Image.fromarray(data.chelsea()))


def test_captions_come_best_first_with_where_each_word_looked(chelsea: Captioning) -> None:
    assert len({item.text for item in chelsea.captions}) == 3
    scores = [item.score for item in chelsea.captions]
    assert scores == sorted(scores, reverse=True)
    written = [item for item in chelsea.captions if item.words]
    assert len(written) >= 2
    for item in chelsea.captions:
        assert item.text[0].isupper() and item.text.endswith(".")
        assert bool(item.words) == bool(item.looks) == (item.log_prob is not None)  # a plain sentence of a label has no map
    for item in written:
        assert item.text.rstrip(".").lower().split() == [word.lower() for word in item.words]
        assert len(item.looks) == len(item.words)
        assert np.sum(item.looks, axis=1) == pytest.approx(np.ones(len(item.words)), abs=0.005)
        assert np.shape(item.looks)[1] == 81
        assert item.log_prob is not None and item.log_prob < 0


def test_the_order_is_that_of_similarity(chelsea: Captioning) -> None:
    from PIL import Image

    with loader.shared().lease("mm-mini-clip") as clip:
        texts = clip.embed_texts([item.text for item in chelsea.captions])
        similarity = texts @ clip.embed_images([Image.fromarray(data.chelsea())])[0]
    assert [item.score for item in chelsea.captions] == pytest.approx(similarity.tolist(), abs=1e-4)


def test_what_the_labels_are_sure_of_is_said(chelsea: Captioning) -> None:
    assert any("cat" in item.text for item in chelsea.captions)


def test_a_short_caption_needs_neither_the_language_model_nor_the_reader(chelsea: Captioning) -> None:
    assert chelsea.receipt is not None
    assert {use.name for use in chelsea.receipt.models} == {"mm-mini-captioner", "mm-mini-clip"}
    assert "looks at the picture" in chelsea.evidence.basis
    assert any("cat" in label.label for label in chelsea.evidence.labels[:2])
    assert chelsea.receipt.seed == 0


def test_captions_need_no_torch() -> None:
    program = (
        "import sys; from mm_demos import caption, samples; caption(samples.path('cat.jpg')); "
        "sys.exit(bool({'torch', 'transformers', 'open_clip'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_sampling_repeats_with_its_seed() -> None:
    options = CaptionOptions(method="sampling", n=4, seed=7)
    first, second = (caption(samples.path("rocket.jpg"), options=options).captions for _ in range(2))
    assert first == second
    assert len({item.text for item in first}) == 4
    assert first != caption(samples.path("rocket.jpg"), options=CaptionOptions(method="sampling", n=4, seed=8)).captions


@pytest.mark.parametrize("method", ["beam", "sampling"])
@pytest.mark.parametrize(
    ("prefix", "words"), [("Two zorgs with", ("Two", "zorgs", "with")), ("My holiday in Übertal:", ()), ("Hello! a", ("a",))]
)
def test_a_prefix_is_kept_as_typed(prefix: str, words: tuple[str, ...], method: str) -> None:
    found = caption(samples.path("coffee.jpg"), options=CaptionOptions(prefix=prefix, n=2, method=method)).captions
    assert len(found) == 2
    for item in found:
        assert item.text.startswith(f"{prefix} ")
        assert item.words[: len(words)] == words
        assert len(item.words) > len(words)


def test_other_styles_are_worded_from_what_was_seen_and_read() -> None:
    result = caption(samples.path("sign.png"), options=CaptionOptions(style="alt-text", n=2))
    assert all(len(item.text) <= ALT_TEXT_CHARS for item in result.captions)
    assert all(item.words == () and item.log_prob is None for item in result.captions)
    assert any("LIBRARY" in item.text.upper() for item in result.captions)
    assert "not seen the picture" in result.evidence.basis
    assert result.receipt is not None
    assert {use.name for use in result.receipt.models} >= {"pp-ocr", "qwen2.5-coder-0.5b"}


def test_a_language_it_does_not_write_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="xx"):
        caption(samples.path("coffee.jpg"), options=CaptionOptions(language="xx"))


class Chat:
    """Says the same whatever it is asked; in French when it is asked for French."""

    context_tokens = 100

    def __init__(self, english: str, french: str = "") -> None:
        self._english, self._french = english, french

    def stream(self, messages: list[ChatMessage], *, options: GenerateOptions) -> Iterator[str]:
        yield self._french if "French" in messages[0].content else self._english

    def score(self, messages: list[ChatMessage], choices: list[str]) -> np.ndarray:
        return np.full(len(choices), 1 / len(choices), np.float32)


def test_translations_that_say_something_else_stay_english() -> None:
    liar = Chat("A photo of a cat, possibly an Egyptian dog.\n" * 2, "Un chien.\n" * 2)
    texts = ["A cat is sitting on a bed.", "A cat looks at the camera."]
    writer = CaptionWriter(liar, FakeJointEmbedder())
    assert writer.translate(texts, CATS, CaptionOptions(language="fr", n=2), Progress()) == texts
    honest = Chat("\n".join(texts), "Un chat est assis.\nUn chat regarde.")
    writer = CaptionWriter(honest, FakeJointEmbedder())
    cats = sight(says=tuple(texts), Egyptian_cat=0.9)
    assert writer.translate(texts, cats, CaptionOptions(language="fr", n=2), Progress()) == [
        "Un chat est assis.",
        "Un chat regarde.",
    ]


def test_what_was_made_up_or_cut_off_is_dropped() -> None:
    chat = Chat("A brown dog runs with a cat.\nA running dog in the grass.\nA dog in the")
    found = CaptionWriter(chat, FakeJointEmbedder()).write(RUNNING, CaptionOptions(style="playful", n=3), Progress())
    assert len(found) == 3
    assert "A running dog in the grass." in found
    assert not any("cat" in line for line in found)


def test_stop_ends_it() -> None:
    progress = Progress()
    progress.stop()
    with pytest.raises(StoppedError):
        caption(samples.path("coffee.jpg"), progress=progress)


@pytest.mark.parametrize(
    "options",
    [
        CaptionOptions(n=0),
        CaptionOptions(n=9),
        CaptionOptions(prefix="a" * 101),
        CaptionOptions(temperature=3.0),
        CaptionOptions(beams=9),
        CaptionOptions(prefix="a b " * 20),
    ],
)
def test_options_out_of_range_are_refused(options: CaptionOptions) -> None:
    with pytest.raises(InvalidInputError, match=r"\d"):
        caption(samples.path("coffee.jpg"), options=options)
    with pytest.raises(InvalidInputError, match="beam"):
        caption(samples.path("coffee.jpg"), options=CaptionOptions(method="magic"))  # type: ignore[arg-type]


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
        ("A brown dog in the grass.", RUNNING, True),  # the captioner saw it
        ("A brown dog and a man.", RUNNING, False),
    ],
)
def test_only_the_evidence_may_be_claimed(text: str, evidence: Sight, kept: bool) -> None:
    assert faithful(text, evidence) is kept


def test_safe_captions_say_what_the_captioner_said() -> None:
    for style in ("short", "detailed", "alt-text", "playful"):
        found = safe_captions(RUNNING, CaptionOptions(style=style))
        assert len(set(found)) >= 8
        assert all("dog" in line and faithful(line, RUNNING) for line in found)
    seen = sight("EXIT", says=("A man stands by a door.",), tabby=0.9)
    detailed = safe_captions(seen, CaptionOptions(style="detailed"))[0]
    assert "tabby" in detailed and "“EXIT”" in detailed
    assert safe_captions(seen, CaptionOptions(style="alt-text"))[0] == "A man stands by a door, with the text “EXIT”."
    assert notes(seen) == "a man stands by a door; surely a tabby; text “EXIT”"
    assert notes(sight("EXIT", tabby=0.9)) == "surely a tabby; text “EXIT”"


def test_a_label_that_a_caption_names_is_not_said_again() -> None:
    (beagle,) = RUNNING.things()
    assert RUNNING.says(beagle)
    assert not sight(says=("A man on a bike.",), beagle=0.9).says(beagle)


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
    assert readable(
        [TextLine("EXIT", 0.9, (0, 0, 1, 1)), TextLine("?", 0.9, (0, 0, 1, 1)), TextLine("XY", 0.2, (0, 0, 1, 1))]
    ) == (TextLine("EXIT", 0.9, (0, 0, 1, 1)),)
