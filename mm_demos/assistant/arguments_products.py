"""Products in a text, by their names or by what they are."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Sequence
from itertools import pairwise

# Last words of names that are also everyday words: they need a second word of the name beside them.
EVERYDAY = frozenset({"can", "set", "card", "light", "box", "case", "kit", "stand", "cover", "top", "pack", "order"})
MIN_TYPO_CHARS = 5
SAME_WORD = 0.84  # similarity of two spellings, in [0, 1]


def products_in(text: str, names: Collection[str], *, kinds: Collection[str] = ()) -> tuple[str, ...]:
    """Names meant in `text`, the surest only: the whole name, else its last word ("kettle", "tea towels") and those before.

    A word of `kinds` ("plants") names several products and so none of them. Several are given when the text names several in
    full, or when it does not tell them apart ("the tea").
    """
    words = _words(text)
    if not words:
        return ()
    full = [name for name in names if _contains(words, _words(name))]
    if full:
        return tuple(sorted(full, key=lambda name: _position(words, _words(name))))
    heads = {_words(name)[-1] for name in names if _words(name)}
    mended = [_mended(word, heads) for word in words]
    said = set(mended) | {first + second for first, second in pairwise(mended)}
    vague = EVERYDAY | {word for kind in kinds for word in _words(kind)}
    shares = {name: _share(_words(name), said, vague) for name in names}
    best = max(shares.values(), default=0.0)
    return tuple(name for name, share in shares.items() if share == best) if best > 0 else ()


def _share(name: Sequence[str], said: Collection[str], vague: Collection[str]) -> float:
    """Share of a name's words that were said; 0 when what it is was not."""
    if not name:
        return 0.0
    count = sum(word in said for word in name)
    head = name[-1]
    named = head in said and (head not in vague or len(name) == 1 or count > 1)
    set_of = head == "set" and len(name) > 1 and name[-2] in said  # "the cups" of a Cup Set
    return count / len(name) if named or set_of else 0.0


def _words(text: str) -> list[str]:
    return [_singular(word) for word in re.findall(r"[a-z0-9äöüß]+", text.lower())]


def _singular(word: str) -> str:
    if word == "cacti":
        return "cactus"
    if len(word) > 4 and word.endswith(("shes", "ches", "sses", "xes")):
        return word[:-2]
    if len(word) > 5 and word.endswith("ies"):
        return f"{word[:-3]}y"
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us")) else word


def _mended(word: str, heads: Collection[str]) -> str:
    if len(word) < MIN_TYPO_CHARS or word in heads:
        return word
    close = difflib.get_close_matches(word, [head for head in heads if len(head) >= MIN_TYPO_CHARS], n=1, cutoff=SAME_WORD)
    return close[0] if close else word


def _contains(words: Sequence[str], name: Sequence[str]) -> bool:
    return bool(name) and _position(words, name) < len(words)


def _position(words: Sequence[str], name: Sequence[str]) -> int:
    """Where the name stands among the words; their number when it does not."""
    starts = range(len(words) - len(name) + 1)
    return next((start for start in starts if list(words[start : start + len(name)]) == list(name)), len(words))
