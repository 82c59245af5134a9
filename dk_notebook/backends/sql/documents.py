"""A Query over JSON documents as SQL, whatever a field holds in each of them.

A condition is written so that it is TRUE for documents that surely match, FALSE for those that surely do not, and NULL
where the store cannot tell (a list inside of a list, a number of too many digits, a text that may spell a time). AND,
OR and NOT of SQL keep that meaning. So ``IS NOT FALSE`` is the superset of the hits, and `backends.derive` decides
about what is not TRUE. One value of another kind never fails a query: what is cast was asked for its kind before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from dk_notebook.backends.derive import is_ordered
from dk_notebook.backends.sql.json_dialects import JsonDialect, JsonKind
from dk_notebook.backends.sql.select import Selected
from dk_notebook.records import kinds, patterns
from dk_notebook.records.filters import And, Compare, Condition, Field, Not, Or, Sort
from dk_notebook.records.query import Query

COLUMNS: Final = ("id", "data", "metadata", "version", "sure")
"""The columns of `select`."""

_RANKS: Final[tuple[tuple[JsonKind, int], ...]] = (("number", 0), ("text", 1), ("boolean", 2), ("object", 3))
"""Kinds in the order in which values of different ones sort, as `kinds.rank` has it."""


def select(table: str, query: Query, dialect: JsonDialect) -> Selected:
    """The candidates of a query: `COLUMNS`, those that are not sure first, the sure ones in the order of the query.

    ``table``: quoted SQL. The values are to be bound in their order.

    >>> from dk_notebook.backends.sql.json_dialects import DUCKDB_JSON
    >>> select('"t"', Query().filter("id", "exists"), DUCKDB_JSON).text
    'SELECT id, ... FROM (SELECT *, ... AS dk_hit FROM (SELECT *, ... FROM "t") AS dk_taken) AS dk_documents WHERE ...'
    """
    writer = _Writer(dialect)
    hit = None if query.condition is None else writer.condition(query.condition)
    doubts = [writer.unsure_order(sort) for sort in query.order]
    keys = [key for sort in query.order for key in writer.order(sort)]
    sure = " AND ".join([*(["dk_hit IS TRUE"] if hit else []), *(f"({doubt}) IS NOT TRUE" for doubt in doubts)])
    read = ", ".join([*dialect.columns.values(), f"{sure or 'TRUE'} AS sure"])
    parts = [f"SELECT {read} FROM {writer.source(table, hit)}"]
    if is_ordered(query):
        parts.append(f"ORDER BY {', '.join([*(['sure'] if sure else []), *keys, 'id' + dialect.sql.collate])}")
    return Selected(" ".join(parts), tuple(writer.values))


def count(table: str, query: Query, dialect: JsonDialect) -> Selected:
    """Rows ``(NULL, NULL, how many surely match)`` and ``(id, data, 1)`` for each that may, in one look."""
    writer = _Writer(dialect)
    if query.condition is None:
        return Selected(f"SELECT NULL, NULL, count(*) FROM {table}", ())
    source = writer.source(table, writer.condition(query.condition))
    maybe = "CASE WHEN dk_hit IS NULL THEN {} END"
    text = (
        f"SELECT {maybe.format('id')} AS dk_id, max({maybe.format(dialect.columns['data'])}), count(*) FROM {source} "
        "GROUP BY dk_id"
    )
    return Selected(text, tuple(writer.values))


@dataclass
class _Writer:
    """Writes expressions, and collects the values for their placeholders."""

    dialect: JsonDialect
    values: list[Any] = field(default_factory=list)
    inside: dict[tuple[str, ...], str] = field(default_factory=dict)
    """Path -> what lies there, as SQL: taken out of the document once, as columns ``dk_1``, ``dk_2`` ..."""
    items: int = 0

    def bound(self, value: object, sql_type: str) -> str:
        """A placeholder for ``value``, cast to its type."""
        self.values.append(value)
        return f"CAST({self.dialect.sql.placeholder(len(self.values))} AS {sql_type})"

    def source(self, table: str, hit: str | None) -> str:
        """The documents that may match, with what the other expressions name. To be written last."""
        taken = "".join(f", {sql} AS dk_{number}" for number, sql in enumerate(self.inside.values(), 1))
        source = f"(SELECT *{taken} FROM {table}) AS dk_taken" if taken else table
        if hit is None:
            return source
        return f"(SELECT *, {hit} AS dk_hit FROM {source}) AS dk_documents WHERE dk_hit IS NOT FALSE"

    # --- conditions ---------------------------------------------------------------------------------------------

    def condition(self, condition: Condition) -> str:
        """TRUE, FALSE, or NULL where the store cannot tell."""
        match condition:
            case And(parts):
                return f"({' AND '.join(map(self.condition, parts))})" if parts else "TRUE"
            case Or(parts):
                return f"({' OR '.join(map(self.condition, parts))})" if parts else "FALSE"
            case Not(part):
                return f"(NOT {self.condition(part)})"
            case Compare():
                return self._compare(condition)
        raise TypeError(f"no condition: {type(condition).__name__}")

    def _compare(self, compare: Compare) -> str:
        value = self._at(compare.field)
        is_missing = f"coalesce({self._is(value.sql, 'null')}, TRUE)"
        negated = compare.operator.negates
        op = negated or compare.op
        if op == "exists":
            there, missing = "TRUE", "TRUE" if value.or_key else "FALSE"
        else:
            there = self._any(value.sql, op, compare.value)
            missing = self._text(_KEY, op, compare.value) if value.or_key else "FALSE"
        if negated == "exists":
            there, missing = "FALSE", "FALSE" if value.or_key else "TRUE"
        elif negated:
            there, missing = f"NOT {there}", f"NOT {missing}" if value.or_key else missing
        on_the_way = f"WHEN {value.through_list} THEN NULL " if value.through_list else ""
        return f"(CASE {on_the_way}WHEN {is_missing} THEN {missing} ELSE {there} END)"

    def _any(self, x: str, op: str, operand: Any) -> str:
        """Whether a value that is there fulfils an operator, or one of its elements does."""
        self.items += 1
        item = f"dk_item_{self.items}"
        test = self._one(item, op, operand, listed="NULL")
        if test == "FALSE":
            return "FALSE"
        return self._one(x, op, operand, listed=self.dialect.any_item.format(x=x, item=item, test=test))

    def _one(self, x: str, op: str, operand: Any, *, listed: str) -> str:
        """Whether a value fulfils an operator; what to say of a list is given. FALSE where no value can."""
        tests: dict[JsonKind, str] = {
            "number": self._number(x, op, operand),
            "text": self._text(self.dialect.text.format(x=x), op, operand),
            "boolean": self._boolean(self.dialect.truth.format(x=x), op, operand),
        }
        branches = [f"WHEN {self._is(x, kind)} THEN {test}" for kind, test in tests.items() if test != "FALSE"]
        if not branches:
            return "FALSE"
        branches.append(f"WHEN {self._is(x, 'array')} THEN {listed}")
        return f"(CASE {' '.join(branches)} ELSE FALSE END)"

    def _number(self, x: str, op: str, operand: Any) -> str:
        numbers = self.dialect.numbers
        if op == "in":
            members = [kinds.exact(one) for one in operand if kinds.kind(one) == "number"]
            return numbers.among(x, members, self.bound) if members else "FALSE"
        return self._each_end(
            op,
            operand,
            lambda sign, end: (
                numbers.compared(x, sign, kinds.exact(end), self.bound) if kinds.kind(end) == "number" else "FALSE"
            ),
        )

    def _boolean(self, x: str, op: str, operand: Any) -> str:
        if op == "in":
            members = [f"{x} = {str(one).upper()}" for one in operand if kinds.kind(one) == "boolean"]
            return f"({' OR '.join(members)})" if members else "FALSE"
        return self._each_end(
            op, operand, lambda sign, end: f"{x} {sign} {str(end).upper()}" if kinds.kind(end) == "boolean" else "FALSE"
        )

    def _text(self, x: str, op: str, operand: Any) -> str:
        """Whether a text fulfils an operator."""
        x += self.dialect.sql.collate
        if op in ("like", "starts_with", "regex"):
            pattern = patterns.write(operand, self.dialect.sql.pattern) if op == "regex" else operand
            template: str = getattr(self.dialect.sql, op)
            return f"({template.format(x=x, p=self.bound(pattern, 'TEXT'))})"
        if op == "in":
            texts = [one for one in operand if kinds.kind(one) == "text"]
            tests = [self.dialect.among.format(x=x, p=self.bound(texts, "TEXT[]"))] if texts else []
            tests += [self._spelled(x, "=", one) for one in operand if kinds.kind(one) in ("temporal", "time")]
            return f"({' OR '.join(tests)})" if tests else "FALSE"

        def compared(sign: str, end: Any) -> str:
            if kinds.kind(end) == "text":
                return f"{x} {sign} {self.bound(end, 'TEXT')}"
            return self._spelled(x, sign, end) if kinds.kind(end) in ("temporal", "time") else "FALSE"

        return self._each_end(op, operand, compared)

    def _spelled(self, x: str, sign: str, operand: Any) -> str:
        """Whether a text that spells a time stands so to one: FALSE where it surely does not, else NULL."""
        if kinds.kind(operand) == "time":
            return f"CASE WHEN {self._like(x, '__:__%')} THEN NULL ELSE FALSE END"
        # The day that is written is within a day of the one in UTC; it sorts as text.
        tests = [self._like(x, "____-__-__%")]
        if sign in ("=", "<", "<=") and (after := _day(operand, 1)) is not None:
            tests.append(f"left({x}, 10) <= {self.bound(after, 'TEXT')}")
        if sign in ("=", ">", ">=") and (before := _day(operand, -1)) is not None:
            tests.append(f"left({x}, 10) >= {self.bound(before, 'TEXT')}")
        return f"CASE WHEN {' AND '.join(tests)} THEN NULL ELSE FALSE END"

    def _like(self, x: str, pattern: str) -> str:
        return self.dialect.sql.like.format(x=x, p=self.bound(pattern, "TEXT"))

    def _each_end(self, op: str, operand: Any, compared: Callable[[str, Any], str]) -> str:
        """One comparison, or the two of ``between``."""
        if op in _TEXT_ONLY:
            return "FALSE"
        if op != "between":
            return compared(op, operand)
        before = len(self.values)
        tests = [compared(sign, end) for sign, end in zip((">=", "<="), operand, strict=True)]
        if "FALSE" in tests:
            del self.values[before:]  # the other half is not written
            return "FALSE"
        return f"({tests[0]} AND {tests[1]})"

    # --- places -------------------------------------------------------------------------------------------------

    def _at(self, wanted: Field) -> _Value:
        """What a document has at a field."""
        path = wanted.path
        outer = [self._is(self._inside(path[:length]), "array") for length in range(1, len(path))]
        return _Value(self._inside(path), " OR ".join(outer), or_key=wanted.name == "id")

    def _inside(self, path: tuple[str, ...]) -> str:
        if path not in self.inside:
            p = self.bound(self.dialect.path(path), self.dialect.path_type)
            self.inside[path] = self.dialect.inside.format(x="data", p=p)
        return f"dk_{list(self.inside).index(path) + 1}"

    def _is(self, x: str, kind: JsonKind) -> str:
        return f"{self.dialect.kind.format(x=x)} IN ({self.dialect.kinds[kind]})"

    # --- order --------------------------------------------------------------------------------------------------

    def order(self, sort: Sort) -> list[str]:
        """Items of ORDER BY: missing last, then by kind, numbers and booleans, texts."""
        value = self._at(sort.field)
        x = value.sql
        ranks = " ".join(f"WHEN {self._is(x, kind)} THEN {rank}" for kind, rank in _RANKS)
        is_missing = f"coalesce({self._is(x, 'null')}, TRUE)"
        key, key_text = (" ELSE 1", f" WHEN {is_missing} THEN {_KEY}") if value.or_key else ("", "")
        number = self.dialect.numbers.ordered(x)
        truth = f"CASE WHEN {self.dialect.truth.format(x=x)} THEN 1 ELSE 0 END"
        text = f"CASE WHEN {self._is(x, 'text')} THEN {self.dialect.text.format(x=x)}{key_text} END"
        items = [
            f"CASE {ranks}{key} END",
            f"CASE WHEN {self._is(x, 'number')} THEN {number} WHEN {self._is(x, 'boolean')} THEN {truth} END",
            f"({text}){self.dialect.sql.collate}",
        ]
        return [f"{item} {'DESC' if sort.descending else 'ASC'} NULLS LAST" for item in items]

    def unsure_order(self, sort: Sort) -> str:
        """TRUE where `order` does not tell the place of a document."""
        value = self._at(sort.field)
        doubts = [self._is(value.sql, "array")]
        if value.through_list:
            doubts.append(value.through_list)
        number = self.dialect.numbers.unsure(value.sql)
        if number is not None:
            doubts.append(f"CASE WHEN {self._is(value.sql, 'number')} THEN {number} END")
        return " OR ".join(doubts)


def _day(moment: Any, shift: int) -> str | None:
    """The day in UTC, so many days later, as ISO text; None beyond the years 1 to 9999."""
    ordinal = kinds.instant(moment) // _NANOSECONDS_A_DAY + _EPOCH.toordinal() + shift
    return date.fromordinal(ordinal).isoformat() if 1 <= ordinal <= date.max.toordinal() else None


_EPOCH: Final = date(1970, 1, 1)
_NANOSECONDS_A_DAY: Final = 86_400 * 10**9
_KEY: Final = "id"
_TEXT_ONLY: Final = ("like", "starts_with", "regex")


@dataclass(frozen=True)
class _Value:
    """What lies at a field, as SQL."""

    sql: str
    through_list: str
    """TRUE where a list is on the way, through which SQL does not look; empty: none can be."""
    or_key: bool
    """Where nothing is there, the key counts."""
