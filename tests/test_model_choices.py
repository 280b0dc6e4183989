"""How a model is loaded is a choice: what runs here runs, what cannot is refused in a sentence before anything changes."""

from __future__ import annotations

import importlib.util
import json
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import tiny_language

from mm_demos.cli import main
from mm_demos.errors import BusyError, InsufficientMemoryError, InvalidInputError, MissingDependencyError, SettingError
from mm_demos.models import catalog, choices, loader, placing, weights
from mm_demos.models.choices import AS_PUBLISHED, ModelChoices, check, from_setting, named
from mm_demos.models.fake import register_fakes
from mm_demos.models.hub_engines import CHAT, CHAT_GGUF, FASTER_WHISPER
from mm_demos.models.loader import Loader, reset_shared, shared
from mm_demos.models.protocols import ChatMessage, GenerateOptions
from mm_demos.models.spec import LocalFolder, ModelSpec
from mm_demos.settings import Settings
from mm_demos.tasks import model_choices, model_states
from mm_demos.tasks.model_speed import MEASURES, speed_of
from mm_demos.ui.model_choices import table_html

MESSAGES = (ChatMessage("user", "A dog on a beach."),)
PLAIN = ModelSpec("plain", "chat", "tiny", (), (CHAT,), repository=LocalFolder(Path("plain")))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_language.write("llama3", tmp_path_factory.mktemp("choices") / "llama3", shape={"num_hidden_layers": 3})


@pytest.fixture
def tiny(folder: Path, cache: Path) -> Iterator[str]:
    """A registered checkpoint, and a shared loader of the test's own."""
    row = ModelSpec("tiny-choices", "chat", "tiny", (), (CHAT,), repository=LocalFolder(folder, 700_000), memory_bytes=2_000_000)
    catalog.register(row)
    reset_shared(Loader(budget_bytes=10**9))
    yield row.name
    reset_shared()
    catalog.unregister(row.name)


def text_of(model: Any) -> str:
    return "".join(model.stream(MESSAGES, options=GenerateOptions(max_new_tokens=12)))


def logits_of(model: Any) -> Any:
    import torch

    with torch.inference_mode():
        return model._model(model._template.tokens(MESSAGES)).logits.float()


# -- what is refused ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "device", "hint"),
    [
        (ModelChoices(offload="cpu"), "cpu", "main memory anyway"),
        (ModelChoices("float16"), "cpu", "bfloat16"),
        (ModelChoices(quantisation="int8", offload="disk"), "cpu", "offload or quantisation"),
        (ModelChoices(quantisation="int8", compile=True), "cpu", "one of the two"),
        (ModelChoices(offload="disk", compile=True), "cpu", "one of the two"),
        (ModelChoices(quantisation="int4"), "mps", "nothing packs weights on mps"),
    ],
)
def test_what_the_machine_cannot_do_is_refused_in_one_sentence(wanted: ModelChoices, device: str, hint: str) -> None:
    with pytest.raises(InvalidInputError, match=hint) as raised:
        check(PLAIN, wanted, CHAT, device)
    assert str(raised.value).count(". ") == 0


@pytest.mark.parametrize(
    ("engine", "wanted", "hint"),
    [
        (CHAT_GGUF, ModelChoices(quantisation="int8"), "keep it as published"),
        (FASTER_WHISPER, ModelChoices("bfloat16"), "auto, float32 or float16"),
        (FASTER_WHISPER, ModelChoices(quantisation="int4"), "choose no quantisation"),
        (FASTER_WHISPER, ModelChoices(offload="disk"), "choose no offload"),
        (FASTER_WHISPER, ModelChoices(compile=True), "leave that off"),
    ],
)
def test_what_an_engine_cannot_do_is_refused_in_one_sentence(engine: Any, wanted: ModelChoices, hint: str) -> None:
    with pytest.raises(InvalidInputError, match=hint):
        check(PLAIN, wanted, engine, "cpu")


def test_compiling_needs_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choices.shutil, "which", lambda name: None)
    with pytest.raises(InvalidInputError, match=r"install g\+\+"):
        check(PLAIN, ModelChoices(compile=True), CHAT, "cpu")


@pytest.mark.parametrize("values", [{"dtype": "int3"}, {"quantisation": "int2"}, {"offload": "cloud"}])
def test_unknown_words_name_the_ones_that_are_known(values: dict[str, str]) -> None:
    with pytest.raises(InvalidInputError, match="choose "):
        named(**values)


def test_packing_on_a_gpu_names_the_library_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "bitsandbytes" else find_spec(name))
    with pytest.raises(MissingDependencyError, match="pip install bitsandbytes"):
        placing._on_gpu("int8", "bfloat16")


# -- what runs -----------------------------------------------------------------------------------------------------------


def test_layers_on_disk_give_the_same_text(tiny: str) -> None:
    with shared().lease(tiny) as model:
        wanted = text_of(model)
    shared().choose(tiny, ModelChoices(offload="disk"))
    with shared().lease(tiny) as model:
        parameters = dict(model._model.named_parameters())
        waiting = {name for name, each in parameters.items() if each.device.type == "meta"}
        assert {name.split(".")[2] for name in waiting} == {"0", "1", "2"}
        assert {name for name in parameters if "layers" not in name}.isdisjoint(waiting)
        assert model.device == "cpu + disk"
        assert text_of(model) == wanted


def test_a_gpu_keeps_all_but_the_layers(folder: Path) -> None:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(folder))
    places = placing.layer_map(model, "cpu")
    assert {name for name, place in places.items() if place == "cpu"} == {f"model.layers.{i}" for i in range(3)}
    covered = [
        name for name, _ in model.named_parameters() if sum(name.startswith(f"{key}.") or name == key for key in places) == 1
    ]
    assert len(covered) == len(list(model.named_parameters()))


@pytest.mark.parametrize(("kind", "likeness"), [("int8", 0.995), ("int4", 0.9)])
def test_packed_weights_are_close_to_those_they_come_from(tiny: str, kind: str, likeness: float) -> None:
    import torch

    with shared().lease(tiny) as model:
        wanted = logits_of(model)
        whole = sum(each.nbytes for each in model._model.parameters())
    shared().choose(tiny, named(quantisation=kind))
    with shared().lease(tiny) as model:
        found = logits_of(model)
        state = [*model._model.parameters(), *model._model.buffers()]
        assert shared().describe(tiny).memory_bytes == sum(each.nbytes for each in state)
        assert shared().describe(tiny).memory_bytes < 0.6 * whole  # the embedding stays as it was
        assert model.dtype == kind
        assert text_of(model)
    assert torch.nn.functional.cosine_similarity(wanted, found, dim=-1).mean() > likeness


@pytest.mark.parametrize("n_rows", [1, 4, 5, 40])
@pytest.mark.parametrize("kind", ["int8", "int4"])
def test_a_packed_layer_against_the_product_with_its_own_weights(kind: str, n_rows: int) -> None:
    import torch
    from torch import nn

    from mm_demos.models.quantisation import quantise

    torch.manual_seed(0)
    layer = nn.Sequential(nn.Linear(64, 32))
    inputs = torch.randn(2, n_rows, 64)
    wanted = layer(inputs)
    assert quantise(layer, kind) == 1  # type: ignore[arg-type]
    found = layer(inputs)
    assert found.dtype == torch.float32 and found.shape == wanted.shape
    assert (found - wanted).norm() / wanted.norm() < (0.012 if kind == "int8" else 0.09)


def test_layers_are_let_go_one_after_another(monkeypatch: pytest.MonkeyPatch) -> None:
    from torch import nn

    from mm_demos.models import quantisation

    model = nn.Sequential(*[nn.Sequential(nn.Linear(32, 16)) for _ in range(3)])
    layers = [weakref.ref(block[0]) for block in model]
    alive: list[int] = []

    class Counted(quantisation.Int8Linear):
        def __init__(self, layer: nn.Linear) -> None:
            super().__init__(layer)
            alive.append(sum(each() is not None for each in layers))

    monkeypatch.setattr(quantisation, "Int8Linear", Counted)
    assert quantisation.quantise(model, "int8") == 3
    assert alive == [3, 2, 1]


def test_number_format_is_honoured(tiny: str) -> None:
    import torch

    shared().choose(tiny, ModelChoices("bfloat16"))
    with shared().lease(tiny) as model:
        assert model._model.dtype == torch.bfloat16
        assert text_of(model)
    assert shared().describe(tiny).dtype == "bfloat16"


# -- the loader ----------------------------------------------------------------------------------------------------------


def test_a_refused_choice_changes_nothing(tiny: str) -> None:
    with shared().lease(tiny):
        pass
    for wanted, error in (
        (ModelChoices(offload="cpu"), InvalidInputError),
        (ModelChoices(compile=True, offload="disk"), InvalidInputError),
    ):
        with pytest.raises(error):
            shared().choose(tiny, wanted)
    assert shared().describe(tiny) is not None
    assert shared().choices(tiny) == AS_PUBLISHED


def test_a_model_in_use_is_not_taken_away(tiny: str) -> None:
    with shared().lease(tiny), pytest.raises(BusyError, match="in use"):
        shared().choose(tiny, ModelChoices("bfloat16"))
    assert shared().choices(tiny) == AS_PUBLISHED
    shared().choose(tiny, ModelChoices("bfloat16"))
    assert shared().describe(tiny) is None


def test_a_number_format_that_is_too_large_is_refused_before_the_load(tiny: str) -> None:
    reset_shared(Loader(budget_bytes=3_000_000))
    shared().choose(tiny, ModelChoices("bfloat16"))
    with pytest.raises(InsufficientMemoryError, match=r"0\.00 GB"):
        shared().choose(tiny, ModelChoices("float32"))
    assert shared().choices(tiny) == ModelChoices("bfloat16")


def test_choices_of_the_settings_hold_from_the_start(tiny: str, configure: Callable[..., Settings]) -> None:
    configure(load_as=f"{tiny} = int8 + bfloat16, whisper-base=disk")
    fresh = Loader(budget_bytes=10**9)
    assert fresh.choices(tiny) == ModelChoices("bfloat16", "int8")
    assert fresh.choices("whisper-base") == ModelChoices(offload="disk")
    assert from_setting("", catalog.spec) == {}


@pytest.mark.parametrize(
    ("text", "named"), [("int8", "int8"), ("whisper-base=int3", "int3"), ("=int8", "=int8"), ("whisper-bse=int8", "whisper-base")]
)
def test_a_setting_of_choices_that_fits_nothing_is_refused(text: str, named: str) -> None:
    with pytest.raises(SettingError, match=f"MM_DEMOS_LOAD_AS.*{named}"):
        from_setting(text, catalog.spec)


# -- what a visitor sees -------------------------------------------------------------------------------------------------


def test_choosing_measures_before_and_after_and_remembers(tiny: str) -> None:
    state = model_choices.choose(tiny, quantisation="int8")
    assert [each.choices for each in state.measured] == ["as published", "int8"]
    assert all(each.speed > 0 and each.unit == "tokens/s" and each.load_seconds > 0 for each in state.measured)
    assert state.now == state.measured[1]
    page = table_html(state)
    assert page.count("<tr") == 3 and page.count("mm-measured-now") == 1 and " ×" in page
    reset_shared(Loader(budget_bytes=10**9))
    again = model_choices.choosing(tiny)
    assert again.measured == state.measured and again.chosen == AS_PUBLISHED
    weights.derived_folder(catalog.spec(tiny)).joinpath(model_choices.FILE).write_text("[{]", encoding="utf-8")
    assert model_choices.choosing(tiny).measured == ()


def test_a_model_too_large_as_published_can_be_packed(tiny: str) -> None:
    reset_shared(Loader(budget_bytes=1_500_000))
    state = model_choices.choose(tiny, quantisation="int8")
    assert [each.choices for each in state.measured] == ["int8"]


def test_the_list_reckons_with_what_is_chosen(tiny: str) -> None:
    def memory() -> int:
        return next(each.memory_bytes for each in model_states.listing().models if each.name == tiny)

    assert memory() == 2_000_000
    shared().choose(tiny, ModelChoices(quantisation="int8"))
    assert memory() == 1_300_000


def test_a_load_that_fails_leaves_the_choice_as_it_was(tiny: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with shared().lease(tiny):
        pass
    model_choices.measure(tiny)

    def fail(*_: object) -> None:
        raise InsufficientMemoryError("There is no room.")

    monkeypatch.setattr("mm_demos.models.quantisation.quantise", fail)
    with pytest.raises(InsufficientMemoryError):
        model_choices.choose(tiny, quantisation="int8")
    assert loader.shared().choices(tiny) == AS_PUBLISHED


def test_the_command_line_chooses_and_says_how_to_keep_it(tiny: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "choose", tiny, "--dtype", "bfloat16", "--json"]) == 0
    state = json.loads(capfd.readouterr().out)
    assert [each["dtype"] for each in state["measured"]] == ["float32", "bfloat16"]
    assert main(["models", "choose", tiny, "--dtype", "bfloat16"]) == 0
    assert f"--load-as {tiny}=bfloat16" in capfd.readouterr().out
    assert main(["models", "choose", tiny, "--offload", "cpu"]) == 1
    assert "main memory anyway" in capfd.readouterr().err


@pytest.mark.parametrize("role", MEASURES)
def test_every_role_that_is_timed_has_a_speed(role: catalog.Role, cache: Path) -> None:
    restore = register_fakes(stand_in=True)
    reset_shared(Loader(budget_bytes=10**9))
    speed = speed_of(f"fake-{role}")
    restore()
    reset_shared()
    assert speed is not None and speed.rate > 0


def test_the_embedded_speech_model_in_32_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_choices, "_file", lambda _: tmp_path / "measured.json")
    reset_shared(Loader(budget_bytes=10**10))
    state = model_choices.choose("whisper-tiny.en", dtype="float32")
    reset_shared()
    assert [each.dtype for each in state.measured] == ["int8", "float32"]
    assert all(each.speed > 0 and each.unit == "× real time" for each in state.measured)
