"""What the server says of a type: the value that parameters, result columns and writes are decided by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["base", "array", "enum", "domain", "composite", "range", "pseudo"]
"""Multiranges count as ranges."""


@dataclass(frozen=True, kw_only=True)
class ServerType:
    """A row of pg_type, as far as it matters here."""

    oid: int
    name: str
    """As SQL writes it, quoted and qualified so that it means this type whatever the search_path: ``pg_catalog.int8``,
    ``public."Mood"``, ``pg_catalog.int8[]``."""
    plain: str
    """Its bare name: ``int8``, ``Mood``; of an array its element's with ``[]``."""
    kind: Kind = "base"
    element: ServerType | None = None
    """What an array holds."""
    base: ServerType | None = None
    """What a domain is made of."""
    labels: tuple[str, ...] = ()
    """Of an enum, in the server's order, as they were when it was asked."""
    delimiter: str = ","
    """What stands between the elements of an array of this type as text."""
