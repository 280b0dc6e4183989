"""Vision-language checkpoints of the hub in small: from a folder through loader, task and endpoint, checked by the library."""

from __future__ import annotations

import itertools
import math
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tiny_vlm import ANSWERERS, CAPTIONERS, answerer_row, captioner_row

import mm_demos
from mm_demos import samples
from mm_demos.errors import InvalidInputError, MissingDependencyError, StoppedError, WeightsUnavailableError
from mm_demos.models import catalog, loader
from mm_demos.models.choices import ModelChoices, check
from mm_demos.models.hub_engines import ANSWERER, CAPTIONER
from mm_demos.models.loader import LoadRequest
from mm_demos.models.protocols import AnswerOptions, Captioner, CaptionOptions, QuestionAnswerer
from mm_demos.models.vlm_transformers import VisionLanguage, load_answerer, load_captioner
from mm_demos.models.vlm_transformers_answers import as_number, by_likelihood, counted, free
from mm_demos.models.vlm_transformers_checkpoints import MAX_PIXELS, fitting
from mm_demos.models.vlm_transformers_decoding import Way, log_prob, write
from mm_demos.progress import Progress, Update

CAT, CUP = samples.path("cat.jpg"), samples.path("coffee.jpg")
CHATS = ("idefics3", "smolvlm", "qwen2-vl", "qwen2.5-vl", "qwen3-vl")
GREEDY = {"num_beams": 1, "do_sample": False, "max_new_tokens": 6}
Folder = Callable[[str], Path]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """The folder of a tiny checkpoint, made once."""
    root, makers = tmp_path_factory.mktemp("vlm"), CAPTIONERS | ANSWERERS
    return lambda name: root / name if (root / name).exists() else makers[name](root / name)


@pytest.fixture(scope="module")
def model(folder: Folder) -> Callable[[str], VisionLanguage]:
    """A loaded tiny checkpoint, loaded once."""
    loaded: dict[str, VisionLanguage] = {}

    def load(name: str) -> VisionLanguage:
        if name not in loaded:
            loaded[name] = loaded_from(name, folder(name))
        return loaded[name]

    return load


def loaded_from(name: str, place: Path, dtype: str = "", **choices: Any) -> VisionLanguage:
    captions = name in CAPTIONERS
    row = (captioner_row if captions else answerer_row)(name, place)
    request = LoadRequest(row, CAPTIONER if captions else ANSWERER, place, "cpu", dtype, 1, choices=ModelChoices(**choices))
    return (load_captioner if captions else load_answerer)(request)


class Ranker:
    """Gives every caption a similarity by its length."""

    def embed_images(self, images: list[Image.Image]) -> Any:
        return np.array([[1.0, 0.0]] * len(images), np.float32)

    def embed_texts(self, texts: list[str]) -> Any:
        return np.array([[1 / len(text), math.sqrt(1 - len(text) ** -2)] for text in texts], np.float32)


def caption(model: Captioner, path: Path = CAT, progress: Progress | None = None, **options: Any) -> mm_demos.Captioning:
    chosen = CaptionOptions(**{"n": 2, "beams": 2, "max_new_tokens": 6} | options)
    return model.caption(Image.open(path), options=chosen, progress=progress or Progress(), lease=lambda _: Ranker())


def answer(model: QuestionAnswerer, path: Path | None = CAT, question: str = "How many dogs are there?", **options: Any) -> Any:
    chosen = AnswerOptions(**{"max_new_tokens": 4} | options)
    picture = Image.open(path) if path else None
    return model.answer(picture, question, options=chosen, progress=Progress(), lease=lambda _: None)


def processed(name: str, place: Path, text: str) -> tuple[Any, Any, Any]:
    """Model, processor and inputs as the library's own documentation makes them."""
    import transformers

    kind = transformers.AutoModelForVisualQuestionAnswering if name == "blip-vqa" else transformers.AutoModelForImageTextToText
    network, processor = kind.from_pretrained(place).eval(), transformers.AutoProcessor.from_pretrained(place)
    picture = Image.open(CAT).convert("RGB")
    if name.startswith("blip2"):  # as the library does it for the names under which these checkpoints are published
        processor.tokenizer = transformers.PreTrainedTokenizerFast.from_pretrained(place)
    if name in CHATS:
        content = [{"type": "image", "image": picture}, {"type": "text", "text": text}]
        turns = [{"role": "user", "content": content}]
        template = {"add_generation_prompt": True, "tokenize": True, "return_dict": True, "return_tensors": "pt"}
        return network, processor, processor.apply_chat_template(turns, **template)
    words = {"text": text} if text else {}
    return network, processor, processor(images=picture, **words, return_tensors="pt")


def said(name: str, place: Path, text: str) -> str:
    """What the library's own `generate` writes, greedily."""
    network, processor, inputs = processed(name, place, text)
    first = {"max_new_tokens": GREEDY["max_new_tokens"] + 1} if name == "florence2" else {}  # its decoder begins with a mark
    tokens = network.generate(**inputs, **GREEDY | first)[0]
    skipped = inputs["input_ids"].shape[1] if name in (*CHATS, "blip2") and "input_ids" in inputs else 0
    return " ".join(processor.decode(tokens[skipped:], skip_special_tokens=True).split())


def bare(text: str) -> str:
    return text.rstrip(".").lower()


ASKED = {"blip": "", "blip2": "", "blip2-t5": "", "florence2": "<CAPTION>"}
SHORT = "Describe this picture in one short sentence."


@pytest.mark.parametrize("name", CAPTIONERS)
def test_a_greedy_caption_is_what_the_library_writes(name: str, folder: Folder, model: Callable[[str], VisionLanguage]) -> None:
    found = caption(model(name), n=1, beams=1).captions[0]
    assert bare(found.text) == bare(said(name, folder(name), ASKED.get(name, SHORT)))
    assert found.log_prob is not None and found.log_prob < 0


@pytest.mark.parametrize("name", ANSWERERS)
def test_a_greedy_answer_is_what_the_library_writes(name: str, folder: Folder, model: Callable[[str], VisionLanguage]) -> None:
    question = "what colour is the sky?"
    texts = {"blip-vqa": question, "florence2": question, **dict.fromkeys(("blip2", "blip2-t5"), f"Question: {question} Answer:")}
    chat = f"{question} Answer with a word or a short phrase."
    found = answer(model(name), question=question, top_k=1, max_new_tokens=6)
    assert bare(found.text) == bare(said(name, folder(name), texts.get(name, chat))).strip()
    assert 0 < found.confidence < 1


@pytest.mark.parametrize("name", CAPTIONERS | ANSWERERS)
def test_probabilities_are_the_networks_own(name: str, model: Callable[[str], VisionLanguage]) -> None:
    """Those of a search and those of a text put in, against each other and against all texts of one token."""
    checkpoint = model(name)._open
    start = checkpoint.start(fitting(Image.open(CAT)), "what is it?")
    whole = write(start, (), Way(n=3, beams=3, max_new_tokens=3, by_total=True), lambda _: None)
    for draft in whole:
        ended = log_prob(start, draft.tokens) if len(draft.tokens) < 3 else begins(start, draft.tokens)
        assert draft.log_prob == pytest.approx(ended, abs=2e-3)
    assert sum(math.exp(draft.log_prob) for draft in whole) <= 1 + 1e-5


def begins(start: Any, tokens: tuple[int, ...]) -> float:
    """Log-probability that the text begins with `tokens`, token by token, each in a call of its own."""
    import torch

    total = 0.0
    with torch.inference_mode():
        for i, token in enumerate(tokens):
            total += float(start.network(**start.inputs(tokens[:i])).logits[0, -1].float().log_softmax(-1)[token])
    return total


@pytest.mark.parametrize("name", ANSWERERS)
def test_restricted_answers_share_one_probability(name: str, model: Callable[[str], VisionLanguage]) -> None:
    yes_no = answer(model(name), kind="yes/no")
    assert {each.label for each in yes_no.alternatives} == {"yes", "no"}
    chosen = answer(model(name), kind="choice", choices=("a dog", "two children", "Cat"))
    assert {each.label for each in chosen.alternatives} == {"a dog", "two children", "Cat"}
    for found in (yes_no, chosen):
        assert sum(each.score for each in found.alternatives) == pytest.approx(1)
        assert (found.text, found.confidence) == (found.alternatives[0].label, found.alternatives[0].score)
        assert found.source == "answer model" and not found.look
        assert name in found.evidence.basis and not found.evidence.labels
    assert answer(model(name), kind="count").text.isdecimal()


@pytest.mark.parametrize("name", ["blip-vqa", "smolvlm", "qwen2.5-vl"])
def test_the_picture_matters_and_may_be_left_out(name: str, model: Callable[[str], VisionLanguage]) -> None:
    seen, other, blank = (answer(model(name), path, kind="yes/no") for path in (CAT, CUP, None))
    assert len({seen.confidence, other.confidence, blank.confidence}) == 3
    assert "without the picture" in blank.evidence.basis


@pytest.mark.parametrize("name", CAPTIONERS)
def test_captions_are_distinct_ranked_and_begin_as_asked(name: str, model: Callable[[str], VisionLanguage]) -> None:
    found = caption(model(name), n=3, beams=3, prefix="a brown dog").captions
    assert all(each.text.lower().startswith("a brown dog") for each in found)
    assert len({each.text.lower() for each in found}) == len(found) >= (1 if name == "blip2-t5" else 2)
    assert [each.score for each in found] == sorted((each.score for each in found), reverse=True)
    assert all(-1 <= each.score <= 1 and not each.words and not each.looks for each in found)


@pytest.mark.parametrize("name", CAPTIONERS)
def test_draws_repeat_with_their_seed(name: str, model: Callable[[str], VisionLanguage]) -> None:
    draws = [caption(model(name), method="sampling", temperature=1.5, seed=seed, n=1).captions for seed in (1, 1, 2)]
    assert draws[0] == draws[1] != draws[2]


@pytest.mark.parametrize("name", CAPTIONERS)
def test_stop_is_heard_within_a_token(name: str, model: Callable[[str], VisionLanguage]) -> None:
    seen: list[float] = []

    def listen(update: Update) -> None:
        if update.unit == "tokens" and update.done is not None:
            seen.append(update.done)
            if len(seen) == 2:
                progress.stop()

    progress = Progress(listen)
    with pytest.raises(StoppedError):
        caption(model(name), progress=progress, max_new_tokens=40)
    assert seen == [1, 2]
    assert caption(model(name)).captions


@pytest.mark.parametrize("name", ["blip", "smolvlm", "qwen2.5-vl"])
def test_two_callers_get_what_each_gets_alone(name: str, model: Callable[[str], VisionLanguage]) -> None:
    alone = {path: caption(model(name), path).captions for path in (CAT, CUP)}
    together: dict[Path, Any] = {}
    threads = [
        threading.Thread(target=lambda path=path: together.update({path: caption(model(name), path).captions})) for path in alone
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert together == alone


@pytest.mark.parametrize("name", CAPTIONERS)
def test_the_dtype_asked_for_is_kept(name: str, folder: Folder, model: Callable[[str], VisionLanguage]) -> None:
    assert (model(name).device, model(name).dtype) == ("cpu", "float32")
    half = loaded_from(name, folder(name), "bfloat16")
    assert half.dtype == "bfloat16"
    assert caption(half).captions
    half.close()


@pytest.mark.parametrize("name", ANSWERERS)
def test_packed_weights_answer_alike_and_weigh_less(name: str, folder: Folder, model: Callable[[str], VisionLanguage]) -> None:
    packed = loaded_from(name, folder(name), quantisation="int8")
    assert packed.dtype == "int8"
    assert packed.weight_bytes < 0.65 * model(name).weight_bytes
    whole, again = (answer(each, kind="yes/no") for each in (model(name), packed))
    assert again.text == whole.text
    assert again.confidence == pytest.approx(whole.confidence, abs=0.05)
    packed.close()


def test_four_bits_keep_what_t5_says(folder: Folder, model: Callable[[str], VisionLanguage]) -> None:
    import torch

    packed = loaded_from("blip2-t5", folder("blip2-t5"), quantisation="int4")
    logits = []
    with torch.inference_mode():
        for each in (model("blip2-t5"), packed):
            start = each._open.start(Image.open(CAT), "a dog?")
            logits.append(start.network(**start.inputs()).logits.float().flatten())
    packed.close()
    assert torch.nn.functional.cosine_similarity(*logits, dim=0) > 0.9


def test_what_shares_a_checkpoint_is_loaded_as_that_is(folder: Folder) -> None:
    row = replace(answerer_row("asked", folder("smolvlm")), components=("smolvlm",), repository=None)
    with pytest.raises(InvalidInputError, match="made of smolvlm, so choose for that"):
        check(row, ModelChoices(quantisation="int8"), ANSWERER, "cpu")


def test_words_that_steer_a_model_are_left_out(model: Callable[[str], VisionLanguage]) -> None:
    for name, sly in (("smolvlm", "<image>"), ("qwen2.5-vl", "<|image_pad|>"), ("florence2", "<OD>"), ("blip2", "<image>")):
        plain, tried = (answer(model(name), question=text, kind="yes/no") for text in ("a dog?", f"{sly} a dog?"))
        assert tried.alternatives == plain.alternatives


def test_a_language_model_that_sees_gets_picture_mark_and_prompt(model: Callable[[str], VisionLanguage]) -> None:
    checkpoint = model("blip2")._open
    for prompt in ("", "Question: is there a dog? Answer:"):
        tokens = checkpoint.start(fitting(None), prompt).tokens[0].tolist()
        assert tokens[:5] == [2, 2, 2, 2, 1]
        assert checkpoint.tokenizer.decode(tokens[5:]) == prompt


def test_what_a_family_cannot_do_is_said(folder: Folder, model: Callable[[str], VisionLanguage]) -> None:
    with pytest.raises(InvalidInputError, match="'xx'"):
        caption(model("smolvlm"), language="xx")
    row = captioner_row("blip-vqa", folder("blip-vqa"))
    with pytest.raises(InvalidInputError, match="answer questions only"):
        load_captioner(LoadRequest(row, CAPTIONER, folder("blip-vqa"), "cpu", "", 1))
    with pytest.raises(InvalidInputError, match="captions only"):
        load_answerer(LoadRequest(row, ANSWERER, folder("blip"), "cpu", "", 1))


class Words:
    """A language model that says the same lines whatever it is asked."""

    def __init__(self, text: str) -> None:
        self.text, self.asked = text, 0

    def stream(self, messages: Any, *, options: Any) -> Iterator[str]:
        self.asked += 1
        yield self.text


def test_the_language_model_words_what_a_family_cannot(model: Callable[[str], VisionLanguage]) -> None:
    leased: list[str] = []
    words = Words("Une phrase.\n")

    def lease(name: str) -> Any:
        leased.append(name)
        return words if name == catalog.default("chat") else Ranker()

    def written(name: str, **wanted: Any) -> mm_demos.Captioning:
        leased.clear()
        options = CaptionOptions(n=1, beams=2, max_new_tokens=6, **wanted)
        return model(name).caption(Image.open(CAT), options=options, progress=Progress(), lease=lease)

    playful = written("blip", style="playful", prefix="Look:")
    assert playful.captions[0].text.startswith("Look:")
    assert "has not seen the picture, worded" in playful.evidence.basis
    assert leased == [catalog.default("joint-embedder"), catalog.default("chat")]
    french = written("smolvlm", language="fr")
    assert "Translated" in french.evidence.basis and words.asked == 3
    own = written("qwen2.5-vl", language="fr", style="playful")
    assert own.captions[0].log_prob is not None and leased == [catalog.default("joint-embedder")]


def test_a_checkpoint_without_a_chat_template_is_refused(folder: Folder, tmp_path: Path) -> None:
    for file in folder("smolvlm").iterdir():
        if file.name != "chat_template.jinja":
            (tmp_path / file.name).write_bytes(file.read_bytes())
    with pytest.raises(MissingDependencyError, match="chat template"):
        loaded_from("smolvlm", tmp_path)


def test_pickles_are_not_read(folder: Folder, tmp_path: Path) -> None:
    for file in folder("blip").iterdir():
        (tmp_path / file.name.replace("model.safetensors", "pytorch_model.bin")).write_bytes(file.read_bytes())
    with pytest.raises(WeightsUnavailableError, match="not there as safetensors"):
        loaded_from("blip", tmp_path)


def test_alternative_texts_stay_short(model: Callable[[str], VisionLanguage]) -> None:
    for name in ("blip", "qwen2.5-vl"):
        assert all(len(each.text) <= 125 for each in caption(model(name), style="alt-text", max_new_tokens=50).captions)


def test_answers_from_what_was_said() -> None:
    assert [(each.label, each.score) for each in free([("Two dogs.", 0.5), ("two dogs", 0.25), ("", 0.1), ("a cat", 0.05)])] == [
        ("Two dogs", 0.75),
        ("a cat", 0.05),
    ]
    assert free([("", 0.25)])[0] == mm_demos.LabelScore("unknown", 0.25)
    assert [as_number(text) for text in ("two", "There are 3.", "2 or 3", "many", "02")] == ["2", "3", "", "", "2"]
    assert counted([("two", 0.5), ("2", 0.25), ("dogs", 0.2)], len)[0] == mm_demos.LabelScore("2", 0.75)
    told = by_likelihood(
        {"yes": ("yes", "Yes"), "no": ("no",)}, lambda text: {"yes": -2000.0, "Yes": -2000.0, "no": -2000.0}[text]
    )
    assert [each.score for each in told] == pytest.approx([2 / 3, 1 / 3])
    assert len(counted([("dogs", 1.0)], len)) == 11


def test_large_pictures_are_scaled_down() -> None:
    picture = fitting(Image.new("L", (4000, 1000)))
    assert picture.mode == "RGB" and picture.width * picture.height <= MAX_PIXELS
    assert picture.width / picture.height == pytest.approx(4, rel=0.01)
    assert fitting(Image.new("RGB", (64, 48))).size == (64, 48)


@pytest.fixture
def registered(folder: Folder) -> Iterator[None]:
    """Every tiny checkpoint in the catalog; those that do both answer with the captioner's own copy."""
    rows = [captioner_row(name, folder(name)) for name in CAPTIONERS]
    both = [name for name in ANSWERERS if name in CAPTIONERS]
    shared = [replace(answerer_row(f"{name}-asked", folder(name)), components=(name,), repository=None) for name in both]
    rows += [*shared, answerer_row("blip-vqa-asked", folder("blip-vqa"))]
    for row in rows:
        catalog.register(row)
    loader.reset_shared()
    yield
    loader.reset_shared()
    for row in rows:
        catalog.unregister(row.name)


def test_loader_task_and_endpoint_serve_every_family(registered: None, real_weights: Callable[[str], Path]) -> None:
    from gradio_client import Client, handle_file

    from mm_demos import tabs
    from mm_demos.serving.launch import launch

    real_weights("mini-clip-and-conse")
    page = launch([tabs.find("captioning"), tabs.find("visual-qa")], host="127.0.0.1", port=7940, block=False)
    try:
        client, picture = Client(page.local_url, verbose=False), handle_file(CAT)
        for name in CAPTIONERS:
            made = client.predict(image=picture, model=name, n=2, max_new_tokens=5, api_name="/caption")
            direct = mm_demos.caption(CAT, model=name, options=CaptionOptions(n=2, max_new_tokens=5))
            assert [each["text"] for each in made["captions"]] == [each.text for each in direct.captions]
            use = made["receipt"]["models"][0]
            assert (use["name"], use["engine"], use["device"], use["dtype"]) == (name, "transformers", "cpu", "float32")
        for name in ANSWERERS:
            asked = {"question": "Is there a cat?", "kind": "yes/no", "check_without_image": True}
            made = client.predict(image=picture, model=f"{name}-asked", **asked, api_name="/answer")
            direct = mm_demos.answer(CAT, "Is there a cat?", model=f"{name}-asked", options=AnswerOptions(kind="yes/no"))
            assert made["confidence"] == pytest.approx(direct.confidence, abs=1e-5)
            assert made["without_image"]["evidence"]["basis"].startswith("Answered without the picture")
    finally:
        page.close()


def test_one_checkpoint_in_memory_serves_both_roles(registered: None) -> None:
    shared = loader.shared()
    with shared.lease("smolvlm-asked") as asked, shared.lease("smolvlm") as captioner:
        assert asked._open is captioner._open
        asked.close()
        assert caption(captioner).captions
    assert list(itertools.islice((each.name for each in shared.resident()), 2))
