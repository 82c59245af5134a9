"""The bulk loop: rows into an index, some requests at a time, until it is known of each what became of it.

A row has its id before it is sent, so that one whose answer was lost is sent again and is there once. Of rows with
drawn ids a conflict then says that they are there. Of rows with a key, that are only created, it does not say who
made them: the document that is there is compared, and one that is the same counts as written.

Refused for now (429, 503) is sent again after a pause, which the server may ask for (``Retry-After``); a request that
is too large (413) goes in halves; what the server refuses for good is told, row by row.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import orjson

from dk_notebook.backends.elasticsearch import names
from dk_notebook.backends.elasticsearch.connections.client import NDJSON, Client, CutOff
from dk_notebook.backends.elasticsearch.connections.cluster import Answer
from dk_notebook.backends.elasticsearch.errors import Fault, fault_of, of_fault, refused
from dk_notebook.backends.elasticsearch.writing import patience
from dk_notebook.backends.elasticsearch.writing.bulk_answer import (
    AGAIN,
    NOT_DONE,
    Refusal,
    Sorted,
    refusal,
    sorted_out,
)
from dk_notebook.backends.elasticsearch.writing.patience import Patience, retry_after
from dk_notebook.backends.elasticsearch.writing.pieces import Piece
from dk_notebook.errors import ConnectionFailed, DkError

Action = Literal["create", "index", "update", "delete"]

AT_ONCE: Final = 3
"""Requests at a time: one is made while the server works on the others."""
TOO_LARGE: Final = 413
LARGE: Final = 32 << 20
"""Bytes of a request from which on it is asked first whether it may come."""

_WANTED: Final = "errors,items.*.status,items.*.error"
_BRIEF: Final = "errors"
"""Whether all rows are in. To say it of each row, and to read that, takes a tenth of the time of a write."""


class Bulk:
    """Rows on their way into one index.

    ``held_in``: the index by its own name, where ``index`` is an alias, which may stand for several. ``drawn``: the
    ids were drawn for this write, so that nobody else has them. ``alone``: and nobody else writes to the index, so that
    the server is asked for each row only where not all are in. ``versioned``: rows may name the version that they
    replace, so that one which is not there any more is told as skipped. ``columns``: by which a refusal is told.
    """

    def __init__(
        self,
        client: Client,
        index: str,
        *,
        held_in: str | None = None,
        action: Action,
        drawn: bool,
        alone: bool = False,
        versioned: bool = False,
        columns: Sequence[str] = (),
        stop_at_refusal: bool,
        give_up: float | None = None,
    ) -> None:
        self._client = client
        self._held_in = held_in or index
        self._path = names.path(index, "_bulk")
        self._action = action
        self._drawn = drawn
        self._brief = drawn and alone
        """As long as nothing was refused."""
        self._versioned = versioned
        self._columns = columns
        self._stop_at_refusal = stop_at_refusal
        self._give_up = patience.GIVE_UP if give_up is None else give_up
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()
        self.written = 0
        self.skipped: list[int] = []
        """Rows whose key was there already."""
        self.refused: list[Refusal] = []
        self.unknown: list[int] = []
        """Rows of which nobody can tell whether they are in."""
        self.unsent: list[int] = []
        """Rows that were taken, and not written, since the write ended before."""
        self.failure: DkError | None = None
        """Why it cannot go on."""
        self._broken: Exception | None = None
        """What is no error of ours; of the rows it took along nobody knows."""

    @property
    def over(self) -> bool:
        """Whether nothing more is taken."""
        return self._stopping.is_set()

    async def put(self, piece: Piece) -> None:
        """Take rows, as soon as there is room for them. Nothing, once it is `over`."""
        while len(self._tasks) >= AT_ONCE and not self.over:
            await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        if self.over:
            self.unsent += piece.positions.tolist()
            return
        task = asyncio.create_task(self._settled(piece))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def settled(self) -> None:
        """Wait until it is known of all rows what became of them."""
        while self._tasks:
            await asyncio.wait(self._tasks)
        if self._broken is not None:
            raise self._broken

    async def abandon(self, *, answers: float = 0.0) -> None:
        """Stop what is under way: what became of it is waited for as many seconds as ``answers`` says.

        Where the index is deleted next, some are well spent: a request that begins after that makes it again.
        """
        self._stopping.set()
        if self._tasks and answers:
            await asyncio.wait(self._tasks, timeout=answers)
        for task in self._tasks:
            task.cancel()
        while self._tasks:
            await asyncio.wait(self._tasks)

    # --- one piece --------------------------------------------------------------------------------------------------

    async def _settled(self, piece: Piece) -> None:
        waiting = [piece]
        try:
            while waiting:
                waiting += reversed(await self._sent(waiting.pop()))
        except DkError as error:
            self.failure = self.failure or error
            self._stopping.set()
        except Exception as error:  # noqa: BLE001 (raised to whoever waits for the rows)
            self._broken = error
            self._stopping.set()
        finally:
            for each in waiting:
                self.unsent += each.positions.tolist()
            self._client.operation.count(len(piece), piece.size)

    async def _sent(self, piece: Piece) -> Sequence[Piece]:
        """Send rows until each is settled, or in the pieces that are given back."""
        pauses = Patience(give_up=self._give_up)
        while len(piece):
            brief = self._brief
            try:
                answer = await self._asked(piece, _BRIEF if brief else _WANTED)
            except ConnectionFailed as lost:
                piece = piece.doubted()
                if isinstance(lost, CutOff) or not await pauses.pause(self._stopping):
                    self._left(piece, lost)
                    return ()
                continue
            except asyncio.CancelledError:
                self.unknown += piece.positions.tolist()
                raise
            if answer.status == TOO_LARGE and len(piece) > 1:
                return piece.halves()
            if answer.status in AGAIN:
                if answer.status != NOT_DONE:
                    piece = piece.doubted()
                if not await pauses.pause(self._stopping, asked=retry_after(answer.headers)):
                    self._left(piece, refused(answer.status, answer.body))
                    return ()
                continue
            if answer.status >= 400:
                self._not_taken(piece, answer)
                return ()
            before = len(piece)
            said = answer.json()
            if brief and said.get("errors") is not False:
                self._brief = False
                piece = await self._missing(piece)
                continue
            found = sorted_out(said, before)
            piece = await self._noted(piece, found)
            if len(piece) < before:
                pauses.progressed()
            if len(piece) and not await pauses.pause(self._stopping, asked=retry_after(answer.headers)):
                self._given_up(piece, found)
                return ()
        return ()

    async def _missing(self, piece: Piece) -> Piece:
        """What of it is not there, to be sent again, now with a word about each row.

        Where that cannot be told, all of it: ids that are there will be known as ours.
        """
        asked = {"ids": piece.ids.to_pylist()}
        path = names.path(self._held_in, "_mget")
        try:
            answer = await self._client.json("POST", path, params={"_source": False}, body=asked, repeatable=True)
        except DkError:  # who may only write may not look
            return piece.doubted()
        there = {doc["_id"] for doc in answer["docs"] if doc.get("found")}
        left = [place for place, id_ in enumerate(asked["ids"]) if id_ not in there]
        self.written += len(piece) - len(left)
        return piece.take(left)

    async def _asked(self, piece: Piece, wanted: str) -> Answer:
        headers = {"content-type": NDJSON}
        if piece.size >= LARGE:
            headers["expect"] = "100-continue"
        return await self._client.raw(
            "POST",
            self._path,
            params={"filter_path": wanted},
            body=piece.body(),
            headers=headers,
            allowed=range(400, 600),
        )

    def _not_taken(self, piece: Piece, answer: Answer) -> None:
        """The request as a whole was refused: for its size, which is its only row's, or for good."""
        if answer.status == TOO_LARGE:
            size = f"the document has {piece.size:,} bytes, more than the server takes in a request"
            fault = Fault("", f"{size} (its setting http.max_content_length, or that of a proxy)")
            self._refuse(piece, {0: (answer.status, fault)})
            return
        self.unsent += piece.positions[~piece.uncertain].tolist()
        self.unknown += piece.positions[piece.uncertain].tolist()
        raise refused(answer.status, answer.body)

    async def _noted(self, piece: Piece, found: Sorted) -> Piece:
        """What is left to send of it."""
        if found.hopeless is not None:
            status, fault = found.hopeless
            self.failure = self.failure or of_fault(fault, status)
            self._stopping.set()
        self.written += len(found.written)
        if found.conflicts:
            await self._conflicting(piece, found)
        if found.refused:
            self._refuse(piece, found.refused)
        if not found.again:
            return piece.slice(0, 0)
        left = piece.take(found.again)
        doubtful = set(found.doubtful)
        left.uncertain[[place in doubtful for place in found.again]] = True
        return left

    async def _conflicting(self, piece: Piece, found: Sorted) -> None:
        """Rows whose id is there."""
        if self._action != "create" and not self._versioned:  # changed by somebody else at the same time
            found.again += found.conflicts
            return
        if self._drawn:
            self.written += len(found.conflicts)
            return
        doubted = [place for place in found.conflicts if piece.uncertain[place]]
        ours = await self._ours(piece, doubted) if doubted else set()
        self.written += len(ours)
        self.skipped += [int(piece.positions[place]) for place in found.conflicts if place not in ours]

    async def _ours(self, piece: Piece, places: Sequence[int]) -> set[int]:
        """Which of these rows are there as they were sent."""
        asked = {"ids": [piece.ids[place].as_py() for place in places]}
        answer = await self._client.json("POST", names.path(self._held_in, "_mget"), body=asked, repeatable=True)
        there: Mapping[str, Any] = {doc["_id"]: doc.get("_source") for doc in answer["docs"] if doc.get("found")}
        return {
            place
            for place in places
            if there.get(piece.ids[place].as_py(), _NOTHING) == orjson.loads(piece.source(place))
        }

    # --- what does not go in ----------------------------------------------------------------------------------------

    def _refuse(self, piece: Piece, refusals: Mapping[int, tuple[int, Fault]]) -> None:
        self.refused += [
            refusal(
                int(piece.positions[place]), status, fault, self._columns, piece.source(place) if fault.type else ""
            )
            for place, (status, fault) in refusals.items()
        ]
        if self._stop_at_refusal:
            self._stopping.set()

    def _given_up(self, piece: Piece, found: Sorted) -> None:
        """The server went on refusing these rows for now, or the write has ended before they were tried again."""
        certain = [place for place in range(len(piece)) if not piece.uncertain[place]]
        self.unknown += piece.positions[piece.uncertain].tolist()
        if self.over:
            self.unsent += [int(piece.positions[place]) for place in certain]
            return
        status, fault = found.last or (503, fault_of("the server did not take it in time"))
        self._refuse(piece, dict.fromkeys(certain, (status, fault)))
        if self._stop_at_refusal:
            self._stopping.set()

    def _left(self, piece: Piece, error: DkError) -> None:
        """Nothing of the request came through for long, or the write has ended before it was tried again."""
        self.unknown += piece.positions[piece.uncertain].tolist()
        self.unsent += piece.positions[~piece.uncertain].tolist()
        if not self.over:
            raise error


_NOTHING: Final = object()
