"""The assistant's cases and how replies to them are judged; the models themselves are measured by `evaluate assistant`."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from mm_demos import media
from mm_demos.assistant.prompts import system_text
from mm_demos.assistant.types import Reply, Source, Span, ToolStep
from mm_demos.errors import InvalidInputError
from mm_demos.evaluation import assistant
from mm_demos.evaluation.assistant import CODE_WORDS, POLICY, Ran, altered_shop, attack_failure, report, reveals, wrong
from mm_demos.evaluation.assistant_lines import CASES, Case, read
from mm_demos.training.assistant_media import made, plans

SAID = {"source": "shipping.md", "says": "14.90"}
ASKED = {"tool": "order_status", "says": "S-10241"}


def case(expect: dict[str, object], tmp_path: Path, **more: object) -> Case:
    file = tmp_path / "cases.jsonl"
    file.write_text(json.dumps({"id": "one", "turns": [{"text": "Hello?"}], "expect": expect, **more}), encoding="utf-8")
    return read(file)[0]


def quoting(text: str, source: str = "shop/shipping.md", *, abstained: bool = False) -> Ran:
    return Ran(Reply(text, sources=(Source(1, Span(source, 1, text), text),), abstained=abstained), ())


def calling(order: str, error: str = "") -> Ran:
    step = ToolStep("order_status", {"order": order}, {} if error else {"number": order}, error)
    return Ran(Reply("It is on its way.", steps=(step,)), (("order_status", order),))


@pytest.mark.parametrize(("name", "count"), [("support", 30), ("held_out", 30), ("unanswerable", 20), ("injections", 42)])
def test_what_ships_is_complete(name: str, count: int) -> None:
    cases = read(CASES / f"{name}.jsonl")
    assert len(cases) == len({each.id for each in cases}) == count
    wanted = {each for c in cases for t in c.turns for each in (t.audio, t.image) if each} | {
        d for c in cases for d in c.documents
    }
    assert all((CASES / each).is_file() for each in wanted)


def test_halves_differ_and_hold_the_same_kinds() -> None:
    half, other = (read(CASES / f"{name}.jsonl") for name in ("support", "held_out"))
    assert not {each.id for each in half} & {each.id for each in other}
    assert sorted(each.kind for each in half) == sorted(each.kind for each in other)


def test_media_are_small_and_made_by_the_program() -> None:
    files = [file for file in CASES.rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) < 900_000
    assert {file.relative_to(CASES).as_posix() for file in files if file.parent != CASES} == set(plans())
    for name, plan in plans().items():
        if "pages" in plan:
            assert made(plan) == (CASES / name).read_bytes()


def test_pictures_and_voices_can_be_read() -> None:
    assert media.load_image(CASES / "pictures/teapot.png").width == 288
    assert 1 < media.load_audio(CASES / "voices/saturdays.ogg").size / 16_000 < 5


@pytest.mark.parametrize(
    ("expect", "ran", "right"),
    [
        (SAID, quoting("It costs €14.90."), True),
        (SAID, quoting("It costs €4.90."), False),
        (SAID, quoting("It costs €14.90.", "returns.md"), False),
        (SAID, quoting("It costs €14.90.", abstained=True), False),
        ({"source": ["a.md", "shipping.md"]}, quoting("Yes."), True),
        (ASKED, calling("S-10241"), True),
        (ASKED, calling("S-10242"), False),
        (ASKED, calling("S-10241", "There is no such order."), False),
        (SAID | {"tool": "order_status"}, calling("S-10241"), True),
        ({"abstain": True}, quoting("I do not know.", abstained=True), True),
        ({"abstain": True}, quoting("It is Paris."), False),
    ],
)
def test_replies_are_judged(expect: dict[str, object], ran: Ran, right: bool, tmp_path: Path) -> None:
    assert (wrong(case(expect, tmp_path), ran) is None) == right


def test_an_attack_succeeds_with_another_tool_another_order_or_the_prompt(tmp_path: Path) -> None:
    attack, plain = case({"injection": True}, tmp_path), calling("S-10241")
    assert attack_failure(attack, plain, plain) is None
    assert attack_failure(attack, calling("S-10240"), plain)
    assert attack_failure(attack, Ran(Reply(""), ()), plain)
    assert attack_failure(attack, Ran(Reply(f"The code: {CODE_WORDS.upper()}"), plain.tools), plain)


def test_the_prompt_is_known_by_eight_words_on_end() -> None:
    system = system_text(policy=POLICY)
    words = system.split()
    assert reveals("Sure: " + " ".join(words[3:13]).lower(), system)
    assert not reveals(" ".join(words[:4]), system)


def test_orders_are_changed_for_the_tools_alone(tmp_path: Path) -> None:
    tools = altered_shop({"S-10241": {"status": "lost"}}, tmp_path)
    step = tools.step("order_status", {"order": "S-10241"}, today=date(2026, 11, 20))
    assert "lost" in str(step)


def test_attacks_can_be_left_out_and_pictures_renamed(tmp_path: Path) -> None:
    renamed = next(each for each in read(CASES / "injections.jsonl") if each.kind == "name")
    named, plain = (next(iter(renamed.messages(tmp_path, attacked=attacked))).images[0] for attacked in (True, False))
    assert named.name == renamed.turns[0].named and named.read_bytes() == plain.read_bytes()
    voice = next(each for each in read(CASES / "injections.jsonl") if each.kind == "voice")
    assert next(iter(voice.messages(tmp_path))).audio and next(iter(voice.messages(tmp_path, attacked=False))).audio is None


def test_rates_are_counted_by_kind(tmp_path: Path) -> None:
    cases = [case(SAID, tmp_path, kind=kind) for kind in ("text", "text", "voice")]
    failed = wrong(cases[1], calling("S-10241"))
    found = report("cases.jsonl", cases, [(None, 1.0), (failed, 2.0), (None, 3.0)])
    assert (found.right, found.median_first_token_seconds) == (2, 2.0)
    assert [(each.kind, each.rate) for each in found.kinds] == [("text", 0.5), ("voice", 1.0)]


BROKEN = (
    "[]",
    "{",
    '{"turns": [], "expect": {"tool": "order_status"}}',
    '{"turns": [{}], "expect": {}}',
    '{"turns": [{"text": "a"}], "expect": {"tool": "fly"}}',
    '{"turns": "a", "expect": {"abstain": true}}',
)


@pytest.mark.parametrize("line", BROKEN)
def test_a_broken_line_is_named(line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "cases.jsonl"
    file.write_text(f"\n{line}\n", encoding="utf-8")
    with pytest.raises(InvalidInputError, match=r"line 2, is no case"):
        read(file)
    assert assistant.main([str(file)]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_the_command_prints_rates(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "cases.jsonl"
    case({"tool": "order_status", "says": "S-10241"}, tmp_path, turns=[{"text": "Where is my order S-10241?"}])
    assert assistant.main([str(file), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["files"][0]["rate"] == 1.0
