"""A page of hits, as the server sent it, to one batch of Arrow.

Most pages hold what the mapping says: their hits are cut into lines and read by Arrow's own parser, without a Python
object a value. Any other page goes through Python objects (`objects`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json

from dk_notebook.backends.elasticsearch.fields import Field
from dk_notebook.backends.elasticsearch.reading.values import DEFAULT_FORMAT, dates_of_text, is_iso
from dk_notebook.backends.elasticsearch.types import METADATA, type_of

_PLAIN: Final = frozenset({"integer", "float", "boolean", "text", "date", "vector"})
_BEGIN: Final = b'"hits":['


@dataclass
class _Node:
    """A place in a document: a column, or fields."""

    column: pa.DataType | None = None
    inner: dict[str, _Node] = field(default_factory=dict)

    def type(self) -> pa.DataType:
        if self.column is not None:
            return self.column
        return pa.struct([(name, node.type()) for name, node in self.inner.items()])


class Lines:
    """Reads pages that hold what the mapping says. ``schema``: of the batches.

    ``numbers``: dates are numbers of milliseconds; else ISO texts.
    """

    def __init__(
        self, columns: Sequence[Field], schema: pa.Schema, *, sorts: pa.DataType | None, numbers: bool
    ) -> None:
        self._columns = columns
        self._schema = schema
        document = _Node()
        parts: list[tuple[str, pa.DataType]] = [(c.name, METADATA[c.name]) for c in columns if c.via == "hit"]
        for each in columns:
            if each.via != "hit":
                _put(document, each, _as_sent(each, numbers=numbers))
        if document.inner:
            parts.append(("_source", document.type()))
        # What is not a column, and is not in the page unless it is sorted by.
        parts += [("sort", pa.list_(sorts))] if sorts is not None else []
        self._parse = pyarrow.json.ParseOptions(
            explicit_schema=pa.schema(parts), newlines_in_values=False, unexpected_field_behavior="error"
        )

    @classmethod
    def of(cls, columns: Sequence[Field], schema: pa.Schema, *, sorts: pa.DataType | None) -> list[Lines]:
        """Readers of these columns, the likeliest first; none where a column needs Python objects."""
        if not all(map(_is_plain, columns)) or not any(each.via == "source" for each in columns):
            return []
        names = [each.name for each in columns if each.via == "source"]
        if any(other.startswith(f"{name}.") for name in names for other in names):
            return []  # a field that others lie below, which JSON objects do not have
        ways = [False, True] if any(map(_may_be_number, columns)) else [False]
        return [cls(columns, schema, sorts=sorts, numbers=each) for each in ways]

    def batch(self, body: bytes) -> pa.RecordBatch | None:
        """The rows of a page; None where it holds anything else than the types of the columns."""
        start = body.index(_BEGIN) + len(_BEGIN)
        end = body.rindex(b"]")
        # Every hit begins with the same key. Inside of a text the quote would be escaped; inside of a document the
        # cut leaves what is no JSON, and the parser refuses it.
        key = body[start + 1 : body.index(b":", start)]
        lines = body[start:end].replace(b"},{" + key + b":", b"}\n{" + key + b":")
        try:
            table = pyarrow.json.read_json(
                pa.BufferReader(lines),
                read_options=pyarrow.json.ReadOptions(use_threads=False, block_size=len(lines) + 1),
                parse_options=self._parse,
            )
            if table.column("_source").null_count:
                return None  # a hit without its document
            arrays = [self._column(table, each, arrow) for each, arrow in zip(self._columns, self._schema, strict=True)]
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            return None
        return pa.RecordBatch.from_arrays(arrays, schema=self._schema)

    def _column(self, table: pa.Table, column: Field, arrow: pa.Field) -> pa.Array:
        if column.via == "hit":
            return table.column(column.name).combine_chunks().cast(arrow.type)
        found = table.column("_source").combine_chunks()
        for step in column.name.split("."):
            found = pc.struct_field(found, step)
        if pa.types.is_timestamp(arrow.type):
            return dates_of_text(found, arrow.type) if pa.types.is_string(found.type) else found.cast(arrow.type)
        if found.type == pa.float32() and pc.any(pc.is_inf(found)).as_py():
            raise pa.ArrowInvalid("beyond 32 bits")
        return found


def _put(node: _Node, column: Field, sent: pa.DataType) -> None:
    """Make the place of a column."""
    *steps, last = column.name.split(".")
    for step in steps:
        node = node.inner.setdefault(step, _Node())
    node.inner[last] = _Node(sent)


def _as_sent(column: Field, *, numbers: bool) -> pa.DataType:
    """The type that a column has in JSON."""
    if type_of(column.type).form != "date":
        return column.arrow.type
    return pa.int64() if numbers and _may_be_number(column) else pa.string()


def _may_be_number(column: Field) -> bool:
    """Whether it is a date that documents may have in milliseconds."""
    return column.type == "date" and "epoch_millis" in str(column.says.get("format", DEFAULT_FORMAT))


def _is_plain(column: Field) -> bool:
    """Whether JSON's own words are the values of a column."""
    if column.via == "hit":
        return column.name in ("_id", "_index")
    form = type_of(column.type).form
    listed = pa.types.is_list(column.arrow.type) and form != "vector"
    if column.via != "source" or form not in _PLAIN or (listed and form == "date"):
        return False
    return form != "date" or is_iso(column.says.get("format", DEFAULT_FORMAT))


def last_sort(body: bytes) -> list[Any] | None:
    """The sort values of the last hit of a page; None: it has no hit.

    >>> last_sort(b'{"hits":{"hits":[{"_id":"1","sort":["a",5]},{"_id":"2","sort":["b]",6]}]}}')
    ['b]', 6]
    """
    from dk_notebook.backends.elasticsearch.reading.values import loads

    # A quote inside of a text would be escaped, so that this is a key; of the hit, since that ends with it.
    place = body.rfind(b'"sort":[')
    if place < 0 or place < body.index(_BEGIN if _BEGIN in body else b"{"):
        return None
    found: list[Any] = loads(b'{"hits":{"hits":[{' + body[place:])["hits"]["hits"][0]["sort"]
    return found
