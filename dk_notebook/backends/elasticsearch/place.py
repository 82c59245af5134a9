"""Where the documents lie in a cluster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from dk_notebook.backends.elasticsearch import names


@dataclass(frozen=True, kw_only=True)
class ElasticsearchPlace:
    """An index, or an alias of one.

    >>> ElasticsearchPlace().name, ElasticsearchPlace(index="my_data").name
    ('records', 'my_data')
    """

    index: str = "records"
    """An index, which is made if it is absent, or an alias of one."""

    spellings: ClassVar[Mapping[str, str]] = {"index_name": "index", "table": "index", "table_name": "index"}

    def __post_init__(self) -> None:
        names.checked(self.index)

    @property
    def name(self) -> str:
        """See `DocumentPlace.name`."""
        return self.index

    @property
    def making(self) -> Mapping[str, Any]:
        """See `DocumentPlace.making`."""
        return {}
