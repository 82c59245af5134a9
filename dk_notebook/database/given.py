"""What callers give as records, as records and as documents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from dk_notebook.errors import ConfigError
from dk_notebook.records.document import Document
from dk_notebook.records.record import Record
from dk_notebook.runtime.workers import in_worker

LARGE: Final = 5_000
"""Records that are looked through on the loop; more are in a worker thread."""


def record_of(given: Record | Mapping[str, Any]) -> Record:
    """A record, or the mapping as one. ConfigError for anything else."""
    if isinstance(given, Record):
        return given
    if isinstance(given, Mapping):
        return Record(given)
    raise ConfigError(f"a record is wanted, not {type(given).__name__}")


def document_of(given: Record | Mapping[str, Any], position: int | None = None) -> Document:
    """What a store keeps of it. ConversionError: a value that JSON does not have."""
    return record_of(given).document(position=position)


async def documents_of(records: Iterable[Record | Mapping[str, Any]]) -> list[Document]:
    """What a store keeps of them, all looked through before anything is written."""
    if isinstance(records, (str, bytes, Mapping)) or not isinstance(records, Iterable):
        raise ConfigError(f"records are wanted, as a list, not {type(records).__name__}")

    def made() -> list[Document]:
        return [document_of(record, position) for position, record in enumerate(records)]

    if isinstance(records, (list, tuple)) and len(records) <= LARGE:
        return made()
    return await in_worker(made)
