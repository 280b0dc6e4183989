"""The shared loader: one load per model, shared by everyone, let go when nobody needs it."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import loading_doubles as doubles
import pytest
from loading_doubles import MEGABYTE, registered, row

from mm_demos import accelerator
from mm_demos.errors import BusyError, InsufficientMemoryError, MissingDependencyError, StoppedError, UnknownModelError
from mm_demos.models.catalog import Engine
from mm_demos.models.loader import Loader, LoadEvent, LoadRequest, reset_shared, shared
from mm_demos.progress import Progress, Update
from mm_demos.settings import settings

ROOM = 100 * MEGABYTE
SIX = tuple(row(name, megabytes=10) for name in "abcdef")


@pytest.fixture(autouse=True)
def own_cache(tmp_path: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("MM_DEMOS_CACHE_DIR", str(tmp_path))
    settings.cache_clear()
    monkeypatch.setattr(accelerator, "release_memory", lambda collect=True: None)  # tests of memory are in their own file
    yield
    settings.cache_clear()


def names(loader: Loader) -> list[str]:
    return [resident.name for resident in loader.resident()]


def test_lease_loads_once_and_then_shares() -> None:
    with registered(row("a", megabytes=10)):
        loader = Loader(budget_bytes=ROOM)
        with loader.lease("a") as first, loader.lease("a") as second:
            assert first is second
            assert loader.describe("a").leases == 2
        with loader.lease("a") as third:
            assert third is first
        assert doubles.loads == {"a": 1}
        assert loader.used_bytes == 10 * MEGABYTE
        assert loader.describe("a").leases == 0


def test_32_threads_on_six_models_load_each_once() -> None:
    with registered(*SIX):
        loader = Loader(budget_bytes=ROOM)
        start = threading.Barrier(32)

        def work(number: int) -> None:
            start.wait()
            for turn in range(200):
                name = "abcdef"[(number + turn * 7) % 6]
                with loader.lease(name) as model:
                    assert model.name == name
                    assert not model.closed

        with ThreadPoolExecutor(32) as pool:
            list(pool.map(work, range(32)))
        assert doubles.loads == dict.fromkeys("abcdef", 1)
        assert {resident.leases for resident in loader.resident()} == {0}


def test_unknown_model_names_close_ones() -> None:
    with registered(row("walrus")), pytest.raises(UnknownModelError, match="walrus"), Loader(budget_bytes=1).lease("walrsu"):
        pass


def test_failed_load_raises_in_every_waiter_and_is_retried() -> None:
    with registered(row("a", megabytes=10)):
        loader = Loader(budget_bytes=ROOM)
        everyone_waits = threading.Event()

        def fail(request: LoadRequest) -> None:
            assert everyone_waits.wait(10)
            raise ValueError("the file is cut off")

        doubles.before_load["a"] = fail
        waiting = threading.Barrier(9, action=everyone_waits.set)

        def work(_: int) -> str:
            progress = Progress(lambda update: waiting.wait(10))
            try:
                with loader.lease("a", progress=progress):
                    return "loaded"
            except ValueError as error:
                return str(error)

        with ThreadPoolExecutor(9) as pool:
            outcomes = list(pool.map(work, range(9)))
        assert outcomes == ["the file is cut off"] * 9
        assert doubles.loads["a"] == 1
        assert (names(loader), loader.used_bytes) == ([], 0)
        doubles.before_load.clear()
        with loader.lease("a") as model:
            assert model.name == "a"


def test_other_models_are_usable_while_one_loads() -> None:
    with registered(row("slow"), row("quick")):
        loader = Loader(budget_bytes=ROOM)
        loading, go_on = threading.Event(), threading.Event()
        doubles.before_load["slow"] = lambda request: (loading.set(), go_on.wait(10))
        with ThreadPoolExecutor(1) as pool:
            slow = pool.submit(lambda: loader.lease("slow").__enter__().name)
            assert loading.wait(10)
            with loader.lease("quick") as quick:
                assert quick.name == "quick"
                assert not slow.done()
            go_on.set()
            assert slow.result(10) == "slow"


def test_loads_that_touch_torch_happen_one_at_a_time() -> None:
    engine = (Engine("torch-double", "loading_doubles:load", uses_torch=True),)
    rows = [row(name, engines=engine) for name in "abcd"]
    with registered(*rows):
        now = threading.Semaphore(1)

        def alone(request: LoadRequest) -> None:
            assert now.acquire(blocking=False), "two loads at once"
            request.progress.report("loading")
            now.release()

        doubles.before_load.update(dict.fromkeys("abcd", alone))
        loaders = [Loader(budget_bytes=ROOM), Loader(budget_bytes=ROOM)]  # the lock is that of the process
        with ThreadPoolExecutor(4) as pool:
            leases = [pool.submit(loaders[i % 2].lease(name).__enter__) for i, name in enumerate("abcd")]
            assert [lease.result(10).name for lease in leases] == list("abcd")


def test_one_visitor_who_stops_does_not_end_the_load_of_another() -> None:
    with registered(row("a")):
        loader = Loader(budget_bytes=ROOM)
        loading, go_on = threading.Event(), threading.Event()

        def in_steps(request: LoadRequest) -> None:
            loading.set()
            assert go_on.wait(10)
            request.progress.checkpoint()

        doubles.before_load["a"] = in_steps
        waiting = threading.Event()
        stopped, patient = Progress(), Progress(lambda update: waiting.set())
        with ThreadPoolExecutor(2) as pool:
            leaver = pool.submit(loader.lease("a", progress=stopped).__enter__)
            stayer = pool.submit(loader.lease("a", progress=patient).__enter__)
            assert loading.wait(10)
            assert waiting.wait(10)
            stopped.stop()
            with pytest.raises(StoppedError):
                leaver.result(10)
            go_on.set()
            assert stayer.result(10).name == "a"
        assert doubles.loads["a"] == 1


def test_load_nobody_waits_for_is_stopped_and_leaves_nothing() -> None:
    with registered(row("a", megabytes=5)):
        loader = Loader(budget_bytes=ROOM)
        loading, go_on, failed = threading.Event(), threading.Event(), threading.Event()
        loader.subscribe(lambda event: failed.set() if event.kind == "failed" else None)

        def until_stopped(request: LoadRequest) -> None:
            loading.set()
            assert go_on.wait(10)
            request.progress.checkpoint()

        doubles.before_load["a"] = until_stopped
        progress = Progress()
        with ThreadPoolExecutor(1) as pool:
            lease = pool.submit(loader.lease("a", progress=progress).__enter__)
            assert loading.wait(10)
            progress.stop()
            with pytest.raises(StoppedError):
                lease.result(10)
        go_on.set()
        assert failed.wait(10)
        assert (names(loader), loader.used_bytes) == ([], 0)
        doubles.before_load.clear()
        with loader.lease("a") as model:
            assert model.name == "a"


def test_least_recently_used_idle_model_makes_room() -> None:
    with registered(*(row(name, megabytes=40) for name in "abc")):
        loader = Loader(budget_bytes=ROOM)
        for name in ("a", "b", "a", "c"):
            with loader.lease(name):
                pass
        assert names(loader) == ["c", "a"]
        assert doubles.closed == {"b": 1}
        assert loader.used_bytes <= loader.budget_bytes


def test_busy_error_names_what_is_in_use_and_what_to_do() -> None:
    with registered(*(row(name, megabytes=40) for name in ("first", "second", "third"))):
        loader = Loader(budget_bytes=ROOM)
        loader.pin("first")
        with loader.lease("second"):
            with pytest.raises(BusyError, match=r"first \(pinned\), second \(in use\).*MM_DEMOS_MEMORY_BUDGET_GB"):
                loader.lease("third", timeout_seconds=0.05).__enter__()
            with pytest.raises(BusyError, match=r"second \(in use\)"):
                loader.eject("second")
        with loader.lease("third", timeout_seconds=0.05) as model:
            assert model.name == "third"
        assert names(loader) == ["third", "first"]


def test_waiting_request_gets_its_turn_when_a_lease_ends() -> None:
    with registered(row("a", megabytes=80), row("b", megabytes=80)):
        loader = Loader(budget_bytes=ROOM)
        queued = threading.Event()
        loader.subscribe(lambda event: queued.set() if event.kind == "queued" else None)
        lease = loader.lease("a")
        lease.__enter__()
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(lambda: loader.lease("b", timeout_seconds=30).__enter__().name)
            assert queued.wait(10)
            lease.__exit__(None, None, None)
            assert waiting.result(10) == "b"


def test_model_larger_than_the_budget_is_refused_at_once() -> None:
    with (
        registered(row("whale", megabytes=5_100)),
        pytest.raises(InsufficientMemoryError, match=r"5\.10 GB.*2\.00 GB.*BUDGET_GB"),
    ):
        Loader(budget_bytes=2_000 * MEGABYTE).lease("whale").__enter__()


def test_memory_error_frees_idle_models_and_tries_again() -> None:
    with registered(row("idle", megabytes=10), row("a", megabytes=10)):
        loader = Loader(budget_bytes=ROOM)
        with loader.lease("idle"):
            pass

        def short_of_memory(request: LoadRequest) -> None:
            if not doubles.closed["idle"]:
                raise MemoryError

        doubles.before_load["a"] = short_of_memory
        with loader.lease("a") as model:
            assert model.name == "a"
        assert names(loader) == ["a"]


def test_memory_error_that_stays_names_the_cause() -> None:
    def always(request: LoadRequest) -> None:
        raise MemoryError

    with registered(row("a")):
        doubles.before_load["a"] = always
        loader = Loader(budget_bytes=ROOM)
        with pytest.raises(InsufficientMemoryError, match=r"a does not fit into the .* GB of memory free"):
            loader.lease("a").__enter__()
        assert loader.used_bytes == 0


def test_events_tell_a_models_life_and_survive_a_broken_listener() -> None:
    events: list[LoadEvent] = []

    def broken(event: LoadEvent) -> None:
        raise RuntimeError("the page is gone")

    with registered(row("a")):
        loader = Loader(budget_bytes=ROOM)
        loader.subscribe(broken)
        end = loader.subscribe(events.append)
        doubles.before_load["a"] = lambda request: request.progress.report("Reading", 1, 2, "files")
        with loader.lease("a"):
            pass
        loader.eject("a")
        end()
        with loader.lease("a"):
            pass
    assert [event.kind for event in events] == ["loading", "loading", "ready", "evicted"]
    assert (events[1].message, events[1].done, events[1].total) == ("Reading", 1, 2)


def test_reports_of_the_load_reach_the_lease_on_its_own_thread() -> None:
    seen: list[tuple[Update, int]] = []
    told = threading.Event()

    def on_update(update: Update) -> None:
        seen.append((update, threading.get_ident()))
        told.set()

    def report(request: LoadRequest) -> None:
        request.progress.report("Reading", 1, 2, "files")
        assert told.wait(10)

    with registered(row("a")):
        doubles.before_load["a"] = report
        with Loader(budget_bytes=ROOM).lease("a", progress=Progress(on_update)):
            pass
    assert {thread for _, thread in seen} == {threading.get_ident()}
    assert any(update.message in {"Reading", "Loading a"} for update, _ in seen)


def test_idle_models_are_unloaded_when_their_time_is_over() -> None:
    now = [0.0]
    with registered(row("old"), row("new"), row("kept")):
        loader = Loader(budget_bytes=ROOM, idle_seconds=60, clock=lambda: now[0])
        loader.pin("kept")
        with loader.lease("old"):
            now[0] = 100.0
            loader.tidy()
            assert "old" in names(loader)
        now[0] = 130.0
        with loader.lease("new"):
            pass
        now[0] = 165.0
        loader.tidy()
        assert names(loader) == ["new", "kept"]
        assert loader.describe("new").idle_seconds == 35.0


def test_idle_thread_unloads_by_itself_and_ends() -> None:
    gone = threading.Event()
    with registered(row("a")):
        loader = Loader(budget_bytes=ROOM, idle_seconds=0.05)
        loader.subscribe(lambda event: gone.set() if event.kind == "evicted" else None)
        with loader.lease("a"):
            thread = loader._house._thread
        assert gone.wait(10)
        if thread is not None:
            thread.join(10)
            assert not thread.is_alive()


def test_placed_models_stay_whatever_the_budget() -> None:
    with registered(row("a", megabytes=90), row("b", megabytes=90), row("ab", parts=("a", "b"))):
        loader = Loader(budget_bytes=ROOM, idle_seconds=1, clock=iter(range(0, 10**9, 100)).__next__)
        loader.place(["ab"])
        loader.tidy()
        loader.pin("a", False)
        with pytest.raises(BusyError):
            loader.eject("a")
        with loader.lease("ab") as model:
            assert sorted(model.parts) == ["a", "b"]
        assert sorted(names(loader)) == ["a", "ab", "b"]


def test_engine_without_its_library_gives_way_with_a_notice() -> None:
    engines = (
        Engine("first", "loading_doubles:load_never", libraries=("no_such_library",)),
        Engine("gpu", "loading_doubles:load_never", devices=("cuda",)),
        Engine("second", "loading_doubles:load"),
    )
    events: list[LoadEvent] = []
    with registered(row("a", engines=engines), row("b", engines=engines[:1])):
        loader = Loader(budget_bytes=ROOM)
        loader.subscribe(events.append)
        with loader.lease("a"):
            assert loader.describe("a").engine == "second"
        notices = [event.message for event in events if event.kind == "notice"]
        assert [notice.partition(":")[0] for notice in notices] == ["a goes on without first"]
        with pytest.raises(MissingDependencyError, match="no_such_library"):
            loader.lease("b").__enter__()


def test_shared_loader_is_one_for_all_threads() -> None:
    reset_shared()
    with ThreadPoolExecutor(8) as pool:
        loaders = {id(loader) for loader in pool.map(lambda _: shared(), range(32))}
    reset_shared()
    assert len(loaders) == 1


def test_lease_works_in_a_forked_child_whatever_the_parent_was_doing() -> None:
    with registered(row("a"), row("b")):
        reset_shared(Loader(budget_bytes=ROOM))
        with shared().lease("a"):
            pass
        held, fork_done = threading.Event(), threading.Event()

        def hold_the_lock() -> None:
            with shared()._table.changed:
                held.set()
                fork_done.wait(10)

        holder = threading.Thread(target=hold_the_lock)
        holder.start()
        assert held.wait(10)
        child = os.fork()
        if child == 0:
            with shared().lease("a") as a, shared().lease("b") as b:
                os._exit(0 if (a.name, b.name) == ("a", "b") else 1)
        fork_done.set()
        holder.join()
        reset_shared()
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
