"""What a write will do: whether an index is made, with which fields, and what is refused before any row."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from dk_notebook.backends.base import PlannedColumn, TableWrite, WritePlan
from dk_notebook.backends.elasticsearch.connections.client import Client
from dk_notebook.backends.elasticsearch.writing import alias, destination, ids
from dk_notebook.backends.elasticsearch.writing.alias import Swap
from dk_notebook.backends.elasticsearch.writing.convert import converter
from dk_notebook.backends.elasticsearch.writing.declare import ID, fields_for, mapping_of
from dk_notebook.backends.elasticsearch.writing.destination import Destination
from dk_notebook.backends.elasticsearch.writing.existing import into
from dk_notebook.backends.elasticsearch.writing.intent import NOT_ATOMIC, Fit, Intent, action_of, units
from dk_notebook.backends.elasticsearch.writing.marks import mark
from dk_notebook.backends.sql.targets import check_rows
from dk_notebook.errors import ConfigError, Conflict, Unsupported

EXISTS = 'mode= "append", "replace", "upsert" or "ignore" says what to do with it'


async def intent(client: Client, target: TableWrite, schema: pa.Schema) -> Intent:
    """How a stream of this schema goes into that index. Changes nothing; raises what needs no row to be known."""
    if target.mode == "truncate":
        raise Unsupported(
            'elasticsearch: mode="truncate": no index can be emptied and filled in one step',
            hint='mode="replace" gives new contents in one step',
        )
    key = check_rows(target, schema, "elasticsearch")
    ids.check_key(key, schema)
    columns = pa.schema([column for column in schema if key != (ID,) or column.name != ID])
    if ID in target.types:
        raise ConfigError(f"types= names {ID!r}, which is no field")
    there = await destination.found(client, target.table)
    _check_mode(target, there)
    if target.mode == "replace":
        swap = await alias.planned(client, target.table, there)
        fits, mapping = _new(columns, target)
        return _made(target, fits, mapping | mark(columns.names, key=key, of=target.table), key, swap)
    if there is None:
        fits, mapping = _new(columns, target)
        return _made(target, fits, mapping | mark(columns.names, key=key), key, None)
    return into(target, there, columns, key)


def _check_mode(target: TableWrite, there: Destination | None) -> None:
    """Nothing, if the mode goes with what is there."""
    if there is None:
        return
    if target.mode == "fail":
        raise Conflict(f"the {there.kind} {target.table!r} exists", hint=EXISTS)
    if target.mode == "upsert" and there.kind == "data stream":
        raise Unsupported(
            f"elasticsearch: {target.table!r} is a data stream, which takes new documents only",
            hint='mode="ignore" writes those whose key is new',
        )


def _new(schema: pa.Schema, target: TableWrite) -> tuple[tuple[Fit, ...], dict[str, Any]]:
    """The columns, and the mapping of the index that is made for them."""
    fields = fields_for(schema, target.types)
    fits = tuple(Fit(column, fields[column.name], converter(column, fields[column.name])) for column in schema)
    return fits, mapping_of(fields)


def _made(
    target: TableWrite, fits: tuple[Fit, ...], mapping: Mapping[str, Any], key: tuple[str, ...], swap: Swap | None
) -> Intent:
    notes = units(fits)
    return Intent(
        target=target,
        there=None,
        index=swap.index if swap is not None else target.table,
        mapping=mapping,
        fits=fits,
        key=key,
        action=action_of(target),
        swap=swap,
        notes=(*notes, swap.note if swap is not None else NOT_ATOMIC),
    )


# --- shown ----------------------------------------------------------------------------------------------------------


async def planned(client: Client, target: TableWrite, schema: pa.Schema) -> WritePlan:
    """The plan of a write: the requests, in the words of Kibana's console."""
    meant = await intent(client, target, schema)
    statements = [f"POST /{meant.index}/_bulk\n{{{json.dumps(meant.action)}: ...}}"]
    if meant.made:
        statements.insert(0, f"PUT /{meant.index}\n{_json({'mappings': meant.mapping})}")
    elif meant.mapping:
        statements.insert(0, f"PUT /{meant.index}/_mapping\n{_json(meant.mapping)}")
    if meant.swap is not None:
        statements.append(f"POST /_aliases\n{_json({'actions': list(meant.swap.actions)})}")
    columns = tuple(
        PlannedColumn(name=fit.source.name, arrow=str(fit.source.type), store=fit.declared,
                      nullable=fit.source.name not in meant.key)
        for fit in meant.fits
    )  # fmt: skip
    return WritePlan(table=target.table, mode=target.mode, statements=tuple(statements), columns=columns)


def _json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
