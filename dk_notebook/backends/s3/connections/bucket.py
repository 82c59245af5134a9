"""A bucket as one operation sees it, whoever carries its objects."""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from functools import partial
from typing import Final, TypeVar

from dk_notebook.backends.s3.connections.carrier import Carrier
from dk_notebook.backends.s3.connections.requests import Requests, together
from dk_notebook.backends.s3.errors import AGAIN, Contended, Lost, Refusal, Unreached, of_refusal
from dk_notebook.backends.s3.objects import Buffer, Entry, Fetched, Page
from dk_notebook.errors import Conflict, NotFound, OutcomeUnknown

T = TypeVar("T")

DELETED_AT_ONCE: Final = 1_000
"""Keys of one request; more are refused."""
VERIFIED: Final = 1 << 20
"""Bytes up to which a body is compared to its checksum: what is larger has checksums inside (Parquet)."""
_MD5: Final = re.compile(r'"?([0-9a-f]{32})"?')
_NOT_IN_XML: Final = re.compile(r"[\x00-\x08\x0b-\x1f\ufffe\uffff\r]")
"""Characters that a request to delete many cannot say, or not as they are."""


class Bucket:
    """See `Objects`."""

    def __init__(self, requests: Requests, bucket: str) -> None:
        self.bucket = bucket
        self._requests = requests
        self._store = requests.store

    # --- objects ----------------------------------------------------------------------------------------------------

    async def get(self, key: str) -> Fetched:
        """See `Objects.get`. What is not larger than a megabyte is compared with its checksum."""

        async def once() -> Fetched:
            fetched = await self._carrier(key).get(self.bucket, key)
            if len(fetched.data) <= VERIFIED and not await self._is_intact(key, fetched):
                raise Lost(
                    f"s3://{self.bucket}: the body of {key!r} does not have the checksum of the object",
                    hint="if it does so again and again, the store's etags may be no checksums: check_etags=False",
                )
            return fetched

        return await self._asked(once)

    async def get_ranges(self, key: str, ranges: Sequence[tuple[int, int]], *, etag: str) -> list[Buffer]:
        """See `Objects.get_ranges`."""

        async def one(part: tuple[int, int]) -> Buffer:
            if part[0] >= part[1]:
                return b""

            async def once() -> Buffer:
                data = (await self._carrier(key).get(self.bucket, key, part=part, etag=etag)).data
                if len(data) != part[1] - part[0]:
                    raise Lost(f"s3://{self.bucket}: the answer about {key!r} is not whole")
                return data

            try:
                return await self._asked(once)
            except Conflict as error:
                raise Conflict(
                    f"s3://{self.bucket}: {key!r} was replaced while it was read", code=error.code
                ) from error

        if len(ranges) == 1:
            return [await one(ranges[0])]
        return await together(map(one, ranges))

    async def put(
        self,
        key: str,
        data: Buffer,
        *,
        content_type: str = "application/octet-stream",
        absent: bool = False,
        etag: str | None = None,
    ) -> str:
        """See `Objects.put`. OutcomeUnknown: a conditional one was sent, and nobody can tell what became of it."""
        doubted = False

        async def once() -> str:
            nonlocal doubted
            try:
                return await self._carrier(key).put(
                    self.bucket, key, data, content_type=content_type, absent=absent, etag=etag
                )
            except Lost as error:
                doubted = doubted or not isinstance(error, Unreached)
                raise
            except Contended:
                raise
            except (Conflict, NotFound) as error:
                ours = await self._ours(key, data) if doubted else None
                if ours is not None:
                    return ours
                if etag is not None and error.code in ("NoSuchKey", "404"):
                    raise Conflict(f"s3://{self.bucket}: {key!r} is not there any more", code=error.code) from error
                raise

        try:
            return await self._asked(once)
        except AGAIN as error:
            if doubted and (absent or etag is not None):
                raise OutcomeUnknown(f"{error.message}; nobody can tell whether it was stored") from error
            raise

    async def _ours(self, key: str, data: Buffer) -> str | None:
        """The etag of what lies there, if that is what was sent before."""
        try:
            there = await self._carrier(key).get(self.bucket, key)
        except NotFound:
            return None
        return there.etag if memoryview(there.data).cast("B") == memoryview(data).cast("B") else None

    async def head(self, key: str) -> Entry:
        """See `Objects.head`."""
        return await self._asked(lambda: self._carrier(key).head(self.bucket, key))

    async def delete(self, keys: Sequence[str]) -> None:
        """See `Objects.delete`."""
        general = self._store.general
        sayable = [key for key in keys if _NOT_IN_XML.search(key) is None]
        parts = [sayable[start : start + DELETED_AT_ONCE] for start in range(0, len(sayable), DELETED_AT_ONCE)]
        others = [key for key in keys if _NOT_IN_XML.search(key) is not None]
        await together(
            [
                *(self._deleted(part) for part in parts),
                *(self._asked(partial(general.delete_one, self.bucket, key)) for key in others),
            ]
        )

    async def _deleted(self, keys: Sequence[str]) -> None:
        """Take a thousand away at most; those that the store is too busy for once more."""

        async def once() -> None:
            nonlocal keys
            refused = await self._store.general.delete(self.bucket, keys)
            if refused:
                keys = [key for key, _, _ in refused]
                _, code, message = refused[0]
                raise of_refusal(Refusal(0, code, message), f"delete {keys[0]!r}", place=f"s3://{self.bucket}")

        await self._asked(once)

    async def list(self, prefix: str, *, after: str = "", by_folder: bool = False) -> AsyncGenerator[Page, None]:
        """See `Objects.list`."""
        general = self._store.general
        token: str | None = None
        while True:
            asked = partial(general.page, self.bucket, prefix, after=after, by_folder=by_folder, token=token)
            page, token = await self._asked(asked)
            if page.entries or page.folders:
                yield page
            if token is None:
                return

    # --- requests ---------------------------------------------------------------------------------------------------

    def _carrier(self, key: str) -> Carrier:
        return self._store.carrier(self.bucket, key)

    async def _asked(self, once: Callable[[], Awaitable[T]]) -> T:
        return await self._requests.made(once, bucket=self.bucket)

    async def _is_intact(self, key: str, fetched: Fetched) -> bool:
        """Whether the body has the MD5 that an etag is; of objects in parts, or encrypted by a key, it is none."""
        said = _MD5.fullmatch(fetched.etag)
        unreadable = self._store.unreadable_etags
        if said is None or self.bucket in unreadable or not self._store.config.check_etags:
            return True
        if hashlib.md5(fetched.data, usedforsecurity=False).hexdigest() == said[1]:
            return True
        if await self._store.general.has_readable_etags(self.bucket, key):
            return False
        unreadable.add(self.bucket)
        return True
