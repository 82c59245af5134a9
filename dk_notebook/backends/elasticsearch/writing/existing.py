"""A write into an index that is there: what its fields, its key and its mapping ask of the columns."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from dk_notebook.backends.base import TableWrite
from dk_notebook.backends.elasticsearch.writing import destination
from dk_notebook.backends.elasticsearch.writing.convert import converter
from dk_notebook.backends.elasticsearch.writing.declare import ID, check_names, declared, tree, written
from dk_notebook.backends.elasticsearch.writing.destination import Destination, Index
from dk_notebook.backends.elasticsearch.writing.intent import NOT_ATOMIC, Fit, Intent, action_of, units
from dk_notebook.backends.elasticsearch.writing.marks import key_of
from dk_notebook.backends.sql.targets import other_type
from dk_notebook.errors import ConfigError
from dk_notebook.frames.types import is_document, kind

SHOWN = 20
"""Fields that an error lists at most."""


def into(target: TableWrite, there: Destination, schema: pa.Schema, key: tuple[str, ...]) -> Intent:
    """How columns go into an index that is there. ConfigError, ConversionError: they do not."""
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
    action = action_of(target)
    notes = [NOT_ATOMIC, *units(fits)]
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
