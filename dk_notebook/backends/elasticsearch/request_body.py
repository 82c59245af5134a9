"""A Query DSL body: the indices that it is for, and what the server gets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dk_notebook.backends.base import Native
from dk_notebook.backends.elasticsearch import names
from dk_notebook.errors import ConfigError


def split(query: Native) -> tuple[str | None, dict[str, Any]]:
    """The indices and the body for the server. ConfigError: no index is named, or ``params`` come with it.

    A body with a point in time (``pit``) has its indices by that.

    >>> split(Native(text={"index": ["a", "b"], "query": {"match_all": {}}}))
    ('a,b', {'query': {'match_all': {}}})
    """
    body = dict(query.text) if isinstance(query.text, Mapping) else {}
    if query.params:
        raise ConfigError("params= is for ES|QL: a Query DSL body holds its values")
    named = body.pop("index", None)
    if isinstance(named, list | tuple):
        named = ",".join(map(str, named))
    if "pit" in body:
        return None, body
    if named is None:
        raise ConfigError('the body names no index: {"index": "flights", ...}')
    return names.readable(named), body
