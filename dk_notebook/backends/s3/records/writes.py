"""Writing documents: a put each, many at once, and conditions that hold several writers of one document apart.

Nothing holds several documents together. Of a batch that is to be created, what went in is taken out again where the
rest is refused; of other batches the error says how many are written.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Final, NamedTuple

from dk_notebook.backends.documents import PutMode
from dk_notebook.backends.s3.flow import flow
from dk_notebook.backends.s3.records.body import CONTENT_TYPE, encoded
from dk_notebook.backends.s3.records.folder import LARGEST, MOST, NO_BUCKET, Folder
from dk_notebook.backends.s3.records.keys import can_be, checked, is_doubtful
from dk_notebook.errors import Conflict, DkError, QueryError
from dk_notebook.records.document import Document
from dk_notebook.runtime.workers import in_worker

FEW: Final = 50
"""Documents that are encoded on the spot: a worker would cost more than the work."""
PAUSE: Final = 0.02
"""Seconds at most before a document is looked up again that somebody else has just changed."""
ATTEMPTS: Final = 20
"""How often a store may refuse to replace the very version that it shows: another put may be under way there."""

_ETAG: Final = re.compile(r'"[^"\\*,]+"')
"""Versions that a store is asked to compare. To others, as ``*`` and lists, it would give a meaning of their own."""


class _Row(NamedTuple):
    """A document on its way."""

    position: int
    id: str
    body: bytes
    version: str | None


async def put(folder: Folder, documents: Sequence[Document], mode: PutMode) -> list[bool]:
    """See `Documents.put`."""
    if mode == "create":
        if len({each.id for each in documents}) < len(documents):
            raise _existing(of_many=True)
        rows = documents
    else:
        rows = list({each.id: each for each in documents}.values())
    if mode != "update":  # what cannot be is not there
        for each in rows:
            checked(each.id)
    writing = _Writing(folder, mode, len(documents))
    async with aclosing(flow(_encoded(rows), writing.put, at_once=folder.at_once)) as portions:
        async for _ in portions:
            pass
    await writing.settle()
    return [each.id in writing.stored for each in documents]


async def _encoded(documents: Sequence[Document]) -> AsyncGenerator[list[_Row], None]:
    """What is sent, in lists of a few megabytes."""
    start = 0

    def portion() -> list[_Row]:
        rows: list[_Row] = []
        size = 0
        for position in range(start, min(start + MOST, len(documents))):
            each = documents[position]
            rows.append(_Row(position, each.id, encoded(each), each.version))
            size += len(rows[-1].body)
            if size >= LARGEST:
                break
        return rows

    while start < len(documents):
        rows = portion() if len(documents) - start <= FEW else await in_worker(portion)
        yield rows
        start += len(rows)


class _Writing:
    """The puts of one batch, and what becomes of them."""

    def __init__(self, folder: Folder, mode: PutMode, total: int) -> None:
        self.stored: set[str] = set()
        """The ids of those that were written."""
        self._folder = folder
        self._mode = mode
        self._total = total
        self._refused: tuple[int, QueryError] | None = None
        """The first one that the store does not take, and why."""
        self._lost: DkError | None = None
        """Why nobody can tell what became of one."""

    async def put(self, row: _Row) -> None:
        """Write one, unless another one failed: what is under way then still comes to its end, so that it counts."""
        if self._refused or self._lost:
            return
        try:
            if await self._put(row):
                self.stored.add(row.id)
            self._folder.seen(1)
        except QueryError as error:
            self._refused = min(self._refused or (row.position, error), (row.position, error), key=lambda one: one[0])
        except DkError as error:
            self._lost = error

    async def settle(self) -> None:
        """Nothing, if all went well. Of what is to be created nothing stays where one was refused."""
        if self._lost is not None:
            raise self._told(self._lost)
        if self._refused is None:
            return
        position, error = self._refused
        many = self._total > 1
        if self._mode == "create":
            await self._undo(error)
            if isinstance(error, Conflict):
                raise _existing(of_many=many) from error
        if many and error.code != NO_BUCKET:
            error.message = f"record {position:,}: {error.message}"
        raise self._told(error)

    def _told(self, error: DkError) -> DkError:
        """The same, with how many are written."""
        if self.stored:
            error.message = f"{error.message} ({len(self.stored):,} of {self._total:,} are written)"
        return error

    async def _undo(self, reason: QueryError) -> None:
        if self.stored:
            try:
                await self._folder.objects.delete([self._folder.keys.key(each) for each in self.stored])
            except DkError as error:
                raise self._told(error) from reason
            self.stored.clear()

    # --- one --------------------------------------------------------------------------------------------------------

    async def _put(self, row: _Row) -> bool:
        """Whether it is written; False: it is to be updated and not there."""
        if is_doubtful(row.id) or not can_be(row.id):
            return await self._over_what_is_there(row)
        if self._mode == "create":
            return await self._send(row, absent=True)
        if self._mode == "upsert" and row.version is None:
            return await self._send(row)
        if row.version is not None and _ETAG.fullmatch(row.version):
            try:
                return await self._send(row, etag=row.version)
            except Conflict:
                if await self._folder.version(row.id) is not None:
                    raise self._changed() from None
                return await self._missing(row)
        return await self._over_what_is_there(row)

    async def _over_what_is_there(self, row: _Row) -> bool:
        """Over the version that a look has shown, once more where somebody else was faster."""
        refused, again = None, 0
        while (there := await self._folder.version(row.id)) is not None:
            if self._mode == "create":
                raise _existing(of_many=False)
            if row.version is not None and row.version != there:
                raise self._changed()
            try:
                return await self._send(row, etag=there)
            except Conflict:
                refused, again = there, again + 1 if there == refused else 1
                if again > ATTEMPTS:
                    raise
                await asyncio.sleep(random.uniform(0, PAUSE * again))  # noqa: S311 (no secret)
        return await self._missing(row)

    async def _missing(self, row: _Row) -> bool:
        """What becomes of one that is not there."""
        if self._mode == "update":
            return False
        doubtful = is_doubtful(row.id)
        try:
            await self._send(row, absent=True)
        except Conflict:
            if doubtful and await self._folder.version(row.id) is None:
                raise self._other_id(row) from None
            raise
        if doubtful and await self._folder.version(row.id) is None:
            await self._folder.objects.delete([self._folder.keys.key(row.id)])
            raise self._other_id(row)
        return True

    async def _send(self, row: _Row, *, absent: bool = False, etag: str | None = None) -> bool:
        key = self._folder.keys.key(row.id)
        await self._folder.objects.put(key, row.body, content_type=CONTENT_TYPE, absent=absent, etag=etag)
        return True

    def _other_id(self, row: _Row) -> QueryError:
        return QueryError(
            f"this store takes the id {row.id!r} for another one: it knows no names without letters between slashes",
            code="id",
        )

    def _changed(self) -> Conflict:
        which = "the record" if self._total == 1 else "one of the records"
        return Conflict(
            f"{which} changed since the version that was read",
            code="version",
            hint="read it again, and repeat the change on what is there now",
        )


def _existing(*, of_many: bool) -> Conflict:
    what = "one of the records has an id" if of_many else "the record has an id"
    return Conflict(f"{what} that is there already", code="PreconditionFailed", hint="upsert replaces what is there")
