"""What the server is asked for the fields of a table: its mappings, or what it tells those who may not see them."""

from __future__ import annotations

from dk_notebook.backends.elasticsearch import capabilities, names
from dk_notebook.backends.elasticsearch.connections.client import Client
from dk_notebook.backends.elasticsearch.fields import Field, Fields, merged, of_indices
from dk_notebook.errors import NotFound


async def fields_of(client: Client, table: str) -> list[Field]:
    """The columns of an index, an alias, a pattern or a list, in the order in which they are read.

    NotFound; QueryError, which lists them: fields that the indices declare differently.
    """
    return (await mapped(client, table)).shown()


async def mapped(client: Client, table: str) -> Fields:
    """All fields. NotFound: an index that is not there, or a pattern that none is like."""
    index = names.readable(table)
    answer = await client.raw(
        "GET",
        names.path(index),
        params={
            "features": "mappings,settings",
            "filter_path": "*.mappings,*.settings.index.mapping.source,*.settings.index.uuid",
        },
        allowed=(403,),
    )
    if answer.status == 403:  # who may read need not be one who may see mappings
        said = await client.json("GET", names.path(index, "_field_caps"), params=capabilities.PARAMS)
        indices = said.get("indices") or []
        found = of_indices(table, capabilities.by_index(said), len(indices))
    else:
        indices = answer.json() or {}
        found = merged(table, indices, excludes_vectors=client.server.version >= (9, 2))
    if not indices:
        raise NotFound(f"no index is like {table!r}", code="index_not_found_exception")
    return found
