"""String expressions of the source as the texts they can become: constants as they are, the rest as placeholders."""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterable, Iterator
from html import unescape
from html.parser import HTMLParser

HOLE = "\x00"  # stands for what the program fills in until the text is cut into pieces and numbered
MAX_VARIANTS = 24  # of one expression with its alternatives
PERCENT = re.compile(r"%[sdrf]")
BRACES = re.compile(r"\{[^{}]*\}")
NAMED = re.compile(r"(?<!\$)\{[A-Za-z_]+\}")  # of a text that `str.format` fills later
TAG = re.compile(r"</?[a-zA-Z][^>]*>|</?[a-zA-Z][^>]*$")
ATTRIBUTES = ("title", "aria-label", "alt", "placeholder", "data-told")
UNSEEN = ("script", "style", "path", "svg:path")
WHITE = re.compile(r"\s+")
LETTER = re.compile(r"[A-Za-z]")


def texts_of(node: ast.expr) -> tuple[list[str], list[ast.expr]]:
    """What the expression can become with `HOLE` for what is not known, and the parts it does not know.

    An expression that is no text at all is one hole.
    """
    unknown: list[ast.expr] = []
    return list(dict.fromkeys(_variants(node, unknown)))[:MAX_VARIANTS], unknown


def keys_of(text: str) -> Iterator[str]:
    """The keys of one such text: its pieces between tags and its attributes, with numbered placeholders."""
    for piece in _Pieces.of(text) if TAG.search(text) else (text,):
        key = numbered(unescape(piece))
        if LETTER.search(re.sub(r"\{\d\}", "", key)):
            yield key


def numbered(text: str) -> str:
    """One piece with `{0}`, `{1}`, … for its holes, as it stands in a dictionary."""
    clean = WHITE.sub(" ", text).strip()
    count = itertools.count()
    return re.sub(f"{HOLE}+", lambda _: f"{{{next(count)}}}", clean)


def _variants(node: ast.expr, unknown: list[ast.expr]) -> list[str]:  # noqa: PLR0911 (one answer for each kind of node)
    match node:
        case ast.Constant(value=str(text)):
            return [NAMED.sub(HOLE, text)]
        case ast.JoinedStr(values=parts):
            return _product([_variants(part, unknown) for part in parts])
        case ast.FormattedValue(value=value, format_spec=None):
            return _variants(value, unknown)
        case ast.IfExp(body=body, orelse=other):
            unknown.append(node.test)
            return [*_variants(body, unknown), *_variants(other, unknown)]
        case ast.BoolOp(op=ast.Or(), values=values):
            return [text for value in values for text in _variants(value, unknown)]
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _product([_variants(left, unknown), _variants(right, unknown)])
        case ast.BinOp(left=ast.Constant(value=str(text)), op=ast.Mult()):
            return ["", text]
        case ast.BinOp(left=left, op=ast.Mod(), right=right):
            unknown.append(right)
            return [PERCENT.sub(HOLE, text) for text in _variants(left, unknown)]
        case ast.Call(func=ast.Name(id="escape"), args=[inner, *_]):
            return _variants(inner, unknown)
        case ast.Call(func=ast.Attribute(value=ast.Constant(value=str(text)), attr="format"), args=args):
            unknown += args
            return [BRACES.sub(HOLE, text)]
    unknown.append(node)
    return [HOLE]


def _product(parts: Iterable[list[str]]) -> list[str]:
    texts = [""]
    for part in parts:
        texts = [before + after for before in texts for after in part][:MAX_VARIANTS]
    return texts


class _Pieces(HTMLParser):
    """The texts and the readable attributes of a stretch of HTML, whole or cut anywhere between tags."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self._unseen = 0
        self._text = ""

    @classmethod
    def of(cls, text: str) -> list[str]:
        """The pieces of `text`."""
        parser = cls()
        parser.feed(text)
        parser.close()
        parser._end()
        return parser.found

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._end()
        self._unseen += tag in UNSEEN
        self.found += [value for name, value in attrs if name in ATTRIBUTES and value]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self._unseen -= tag in UNSEEN

    def handle_endtag(self, tag: str) -> None:
        self._end()
        self._unseen -= tag in UNSEEN and self._unseen > 0

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self._text += data

    def _end(self) -> None:
        if self._text.strip():
            self.found.append(self._text)
        self._text = ""
