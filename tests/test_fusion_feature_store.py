"""The features' cache: whole vectors or none, whatever happens to its file."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mm_demos.fusion.feature_store import FILE_NAME, PENDING, ROW_BYTES, FeatureStore, feature_key
from mm_demos.fusion.types import Encoder
from mm_demos.settings import Settings

ENCODER = Encoder("minilm", "text", "all-MiniLM-L6-v2", "r1", 384)
WRITER = """
import sys, numpy as np
from pathlib import Path
from mm_demos.fusion.feature_store import FeatureStore
with FeatureStore(Path(sys.argv[1])) as store:
    for number in range(200):
        store.keep(f"{sys.argv[2]}-{number}", np.full(8, number, np.float32))
        store.find(f"{sys.argv[2]}-{number // 2}")
"""


def vector(number: float, dim: int = 8) -> np.ndarray:
    return np.full(dim, number, np.float32)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "cache" / FILE_NAME


def filled(file: Path, count: int = 10, **options: int) -> None:
    with FeatureStore(file, **options) as store:
        for number in range(count):
            store.keep(f"key-{number}", vector(number))


def test_a_vector_is_found_at_once_and_in_the_next_run(file: Path) -> None:
    with FeatureStore(file) as store:
        assert store.find("key") is None
        store.keep("key", vector(0.1))
        assert np.array_equal(store.find("key"), vector(0.1))
    with FeatureStore(file) as store:
        found = store.find("key")
        assert found is not None and found.dtype == np.float32 and np.array_equal(found, vector(0.1))


def test_it_lies_in_the_cache_folder(configure: Callable[..., Settings], tmp_path: Path) -> None:
    configure(cache_dir=tmp_path)
    with FeatureStore() as store:
        store.keep("key", vector(1))
    assert (tmp_path / FILE_NAME).is_file()


@pytest.mark.parametrize(
    "other",
    [
        ("e", ENCODER, ""),
        ("d", Encoder("mfcc", "audio", "", "r1", 128), ""),
        ("d", Encoder("minilm", "text", "all-MiniLM-L6-v2", "r2", 384), ""),
        ("d", ENCODER, "augment-1:0:1"),
    ],
)
def test_content_encoder_revision_and_change_all_count(other: tuple[str, Encoder, str]) -> None:
    assert feature_key("d", ENCODER) == feature_key("d", ENCODER, "")
    assert feature_key(*other) != feature_key("d", ENCODER)


def test_what_was_written_before_a_fault_is_kept(file: Path) -> None:
    with pytest.raises(RuntimeError), FeatureStore(file) as store:
        store.keep("key", vector(1))
        raise RuntimeError
    with FeatureStore(file) as store:
        assert store.find("key") is not None


@pytest.mark.parametrize("damage", [b"not a database at all" * 100, b"", b"SQLite format 3\0" + bytes(5000)])
def test_a_damaged_file_is_begun_anew(file: Path, damage: bytes) -> None:
    filled(file)
    file.write_bytes(damage)
    with FeatureStore(file) as store:
        assert store.find("key-1") is None
        store.keep("key-1", vector(1))
    with FeatureStore(file) as store:
        assert np.array_equal(store.find("key-1"), vector(1))


def test_a_file_damaged_in_its_middle_gives_right_vectors_or_none(file: Path) -> None:
    filled(file, 400)
    content = bytearray(file.read_bytes())
    content[len(content) // 3 : len(content) // 2] = b"\xa5" * (len(content) // 2 - len(content) // 3)
    file.write_bytes(content)
    with FeatureStore(file) as store:
        for number in range(400):
            found = store.find(f"key-{number}")
            assert found is None or np.array_equal(found, vector(number))
        store.keep("new", vector(5))
    with FeatureStore(file) as store:
        assert np.array_equal(store.find("new"), vector(5))


def test_a_vector_with_changed_bytes_or_under_another_key_is_not_given(file: Path) -> None:
    filled(file)
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE features SET vector = ? WHERE key = 'key-1'", (vector(9).tobytes(),))
        connection.execute("DELETE FROM features WHERE key = 'key-3'")
        connection.execute("UPDATE features SET key = 'key-3' WHERE key = 'key-2'")
    connection.close()
    with FeatureStore(file) as store:
        assert [store.find(f"key-{number}") is not None for number in range(5)] == [True, False, False, False, True]


def test_a_file_that_cannot_be_made_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    with FeatureStore(tmp_path / "cache" / FILE_NAME) as store:
        store.keep("key", vector(1))
        store.flush()
        assert store.find("key") is None


def test_its_size_is_bounded_and_what_was_not_used_for_longest_goes_first(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter(range(1000))
    monkeypatch.setattr("mm_demos.fusion.feature_store.time.time", lambda: float(next(now)))
    bound = 20 * (ROW_BYTES + 32)
    for number in range(20):
        with FeatureStore(file, max_bytes=bound) as store:
            store.keep(f"key-{number}", vector(number))
    with FeatureStore(file, max_bytes=bound) as store:
        assert store.find("key-0") is not None  # used now, so it is no longer the oldest
    with FeatureStore(file, max_bytes=bound) as store:
        store.keep("key-20", vector(20))
    with FeatureStore(file, max_bytes=bound) as store:
        kept = [number for number in range(21) if store.find(f"key-{number}") is not None]
    assert kept == [0, *range(4, 21)]


def test_a_long_run_stays_within_the_bound_too(file: Path) -> None:
    filled(file, 10 * PENDING, max_bytes=100 * (ROW_BYTES + 32))
    with sqlite3.connect(file) as connection:
        (count,) = connection.execute("SELECT COUNT(*) FROM features").fetchone()
    connection.close()
    assert 0 < count <= 100


def test_several_processes_write_at_once(file: Path) -> None:
    commands = [[sys.executable, "-c", WRITER, str(file), name] for name in ("a", "b", "c")]
    writers = [subprocess.Popen(command, cwd=Path(__file__).parents[1]) for command in commands]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    with FeatureStore(file) as store:
        assert all(np.array_equal(store.find(f"{name}-{n}"), vector(n)) for name in "abc" for n in range(200))
