"""The tables of types, from those that the backends use."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import duckdb
import pyarrow as pa

from dk_notebook.backends.duckdb import types as duckdb_types
from dk_notebook.backends.elasticsearch import types as elasticsearch_types
from dk_notebook.backends.elasticsearch.writing import declare as elasticsearch_declare
from dk_notebook.backends.postgres import type_catalog
from dk_notebook.backends.postgres import types as postgres_types
from dk_notebook.backends.postgres.server_types import ServerType
from dk_notebook.backends.postgres.writing import declare as postgres_declare
from dk_notebook.errors import ConversionError
from dk_notebook.frames.columns import dtype_of
from dk_notebook.frames.types import ARROW_TO_PANDAS, DECIMAL, JSON, LABELS, marked
from dk_notebook.testing.samples import SAMPLES
from docs.printed.markdown import code, table

Declared = tuple[str, pa.Field]
"""A type as a store's language names it, and the column that reading gives."""


def read(store: str) -> str:
    """Store, Arrow, pandas: a row for all the types that become the same."""
    rows: dict[tuple[str, str], list[str]] = {}
    for name, column in _READ[store]():
        rows.setdefault((_shown(column), dtype_of(column)), []).append(code(name))
    lines = [[", ".join(names), code(arrow), code(dtype)] for (arrow, dtype), names in rows.items()]
    return table([_TITLES[store], "Arrow", "pandas"], lines)


def of_arrow() -> str:
    """Arrow, pandas: what a file of Parquet declares, and what ``as_="arrow"`` gives before it is a frame."""
    lines = []
    for row in ARROW_TO_PANDAS:
        older = code(row.pandas2) if row.pandas2 else ""
        lines.append([code(_shown(row.field("c"))), code(row.pandas), older])
    return table(["Arrow", "pandas 3", "pandas 2, where it differs"], lines)


def written() -> str:
    """Arrow, and the type of a new column in each store."""
    lines = []
    for sample in SAMPLES:
        column = sample.field
        stores = [_declared(column, each) for each in (_in_duckdb, _in_postgres, _in_elasticsearch)]
        lines.append([code(dtype_of(column)), code(_shown(column)), *stores])
    return table(["pandas", "Arrow", "DuckDB", "PostgreSQL", "Elasticsearch"], lines)


# --- a store's types --------------------------------------------------------------------------------------------------


def _duckdb() -> Iterator[Declared]:
    shaped = (
        *("DECIMAL(10,2)", "DECIMAL(18,2)", "JSON", "ENUM('low', 'high')", "BIGINT[]", "FLOAT[3]"),
        *("STRUCT(a BIGINT)", "MAP(VARCHAR, BIGINT)"),
    )
    for name in (*duckdb_types.PLAIN, *sorted(duckdb_types.AS_TEXT), *shaped):
        shown = name if name in shaped else name.upper()
        declared = "UNION(a BIGINT)" if name == "union" else shown
        yield shown, duckdb_types.reading("c", duckdb.sqltype(declared)).field


def _postgres() -> Iterator[Declared]:
    known = {each.plain: each for each in type_catalog.BUILT_IN.values()}
    for name, each in known.items():
        if each.kind == "base" and name != "numeric":
            yield name, postgres_types.arrow_field("c", each, -1, stored=True)
    for shown, modifier in (("numeric(10,2)", 10 << 16 | 2), ("numeric(20,2)", 20 << 16 | 2)):
        yield shown, postgres_types.arrow_field("c", known["numeric"], modifier + 4, stored=True)
    yield "numeric", postgres_types.arrow_field("c", known["numeric"], -1, stored=True)
    yield "numeric, computed", postgres_types.arrow_field("c", known["numeric"], -1, stored=False)
    enum = ServerType(oid=0, name="public.size", plain="size", kind="enum", labels=("low", "high"))
    vector = ServerType(oid=0, name="public.vector", plain="vector")
    other = ServerType(oid=0, name="public.other", plain="other")
    for shown, each in (("enum", enum), ("int8[]", known["int8[]"]), ("vector", vector), ("any other", other)):
        yield shown, postgres_types.arrow_field("c", each, -1, stored=True)


def _elasticsearch() -> Iterator[Declared]:
    for name in elasticsearch_types.TYPES:
        yield name, elasticsearch_types.arrow_field("c", name)
    yield "long, in arrays=", elasticsearch_types.arrow_field("c", "long", array=True)


_READ = {"duckdb": _duckdb, "postgres": _postgres, "elasticsearch": _elasticsearch}
_TITLES = {"duckdb": "DuckDB", "postgres": "PostgreSQL", "elasticsearch": "Elasticsearch"}


# --- a new column -----------------------------------------------------------------------------------------------------


def _declared(column: pa.Field, declare: object) -> str:
    try:
        return code(declare(column))  # type: ignore[operator]
    except ConversionError:
        return "an error"


def _in_duckdb(column: pa.Field) -> str:
    return duckdb_types.declared_type(column)


def _in_postgres(column: pa.Field) -> str:
    return postgres_declare.declared_type(column)


def _in_elasticsearch(column: pa.Field) -> str:
    field = elasticsearch_declare.declared(column)
    return str(field.get("type", "object"))


def _shown(column: pa.Field) -> str:
    """The Arrow type, with what the store said of it that changes what it becomes."""
    said = _said(column)
    return f"{column.type}, {', '.join(said)}" if said else str(column.type)


def _said(column: pa.Field) -> Iterable[str]:
    words = [marked(column, DECIMAL)] if pa.types.is_decimal(column.type) else []
    words += ["JSON"] if marked(column, JSON) else []
    words += ["all labels"] if marked(column, LABELS) else []
    return [word for word in words if word]
