"""Days as a shop counts them, and as people read them."""

from __future__ import annotations

from datetime import date, timedelta

from mm_demos.errors import InvalidInputError

SATURDAY = 5


def working_days_after(day: date, count: int) -> date:
    """The day `count` working days after `day`; Saturdays and Sundays are none, public holidays are not known."""
    while count:
        day += timedelta(days=1)
        count -= day.weekday() < SATURDAY
    return day


def years_after(day: date, count: int) -> date:
    """The same date `count` years on; 29 February becomes 1 March."""
    try:
        return day.replace(year=day.year + count)
    except ValueError:
        return date(day.year + count, 3, 1)


def in_words(day: date) -> str:
    """ "20 November 2026", the same in every locale."""
    months = "January February March April May June July August September October November December".split()  # noqa: SIM905
    return f"{day.day} {months[day.month - 1]} {day.year}"


def counted(count: int, noun: str) -> str:
    """ "1 day", "2 days"."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def parsed_day(text: str, name: str) -> date:
    """A date written YYYY-MM-DD.

    Raises:
        InvalidInputError: it is none.
    """
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise InvalidInputError(f"{name} {text[:40]!r} is not a date: write it like 2026-11-20.") from None
