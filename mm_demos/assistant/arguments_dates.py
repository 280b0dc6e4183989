"""Dates in a text, written out or counted from today."""

from __future__ import annotations

import re
from datetime import date, timedelta

from mm_demos.assistant.arguments_numbers import DIGIT_WORDS, TEEN_WORDS

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
COUNTS = {**{word: number for number, word in enumerate((*DIGIT_WORDS, *TEEN_WORDS))}, "a": 1, "an": 1, "a couple of": 2}
DAYS = {"day": 1, "week": 7, "fortnight": 14}
MONTH = r"(?P<month>jan|feb|mar|apr|may|june?|july?|aug|sept?|oct|nov|dec)[a-z]*\.?"
DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
YEAR = r"(?:,?\s+(?P<year>\d{4}))?"
FORMS = (
    re.compile(r"\b(?P<year>\d{4})-(?P<number>\d{1,2})-(?P<day>\d{1,2})\b"),
    re.compile(r"\b(?P<day>\d{1,2})[./](?P<number>\d{1,2})[./](?P<year>\d{4})\b"),  # day first, as the shop writes
    re.compile(rf"\b(?:the\s+)?{DAY}\s+(?:of\s+)?{MONTH}{YEAR}\b", re.IGNORECASE),
    re.compile(rf"\b{MONTH}\s+(?:the\s+)?{DAY}\b{YEAR}", re.IGNORECASE),
)
AGO = re.compile(rf"\b(?P<count>\d{{1,3}}|{'|'.join(COUNTS)})\s+(?P<unit>day|week|fortnight|month)s?\s+ago\b", re.IGNORECASE)
NEAR = re.compile(rf"\b(?P<word>today|yesterday|(?:last|on|this)\s+(?P<weekday>{'|'.join(WEEKDAYS)}))\b", re.IGNORECASE)
BEFORE_YESTERDAY = re.compile(r"\b(?:the\s+)?day before yesterday\b", re.IGNORECASE)


def dates_in(text: str, *, today: date) -> tuple[date, ...]:
    """Past dates in `text`, in its order: "2026-11-03", "3 November", "Nov 3rd", "two weeks ago", "yesterday", "last Monday".

    A date without a year is the latest one that is not after `today`.
    """
    found: dict[int, date] = {}
    for form in FORMS:
        for match in form.finditer(text):
            day = _written(match, today)
            if day is not None:
                found.setdefault(match.start(), day)
    for match in AGO.finditer(text):
        found.setdefault(match.start(), _ago(match, today))
    before = list(BEFORE_YESTERDAY.finditer(text))
    found |= {match.start(): today - timedelta(days=2) for match in before}
    for match in NEAR.finditer(text):
        if not any(other.start() <= match.start() < other.end() for other in before):
            found.setdefault(match.start(), _near(match, today))
    return tuple(dict.fromkeys(day for _, day in sorted(found.items())))


def _written(match: re.Match[str], today: date) -> date | None:
    parts = match.groupdict()
    month = int(parts["number"]) if parts.get("number") else MONTHS.index(parts["month"][:3].lower()) + 1
    try:
        if parts["year"]:
            return date(int(parts["year"]), month, int(parts["day"]))
        this_year = date(today.year, month, int(parts["day"]))
        return this_year if this_year <= today else date(today.year - 1, month, int(parts["day"]))
    except ValueError:  # 31 February is no date
        return None


def _ago(match: re.Match[str], today: date) -> date:
    count = int(match["count"]) if match["count"].isdigit() else COUNTS[match["count"].lower()]
    unit = match["unit"].lower()
    return today - timedelta(days=count * DAYS.get(unit, 30))


def _near(match: re.Match[str], today: date) -> date:
    if match["weekday"]:
        back = (today.weekday() - WEEKDAYS.index(match["weekday"].lower())) % 7
        return today - timedelta(days=back or 7)
    return today - timedelta(days=match["word"].lower() == "yesterday")
