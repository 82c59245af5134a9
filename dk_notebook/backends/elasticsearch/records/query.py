"""A Query over documents as Query DSL, on whatever index.

A condition becomes two clauses: what may match, which is a superset of the hits, and what surely does. The meaning in
Python decides about what lies between. Each kind of field has its table of what is asked of it: `number_clauses`,
`text_clauses`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from dk_notebook.backends.derive import is_ordered
from dk_notebook.backends.elasticsearch.conditions import number_clauses, text_clauses
from dk_notebook.backends.elasticsearch.conditions.clauses import (
    ALL,
    NONE,
    Clause,
    between,
    both,
    either,
    exists,
    ids,
    is_too_deep,
    neither,
    terms,
)
from dk_notebook.backends.elasticsearch.records.fields import Reading, reading, segments, stored_values
from dk_notebook.backends.elasticsearch.records.mapping import KEY
from dk_notebook.records import kinds
from dk_notebook.records.document import Document
from dk_notebook.records.filters import And, Compare, Condition, Field, Not, Or, Sort, found_values
from dk_notebook.records.query import Query

IGNORED: Final = "_ignored"
"""Where the server notes what the index has left out of a document."""
LONGEST_ID: Final = 512
"""Bytes."""
_DAY: Final = 86_400_000
_KEY: Final = Field(KEY)


class Hit(NamedTuple):
    """What a condition is to the server."""

    maybe: Clause
    """Matched by every document that fulfils the condition, and by others."""
    sure: Clause
    """Matched by no other."""


@dataclass(frozen=True)
class Order:
    """How the documents come that have their place in the index."""

    clauses: list[dict[str, Any]]
    """Of ``sort``."""
    sure: Clause
    """What has a place by which they tell where it belongs."""
    dotted: tuple[Field, ...] = ()
    """Fields of which the index may have more values than the document, which then belongs further back."""
    by_key: bool = False
    """Whether the key stands for the field ``id``; a document that has one, if an empty one, belongs further back."""

    def is_in_place(self, document: Document) -> bool:
        """Whether a document comes where it belongs."""
        if self.by_key and found_values(_KEY, document.data) is not None:
            return False
        return all(
            len(found_values(each, document.data) or ()) == len(list(stored_values(document.data, segments(each))))
            for each in self.dotted
        )


@dataclass(frozen=True)
class DocumentQuery:
    """Writes conditions and orders for the indices that have these mappings."""

    mappings: Sequence[Mapping[str, Any]]
    _readings: dict[Field, Reading] = field(default_factory=dict)

    def hit(self, condition: Condition | None) -> Hit:
        """What may match a condition, and what surely does."""
        if condition is None:
            return Hit(ALL, ALL)
        maybe, sure = self._hit(condition)
        return Hit(ALL if is_too_deep(maybe) else maybe, NONE if is_too_deep(sure) else sure)

    def _hit(self, condition: Condition) -> Hit:
        match condition:
            case And(parts):
                hits = [self._hit(part) for part in parts]
                return Hit(both(*(hit.maybe for hit in hits)), both(*(hit.sure for hit in hits)))
            case Or(parts):
                hits = [self._hit(part) for part in parts]
                return Hit(either(*(hit.maybe for hit in hits)), either(*(hit.sure for hit in hits)))
            case Not(part):
                hit = self._hit(part)
                return Hit(neither(hit.sure), neither(hit.maybe))
            case Compare():
                return self._compare(condition)
        raise TypeError(f"no condition: {type(condition).__name__}")

    def _compare(self, compare: Compare) -> Hit:
        read = self._reading(compare.field)
        is_key = compare.field.name == KEY
        negated = compare.operator.negates
        op = negated or compare.op
        there = Hit(ALL, ALL if is_key else self._surely_there(compare.field, read))
        if op == "exists":
            return Hit(neither(there.sure), neither(there.maybe)) if negated else there
        maybe, sure = _any_value(read, op, compare.value)
        sure = NONE if read.is_below else sure
        if is_key:  # it counts where the field is missing
            missing = neither(exists(read.name)) if read.name and read.kind != "unknown" else ALL
            maybe = either(maybe, both(missing, _of_key(op, compare.value)))
        if negated:
            return Hit(both(there.maybe, neither(sure)), both(there.sure, neither(maybe)))
        return Hit(maybe, sure)

    def _surely_there(self, wanted: Field, read: Reading) -> Clause:
        """What surely has a value: not what has an empty list. A name with a * would be a pattern."""
        if not read.name or read.kind in ("object", "unknown") or read.is_below or "*" in wanted.name:
            return NONE
        return exists(read.name) if read.exact or read.kind in ("boolean", "date", "numbers") else NONE

    def _reading(self, wanted: Field) -> Reading:
        if wanted not in self._readings:
            self._readings[wanted] = reading(self.mappings, wanted)
        return self._readings[wanted]

    # --- order --------------------------------------------------------------------------------------------------

    def order(self, query: Query) -> Order | None:
        """How the hits come in the order of a query; None: they may come as they lie."""
        if not is_ordered(query):
            return None
        clauses: list[dict[str, Any]] = []
        sure = [_has_key(self.mappings)]
        dotted = []
        for sort in query.order:
            by, has_place = self._sorted(sort)
            clauses += by
            sure.append(has_place)
            if by and self._reading(sort.field).is_below:
                dotted.append(sort.field)
        by_key = any(sort.field.name == KEY and self._reading(sort.field).kind == "absent" for sort in query.order)
        return Order([*clauses, {KEY: "asc"}], both(*sure), tuple(dotted), by_key)

    def _sorted(self, sort: Sort) -> tuple[list[dict[str, Any]], Clause]:
        """The clause, and what has its place by it."""
        read = self._reading(sort.field)
        direction = "desc" if sort.descending else "asc"
        if read.kind == "absent":
            if sort.field.name == KEY:
                return [{KEY: direction}], neither(lost(read))
            return [], neither(lost(read))
        if not read.exact:
            return [], NONE
        misplaced = number_clauses.MISPLACED if read.kind == "numbers" else text_clauses.MISPLACED
        has_place = neither(*(each(read.name) for each in misplaced), lost(read))
        if sort.field.name == KEY:
            has_place = both(exists(read.name), has_place)
        return [{read.name: {"order": direction, "missing": "_last"}}], has_place


def lost(read: Reading) -> Clause:
    """Documents of which the index has left out a value of this field."""
    names = [*read.lost, *read.cut]
    return {"terms": {IGNORED: names}} if names else NONE


def _has_key(mappings: Sequence[Mapping[str, Any]]) -> Clause:
    """Documents that have their key as a field too, by which they sort."""
    declared = [(mapping.get("properties") or {}).get(KEY) for mapping in mappings]
    return exists(KEY) if all(each == {"type": "keyword"} for each in declared) else NONE


# --- one comparison -------------------------------------------------------------------------------------------------


def _any_value(read: Reading, op: str, operand: Any) -> Hit:
    """Whether a value of a field fulfils an operator that negates nothing."""
    if read.kind == "unknown":
        return Hit(ALL, NONE)
    gone = lost(read)
    if read.kind in ("absent", "object"):
        return Hit(gone, NONE)
    if op == "in":
        hits = [_of_list(read, operand, kind) for kind in ("number", "text")]
        hits += [_any_value(read, "=", one) for one in operand if kinds.kind(one) not in ("number", "text")]
        return Hit(either(gone, *(hit.maybe for hit in hits)), either(*(hit.sure for hit in hits)))
    hit = _of_pattern(read, op, operand) if op in text_clauses.PATTERNS else _of_ends(read, Ends.of(op, operand))
    return Hit(either(hit.maybe, gone), hit.sure)


class Ends(NamedTuple):
    """What a comparison wants as an interval."""

    low: Any
    high: Any
    is_open: bool
    """Whether the ends are outside of it."""

    @classmethod
    def of(cls, op: str, operand: Any) -> Ends:
        """The interval of an operator."""
        low, high = operand if op == "between" else (operand, operand)
        return cls(None if op[0] == "<" else low, None if op[0] == ">" else high, op in ("<", ">"))

    @property
    def kinds(self) -> set[kinds.Kind | None]:
        """The kinds of its ends."""
        return {kinds.kind(end) for end in (self.low, self.high) if end is not None}


def _of_ends(read: Reading, ends: Ends) -> Hit:
    if "binary" in ends.kinds:
        return Hit(NONE, NONE)
    if read.kind == "numbers":
        if ends.kinds == {"number"}:
            return Hit(*number_clauses.compared(read, ends.low, ends.high, is_open=ends.is_open))
        return Hit(NONE if read.exact or "number" in ends.kinds else exists(read.name), NONE)
    if read.kind == "text":
        return Hit(*text_clauses.compared(read, ends.low, ends.high, is_open=ends.is_open))
    if read.kind == "boolean":
        if ends.kinds == {"boolean"}:
            low, high = ends.low, ends.high
            held = [
                one
                for one in (False, True)
                if (low is None or (one > low if ends.is_open else one >= low))
                and (high is None or (one < high if ends.is_open else one <= high))
            ]
            return Hit(terms(read.name, held) if held else NONE, NONE)
        return Hit(NONE if "number" in ends.kinds else exists(read.name), NONE)
    return Hit(_of_dates(read, ends), NONE)


def _of_dates(read: Reading, ends: Ends) -> Clause:
    """Of a field of times, which is text in the documents: within a day of what is wanted."""
    if ends.kinds != {"temporal"} or read.type != "date":
        return exists(read.name)
    low, high = (None if end is None else kinds.instant(end) // 1_000_000 for end in (ends.low, ends.high))
    return between(
        read.name,
        gte=None if low is None else low - _DAY,
        lte=None if high is None else high + _DAY,
        format="epoch_millis",
    )


def _of_list(read: Reading, operand: Sequence[Any], kind: kinds.Kind) -> Hit:
    """Whether a value is one of those that are of a kind."""
    wanted = [one for one in operand if kinds.kind(one) == kind]
    if not wanted:
        return Hit(NONE, NONE)
    if (read.kind, kind) == ("numbers", "number"):
        return Hit(*number_clauses.among(read, wanted))
    if (read.kind, kind) == ("text", "text"):
        return Hit(*text_clauses.among(read, wanted))
    return _of_ends(read, Ends.of("=", wanted[0]))  # it depends on the kind alone


def _of_pattern(read: Reading, op: str, operand: str) -> Hit:
    if read.kind == "text":
        return Hit(*text_clauses.matched(read, op, operand))
    return Hit(NONE if read.kind == "numbers" and read.exact else exists(read.name), NONE)


def _of_key(op: str, operand: Any) -> Clause:
    """Documents whose key may fulfil an operator."""
    if op in ("=", "in"):
        wanted = operand if op == "in" else (operand,)
        if all(kinds.kind(one) == "text" for one in wanted):
            return ids([one for one in wanted if text_clauses.is_text(one) and 0 < len(one.encode()) <= LONGEST_ID])
    return ALL
