"""A write as far as it is known before its first row: where it goes, and how each column becomes a field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from dk_notebook.backends.base import TableWrite
from dk_notebook.backends.elasticsearch.writing.alias import Swap
from dk_notebook.backends.elasticsearch.writing.bulk import Action
from dk_notebook.backends.elasticsearch.writing.date_formats import Convert
from dk_notebook.backends.elasticsearch.writing.destination import Index
from dk_notebook.errors import ConversionError
from dk_notebook.frames.types import kind

NOT_ATOMIC = "not all or nothing: each row is in as soon as it was taken, and readers may see a part of them"


@dataclass(frozen=True)
class Fit:
    """One column on its way from a stream into a field."""

    source: pa.Field
    field: Mapping[str, Any]
    """As the mapping has it."""
    convert: Convert

    @property
    def declared(self) -> str:
        """The type of the field, in a word."""
        return str(self.field.get("type", "object"))

    def error(self, reason: str, position: int | None) -> ConversionError:
        """What is raised about a value of this column."""
        error = ConversionError(
            reason, column=self.source.name, position=position, source=str(self.source.type), target=self.declared
        )
        if self.declared == "date" and "milliseconds" in reason:
            error.hint = f'types={{{self.source.name!r}: "date_nanos"}} for a new index keeps them'
        elif self.declared == "date_nanos" and "1970" in reason:
            error.hint = f'types={{{self.source.name!r}: "date"}} for a new index reaches further'
        return error


@dataclass(frozen=True, kw_only=True)
class Intent:
    """A write, as far as it is known before its first row."""

    target: TableWrite
    there: Index | None
    """The index that rows are added to; None when one is made."""
    index: str
    """The name that rows are sent to."""
    mapping: Mapping[str, Any]
    """Of the index that is made; of one that is there, the fields that it gets."""
    fits: tuple[Fit, ...]
    key: tuple[str, ...]
    action: Action
    swap: Swap | None
    notes: tuple[str, ...]

    @property
    def made(self) -> bool:
        """Whether the write makes the index, and can unmake it."""
        return self.there is None


def action_of(target: TableWrite) -> Action:
    """What the server is asked to do with a row."""
    return "index" if target.mode == "upsert" else "create"


def units(fits: Sequence[Fit]) -> tuple[str, ...]:
    """What a reader of durations must know."""
    words = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}
    return tuple(
        f"{fit.source.name!r} is written as whole {words[fit.source.type.unit]}"
        for fit in fits
        if kind(fit.source.type) == "duration"
    )
