"""A way to the store that goes silent, slow or mad while connections are open: errors in time, and then on again."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from dk_notebook.backends.base import PoolConfig
from dk_notebook.backends.s3.backend import S3Backend
from dk_notebook.backends.s3.config import S3Config
from dk_notebook.backends.s3.connections import retries
from dk_notebook.errors import ConnectionFailed, DeadlineExceeded
from dk_notebook.runtime.operations import Operation
from tests.backends.s3.conftest import config_of, opened
from tests.services.proxy import Proxy
from tests.services.s3_address import S3Address
from tests.services.s3_proxy import S3FaultProxy

pytestmark = pytest.mark.s3


@pytest.fixture
def by_proxy(proxy: S3FaultProxy, s3_store: S3Address, s3_bucket: str, transport: str) -> S3Config:
    """A bucket with one object, by way of it, for one request at a time."""
    s3_store.put(s3_bucket, "k", b"x")
    return replace(config_of(proxy.address, s3_bucket, transport=transport), pool=PoolConfig(max_size=1))


@pytest.mark.parametrize("fault", [Proxy.silence, lambda proxy: proxy.slow(1)], ids=["silent", "a byte a second"])
async def test_a_store_that_does_not_get_on_costs_the_deadline_and_no_place(
    proxy: S3FaultProxy, by_proxy: S3Config, fault: Callable[[Proxy], None]
) -> None:
    async with opened(by_proxy) as backend:
        fault(proxy)
        started = time.monotonic()
        with Operation("a test", timeout=0.4) as operation, pytest.raises(DeadlineExceeded):
            async with operation.step(), backend.session(operation) as made:
                await made.objects.get("k")
        assert time.monotonic() - started < 4
        proxy.cut()
        proxy.heal()
        assert (backend.status().in_use, await first(backend)) == (0, b"x")


async def test_an_answer_that_makes_no_sense_is_a_lost_connection(
    proxy: S3FaultProxy, by_proxy: S3Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retries, "GIVE_UP", 0.3)
    async with opened(by_proxy) as backend:
        proxy.garble()
        with pytest.raises(ConnectionFailed):
            await first(backend)
        proxy.cut()
        proxy.heal()
        assert (backend.status().in_use, await first(backend)) == (0, b"x")


async def first(backend: S3Backend) -> bytes:
    """What lies there."""
    with Operation("a test") as operation:
        async with operation.step(), backend.session(operation) as made:
            return bytes((await made.objects.get("k")).data)
