"""Questions and answers made from captions, after COCO-QA (Ren et al., 2015), with yes and no in balance."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from mm_demos.evaluation.captions import words
from mm_demos.evaluation.vocabulary import ACTIONS, ANIMALS, COLORS, NUMBERS, PEOPLE, PLACES, THINGS, WORN, lexicon, plural

Kind = Literal["yes/no", "colour", "count", "object", "action", "place"]
KINDS: tuple[Kind, ...] = ("yes/no", "colour", "count", "object", "action", "place")
SKIPPED = frozenset(
    "large small big little young old older tall long wooden striped plastic bright dark light other toy rubber metal".split()
)
BROAD = frozenset({"water", "snow", "grass"})  # their words are often other things too: a pool, a sled, a field
NEEDS_OBJECT = ("holding", "carrying", "chasing", "throwing", "pushing", "pulling", "catching", "kicking")
UNCOUNTED = ("water", "snow", "grass", "sand", "food", "glasses", "pants", "shorts", "skis", "people")
TAKES_OBJECT = (
    "riding",
    "holding",
    "carrying",
    "throwing",
    "catching",
    "chasing",
    "kicking",
    "climbing",
    "eating",
    "pulling",
    "wearing",
    "playing",
)


@dataclass(frozen=True, slots=True)
class Question:
    """One question about photo number `photo`, with the answer one caption supports."""

    photo: int
    kind: Kind
    text: str
    answer: str


class Asker:
    """Turns captions into questions; the choice of wording and of absent things is drawn from `seed`."""

    def __init__(self, captions: Sequence[Sequence[str]], seed: int = 0) -> None:
        self.rng = np.random.default_rng(seed)
        self.tokens = [[words(text) for text in group] for group in captions]
        self.things, self.actions, self.places = lexicon(THINGS), lexicon(ACTIONS), lexicon(PLACES)
        broad_first = sorted(self.things.items(), key=lambda row: (row[0] != "people", row[0] != "child", row[0] not in BROAD))
        self.thing_of = {word: name for name, group in broad_first for word in group if word not in ("he", "she")}
        self.thing_of |= {name: name for name in self.things}
        self.action_of = {word: name for name, group in self.actions.items() for word in group}
        self.place_of = {word: name for name, group in self.places.items() for word in group}
        self.seen = [{word for line in lines for word in line} for lines in self.tokens]

    def pick(self, *options: str) -> str:
        return str(options[self.rng.integers(len(options))])

    def ask(self, photos: Sequence[int]) -> list[Question]:
        """All questions about `photos`; the yes/no ones have as many of either answer for every thing asked about."""
        open_ones = [q for photo in photos for lines in [self.tokens[photo]] for line in lines for q in self.about(photo, line)]
        return open_ones + list(self.ones(photos, open_ones)) + list(self.yes_no(photos))

    def about(self, photo: int, line: list[str]) -> Iterator[Question]:
        """Open questions that one caption answers."""
        yield from self.colours(photo, line)
        yield from self.counts(photo, line)
        subject = next((self.thing_of[w] for w in line[:6] if w in self.thing_of and self.thing_of[w] in PEOPLE | ANIMALS), "")
        acts = [
            (i, self.action_of[w]) for i, w in enumerate(line) if w in self.action_of and (w.endswith("ing") or w.endswith("s"))
        ]
        if subject:
            many = any(w in line[:6] and w == plural(subject) for w in line[:6])
            who = f"the {plural(subject) if many else subject}"
            be = "are" if many or subject == "people" else "is"
            yield from self.doing(photo, line, who, be, acts)
            yield from self.where(photo, line, who, be, acts)
            yield from self.subject(photo, subject, line, acts)

    def colours(self, photo: int, line: list[str]) -> Iterator[Question]:
        for i, word in enumerate(line[:-1]):
            follows = i + 1
            while follows < len(line) - 1 and line[follows] in SKIPPED:
                follows += 1
            noun = line[follows]
            mixed = i and (line[i - 1] == "and" or line[i + 1] == "and")
            if (
                word not in COLORS
                or mixed
                or (noun not in self.thing_of and noun not in ("hair", "top", "object"))
                or noun in COLORS
            ):
                continue
            be = "are" if noun.endswith("s") and noun not in ("dress", "grass") else "is"
            text = self.pick(f"What color {be} the {noun}?", f"What colour {be} the {noun}?", f"Which color {be} the {noun}?",
                             f"What is the color of the {noun}?", f"What color {noun} is it?")  # fmt: skip
            yield Question(photo, "colour", text, COLORS[word])

    def counts(self, photo: int, line: list[str]) -> Iterator[Question]:
        for i, word in enumerate(line[:-1]):
            if word not in NUMBERS:
                continue
            noun = next(
                (w for w in line[i + 1 : i + 4] if w in self.thing_of and w.endswith(("s", "men", "people", "children"))), ""
            )
            if noun:
                yield Question(photo, "count", self.how_many(noun), NUMBERS[word])
                if self.thing_of[noun] in PEOPLE and self.rng.random() < 0.5:
                    yield Question(photo, "count", self.how_many("people"), NUMBERS[word])

    def how_many(self, noun: str) -> str:
        return self.pick(f"How many {noun} are there?", f"How many {noun} are in the picture?", f"How many {noun} can you see?",
                         f"What is the number of {noun}?", f"How many {noun} are in the image?")  # fmt: skip

    def ones(self, photos: Sequence[int], others: Sequence[Question]) -> Iterator[Question]:
        """As many questions answered "one" as "two": things that every caption naming them names once."""
        wanted = sum(q.answer == "two" for q in others)
        found = []
        for photo in photos:
            for name in ("dog", "man", "woman", "boy", "girl", "horse", "bird", "child"):
                lines = [line for line in self.tokens[photo] if name in line]
                alone = all(re.search(rf"\b(a|an|one|the)( \w+)? {name}\b", " ".join(line)) for line in lines)
                if (
                    len(lines) >= 3
                    and alone
                    and plural(name) not in self.seen[photo]
                    and not self.seen[photo] & {"another", "other", "group", *NUMBERS}
                ):
                    found.append(Question(photo, "count", self.how_many(plural(name)), "one"))
        for number in self.rng.permutation(len(found))[:wanted]:
            yield found[number]

    def doing(self, photo: int, line: list[str], who: str, be: str, acts: list[tuple[int, str]]) -> Iterator[Question]:
        for i, act in acts[:1]:
            yield Question(
                photo,
                "action",
                self.pick(f"What {be} {who} doing?", f"What {be} {who} doing?", "What is happening in the picture?"),
                act,
            )
            if act not in TAKES_OBJECT:
                continue
            thing = self.next_thing(line, i)
            if thing and thing not in PEOPLE:
                yield Question(photo, "object", f"What {be} {who} {act}{' with' if act == 'playing' else ''}?", thing)
        for i, word in enumerate(line):
            if word == "wearing" and (thing := self.next_thing(line, i)) in WORN:
                yield Question(photo, "object", f"What {be} {who} wearing?", thing)
            if (
                word == "mouth"
                and i > 4
                and (held := [self.thing_of[w] for w in line[max(0, i - 5) : i] if w in self.thing_of])
                and held[-1] not in ANIMALS | PEOPLE
            ):
                yield Question(
                    photo,
                    "object",
                    self.pick(f"What is in {who}'s mouth?", f"What does {who} have in its mouth?", f"What is {who} holding?"),
                    held[-1],
                )

    def next_thing(self, line: list[str], start: int) -> str:
        """The first thing within five words after `start`."""
        return next((self.thing_of[w] for w in line[start + 1 : start + 6] if w in self.thing_of), "")

    def where(self, photo: int, line: list[str], who: str, be: str, acts: list[tuple[int, str]]) -> Iterator[Question]:
        for i, word in enumerate(line[:-1]):
            if word in ("in", "on", "through", "at", "along", "across", "down", "into", "over") and i > 1:
                place = next((self.place_of[w] for w in line[i + 1 : i + 5] if w in self.place_of), "")
                if place:
                    act = acts[0][1] if acts else ""
                    text = self.pick(
                        f"Where {be} {who}?",
                        f"Where {be} {who} {act}?" if act else f"Where {be} {who}?",
                        "Where was this photo taken?",
                    )
                    yield Question(photo, "place", text, place)
                    return

    def subject(self, photo: int, subject: str, line: list[str], acts: list[tuple[int, str]]) -> Iterator[Question]:
        act = acts[0][1] if acts else ""
        extra = " ".join(line[acts[0][0] + 1 :]) if acts and self.rng.random() < 0.6 else ""
        asks = [f"{'What' if subject in ANIMALS else 'Who'} is {act}{' ' + extra if extra else ''}?"] if act else []
        if subject in ANIMALS:
            asks += ["What animal is in the picture?", "What kind of animal is this?", "Which animal is shown?"]
        else:
            asks += ["Who is in the picture?", "Who is shown in the photo?"]
        asks += ["What is in the picture?"]
        if self.rng.random() < 0.5:
            yield Question(photo, "object", self.pick(*asks), subject)

    def yes_no(self, photos: Sequence[int]) -> Iterator[Question]:
        """For every thing, action and colour: the photos that have it, and as many that do not."""
        makers = [(group, name, self.thing_questions(name)) for name, group in self.things.items()]
        makers += [(group, name, self.action_questions(name)) for name, group in self.actions.items()]
        for group, _, wordings in makers:
            yes = [photo for photo in photos if sum(bool(group & set(line)) for line in self.tokens[photo]) >= 1]
            no = [photo for photo in photos if not group & self.seen[photo]]
            n = min(len(yes), len(no))
            for answer, pool in (("yes", yes), ("no", no)):
                for number in self.rng.permutation(len(pool))[:n]:
                    fitting = [w for w in wordings if self.fits(w, self.seen[pool[number]])]
                    yield Question(pool[number], "yes/no", self.pick(*fitting), answer)
        yield from self.coloured(photos)

    @staticmethod
    def fits(wording: str, seen: set[str]) -> bool:
        """A question about the dog, man or child is asked only where there is one."""
        subject = re.search(r"the (dog|man|child)\b", wording)
        return not subject or subject[1] in seen

    def coloured(self, photos: Sequence[int]) -> Iterator[Question]:
        for photo in photos:
            found = Counter(
                (q.text.split()[-1].rstrip("?"), q.answer)
                for line in self.tokens[photo]
                for q in self.colours(photo, line)
                if q.text.startswith(("What color is", "What color are"))
            )
            for noun, colour in found:
                said = {c for n, c in found if n == noun}
                others = [
                    c for c in ("red", "blue", "green", "black", "white", "yellow", "brown", "orange", "pink") if c not in said
                ]
                asked, answer = (colour, "yes") if self.rng.random() < 0.5 else (self.pick(*others), "no")
                yield Question(photo, "yes/no", self.pick(f"Is the {noun} {asked}?", f"Is there a {asked} {noun}?"), answer)

    def thing_questions(self, name: str) -> tuple[str, ...]:
        article = "any" if name in UNCOUNTED else "an" if name[0] in "aeiou" else "a"
        thing = f"{article} {name}".replace("any glasses", "glasses")
        asks = [
            f"Is there {thing}?",
            f"Is there {thing} in the picture?",
            f"Can you see {thing}?",
            f"Is there {thing} in the image?",
            f"Are there any {plural(name)} in the picture?",
            f"Does the picture show {thing}?",
        ]
        if name in WORN:
            asks += [f"Is anyone wearing {thing}?", f"Is someone wearing {thing}?"]
        if name in PEOPLE | ANIMALS:
            asks += [f"Is this {thing}?", f"Are there {plural(name)}?"]
        return tuple(asks)

    def action_questions(self, name: str) -> tuple[str, ...]:
        what = " something" if name in NEEDS_OBJECT else ""
        asks = tuple(
            f"Is {who} {name}{what}?" for who in ("anyone", "someone", "anybody", "the person", "the dog", "the man", "the child")
        )
        return (*asks, *asks[:2], f"Does the picture show someone {name}{what}?")
