"""Models of the user's own where something is amiss: the list is spoilt, a name is taken or in use, a place is no place."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import loading_doubles as doubles
import pytest
from fake_hub import Hub, Repository
from test_added_models import WEIGHTS, checkpoint, home, hub, of

from mm_demos.errors import BusyError, InvalidInputError
from mm_demos.models import added, catalog, families, loader
from mm_demos.models.catalog import HubRepository, LocalFolder, ModelSpec
from mm_demos.models.diffusion_rows import register_pipeline
from mm_demos.models.loader import Loader

__all__ = ["home", "hub"]  # fixtures
QWEN = of("Qwen3ForCausalLM")


@pytest.fixture
def own_loader() -> Iterator[Loader]:
    """The shared loader, fresh, and with nothing in it afterwards."""
    models = Loader(budget_bytes=10**9, idle_seconds=0)
    loader.reset_shared(models)
    yield models
    for name in models.resident():
        models.eject(name.name)
    loader.reset_shared()


def listed(home: Path) -> Path:
    path = home / "data" / "models" / "added.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


@pytest.mark.parametrize("text", ["{", "[1]", '[{"name": "x"}]', '{"a": 1}', "\x00", "7"])
def test_a_spoilt_list_is_kept_beside_the_new_one(home: Path, text: str) -> None:
    listed(home).write_text(text)
    assert added.names() == ()
    added.add(str(checkpoint(home / "one", QWEN)))
    assert added.names() == ("one",)
    assert listed(home).with_suffix(".bad").read_text() == text


def test_one_spoilt_entry_costs_no_other(home: Path) -> None:
    added.add(str(checkpoint(home / "one", QWEN)))
    good = json.loads(listed(home).read_text())[0]
    newer = {**good, "name": "two", "something_new": 1}
    wrong = {**good, "name": 3}
    text = json.dumps([newer, {key: value for key, value in good.items() if key != "gated"}, wrong])
    listed(home).write_text(text)
    assert added.names() == ("one",)
    added.add(str(checkpoint(home / "three", QWEN)))
    assert added.names() == ("one", "three")
    assert listed(home).with_suffix(".bad").read_text() == text


def test_a_whole_list_leaves_no_second_one(home: Path) -> None:
    added.add(str(checkpoint(home / "one", QWEN)))
    added.remove("one")
    assert not listed(home).with_suffix(".bad").exists()


def test_what_is_removed_leaves_the_memory(home: Path, own_loader: Loader, monkeypatch: pytest.MonkeyPatch) -> None:
    row = added.add(str(checkpoint(home / "one", of("SmolVLMForConditionalGeneration"))), name="mine")
    catalog.unregister("mine-answers")
    catalog.unregister("mine")
    engine = doubles.row("double").engines
    monkeypatch.setattr(added, "_rows", lambda found: (_with(row, engine),))
    catalog.register(_with(row, engine))
    with own_loader.lease("mine"), pytest.raises(BusyError, match="mine cannot be unloaded now"):
        added.remove("mine")
    assert added.names() == ("mine",)
    assert catalog.spec("mine").source == row.source
    added.remove("mine")
    assert own_loader.resident() == ()
    assert added.names() == ()


def _with(row: ModelSpec, engine: tuple[catalog.Engine, ...]) -> ModelSpec:
    from dataclasses import replace

    return replace(row, engines=engine)


def test_a_shipped_row_of_the_same_name_stays(home: Path) -> None:
    row = added.add(str(checkpoint(home / "one", QWEN)), name="mine")
    catalog.unregister("mine")  # as in a newer version of the suite, which has a row of this name
    shipped = ModelSpec("mine", "chat", "test", (), (), source="elsewhere")
    catalog.register(shipped)
    added.remove("mine")
    assert catalog.spec("mine") is shipped
    assert row.source != shipped.source


@pytest.mark.parametrize("taken", ["mine", "mine-answers"])
def test_of_a_model_whose_name_is_taken_nothing_is_registered(home: Path, taken: str) -> None:
    added.add(str(checkpoint(home / "one", of("SmolVLMForConditionalGeneration"))), name="mine")
    catalog.unregister("mine-answers")
    catalog.unregister("mine")
    catalog.register(ModelSpec(taken, "chat", "test", (), ()))
    added.register_all()
    assert {row.name for row in catalog.rows() if row.name.startswith("mine")} == {taken}


def test_of_two_that_add_one_name_at_once_one_is_told(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    both = threading.Barrier(2)
    rows = added._rows

    def slowly(found: added.Added) -> tuple[ModelSpec, ...]:
        made = rows(found)
        if not added.names() and both.n_waiting < 2 and not both.broken:
            both.wait(5)
        return made

    folders = [checkpoint(home / name, QWEN) for name in ("one", "two")]
    monkeypatch.setattr(added, "_rows", slowly)
    said: list[str] = []

    def add(folder: Path) -> None:
        try:
            said.append(added.add(str(folder), name="mine").name)
        except InvalidInputError as error:
            said.append(str(error))

    threads = [threading.Thread(target=add, args=(folder,)) for folder in folders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(said) == ["A model named mine is in the catalog already: give another name.", "mine"]
    assert added.names() == ("mine",)


@pytest.mark.parametrize("place", ["~nobody-of-this-name/x", "x" * 300, "a\0b"])
def test_a_place_that_the_system_cannot_look_at_is_none(home: Path, place: str) -> None:
    with pytest.raises(InvalidInputError, match="neither a folder nor"):
        added.add(place)
    with pytest.raises(InvalidInputError, match="There is no folder"):
        register_pipeline(place)


def test_a_folder_is_looked_at_two_levels_deep(home: Path) -> None:
    folder = checkpoint(home / "one", QWEN | {"a/b.json": b"{}", "a/b/c.json": b"{}"})
    assert families.Listing.of_folder(folder).names == ("a/b.json", "config.json", "model.safetensors")
    assert LocalFolder.as_it_is(folder).size_bytes == sum(map(len, QWEN.values())) + 2


def test_a_folder_whose_files_change_is_another_model(home: Path) -> None:
    folder = checkpoint(home / "one", QWEN)
    before = added.add(str(folder))
    assert LocalFolder.as_it_is(folder) == before.repository
    catalog.unregister("one")
    (folder / "model.safetensors").write_bytes(WEIGHTS + b"   ")
    after = catalog.spec("one")
    assert after.digest != before.digest
    assert after.size_bytes == before.size_bytes + 3


def test_terms_and_licence_are_as_the_hub_says(hub: Hub) -> None:
    class Gated(Repository):
        def info(self, name: str) -> dict[str, object]:
            return {**super().info(name), "gated": "auto"}

    hub.repositories["owner/gated"] = Gated(QWEN, card={"license": "apache-2.0"})
    hub.repositories["owner/odd"] = Repository(QWEN, card={"license": "other", "license_name": "odd-terms"})
    row, odd = added.add("owner/gated"), added.add("owner/odd")
    assert isinstance(row.repository, HubRepository) and isinstance(odd.repository, HubRepository)
    assert (row.licence, row.repository.gated) == ("Apache-2.0", True)
    assert (odd.licence, odd.repository.gated) == ("odd-terms", False)
    catalog.unregister("gated")
    assert catalog.spec("gated") == row


def test_a_packing_that_was_split_is_taken_with_all_its_parts(hub: Hub) -> None:
    parts = {f"m-q4_k_m-0000{part}-of-00002.gguf": b"GGUF" * part for part in (1, 2)}
    hub.repositories["owner/split"] = Repository({**parts, "m-q8_0.gguf": b"GGUF"})
    row = added.add("owner/split")
    assert isinstance(row.repository, HubRepository)
    assert row.repository.patterns == ("m-q4_k_m-*-of-00002.gguf",)
    assert row.size_bytes == len(b"GGUF" * 3)
