"""A temporary table between a stream and its table: where keys and constraints are checked over all rows at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dk_notebook.backends.base import OnError, Rejected
from dk_notebook.backends.duckdb.catalog import Constraint, Entry
from dk_notebook.backends.duckdb.fit import Fit
from dk_notebook.backends.duckdb.plan import Intent
from dk_notebook.backends.sql.names import quote
from dk_notebook.backends.sql.targets import NO_KEY, insert_into, twice


class Staging:
    """The rows of one write in the types of the table, with their numbers, before any of them is in the table."""

    def __init__(self, cursor: Any, entry: Entry, fits: list[Fit], meant: Intent, *, number: int) -> None:
        self._cursor = cursor
        self._entry = entry
        self._fits = fits
        self._meant = meant
        taken = {column.name.lower() for column in entry.columns}
        self._row = "dk_row"
        while self._row in taken:
            self._row += "_"
        self._columns = ", ".join(quote(fit.column.name) for fit in fits)
        self._table = f"temp.main.dk_stage_{number}"
        # Never CREATE ... AS SELECT ... LIMIT 0: DuckDB 2.0 then sees no row of a table filled in the same transaction.
        declared = ", ".join(f"{quote(fit.column.name)} {fit.column.kind}" for fit in fits)
        cursor.execute(f"CREATE TEMPORARY TABLE dk_stage_{number} ({self._row} BIGINT, {declared})")

    def take(self, chunk: str, refused: set[int]) -> None:
        """The rows of a registered chunk, but those."""
        values = ", ".join(fit.expression for fit in self._fits)
        conditions = " AND ".join(f"NOT {fit.refused}" for fit in self._fits if fit.checked) if refused else "true"
        self._cursor.execute(f"INSERT INTO {self._table} SELECT dk_row, {values} FROM {chunk} WHERE {conditions}")

    def checked(self, errors: OnError) -> list[Rejected]:
        """The rows that break a rule, taken out of the staging table. With "raise" the first one is an error.

        Only what concerns the key is checked then: DuckDB itself tells the rest, and undoes everything.
        """
        if errors == "raise":
            self._check_key()
            return []
        return [rejected for rule in self._rules() for rejected in self._taken_out(*rule)]

    def moved(self, clause: str) -> int:
        """Insert what is left; how many rows the table took."""
        row: tuple[int] = self._cursor.execute(
            f"{insert_into(self._entry.quoted, [fit.column.name for fit in self._fits])} "
            f"SELECT {self._columns} FROM {self._table} ORDER BY {self._row}{clause}"
        ).fetchone()
        self._cursor.execute(f"DROP TABLE {self._table}")
        return row[0]

    # --- rules --------------------------------------------------------------------------------------------------

    def _check_key(self) -> None:
        key = self._meant.key
        columns = ", ".join(map(quote, key))
        for name in key:
            row = self._first(f"SELECT min({self._row}) FROM {self._table} WHERE {quote(name)} IS NULL")
            if row is not None:
                fit = next(fit for fit in self._fits if fit.source.name == name)
                raise fit.error(NO_KEY, row)
        found = self._cursor.execute(
            f"SELECT min({self._row}), max({self._row}) FROM {self._table} GROUP BY {columns} "
            "HAVING count(*) > 1 ORDER BY 1 LIMIT 1"
        ).fetchone()
        if found is not None:
            raise twice(key, *found)

    def _rules(self) -> Iterator[tuple[str, str, str]]:
        """Column, reason, and the numbers of the rows that break it, as a query; the cheap ones first."""
        source = self._with_defaults()
        known = {name.lower() for name in self._available()}
        for name in self._meant.key:
            yield name, NO_KEY, f"SELECT {self._row} FROM {self._table} WHERE {quote(name)} IS NULL"
        for rule in self._entry.constraints:
            if rule.kind == "CHECK":
                broken = f"SELECT {self._row} FROM {source} AS s WHERE NOT ({rule.expression})"
                yield ", ".join(rule.columns), f"CHECK ({rule.expression})", broken
            elif rule.kind == "FOREIGN KEY" and {name.lower() for name in rule.columns} <= known:
                yield rule.columns[0], f"no such row in {rule.references}", self._orphans(rule, source)
        unique = [
            rule
            for rule in self._entry.constraints
            if rule.kind in ("UNIQUE", "PRIMARY KEY")
            and all(name.lower() in known for name in rule.columns if self._entry.column(name))
        ]
        # First what the table has: a row that goes for that frees its key for a later one.
        for rule in unique:
            if {name.lower() for name in rule.columns} != {name.lower() for name in self._meant.key}:
                yield ", ".join(rule.columns), "the key is in the table already", self._there(rule, source)
        for rule in unique:
            yield ", ".join(rule.columns), "the key is in the data twice", self._twice(rule, source)

    def _there(self, rule: Constraint, source: str) -> str:
        key = ", ".join(self._expressions(rule))
        others = self._entry.quoted
        if self._meant.key:
            # Rows of the table that this very write replaces do not count.
            same = " AND ".join(f"o.{quote(name)} = k.{quote(name)}" for name in self._meant.key)
            replaced = f"EXISTS (SELECT 1 FROM {self._table} AS k WHERE {same})"
            others = f"(SELECT * FROM {others} AS o WHERE NOT {replaced})"
        return f"SELECT {self._row} FROM {source} AS s WHERE ({key}) IN (SELECT ({key}) FROM {others} AS t)"

    def _twice(self, rule: Constraint, source: str) -> str:
        expressions = self._expressions(rule)
        present = " AND ".join(f"{expression} IS NOT NULL" for expression in expressions)
        numbered = f"row_number() OVER (PARTITION BY {', '.join(expressions)} ORDER BY {self._row})"
        return f"SELECT {self._row} FROM {source} AS s WHERE {present} QUALIFY {numbered} > 1"

    def _expressions(self, rule: Constraint) -> list[str]:
        return [quote(name) if self._entry.column(name) else name for name in rule.columns]

    def _orphans(self, rule: Constraint, source: str) -> str:
        pairs = list(zip(rule.columns, rule.referenced, strict=True))
        parent = ".".join(map(quote, (self._entry.database, self._entry.schema, rule.references or "")))
        match = " AND ".join(f"p.{quote(theirs)} = s.{quote(ours)}" for ours, theirs in pairs)
        given = " AND ".join(f"s.{quote(ours)} IS NOT NULL" for ours, _ in pairs)
        there = f"EXISTS (SELECT 1 FROM {parent} AS p WHERE {match})"
        return f"SELECT {self._row} FROM {source} AS s WHERE {given} AND NOT {there}"

    def _available(self) -> list[str]:
        """The columns whose values are known before the insert: those of the data, and constant defaults."""
        given = [fit.column.name for fit in self._fits]
        return given + [name for name, _ in self._defaults()]

    def _defaults(self) -> list[tuple[str, str]]:
        given = {fit.column.name.lower() for fit in self._fits}
        return [
            (column.name, column.default or "NULL")
            for column in self._entry.columns
            if column.name.lower() not in given and column.generated is None
            and "nextval" not in (column.default or "")
        ]  # fmt: skip

    def _with_defaults(self) -> str:
        more = "".join(
            f", CAST({default} AS {self._entry.column(name).kind}) AS {quote(name)}"  # type: ignore[union-attr]
            for name, default in self._defaults()
        )
        computed = "".join(
            f", ({column.generated}) AS {quote(column.name)}" for column in self._entry.columns if column.generated
        )
        return f"(SELECT *{computed} FROM (SELECT *{more} FROM {self._table}))"

    def _taken_out(self, column: str, reason: str, broken: str) -> list[Rejected]:
        rows = self._cursor.execute(
            f"DELETE FROM {self._table} WHERE {self._row} IN ({broken}) RETURNING {self._row}"
        ).fetchall()
        return [Rejected(position=row, column=column or None, reason=reason) for (row,) in sorted(rows)]

    def _first(self, query: str) -> int | None:
        row: tuple[int | None] = self._cursor.execute(query).fetchone()
        return row[0]
