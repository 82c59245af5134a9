"""The server's types by their number: the built-in ones are known, the others are asked for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from dk_notebook.backends.postgres.server_types import Kind, ServerType
from dk_notebook.backends.sql.names import quote

_NUMBERS: dict[str, tuple[int, int]] = {
    # name -> its number, its array's: these never change (pg_type.dat of the server's source)
    "bool": (16, 1000),
    "bytea": (17, 1001),
    "char": (18, 1002),
    "name": (19, 1003),
    "int8": (20, 1016),
    "int2": (21, 1005),
    "int4": (23, 1007),
    "text": (25, 1009),
    "oid": (26, 1028),
    "json": (114, 199),
    "xml": (142, 143),
    "float4": (700, 1021),
    "float8": (701, 1022),
    "money": (790, 791),
    "inet": (869, 1041),
    "bpchar": (1042, 1014),
    "varchar": (1043, 1015),
    "date": (1082, 1182),
    "time": (1083, 1183),
    "timestamp": (1114, 1115),
    "timestamptz": (1184, 1185),
    "interval": (1186, 1187),
    "timetz": (1266, 1270),
    "bit": (1560, 1561),
    "varbit": (1562, 1563),
    "numeric": (1700, 1231),
    "uuid": (2950, 2951),
    "jsonb": (3802, 3807),
}


def _built_in() -> dict[int, ServerType]:
    found: dict[int, ServerType] = {}
    for name, (oid, array) in _NUMBERS.items():
        # As SQL, char without quotes is another type.
        written = f"pg_catalog.{quote(name) if name == 'char' else name}"
        one = found[oid] = ServerType(oid=oid, name=written, plain=name)
        found[array] = ServerType(oid=array, name=f"{written}[]", plain=f"{name}[]", kind="array", element=one)
    return found


BUILT_IN = _built_in()
"""Number -> type, for those that every server has."""

# An array type is one that no array type is made of: int2vector and its like have an element too.
_ASK = """
WITH RECURSIVE wanted AS (
    SELECT t.oid FROM pg_catalog.pg_type t WHERE t.oid = ANY($1::oid[])
    UNION
    SELECT inner_type FROM wanted JOIN pg_catalog.pg_type t ON t.oid = wanted.oid
        CROSS JOIN LATERAL (VALUES (t.typelem), (t.typbasetype)) AS parts(inner_type) WHERE inner_type <> 0
)
SELECT t.oid, n.nspname, t.typname, t.typtype::text, t.typbasetype, t.typdelim::text,
       CASE WHEN t.typcategory = 'A' AND t.typarray = 0 THEN t.typelem ELSE 0 END AS element,
       (SELECT array_agg(e.enumlabel::text ORDER BY e.enumsortorder) FROM pg_catalog.pg_enum e
        WHERE e.enumtypid = t.oid) AS labels
FROM wanted JOIN pg_catalog.pg_type t ON t.oid = wanted.oid JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
"""
_KINDS: dict[str, Kind] = {
    "b": "base",
    "c": "composite",
    "d": "domain",
    "e": "enum",
    "m": "range",
    "p": "pseudo",
    "r": "range",
}


async def server_types(connection: Any, oids: Iterable[int]) -> dict[int, ServerType]:
    """The types of these numbers; one that is not built in is asked for each time, because it may be altered.

    ``connection``: an asyncpg connection. A number that no type has (dropped meanwhile) is left out.
    """
    wanted = set(oids)
    known = {oid: BUILT_IN[oid] for oid in wanted if oid in BUILT_IN}
    asked = sorted(wanted - known.keys())
    if not asked:
        return known
    rows = {row["oid"]: row for row in await connection.fetch(_ASK, asked)}
    made: dict[int, ServerType] = dict(BUILT_IN)
    return known | {oid: _made(oid, rows, made) for oid in asked if oid in rows}


def _made(oid: int, rows: dict[int, Any], made: dict[int, ServerType]) -> ServerType:
    if oid in made:
        return made[oid]
    row = rows[oid]
    element = _made(row["element"], rows, made) if row["element"] else None
    if element is not None:
        name, plain = f"{element.name}[]", f"{element.plain}[]"
    else:
        name, plain = f"{quote(row['nspname'])}.{quote(row['typname'])}", row["typname"]
    base = _made(row["typbasetype"], rows, made) if row["typbasetype"] else None
    made[oid] = ServerType(
        oid=oid,
        name=name,
        plain=plain,
        kind="array" if element is not None else _KINDS[row["typtype"]],
        element=element,
        base=base,
        labels=tuple(row["labels"] or ()),
        delimiter=row["typdelim"],
    )
    return made[oid]
