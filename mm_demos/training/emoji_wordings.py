"""What people may type for an emoji: its name, telling keywords and styles in sentences; the training texts of the painter."""

from __future__ import annotations

import random

from mm_demos.training.emoji_pictures import SETS, EmojiName, telling_keywords

PLAIN = 13  # texts of a name that fit every style
STYLED = 3  # texts of a name for each style
TEMPLATES = (
    "{}", "{a}", "{a}", "a picture of {a}", "{a} on a white background", "draw {a}", "an emoji of {a}", "a drawing of {a}",
    "an icon of {a}", "{a}, flat colours", "a cute {}", "a small {}", "one {}", "the {}", "paint me {a} please", "a photo of {a}",
    "{}, clip art", "a simple {}", "{a}, cartoon", "i would like to see {a}", "a big {}", "a beautiful {}", "my {}",
)  # fmt: skip
STYLES = {"noto": "noto", "fluent": "fluent", "twemoji": "twemoji"}
STYLE_TEMPLATES = ("{a}, {style} style", "{style} {}", "{a} in the style of {style}", "{}, {style}")


def article(words: str) -> str:
    """The words with an indefinite article, unless they are many things or begin with one."""
    first = words.split(" ", 1)[0]
    if first in {"a", "an", "the", "no", "two", "three"} or (words.endswith("s") and not words.endswith("ss")):
        return words
    return f"{'an' if words[0] in 'aeio' else 'a'} {words}"


def wordings(names: list[EmojiName], seed: int = 0) -> list[tuple[list[str], dict[str, list[str]]]]:
    """For every name `PLAIN` texts that fit any style, and `STYLED` texts for each style, drawn with `seed`."""
    drawn = random.Random(seed)  # noqa: S311 (texts, not secrets)
    telling = telling_keywords(names)
    return [_texts(name, telling[index], drawn) for index, name in enumerate(names)]


def _texts(name: EmojiName, telling: tuple[str, ...], drawn: random.Random) -> tuple[list[str], dict[str, list[str]]]:
    alone = [name.label] * 3 + list(telling)
    plain = [name.label, article(name.label)]
    plain += [_filled(drawn.choice(TEMPLATES), drawn.choice(alone)) for _ in range(PLAIN - 5)]
    for _ in range(3):
        extra = drawn.choice(name.keywords) if name.keywords else ""
        plain.append(drawn.choice((f"{name.label}, {extra}", f"{extra} {name.label}", f"{article(name.label)} and {extra}")))
    styled = {
        style: [_filled(drawn.choice(STYLE_TEMPLATES), drawn.choice(alone), STYLES[style]) for _ in range(STYLED)]
        for style in SETS
    }
    return plain, styled


def _filled(template: str, words: str, style: str = "") -> str:
    return template.replace("{a}", article(words)).replace("{style}", style).replace("{}", words)
