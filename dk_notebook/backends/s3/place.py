"""Where the documents lie in a store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, kw_only=True)
class S3Place:
    """A prefix under the connection's, which is the place itself unless another one is said.

    >>> S3Place().name, S3Place(table="people").name
    ('', 'people')
    """

    table: str = ""
    """The prefix, or a whole ``s3://bucket/prefix``; without it that of the connection."""

    spellings: ClassVar[Mapping[str, str]] = {"table_name": "table"}

    @property
    def name(self) -> str:
        """See `DocumentPlace.name`."""
        return self.table

    @property
    def making(self) -> Mapping[str, Any]:
        """See `DocumentPlace.making`."""
        return {}
