"""A result that is read once more, where its connection was lost before anybody had a row of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pyarrow as pa

from dk_notebook.errors import ConnectionFailed
from dk_notebook.frames.stream import ArrowStream

Again = Callable[[ConnectionFailed], Awaitable[ArrowStream]]
"""Opens the result once more. Raises what it is given where that could change something a second time."""


class Repeated(ArrowStream):
    """A stream that can be opened ``again``: whoever reads all of it at once does not see that a connection was lost.

    Batch by batch the rows of before the loss are in other hands already, so there it is an error.
    """

    def __init__(self, stream: ArrowStream, again: Again) -> None:
        self.schema = stream.schema
        self._stream = stream
        self._again = again
        self._begun = False

    async def __anext__(self) -> pa.RecordBatch:
        self._begun = True
        return await anext(self._stream)

    async def aclose(self) -> None:
        """See `ArrowStream.aclose`."""
        await self._stream.aclose()

    async def read_all(self) -> pa.Table:
        """See `ArrowStream.read_all`."""
        whole = not self._begun
        try:
            return await super().read_all()
        except ConnectionFailed as lost:
            if not whole:
                raise
            self._stream = await self._again(lost.with_traceback(None))  # its frames hold what came before
        self.schema = self._stream.schema
        return await super().read_all()
