"""What all tests share: no setting from outside, a cache of their own for logic, the user's cache for real weights."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from origins import Server
from served import started

from mm_demos.models import catalog, weights
from mm_demos.settings import Settings, settings

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
KEPT_VARIABLES = {"MM_DEMOS_CACHE_DIR", "MM_DEMOS_WEIGHTS_DIR"}


def pytest_configure() -> None:
    """Shape the environment before any test module is imported: gradio and huggingface_hub read theirs at import."""
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["HF_HUB_OFFLINE"] = "1"
    for name in [name for name in os.environ if name.startswith("MM_DEMOS_")]:
        if name not in KEPT_VARIABLES:
            del os.environ[name]


@pytest.fixture(autouse=True)
def _settings_of_the_test() -> Iterator[None]:
    """Settings are read again after every test, so that what one put into the environment ends with it."""
    yield
    settings.cache_clear()


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Settings]:
    """Changes settings for the length of the test: `configure(offline=True)`; None takes one back to its default."""

    def change(**values: object) -> Settings:
        for name, value in values.items():
            variable = f"MM_DEMOS_{name.upper()}"
            if value is None:
                monkeypatch.delenv(variable, raising=False)
            else:
                monkeypatch.setenv(variable, str(value))
        settings.cache_clear()
        return settings()

    return change


@pytest.fixture
def cache(tmp_path: Path, configure: Callable[..., Settings]) -> Path:
    """An empty store of weights, and no folder of the user's."""
    folder = tmp_path / "cache"
    configure(cache_dir=folder, weights_dir=None)
    return folder


@pytest.fixture
def real_weights() -> Callable[[str], Path]:
    """`real_weights("whisper-base")` is the folder with the model's files, fetched if they are not in the user's cache."""

    def fetch(name: str) -> Path:
        rows = catalog.expand(name, on_demand=True)
        for row in rows:
            weights.ensure(row)
        return weights.folder(rows[-1])

    return fetch


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """The browser that page tests drive."""
    found = next((path for path in map(shutil.which, BROWSERS) if path), None)
    if found is None:
        pytest.fail("Page tests need Chromium: install it (Debian: apt-get install chromium).", pytrace=False)
    return found


@pytest.fixture
def server() -> Iterator[Server]:
    """Serves `BYTES` on the loopback interface."""
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield running
        running.shutdown()


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of the whole suite in a process of its own, on real weights."""
    with started(tmp_path_factory.mktemp("served")) as address:
        yield address
