"""Text from pictures, documents, tool results and file names is data: cleaned, delimited, and without orders to the model."""

from __future__ import annotations

import re
import unicodedata

from mm_demos.assistant.guard_phrases import ASKING, COMMANDS, DATA_COMMANDS, ROLE_LINE, ROLE_MARKS
from mm_demos.assistant.guard_reply import ReplyFilter, may_be_shown, reveals
from mm_demos.media.files import shown

__all__ = (
    "ReplyFilter",
    "as_data",
    "asks_for_instructions",
    "cleaned",
    "file_name",
    "gives_orders",
    "may_be_shown",
    "own_words",
    "reveals",
    "safe",
    "without_orders",
)
MAX_CHARS = 4000  # of one piece of data
MAX_NESTED = 8  # marks within marks that are taken out one by one; deeper ones lose their brackets
OPEN, CLOSE = "⟦", "⟧"  # what delimits data; taken out of the data itself
INVISIBLE = {"Cc", "Cf", "Co", "Cs", "Cn"}  # Unicode categories: controls, zero-width and direction marks, tags, nobody's
# Cyrillic and Greek letters that look like Latin ones.
LOOKALIKES = str.maketrans(
    "аеорсухіѕјԁԛԝһɡАВЕІЅЈКМНОРСТУХοαενικρτυχΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "aeopcyxisjdqwhgABEISJKMHOPCTYXoaevikptuxABEZHIKMNOPTYX"
)
SENTENCE = re.compile(r"[^.!?\n。！？]*[.!?\n。！？]*")
SPACED = re.compile(r"(?<!\w)(?:\w[ ._*-]){3,}\w(?!\w)")  # "i g n o r e"


def cleaned(text: str, *, limit: int = MAX_CHARS) -> str:
    """Text without control, invisible and direction-changing characters, role marks and delimiters; at most `limit` characters.

    Compatibility forms (full-width letters, ligatures) become ordinary ones. Line breaks stay.
    """
    text = _visible(unicodedata.normalize("NFKC", text[: 4 * limit].replace("\r\n", "\n").replace("\r", "\n")))
    for _ in range(MAX_NESTED):  # taking one mark out may put another together: "<|im_<|im_end|>start|>"
        before, text = text, ROLE_MARKS.sub("", text)
        if before == text:
            break
    else:
        text = re.sub(r"[<>\[\]|]", "", text)
    text = text.replace(OPEN, "[").replace(CLOSE, "]")
    text = "\n".join(" ".join(ROLE_LINE.sub("", line).split()) for line in text.split("\n"))
    return re.sub(r"\n{3,}", "\n\n", text).strip()[:limit]


def gives_orders(text: str) -> bool:
    """Whether text of a picture, document, tool or file name tells a model what to do.

    Letters of other alphabets, spaced-out letters, invisible characters and case hide nothing.
    """
    return _says(DATA_COMMANDS, text)


def without_orders(text: str) -> str:
    """`text` without the sentences that give a model orders: forget your rules, play a part, call a tool, tell your prompt.

    An order may run over a line's end; then all lines it runs over go.
    """
    kept = "".join(sentence for sentence in SENTENCE.findall(text) if not gives_orders(sentence)).strip()
    if not gives_orders(kept):
        return kept
    paragraphs = kept.split("\n\n")
    return "\n\n".join(paragraph for paragraph in paragraphs if not gives_orders(paragraph)).strip()


def safe(text: str, *, limit: int = MAX_CHARS) -> str:
    """Cleaned text without orders."""
    return without_orders(cleaned(text, limit=limit))


def as_data(kind: str, name: str, text: str, *, limit: int = MAX_CHARS) -> str:
    """One delimited block for a prompt: ⟦picture "cat.jpg": …⟧, cleaned and without orders."""
    return f'{OPEN}{kind} "{file_name(name)}": {safe(text, limit=limit)}{CLOSE}'


def file_name(name: str) -> str:
    """A file's name as it may stand in a prompt: one line, no role marks; one that gives orders is only "file"."""
    text = shown(cleaned(name, limit=200).replace("\n", " ").replace('"', "'"))
    return "file" if gives_orders(text) or gives_orders(re.sub(r"[_\W]+", " ", text)) else text


def own_words(text: str, transcript: str = "") -> str:
    """What may choose a tool: what the user wrote and said, without sentences that only speak to the model."""
    words = cleaned("\n".join(filter(None, (text, transcript))))
    return "".join(sentence for sentence in SENTENCE.findall(words) if not _says(COMMANDS, sentence)).strip()


def asks_for_instructions(words: str) -> bool:
    """Whether the user asks for the system prompt, or to have it set aside, and for nothing besides."""
    return _says(ASKING, words) and not re.search(r"\w", own_words(words))


def _visible(text: str) -> str:
    return "".join(char for char in text if char in "\n\t" or unicodedata.category(char) not in INVISIBLE)


def _says(pattern: re.Pattern[str], text: str) -> bool:
    """Whether `pattern` stands in the text as it is read, or as it would be in the Latin alphabet."""
    plain = _plain(text)
    return bool(pattern.search(plain) or pattern.search(_plain(plain.translate(LOOKALIKES))))


def _plain(text: str) -> str:
    """No invisible characters, spaced-out words joined, one space between words."""
    text = _visible(unicodedata.normalize("NFKC", text))
    text = SPACED.sub(lambda match: re.sub(r"[ ._*-]", "", match[0]), text)
    return " ".join(text.replace("’", "'").split())
