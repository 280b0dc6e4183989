"""The interface in other languages: English stands in the code, the page puts the other language in its place.

A dictionary is a folder named by its language (`zh`) of flat JSON objects, one file per area of the interface (`frame.json`,
`speech.json`, …, `errors.json`, `gradio.json`). A key is the English text exactly as one piece of the page shows it: one text
node or one attribute (`placeholder`, `title`, `aria-label`, …), without tags, entities decoded, runs of white space made one
space, no space at the ends. "Press <b>Stop</b> to end" is three keys: "Press", "Stop" and "to end". The value is the same text
in the other language.

`{0}`, `{1}`, … in a key stand for any text that the program filled in: `"{0} words in {1} s": "{1} 秒内 {0} 个词"`. The value
names the same placeholders, in any order; it may leave one out only where the English needs it for its grammar. What stood in a
placeholder is looked up itself (a part of it as well, where it is a list with commas) and put in as it is if no entry knows it;
between quotation marks it is somebody's own words and never looked up.
Text that no entry knows is looked up again piece by piece: cut at " · ", at line breaks and between sentences. Exact keys are
tried before those with placeholders, and of these the one with the most letters of its own first. Real braces are written as
they are unless a digit stands alone between them.

`translate.js` does this in the page; it never enters an element marked `translate="no"`, where what visitors and models wrote
is.
"""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

FOLDER = Path(__file__).parent
CSS = FOLDER / "languages.css"
OTHERS = ("zh",)  # beside English
KEEP = "public, max-age=31536000, immutable"  # the address changes with the content
SWITCH = (
    '<button type="button" class="mm-language" translate="no" aria-label="EN / 中文: switch the language, 切换语言">'
    '<span lang="en">EN</span><span lang="zh-Hans">中文</span></button>'
)


def areas(language: str) -> dict[str, dict[str, str]]:
    """The dictionary files of a language by area, as they are."""
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted((FOLDER / language).glob("*.json"))}


@lru_cache(maxsize=len(OTHERS))
def dictionary(language: str) -> bytes:
    """All areas as one JSON object, as the page fetches it; names that stay as they are need not travel."""
    # Gradio's own words come last: where a word is looked for backwards, it is one of theirs.
    inside = sorted(areas(language).items(), key=lambda item: item[0] == "gradio")
    entries = {key: value for _, area in inside for key, value in area.items() if key != value}
    return json.dumps(entries, ensure_ascii=False, separators=(",", ":")).encode("utf-8")


def address(language: str) -> str:
    """Where the page finds the dictionary, seen from its own address."""
    return f"languages/{hashlib.sha256(dictionary(language)).hexdigest()[:12]}/{language}.json"


def head() -> str:
    """The script for the page's head; it runs before anything is drawn, and fetches a dictionary only where one is needed."""
    script = (FOLDER / "translate.js").read_text(encoding="utf-8")
    return f"<script>\n{script.replace('DICTIONARY', json.dumps(address('zh')))}</script>"


def route() -> Route:
    """What answers at `address`."""

    async def answer(request: Request) -> Response:
        language = request.path_params["language"]
        if language not in OTHERS:
            return Response(status_code=404)
        return Response(dictionary(language), media_type="application/json", headers={"cache-control": KEEP})

    return Route("/languages/{version}/{language}.json", answer)
