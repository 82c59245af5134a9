"""Documents as the server has them: ``_source`` byte for byte, so that numbers come back as they were."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from dk_notebook.backends import exact_json
from dk_notebook.backends.elasticsearch.records.mapping import DATA, KEY
from dk_notebook.errors import QueryError
from dk_notebook.records.document import Document


def source(document: Document) -> bytes:
    """What is stored of a document.

    >>> source(Document("a", {"n": 2**70}))
    b'{"data":{"n":1180591620717411303424},"metadata":{},"id":"a"}'
    """
    return exact_json.dumps({DATA: document.data, "metadata": document.metadata, KEY: document.id})


def document(hit: Mapping[str, Any]) -> Document:
    """A document that was found, with its version. Its key is ``_id``, also where there is none inside.

    QueryError: the server has nothing of it but its terms.
    """
    found = hit.get("_source")
    if found is None:
        raise QueryError("the index does not keep documents as they were: its mapping has _source switched off")
    return Document(hit["_id"], found.get(DATA) or {}, found.get("metadata") or {}, version(hit))


def version(hit: Mapping[str, Any]) -> str:
    """The version as text: another one after each change.

    >>> version({"_seq_no": 5, "_primary_term": 1})
    '5-1'
    """
    return f"{hit['_seq_no']}-{hit['_primary_term']}"


def expected(version: str) -> dict[str, int] | None:
    """What a write says so that it happens to this version alone; None for what is no version.

    >>> expected("5-1")
    {'if_seq_no': 5, 'if_primary_term': 1}
    """
    found = re.fullmatch(r"(\d{1,18})-(\d{1,18})", version)
    return {"if_seq_no": int(found[1]), "if_primary_term": int(found[2])} if found else None
