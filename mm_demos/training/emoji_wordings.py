"""What people may type for an emoji: its name, telling keywords and styles in sentences; the training texts of the painter."""

from __future__ import annotations

import random

from mm_demos.training.emoji_pictures import SETS, EmojiName, telling_keywords
from mm_demos.training.word_senses import Senses

PLAIN = 56  # texts of a name that fit every style
DESCRIBED = 24  # of them with synonyms, definitions or what kind of thing it is
MEANT = 5  # words of a definition that still mean the thing
STYLED = 3  # texts of a name for each style
TEMPLATES = (
    "{}", "{a}", "{a}", "a picture of {a}", "{a} on a white background", "draw {a}", "an emoji of {a}", "a drawing of {a}",
    "an icon of {a}", "{a}, flat colours", "a cute {}", "a small {}", "one {}", "the {}", "paint me {a} please", "a photo of {a}",
    "{}, clip art", "a simple {}", "{a}, cartoon", "i would like to see {a}", "a big {}", "a beautiful {}", "my {}",
    "an illustration of {a}", "a sticker of {a}", "{a} in bright colours", "can you draw {a}?", "a lovely little {}",
    "a shiny {}", "an old {}", "a colourful {}", "some {}", "{a} seen from the front", "{a} for a greeting card", "a new {}",
)  # fmt: skip
STYLES = {"noto": "noto", "fluent": "fluent", "twemoji": "twemoji"}
STYLE_TEMPLATES = ("{a}, {style} style", "{style} {}", "{a} in the style of {style}", "{}, {style}")


def article(words: str) -> str:
    """The words with an indefinite article, unless they are many things or begin with one."""
    first = words.split(" ", 1)[0]
    if first in {"a", "an", "the", "no", "two", "three"} or (words.endswith("s") and not words.endswith("ss")):
        return words
    return f"{'an' if words[0] in 'aeio' else 'a'} {words}"


def wordings(names: list[EmojiName], senses: Senses, seed: int = 0) -> list[tuple[list[str], dict[str, list[str]]]]:
    """For every name `PLAIN` texts that fit any style, and `STYLED` texts for each style, drawn with `seed`."""
    drawn = random.Random(seed)  # noqa: S311 (texts, not secrets)
    telling = telling_keywords(names)
    texts = [_texts(name, telling[index], drawn) for index, name in enumerate(names)]
    return [(plain + _described(name, senses, drawn), styled) for name, (plain, styled) in zip(names, texts, strict=True)]


def _described(name: EmojiName, senses: Senses, drawn: random.Random) -> list[str]:
    """Texts of a name with synonyms, with parts of the definition, and with what kind of thing it is and keywords."""
    whole, first = name.label, ""
    sense = senses.nearest(whole, name.keywords, name.group) or senses.nearest(
        whole.removesuffix(" face"), name.keywords, name.group
    )
    if sense is None and whole.count(" ") == 1:  # a red apple is a red fruit …
        first, head = whole.split(" ")
        first, sense = first + " ", senses.nearest(head, name.keywords, name.group)
    if sense is None:
        return [_filled(drawn.choice(TEMPLATES), drawn.choice((whole, _several(name, drawn)))) for _ in range(DESCRIBED)]
    others = [first + lemma for lemma in sense.lemmas if first + lemma != whole] or [whole]
    definitions = [first + definition for definition in sense.definitions]
    texts = [*definitions, f"{drawn.choice((whole, *others))}, {drawn.choice(definitions)}"]
    texts += [_filled(drawn.choice(TEMPLATES), drawn.choice(others)) for _ in range(5)]
    while len(texts) < DESCRIBED:
        said = _part(drawn.choice(definitions), drawn)
        kind = first + drawn.choice(sense.kinds)
        texts.append(
            drawn.choice((
                said, _filled(drawn.choice(TEMPLATES), said), f"{said}, {_several(name, drawn)}", f"{article(kind)}, {said}",
                f"{article(kind)} with {_several(name, drawn)}", f"{kind}, {_several(name, drawn)}",
            ))
        )  # fmt: skip
    return texts


def _part(definition: str, drawn: random.Random) -> str:
    """The definition, its beginning or its end: five words or more."""
    words = definition.split()
    if len(words) <= MEANT or drawn.random() < 1 / 3:
        return definition
    start = drawn.choice((0, drawn.randint(0, len(words) - MEANT)))
    return " ".join(words[start : drawn.randint(start + MEANT, len(words))])


def _several(name: EmojiName, drawn: random.Random) -> str:
    """Two or three keywords: such as fit other things too mean one thing together."""
    some = drawn.sample(name.keywords, min(len(name.keywords), drawn.choice((2, 2, 3)))) or [name.label]
    return drawn.choice((" ".join(some), ", ".join(some), " and ".join(some)))


def _texts(name: EmojiName, telling: tuple[str, ...], drawn: random.Random) -> tuple[list[str], dict[str, list[str]]]:
    alone = [name.label] * 3 + list(telling)
    plain = [name.label, article(name.label)]
    plain += [_filled(drawn.choice(TEMPLATES), drawn.choice(alone)) for _ in range(10)]
    plain += [_filled(drawn.choice(TEMPLATES), drawn.choice(telling or (name.label,))) for _ in range(6)]
    for _ in range(6):
        extra = drawn.choice(name.keywords or ("",))
        plain.append(drawn.choice((f"{name.label}, {extra}", f"{extra} {name.label}", f"{article(name.label)} and {extra}")))
    while len(plain) < PLAIN - DESCRIBED:
        some = _several(name, drawn)
        plain.append(drawn.choice((some, article(some))))
    styled = {
        style: [_filled(drawn.choice(STYLE_TEMPLATES), drawn.choice(alone), STYLES[style]) for _ in range(STYLED)]
        for style in SETS
    }
    return plain, styled


def _filled(template: str, words: str, style: str = "") -> str:
    return template.replace("{a}", article(words)).replace("{style}", style).replace("{}", words)
