"""The Models tab: which models it shows, the box that adds one's own, and menus that keep what else a tab holds."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest

from mm_demos import tabs, ui
from mm_demos.models import added, catalog
from mm_demos.settings import Settings
from mm_demos.tasks import model_states
from mm_demos.ui import model_adding, model_table

OWN = SimpleNamespace(headers={"host": "127.0.0.1:7860"}, client=SimpleNamespace(host="127.0.0.1"))
VISITOR = SimpleNamespace(headers={"host": "demo.example.org"}, client=SimpleNamespace(host="127.0.0.1"))
TABS = ("speech", "captioning", "visual-qa", "models")


@pytest.fixture(scope="module")
def frame() -> ui.Frame:
    return ui.Frame([spec for spec in tabs.TABS if spec.name in TABS], "http://127.0.0.1:7860")


@pytest.fixture
def folder(tmp_path: Path, configure: Callable[..., Settings], frame: ui.Frame) -> Iterator[Path]:
    """A captioner of the user's own, forgotten after the test."""
    configure(data_dir=tmp_path / "data")
    place = tmp_path / "Mine <b>"
    place.mkdir()
    (place / "config.json").write_text(json.dumps({"architectures": ["SmolVLMForConditionalGeneration"]}))
    (place / "model.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0{}      ")
    yield place
    for name in added.names():
        added.remove(name)
    handler(frame, "entered")(OWN)  # the page's menus as they were


def handler(frame: ui.Frame, name: str) -> Any:
    return next(event.fn for event in frame.blocks.fns.values() if event.fn is not None and event.fn.__name__ == name)


def chosen(frame: ui.Frame) -> gr.Dropdown:
    everything = tuple(row.name for row in catalog.rows())
    return next(block for block in frame.blocks.blocks.values() if isinstance(block, gr.Dropdown) and names(block) == everything)


def names(menu: gr.Dropdown) -> tuple[str, ...]:
    return tuple(str(value) for _, value in menu.choices)


def test_menus_of_models_are_found(frame: ui.Frame) -> None:
    found = model_adding.menus(frame.blocks, chosen(frame))
    assert {"speech", "captioner", "answerer"} <= {role for _, role in found}
    for menu, role in found:
        assert names(menu) == tuple(row.name for row in catalog.rows(role=role))


def test_swapping_a_model_changes_no_other_control(frame: ui.Frame) -> None:
    menus = {menu._id for menu, _ in model_adding.menus(frame.blocks, chosen(frame))}
    controls = (gr.Textbox, gr.Audio, gr.Image, gr.File, gr.Slider, gr.Radio, gr.Checkbox, gr.Number, gr.State, gr.Dropdown)
    for event in frame.blocks.fns.values():
        if any(target in menus for target, _ in event.targets):
            assert [block for block in event.outputs if isinstance(block, controls)] == []


def test_a_model_is_added_to_every_menu_and_nothing_else_moves(frame: ui.Frame, folder: Path) -> None:
    add, remove = handler(frame, "adding"), handler(frame, "removing")
    menus = [role for _, role in model_adding.menus(frame.blocks, chosen(frame))]
    note, own, *rest = add(str(folder), "", "", "whisper-base", OWN)
    assert "mine-b was added for captioner" in note
    assert own["value"] == "mine-b"
    for role, update in zip(menus, rest, strict=False):
        assert set(update) == {"choices", "__type__"}, "a menu keeps its value"
        assert ("mine-b" in str(update["choices"])) == (role in {"captioner", "answerer"})
    assert 'data-model="mine-b"' in rest[len(menus)]
    note = remove("mine-b", OWN)[0]
    assert "mine-b was removed" in note
    assert "mine-b" not in {row.name for row in catalog.rows()}
    assert "choose one of those" in remove("whisper-base", OWN)[0]


@pytest.mark.parametrize(("place", "words"), [("no/such/thing", "neither a folder"), ("<script>", "&lt;script&gt;")])
def test_what_cannot_be_added_is_one_sentence(frame: ui.Frame, folder: Path, place: str, words: str) -> None:
    note, own, *_ = handler(frame, "adding")(place, "", "", "whisper-base", OWN)
    assert words in note
    assert own["value"] == "whisper-base"


def test_visitors_of_a_public_page_add_and_remove_nothing(frame: ui.Frame, folder: Path) -> None:
    entered = handler(frame, "entered")
    assert entered(VISITOR)[0] == gr.update(visible=False)
    assert entered(OWN)[0] == gr.update(visible=True)
    assert model_adding.NOT_HERE in handler(frame, "adding")(str(folder), "", "", "whisper-base", VISITOR)[0]
    added.add(str(folder))
    assert model_adding.NOT_HERE in handler(frame, "removing")("mine-b", VISITOR)[0]
    assert added.names() == ("mine-b",)


def test_later_visits_and_programs_are_offered_an_added_model(frame: ui.Frame, folder: Path) -> None:
    menus = model_adding.menus(frame.blocks, chosen(frame))
    everything = chosen(frame)
    handler(frame, "adding")(str(folder), "", "", "whisper-base", OWN)
    try:
        assert "mine-b" in handler(frame, "entered")(OWN)[1]["choices"]
        assert {role for menu, role in menus if "mine-b" in str(names(menu))} == {"captioner", "answerer"}
        assert everything.preprocess("mine-b") == "mine-b"
    finally:
        handler(frame, "removing")("mine-b", OWN)
    assert "mine-b" not in names(everything)


def test_the_table_knows_profiles_defaults_and_ones_own(folder: Path) -> None:
    added.add(str(folder))
    html = model_table.table_html(model_states.listing())
    for profile in ("embedded", "base", "large"):
        assert f'data-show="{profile}"' in html
    assert html.count('class="mm-default"') == len({row.role for row in catalog.rows("embedded")})
    assert 'data-model="mine-b" data-in="added-here"' in html
    assert 'data-model="llama-3.2-3b" data-in="base"' in html
    assert "Llama-3.2-Community · gated" in html


def test_a_card_links_the_figure_to_its_source(folder: Path) -> None:
    card = model_table.card_html(model_states.listing("siglip2-base"))
    assert 'href="https://arxiv.org/abs/2502.14786"' in card
    assert "at 75de2d55ec2d" in card
    assert "wants the terms accepted" in model_table.card_html(model_states.listing("flux.1-schnell"))
    assert model_table.SHOWN[-1] == "all"
