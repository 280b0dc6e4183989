"""Every English text that the interface can show, found in the source; `python -m mm_demos.ui.languages.extract` lists gaps."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import get_args

from mm_demos.ui import languages
from mm_demos.ui.languages.places import AREAS, FOR_PEOPLE, NAMES, NAMING, PROGRAM, REFUSING, SAMPLES, SAYING, TECHNICAL, UNSHOWN
from mm_demos.ui.languages.templates import HOLE, keys_of, numbered, texts_of

PACKAGE = Path(__file__).parents[2]
NUMBER = re.compile(r"(?<![\w.-])\d(?:[\d.,]*\d)?(?![\w-])")
SCRIPT_TEXT = re.compile(r"\"((?:[^\"\\\n])*)\"|`((?:[^`\\])*)`")
SELECTOR = re.compile(r"[.\\[#>=]\S*(mm-|data-|\])|^[A-Z][A-Za-z]*$(?<!ed)(?<!y)(?<!se)|^[a-z]+ [a-z]+ [a-z]+=|\\")
SCRIPT_HOLE = re.compile(r"\$\{(?:[^{}]|\{[^{}]*\})*\}")


@dataclass(frozen=True, slots=True)
class Text:
    """One text of the interface: its key, the dictionary file it belongs to, and where it stands."""

    key: str
    area: str
    place: str


@cache
def texts() -> tuple[Text, ...]:
    """All texts of the source and of the catalog, each once, in the order of the files; names of formats and units are none."""
    found: dict[str, Text] = {}
    for path, area in sources():
        read = _script(path) if path.suffix == ".js" else _Reader(path).read()
        for key, line in read:
            found.setdefault(key, Text(key, area, f"{path.relative_to(PACKAGE).as_posix()}:{line}"))
    for key, area, place in (*_rows(), *_listed()):
        found.setdefault(key, Text(key, area, place))
    return tuple(text for text in found.values() if not NAMES.fullmatch(text.key))


def sources() -> Iterator[tuple[Path, str]]:
    """The files that are looked through, and the area of each."""
    for path in sorted((*PACKAGE.rglob("*.py"), *(PACKAGE / "ui").glob("*.js"))):
        name = path.relative_to(PACKAGE).as_posix()
        area = next((area for pattern, area in AREAS if fnmatch(name, pattern)), "")
        if area and not any(fnmatch(name, pattern) for pattern in UNSHOWN):
            yield path, area.format(stem=path.stem)


def lacking(language: str) -> list[Text]:
    """Texts without an entry in a language."""
    known = {key for area in languages.areas(language).values() for key in area}
    return [text for text in texts() if text.key not in known]


def stale(language: str) -> list[str]:
    """Entries that nothing in the source gives; Gradio's own words are not looked for here.

    An entry may say more than the source does ("{0} of {1} files" for "{0} of {1}"). Single words, and counts of them
    ("{0} files"), are given where the source has the word as a string of its own.
    """
    found, words = {text.key for text in texts()}, _words()
    scripts = "".join(path.read_text(encoding="utf-8") for path in (PACKAGE / "ui").glob("*.js"))
    entries = [key for name, area in languages.areas(language).items() if name != "gradio" for key in area]
    pages = "".join(path.read_text(encoding="utf-8") for path in (PACKAGE / "ui").glob("*.py"))
    said = (key for key in entries if key in found or f">{key}<" in pages)
    given = (key for key in entries if re.sub(r"^\{0\} (of \{1\} )?", "", key) in words)
    scripted = (key for key in entries if all(piece in scripts for piece in re.split(r"\{\d\}", key)))
    left = {*entries} - {*said} - {*given} - {*scripted}
    patterns = [re.compile("(.*)".join(map(re.escape, re.split(r"\{\d\}", key)))) for key in found if "{0}" in key]
    return sorted(key for key in left if not any(pattern.fullmatch(key) for pattern in patterns))


def _words() -> set[str]:
    """Every short string of the source as a visitor would read it, with spaces for dashes and underscores."""
    trees = (ast.parse(path.read_text(encoding="utf-8")) for path in PACKAGE.rglob("*.py"))
    strings = (node.value for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant))
    short = {re.sub(r"[-_]", " ", text) for text in strings if isinstance(text, str) and 0 < len(text) < 60}
    return short | {text[0].upper() + text[1:] for text in short}


def _rows() -> Iterator[tuple[str, str, str]]:
    """What the catalog says of each model; figures of quality are placeholders."""
    from mm_demos.models import catalog

    for row in catalog.rows():
        yield row.summary, "models", f"catalog:{row.name}"
        yield row.role, "models", f"catalog:{row.name}"
        if row.quality:
            yield numbered(NUMBER.sub(HOLE, row.quality)), "models", f"catalog:{row.name}"


def _listed() -> Iterator[tuple[str, str, str]]:
    """Lists of which the interface shows every item."""
    from mm_demos.assistant.types import Intent, Sentiment
    from mm_demos.fusion.charts_parts import strategy_name
    from mm_demos.fusion.types import STRATEGIES
    from mm_demos.models.sound_labels import SOUND_LABELS
    from mm_demos.ui.transcript_view import LANGUAGES

    for area, items in (
        ("speech", LANGUAGES.values()),
        ("retrieval", SOUND_LABELS),
        ("studio", (*STRATEGIES, *map(strategy_name, STRATEGIES))),
        ("assistant", (*get_args(Intent), *get_args(Sentiment))),
    ):
        for item in items:
            yield item, area, "list"


def _script(path: Path) -> Iterator[tuple[str, int]]:
    """Texts of a page script by line."""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        yield from ((key, number) for key in _script_keys("" if line.startswith("//") else line))


def _script_keys(code: str) -> Iterator[str]:
    """Texts of JavaScript: its strings with more than one word or a capital, in quotes or as templates."""
    for found in SCRIPT_TEXT.finditer(code):
        text = SCRIPT_HOLE.sub(HOLE, found[1] or found[2] or "")
        prose = re.search(r"^[A-Z“]|[a-z] [a-z]", text) and not SELECTOR.search(text)
        if "</" in text or prose:
            yield from (key for key in keys_of(text) if not PROGRAM.search(key))


class _Reader:
    """Looks through one file."""

    def __init__(self, path: Path) -> None:
        self._tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
        name = path.relative_to(PACKAGE).as_posix()
        self._page = name.startswith(("ui/", "tabs/", "fusion/charts"))
        self._refusals = any(fnmatch(name, pattern) for pattern in REFUSING)
        self._found: list[tuple[str, int]] = []

    def read(self) -> list[tuple[str, int]]:
        """Keys with their lines."""
        for node in ast.walk(self._tree) if self._refusals else [self._tree]:
            if isinstance(node, ast.Raise) or not self._refusals:
                self._visit(node, words=False)
        return self._found

    def _visit(self, node: ast.AST, *, words: bool) -> None:
        match node:
            case ast.Constant() | ast.JoinedStr() | ast.BinOp() | ast.IfExp() | ast.BoolOp():
                self._text(node, words=words)
            case ast.Call():
                self._call(node)
            case ast.Assign() | ast.AnnAssign() | ast.AugAssign():
                self._assignment(node)
            case ast.Compare() | ast.Subscript():
                pass
            case ast.Raise(exc=ast.Call(args=args)):
                for each in args:
                    self._visit(each, words=True)
            case _:
                inside = words or isinstance(node, ast.Yield)
                for child in _children(node):
                    keeps = isinstance(node, ast.Tuple | ast.List | ast.Starred | ast.Yield | ast.Dict | ast.comprehension)
                    self._visit(child, words=inside and keeps)

    def _text(self, node: ast.expr, *, words: bool) -> None:
        shown, unknown = texts_of(node)
        for text in shown:
            if "=> {" in text:
                self._found += [(key, node.lineno) for key in _script_keys(text)]
            elif text != HOLE and not ("<" not in text and PROGRAM.search(text)):
                self._found += [(key, node.lineno) for key in keys_of(text) if self._counts(key, words=words)]
        for part in unknown:
            if part is not node:
                self._visit(part, words=words)
                continue
            for child in _children(part):
                self._visit(child, words=words)

    def _call(self, node: ast.Call) -> None:
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        self._visit(node.func, words=False)
        ours = name in SAYING or (name in {"append", "insert"} and _name_of(getattr(node.func, "value", None)) in FOR_PEOPLE)
        for place in node.args:
            if not (isinstance(place, ast.Constant | ast.JoinedStr) and name in NAMING) and name != "examples":
                self._visit(place, words=ours)
        for keyword in node.keywords:
            if keyword.arg not in TECHNICAL:
                self._visit(keyword.value, words=keyword.arg in FOR_PEOPLE)

    def _assignment(self, node: ast.Assign | ast.AnnAssign | ast.AugAssign) -> None:
        target = node.targets[0] if isinstance(node, ast.Assign) else node.target
        if node.value is not None and _name_of(target) not in SAMPLES | {"__all__"}:
            self._visit(node.value, words=_name_of(target) in FOR_PEOPLE)

    def _counts(self, key: str, *, words: bool) -> bool:
        if PROGRAM.search(key):
            return False
        if words:
            return True
        if not self._page:
            return " " in key
        return not re.fullmatch(r"[^\sA-Z]*", re.sub(r"\{\d\}", "", key))


def _name_of(node: object) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _children(node: ast.AST) -> Iterator[ast.AST]:
    """What to look through below a node: no docstrings, no types."""
    body = getattr(node, "body", None)
    first = body[0] if isinstance(body, list) and body else None
    doc = first if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) else None
    hidden = {"annotation", "returns", "decorator_list", "slice"}
    if isinstance(node, ast.Dict) and len(node.keys) > 0:
        yield from (key for key in node.keys if isinstance(key, ast.expr))
        yield from node.values
        return
    for name, value in ast.iter_fields(node):
        for child in value if isinstance(value, list) else [value]:
            if name not in hidden and isinstance(child, ast.AST) and child is not doc:
                yield child


if __name__ == "__main__":
    for name in languages.OTHERS:
        for text in lacking(name):
            print(f"{name} lacks: {text.area}: {text.key!r} ({text.place})")
        for key in stale(name):
            print(f"{name} has what nobody says: {key!r}")
