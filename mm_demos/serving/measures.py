"""Figures for Prometheus: requests, runs, the queue and the models, in a registry of their own."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable, Iterator
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, Summary
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

import mm_demos
from mm_demos.models import loader
from mm_demos.models.loader import LoadEvent
from mm_demos.settings import settings

# Seconds: a file of the page takes milliseconds, a picture painted on a CPU takes minutes.
REQUEST_BUCKETS = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
RUN_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)


class Measures:
    """What one page counts; `end` stops it listening to the loader."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = self._counter("requests", "HTTP requests that were answered", "endpoint", "status")
        self.request_seconds = Histogram(
            "mm_demos_request_seconds",
            "Time to the end of an answer; streams are left out",
            ["endpoint"],
            buckets=REQUEST_BUCKETS,
            registry=self.registry,
        )
        self.runs = self._counter("runs", "Runs of a task that ended", "endpoint", "status")
        self.run_seconds = Histogram(
            "mm_demos_run_seconds", "Length of runs", ["endpoint"], buckets=RUN_BUCKETS, registry=self.registry
        )
        self.queue_seconds = Histogram(
            "mm_demos_queue_wait_seconds", "Time of runs in the queue", buckets=RUN_BUCKETS, registry=self.registry
        )
        self.running = Gauge("mm_demos_runs_in_progress", "Runs that have begun and not ended", registry=self.registry)
        self.loads = Summary("mm_demos_model_load_seconds", "Loads of models", ["model"], registry=self.registry)
        self.failures = Summary(
            "mm_demos_model_load_failure_seconds", "Loads of models that failed", ["model"], registry=self.registry
        )
        self.evictions = self._counter("model_evictions", "Models that left memory", "model")
        self._now = Now()
        self.registry.register(self._now)
        ProcessCollector(registry=self.registry)
        self._since: dict[str, float] = {}
        self._lock = threading.Lock()
        self._subscribed: Callable[[], None] | None = None

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"mm_demos_{name}", text, labels, registry=self.registry)

    def listen(self, blocks: Any) -> None:
        """Count what happens to models from now on, and look at this page's queue."""
        self._now.watch(blocks)
        self._subscribed = loader.shared().subscribe(self.on_load_event)

    def end(self) -> None:
        """Listen to the loader no longer."""
        if self._subscribed is not None:
            self._subscribed()

    def on_load_event(self, event: LoadEvent) -> None:
        """Count one step in a model's life."""
        with self._lock:
            if event.kind in {"downloading", "loading"}:
                self._since.setdefault(event.model, time.monotonic())
                return
            began = self._since.pop(event.model, None) if event.kind in {"ready", "failed"} else None
        if event.kind == "evicted":
            self.evictions.labels(event.model).inc()
        elif event.kind == "ready":
            resident = loader.shared().describe(event.model)
            self.loads.labels(event.model).observe(resident.load_seconds if resident is not None else _since(began))
        elif event.kind == "failed":
            self.failures.labels(event.model).observe(_since(began))


class Now(Collector):
    """What is read at the moment somebody asks: the queue and the memory of models."""

    def __init__(self) -> None:
        self._blocks: Callable[[], Any] = lambda: None

    def watch(self, blocks: Any) -> None:
        """Whose queue to look at."""
        self._blocks = weakref.ref(blocks)

    def collect(self) -> Iterator[Metric]:
        """The figures of this moment."""
        models = loader.shared()
        blocks = self._blocks()
        waiting = len(blocks._queue) if blocks is not None else 0
        yield GaugeMetricFamily("mm_demos_queue_length", "Runs that wait", value=waiting)
        yield GaugeMetricFamily("mm_demos_queue_places", "Runs that may wait", value=settings().queue_size)
        yield GaugeMetricFamily("mm_demos_models_budget_bytes", "Memory that models may take", value=models.budget_bytes)
        yield GaugeMetricFamily(
            "mm_demos_models_used_bytes", "Memory that models take, with what is reserved for loads", value=models.used_bytes
        )
        resident = GaugeMetricFamily("mm_demos_model_resident_bytes", "Memory of each model in memory", labels=["model"])
        for model in models.resident():
            resident.add_metric([model.name], model.memory_bytes)
        yield resident
        about = GaugeMetricFamily("mm_demos_info", "Version and profile", labels=["version", "profile"])
        about.add_metric([mm_demos.__version__, settings().profile], 1)
        yield about


def _since(began: float | None) -> float:
    return time.monotonic() - began if began is not None else 0.0
