"""Models prepared beside a page: by a process of the least priority, on real weights, for small models only."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from mm_demos.models import catalog, preparing
from mm_demos.publish.start import ahead, start
from mm_demos.serving import launch
from mm_demos.settings import Settings
from mm_demos.tabs import find

NAME = "efficientnet-lite2"
PATIENCE = 300  # seconds


@pytest.fixture
def fresh(real_weights: Callable[[str], Path], tmp_path: Path, configure: Callable[..., Settings]) -> Path:
    """A cache in which nothing was prepared, beside a folder with the weights."""
    configure(weights_dir=real_weights(NAME), cache_dir=tmp_path, offline=True)
    return tmp_path


def test_a_model_is_prepared_beside_the_page_and_once(fresh: Path) -> None:
    assert not preparing.is_prepared(catalog.spec(NAME))
    with preparing.meanwhile([NAME]) as child:
        assert child is not None
        assert psutil.Process(child.pid).nice() == preparing.LEAST
        assert child.wait(PATIENCE) == 0
    assert preparing.is_prepared(catalog.spec(NAME))
    assert list(fresh.glob(f"derived/{NAME}-*/*.onnx")), "its graph is there"
    with preparing.meanwhile([NAME]) as child:
        assert child is None


def test_it_ends_with_the_page(fresh: Path) -> None:
    with preparing.meanwhile([NAME]) as child:
        assert child is not None
        started = psutil.Process(child.pid)
    assert not started.is_running()
    assert not preparing.is_prepared(catalog.spec(NAME))


def test_what_cannot_be_prepared_keeps_nobody_from_the_rest(fresh: Path) -> None:
    with preparing.meanwhile([catalog.default("chat", "large"), NAME]) as child:
        assert child is not None and child.wait(PATIENCE) == 0
    assert preparing.is_prepared(catalog.spec(NAME))


def test_a_space_prepares_its_models_while_it_is_served(
    cache: Path, tmp_path: Path, configure: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(offline=True, fetch="profile")
    served: list[list[str]] = []
    monkeypatch.setattr(launch, "launch", lambda *_, **__: served.extend(_beside()))
    start(("classification",), tmp_path / "app.py")
    (command,) = served
    assert command == list(ahead([*find("classification").roles, *find("classification").on_demand]))
    assert _beside() == []


def _beside() -> list[list[str]]:
    """What each process that prepares models was asked for."""
    commands = [child.cmdline() for child in psutil.Process().children()]
    return [words[3:] for words in commands if words[1:3] == ["-m", preparing.__name__]]


def test_large_models_are_left_to_who_needs_them(configure: Callable[..., Settings]) -> None:
    assert ahead(["speech", "chat"]) == (catalog.default("speech"), catalog.default("chat"))
    configure(profile="large")
    assert ahead(["speech", "chat"]) == ()
