"""What Tab offers in ES|QL: indices, fields, parameters."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from dk_notebook.backends.elasticsearch.esql.columns import quoted
from dk_notebook.jupyter.completion.esql import Place, place
from dk_notebook.jupyter.completion.names import Candidate, Holdings, Offer, beginning, values

_FIELD = re.compile(r"[A-Za-z_@]\w*(\.[A-Za-z_]\w*)*")
_INDEX = re.compile(r"[\w.\-]+")


def offered(
    text: str, cursor: int, holdings: Holdings, variables: Mapping[str, Any], parameters: Iterable[str] | None = None
) -> Offer:
    """What fits the cursor's place. ``parameters``: instead of the variables'."""
    found = place(text, cursor)
    if found is None:
        return Offer("", is_ours=True)
    if found.wanted == "parameter":
        names = values(variables) if parameters is None else parameters
        return _offer(found, (Candidate(name, "variable") for name in beginning(found.typed, names)))
    if found.wanted == "index":
        tables = {table.name: table.kind for table in holdings.tables()}
        named = beginning(found.typed, tables)
        return _offer(found, (Candidate(_index(found, name), tables[name]) for name in named))
    fields = list(holdings.columns(",".join(found.indices))) if found.indices else []
    names = dict.fromkeys([*fields, *found.named])
    return _offer(found, (Candidate(_field(found, name), "field") for name in beginning(found.typed, names)))


def _offer(found: Place, candidates: Iterable[Candidate]) -> Offer:
    return Offer(found.fragment, list(candidates), is_ours=True)


def _index(found: Place, name: str) -> str:
    if not found.fragment.startswith('"') and _INDEX.fullmatch(name):
        return name
    return f'"{name}' + ('"' if found.closes else "")


def _field(found: Place, name: str) -> str:
    if not found.fragment.startswith("`") and _FIELD.fullmatch(name):
        return name
    return quoted(name) if found.closes else quoted(name)[:-1]
