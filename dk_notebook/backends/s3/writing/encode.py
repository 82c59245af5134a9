"""Rows of Arrow as the bytes of a file. Runs in worker threads; most of it holds no lock of Python's."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from dk_notebook.backends.s3.datasets.carried import TextFormat, carried
from dk_notebook.errors import ConfigError, did_you_mean
from dk_notebook.frames import ndjson
from dk_notebook.frames.types import kind

ROW_GROUP: Final = 131_072
"""Rows that a reader can leave out at once, by their smallest and largest values."""
SAMPLE: Final = 4096
"""Values by which it is judged whether a column repeats itself."""
REPEATING: Final = 0.85
"""The share of different values among them up to which a dictionary pays: above, building it takes half of the time."""
LINES: Final = 16_384
"""Rows of text that are made at once."""

CODECS: Final = {
    "parquet": ("snappy", "zstd", "gzip", "lz4", "brotli", "none"),
    "csv": ("none", "gzip"),
    "jsonl": ("none", "gzip"),
}
"""Format -> what compresses it; the first is the default."""
CONTENT: Final = {
    "parquet": "application/vnd.apache.parquet",
    "csv": "text/csv; charset=utf-8",
    "jsonl": "application/x-ndjson",
}


@dataclass(frozen=True)
class Encoding:
    """How files are made."""

    format: str
    compression: str

    @classmethod
    def of(cls, format: str, compression: str | None) -> Encoding:  # noqa: A002 (its best name)
        """The encoding of these names; None: the format's default. ConfigError.

        >>> Encoding.of("parquet", None), Encoding.of("csv", "gzip").suffix
        (Encoding(format='parquet', compression='snappy'), 'csv.gz')
        """
        codecs = CODECS.get(format)
        if codecs is None:
            raise ConfigError(
                f"format={format!r} is no format of datasets (there are {', '.join(CODECS)})",
                hint=did_you_mean(str(format), CODECS),
            )
        chosen = codecs[0] if compression is None else str(compression).lower()
        if chosen not in codecs:
            raise ConfigError(
                f"compression={compression!r} is nothing that {format} has (there are {', '.join(codecs)})",
                hint=did_you_mean(chosen, codecs),
            )
        return cls(format, chosen)

    @property
    def suffix(self) -> str:
        """What names of files end with."""
        return f"{self.format}.gz" if self.compression == "gzip" and self.format != "parquet" else self.format

    @property
    def content_type(self) -> str:
        """What the store is told of the contents."""
        return "application/gzip" if self.suffix.endswith(".gz") else CONTENT[self.format]

    def encoded(self, table: pa.Table) -> memoryview:
        """The file that holds these rows."""
        sink = pa.BufferOutputStream()
        self.write(sink, table.schema, [table])
        return memoryview(sink.getvalue())

    def write(self, sink: Any, schema: pa.Schema, tables: Iterable[pa.Table]) -> None:
        """The same for rows that come one after the other."""
        if self.format == "parquet":
            _parquet(sink, schema, tables, self.compression)
            return
        with contextlib.ExitStack() as stack:
            if self.compression == "gzip":
                sink = stack.enter_context(pa.CompressedOutputStream(sink, "gzip"))
            (_csv if self.format == "csv" else _jsonl)(sink, schema, tables)

    def row_bytes(self, table: pa.Table) -> float:
        """About how many bytes of a file a row takes, before compression; ``table`` has one at least."""
        if self.format == "parquet":
            return max(float(table.nbytes / table.num_rows), 1.0)
        sample = table.slice(0, 1024)
        return float(Encoding(self.format, "none").encoded(sample).nbytes / sample.num_rows)


# --- parquet ----------------------------------------------------------------------------------------------------------


def _parquet(sink: Any, schema: pa.Schema, tables: Iterable[pa.Table], compression: str) -> None:
    schema = pa.schema([_plain(column) for column in schema], schema.metadata)
    writer = None
    for table in tables:
        table = _decoded(table, schema)
        if writer is None:
            writer = _writer(sink, schema, compression, _repeating(table))
        writer.write_table(table, row_group_size=ROW_GROUP)
    if writer is None:
        writer = _writer(sink, schema, compression, True)
    writer.close()


def _writer(sink: Any, schema: pa.Schema, compression: str, dictionaries: Any) -> Any:
    return pq.ParquetWriter(sink, schema, compression=compression, use_dictionary=dictionaries)


def _plain(column: pa.Field) -> pa.Field:
    """The column as Parquet holds it: its dictionaries are of text only."""
    arrow = column.type
    labelled = kind(arrow) == "dictionary" and kind(arrow.value_type) != "text"
    return column.with_type(arrow.value_type) if labelled else column


def _decoded(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """The table in the types of ``schema``, each of its dictionaries the same in all its chunks."""
    if not any(kind(column.type) == "dictionary" for column in table.schema):
        return table
    columns = [
        values.cast(column.type) if values.type != column.type else values
        for column, values in zip(schema, table.unify_dictionaries().columns, strict=True)
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def _repeating(table: pa.Table) -> bool | list[str]:
    """The columns that are written with a dictionary; True: all, since to look would take longer."""
    if table.num_rows <= SAMPLE:
        return True
    places = pa.array(np.random.default_rng(0).integers(0, table.num_rows, SAMPLE))
    found: list[str] = []
    for column, values in zip(table.schema, table.columns, strict=True):
        match kind(column.type):
            case "boolean":
                continue
            case "dictionary":
                found.append(column.name)
            case "list" | "struct" | "map" | None:
                found += _leaves(column.type, column.name)
            case _ if pc.count_distinct(values.take(places), mode="all").as_py() <= REPEATING * SAMPLE:
                found.append(column.name)
    return found


def _leaves(arrow: Any, path: str) -> list[str]:
    """What Parquet calls the columns that a nested one is made of."""
    arrow = arrow.storage_type if isinstance(arrow, pa.BaseExtensionType) else arrow
    match kind(arrow):
        case "list":
            return _leaves(arrow.value_type, f"{path}.list.element")
        case "map":
            pair = (("key", arrow.key_type), ("value", arrow.item_type))
            return [leaf for name, part in pair for leaf in _leaves(part, f"{path}.key_value.{name}")]
        case "struct":
            fields = [arrow.field(place) for place in range(arrow.num_fields)]
            return [leaf for field in fields for leaf in _leaves(field.type, f"{path}.{field.name}")]
    return [path]


# --- text -------------------------------------------------------------------------------------------------------------


def _csv(sink: Any, schema: pa.Schema, tables: Iterable[pa.Table]) -> None:
    """Commas, a header, every text in quotes: what is empty without them is NULL."""
    types = [_type(column, "csv") for column in schema]
    # The header by hand: Arrow does not double the quotes in it.
    sink.write((",".join(_quoted(name) for name in schema.names) + "\n").encode())
    out = pa.schema([pa.field(column.name, arrow) for column, arrow in zip(schema, types, strict=True)])
    options = pa.csv.WriteOptions(include_header=False, batch_size=LINES)
    with pa.csv.CSVWriter(sink, out, write_options=options) as writer:
        for table in tables:
            arrays = [_carried(values, arrow) for values, arrow in zip(table.columns, types, strict=True)]
            writer.write_table(pa.Table.from_arrays(arrays, schema=out))


def _quoted(name: str) -> str:
    doubled = name.replace('"', '""')
    return f'"{doubled}"'


def _carried(values: pa.ChunkedArray, arrow: pa.DataType) -> pa.ChunkedArray:
    """The values in the type in which they stand in csv."""
    if kind(values.type) == "dictionary":
        values = values.cast(values.type.value_type)
    if kind(values.type) == "binary":
        # Arrow has no function for base64; the one that writes JSON has.
        column = pa.field("", values.type)
        return pa.chunked_array([ndjson.words(column, chunk)[1] for chunk in values.chunks], pa.string())
    return values if values.type == arrow else values.cast(arrow)


def _jsonl(sink: Any, schema: pa.Schema, tables: Iterable[pa.Table]) -> None:
    """An object a line, each with all columns. Text that is JSON is text here too, and comes back as it is."""
    types = [_listed(column.type) for column in schema]
    columns = [pa.field(column.name, arrow) for column, arrow in zip(schema, types, strict=True)]
    for table in tables:
        for batch in table.to_batches(max_chunksize=LINES):
            arrays = [
                array if array.type == arrow else array.cast(arrow)
                for array, arrow in zip(batch.columns, types, strict=True)
            ]
            lines = ndjson.joined(ndjson.documents(columns, arrays, batch.num_rows, nulls=True), "\n")
            ends = np.frombuffer(lines.buffers()[1], np.int32)[lines.offset :][: len(lines) + 1]
            sink.write(lines.buffers()[2].slice(int(ends[0]), int(ends[-1] - ends[0])))


def _listed(arrow: Any) -> pa.DataType:
    """The type with lists of key and value in place of maps: JSON's objects have no order, and keys of text only."""
    match kind(arrow):
        case "list":
            return pa.list_(_listed(arrow.value_type))
        case "struct":
            fields = [arrow.field(place) for place in range(arrow.num_fields)]
            return pa.struct([(field.name, _listed(field.type)) for field in fields])
        case "map":
            return pa.list_(pa.struct([("key", _listed(arrow.key_type)), ("value", _listed(arrow.item_type))]))
    return arrow


def _type(column: pa.Field, form: TextFormat) -> pa.DataType:
    arrow = carried(column.type, form)
    if arrow is None:
        raise TypeError(f"{form} holds no {column.type}")
    return arrow
