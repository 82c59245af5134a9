"""What a write will do: whether an index is made, with which fields, and what is refused before any row."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from dk_notebook.backends.base import PlannedColumn, TableWrite, WritePlan
from dk_notebook.backends.elasticsearch.connections.client import Client
from dk_notebook.backends.elasticsearch.writing import alias, destination, ids
from dk_notebook.backends.elasticsearch.writing.alias import Swap
from dk_notebook.backends.elasticsearch.writing.bulk import Action
from dk_notebook.backends.elasticsearch.writing.convert import converter
from dk_notebook.backends.elasticsearch.writing.date_formats import Convert
from dk_notebook.backends.elasticsearch.writing.declare import (
    ID,
    check_names,
    declared,
    fields_for,
    mapping_of,
    tree,
    written,
)
from dk_notebook.backends.elasticsearch.writing.destination import Destination, Index
from dk_notebook.backends.elasticsearch.writing.marks import key_of, mark
from dk_notebook.backends.sql.targets import check_rows, other_type
from dk_notebook.errors import ConfigError, Conflict, ConversionError, Unsupported
from dk_notebook.frames.types import is_document, kind

NOT_ATOMIC = "not all or nothing: each row is in as soon as it was taken, and readers may see a part of them"

EXISTS = 'mode= "append", "replace", "upsert" or "ignore" says what to do with it'


@dataclass(frozen=True)
class Fit:
    """One column on its way from a stream into a field."""

    source: pa.Field
    field: Mapping[str, Any]
    """As the mapping has it."""
    convert: Convert

    @property
    def declared(self) -> str:
        """The type of the field, in a word."""
        return str(self.field.get("type", "object"))

    def error(self, reason: str, position: int | None) -> ConversionError:
        """What is raised about a value of this column."""
        error = ConversionError(
            reason, column=self.source.name, position=position, source=str(self.source.type), target=self.declared
        )
        if self.declared == "date" and "milliseconds" in reason:
            error.hint = f'types={{{self.source.name!r}: "date_nanos"}} for a new index keeps them'
        elif self.declared == "date_nanos" and "1970" in reason:
            error.hint = f'types={{{self.source.name!r}: "date"}} for a new index reaches further'
        return error


@dataclass(frozen=True, kw_only=True)
class Intent:
    """A write, as far as it is known before its first row."""

    target: TableWrite
    there: Index | None
    """The index that rows are added to; None when one is made."""
    index: str
    """The name that rows are sent to."""
    mapping: Mapping[str, Any]
    """Of the index that is made; of one that is there, the fields that it gets."""
    fits: tuple[Fit, ...]
    key: tuple[str, ...]
    action: Action
    swap: Swap | None
    notes: tuple[str, ...]

    @property
    def made(self) -> bool:
        """Whether the write makes the index, and can unmake it."""
        return self.there is None


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
    return _into(target, there, columns, key)


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


def _action(target: TableWrite) -> Action:
    return "index" if target.mode == "upsert" else "create"


def _new(schema: pa.Schema, target: TableWrite) -> tuple[tuple[Fit, ...], dict[str, Any]]:
    """The columns, and the mapping of the index that is made for them."""
    fields = fields_for(schema, target.types)
    fits = tuple(Fit(column, fields[column.name], converter(column, fields[column.name])) for column in schema)
    return fits, mapping_of(fields)


def _made(
    target: TableWrite, fits: tuple[Fit, ...], mapping: Mapping[str, Any], key: tuple[str, ...], swap: Swap | None
) -> Intent:
    notes = _units(fits)
    return Intent(
        target=target,
        there=None,
        index=swap.index if swap is not None else target.table,
        mapping=mapping,
        fits=fits,
        key=key,
        action=_action(target),
        swap=swap,
        notes=(*notes, swap.note if swap is not None else NOT_ATOMIC),
    )


def _units(fits: Sequence[Fit]) -> tuple[str, ...]:
    """What a reader of durations must know."""
    words = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}
    return tuple(
        f"{fit.source.name!r} is written as whole {words[fit.source.type.unit]}"
        for fit in fits
        if kind(fit.source.type) == "duration"
    )


SHOWN = 20
"""Fields that an error lists at most."""


# --- into an index that is there ------------------------------------------------------------------------------------


def _into(target: TableWrite, there: Destination, schema: pa.Schema, key: tuple[str, ...]) -> Intent:
    index = destination.writable(there)
    check_names(schema.names)
    _check_key(index, key)
    _check_extra(target, index, schema, there.name)
    fits: list[Fit] = []
    added: dict[str, dict[str, Any]] = {}
    for column in schema:
        field = destination.field_at(index.mapping, column.name)
        if field is None:
            _check_addable(index, column.name)
            said = target.types.get(column.name)
            field = added[column.name] = written(column, said) if said is not None else declared(column)
        else:
            field = _known(field, index)
            _check_type(target, column, field)
        fits.append(Fit(column, field, converter(column, field)))
    action = _action(target)
    notes = [NOT_ATOMIC, *_units(fits)]
    if added:
        notes.append(f"fields that {index.name} has from now on: {', '.join(map(repr, added))}")
    if action == "index" and _has_more(index.mapping, schema):
        action = "update"
        if any(is_document(fit.source) for fit in fits):
            notes.append("objects that were there got what is new in the data's, and kept the rest")
    return Intent(
        target=target,
        there=index,
        index=there.name,
        mapping={"properties": tree(added)} if added else {},
        fits=tuple(fits),
        key=key,
        action=action,
        swap=None,
        notes=tuple(notes),
    )


def _known(field: Mapping[str, Any], index: Index) -> Mapping[str, Any]:
    """The field with what the whole index says for all."""
    return {"ignore_malformed": True, **field} if index.ignores_malformed else field


def _check_addable(index: Index, name: str) -> None:
    above = destination.leaf_above(index.mapping, name)
    if above is not None:
        field = destination.field_at(index.mapping, above) or {}
        raise ConfigError(
            f"the column {name!r}: a dot leads into an object, and {above!r} is a {field.get('type')} in {index.name}",
            hint="rename the column",
        )
    if name in index.mapping.get("runtime", {}):
        raise ConfigError(f"{name!r} is a runtime field of {index.name}, computed when it is asked for")


def _check_type(target: TableWrite, column: pa.Field, field: Mapping[str, Any]) -> None:
    """types= is for fields that are made; beside one that exists it may only say what is declared."""
    said = target.types.get(column.name)
    if said is None:
        return
    wanted = written(column, said)
    if any(str(field.get(name, "object" if name == "type" else None)) != str(value) for name, value in wanted.items()):
        shown = str(said) if isinstance(said, str) else json.dumps(said)
        raise other_type(column.name, shown, str(field.get("type", "object")))


def _check_key(index: Index, key: tuple[str, ...]) -> None:
    """ConfigError where the documents have ids of another kind: each row would be a new one beside them."""
    known = key_of(index.mapping)
    if not key or key == (ID,) or known in (None, key, (ID,)):
        return
    made = f"of ({', '.join(known)})" if known else "drawn"
    raise ConfigError(
        f"the ids in {index.name} are {made}, so that the key ({', '.join(key)}) finds nothing there",
        hint=f"mode='replace' with key={list(key)} writes it anew with ids that are made of the key",
    )


def _check_extra(target: TableWrite, index: Index, schema: pa.Schema, table: str) -> None:
    """ConfigError lists both sides where the data have columns that are no fields, and that ``types=`` does not name.

    An index without any field is there to be filled. What the data do not have is absent in the documents, as it may
    be in any.
    """
    known = [name for name, _ in _leaves(index.mapping, "")]
    extra = [name for name in schema.names if destination.field_at(index.mapping, name) is None]
    strict = [name for name in extra if destination.dynamic_at(index.mapping, name).startswith("strict")]
    extra = strict or [name for name in extra if known and name not in target.types]
    if not extra:
        return
    told = f"not in the index: {_listed(extra)}"
    missing = [name for name in known if not any(name == one or name.startswith(f"{one}.") for one in schema.names)]
    if missing:
        told += f"; not in the data: {_listed(missing[:SHOWN])}{', ...' if len(missing) > SHOWN else ''}"
    raise ConfigError(
        f"the columns do not match the fields of {table}: {told}",
        hint="its mapping is strict, and takes no new fields"
        if strict
        else f"types={{{extra[0]!r}: ...}} makes a field of it",
    )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _has_more(mapping: Mapping[str, Any], schema: pa.Schema) -> bool:
    """Whether documents may have fields that the data do not have, and that a new document would not keep."""
    have = dict(zip(schema.names, schema, strict=True))
    for name, field in _leaves(mapping, ""):
        path = name
        while path not in have and "." in path:
            path = path.rpartition(".")[0]
        if path not in have:
            return True
        arrow = have[path].type
        if path != name and kind(arrow) == "struct":
            below = pa.schema([arrow.field(place) for place in range(arrow.num_fields)])
            inner = {"properties": {name[len(path) + 1 :]: field}}
            if _has_more(inner, below):
                return True
    return False


def _leaves(mapping: Mapping[str, Any], above: str) -> list[tuple[str, Mapping[str, Any]]]:
    found: list[tuple[str, Mapping[str, Any]]] = []
    for name, field in mapping.get("properties", {}).items():
        if field.get("properties"):
            found += _leaves(field, f"{above}{name}.")
        else:
            found.append((f"{above}{name}", field))
    return found


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
