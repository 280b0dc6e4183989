"""Words that are known one by one when an answer is held to its sources."""

from __future__ import annotations

_DIGITS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen "
    "nineteen twenty"
)
_TENS = "thirty forty fifty sixty seventy eighty ninety hundred"
_DAYS = (
    "monday tuesday wednesday thursday friday saturday sunday january february march april june july august september october "
    "november december"  # "may" is more often a verb
)
_COMMON = (
    "a an and any are as at be been but by can do does for from have has if in into is it its may more no not of on or our shall "
    "so such than that the their them then there these they this to us was we when where which who will with you your yes i me "
    "my "
    "would could should please also just very here what how offer get cost costs price cannot can't"
)

# "9 euros" and "nine euros" say the same, so a number may be written either way on either side.
IN_WORDS = {word: str(number) for number, word in enumerate(_DIGITS.split())} | {
    word: str(number) for number, word in zip(range(30, 101, 10), _TENS.split(), strict=True)
}
NAMED_DAYS = frozenset(_DAYS.split())
COMMON = frozenset(_COMMON.split())
