"""What the mapping of an index that was made here says of it, in ``_meta``.

Its columns in their order, which the server does not keep, the key of which the ids are made, and the alias that a
replacement was made for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

OURS: Final = "dk_notebook"
"""Our part of it; others may have theirs."""


def mark(columns: Sequence[str], *, key: Sequence[str] = (), of: str | None = None) -> dict[str, Any]:
    """What is said of an index, as a part of its mapping. ``of``: the alias for which it is made.

    >>> mark(["b", "a"], key=["a"], of="flights")
    {'_meta': {'dk_notebook': {'columns': ['b', 'a'], 'key': ['a'], 'of': 'flights'}}}
    """
    said = {"columns": list(columns), "key": list(key)} | ({"of": of} if of is not None else {})
    return {"_meta": {OURS: said}}


def made_for(mapping: Mapping[str, Any]) -> str | None:
    """The alias for which a ``replace`` made the index; None: somebody else did."""
    said = _said(mapping).get("of")
    return None if said is None else str(said)


def key_of(mapping: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The columns of which the ids were made, none where they were drawn; None: nobody knows.

    >>> key_of(mark(["a", "b"], key=["a"])), key_of(mark(["a", "b"])), key_of({"properties": {}})
    (('a',), (), None)
    """
    said = _said(mapping).get("key")
    return tuple(map(str, said)) if isinstance(said, list) else None


def in_order(names: Iterable[str], mapping: Mapping[str, Any]) -> list[str]:
    """The names of fields in the order of the columns that were written; those of no such column at the end.

    >>> in_order(["a", "b.x", "b.y", "c"], mark(["c", "b"]))
    ['c', 'b.x', 'b.y', 'a']
    """
    listed = _said(mapping).get("columns")
    places = {each: place for place, each in enumerate(listed)} if isinstance(listed, list) else {}

    def place(name: str) -> int:
        # A struct is a column of its own, and fields with dots.
        parts = name.split(".")
        found = (places.get(".".join(parts[:end])) for end in range(len(parts), 0, -1))
        return next((each for each in found if each is not None), len(places))

    return sorted(names, key=place)


def _said(mapping: Mapping[str, Any]) -> Mapping[str, Any]:
    meta = mapping.get("_meta")
    ours = meta.get(OURS) if isinstance(meta, Mapping) else None
    return ours if isinstance(ours, Mapping) else {}
