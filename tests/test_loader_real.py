"""The loader's promises on real weights: one load for many, and the memory comes back."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from fresh import passes_in_a_fresh_process

from mm_demos.accelerator import release_memory, resident_bytes
from mm_demos.models import catalog
from mm_demos.models.loader import Loader, LoadEvent
from mm_demos.models.protocols import SAMPLE_RATE, TranscribeOptions

NOISE = np.random.default_rng(0).normal(0, 0.01, SAMPLE_RATE).astype(np.float32)
GREEDY = TranscribeOptions(beam_size=1, temperature=0.0, language="en")


def test_32_first_requests_load_whisper_once() -> None:
    events: list[LoadEvent] = []
    loader = Loader(idle_seconds=0)
    loader.subscribe(events.append)
    start = threading.Barrier(32)

    def work(_: int) -> int:
        start.wait()
        with loader.lease("whisper-base") as model:
            return id(model)

    with ThreadPoolExecutor(32) as pool:
        assert len(set(pool.map(work, range(32)))) == 1
    assert [event.kind for event in events].count("ready") == 1
    before = resident_bytes()
    with loader.lease("whisper-base"):
        assert resident_bytes() - before <= 0.05 * catalog.spec("whisper-base").size_bytes
    loader.eject("whisper-base")


def whisper_returns_its_memory_after_use() -> None:
    loader = Loader(idle_seconds=0)
    for _ in range(2):  # the first use also loads library code, which stays
        release_memory()
        before = resident_bytes()
        with loader.lease("whisper-base") as model:
            list(model.transcribe(NOISE, options=GREEDY).segments)
        del model
        used, weight = resident_bytes(), loader.describe("whisper-base").memory_bytes
        loader.eject("whisper-base")
        after = resident_bytes()
    assert weight > 70_000_000
    assert used - after >= 0.9 * weight
    assert after - before <= 0.1 * weight


def test_whisper_returns_its_memory_after_use() -> None:
    passes_in_a_fresh_process(whisper_returns_its_memory_after_use)
