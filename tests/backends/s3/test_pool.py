"""How many requests at once, what the figures say, and what is left of connections."""

from __future__ import annotations

import asyncio
import gc
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from dk_notebook.backends.base import PoolConfig
from dk_notebook.backends.s3.backend import S3Backend
from dk_notebook.backends.s3.config import S3Config
from dk_notebook.config.settings import build
from dk_notebook.errors import ConnectionFailed, PoolTimeout
from dk_notebook.runtime.operations import Operation
from tests.backends.s3.conftest import config_of, opened, session, settled
from tests.services.s3_address import S3Address
from tests.services.s3_proxy import S3FaultProxy
from tests.services.scripted_s3 import Answer, ScriptedS3, crowd
from tests.services.versitygw import VersityGateway

pytestmark = pytest.mark.s3


@pytest.fixture
def by_proxy(proxy: S3FaultProxy, s3_bucket: str, transport: str) -> S3Config:
    return config_by(proxy, s3_bucket, transport=transport)


def config_by(proxy: S3FaultProxy, bucket: str, **said: Any) -> S3Config:
    return build(S3Config, [("keyword", {"bucket": bucket, **said}), ("store", proxy.settings)])


# --- how many at once


@pytest.mark.parametrize("most", [1, 7])
async def test_no_more_requests_run_at_once_than_the_pool_has_places(
    scripted: ScriptedS3, by_script: S3Config, most: int
) -> None:
    async with session(replace(by_script, pool=PoolConfig(max_size=most))) as made:
        scripted.most_at_once = 0
        scripted.always("PUT", crowd(scripted, most))
        await asyncio.gather(*(made.objects.put(f"k{number}", b"x") for number in range(40)))
        assert scripted.most_at_once == most


async def test_the_pool_is_one_for_all_operations(scripted: ScriptedS3, by_script: S3Config) -> None:
    async with opened(replace(by_script, pool=PoolConfig(max_size=4))) as backend:

        async def write(name: str) -> None:
            with Operation(name) as operation:
                async with backend.session(operation) as made:
                    await asyncio.gather(*(made.objects.put(f"{name}{number}", b"x") for number in range(10)))

        scripted.most_at_once = 0
        scripted.always("PUT", crowd(scripted, 4))
        await asyncio.gather(*map(write, "abc"))
        assert scripted.most_at_once == 4


async def test_a_session_that_asks_nothing_takes_no_place(by_script: S3Config) -> None:
    async with session(replace(by_script, pool=PoolConfig(max_size=1))) as one, opened(by_script) as backend:
        with Operation("another") as operation:
            async with backend.session(operation):
                assert backend.status().in_use == 0
        await one.objects.put("k", b"x")


async def test_who_waits_too_long_is_told_who_holds_the_places(scripted: ScriptedS3, by_script: S3Config) -> None:
    scripted.always("GET .*/k$", Answer(after=20))
    async with session(replace(by_script, pool=PoolConfig(max_size=1, timeout=0.2))) as made:
        first = asyncio.ensure_future(made.objects.get("k"))
        await asyncio.sleep(0.05)
        with pytest.raises(PoolTimeout, match=r"1 of 1 in use.*the oldest, 'a test'"):
            await made.objects.get("other")
        first.cancel()


# --- what the figures say


async def test_connections_are_used_again_and_counted_as_the_store_sees_them(
    proxy: S3FaultProxy, by_proxy: S3Config
) -> None:
    async with opened(by_proxy) as backend:
        with Operation("a test") as operation:
            async with backend.session(operation) as made:
                for _ in range(10):
                    await made.objects.put("k", b"x")
                first = backend.status()
                assert (first.opened, first.in_use, first.idle) == (proxy.accepted, 0, proxy.accepted)
                assert first.reused >= 9
                await asyncio.gather(*(made.objects.put(f"k{number}", b"x") for number in range(8)))
        status = backend.status()
        assert (status.opened, status.size, status.broken) == (proxy.accepted, proxy.accepted, 0)


async def test_a_connection_that_was_cut_off_is_counted_as_broken(
    proxy: S3FaultProxy, by_proxy: S3Config, s3_store: S3Address
) -> None:
    s3_store.put(by_proxy.bucket, "k", b"x" * 100_000)
    async with opened(by_proxy) as backend:
        with Operation("a test") as operation:
            async with backend.session(operation) as made:
                await made.objects.get("k")
                proxy.slow(1_000)
                asking = asyncio.ensure_future(made.objects.get("k"))
                await asyncio.sleep(0.2)
                assert (backend.status().in_use, len(proxy.open_links)) == (1, proxy.accepted)
                asking.cancel()
                await asyncio.wait([asking])
                assert await settled(lambda: len(proxy.open_links), proxy.accepted - 1) == proxy.accepted - 1
        assert (backend.status().in_use, backend.status().broken) == (0, 1)


async def test_connections_that_the_store_has_closed_are_replaced_unseen(
    proxy: S3FaultProxy, by_proxy: S3Config
) -> None:
    async with session(by_proxy) as made:
        await asyncio.gather(*(made.objects.put(f"k{number}", b"x") for number in range(10)))
        proxy.cut()
        await asyncio.gather(*(made.objects.put(f"k{number}", b"y", absent=False) for number in range(10)))
        assert bytes((await made.objects.get("k9")).data) == b"y"


async def test_a_store_that_was_started_anew_is_used_on(own_s3_store: VersityGateway, transport: str) -> None:
    own_s3_store.make_bucket("lake")
    async with session(config_of(own_s3_store, "lake", transport=transport)) as made:
        await made.objects.put("k", b"x")
        own_s3_store.restart()
        assert bytes((await made.objects.get("k")).data) == b"x"


# --- what is left


@pytest.mark.parametrize("how", ["close", "terminate"])
async def test_no_connection_is_left_at_the_end(own_s3_store: VersityGateway, transport: str, how: str) -> None:
    own_s3_store.make_bucket("lake")
    backend = await S3Backend.open(config_of(own_s3_store, "lake", transport=transport))
    with Operation("a test") as operation:
        async with backend.session(operation) as made:
            await asyncio.gather(*(made.objects.put(f"k{number}", b"x") for number in range(10)))
            del made
    assert own_s3_store.connections >= 2
    if how == "close":
        await backend.close()
    else:
        await asyncio.to_thread(backend.terminate)
    gc.collect()
    assert await settled(lambda: own_s3_store.connections, 0) == 0


async def test_closing_twice_is_closing(config: S3Config) -> None:
    backend = await S3Backend.open(config)
    await backend.close()
    await backend.close()
    backend.terminate()
    assert backend.status().in_use == 0


@pytest.mark.filterwarnings("ignore:unclosed transport:ResourceWarning")  # which cannot be closed without its loop
def test_a_cut_after_the_end_of_the_loop_closes_the_connections(own_s3_store: VersityGateway, transport: str) -> None:
    own_s3_store.make_bucket("lake")
    loop = asyncio.new_event_loop()
    backend = loop.run_until_complete(S3Backend.open(config_of(own_s3_store, "lake", transport=transport)))
    loop.close()
    assert (backend.status().size, own_s3_store.connections) == (1, 1)
    backend.terminate()
    assert backend.status().size == 0
    del backend
    gc.collect()


# --- in another process


def test_a_forked_child_of_a_process_that_used_obstore_works_by_aioboto3(s3_store: S3Address, s3_bucket: str) -> None:
    config = config_of(s3_store, s3_bucket)

    async def store(key: str) -> None:
        async with session(config) as made:
            await made.objects.put(key, b"x")
            assert bytes((await made.objects.get(key)).data) == b"x"

    asyncio.run(store("parent"))
    child = os.fork()
    if child == 0:
        status = 1
        try:
            asyncio.run(asyncio.wait_for(store("child"), 10))
            status = 0
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    asyncio.run(store("parent again"))
    assert s3_store.keys(s3_bucket) == ["child", "parent", "parent again"]


def test_threads_with_loops_of_their_own_work_at_once(s3_store: S3Address, s3_bucket: str) -> None:
    async def store(number: int) -> None:
        async with session(config_of(s3_store, s3_bucket)) as made:
            await asyncio.gather(*(made.objects.put(f"k{number}-{each}", b"x") for each in range(20)))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda number: asyncio.run(store(number)), range(8)))
    assert len(s3_store.keys(s3_bucket)) == 160


async def test_a_store_that_was_closed_says_so(config: S3Config) -> None:
    async with opened(config) as backend:
        await backend.close()
        with Operation("a test") as operation, pytest.raises(ConnectionFailed, match="was closed"):
            async with backend.session(operation):
                pass
