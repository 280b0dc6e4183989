"""Transcripts as HTML and table rows; every word of a visitor or a model is escaped here."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Any

from mm_demos.evaluation.wer import WordErrors
from mm_demos.results import Segment, Transcription, Word
from mm_demos.tasks.live import LiveText
from mm_demos.ui import render
from mm_demos.ui.transcripts import Batch, Checked

_NAMES = """
en=English zh=Chinese de=German es=Spanish ru=Russian ko=Korean fr=French ja=Japanese pt=Portuguese tr=Turkish pl=Polish
ca=Catalan nl=Dutch ar=Arabic sv=Swedish it=Italian id=Indonesian hi=Hindi fi=Finnish vi=Vietnamese he=Hebrew uk=Ukrainian
el=Greek ms=Malay cs=Czech ro=Romanian da=Danish hu=Hungarian ta=Tamil no=Norwegian th=Thai ur=Urdu hr=Croatian bg=Bulgarian
lt=Lithuanian la=Latin mi=Maori ml=Malayalam cy=Welsh sk=Slovak te=Telugu fa=Persian lv=Latvian bn=Bengali sr=Serbian
az=Azerbaijani sl=Slovenian kn=Kannada et=Estonian mk=Macedonian br=Breton eu=Basque is=Icelandic hy=Armenian ne=Nepali
mn=Mongolian bs=Bosnian kk=Kazakh sq=Albanian sw=Swahili gl=Galician mr=Marathi pa=Punjabi si=Sinhala km=Khmer sn=Shona
yo=Yoruba so=Somali af=Afrikaans oc=Occitan ka=Georgian be=Belarusian tg=Tajik sd=Sindhi gu=Gujarati am=Amharic yi=Yiddish
lo=Lao uz=Uzbek fo=Faroese ht=Haitian ps=Pashto tk=Turkmen nn=Nynorsk mt=Maltese sa=Sanskrit lb=Luxembourgish my=Burmese
bo=Tibetan tl=Tagalog mg=Malagasy as=Assamese tt=Tatar haw=Hawaiian ln=Lingala ha=Hausa ba=Bashkir jw=Javanese su=Sundanese
"""
LANGUAGES = dict(pair.split("=") for pair in _NAMES.split())
LANGUAGE_CHOICES = [("Detect", "auto"), *sorted(((name, code) for code, name in LANGUAGES.items()))]
PREVIEW = 90  # characters of a transcript in the table of files
COLUMNS = ["start", "end", "text", "sure", "check"]
LEVELS = ((0.9, "sure"), (0.7, "likely"), (0.4, "unsure"), (0.0, "doubtful"))  # least probability of each
LEGEND = "".join(
    f'<span><span class="mm-word mm-{name}">{name}</span> {f"{bound:.0%} and more" if bound else "less"}</span>'
    for bound, name in LEVELS
)
REASONS = {
    "silence": "no voice is heard here",
    "repetition": "the text repeats itself",
    "low confidence": "the model is far from sure",
}


def card(result: Checked | None) -> str:
    """The transcript with what is known about it."""
    if result is None:
        return ""
    notices = "".join(render.notice(text, "warn") for text in result.notices)
    if not result.segments:
        return f'<div class="mm-card">{notices}{_facts(result)}</div>'
    paragraphs = "".join(_paragraph(segment) for segment in result.segments)
    coloured = any(segment.words for segment in result.segments)
    legend = f'<div class="mm-legend" aria-label="How sure each word is">{LEGEND}</div>' if coloured else ""
    return f'<div class="mm-card mm-transcript">{_facts(result)}{notices}<div class="mm-talk">{paragraphs}</div>{legend}</div>'


def _facts(result: Checked) -> str:
    facts: list[tuple[str, str]] = []
    if result.language:
        sure = f" · {result.language_prob:.0%}" if 0 < result.language_prob < 1 else ""
        facts.append((LANGUAGES.get(result.language, result.language), f"detected{sure}" if sure else "given"))
    if result.duration:
        facts.append((render.seconds(result.duration), "of audio"))
    if result.receipt is not None and result.receipt.task == "transcribe" and result.segments:
        facts.append((f"{result.duration / max(result.receipt.run_seconds, 1e-3):.1f} ×", "real time"))
    if result.errors is not None:
        facts.append((f"WER {result.errors.wer:.1%}", errors_line(result.errors)))
    return render.chips(facts) if facts else ""


def errors_line(errors: WordErrors) -> str:
    """What the word error rate counts."""
    kinds = f"{errors.substitutions} wrong, {errors.deletions} missing, {errors.insertions} extra"
    return f"{kinds} of {errors.reference_words} words"


def _paragraph(segment: Segment) -> str:
    words = "".join(_words(segment)) if segment.words else escape(segment.text)
    why = "; ".join(REASONS.get(flag, flag) for flag in segment.flags)
    badge = f'<span class="mm-flag" role="note" translate="yes">may be invented: {escape(why)}</span>' if why else ""
    return f'<p><time class="mm-time">{clock(segment.start)}</time><span translate="no">{words} {badge}</span></p>'


def _words(segment: Segment) -> Iterator[str]:
    """The segment's own text, so that its spacing stays, with a mark around each word."""
    position = 0
    for word in segment.words:
        found = segment.text.find(word.text, position)
        if found >= 0:
            yield escape(segment.text[position:found])
            position = found + len(word.text)
        yield _word(word)
    yield escape(segment.text[position:])


def _word(word: Word) -> str:
    level = next(name for bound, name in LEVELS if word.prob >= bound or bound == 0.0)
    return f'<span class="mm-word mm-{level}" title="{word.prob:.0%} sure · {clock(word.start)}">{escape(word.text)}</span>'


def clock(seconds: float, *, tenths: bool = False) -> str:
    """A moment for people: "0:07", "0:07.4", "1:02:45"."""
    count = round(seconds * 10)
    minutes, rest = divmod(count // 10, 60)
    hours, minutes = divmod(minutes, 60)
    whole = f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
    return f"{whole}.{count % 10}" if tenths else whole


def rows(result: Transcription | None) -> list[list[Any]]:
    """One row of `COLUMNS` per segment; confidence is the mean probability of its tokens in percent."""
    if result is None:
        return []
    return [
        [clock(s.start, tenths=True), clock(s.end, tenths=True), s.text, confidence(s), ", ".join(s.flags)]
        for s in result.segments
    ]


def confidence(segment: Segment) -> str:
    """The geometric mean of the tokens' probabilities, e.g. "82 %"."""
    return f"{100 * min(1.0, 2.718281828**segment.avg_logprob):.0f} %"


def subtitles(result: Transcription | None) -> list[dict[str, Any]]:
    """Captions for Gradio's player."""
    return [{"text": s.text, "timestamp": [s.start, max(s.end, s.start + 0.1)]} for s in result.segments] if result else []


def files_table(batch: Batch) -> list[list[str]]:
    """A row per file: name, language, length, what was said or what went wrong."""
    table = []
    for item in batch.items:
        talk = item.transcription
        said = item.error if talk is None else talk.text or " ".join(talk.notices)
        said = said if len(said) <= PREVIEW else f"{said[:PREVIEW].rsplit(' ', 1)[0]} …"
        table.append(
            [item.input, LANGUAGES.get(talk.language, "") if talk else "", render.seconds(talk.duration) if talk else "", said]
        )
    return table


def live(text: LiveText, seconds: float, problem: str = "") -> str:
    """What was said so far; what may still change is set apart."""
    if problem:
        return f'<div class="mm-card">{render.notice(problem, "error")}</div>'
    said = escape(text.committed)
    if not said and not text.pending:
        said = '<span class="mm-pending" translate="yes">Listening…</span>'
    pending = f' <span class="mm-pending">{escape(text.pending)}</span>' if text.pending else ""
    return (
        f'<div class="mm-card mm-transcript">{render.chips([(clock(seconds), "listened")])}'
        f'<div class="mm-talk mm-live" aria-live="polite"><p><span translate="no">{said}{pending}</span></p></div></div>'
    )
