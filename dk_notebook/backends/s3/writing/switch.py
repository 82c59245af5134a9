"""The one put by which a dataset has the files of a write, and those it replaces no longer."""

from __future__ import annotations

import asyncio
from typing import Literal

from dk_notebook.backends.s3.datasets import manifest
from dk_notebook.backends.s3.datasets.manifest import Manifest
from dk_notebook.backends.s3.objects import Objects
from dk_notebook.backends.s3.writing.intent import Intent
from dk_notebook.backends.s3.writing.leftovers import files_below
from dk_notebook.errors import ConnectionFailed, DkError, OutcomeUnknown
from dk_notebook.runtime.tasks import heard_out

Outcome = Literal["not begun", "refused", "done", "unknown"]


class Switch:
    """The end of one write. ``outcome`` tells, whatever was raised, whether its files may be deleted."""

    def __init__(self, bucket: Objects, meant: Intent, write: str) -> None:
        self._bucket = bucket
        self._meant = meant
        self._write = write
        self._replaced: dict[str, str] = {}
        self.outcome: Outcome = "not begun"

    async def run(self) -> None:
        """Do it. Whoever stops it meanwhile waits half a second at most for the store's answer.

        Conflict: another write came before. OutcomeUnknown: nobody can tell.
        """
        if self._meant.target.mode == "replace":
            await self._look()
        self.outcome = "unknown"
        asked = asyncio.ensure_future(self._asked())
        try:
            await heard_out(asked)
        finally:
            asked.cancel()

    async def _look(self) -> None:
        """What is there now, and will not be."""
        prefix = self._meant.location.prefix
        now, _ = await manifest.read(self._bucket, prefix)
        there = await files_below(self._bucket, prefix)
        self._replaced = {path: entry.etag for path, entry in there.items() if now.visible(path, entry.etag)}

    async def _asked(self) -> None:
        try:
            after = await manifest.changed(self._bucket, self._meant.location.prefix, self._changed)
        except (OutcomeUnknown, ConnectionFailed) as error:
            await self._found_out(error)
        except DkError:
            self.outcome = "refused"
            raise
        else:
            self._replaced = {path: etag for path, etag in self._replaced.items() if after.is_gone(path, etag)}
        self.outcome = "done"

    def _changed(self, state: Manifest) -> Manifest:
        meant = self._meant
        if meant.target.mode == "append":
            return state.appended(self._write, meant.shape, since=meant.state)
        return state.switched(self._write, meant.shape, since=meant.state, replaced=self._replaced)

    async def _found_out(self, error: DkError) -> None:
        """After a lost answer. Raises the error where nothing was done, OutcomeUnknown where that cannot be told."""
        url = self._meant.location.url
        try:
            now, _ = await manifest.read(self._bucket, self._meant.location.prefix)
        except DkError as other:
            raise OutcomeUnknown(
                f"{error.message}, and nobody can tell whether {url} has the new rows", hint=error.hint
            ) from other
        if self._write in now.pending:
            self.outcome = "refused"
            raise error

    async def tidied(self) -> tuple[str, ...]:
        """Delete what was replaced; what the report says of that."""
        if not self._replaced:
            return ()
        prefix = self._meant.location.prefix
        paths = self._replaced.keys()
        try:
            await self._bucket.delete([prefix + path for path in paths])
            await manifest.changed(self._bucket, prefix, lambda state: state.swept(paths))
        except DkError as error:
            count = f"{len(paths):,} files of the old rows are not deleted ({error.message})"
            return (f"{count}: readers through dk_notebook do not see them, and a later write deletes them",)
        return ()
