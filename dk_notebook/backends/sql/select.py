"""A Query over typed columns as SQL: what `records.filters` means in Python, said to a store.

Every condition is TRUE exactly for the rows that it matches; for others it is FALSE or NULL, which WHERE, AND and OR
treat alike, and `Not` is IS NOT TRUE. So the column stands bare in comparisons, and indexes serve them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from dk_notebook.backends.sql.columns import Column
from dk_notebook.backends.sql.dialects import Dialect
from dk_notebook.backends.sql.grids import ALWAYS, SIGNS, Place
from dk_notebook.backends.sql.names import quote
from dk_notebook.errors import ConfigError, NotFound, Unsupported, did_you_mean
from dk_notebook.records import kinds, patterns
from dk_notebook.records.filters import And, Compare, Condition, Field, Not, Or, Sort
from dk_notebook.records.query import Query

_FALSE: Final = "FALSE"


@dataclass(frozen=True)
class Selected:
    """SQL and the values that its placeholders stand for: text to be cast, bytes, or lists of these."""

    text: str
    values: tuple[Any, ...]


def select(
    table: str,
    columns: Sequence[Column],
    query: Query,
    dialect: Dialect,
    *,
    key: Sequence[str] = (),
    project: Callable[[Column, str], str] | None = None,
) -> Selected:
    """The SELECT for a query. ``table``: quoted SQL. ``key``: columns that decide ties, ascending, in a sorted query.

    ``project``: what to select for a column, given it and its SQL (a cast to what the driver reads).
    NotFound: a column that is not there. Unsupported: a comparison that SQL cannot make exactly.

    >>> from dk_notebook.backends.sql.dialects import DUCKDB
    >>> from dk_notebook.backends.sql.grids import Integers
    >>> age = Column("age", "number", "BIGINT", Integers.of_bits(64))
    >>> select('"t"', [age], Query.of([("age", ">", 2.5)], "-age", 3), DUCKDB)
    Selected(text='SELECT "age" FROM "t" WHERE ("age" > CAST($1 AS BIGINT)) ORDER BY "age" DESC NULLS LAST LIMIT 3',
             values=('2',))
    """
    writer = _Writer(dialect, columns)
    if query.columns is not None and not query.columns:
        raise ConfigError("no columns are selected")
    wanted = [Field(column.name, literal=True) for column in columns] if query.columns is None else query.columns
    parts = [f"SELECT {', '.join(writer.selected(one, project) for one in wanted)} FROM {table}"]
    if query.condition is not None:
        parts.append(f"WHERE {writer.condition(query.condition)}")
    if query.order:
        ties = [Sort(Field(name, literal=True)) for name in key]
        parts.append(f"ORDER BY {', '.join(writer.order(sort) for sort in (*query.order, *ties))}")
    if query.max_rows is not None:
        parts.append(f"LIMIT {query.max_rows}")
    if query.skip:
        parts.append(f"OFFSET {query.skip}")
    return Selected(" ".join(parts), tuple(writer.values))


def where(columns: Sequence[Column], condition: Condition | None, dialect: Dialect) -> Selected:
    """The condition alone, TRUE for the rows that it matches."""
    writer = _Writer(dialect, columns)
    return Selected("TRUE" if condition is None else writer.condition(condition), tuple(writer.values))


@dataclass
class _Writer:
    """Writes expressions, and collects the values for their placeholders."""

    dialect: Dialect
    columns: Sequence[Column]
    values: list[Any] = field(default_factory=list)
    aliases: int = 0

    def selected(self, wanted: Field, project: Callable[[Column, str], str] | None) -> str:
        """An item of the select list, under the name that was asked for."""
        column, sql = self.resolved(wanted)
        text = sql if project is None else project(column, sql)
        return text if text == quote(wanted.name) else f"{text} AS {quote(wanted.name)}"

    def resolved(self, wanted: Field) -> tuple[Column, str]:
        """The column of that name, or the field inside of one that the path leads to, and its SQL."""
        known = {column.name: column for column in self.columns}
        if wanted.name in known:
            return known[wanted.name], quote(wanted.name)
        path = wanted.path
        for length in range(len(path) - 1, 0, -1):
            column = known.get(".".join(path[:length]))
            if column is not None:
                return self._inside(column, quote(column.name), path[length:], wanted)
        raise NotFound(f"no column {wanted.name!r}", hint=did_you_mean(wanted.name, known) or _known(known))

    def _inside(self, column: Column, sql: str, path: Sequence[str], wanted: Field) -> tuple[Column, str]:
        for name in path:
            if column.kind in ("json", "list") or (column.kind == "object" and not column.fields):
                raise Unsupported(f"{wanted.name!r}: SQL cannot look into a column of kind {column.kind} here")
            inner = {one.name: one for one in column.fields}
            if name not in inner:
                raise NotFound(f"no field {wanted.name!r}", hint=did_you_mean(name, inner))
            column, sql = inner[name], f"({sql}).{quote(name)}"
        return column, sql

    # --- conditions ---------------------------------------------------------------------------------------------

    def condition(self, condition: Condition) -> str:
        """SQL that is TRUE for the rows that match."""
        match condition:
            case And(parts):
                return f"({' AND '.join(map(self.condition, parts))})" if parts else "TRUE"
            case Or(parts):
                return f"({' OR '.join(map(self.condition, parts))})" if parts else _FALSE
            case Not(part):
                return f"({self.condition(part)} IS NOT TRUE)"
            case Compare():
                column, sql = self.resolved(condition.field)
                return self.comparison(column, sql, condition)
        raise TypeError(f"no condition: {type(condition).__name__}")

    def comparison(self, column: Column, sql: str, compare: Compare) -> str:
        """One comparison with one column."""
        present = self.present(column, sql)
        if compare.op == "exists":
            return f"({present})"
        if compare.op == "not_exists":
            return f"(({present}) IS NOT TRUE)"
        negated = compare.operator.negates
        hit = self.hit(column, sql, negated or compare.op, compare.value)
        if negated is None:
            return _both(hit, present) if column.nan and hit != _FALSE else hit
        return f"({present})" if hit == _FALSE else f"({present} AND {hit} IS NOT TRUE)"

    def hit(self, column: Column, sql: str, op: str, operand: Any) -> str:
        """Whether any value of a column that is not negated, nor NaN, fulfils an operator."""
        if column.kind == "json":
            raise Unsupported(f"column {column.name!r} is JSON, which SQL stores compare differently")
        if column.kind == "list":
            return self._any_item(column, sql, op, operand)
        if column.kind == "object":
            return _FALSE
        if op == "between":
            return self._between(column, sql, operand)
        if op in _TEXT_TEMPLATES:
            return self._text_test(column, sql, op, operand)
        if op == "in":
            return self._membership(column, sql, operand)
        place = _placed(column, operand)
        if place is None:
            return _FALSE
        return self._compared(column, sql, op, place)

    def _between(self, column: Column, sql: str, operand: tuple[Any, Any]) -> str:
        before = len(self.values)
        low, high = (self.hit(column, sql, sign, end) for sign, end in zip((">=", "<="), operand, strict=True))
        if _FALSE in (low, high):
            del self.values[before:]  # the other half is not written
            return _FALSE
        return _both(low, high)

    def _compared(self, column: Column, sql: str, op: str, place: Place) -> str:
        value, sign = place.member, SIGNS[op][place.side]
        if value is None:
            # Off the grid: all values are below the operand, or above it.
            return f"({sql} IS NOT NULL)" if sign in ALWAYS[place.side] else _FALSE
        if sign is None:
            return _FALSE
        return f"({self.operand(column, sql)} {sign} {self.bound(value, column.type)})"

    def _membership(self, column: Column, sql: str, operand: Sequence[Any]) -> str:
        members: list[Any] = []
        for element in operand:
            place = _placed(column, element)
            if place is not None and place.side == 0:
                members.append(place.member)
        return f"({self.operand(column, sql)} = ANY({self.bound(members, f'{column.type}[]')}))" if members else _FALSE

    def _text_test(self, column: Column, sql: str, op: str, operand: str) -> str:
        if column.kind not in ("text", "other"):
            return _FALSE
        text = patterns.write(operand, self.dialect.pattern) if op == "regex" else operand
        template: str = getattr(self.dialect, _TEXT_TEMPLATES[op])
        return f"({template.format(x=self.operand(column, sql), p=self.bound(text, 'TEXT'))})"

    def _any_item(self, column: Column, sql: str, op: str, operand: Any) -> str:
        item, source, value = self._items(column, sql)
        hit = self.hit(item, value, op, operand)
        if hit == _FALSE:
            return _FALSE
        return f"EXISTS (SELECT 1 FROM {source} WHERE {_both(hit, self.present(item, value)) if item.nan else hit})"

    # --- pieces -------------------------------------------------------------------------------------------------

    def _items(self, column: Column, sql: str) -> tuple[Column, str, str]:
        """What a list holds, the list as a source of rows, and the SQL of an element there."""
        self.aliases += 1
        alias = f"dk_items_{self.aliases}"
        item = replace(column.item or Column(column.name, "other"), name=column.name)
        return item, f"unnest({sql}) AS {alias}(item)", f"{alias}.item"

    def present(self, column: Column, sql: str) -> str:
        """Whether the value is there. NaN is above infinity in SQL, and missing here."""
        return f"{sql} <= CAST('Infinity' AS {column.type})" if column.nan else f"{sql} IS NOT NULL"

    def operand(self, column: Column, sql: str) -> str:
        """The column as it is compared."""
        if column.kind == "other":
            texts = self.dialect.texts.items()
            form = next((form for name, form in texts if column.declared.startswith(name)), "CAST({x} AS TEXT)")
            sql = form.format(x=sql)
        return sql + self.dialect.collate if column.kind in ("text", "other") else sql

    def bound(self, value: Any, sql_type: str) -> str:
        """A placeholder for ``value``, cast to its type."""
        self.values.append(value)
        return f"CAST({self.dialect.placeholder(len(self.values))} AS {sql_type})"

    # --- order --------------------------------------------------------------------------------------------------

    def order(self, sort: Sort) -> str:
        """An item of ORDER BY: missing last in both directions, text by code point, a list by its first element."""
        column, sql = self.resolved(sort.field)
        return f"{self._order_value(column, sql, sort)} {'DESC' if sort.descending else 'ASC'} NULLS LAST"

    def _order_value(self, column: Column, sql: str, sort: Sort) -> str:
        if column.kind == "json":
            raise Unsupported(f"column {column.name!r} is JSON, which SQL stores sort differently")
        if column.kind == "object":
            return f"CASE WHEN {sql} IS NOT NULL THEN 0 END"
        if column.kind == "list":
            item, source, value = self._items(column, sql)
            direction = "DESC" if sort.descending else "ASC"
            # Not min and max, which not every type has.
            first = f"ORDER BY 1 {direction} NULLS LAST LIMIT 1"
            return f"(SELECT {self._order_value(item, value, sort)} FROM {source} {first})"
        if column.nan:
            return f"CASE WHEN {self.present(column, sql)} THEN {sql} END"
        return self.operand(column, sql)


_TEXT_TEMPLATES: Final = {"like": "like", "regex": "regex", "starts_with": "starts_with"}


def _placed(column: Column, operand: Any) -> Place | None:
    """Where the operand lies among the column's values; None where it is of another kind."""
    kind = kinds.kind(operand)
    if column.kind in ("text", "other"):
        if kind in ("temporal", "time"):
            raise Unsupported(
                f"column {column.name!r} holds text: SQL stores read times out of it differently",
                hint="compare it to text, or cast it in SQL",
            )
        return Place(operand) if kind == "text" else None
    if kind == "text" and column.kind in ("temporal", "time"):
        spelled = kinds.parse_instant(operand) if column.kind == "temporal" else kinds.parse_time(operand)
        return None if spelled is None or column.grid is None else column.grid.place(spelled)
    if kind != column.kind:
        return None
    if column.kind == "boolean":
        return Place("true" if operand else "false")
    if column.kind == "binary":
        return Place(bytes(operand))
    return None if column.grid is None else column.grid.place(kinds.exact(operand))


def _both(first: str, second: str) -> str:
    return f"({first} AND {second})"


def _known(names: Sequence[str] | dict[str, Column]) -> str:
    shown = list(names)
    return f"there are {', '.join(shown[:10])}" + (", ..." if len(shown) > 10 else "")
