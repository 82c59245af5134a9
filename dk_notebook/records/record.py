"""A record: what a program stores and gets back."""

from __future__ import annotations

import copy
import uuid
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any, Self

from dk_notebook.errors import ConfigError, ConversionError
from dk_notebook.records import values
from dk_notebook.records.document import Document, Unreadable, checked_id, plain


class Record(MutableMapping[str, Any]):
    """Data by field, with an id and metadata: a mapping of its fields.

    The id is ``id``, else a field ``id`` (as text), else a UUID drawn now, so that a repeated `create` cannot store
    it twice. ``version`` is that of the store the record was read from, None for a new one. ConfigError: the data
    are no mapping, or the id is not one that a store can have.

    >>> record = Record({"name": "Alice", "age": 30}, metadata={"source": "form"}, id="a1")
    >>> record["name"], record.id, len(record)
    ('Alice', 'a1', 2)
    >>> record["age"] = 31
    >>> record
    Record({'name': 'Alice', 'age': 31}, metadata={'source': 'form'}, id='a1')
    >>> Record({"id": 7}).id
    '7'
    """

    __slots__ = ("_drawn", "_id", "data", "metadata", "version")

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        id: Any = None,  # noqa: A002 (the word of the API)
    ) -> None:
        for name, given in (("data", data), ("metadata", metadata)):
            if given is not None and not isinstance(given, Mapping):
                raise ConfigError(f"the {name} of a record are a mapping of fields, not {type(given).__name__}")
        self.data: dict[str, Any] = dict(data or {})
        """The fields and their values."""
        self.metadata: dict[str, Any] = dict(metadata or {})
        """What is known about the record, beside its data."""
        self.version: str | None = None
        """As the store gave it with `read` or `search`: for ``update(..., expected_version=...)``."""
        if id is None:
            id = values.scalar(self.data.get("id"))  # noqa: A001 (the word of the API)
        self._drawn = id is None
        self._id = str(uuid.uuid4()) if id is None else checked_id(id)

    @property
    def id(self) -> str:
        """The key in a store."""
        return self._id

    @id.setter  # noqa: A003 (the word of the API)
    def id(self, value: Any) -> None:
        self._id = checked_id(value)
        self._drawn = False

    # --- a mapping ----------------------------------------------------------------------------------------------

    def __getitem__(self, field: str) -> Any:
        return self.data[field]

    def __setitem__(self, field: str, value: Any) -> None:
        self.data[field] = value

    def __delitem__(self, field: str) -> None:
        del self.data[field]

    def __iter__(self) -> Iterator[str]:
        return iter(self.data)

    def __len__(self) -> int:
        return len(self.data)

    def __eq__(self, other: object) -> bool:
        """Equal data, metadata and id; an id that was only drawn tells nothing apart. With other mappings: the data."""
        if not isinstance(other, Record):
            return isinstance(other, Mapping) and self.data == dict(other)
        same_id = self._id == other._id or self._drawn or other._drawn
        return same_id and self.data == other.data and self.metadata == other.metadata

    __hash__ = None  # type: ignore[assignment]  # it can be changed

    def __repr__(self) -> str:
        metadata = f", metadata={self.metadata!r}" if self.metadata else ""
        return f"Record({self.data!r}{metadata}, id={self._id!r})"

    # --- beyond -------------------------------------------------------------------------------------------------

    def get_value(self, path: str, default: Any = None) -> Any:
        """The value of a field; a dot descends into nested data.

        >>> Record({"place": {"city": "Oslo"}}).get_value("place.city")
        'Oslo'
        """
        node: Any = self.data
        for name in path.split("."):
            if not isinstance(node, Mapping) or name not in node:
                return self.data.get(path, default)
            node = node[name]
        return node

    def set_value(self, field: str, value: Any) -> None:
        """The same as ``record[field] = value``."""
        self.data[field] = value

    def copy(self) -> Self:
        """A record of its own with the same id, data, metadata and version."""
        return copy.deepcopy(self)

    def to_dict(self, *, include_metadata: bool = False) -> dict[str, Any]:
        """The data as a dict of its own; ``include_metadata``: the id as ``_id`` and the metadata as ``_metadata`` too.

        >>> Record({"name": "Alice"}, id="a1").to_dict(include_metadata=True)
        {'name': 'Alice', '_id': 'a1', '_metadata': {}}
        """
        data = copy.deepcopy(self.data)
        return {**data, "_id": self._id, "_metadata": copy.deepcopy(self.metadata)} if include_metadata else data

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The record that `to_dict` made such a dict of.

        >>> Record.from_dict({"name": "Alice", "_id": "a1"})
        Record({'name': 'Alice'}, id='a1')
        """
        fields = dict(data)
        id, metadata = fields.pop("_id", None), fields.pop("_metadata", None)  # noqa: A001 (the word of the API)
        return cls(fields, metadata, id)

    # --- to a store and back ------------------------------------------------------------------------------------

    def document(self, *, position: int | None = None) -> Document:
        """What a store keeps of it. ConversionError, which names the field, where JSON does not have a value."""
        return Document(
            self._id,
            plain(self.data, position=position),
            plain(self.metadata, position=position, within="metadata") if self.metadata else {},
        )

    @classmethod
    def of(cls, document: Document) -> Self:
        """The record that a store has. ConversionError, or the store's own error: something else lies there."""
        if isinstance(document.data, Unreadable):
            raise document.data.error
        id, data, metadata, version = document  # noqa: A001 (the word of the API)
        if not isinstance(data, dict) or not isinstance(metadata, dict):
            name = "metadata" if isinstance(data, dict) else "data"
            raise ConversionError("a record is a mapping of fields", column=name, source="JSON")
        record = cls.__new__(cls)
        record.data, record.metadata = data, metadata
        record._id, record._drawn, record.version = id, False, version
        return record
