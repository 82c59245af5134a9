"""Restart, shutdown, exit, kill and fork with live pools and running queries, on PostgreSQL; and deaf servers."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import asyncpg
import pytest

from dk_notebook.testing.services.postgres import PostgresAddress
from tests.kernels.driver import Kernel
from tests.kernels.ends import NOTICED_WITHIN, ServerEndTests, in_a_thread, left_half_way
from tests.kernels.places import postgres
from tests.kernels.places.postgres import CELLS, ENDLESS, LONG
from tests.kernels.stops import gone_within
from tests.services.proxy import FaultProxy

pytestmark = [pytest.mark.kernel, pytest.mark.postgres]

LOAD = f"dk.read_query({LONG!r}, 'pg')"


@pytest.fixture(scope="module")
def ask(postgres_url: str) -> Iterator[Callable[[str], Any]]:
    """The value of a query, on a connection of its own."""
    with asyncio.Runner() as runner:

        async def connected() -> asyncpg.Connection:
            return await asyncpg.connect(postgres_url)

        connection = runner.run(connected())
        yield lambda query: runner.run(connection.fetchval(query))
        runner.run(connection.close())


@pytest.fixture
def application() -> str:
    """The name by which the server knows the kernel of one test; that of another may still have a pool."""
    return f"dk_ends_{uuid.uuid4().hex}"


@pytest.fixture
def sessions(ask: Callable[[str], Any], application: str) -> Callable[[], int]:
    """How many sessions the kernel of a test has on the server."""
    return lambda: int(ask(f"select count(*) from pg_stat_activity where application_name = '{application}'"))


@pytest.fixture
def way(postgres_server: PostgresAddress) -> Iterator[FaultProxy]:
    with FaultProxy(postgres_server) as proxy:
        yield proxy


def connecting(url: str, application: str) -> str:
    """The cell that connects a kernel, as `sessions` knows it; what asks for TLS first would connect twice."""
    return postgres.connect(url, application_name=application, sslmode="disable")


class TestEnds(ServerEndTests):
    running = {
        "nothing": "print('running')",
        "a blocking query": f"print('running'); {LOAD}",
        "an awaited query": f"print('running'); await dk.aread_query({LONG!r}, 'pg')",
        "a query in a thread": in_a_thread(LOAD),
        "an iterator that was left half-way": left_half_way(f"dk.iter_query({ENDLESS!r}, 'pg', chunk_rows=1000)"),
        "a write": CELLS["a write"],
    }
    load = LOAD
    answer = postgres.ANSWER
    silent = [("a blocking query", 1), ("a blocking query", 2), ("a write", 1), ("a write", 2)]

    @pytest.fixture
    def connect(self, way: FaultProxy, application: str) -> str:
        return connecting(way.url, application)

    @pytest.fixture
    def left(self, sessions: Callable[[], int]) -> Callable[[], int]:
        return sessions


@pytest.mark.parametrize("what", ["a blocking query", "a write"])
def test_the_work_of_a_killed_kernel_ends_and_its_locks_are_free(
    new_kernel: Kernel,
    postgres_url: str,
    application: str,
    sessions: Callable[[], int],
    ask: Callable[[str], Any],
    what: str,
) -> None:
    new_kernel.ok(connecting(postgres_url, application))
    new_kernel.ok("dk.write_table(pd.DataFrame({'n': [1]}), 'written', 'pg', mode='replace')")
    new_kernel.start(TestEnds.running[what].replace('mode="replace"', 'mode="truncate"')).until("running")
    time.sleep(0.3)
    new_kernel.kill()
    gone_within(sessions, NOTICED_WITHIN)
    assert ask("set lock_timeout = '1s'") is None
    assert ask("with locked as (select * from written for update) select count(*) from locked") == 1


def test_a_blocking_call_on_the_loops_own_thread_is_an_error_at_once(
    kernel: Kernel, postgres_url: str, application: str
) -> None:
    kernel.ok(connecting(postgres_url, application))
    code = """
from dk_notebook.runtime.thread import run
async def inside():
    return dk.read_query("select 1", "pg")
run(inside())
"""
    assert kernel.run(code).error == "BlockingCallInLoop"


def test_what_could_not_be_cancelled_is_warned_of(
    kernel: Kernel, way: FaultProxy, application: str, ask: Callable[[str], Any]
) -> None:
    kernel.ok(connecting(way.url, application))
    way.lose_cancels(answered=False)
    cell = kernel.start(TestEnds.running["a blocking query"])
    cell.until("running")
    time.sleep(0.3)
    kernel.interrupt()
    outcome = cell.outcome()
    assert (outcome.error, "may still run on the server" in outcome.stderr) == ("KeyboardInterrupt", True), outcome
    ask(f"select count(pg_terminate_backend(pid)) from pg_stat_activity where application_name = '{application}'")
