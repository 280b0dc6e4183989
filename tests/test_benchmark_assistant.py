"""The measurement of the assistant's speed runs on the real model and reports what it promises."""

from __future__ import annotations

import json

import pytest

from mm_demos.evaluation import SUBJECTS, benchmark_assistant


def test_it_compares_both_and_counts_what_is_read(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(benchmark_assistant, "NEW_TOKENS", 8)
    monkeypatch.setattr(benchmark_assistant, "QUESTIONS", ("How long does delivery take?",))
    assert benchmark_assistant.main(["--rounds", "1", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    first, second = found["model_turns"]
    assert second["evaluated_tokens"] <= second["new_tokens"] + 2 < second["prompt_tokens"] < first["prompt_tokens"] + 100
    assert found["decode_ratio"] > 0 and found["decode_ratio_cpu"] > 0.5
    assert 0 < found["first_token_seconds"] <= found["slowest_first_token_seconds"]


def test_a_model_of_another_kind_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert benchmark_assistant.main(["--model", "whisper-base"]) == 2
    assert "llama.cpp" in capsys.readouterr().err
    assert SUBJECTS["assistant-speed"] == benchmark_assistant.__name__
