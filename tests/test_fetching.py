"""A page for others fetches what its owner chose, and nothing that a visitor names."""

from __future__ import annotations

import pytest

from mm_demos.errors import WeightsUnavailableError
from mm_demos.models import catalog, weights
from mm_demos.settings import settings


@pytest.fixture
def public(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MM_DEMOS_FETCH", "profile")
    settings.cache_clear()


@pytest.mark.usefixtures("public")
@pytest.mark.parametrize("name", ["qwen3-8b", "faster-whisper-large-v3", "openai-whisper-base"])
def test_a_public_page_fetches_no_model_that_only_a_visitor_named(name: str) -> None:
    with pytest.raises(WeightsUnavailableError, match="fetches only the models of its profile"):
        weights.ensure(catalog.spec(name))


@pytest.mark.usefixtures("public")
@pytest.mark.parametrize("name", ["whisper-base", "mm-mini-captioner"])
def test_a_public_page_loads_the_models_of_its_profile(name: str) -> None:
    assert weights.ensure(catalog.spec(name)).is_dir()


@pytest.mark.parametrize(("arguments", "fetch"), [(["--host", "::"], "profile"), (["--share", "yes"], "profile"), ([], "any")])
def test_a_page_for_others_keeps_to_its_profile(monkeypatch: pytest.MonkeyPatch, arguments: list[str], fetch: str) -> None:
    from mm_demos import cli
    from mm_demos.serving import launch

    seen: list[str] = []
    monkeypatch.setenv("MM_DEMOS_FETCH", "")  # so that it is put back afterwards
    monkeypatch.delenv("MM_DEMOS_FETCH")
    monkeypatch.setenv("MM_DEMOS_HOST", "127.0.0.1")
    monkeypatch.setattr(launch, "launch", lambda *_, **__: seen.append(settings().fetch))
    assert cli.main(["demo", *arguments]) == 0
    assert seen == [fetch]
