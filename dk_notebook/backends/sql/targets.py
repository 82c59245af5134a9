"""What every SQL store checks of a write before its first row, in the same words."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pyarrow as pa

from dk_notebook.backends.base import TableWrite
from dk_notebook.backends.sql.names import quote
from dk_notebook.errors import ConfigError, Conflict, NotFound, QueryError, did_you_mean
from dk_notebook.frames.names import check_usable

Fold = Callable[[str], str]
"""What two names of one column have in common: the name itself, or its small letters."""


def check_rows(target: TableWrite, schema: pa.Schema, store: str) -> tuple[str, ...]:
    """The key. ConfigError, ConversionError: options of other stores, no columns, names that no store can have."""
    if target.options:
        raise ConfigError(f"{store} does not use {', '.join(target.options)}=: they are for other stores")
    if not schema.names:
        raise ConfigError("there is no column to write")
    check_usable(schema.names)
    for name in target.types:
        known(name, schema, "types")
    return tuple(known(name, schema, "key") for name in target.key)


def check_mode(target: TableWrite, kind: str | None) -> None:
    """Nothing, if the mode goes with what is there: a ``kind`` of table, or nothing."""
    if kind is None:
        if target.mode == "truncate":
            raise NotFound(f"there is no table {target.table!r} to fill", hint='mode="fail" makes it')
        return
    if target.mode == "fail":
        raise Conflict(
            f"the {kind} {target.table!r} exists",
            hint='mode="append", "replace", "truncate", "upsert" or "ignore" says what to do with it',
        )
    if kind.endswith("view"):
        raise ConfigError(f"{target.table!r} is a {kind}; rows go into tables")


def check_replaceable(target: TableWrite, views: Sequence[str]) -> None:
    """Nothing, if no view depends on the table."""
    if views:
        raise QueryError(
            f"{target.table!r} cannot be replaced: {', '.join(views)} depend{'s' if len(views) == 1 else ''} on it",
            hint='mode="truncate" keeps the table and what depends on it',
        )


def missing_index(name: str, quoted: str, key: Sequence[str]) -> ConfigError:
    """What is raised where the key of an upsert has no unique index, with the statement that makes one."""
    columns = ", ".join(map(quote, key))
    index = quote("_".join([name, *key, "key"]))
    return ConfigError(
        f"{name!r} has no unique index on ({columns})",
        hint=f"CREATE UNIQUE INDEX {index} ON {quoted} ({columns})",
    )


def other_type(name: str, text: str, declared: str) -> ConfigError:
    """What is raised where types= contradicts a table that exists."""
    return ConfigError(
        f"types= says {text} for {name!r}, but the table exists and declares {declared}",
        hint='mode="replace" makes a new one',
    )


def no_labels(name: str, hint: str) -> ConfigError:
    """What is raised where types= says enum for a column without labels."""
    return ConfigError(f"types= says enum for {name!r}, whose labels nobody declared", hint=hint)


def known(name: str, schema: pa.Schema, argument: str) -> str:
    """The name itself. ConfigError: it is no column of the data."""
    if name in schema.names:
        return name
    raise ConfigError(
        f"{argument}= names {name!r}, which is no column of the data",
        hint=did_you_mean(name, schema.names) or f"there are {', '.join(schema.names)}",
    )


def check_columns(
    given: Sequence[str], columns: Sequence[str], needed: Sequence[str], table: str, *, fold: Fold = str
) -> None:
    """Nothing, if the columns of the data are those of the table.

    ConfigError lists those that the table does not have, and those of ``needed`` that the data do not have.

    >>> check_columns(["id", "x"], ["id", "n"], ["n"], "t")
    Traceback (most recent call last):
    dk_notebook.errors.ConfigError: the columns do not match those of t: not in the table: "x"; not in the data: "n"
    Hint: the table has "id", "n"
    """
    there, came = {fold(name) for name in columns}, {fold(name) for name in given}
    extra = [name for name in given if fold(name) not in there]
    missing = [name for name in needed if fold(name) not in came]
    if extra or missing:
        told = [f"not in the table: {_listed(extra)}"] if extra else []
        told += [f"not in the data: {_listed(missing)}"] if missing else []
        raise ConfigError(
            f"the columns do not match those of {table}: {'; '.join(told)}",
            hint=f"the table has {_listed(columns)}",
        )


def conflict_clause(columns: Sequence[str], key: Sequence[str], mode: str, *, fold: Fold = str) -> str:
    """The ON CONFLICT of an upsert or ignore; empty for the other modes.

    >>> conflict_clause(["id", "n"], ["id"], "upsert")
    ' ON CONFLICT ("id") DO UPDATE SET "n" = excluded."n"'
    """
    if mode not in ("upsert", "ignore"):
        return ""
    keys = {fold(name) for name in key}
    changed = [name for name in columns if fold(name) not in keys]
    action = "NOTHING"
    if mode == "upsert" and changed:
        action = f"UPDATE SET {', '.join(f'{quote(name)} = excluded.{quote(name)}' for name in changed)}"
    return f" ON CONFLICT ({', '.join(map(quote, key))}) DO {action}"


def insert_into(quoted: str, columns: Sequence[str]) -> str:
    """The beginning of an INSERT.

    >>> insert_into('"t"', ["a", "b"])
    'INSERT INTO "t" ("a", "b")'
    """
    return f"INSERT INTO {quoted} ({', '.join(map(quote, columns))})"


def twice(key: Sequence[str], first: int, second: int) -> Conflict:
    """What is raised where two rows of the data have one key."""
    return Conflict(
        f"the key ({', '.join(key)}) is not unique in the data: the rows {first} and {second} share it",
        hint="keep one row a key, as in df.drop_duplicates(key)",
    )


NO_KEY = "NULL in the key"
NO_VALUE = "NULL, where the column is NOT NULL"
FINER_INTERVAL = "the value has digits below the microseconds of an interval"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(quote, names))
