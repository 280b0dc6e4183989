"""Which prompts are not painted, and why: a list of words and phrases, read through the usual disguises.

What it cannot do: it knows English and a handful of words of other languages; it reads words, not meanings, so a harm described
in harmless words passes and a rare harmless phrase may be refused; it knows the names of some public persons only; it looks at
neither the start picture nor the painted one. Whoever offers the page to others still answers for what is painted.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from mm_demos.errors import InvalidInputError
from mm_demos.settings import settings
from mm_demos.tasks import image_safety_words as words

# Letters that look like Latin ones, and what they are read as: Cyrillic, Greek, Armenian, small capitals, strokes.
LOOKALIKES = str.maketrans(
    "аеорсухіѕјԁһкмтвнпгвиα οερικντυηχωոսքօցᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢøłđıɑɡƅ",
    "aeopcyxisjdhkmtbhnrbna oepikvtunxwnuqogabcdefghijklmnoprstuvwyzoldiagb",
)
LEET = str.maketrans("013457@$!|€+8", "oieastasiletb")
STARRED = ("nude", "nudes", "naked", "porn", "penis", "vagina", "pussy", "boobs", "nipples", "hentai", "sex", "gore", "swastika")
LETTERS = re.compile(r"(?<!\w)\w(?:[\s._*~/|-]+\w(?!\w)){2,}")  # words s p e l l e d out
RUNS = re.compile(r"(\w)\1{2,}")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a prompt is not painted; `kind` is "minors", "sexual", "violence", "self-harm", "hate" or "person"."""

    kind: str
    reason: str

    @property
    def sentence(self) -> str:
        """For the visitor."""
        return f"This prompt is not painted because it {self.reason}: describe another picture."


MINORS = Refusal("minors", "puts a child into a sexual context")
KINDS: tuple[tuple[Refusal, tuple[str, ...]], ...] = (  # all patterns of one must be found
    (MINORS, (words.ALWAYS_MINOR,)),
    (MINORS, (words.MINOR, words.SEXUAL)),
    (Refusal("sexual", "asks for nudity or sexual content"), (words.NUDE,)),
    (Refusal("sexual", "asks for nudity or sexual content"), (words.EXPLICIT,)),
    (Refusal("sexual", "asks for nudity or sexual content"), (words.SUGGESTIVE, words.PERSON)),
    (Refusal("self-harm", "asks for a picture of self-harm"), (words.SELF_HARM,)),
    (Refusal("violence", "asks for graphic violence"), (words.GORE,)),
    (Refusal("hate", "asks for a symbol or a message of hatred"), (words.HATE,)),
    (Refusal("person", "would show a real person in a way that harms their name"), (words.PEOPLE, words.SHAMING)),
)


def check_prompt(prompt: str) -> None:
    """Refuse a prompt that should not be painted; `MM_DEMOS_SAFETY=off` lets all pass but sexual content with children.

    Raises:
        InvalidInputError: with the reason, in one calm sentence.
    """
    found = refusal(prompt)
    if found is not None and (found is MINORS or settings().safety):
        raise InvalidInputError(found.sentence)


def refusal(prompt: str) -> Refusal | None:
    """Why this prompt is not painted, or None."""
    readings = [_without(_patterns(words.HARMLESS), reading) for reading in readings_of(prompt)]
    for found, patterns in KINDS:
        if any(all(_patterns((pattern,)).search(reading) for pattern in patterns) for reading in readings):
            return found
    return None


def readings_of(prompt: str) -> tuple[str, ...]:
    """How a person may read the prompt: plain, with look-alikes, digits or spelled letters resolved; words joined by spaces."""
    plain = _folded(prompt)
    alike = plain.translate(LOOKALIKES).replace("_", "-")
    found = [plain, alike]
    for text in (alike, _unspelled(alike)):
        leet = " ".join(_leet(chunk) for chunk in text.split())
        found += [text, leet, leet.replace("i", "l") if leet != text else leet, re.sub(r"(?<=\w)[^\w\s]+(?=\w)", "", leet)]
    found += [RUNS.sub(r"\1", text) for text in found] + [RUNS.sub(r"\1\1", text) for text in found]
    found += [_starred(alike)]
    return tuple(dict.fromkeys(" ".join(re.findall(r"[^\W_]+", text)) for text in found))


def _folded(text: str) -> str:
    """Lower case, compatibility forms resolved, without accents and invisible characters."""
    text = "".join(map(_enclosed, text))
    text = unicodedata.normalize("NFD", unicodedata.normalize("NFKC", text).casefold())
    return "".join(char for char in text if unicodedata.category(char) not in {"Mn", "Cf", "Me"} and char != "\u3164")


def _enclosed(char: str) -> str:
    """The letter in a circle, a square or a flag."""
    for first in (0x1F130, 0x1F150, 0x1F170, 0x1F1E6):
        if first <= ord(char) < first + 26:
            return chr(ord("a") + ord(char) - first)
    return char


def _unspelled(text: str) -> str:
    """Spelled words joined, also without their first letter, which may be the article before them."""

    def joined(match: re.Match[str]) -> str:
        word = re.sub(r"\W+", "", match[0])
        return f"{word} {word[1:]}"

    return LETTERS.sub(joined, text)


def _leet(chunk: str) -> str:
    """Digits and signs among letters as the letters they stand for; numbers stay."""
    chunk = chunk.strip(".,;:!?\"'()")
    mixed = any(char.isalpha() for char in chunk) and not re.fullmatch(r"\d+[a-z]+(?:-\w+)*", chunk)
    return chunk.translate(LEET) if mixed else chunk


def _starred(text: str) -> str:
    """Words with letters blotted out, as the words they may be."""
    chunks = [chunk.strip(".,;:!?") for chunk in text.split()]
    return " ".join(_unblotted(chunk) if re.search(r"\w[*#]+\w", chunk) else chunk for chunk in chunks)


def _unblotted(chunk: str) -> str:
    pattern = re.compile("".join("." if char in "*#" else re.escape(char) for char in chunk))
    return next((word for word in STARRED if pattern.fullmatch(word)), chunk)


def _without(pattern: re.Pattern[str], text: str) -> str:
    return pattern.sub(" , ", text)


@lru_cache(maxsize=32)
def _patterns(alternatives: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)(?:{'|'.join(alternatives)})(?!\w)")
