"""What lies in the object of a document: its fields with their types, as programs on dataknobs-data read them.

``{"fields": {"age": {"name": "age", "value": 30, "type": "integer", "metadata": {}}}, "id": "ann", "metadata": {}}``.
Objects whose fields are bare values, and objects that are the fields themselves, are read as well.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from dk_notebook.backends import exact_json
from dk_notebook.errors import QueryError
from dk_notebook.records.document import Document, Unreadable

CONTENT_TYPE: Final = "application/json"
LONG: Final = 1_000
"""Characters of a text from which on it has a type of its own."""

_TYPES: Final[Mapping[type, str]] = {
    str: "string",
    type(None): "string",
    int: "integer",
    float: "float",
    bool: "boolean",
    dict: "json",
    list: "json",
}
"""How the layout calls what JSON has. Times are text here."""
_ABOUT_A_FIELD: Final = frozenset({"name", "value", "type", "metadata", "dimensions"})
_AROUND_FIELDS: Final = frozenset({"fields", "id", "_id", "metadata"})


# --- to the store ---------------------------------------------------------------------------------------------------


def encoded(document: Document) -> bytes:
    """What is stored of a document.

    >>> encoded(Document("a", {"n": 2**70}))
    b'{"fields":{"n":{"name":"n","value":1180591620717411303424,"type":"integer","metadata":{}}},"id":"a","metadata":{}}'
    """
    fields = {
        name: {"name": name, "value": value, "type": _type(value), "metadata": {}}
        for name, value in document.data.items()
    }
    return exact_json.dumps({"fields": fields, "id": document.id, "metadata": document.metadata})


def _type(value: Any) -> str:
    return "text" if type(value) is str and len(value) > LONG else _TYPES[type(value)]


# --- from the store -------------------------------------------------------------------------------------------------


def decoded(id: str, body: bytes, version: str, *, key: str) -> Document:  # noqa: A002 (the word of the layout)
    """The document in an object. Where there is none, its data are `Unreadable`, with an error that names the key.

    >>> decoded("a", b'{"fields": {"n": 1, "name": {"value": "Ann", "type": "string"}}}', '"5d4"', key="a.json").data
    {'n': 1, 'name': 'Ann'}
    >>> decoded("a", b'{"n": 1, "name": "Ann"}', '"5d4"', key="a.json").data
    {'n': 1, 'name': 'Ann'}
    """
    try:
        whole = _parsed(body)
    except (ValueError, RecursionError) as error:
        return Document(id, Unreadable(_no_document(key, f"no JSON: {error}")), {}, version)
    if not isinstance(whole, dict):
        return Document(id, Unreadable(_no_document(key, f"JSON, but no object: {_KINDS[type(whole)]}")), {}, version)
    if _has_fields_apart(whole):
        data = {name: _value(field) for name, field in whole["fields"].items()}
        return Document(id, data, whole.get("metadata") or {}, version)
    metadata = whole.pop("_metadata", None)
    whole.pop("_id", None)
    return Document(id, whole, metadata if isinstance(metadata, dict) else {}, version)


def _parsed(body: bytes) -> Any:
    try:
        return exact_json.loads(body)
    except ValueError:
        # What Python's own writes and reads, and nobody else: NaN and infinity, which programs on dataknobs-data store.
        return json.loads(body)


def _has_fields_apart(whole: Mapping[str, Any]) -> bool:
    """Whether the fields lie under a name of their own: then there is nothing else than what is said about them."""
    return (
        isinstance(whole.get("fields"), dict)
        and whole.keys() <= _AROUND_FIELDS
        and isinstance(whole.get("metadata"), (dict, type(None)))
    )


def _value(field: Any) -> Any:
    """What a field holds: a value with what is said about it, or the bare value."""
    if type(field) is dict and "value" in field and field.keys() <= _ABOUT_A_FIELD:
        return field["value"]
    return field


_KINDS: Final[Mapping[type, str]] = {
    list: "a list",
    str: "a text",
    int: "a number",
    float: "a number",
    bool: "true or false",
    type(None): "null",
}


def _no_document(key: str, reason: str) -> QueryError:
    return QueryError(
        f"the object {key!r} lies among the documents and is none: it holds {reason}",
        code="no_document",
        hint="take it away, or give it a name that does not end in .json",
    )
