"""What a search asks of each hit, so that its columns can be made of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from dk_notebook.backends.elasticsearch.fields import Field
from dk_notebook.backends.elasticsearch.types import type_of

_FORMAT: Final = "strict_date_optional_time_nanos"
"""In which dates come that the server reads out of documents."""


@dataclass(frozen=True, kw_only=True)
class Fetch:
    """The part of a request that says what each hit has."""

    body: Mapping[str, Any]
    paths: tuple[str, ...]
    """What of the answer is sent at all."""
    asked: frozenset[str] = frozenset()
    """The columns for which the server reads the documents, too."""
    careful: bool = False
    """Whether ids come with it, and what the mapping ignores: enough for an error that names a document."""

    @classmethod
    def of(
        cls,
        columns: Sequence[Field],
        *,
        whole: bool,
        asked: frozenset[str] = frozenset(),
        careful: bool = False,
        paged: bool = True,
    ) -> Fetch:
        """What these columns need. ``whole``: they are all of the document, which is faster than a choice of it.

        ``paged``: another page follows, which begins after the last sort values.

        >>> from dk_notebook.backends.elasticsearch.types import arrow_field
        >>> at = Field(name="at", type="date", arrow=arrow_field("at", "date"))
        >>> Fetch.of([at], whole=False, asked=frozenset({"at"})).body
        {'_source': ['at'], 'fields': [{'field': 'at', 'format': 'strict_date_optional_time_nanos'}]}
        """
        sent = [each.name for each in columns if each.via == "source"]
        body: dict[str, Any] = {"_source": (whole or sent) if sent else False}
        ways = {
            "fields": [each for each in columns if each.via == "fields" or each.name in asked],
            "docvalue_fields": [each for each in columns if each.via == "docvalues"],
        }
        body |= {way: [_read_out(each) for each in found] for way, found in ways.items() if found}
        stored = [each.name for each in columns if each.via == "stored"]
        if stored:
            body["stored_fields"] = stored
        paths = [each.name for each in columns if each.via == "hit"]
        paths += ["_source"] if sent else []
        paths += ["fields"] if len(body) > 1 or any(each.via == "script" for each in columns) else []
        if "fields" in body or careful:
            paths.append("ignored_field_values")
        if careful:
            paths += [each for each in ("_id", "_index") if each not in paths]
        # Without any, a hit would be nothing at all.
        paths += ["sort"] if paged else [] if paths else ["_index"]
        return cls(body=body, paths=tuple(f"hits.hits.{each}" for each in paths), asked=asked, careful=careful)


def _read_out(column: Field) -> Any:
    if type_of(column.type).form == "date":
        return {"field": column.name, "format": _FORMAT}
    return column.name
