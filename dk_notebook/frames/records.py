"""Documents as the columns of a frame, and the rows of a frame as documents.

JSON declares no types, so here alone they follow from the values: a field that holds integers, floats, booleans or text
alone is a column of these, any other one is JSON.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import pyarrow as pa

from dk_notebook.errors import ConfigError, ConversionError, did_you_mean
from dk_notebook.frames.documents import parse
from dk_notebook.frames.types import JSON, is_document, mark
from dk_notebook.records.document import Document
from dk_notebook.records.filters import Field
from dk_notebook.records.record import Record

WHOLE: Final = 2**53
"""Up to here every integer is a float."""

_TYPES: Final[Mapping[frozenset[str], pa.DataType]] = {
    frozenset(): pa.string(),
    frozenset({"text"}): pa.string(),
    frozenset({"boolean"}): pa.bool_(),
    frozenset({"small"}): pa.int64(),
    frozenset({"large"}): pa.int64(),
    frozenset({"small", "large"}): pa.int64(),
    frozenset({"float"}): pa.float64(),
    frozenset({"float", "small"}): pa.float64(),
}
"""The kinds of values that a field has -> the type of its column. Others are JSON."""


class Columns:
    """The columns of a set of documents: looked through once, then made as often as wanted.

    ``selected``: the fields that are columns, under the names they are asked for by; None: ``id`` (the field, or else
    the key) and every field of every document, in the order in which they are met.

    >>> columns = Columns()
    >>> documents = [Document("a1", {"name": "Ann", "age": 30}), Document("b2", {"age": 30.5})]
    >>> columns.look(documents)
    >>> columns.table(documents).to_pydict()
    {'id': ['a1', 'b2'], 'name': ['Ann', None], 'age': [30.0, 30.5]}
    """

    def __init__(self, selected: Sequence[Field] | None = None) -> None:
        self._selected = None if selected is None else {field.name: field.path for field in selected}
        names: Iterable[str] = ["id"] if self._selected is None else self._selected
        self._kinds: dict[str, set[str]] = {name: set() for name in names}

    def look(self, documents: Iterable[Document]) -> None:
        """Take note of what these hold."""
        for document in documents:
            for name, value in self._cells(document):
                self._kinds.setdefault(name, set()).add(_kind(value))

    @property
    def schema(self) -> pa.Schema:
        """The columns, as far as documents were looked at."""
        fields = []
        for name, kinds in self._kinds.items():
            arrow = _TYPES.get(frozenset(kinds - {"null"}))
            fields.append(mark(pa.field(name, pa.string()), JSON) if arrow is None else pa.field(name, arrow))
        return pa.schema(fields)

    def table(self, documents: Sequence[Document]) -> pa.Table:
        """These documents. ConversionError: one changed since it was looked at."""
        schema = self.schema
        cells: dict[str, list[Any]] = {name: [None] * len(documents) for name in schema.names}
        for row, document in enumerate(documents):
            for name, value in self._cells(document):
                if name in cells:
                    cells[name][row] = value
        return pa.Table.from_arrays([_array(field, cells[field.name]) for field in schema], schema=schema)

    def _cells(self, document: Document) -> Iterator[tuple[str, Any]]:
        data = document.data
        if self._selected is None:
            yield "id", document.id if data.get("id") is None else data["id"]
            yield from ((name, value) for name, value in data.items() if name != "id")
            return
        for name, path in self._selected.items():
            value = _reached(data, path)
            yield name, document.id if value is None and name == "id" else value


def documents_to_arrow(documents: Sequence[Document], selected: Sequence[Field] | None = None) -> pa.Table:
    """Documents as a table."""
    columns = Columns(selected)
    columns.look(documents)
    return columns.table(documents)


def _reached(node: Any, path: Sequence[str]) -> Any:
    """What lies at a path; through a list, a list of what its elements have there."""
    for place, name in enumerate(path):
        if isinstance(node, list):
            return [_reached(one, path[place:]) for one in node]
        if not isinstance(node, Mapping):
            return None
        node = node.get(name)
    return node


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "small" if -WHOLE <= value <= WHOLE else "large" if -(2**63) <= value < 2**63 else "json"
    return {float: "float", str: "text"}.get(type(value), "json")


def _array(field: pa.Field, values: list[Any]) -> pa.Array:
    if field.metadata is not None:
        return pa.array(
            [None if value is None else json.dumps(value, ensure_ascii=False) for value in values], field.type
        )
    try:
        return pa.array(values, field.type)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        raise ConversionError(
            "the documents changed while they were read", column=field.name, target=str(field.type), hint="read again"
        ) from None


# --- rows as documents ------------------------------------------------------------------------------------------


def key_column(schema: pa.Schema, key: str | None) -> str | None:
    """The column that holds the ids: ``key``, else ``id``; None: there is none. ConfigError: ``key`` is no column."""
    if key is None:
        return "id" if "id" in schema.names else None
    if key not in schema.names:
        raise ConfigError(f"key={key!r} is no column", hint=did_you_mean(key, schema.names))
    return key


def records_of(table: pa.Table | pa.RecordBatch, key: str | None, *, position: int = 0) -> list[Record]:
    """A record a row, a field a column, NULL as None. ``position``: the number of the first row.

    ConversionError: a NULL in the column of the ids.

    >>> records_of(pa.table({"code": ["a"], "n": [1]}), "code")
    [Record({'code': 'a', 'n': 1}, id='a')]
    """
    columns = []
    for field, values in zip(table.schema, table.columns, strict=True):
        whole = values if isinstance(values, pa.ChunkedArray) else pa.chunked_array([values])
        columns.append(list(parse(field, whole)) if is_document(field) else values.to_pylist())
    names = table.schema.names
    made = []
    for row, cells in enumerate(zip(*columns, strict=True)):
        data = dict(zip(names, cells, strict=True))
        if key is not None and data[key] is None:
            raise ConversionError("NULL, and it is the id of a record", column=key, position=position + row)
        made.append(Record(data, id=None if key is None else data[key]))
    return made
