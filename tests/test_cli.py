"""The command line on fakes: shapes, order, exit statuses, and nothing but results on standard output."""

from __future__ import annotations

import contextlib
import ctypes
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mm_demos import samples
from mm_demos.cli import main
from mm_demos.models import fake, loader

JFK, CAT, SIGN = (str(samples.path(name)) for name in ("jfk.flac", "cat.jpg", "sign.png"))
ROOT = Path(__file__).parents[1]
Run = Callable[..., tuple[int, list[dict[str, Any]]]]


@pytest.fixture
def fakes() -> Iterator[None]:
    restore = fake.register_fakes(stand_in=True)
    loader.reset_shared()
    yield
    restore()
    loader.reset_shared()


@pytest.fixture
def run(fakes: None, capfd: pytest.CaptureFixture[str]) -> Run:
    """`run("caption", "a.jpg", "--json")` is the exit status and the objects on standard output."""

    def call(*arguments: object) -> tuple[int, list[dict[str, Any]]]:
        status = main([str(argument) for argument in arguments])
        return status, [json.loads(line) for line in capfd.readouterr().out.splitlines()]

    return call


def batch(folder: Path, *lines: object) -> Path:
    path = folder / "batch.jsonl"
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines), encoding="utf-8")
    return path


def test_transcribe(run: Run) -> None:
    status, (first, second) = run("transcribe", JFK, JFK, "--language", "en", "--json")
    assert status == 0
    assert list(first)[:5] == ["input", "text", "language", "duration", "segments"]
    assert first["input"] == JFK
    assert first["duration"] == 11.0
    assert first["language"] == "en"
    assert {"start", "end", "text", "avg_logprob", "no_speech_prob"} <= set(first["segments"][0])
    assert second == first


def test_words_and_receipts_when_asked_for(run: Run) -> None:
    _, (plain,) = run("transcribe", JFK, "--json")
    _, (full,) = run("transcribe", JFK, "--json", "--words", "--receipt")
    assert "words" not in plain["segments"][0]
    assert set(full["segments"][0]["words"][0]) == {"start", "end", "text", "prob"}
    assert full["receipt"]["models"][0]["name"] == "whisper-base"
    assert "receipt" not in plain


def test_transcripts_in_files(run: Run, tmp_path: Path) -> None:
    status, (first, second) = run("transcribe", JFK, JFK, "--json", "--out-dir", tmp_path / "new", "--format", "srt")
    assert status == 0
    assert [Path(result["file"]).name for result in (first, second)] == ["jfk.srt", "jfk-2.srt"]
    assert " --> " in Path(first["file"]).read_text(encoding="utf-8")


def test_caption(run: Run) -> None:
    status, (result,) = run("caption", CAT, "-n", "2", "--json")
    assert status == 0
    assert list(result)[:2] == ["input", "captions"]
    assert result["input"] == CAT
    assert [set(caption) for caption in result["captions"]] == [{"text", "score", "log_prob", "words", "looks"}] * 2
    assert run("caption", CAT, "--method", "sampling", "--beams", "2", "--json")[0] == 0


def test_answer(run: Run, tmp_path: Path) -> None:
    lines = [{"image": CAT, "question": "Which colour?"}, {"image": CAT, "question": "Which?", "choices": ["red", "blue"]}]
    status, (first, second) = run("answer", "--batch", batch(tmp_path, *lines), "--json")
    assert status == 0
    assert [first["input"], second["input"]] == lines
    assert {"input", "answer", "confidence", "alternatives"} <= set(first)
    assert second["answer"] in {"red", "blue"}
    assert run("answer", CAT, "Which colour?", "--json")[1][0]["answer"] == first["answer"]


def test_several_questions_about_several_pictures(run: Run, tmp_path: Path) -> None:
    status, results = run("answer", CAT, SIGN, "--question", "Which colour?", "--question", "How many?", "--json")
    assert status == 0
    assert [(result["input"]["image"], result["input"]["question"]) for result in results] == [
        (CAT, "Which colour?"), (CAT, "How many?"), (SIGN, "Which colour?"), (SIGN, "How many?")
    ]  # fmt: skip
    lines = [{"image": CAT}, {"image": CAT, "question": "Where?"}]
    _, results = run("answer", "--question", "Who?", "--batch", batch(tmp_path, *lines), "--json")
    assert [result["input"]["question"] for result in results] == ["Who?", "Where?"]


def test_classify(run: Run, tmp_path: Path) -> None:
    lines = [{"text": "a red thing"}, {"image": CAT}, {"audio": JFK}, {"text": "blue", "image": CAT}]
    status, results = run("classify", "--labels", "red,blue,green", "--batch", batch(tmp_path, *lines), "--json")
    assert status == 0
    assert [result["input"] for result in results] == lines
    for result in results:
        assert set(result["scores"]) == {"red", "blue", "green"}
        assert sum(result["scores"].values()) == pytest.approx(1, abs=1e-4)
        assert result["label"] == max(result["scores"], key=result["scores"].get)
    assert set(results[3]["per_modality"]) == {"text", "image"}
    assert set(results[3]["per_modality"]["text"]) == {"red", "blue", "green"}


def test_classify_with_descriptions_and_weights(run: Run, tmp_path: Path) -> None:
    described = '{"A": "red and round", "B": "blue and long"}'
    lines = tmp_path / "labels.txt"
    lines.write_text("A: red and round\nB: blue and long\n", encoding="utf-8")
    for labels in (described, f"@{lines}"):
        status, (result,) = run("classify", "--labels", labels, "--text", "round", "--json")
        assert (status, result["label"]) == (0, "A")
    weights = "text=1,audio=0,sound=2"
    _, (result,) = run("classify", "--labels", "red,blue", "--text", "red", "--audio", JFK, "--weights", weights, "--json")
    assert set(result["per_modality"]) == {"text"}


@pytest.mark.parametrize(("kind", "names"), [("image", [CAT, SIGN]), ("text", ["a red cat", "zwei Wörter"])])
def test_embed(run: Run, tmp_path: Path, kind: str, names: list[str]) -> None:
    listed = tmp_path / "inputs.txt"
    listed.write_text("\n".join(names * 10), encoding="utf-8")
    status, results = run("embed", kind, *names, "--batch", listed, "--out", tmp_path / "x.npz", "--json")
    assert status == 0
    assert [result["input"] for result in results] == names * 11
    with np.load(tmp_path / "x.npz") as arrays:
        assert arrays["inputs"].tolist() == names * 11
        assert arrays["embeddings"].dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(arrays["embeddings"], axis=1), 1, atol=1e-5)
        np.testing.assert_allclose(arrays["embeddings"][:2], arrays["embeddings"][20:], atol=1e-5)
    assert list(tmp_path.glob("*.partial")) == []


def test_embed_leaves_out_what_it_cannot_use(run: Run, tmp_path: Path) -> None:
    status, results = run("embed", "image", "nowhere.png", CAT, JFK, SIGN, "--out", tmp_path / "x", "--json")
    assert status == 1
    assert ["error" in result for result in results] == [True, False, True, False]
    with np.load(tmp_path / "x") as arrays:
        assert arrays["inputs"].tolist() == [CAT, SIGN]
    assert run("embed", "image", "nowhere.png", "--out", tmp_path / "none.npz", "--json")[0] == 1
    assert not (tmp_path / "none.npz").exists()


def test_bad_inputs_get_a_line_each_and_the_rest_go_on(run: Run, tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(samples.path("cat.jpg").read_bytes()[:2000])
    lines = ["not json", "", {"prefix": "x"}, [1], {"image": 5}, {"image": CAT, "prefix": 7}, {"image": CAT}, json.dumps(CAT)]
    status, results = run("caption", "nowhere.png", broken, CAT, "--batch", batch(tmp_path, *lines), "--json")
    assert status == 1
    shown = ["nowhere.png", str(broken), CAT, "not json", {"prefix": "x"}, [1], {"image": 5}, {"image": CAT, "prefix": 7}]
    assert [result["input"] for result in results] == [*shown, {"image": CAT}, CAT]
    assert ["error" in result for result in results] == [True, True, False, True, True, True, True, True, False, False]


def test_paths_in_a_batch_may_be_relative_to_it(run: Run, tmp_path: Path) -> None:
    Image.open(CAT).save(tmp_path / "mine.png")
    assert run("caption", "--batch", batch(tmp_path, {"image": "mine.png"}), "--json")[0] == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["caption"],
        ["unheard-of"],
        ["caption", CAT, "--style", "poem"],
        ["caption", CAT, "--model", "no-such-model"],
        ["caption", CAT, "--model", "whisper-base"],
        ["caption", "--batch", "nowhere.jsonl"],
        ["transcribe", JFK, "--beam", "99"],
        ["transcribe", JFK, "--temperature", "3"],
        ["transcribe", JFK, "--json", "--format", "srt"],
        ["answer", CAT],
        ["classify", "--labels", "one", "--text", "x"],
        ["classify", "--labels", "a,b"],
        ["classify", "--labels", "a,b", "--text", "x", "--weights", "smell=1"],
        ["embed", "image", CAT],
        ["embed", "sound", JFK, "--out", "x.npz"],
        ["embed", "text", "x", "--out", "no/such/folder/x.npz"],
        ["models"],
        ["models", "path", "no-such-model"],
        ["evaluate", "speech", "--data", "nowhere"],
        ["demo", "--tab", "no-such-tab"],
    ],
)
def test_wrong_usage_is_status_2_and_silence_on_standard_output(arguments: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    try:
        status = main(arguments)
    except SystemExit as leaving:
        status = int(leaving.code or 0)
    out, err = capfd.readouterr()
    assert status == 2
    assert out == ""
    assert "Traceback" not in err
    assert err.strip()


def test_whatever_prints_prints_to_standard_error(
    fakes: None, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    honest = fake.FakeCaptioner.caption

    def noisy(*arguments: Any, **options: Any) -> Any:
        print("from Python")
        os.write(1, b"from native code\n")
        ctypes.CDLL(None).puts(b"from a native buffer")
        subprocess.run([sys.executable, "-c", "print('from a child')"], check=True)
        return honest(*arguments, **options)

    monkeypatch.setattr(fake.FakeCaptioner, "caption", noisy)
    assert main(["caption", CAT, "--json"]) == 0
    out, err = capfd.readouterr()
    assert len(out.splitlines()) == 1
    assert json.loads(out)["input"] == CAT
    assert all(f"from {source}" in err for source in ("Python", "native code", "a native buffer", "a child"))
    print("standard output works again")
    assert "again" in capfd.readouterr().out


def test_a_fault_of_ours_costs_one_input(fakes: None, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    def faulty(*arguments: Any, **options: Any) -> Any:
        raise ZeroDivisionError("1 / 0")

    monkeypatch.setattr(fake.FakeCaptioner, "caption", faulty)
    assert main(["caption", CAT, SIGN, "--json"]) == 1
    results = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert [result["input"] for result in results] == [CAT, SIGN]
    assert all("ZeroDivisionError" in result["error"] for result in results)


def test_a_batch_loads_its_model_once(run: Run) -> None:
    ready: list[str] = []
    loader.shared().subscribe(lambda event: ready.append(event.model) if event.kind == "ready" else None)
    assert run("caption", *[CAT] * 5, "--json")[0] == 0
    assert len(ready) == len(set(ready)) >= 1


def test_people_get_text(fakes: None, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["caption", CAT, "nowhere.png"]) == 1
    out, err = capfd.readouterr()
    assert out.startswith(f"{CAT}:\n")
    assert "picture" in out
    assert "nowhere.png" in err
    assert main(["transcribe", JFK, "--format", "vtt"]) == 0
    assert capfd.readouterr().out.startswith("WEBVTT")
    assert main([]) == 0
    out = capfd.readouterr().out
    assert all(verb in out for verb in ("transcribe", "models"))


def test_names_that_are_no_unicode_and_numbers_that_are_none(run: Run, tmp_path: Path) -> None:
    from mm_demos.cli.output import json_line

    status, (result,) = run("caption", "caf\udce9.png", "--json")
    assert status == 1
    assert result["input"] == "caf\udce9.png"
    line = json_line({"a": float("nan"), "b": np.float32(1.5), "c": [np.int64(2)], "d": "猫"})
    assert json.loads(line) == {"a": None, "b": 1.5, "c": [2], "d": "猫"}
    assert "猫" in line


def started(*arguments: str) -> subprocess.Popen[str]:
    """The command as a process of its own, on fakes, with pipes to all three streams."""
    environment = {**os.environ, "MM_DEMOS_FAKE": "1"}
    pipe = subprocess.PIPE
    command = [sys.executable, "-m", "mm_demos", *arguments]
    return subprocess.Popen(
        command,
        stdin=pipe,
        stdout=pipe,
        stderr=pipe,
        text=True,
        env=environment,
        cwd=ROOT,
        preexec_fn=_hear_interrupts,  # noqa: PLW1509 - the tests start no threads that hold locks here
    )


def _hear_interrupts() -> None:
    """A test run that was started in the background ignores them, and so would its children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_results_come_as_they_are_made_and_interrupting_is_clean() -> None:
    with started("caption", "--batch", "-", "--json") as process:
        stdin, stdout = process.stdin, process.stdout
        assert isinstance(stdin, io.TextIOBase)
        assert isinstance(stdout, io.TextIOBase)
        stdin.write(json.dumps({"image": CAT}) + "\n")
        stdin.flush()
        assert json.loads(stdout.readline())["input"] == {"image": CAT}  # while standard input is still open
        process.send_signal(signal.SIGINT)
        rest, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert rest == ""
    assert "Traceback" not in err


def test_an_interrupt_that_python_drops_still_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    def swallow(_: object) -> int:
        with contextlib.suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        return 0

    monkeypatch.setattr("mm_demos.cli.caption.run", swallow)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        assert main(["caption", CAT]) == 130
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_reader_that_leaves_is_no_error_of_ours() -> None:
    with started("caption", *[CAT] * 200, "--json") as process:
        assert isinstance(process.stdout, io.TextIOBase)
        process.stdout.readline()
        process.stdout.close()
        assert isinstance(process.stderr, io.TextIOBase)
        err = process.stderr.read()
    assert "Traceback" not in err
    assert "Exception ignored" not in err
