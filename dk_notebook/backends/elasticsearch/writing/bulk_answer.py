"""What became of each row of a bulk request."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from dk_notebook.backends.elasticsearch.errors import CHANGED, TYPES, Fault, fault_of, message_of, of_fault
from dk_notebook.errors import ConnectionFailed, DkError

AGAIN: Final = frozenset({429, 502, 503, 504})
"""Statuses of what may go better a moment later."""
NOT_DONE: Final = 429
"""The one of them after which it is certain that nothing was done; of a single row 503 says so, too."""
_NOT_DONE: Final = frozenset({NOT_DONE, 503})
CONFLICT: Final = 409

HOPELESS: Final = frozenset(
    {
        "cluster_block_exception",
        "index_closed_exception",
        "index_not_found_exception",
        "no_such_index_exception",
        "security_exception",
    }
)
"""What no row can be blamed for, and what no other row would fare better with. A full disk comes with 429, too."""

_FIELD: Final = re.compile(r"field \[([^\]]+)\]|object mapping for \[([^\]]+)\]|dynamic introduction of \[([^\]]+)\]")
_QUOTED: Final = re.compile(r"""([\['"])([^\[\]'"]+)([\]'"])""")
_WITHIN: Final = re.compile(r"within \[([^\]]+)\]")
_TERM: Final = re.compile(r'immense term in field="([^"]+)"')


@dataclass(frozen=True)
class Refusal:
    """A row that the server did not take."""

    position: int
    column: str | None
    reason: str
    status: int
    fault: Fault

    def error(self) -> DkError:
        """As an error of its own."""
        return of_fault(self.fault, self.status)


@dataclass
class Sorted:
    """The places of a request, by what became of them."""

    written: list[int] = field(default_factory=list)
    conflicts: list[int] = field(default_factory=list)
    again: list[int] = field(default_factory=list)
    """To be sent again."""
    doubtful: list[int] = field(default_factory=list)
    """Those of `again` that may have been done."""
    refused: dict[int, tuple[int, Fault]] = field(default_factory=dict)
    hopeless: tuple[int, Fault] | None = None
    """Why the write cannot go on."""
    last: tuple[int, Fault] | None = None
    """What was said of one of `again`."""


def sorted_out(answer: Mapping[str, Any], count: int) -> Sorted:
    """The items of an answer to a request of so many rows.

    >>> sorted_out({"errors": True, "items": [{"create": {"status": 201}}, {"create": {"status": 429}}]}, 2).again
    [1]
    """
    result = Sorted()
    items: Sequence[Mapping[str, Mapping[str, Any]]] = answer.get("items", [])
    # What was not there to be deleted counts as no error there.
    if answer.get("errors") is False and not (items and "delete" in items[0]):
        result.written = list(range(count))
        return result
    for place, item in enumerate(items):
        said = next(iter(item.values()))
        status = int(said.get("status", 500))
        if status < 300:
            result.written.append(place)
            continue
        fault = fault_of(said.get("error") or f"status {status}")
        if fault.type in HOPELESS:
            result.hopeless = result.hopeless or (status, fault)
            result.refused[place] = (status, fault)
        elif status == CONFLICT:
            result.conflicts.append(place)
        elif status in AGAIN or _is_lost(fault):
            result.again.append(place)
            result.last = (status, fault)
            if _is_lost(fault) and status not in _NOT_DONE:
                result.doubtful.append(place)
        else:
            result.refused[place] = (status, fault)
    return result


def _is_lost(fault: Fault) -> bool:
    """Whether a node was gone, as the server tells it."""
    return fault.type in TYPES and TYPES[fault.type][0] is ConnectionFailed


def refusal(position: int, status: int, fault: Fault, columns: Sequence[str], source: str) -> Refusal:
    """A refused row in words, with the column that the server names, if it is one of ours.

    ``source``: the document, whose values the words leave out, however the server came to repeat them.
    """
    return Refusal(position, column_of(fault, columns), _without(message_of(fault), source, columns), status, fault)


def _without(message: str, source: str, columns: Sequence[str]) -> str:
    """The message without texts of the document.

    >>> _without("unsupported symbol [w] in geohash [swordfish]", '{"at":"swordfish"}', ["at"])
    'unsupported symbol [w] in geohash […]'
    """
    try:
        known = set(_texts(orjson.loads(source)))
    except orjson.JSONDecodeError:
        return message
    return _QUOTED.sub(
        lambda match: f"{match[1]}{CHANGED}{match[3]}" if match[2] in known.difference(columns) else match[0], message
    )


def _texts(value: Any) -> Iterator[str]:
    """All texts and numbers in a document, as texts."""
    if isinstance(value, dict):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
    elif value is not None and not isinstance(value, bool):
        yield str(value)


def column_of(fault: Fault, columns: Sequence[str]) -> str | None:
    """The column whose value was refused; None where the server names none.

    >>> column_of(Fault("document_parsing_exception", "[1:5] failed to parse field [who.age] of type [long]"), ["who"])
    'who'
    """
    said = " ".join([fault.reason, *fault.reasons])
    for pattern in (_TERM, _FIELD, _WITHIN):
        for match in pattern.finditer(said):
            name = next(group for group in match.groups() if group)
            # The longest: a column called `a.b` beside one called `a`.
            for column in sorted(columns, key=len, reverse=True):
                if name == column or name.startswith(f"{column}."):
                    return column
    return None
