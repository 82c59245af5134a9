"""What a statement needs of each table: the columns that it names, and the rows that its WHERE clauses leave.

DuckDB tells its needs only while it runs, and of a file of the store the parts must be there by then. So they are
read off the parsed statement, on the safe side: more columns than needed, more rows than match.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple

import pyarrow as pa

from dk_notebook.backends.s3.reading.conditions import expressed
from dk_notebook.backends.s3.sql.tree import nodes
from dk_notebook.errors import ConfigError
from dk_notebook.frames.types import kind
from dk_notebook.records.filters import And, Compare, Condition, Field


class Need(NamedTuple):
    """Of one table."""

    columns: tuple[str, ...]
    """In the order of the table; at least one."""
    expression: Any
    """Holds for every row that counts; None: all rows may."""
    told: str = ""
    """The conditions, for people."""


_COMPARISONS: Final[Mapping[str, tuple[str, str]]] = {
    "COMPARE_EQUAL": ("=", "="),
    "COMPARE_LESSTHAN": ("<", ">"),
    "COMPARE_GREATERTHAN": (">", "<"),
    "COMPARE_LESSTHANOREQUALTO": ("<=", ">="),
    "COMPARE_GREATERTHANOREQUALTO": (">=", "<="),
}
"""DuckDB's name -> the operator, and the one with its sides exchanged."""


def needs(tree: Any, values: Sequence[Any], tables: Mapping[str, pa.Schema]) -> dict[str, Need]:
    """What a parsed statement needs of each of these tables; ``values``: of its placeholders."""
    whole = list(nodes(tree))
    named = _identifiers(whole)
    found = {}
    for name, schema in tables.items():
        columns = [each for each in schema.names if named is None or each.lower() in named] or schema.names[:1]
        condition = _condition(whole, name, tables, values)
        expression = None if condition is None else expressed(condition, schema).expression
        found[name] = Need(tuple(columns), expression, "" if condition is None else _text(condition))
    return found


def everything(tables: Mapping[str, pa.Schema]) -> dict[str, Need]:
    """What a statement needs of which nothing is known."""
    return {name: Need(tuple(schema.names), None) for name, schema in tables.items()}


# --- columns ----------------------------------------------------------------------------------------------------------


def _identifiers(whole: Sequence[Mapping[str, Any]]) -> frozenset[str] | None:
    """All names that may be columns, in lower case; None: any column may be needed."""
    if any(_may_mean_all(node) for node in whole):
        return None
    found = {name.lower() for node in whole for name in (node.get("using_columns") or ())}
    sources = [node for node in whole if "class" not in node]  # what is no expression
    rows = {str(node.get(key, "")).lower() for node in sources for key in ("table_name", "alias")}
    for node in whole:
        names = [name.lower() for name in node.get("column_names") or ()]
        if len(names) == 1 and names[0] in rows:  # a whole row
            return None
        found.update(names)
    return frozenset(found)


def _may_mean_all(node: Mapping[str, Any]) -> bool:
    natural = node.get("ref_type") in ("NATURAL", "POSITIONAL")
    numbered = node.get("class") == "POSITIONAL_REFERENCE"
    return node.get("class") == "STAR" or natural or numbered or bool(node.get("column_name_alias"))


# --- rows -------------------------------------------------------------------------------------------------------------


def _condition(
    whole: Sequence[Mapping[str, Any]], table: str, tables: Mapping[str, pa.Schema], values: Sequence[Any]
) -> Condition | None:
    """What every row of the table fulfils that counts. None: nothing is known, or the table is there several times."""
    uses = Counter(node["table_name"] for node in whole if node.get("type") == "BASE_TABLE")
    if uses[table] != 1:
        return None
    parts: list[Condition] = []
    for node in whole:
        if node.get("type") != "SELECT_NODE" or not node.get("where_clause") or node.get("sample"):
            continue
        scope = {(each.get("alias") or each["table_name"]).lower(): each["table_name"] for each in _from(node)}
        if table in scope.values():
            reader = _Conjuncts(scope, table, tables, values)
            parts += reader.of(node["where_clause"])
    return And(tuple(parts)) if parts else None


def _from(select: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The tables of one SELECT whose rows WHERE may leave out first: through its joins, without subqueries.

    Not those of which a row is taken for its place among the others: the nearest one, the one of that number, a sample.
    """
    waiting = [select.get("from_table")]
    while waiting:
        node = waiting.pop()
        if not node or node.get("sample") or node.get("ref_type") in ("ASOF", "POSITIONAL"):
            continue
        if node.get("type") == "BASE_TABLE":
            yield node
        elif node.get("type") == "JOIN":
            waiting += [node.get("left"), node.get("right")]


class _Conjuncts:
    """The comparisons of a WHERE clause with constants, all of which hold for a row that counts.

    Each is false for NULL, so that they hold too where a join has made up a row of NULLs.
    """

    def __init__(
        self, scope: Mapping[str, str], table: str, tables: Mapping[str, pa.Schema], values: Sequence[Any]
    ) -> None:
        self._scope = scope
        self._table = table
        self._tables = tables
        self._values = values

    def of(self, node: Any) -> Iterator[Condition]:
        """Of a clause."""
        if node.get("type") == "CONJUNCTION_AND":
            for child in node.get("children", ()):
                yield from self.of(child)
            return
        for field, op, operand in self._comparisons(node):
            column = self._column(field)
            value = self._constant(operand)
            if column is not None and value is not None and _safe(column.type, op, value):
                try:
                    yield Compare(Field(column.name, literal=True), op, value)
                except ConfigError:  # no operand of ours: DuckDB will decide
                    continue

    def _comparisons(self, node: Mapping[str, Any]) -> Iterator[tuple[Any, str, Any]]:
        found = _COMPARISONS.get(node.get("type", ""))
        if found is not None:
            left, right = node.get("left"), node.get("right")
            yield left, found[0], right
            yield right, found[1], left
        elif node.get("type") == "COMPARE_BETWEEN":
            yield node.get("input"), ">=", node.get("lower")
            yield node.get("input"), "<=", node.get("upper")
        elif node.get("type") == "COMPARE_IN" and node.get("children"):
            first, *rest = node["children"]
            yield first, "in", rest

    def _column(self, node: Any) -> pa.Field | None:
        """The column of the table that a reference means; None: it means something else, or may."""
        if not isinstance(node, dict) or node.get("class") != "COLUMN_REF":
            return None
        *qualified, name = node.get("column_names", ("",))
        if len(qualified) > 1 or (qualified and self._scope.get(qualified[0].lower()) != self._table):
            return None
        if not qualified:
            having = [one for one in self._scope.values() if self._field(one, name) is not None]
            if len(having) != 1 or set(self._scope.values()) - set(self._tables):
                return None
        return self._field(self._table, name)

    def _field(self, table: str, name: str) -> pa.Field | None:
        schema = self._tables.get(table, pa.schema([]))
        same = [column for column in schema if column.name.lower() == name.lower()]
        return same[0] if len(same) == 1 else None

    def _constant(self, node: Any) -> Any:
        """The value of a constant or of a placeholder; None: it is none that is understood here."""
        if isinstance(node, list):
            found = [self._constant(each) for each in node]
            return None if any(each is None for each in found) else found
        if not isinstance(node, dict):
            return None
        if node.get("class") == "PARAMETER":
            place = str(node.get("identifier", ""))
            return self._values[int(place) - 1] if place.isdigit() and int(place) <= len(self._values) else None
        literal = node.get("literal") or {}
        match literal.get("kind"):
            case "INTEGER":
                return int(literal["text"])
            case "NUMERIC":
                return Decimal(literal["text"])
            case "STRING":
                return literal["text"]
        target = str((node.get("type_expr") or {}).get("type_name", "")).lower()
        if node.get("class") == "CAST" and target in ("date", "timestamp"):
            return _moment(self._constant(node.get("child")), target)
        return None


def _moment(text: Any, target: str) -> date | datetime | None:
    if not isinstance(text, str):
        return text if isinstance(text, date) else None
    try:
        return date.fromisoformat(text) if target == "date" else datetime.fromisoformat(text)
    except ValueError:
        return None


def _safe(arrow: pa.DataType, op: str, value: Any) -> bool:
    """Whether DuckDB and `expressed` mean the same by it: NaN is the largest number there, and missing here."""
    operands = value if isinstance(value, list) else [value]
    match kind(arrow):
        case "integer":
            return all(isinstance(each, (int, Decimal)) and not isinstance(each, bool) for each in operands)
        case "float":
            plain = all(isinstance(each, (int, float, Decimal)) and not isinstance(each, bool) for each in operands)
            return plain and op in ("=", "<", "<=", "in")
        case "text":
            return all(isinstance(each, str) for each in operands)
        case "date":
            return all(isinstance(each, (str, date)) and not isinstance(each, datetime) for each in operands)
        case "timestamp":
            naive = arrow.tz is None
            return naive and all(isinstance(each, (str, datetime)) and _is_naive(each) for each in operands)
    return False


def _is_naive(value: Any) -> bool:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return False
    return bool(value.tzinfo is None)


def _text(condition: Condition) -> str:
    if isinstance(condition, And):
        return " and ".join(map(_text, condition.parts))
    if isinstance(condition, Compare):
        return f"{condition.field} {condition.op} {_value(condition.value)}"
    raise TypeError(f"no comparison: {type(condition).__name__}")


def _value(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return f"({', '.join(map(_value, value))})"
    return repr(value) if isinstance(value, str) else str(value)
