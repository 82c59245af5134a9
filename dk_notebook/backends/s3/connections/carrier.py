"""What carries the objects: one request each, once, with errors of ours."""

from __future__ import annotations

from typing import Protocol

from dk_notebook.backends.s3.objects import Buffer, Entry, Fetched


class Carrier(Protocol):
    """Gets, puts and looks at objects of any bucket. It tries nothing again."""

    async def get(
        self, bucket: str, key: str, *, part: tuple[int, int] | None = None, etag: str | None = None
    ) -> Fetched:
        """The object, or its bytes from the first up to (not with) the second; of this version, where one is said."""

    async def put(
        self, bucket: str, key: str, data: Buffer, *, content_type: str, absent: bool = False, etag: str | None = None
    ) -> str:
        """Store it whole; the new etag. See `Objects.put`."""

    async def head(self, bucket: str, key: str) -> Entry:
        """What a listing would tell of it."""
