"""A write to a dataset, from the first change of its manifest to the last: all of it, or nothing."""

from __future__ import annotations

import asyncio
from typing import Final

from dk_notebook.backends.s3.datasets import manifest
from dk_notebook.backends.s3.datasets.manifest import Manifest, new_write
from dk_notebook.backends.s3.datasets.partitions import folder
from dk_notebook.backends.s3.objects import Objects
from dk_notebook.backends.s3.writing.gather import Gather, Part
from dk_notebook.backends.s3.writing.intent import Intent
from dk_notebook.backends.s3.writing.leftovers import cleared
from dk_notebook.backends.s3.writing.rows import Rows
from dk_notebook.backends.s3.writing.switch import Switch
from dk_notebook.backends.s3.writing.upload import Upload
from dk_notebook.errors import Conflict, ConnectionFailed, DkError, OutcomeUnknown, QueryError
from dk_notebook.frames.notices import warn_beside
from dk_notebook.frames.stream import ArrowStream
from dk_notebook.runtime.operations import Operation
from dk_notebook.runtime.workers import in_worker

STOPPED: Final = 0.6
"""Seconds that a write which is stopped gets to take its files away; for what is being put, half of that before."""
FAILED: Final = 10.0
"""The same for one that fails."""
UNREACHED: Final = 2.0
"""The same where the store does not answer."""


class Write:
    """Files that nobody sees until the last one is there."""

    def __init__(self, bucket: Objects, meant: Intent, operation: Operation, *, at_once: int) -> None:
        self._bucket = bucket
        self._meant = meant
        self._prefix = meant.location.prefix
        self._operation = operation
        self._write = new_write()
        self._upload = Upload(bucket, self._prefix, meant.encoding, self._write, operation, at_once=at_once)

    async def run(self, rows: Rows, data: ArrowStream) -> tuple[int, tuple[str, ...]]:
        """How many rows are in, and what the report should say besides."""
        switch = Switch(self._bucket, self._meant, self._write)
        try:
            await self._begun()
            await self._sent(rows, data)
            await switch.run()
        except BaseException as error:
            seconds = _patience(error)
            await self._upload.abandon(answers=seconds / 2)
            if switch.outcome in ("not begun", "refused"):
                await self._undone(error, seconds)
                self._say(error)
            elif switch.outcome == "unknown":
                self._operation.unheard = True
            raise
        return self._upload.rows, await switch.tidied()

    async def _begun(self) -> None:
        also = await cleared(self._bucket, self._prefix, self._meant.state)
        await manifest.changed(self._bucket, self._prefix, lambda state: also(state).begun(self._write))

    async def _sent(self, rows: Rows, data: ArrowStream) -> None:
        gather = Gather(self._meant.shape, self._meant.encoding)
        upload = self._upload
        async for batch in data:
            for piece in rows.pieces(batch):
                for part in await in_worker(lambda piece=piece: list(gather.add(rows.fitted(piece)))):
                    await upload.put(part)
            upload.check()
        for part in await in_worker(lambda: list(gather.rest())):
            await upload.put(part)
        if not upload.number and (self._meant.target.mode != "append" or not self._meant.exists):
            # A file without rows: other programs, too, find the columns in it, and the folders.
            folders = "".join(f"{folder(name, None)}/" for name in self._meant.shape.partitions)
            await upload.put(Part(folders, self._meant.shape.stored.empty_table(), 0))
        await upload.settled()

    # --- what is left of one that did not get through -----------------------------------------------------------------

    async def _undone(self, error: BaseException, seconds: float) -> None:
        """Take the files away. Where that cannot be done in time, nobody sees them, and a later write does it."""
        keys = self._upload.keys
        try:
            async with asyncio.timeout(seconds):
                if keys:
                    await self._bucket.delete(keys)
                await manifest.changed(self._bucket, self._prefix, self._left)
        except (DkError, TimeoutError):
            if keys:
                warn_beside(
                    error,
                    f"files of the write to {self._meant.target.table!r} are left below {self._meant.location.url}: "
                    "readers through dk_notebook do not see them, and a write after a day deletes them",
                )

    def _left(self, state: Manifest) -> Manifest:
        return state.doubted(self._write) if self._upload.doubted else state.ended(self._write)

    def _say(self, error: BaseException) -> None:
        """What became of the rows, in the error's own message."""
        if isinstance(error, QueryError | ConnectionFailed | OutcomeUnknown):
            there = ", and what was there is there" if self._meant.exists else ""
            error.message = f"{error.message}; nothing was written{there}"
        if isinstance(error, Conflict):
            error.hint = error.hint or "write again"


def _patience(error: BaseException) -> float:
    if not isinstance(error, Exception):
        return STOPPED
    return UNREACHED if isinstance(error, ConnectionFailed) else FAILED
