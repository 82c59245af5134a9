"""What the rest of this backend asks of a bucket: a handful of verbs, which two carriers have.

Keys are whole keys of one bucket, exactly as the store has them. Every request takes a place in the pool in
the operation's name, ends with the task that waits for it, and fails with errors of ours: NotFound (the object or the
bucket), Conflict (a condition did not hold), ConnectionFailed (refused, lost, not allowed, wrong clock), QueryError.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeAlias

Buffer: TypeAlias = bytes | bytearray | memoryview
"""What can be sent. What comes back is one, too: of bytes, and maybe not a copy of its own."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What a listing tells of an object."""

    key: str
    size: int
    """Bytes."""
    etag: str
    """The version of its contents, with the quotes that the store gives it."""
    modified: datetime
    """With a time zone."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """An object, or a part of it."""

    data: Buffer
    etag: str


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a listing."""

    entries: tuple[Entry, ...]
    folders: tuple[str, ...] = ()
    """With ``by_folder``: what the longer keys begin with, up to and with the next slash."""


class Objects(Protocol):
    """A bucket."""

    bucket: str

    async def get(self, key: str) -> Fetched:
        """The whole object, of one version, its body complete. NotFound."""

    async def get_ranges(self, key: str, ranges: Sequence[tuple[int, int]], *, etag: str) -> list[Buffer]:
        """These parts, each from its first byte up to (not with) its last, of exactly this version.

        Conflict: the object has another version by now. NotFound: it is gone.
        """

    async def put(
        self,
        key: str,
        data: Buffer,
        *,
        content_type: str = "application/octet-stream",
        absent: bool = False,
        etag: str | None = None,
    ) -> str:
        """Store the object whole, and its new etag. Not half of it is ever seen, and a stopped put leaves no part.

        Conflict: with ``absent`` there is one already, with ``etag`` there is another version or none. Where the
        answer to a conditional put was lost, and it was sent again, what lies there is compared first.
        """

    async def head(self, key: str) -> Entry:
        """What a listing would tell of it. NotFound."""

    async def delete(self, keys: Sequence[str]) -> None:
        """Take these away, by the thousand; one that is not there is no error."""

    def list(self, prefix: str, *, after: str = "", by_folder: bool = False) -> AsyncGenerator[Page, None]:
        """The objects whose keys begin with ``prefix``, by key, page by page, any number of them.

        ``after``: only keys behind this one. ``by_folder``: keys with a further slash are told as folders. No page
        of a prefix without objects. NotFound: there is no such bucket. Must be closed.
        """
