r"""What is asked of a field of text, whose values the index has whole up to a length.

Documents may have numbers and booleans in such a field; the index has their spelling. So a text that could be such a
spelling is never sure.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from typing import Any, Final

from dk_notebook.backends.elasticsearch.conditions.clauses import (
    NONE,
    Clause,
    between,
    both,
    either,
    exists,
    neither,
    terms,
)
from dk_notebook.backends.elasticsearch.records.fields import Reading
from dk_notebook.records import kinds, patterns

PATTERNS: Final = ("like", "starts_with", "regex")
"""The operators of `matched`."""

MOST: Final = 200
"""Characters of a pattern that are sent, and of an operand that is longer than any text of the index."""
MOST_GAPS: Final = 10
"""Places of a pattern where anything may stand: each makes the server's work larger."""

_WORDS: Final = ("true", "false")
_EPOCH: Final = date(1970, 1, 1).toordinal()
_NANOSECONDS_A_DAY: Final = 86_400 * 10**9


def _spelled_numbers(name: str) -> Clause:
    """What begins as numbers do in JSON."""
    return either(between(name, gte="-", lt="."), _digits(name))


def _digits(name: str) -> Clause:
    return between(name, gte="0", lt=":")


MISPLACED: Final = (_spelled_numbers, lambda name: terms(name, _WORDS))
"""What may be a number or a boolean in the document, and then sorts elsewhere."""


def compared(read: Reading, low: Any, high: Any, *, is_open: bool) -> tuple[Clause, Clause]:
    """What may have a value in an interval, and what surely has."""
    ends = [end for end in (low, high) if end is not None]
    found = {kinds.kind(end) for end in ends}
    if found == {"text"}:
        return _between_texts(read, low, high, is_open=is_open)
    if found == {"number"}:
        return _spelled_numbers(read.name), NONE
    if found == {"boolean"}:
        return terms(read.name, _WORDS), NONE
    if found == {"temporal"}:
        return both(_digits(read.name), _days(read.name, low, high)), NONE
    if "number" in found or "boolean" in found:
        return NONE, NONE  # nothing is of two kinds
    return _digits(read.name), NONE


def among(read: Reading, wanted: Sequence[str]) -> tuple[Clause, Clause]:
    """What may have one of these values, and what surely has."""
    held = [one for one in wanted if is_text(one) and not _is_cut(read, one)]
    sure = [one for one in held if not _is_spelling(one)]
    return terms(read.name, held) if held else NONE, terms(read.name, sure) if sure and read.exact else NONE


def matched(read: Reading, op: str, operand: str) -> tuple[Clause, Clause]:
    """What may match a pattern, and what surely does."""
    if not is_text(operand):
        return (NONE, NONE) if op == "starts_with" else (exists(read.name), NONE)
    if op == "starts_with":
        clause: Clause = {"prefix": {read.name: operand[:MOST]}} if operand else exists(read.name)
        is_sure = read.exact and len(operand) <= MOST and not _begins_spelling(operand)
        return clause, clause if is_sure else NONE
    parts = operand.replace("_", "%").split("%") if op == "like" else ["", *_runs(operand), ""]
    wildcard = _like(operand) if op == "like" else "*".join(map(_escaped, parts))
    if len(wildcard) <= MOST and wildcard.count("*") <= MOST_GAPS:
        clause = {"wildcard": {read.name: {"value": wildcard}}}
        is_sure = read.exact and op == "like" and not _begins_spelling(parts[0])
        return clause, clause if is_sure else NONE
    return {"prefix": {read.name: parts[0][:MOST]}} if parts[0] else exists(read.name), NONE


def is_text(text: str) -> bool:
    """Whether it can be sent, and so can be in a document: half of a surrogate pair cannot."""
    return text.isascii() or not any("\ud800" <= each <= "\udfff" for each in text)


# --- texts ----------------------------------------------------------------------------------------------------------


def _between_texts(read: Reading, low: Any, high: Any, *, is_open: bool) -> tuple[Clause, Clause]:
    if not all(is_text(end) for end in (low, high) if end is not None):
        return exists(read.name), NONE
    if low == high and not is_open:
        return among(read, (low,))
    # A long one is cut, and then the text of the index at that place may be on either side.
    is_whole = all(end is None or len(end) <= MOST for end in (low, high))
    name, open_ = read.name, "" if is_open and is_whole else "e"
    bounds = {f"gt{open_}": low and low[:MOST], f"lt{open_}": high if high is None or len(high) <= MOST else None}
    clause = between(name, **bounds) if any(bound is not None for bound in bounds.values()) else exists(name)
    return clause, both(clause, neither(*(each(name) for each in MISPLACED))) if read.exact and is_whole else NONE


def _is_cut(read: Reading, text: str) -> bool:
    """Whether a text is too long for the index."""
    return bool(read.longest) and len(text) + sum(each > "\uffff" for each in text) > read.longest


def _is_spelling(text: str) -> bool:
    return text in _WORDS or text[:1] in _FIRST


def _begins_spelling(text: str) -> bool:
    """Whether the spelling of a number or a boolean may begin so."""
    return text[:1] in _FIRST or any(word.startswith(text) for word in _WORDS)


_FIRST: Final = frozenset("-0123456789")


def _like(pattern: str) -> str:
    return "".join({"%": "*", "_": "?"}.get(each) or _escaped(each) for each in pattern)


def _escaped(text: str) -> str:
    """Characters that mean themselves in a wildcard."""
    return re.sub(r"([*?\\])", r"\\\1", text)


def _runs(pattern: str) -> list[str]:
    """Texts that are in all that a regular expression finds, in this order; none where that is not plain."""
    items = patterns.parse(pattern)
    if any(item.kind in ("group", "or", "fold") for item in items):
        return []
    runs = [""]
    for item, after in zip(items, (*items[1:], None), strict=True):
        if item.kind == "character" and (after is None or after.kind != "repeat"):
            runs[-1] += item.text
        elif runs[-1]:
            runs.append("")
    return [run for run in runs if run]


# --- times ----------------------------------------------------------------------------------------------------------


def _days(name: str, low: Any, high: Any) -> Clause:
    """What begins with a day of an interval. The day that is written is within one of the one in UTC."""
    return between(name, gte=low and _day(low, -1), lt=high and _day(high, 2))


def _day(moment: Any, shift: int) -> str | None:
    """The day in UTC, so many days later, as ISO text; None beyond the years 1 to 9999."""
    ordinal = kinds.instant(moment) // _NANOSECONDS_A_DAY + _EPOCH + shift
    return date.fromordinal(ordinal).isoformat() if 1 <= ordinal <= date.max.toordinal() else None
