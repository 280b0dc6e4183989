"""Cases for the assistant, one JSON object a line: turns, and what the last reply must do."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mm_demos.assistant.types import TOOLS, Message
from mm_demos.errors import InvalidInputError

CASES = Path(__file__).parent / "assistant_cases"
EXPECTED = frozenset({"source", "tool", "abstain", "injection", "says"})
PARTS = frozenset({"text", "audio", "image", "plain", "named"})


@dataclass(frozen=True, slots=True)
class Turn:
    """What is sent, and what differs without the attack."""

    text: str = ""
    audio: str = ""
    image: str = ""
    named: str = ""
    plain: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Case:
    """One conversation; `documents` and `orders` are the attack where it is not in a turn."""

    id: str
    kind: str
    turns: tuple[Turn, ...]
    expect: Mapping[str, Any]
    folder: Path
    documents: tuple[str, ...] = ()
    orders: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    media: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def messages(self, scratch: Path, *, attacked: bool = True) -> Iterator[Message]:
        """What is sent turn by turn, with the attack or without; renamed pictures are written to `scratch`."""
        for turn in self.turns:
            part = {"text": turn.text, "audio": turn.audio, "image": turn.image} | ({} if attacked else dict(turn.plain))
            image = self.folder / part["image"] if part["image"] else None
            if image and turn.named and attacked:
                (scratch / turn.named).write_bytes(image.read_bytes())
                image = scratch / turn.named
            audio = self.folder / part["audio"] if part["audio"] else None
            yield Message(part["text"] or "", (image,) if image else (), audio)


def read(path: Path) -> tuple[Case, ...]:
    """The cases of a JSON-lines file.

    Raises:
        InvalidInputError: it cannot be read, or a line is no case.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInputError(f"{path.name} cannot be read: give a UTF-8 file of JSON lines.") from error
    return tuple(_case(line, number, path) for number, line in enumerate(lines, 1) if line.strip())


def _case(line: str, number: int, path: Path) -> Case:
    """One line as a case."""
    try:
        raw = json.loads(line)
        turns = tuple(_turn(each) for each in raw["turns"])
        expect = dict(raw["expect"])
        tool = expect.get("tool", TOOLS[0])
        if not turns or not expect or set(expect) - EXPECTED or tool not in TOOLS:
            raise ValueError(line)
        more = {"documents": tuple(raw.get("documents", ())), "orders": raw.get("orders", {}), "media": raw.get("media", {})}
        return Case(str(raw.get("id", number)), str(raw.get("kind", _kind(turns))), turns, expect, path.parent, **more)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        shape = '{"turns": [{"text": …}], "expect": {"source", "tool" or "abstain": …}}'
        raise InvalidInputError(f"{path.name}, line {number}, is no case: write {shape}.") from error


def _turn(raw: Mapping[str, Any]) -> Turn:
    """One turn; it must hold something that is sent."""
    if not isinstance(raw, dict) or set(raw) - PARTS or not {"text", "audio", "image"} & set(raw):
        raise ValueError(raw)
    return Turn(**raw)


def _kind(turns: tuple[Turn, ...]) -> str:
    """Text, voice, picture, or mixed, by what the turns hold."""
    sound, sight = any(turn.audio for turn in turns), any(turn.image for turn in turns)
    return "mixed" if sound and sight else "voice" if sound else "picture" if sight else "text"
