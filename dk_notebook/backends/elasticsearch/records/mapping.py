"""The index of documents: how it is made, and how documents lie in it.

The layout is that of dataknobs-data, whose programs share the store: ``_source`` is ``{"data": {...}, "metadata":
{...}, "id": "<key>"}``. The fields of ``data`` are mapped as they come. What is told to the server beforehand is that
the first value of a field does not decide too much.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

from dk_notebook.backends.elasticsearch import names
from dk_notebook.backends.elasticsearch.connections.client import Client
from dk_notebook.errors import Conflict

DATA: Final = "data"
KEY: Final = "id"
LONGEST: Final = 8191
"""Characters of a text that is found by exact filters: four bytes each, and a term has 32,766 at most."""
EXACT: Final = "double"
"""The subfield of whole numbers in which they compare to fractions: a long would keep 30 of 30.7."""

_DOUBLE: Final = {"type": "double", "coerce": False}
"""Without coercion: the text "30" is refused, as any other text is, and not taken for a number."""

_MIXED: Final = re.compile(
    r"mapper \[([^\]]+)\] cannot be changed from type \[(?:long|float|double)\] to \[(?:long|float|double)\]"
)

MAPPING: Final[dict[str, Any]] = {
    "date_detection": False,
    "numeric_detection": False,
    "dynamic_templates": [
        {
            "texts": {
                "match_mapping_type": "string",
                "mapping": {"type": "text", "fields": {"keyword": {"type": "keyword", "ignore_above": LONGEST}}},
            }
        },
        {
            # What a long cannot hold (2**64) is in the subfield alone. It refuses what is no number, so that
            # `ignore_malformed` lets nothing else pass.
            "whole": {
                "match_mapping_type": "long",
                "mapping": {"type": "long", "ignore_malformed": True, "fields": {EXACT: _DOUBLE}},
            }
        },
        {"fractions": {"match_mapping_type": "double", "mapping": _DOUBLE}},
    ],
    "properties": {
        KEY: {"type": "keyword"},
        DATA: {"type": "object", "dynamic": True},
        "metadata": {"type": "object", "dynamic": True},
        "created_at": {"type": "date"},
        "updated_at": {"type": "date"},
    },
}


async def prepare(client: Client, index: str) -> None:
    """Make the index, if there is neither one nor an alias of that name."""
    if await client.exists(names.path(index)):
        return
    try:
        await client.json("PUT", names.path(index), body={"mappings": MAPPING})
    except Conflict as error:
        # Two made it at the same time: the other's is there by now.
        if error.code != "resource_already_exists_exception":
            raise


def mixed_numbers(reason: str) -> str | None:
    """The new field that is refused for having both whole numbers and fractions in its first document.

    >>> mixed_numbers("mapper [data.sizes] cannot be changed from type [long] to [double]")
    'data.sizes'
    """
    found = _MIXED.search(reason)
    return found[1] if found else None


async def declare_fractions(client: Client, index: str, fields: Iterable[str]) -> None:
    """Declare fields that hold whole numbers and fractions."""
    for field in fields:
        declared: dict[str, Any] = _DOUBLE
        for name in reversed(field.split(".")):
            declared = {"properties": {name: declared}}
        await client.json("PUT", names.path(index, "_mapping"), body=declared, repeatable=True)


async def mappings(client: Client, index: str) -> list[dict[str, Any]]:
    """The mappings of the index, or of the indices behind the alias. NotFound."""
    answer: dict[str, Any] = await client.json("GET", names.path(index, "_mapping"))
    return [each.get("mappings", {}) for each in answer.values()]
