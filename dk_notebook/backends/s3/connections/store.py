"""A store that is open: its session, its carriers, and how many requests may run at once."""

from __future__ import annotations

import asyncio
import time
import warnings
from contextlib import AsyncExitStack
from typing import Any, Final

import aioboto3
from aiobotocore.config import AioConfig
from botocore import UNSIGNED

from dk_notebook.backends.s3.config import S3Config
from dk_notebook.backends.s3.connections import obstore_carrier
from dk_notebook.backends.s3.connections.aioboto3_carrier import Aioboto3Carrier
from dk_notebook.backends.s3.connections.carrier import Carrier
from dk_notebook.backends.s3.connections.credentials import Credentials, session_of
from dk_notebook.backends.s3.connections.figures import Connections
from dk_notebook.backends.s3.connections.http import Wiring
from dk_notebook.backends.s3.connections.obstore_carrier import SILENCE, ObstoreCarrier
from dk_notebook.backends.s3.connections.retries import Budget
from dk_notebook.backends.s3.errors import BOTOCORE, Elsewhere, of_botocore
from dk_notebook.backends.s3.settings import tls
from dk_notebook.errors import ConnectionFailed, DkError, NotFound, QueryError, did_you_mean
from dk_notebook.runtime.leases import Leases, PoolStatus
from dk_notebook.runtime.workers import in_worker

SETTLED: Final = 0.1
"""Seconds that a request which was stopped may go on in obstore's threads."""
REGION: Final = "us-east-1"
"""Where nobody says one: what stores that have no regions call theirs."""


class Store:
    """What an `S3Config` describes, as one event loop uses it."""

    general: Aioboto3Carrier
    """For all that only aioboto3 does."""

    def __init__(self, config: S3Config) -> None:
        self.config = config
        self.leases = Leases(config.pool.max_size, config.pool.timeout)
        self.budget = Budget()
        self.unreadable_etags: set[str] = set()
        """Buckets with objects whose etags are no checksums."""
        self.closed = False
        self.stopped_at = -SETTLED
        """When a request was last stopped, by `time.monotonic`."""
        self._who = ""
        self._rust: ObstoreCarrier | None = None
        self._wiring: Wiring | None = None
        self._stack = AsyncExitStack()
        self._loop: asyncio.AbstractEventLoop | None = None

    # --- opening ----------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Connect and check at once. ConnectionFailed, NotFound: the bucket; each in one attempt."""
        config = self.config
        self._loop = asyncio.get_running_loop()
        if config.is_readable_on_the_way():
            warnings.warn(
                f"{config.location}: what is read and written leaves this machine without encryption: https:// has it",
                RuntimeWarning,
                stacklevel=2,
            )
        try:
            await self._open()
        except BaseException:
            await self.close()
            raise

    async def _open(self) -> None:
        config = self.config
        session = await session_of(config)
        credentials = Credentials(session, config)
        if not config.anonymous:
            frozen, _ = await credentials.now()
            self._who = f", access key …{frozen.access_key[-4:]}"
        context = await in_worker(lambda: tls.context(verify=config.verifies, authorities=config.ca_certs))
        wiring = self._wiring = Wiring(tls=context, connections=config.pool.max_size)
        region = config.region or REGION
        client = await self._client(session, wiring, region)
        self.general = Aioboto3Carrier(client, wiring, config.location)
        if config.bucket:
            await self._check()
        if config.transport == "obstore" and not obstore_carrier.hangs_here():
            self._rust = ObstoreCarrier(config, credentials, region=region, endpoint=client.meta.endpoint_url)

    async def _client(self, session: aioboto3.Session, wiring: Wiring, region: str) -> Any:
        """A client of aioboto3, which tries nothing again."""
        config = self.config
        making = session.client(
            "s3",
            region_name=region,
            endpoint_url=config.endpoint_url,
            config=AioConfig(
                http_session_cls=wiring.session_class(),
                max_pool_connections=config.pool.max_size,
                connect_timeout=config.connect_timeout,
                read_timeout=SILENCE,
                retries={"total_max_attempts": 1},
                signature_version=UNSIGNED if config.anonymous else None,
                s3={"addressing_style": "path" if config.by_path else "virtual"},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_supported",
            ),
        )
        try:
            return await self._stack.enter_async_context(making)
        except (*BOTOCORE, ValueError) as error:
            where = config.location
            if isinstance(error, ValueError) and not isinstance(error, BOTOCORE):
                raise ConnectionFailed(f"{where}: {error}") from error
            raise of_botocore(error, "open it", place=where, location=where) from error

    async def _check(self) -> None:
        """Ask for a key of the bucket: of all requests the one that says most about what is wrong."""
        config = self.config
        prefix = f"{config.prefix}/" if config.prefix else ""
        try:
            async with asyncio.timeout(config.connect_timeout):
                await self.general.page(config.bucket, prefix, most=1)
        except TimeoutError:
            raise ConnectionFailed(f"{config.location}: no answer within {config.connect_timeout:g} s") from None
        except DkError as error:
            raise await self._explained(error) from error

    async def _explained(self, error: DkError) -> DkError:
        """The error, with the server, with whose key it was, and which bucket was probably meant."""
        bucket, place = self.config.bucket, f"{self.config.location}{self._who}"
        reason = error.message.removeprefix(f"s3://{bucket}: ").removeprefix(f"{self.config.location}: ")
        if isinstance(error, NotFound):
            hint = did_you_mean(bucket, await self._known()) or error.hint
            return NotFound(f"{place}: {reason}", hint=hint, code=error.code)
        if isinstance(error, QueryError) and error.code in ("AccessDenied", "403", "401"):
            return ConnectionFailed(
                f"{place}: {reason}",
                hint="who may list only a part of a bucket names it: s3://bucket/prefix",
            )
        if isinstance(error, ConnectionFailed):
            return ConnectionFailed(f"{place}: {reason}", hint=error.hint)
        return error

    async def _known(self) -> list[str]:
        """The names of the buckets, where they may be listed, and soon."""
        try:
            async with asyncio.timeout(1):
                return await self.general.buckets()
        except (DkError, TimeoutError):  # who may not gets no suggestion
            return []

    # --- who carries ------------------------------------------------------------------------------------------------

    def carrier(self, bucket: str, key: str) -> Carrier:
        """Who carries an object."""
        if self._rust is not None and obstore_carrier.is_sayable(key) and not bucket.startswith("arn:"):
            return self._rust
        return self.general

    async def follow(self, bucket: str, error: Elsewhere) -> bool:
        """Ask for the bucket in the region where it is; False: that is not known, or it was asked for there.

        aioboto3 does so by itself.
        """
        if self._rust is None:
            return False
        region = error.region or await self.general.region_of(bucket)
        return region is not None and self._rust.found_in(bucket, region)

    # --- figures ----------------------------------------------------------------------------------------------------

    def status(self) -> PoolStatus:
        """The figures: of aioboto3's connections as they are, of obstore's as its requests make them."""
        counted: list[Wiring | Connections] = [self._wiring] if self._wiring is not None else []
        if self._rust is not None:
            counted.append(self._rust.connections)
        in_use, idle = self.leases.in_use, sum(each.idle for each in counted)
        return PoolStatus(
            size=in_use + idle,
            max_size=self.leases.max_size,
            in_use=in_use,
            idle=idle,
            waiting=self.leases.waiting,
            opened=sum(each.opened for each in counted),
            reused=sum(each.reused for each in counted),
            broken=sum(each.broken for each in counted),
        )

    # --- the end ----------------------------------------------------------------------------------------------------

    async def close(self) -> None:
        """Close all connections."""
        self.closed = True
        # obstore's threads go on for a moment with what was stopped, and do not survive the end of the interpreter.
        await asyncio.sleep(max(self.stopped_at + SETTLED - time.monotonic(), 0))
        if self._rust is not None:
            self._rust.close()
        await self._stack.aclose()

    def terminate(self) -> None:
        """Cut all connections of aioboto3, and leave those of obstore; from any thread; never waits, never raises."""
        self.closed = True
        if self._rust is not None:
            self._rust.close()
        if self._wiring is None or self._loop is None:
            return
        self._wiring.cut()
        try:
            self._loop.call_soon_threadsafe(self._wiring.forget)
        except RuntimeError:  # the loop is closed
            self._wiring.forget()
            self._wiring.close()
