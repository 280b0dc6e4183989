"""The zero-shot panel: what it says of a result, and what its endpoint understands."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mm_demos import samples
from mm_demos.errors import InvalidInputError
from mm_demos.models import loader
from mm_demos.models.fake import register_fakes
from mm_demos.results import Classification, LabelScore, ModelUse, Receipt
from mm_demos.tasks.matching import TEMPLATES
from mm_demos.ui import zero_shot
from mm_demos.ui import zero_shot_view as view


@pytest.fixture
def fakes() -> Iterator[None]:
    restore = register_fakes(stand_in=True)
    loader.reset_shared()
    yield
    restore()
    loader.reset_shared()


def result(*modalities: str, labels: int = 3, models: tuple[str, ...] = (), abstained: bool = False) -> Classification:
    scores = tuple(LabelScore(f"<b>{number}</b>", 1 / labels) for number in range(labels))
    shares = dict.fromkeys(modalities, 1 / len(modalities))
    uses = tuple(ModelUse(name, "", "onnxruntime", "cpu", "float32", 0.0) for name in models)
    receipt = Receipt("classify", uses, {"threshold": 0.5}, None, 0.1, 0, "0")
    return Classification(
        "" if abstained else scores[0].label,
        scores,
        dict.fromkeys(modalities, scores),
        shares,
        shares,
        "said <i>this</i>",
        ("Something was left out.",),
        abstained,
        receipt,
    )


def ask(**changes: object) -> Classification:
    values: dict[str, object] = {"labels": "red, blue", "text": "", "image": None, "audio": None, "template": []}
    values |= {"fusion": "weighted-average", "threshold": 0.0}
    values |= {f"weight_{name}": 1 for name in ("text", "image", "audio", "speech", "sound")}
    return zero_shot.classify_inputs(**(values | changes))  # type: ignore[arg-type]


def test_what_is_shown_is_escaped_and_complete() -> None:
    verdict, parts = view.show(result("text", "sound"))
    assert "<b>0" not in verdict + parts
    assert "<i>this" not in parts
    assert "Something was left out." in verdict
    assert all(title in parts for title in ("What speaks for", "The text alone", "How it sounds, alone", "Heard"))


def test_one_input_is_not_shown_twice() -> None:
    verdict, parts = view.show(result("image"))
    assert "The picture alone" in verdict
    assert "What speaks for" not in parts


def test_many_labels_are_counted() -> None:
    assert "990 more labels are in the downloads." in view.show(result("text", labels=1000))[0]


def test_a_result_under_the_threshold_says_so() -> None:
    assert "Not sure" in view.show(result("text", abstained=True))[0]


@pytest.mark.parametrize(
    ("modalities", "models", "told", "not_told"),
    [
        (("text",), ("all-MiniLM-L6-v2",), "Decided by text; picture, speech and sound had no part in it.", "Pictures"),
        (("sound",), ("all-MiniLM-L6-v2", "whisper-sound-head"), "ten everyday ones", "sentence embeddings"),
        (("image", "speech"), ("mini-clip-and-conse", "all-MiniLM-L6-v2"), "mm-mini-clip", "whisper-sound-head"),
        (("image",), ("another-embedder",), "Decided by picture", "mm-mini-clip"),
        (("text", "image", "speech", "sound"), (), "Decided by text, picture, speech and sound.", "no part"),
    ],
)
def test_the_basis_names_what_took_part(modalities: tuple[str, ...], models: tuple[str, ...], told: str, not_told: str) -> None:
    said = view.basis(result(*modalities, models=models))
    assert told in said
    assert not_told not in said


def test_the_table_has_a_column_for_each_input() -> None:
    assert view.table(result("text", "speech")).splitlines()[0] == "label,score,text,speech"


def test_templates_come_as_a_list_or_as_lines(fakes: None) -> None:
    one, other = ask(text="red", template=["{}", "a {}"]), ask(text="red", template="{}\na {}")
    assert one.scores == other.scores
    assert one.receipt is not None
    assert one.receipt.options["templates"] == "{} | a {}"
    assert ask(text="red", template=list(TEMPLATES)).scores == ask(text="red", template=[]).scores


def test_the_weight_of_the_recording_is_a_factor_on_both(fakes: None) -> None:
    recording = str(samples.path("jfk.flac"))
    labels = "high sound, low sound"
    left_out = ask(labels=labels, text="high sound", audio=recording, weight_audio=0)
    assert set(left_out.per_modality) == {"text"}
    heavy = ask(labels=labels, text="high sound", audio=recording, weight_audio=2, weight_speech=0)
    assert heavy.receipt is not None
    assert (heavy.receipt.options["weight_speech"], heavy.receipt.options["weight_sound"]) == (0.0, 2.0)


def test_labels_may_carry_descriptions(fakes: None) -> None:
    assert ask(labels="A: red and round\nB: blue and long", text="round").label == "A"
    with pytest.raises(InvalidInputError, match="begin like JSON"):
        ask(labels='{"A": ', text="round")
