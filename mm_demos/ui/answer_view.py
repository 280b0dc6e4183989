"""Answers as HTML; every word of a visitor or a model is escaped here."""

from __future__ import annotations

from html import escape

from mm_demos.results import Answer, TextLine
from mm_demos.tasks.question_batch import AnswerItem, AnswerTable
from mm_demos.ui import render
from mm_demos.ui.answers import Picture, Talk, Turn

EMPTY = render.empty("The answer will appear here", "With how sure it is, the other candidates, and what was seen and read.")
EMPTY_TABLE = render.empty("The answers will appear here", "One row per question, with how sure each answer is.")
GRID = 9  # cells a side of the grid that the answer model looks through
LIT = 0.45  # of the range from the least to the most looked-at cell, from which a cell is lit instead of shaded
RAISED = 0.1  # by so much the picture must make an answer likelier that language gives too, or a warning is due
SOURCES = {  # Answer.source → mark, what to call it, what it means
    "answer model": ("model", "answer model", "By a small model that looked at the picture; what it rests on stands below."),
    "text in the picture": ("text", "text in the picture", "Read by the text reader, not guessed."),
    "language model": (
        "words",
        "language model, from what was seen",
        "Worded by a language model from the objects and the text found; it has not seen the picture itself.",
    ),
}


def show_talk(talk: Talk) -> tuple[str, str, str, str, str, Talk]:
    """Values for the answer, the blanked-picture check, the conversation, the evidence, the follow-up box and the state."""
    return answer_card(talk.last), blanked(talk.last.answer), thread(talk), seen(talk), "", talk


def answer_card(turn: Turn) -> str:
    """The question, its answer, where that comes from, and the candidates."""
    result = turn.answer
    understood = _understood(turn)
    return (
        f'<div class="mm-card mm-answer"><p class="mm-asked" translate="no">{escape(turn.question)}{understood}</p>'
        f'<div class="mm-verdict"><p class="mm-lead">{_verdict(result)}</p>'
        f'<span class="mm-value" title="probability of this answer">{result.confidence:.0%}</span></div>'
        f"{source(result)}{_candidates(result, 'Candidates')}</div>"
    )


def _understood(turn: Turn) -> str:
    """A follow-up as the task understood it, when that is not what was typed."""
    receipt = turn.answer.receipt
    asked = str(receipt.options.get("asked") or "") if receipt is not None else ""
    return f' <span class="mm-understood" translate="yes">understood as “{escape(asked)}”</span>' if asked else ""


def _verdict(result: Answer) -> str:
    said = escape(result.text)
    return f"Not sure – perhaps “{said}”" if result.unsure else f'<span translate="no">{said}</span>'


def _candidates(result: Answer, title: str) -> str:
    limit = result.receipt.options.get("threshold") if result.receipt is not None else None
    return render.bars(result.alternatives, title=title, cutoff=float(limit) if isinstance(limit, int | float) else None)


def source(result: Answer) -> str:
    """Where the answer comes from, as a mark with words; empty when nobody says."""
    if not result.source:
        return ""
    mark, name, meaning = SOURCES.get(result.source, ("other", result.source, ""))
    return f'<p class="mm-from mm-from-{mark}" title="{escape(meaning)}"><span>from:</span> {escape(name)}</p>'


def blanked(result: Answer) -> str:
    """The answer with and without the picture, side by side, and what to make of it; empty unless it was asked for."""
    blind = result.without_image
    if blind is None:
        return ""
    same = blind.text.strip().lower() == result.text.strip().lower()
    shift = result.confidence - next((item.score for item in blind.alternatives if item.label == result.text), 0.0)
    judged = "Without the picture the answer is another one, so this one rests on the picture."
    if same:
        judged = f"Language alone gives the same answer; the picture made it {_change(shift)}."
    sides = "".join(_side(title, side) for title, side in (("With the picture", result), ("Without the picture", blind)))
    kind = "warn" if same and shift < RAISED else "info"
    return f'<div class="mm-card"><div class="mm-sides">{sides}</div>{render.notice(judged, kind)}</div>'


def _change(shift: float) -> str:
    points = round(100 * shift)
    if not points:
        return "neither more nor less likely, so it may be a habit of language"
    return f"{abs(points)} point{'s' * (abs(points) > 1)} {'more' if points > 0 else 'less'} likely"


def _side(title: str, result: Answer) -> str:
    best = f'<p class="mm-lead" translate="no">{escape(result.text)}</p><span class="mm-value">{result.confidence:.0%}</span>'
    return f'<div><h3>{title}</h3><div class="mm-verdict">{best}</div>{render.bars(result.alternatives, top=3)}</div>'


def thread(talk: Talk) -> str:
    """The conversation so far; empty after one question, which the answer's card shows already."""
    if len(talk.turns) < 2:
        return ""
    turns = "".join(
        f'<li><p class="mm-said" translate="no">{escape(turn.question)}</p><p class="mm-reply"><b>{_verdict(turn.answer)}</b> '
        f'<span class="mm-value">{turn.answer.confidence:.0%}</span></p></li>'
        for turn in talk.turns
    )
    return f'<div class="mm-card"><h3>Conversation</h3><ol class="mm-thread">{turns}</ol></div>'


def seen(talk: Talk) -> str:
    """The picture with what was looked at and read, then objects and text in words."""
    result = talk.last.answer
    figure = drawn(talk.picture, result.look, result.evidence.text_lines)
    words = render.evidence(result.evidence)
    return f'<div class="mm-card">{figure}{words}</div>' if figure or words else ""


def drawn(picture: Picture, look: tuple[float, ...], lines: tuple[TextLine, ...]) -> str:
    """The picture, dimmed where the question did not look and with frames around text; empty when there is neither.

    Args:
        picture: what to draw on.
        look: 81 shares of the 9 x 9 grid, row by row, laid over the whole picture; or none.
        lines: text with boxes in pixels of the picture.
    """
    look = look if len(look) == GRID * GRID and max(look) > min(look) else ()
    switches = [("look", "Where the question looked", bool(look)), ("boxes", "Text read", bool(lines))]
    if not look and not lines:
        return ""
    labels = "".join(
        f'<label><input type="checkbox" class="mm-show-{name}" checked> {title}</label>'
        for name, title, there in switches
        if there
    )
    alt = "The picture" + ", bright where the question looked" * bool(look) + ", text in frames" * bool(lines)
    return (
        f'<figure class="mm-seen"><div class="mm-drawn"><img src="{escape(picture.thumbnail)}" alt="{alt}">'
        f"{_shade(look)}{_frames(picture, lines)}</div><figcaption>{labels}</figcaption></figure>"
    )


def _shade(look: tuple[float, ...]) -> str:
    """Cells, dark to warm light; the outer ones stand twice, so that the blur fades nothing at the edge."""
    if not look:
        return ""
    low, high = min(look), max(look)
    colours = [_light((share - low) / (high - low)) for share in look]
    places = [min(max(i, 0), GRID - 1) for i in range(-1, GRID + 1)]
    cells = "".join(f'<i style="background:{colours[GRID * row + column]}"></i>' for row in places for column in places)
    return f'<div class="mm-shade" aria-hidden="true">{cells}</div>'


def _light(lit: float) -> str:
    """Colour over a cell that was looked at by `lit` in [0, 1]: told by brightness, as in the maps of captions."""
    warm = max(0.0, (lit - LIT) / (1 - LIT))
    alpha = 0.1 + 0.3 * warm if warm else 0.1 + 0.54 * (1 - lit / LIT)
    return f"rgb({12 + 243 * warm:.0f} {20 + 150 * warm:.0f} {26 + 14 * warm:.0f} / {alpha:.2f})"


def _frames(picture: Picture, lines: tuple[TextLine, ...]) -> str:
    frames = []
    for line in lines:
        left, top, right, bottom = line.box
        place = (left / picture.width, top / picture.height, (right - left) / picture.width, (bottom - top) / picture.height)
        style = ";".join(f"{side}:{share:.2%}" for side, share in zip(("left", "top", "width", "height"), place, strict=True))
        frames.append(f'<span style="{style}" title="{escape(line.text)}"></span>')
    return f'<div class="mm-frames" aria-hidden="true" translate="no">{"".join(frames)}</div>' if frames else ""


def table(result: AnswerTable) -> list[str]:
    """All answers in one table; a row unfolds to its candidates."""
    rows = "".join(map(_row, result.items))
    head = "".join(f'<th scope="col">{name}</th>' for name in ("Question", "Answer", "Sure"))
    return [f'<table class="mm-answers"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>']


def _row(item: AnswerItem) -> str:
    found = item.answer
    if found is None:
        asked = f'<td translate="no">{escape(item.question)}</td>'
        return f'<tr>{asked}<td colspan="2">{render.notice(item.error, "error")}</td></tr>'
    said = _verdict(found)
    if len(found.alternatives) > 1 or found.without_image is not None:
        said = f"<details><summary>{said}</summary>{_candidates(found, '')}{_blind_line(found)}</details>"
    return (
        f'<tr><td translate="no">{escape(item.question)}</td><td><div class="mm-short">{said}</div>{source(found)}</td>'
        f'<td class="mm-value">{found.confidence:.0%}</td></tr>'
    )


def _blind_line(result: Answer) -> str:
    blind = result.without_image
    said = f'<span translate="no">{escape(blind.text)}</span> ({blind.confidence:.0%})' if blind else ""
    return f'<p class="mm-small">Without the picture: {said}</p>' if blind else ""
