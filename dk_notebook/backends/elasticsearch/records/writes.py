"""Writing documents: the bulk loop, and what its outcome means for whole documents.

The server knows no "replace what is there": a document that is to be updated is looked up, and written only over the
version that was seen. Nothing holds several documents together; of a batch that is to be created, what went in is
taken out again where the rest is refused.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import orjson
import pyarrow as pa

from dk_notebook.backends.documents import PutMode
from dk_notebook.backends.elasticsearch import names
from dk_notebook.backends.elasticsearch.connections.client import Client
from dk_notebook.backends.elasticsearch.errors import fault_of, of_fault
from dk_notebook.backends.elasticsearch.records import search as document_search
from dk_notebook.backends.elasticsearch.records.freshness import written
from dk_notebook.backends.elasticsearch.records.mapping import declare_fractions, mixed_numbers
from dk_notebook.backends.elasticsearch.records.source import document, expected, source, version
from dk_notebook.backends.elasticsearch.writing.bulk import Action, Bulk
from dk_notebook.backends.elasticsearch.writing.bulk_answer import Refusal
from dk_notebook.backends.elasticsearch.writing.pieces import LARGEST, Piece
from dk_notebook.backends.exact_json import loads
from dk_notebook.errors import Conflict, DkError, NotFound, OutcomeUnknown, QueryError
from dk_notebook.records.document import Document
from dk_notebook.runtime.workers import in_worker

AT_ONCE: Final = 1_000
"""Documents that are looked up in one request."""
FEW: Final = 1_000
"""Documents that are encoded and parsed on the spot: a worker would cost more than the work."""
GIVE_UP: Final = 5.0
"""Seconds after which a write of documents is not tried again; who calls has ways of their own to wait longer."""
PAUSE: Final = 0.02
"""Seconds at most before a document is looked up again that somebody else has just changed."""
NOT_THERE: Final = 404

Row = tuple[str, str, Mapping[str, int] | None, Document | None]
"""Id, action, the version that is replaced, and the document."""


# --- reading by key -------------------------------------------------------------------------------------------------


async def get(client: Client, index: str, ids: Sequence[str]) -> list[Document | None]:
    """See `Documents.get`: as they are now, whatever searches see."""
    there = await _looked_up(client, index, ids, whole=True)
    found = {id: document(hit) for id, hit in there.items()}  # noqa: A001 (the word of the layout)
    return [found.get(each) for each in ids]


async def _looked_up(client: Client, index: str, ids: Sequence[str], *, whole: bool) -> dict[str, Mapping[str, Any]]:
    """Those that are there. NotFound: the index is not."""
    distinct = list(dict.fromkeys(ids))
    there: dict[str, Mapping[str, Any]] = {}
    for start in range(0, len(distinct), AT_ONCE):
        answer = await client.raw(
            "POST",
            names.path(index, "_mget"),
            params={"_source": whole},
            body={"ids": distinct[start : start + AT_ONCE]},
            repeatable=True,
        )
        for each in (await in_worker(loads, answer.body) if len(distinct) > FEW else loads(answer.body))["docs"]:
            if "error" in each:
                fault = fault_of(each["error"])
                raise of_fault(fault, NOT_THERE if fault.type == "index_not_found_exception" else 400)
            if each.get("found"):
                there[each["_id"]] = each
    return there


# --- writing --------------------------------------------------------------------------------------------------------


async def put(client: Client, index: str, documents: Sequence[Document], mode: PutMode) -> list[bool]:
    """See `Documents.put`."""
    if not documents:
        return []
    # The server would make one of its own, with a mapping that it guesses. Nothing in a bulk request forbids just that:
    # with `require_alias` it takes no index that is there either.
    if mode != "update" and not await client.exists(names.path(index)):
        raise NotFound(f"no such index [{index}]", code="index_not_found_exception")
    if mode == "create":
        await _created(client, index, documents)
        return [True] * len(documents)
    last = list({each.id: each for each in documents}.values())
    stored = await _replaced(client, index, last, mode)
    return [each.id in stored for each in documents]


async def _created(client: Client, index: str, documents: Sequence[Document]) -> None:
    many = len(documents) > 1
    if len({each.id for each in documents}) < len(documents):
        raise _existing(of_many=many)
    outcome = await _sent(client, index, "create", [(each.id, "create", None, each) for each in documents])
    if outcome.is_whole:
        return
    if (outcome.conflicts or outcome.refused) and not outcome.is_cut:
        if outcome.written:
            undone = [documents[place].id for place in outcome.written]
            await _sent(client, index, "delete", [(each, "delete", None, None) for each in undone])
        if outcome.conflicts:
            raise _existing(of_many=many)
    raise outcome.error(len(documents))


async def _replaced(client: Client, index: str, documents: Sequence[Document], mode: PutMode) -> set[str]:
    """The ids of those that were written."""
    stored: set[str] = set()
    left = list(documents)
    while left:
        looked_up = [each.id for each in left if mode == "update" or each.version is not None]
        there = await _looked_up(client, index, looked_up, whole=False) if looked_up else {}
        stale = sum(_is_stale(each, there) for each in left)
        if stale:
            raise _changed(stale, len(documents))
        rows: list[Row] = []
        for each in left:
            hit = there.get(each.id)
            if hit is not None:
                rows.append((each.id, "index", expected(version(hit)), each))
            elif mode == "upsert":
                rows.append((each.id, "index" if each.version is None else "create", None, each))
        outcome = await _sent(client, index, "index", rows)
        if not outcome.is_whole and not outcome.conflicts:
            raise outcome.error(len(documents), undone=False)
        stored.update(rows[place][0] for place in outcome.written)
        # Somebody else was faster: once more, over what is there now.
        beaten = {rows[place][0] for place in outcome.conflicts}
        left = [each for each in left if each.id in beaten]
        if left:
            await asyncio.sleep(random.uniform(0, PAUSE))  # noqa: S311 (no secret)
    return stored


async def delete(client: Client, index: str, ids: Sequence[str]) -> list[bool]:
    """See `Documents.delete`."""
    distinct = list(dict.fromkeys(ids))
    outcome = await _sent(client, index, "delete", [(each, "delete", None, None) for each in distinct])
    if not outcome.is_whole:
        raise outcome.error(len(distinct))
    there = {distinct[place] for place in outcome.written}
    told = []
    for each in ids:
        told.append(each in there)
        there.discard(each)
    return told


async def clear(client: Client, index: str) -> int:
    """See `Documents.clear`."""
    total = 0
    async with aclosing(document_search.keys(client, index)) as pages:
        async for page in pages:
            total += sum(await delete(client, index, page))
    return total


def _is_stale(document: Document, there: Mapping[str, Mapping[str, Any]]) -> bool:
    hit = there.get(document.id)
    return hit is not None and document.version is not None and version(hit) != document.version


# --- the bulk loop --------------------------------------------------------------------------------------------------


@dataclass
class _Outcome:
    """What became of rows, by their places."""

    written: list[int]
    conflicts: list[int]
    refused: list[Refusal]
    unknown: int
    """Rows of which nobody can tell."""
    failure: DkError | None
    """Why the write ended before it was whole."""

    @property
    def is_whole(self) -> bool:
        """Whether each was written, or is not there to be deleted."""
        return not (self.conflicts or self.refused or self.is_cut)

    @property
    def is_cut(self) -> bool:
        """Whether there are rows that were not taken, or of which nobody can tell."""
        return bool(self.unknown or self.failure)

    def settle(self, places: Sequence[int], later: _Outcome) -> None:
        """Refused rows, which are at these places, were sent once more."""
        self.refused = [each for each in self.refused if each.position not in set(places)]
        self.refused += [replace(each, position=places[each.position]) for each in later.refused]
        self.written = sorted([*self.written, *(places[place] for place in later.written)])
        self.conflicts = sorted([*self.conflicts, *(places[place] for place in later.conflicts)])
        self.unknown += later.unknown
        self.failure = self.failure or later.failure

    def error(self, total: int, *, undone: bool = True) -> DkError:
        """Why it is not whole."""
        if self.unknown:
            said = f": {self.failure.message}" if self.failure else ""
            return OutcomeUnknown(f"whether {self.unknown:,} of {total:,} records are written is not known{said}")
        if self.failure:
            return self.failure
        first = min(self.refused, key=lambda each: each.position)
        which = f"record {first.position:,}: " if total > 1 else ""
        kept = f" ({len(self.written):,} of {total:,} are written)" if self.written and not undone else ""
        return QueryError(f"{which}{first.reason}{kept}", code=first.fault.type or str(first.status), hint=_ONE_TYPE)


_ONE_TYPE: Final = "an index has one type for each field, that of its first value, and no fields without a name"


async def _sent(client: Client, index: str, action: Action, rows: Sequence[Row]) -> _Outcome:
    """Send rows, and wait for what becomes of them."""
    outcome = await _once(client, index, action, rows)
    declared: set[str] = set()
    while new := set(map(mixed_numbers, (each.reason for each in outcome.refused))) - {None} - declared:
        # [1, 2.5] in a new field: the server would have it be two types at once.
        await declare_fractions(client, index, sorted(filter(None, new)))
        declared |= {each for each in new if each}
        places = [each.position for each in outcome.refused if mixed_numbers(each.reason) in new]
        outcome.settle(places, await _once(client, index, action, [rows[place] for place in places]))
    return outcome


async def _once(client: Client, index: str, action: Action, rows: Sequence[Row]) -> _Outcome:
    """Send rows through the bulk loop."""
    bulk = Bulk(client, index, action=action, drawn=False, versioned=True, stop_at_refusal=False, give_up=GIVE_UP)
    pieces = _pieces(rows)
    try:
        while (piece := await in_worker(next, pieces, None) if len(rows) > FEW else next(pieces, None)) is not None:
            await bulk.put(piece)
        await bulk.settled()
    except BaseException:
        await bulk.abandon()
        raise
    finally:
        written(client, index)
    others = {*bulk.skipped, *bulk.unknown, *bulk.unsent, *(each.position for each in bulk.refused)}
    return _Outcome(
        written=[place for place in range(len(rows)) if place not in others],
        conflicts=sorted(bulk.skipped),
        # What is not there to be deleted was not refused.
        refused=[each for each in bulk.refused if not (action == "delete" and each.status == NOT_THERE)],
        unknown=len(bulk.unknown),
        failure=bulk.failure,
    )


def _pieces(rows: Sequence[Row]) -> Iterator[Piece]:
    lines: list[bytes] = []
    ids: list[str] = []
    size = first = 0
    for place, (id, word, seen, each) in enumerate(rows):  # noqa: A001 (the word of the layout)
        line = orjson.dumps({word: {"_id": id, **(seen or {})}}) + b"\n"
        if each is not None:
            line += source(each) + b"\n"
        if lines and size + len(line) > LARGEST:
            yield _piece(lines, ids, first)
            lines, ids, size, first = [], [], 0, place
        lines.append(line)
        ids.append(id)
        size += len(line)
    if lines:
        yield _piece(lines, ids, first)


def _piece(lines: Sequence[bytes], ids: Sequence[str], first: int) -> Piece:
    texts = pa.array(lines, pa.binary()).cast(pa.string())
    return Piece.of(texts, pa.array(ids, pa.string()), np.arange(first, first + len(ids)))


# --- errors ---------------------------------------------------------------------------------------------------------


def _existing(*, of_many: bool) -> Conflict:
    what = "one of the records has an id" if of_many else "the record has an id"
    return Conflict(
        f"{what} that is there already", code="version_conflict_engine_exception", hint="upsert replaces what is there"
    )


def _changed(stale: int, total: int) -> Conflict:
    which = "the record" if total == 1 else f"{stale:,} of {total:,} records"
    return Conflict(
        f"{which} changed since the version that was read",
        code="version",
        hint="read it again, and repeat the change on what is there now",
    )
