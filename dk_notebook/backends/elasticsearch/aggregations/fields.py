"""The forms of the fields that aggregations name, by the mappings of all the indices that are searched."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from dk_notebook.backends.elasticsearch.aggregations.kinds import Form
from dk_notebook.backends.elasticsearch.aggregations.tree import below_of, kind_of
from dk_notebook.backends.elasticsearch.connections.client import Client
from dk_notebook.backends.elasticsearch.unmapped import declared, warn_of_unmapped
from dk_notebook.errors import ConfigError, DkError, QueryError

_FORMS: Final[dict[str, Form]] = {
    **dict.fromkeys(("byte", "short", "integer", "long", "token_count"), "integer"),
    "unsigned_long": "unsigned",
    **dict.fromkeys(("float", "half_float", "double", "scaled_float", "aggregate_metric_double"), "float"),
    "boolean": "boolean",
    **dict.fromkeys(("date", "date_nanos"), "instant"),
}
"""Of a type of the mapping; text, where it is not here."""

_NO_FIELDDATA: Final = re.compile(r"^Fielddata is disabled on \[([^\]]+)\]")


class FieldForms:
    """What `form_of` asks: the form of a field's values."""

    def __init__(self, types: Mapping[str, Mapping[str, Any]]) -> None:
        self._types = types

    def __call__(self, field: Any) -> Form:
        """QueryError: the indices declare the field so differently that its values have no form in common."""
        types = self._types.get(field, {}) if isinstance(field, str) else {}
        forms = {_FORMS.get(each, "text") for each in types}
        if len(forms) <= 1:
            return next(iter(forms), "text")
        if forms <= {"integer", "float"}:
            return "float"
        declared = "; ".join(
            f"{word} in {', '.join(map(repr, list(said.get('indices') or ['?'])[:5]))}" for word, said in types.items()
        )
        raise QueryError(
            f"the indices declare {field!r} differently: {declared}",
            code="mapping_conflict",
            hint="aggregate over those that declare it alike",
        )


async def forms_of(client: Client, index: str | None, body: Mapping[str, Any]) -> FieldForms:
    """The forms of the fields that the body's aggregations name; nothing is asked where they name none.

    NotFound: an index is not there. Of a field that no index has a warning: the server would find nothing in silence.
    """
    wanted = aggregated(body)
    if not wanted:
        return FieldForms({})
    if index is None:
        raise ConfigError(
            "aggregations over a point in time have no types: nothing tells its mappings",
            hint='name the index instead of the pit: {"index": "flights", ...}',
        )
    types = await declared(client, index, wanted, body.get("runtime_mappings"))
    unknown = [field for field in wanted if field not in types and "*" not in field]
    await warn_of_unmapped(client, index, unknown, body.get("runtime_mappings"))
    return FieldForms(types)


async def suggest_keyword(client: Client, index: str | None, error: QueryError) -> None:
    """Where the error is that a text was to be aggregated: hint at the field beside it that can be."""
    text = _NO_FIELDDATA.search(error.message)
    if text is None or index is None or error.hint:
        return
    try:
        beside = await declared(client, index, [f"{text[1]}.*"])
    except DkError:
        return
    keywords = [repr(name) for name, types in beside.items() if "keyword" in types]
    error.hint = f"{' or '.join(keywords)} can be" if keywords else "a keyword field can be"


def aggregated(body: Mapping[str, Any]) -> list[str]:
    """The fields that the body's aggregations name, each once.

    >>> aggregated({"aggs": {"a": {"terms": {"field": "x"}, "aggs": {"b": {"stats": {"field": "y"}}}}}})
    ['x', 'y']
    """
    return list(dict.fromkeys(_fields(body)))


def _fields(body: Mapping[str, Any]) -> Iterator[str]:
    for definition in below_of(body).values():
        found = kind_of(definition)
        if found is not None:
            yield from _named(found[1])
            yield from _fields(definition)


def _named(said: Mapping[str, Any]) -> Iterator[str]:
    for place in (said, *_inner(said)):
        field = place.get("field") if isinstance(place, Mapping) else None
        if isinstance(field, str):
            yield field


def _inner(said: Mapping[str, Any]) -> Iterator[Any]:
    """The terms of multi_terms, the metrics of top_metrics, the sources of a composite."""
    for name in ("terms", "metrics"):
        found = said.get(name) or []
        yield from [found] if isinstance(found, Mapping) else found if isinstance(found, list) else []
    for source in said.get("sources") or []:
        for inner in source.values() if isinstance(source, Mapping) else []:
            yield from inner.values() if isinstance(inner, Mapping) else []
