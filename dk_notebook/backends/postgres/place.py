"""Where the documents lie in a PostgreSQL database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from dk_notebook.backends.documents import DocumentPlace
from dk_notebook.backends.sql.names import join_table, split_table

SCHEMA: Final = "public"


@dataclass(frozen=True, kw_only=True)
class PostgresPlace(DocumentPlace):
    """A table; in the schema ``public``, whatever the search_path, unless something else is said.

    >>> PostgresPlace().name, PostgresPlace(table="crm.people").name, PostgresPlace(table="a.b", schema="crm").name
    ('public.records', 'crm.people', '"crm"."a.b"')
    """

    index: bool = False
    """Make a GIN index each for data and metadata. No filter of the records API uses one; statements of your own may,
    as ``data @> '{"a": 1}'``."""

    @property
    def name(self) -> str:
        """See `DocumentPlace.name`."""
        if self.schema is None and len(parts := split_table(self.table)) == 1:
            return join_table((SCHEMA, *parts))
        return super().name

    @property
    def making(self) -> Mapping[str, Any]:
        """See `DocumentPlace.making`."""
        return {"index": self.index}
