"""Connecting, as users type it, to PostgreSQL."""

from __future__ import annotations

import os
import pickle
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

import dk_notebook as dk
from dk_notebook.testing.services.ports import free_port

pytestmark = pytest.mark.postgres


def changed(url: str, **parts: Any) -> str:
    """The URL with another user, password, port or database."""
    split = urlsplit(url)
    found = {
        "user": split.username,
        "password": split.password,
        "port": split.port,
        "database": split.path[1:],
        **parts,
    }
    return f"postgresql://{found['user']}:{found['password']}@{split.hostname}:{found['port']}/{found['database']}"


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ({"password": "swordfish"}, "password authentication failed"),
        ({"user": "nobody", "password": "swordfish"}, "nobody"),
        ({"database": "nowhere", "password": None}, "nowhere"),
        ({"port": "closed", "password": "swordfish"}, "refused"),
    ],
    ids=["password", "user", "database", "port"],
)
def test_what_cannot_connect_fails_at_once_naming_everything_but_the_password(
    postgres_database: str, parts: dict[str, Any], told: str
) -> None:
    real = urlsplit(postgres_database)
    parts = {**parts, "password": parts["password"] or real.password}
    if "port" in parts:
        parts["port"] = free_port()
    url = changed(postgres_database, **parts)
    start = time.monotonic()
    with pytest.raises(dk.ConnectionFailed) as raised:
        dk.connect(url)
    text, seconds = str(raised.value), time.monotonic() - start
    assert seconds < 5
    where = urlsplit(url)
    missing = [part for part in (where.hostname, str(where.port), where.username, where.path[1:]) if part not in text]
    assert (missing, told in text, parts["password"] in text) == ([], True, False)
    assert isinstance(raised.value, ConnectionError)


def test_a_connection_that_failed_takes_no_name(postgres_database: str) -> None:
    with pytest.raises(dk.ConnectionFailed):
        dk.connect(changed(postgres_database, password="swordfish"), name="mine")
    assert "mine" not in dk.connections()["name"].to_list()


def test_the_same_settings_are_the_same_pool_however_they_are_said(postgres_database: str) -> None:
    parts = urlsplit(postgres_database)
    with dk.connect(postgres_database, name="mine", application_name="mine") as mine:
        mine.read_query("select 1")
        again = dk.connect(
            backend="postgres", hostname=parts.hostname, port=str(parts.port), username=parts.username,
            passwd=parts.password, dbname=parts.path[1:], application_name="mine",
        )  # fmt: skip
        assert again is mine
        assert len(dk.status().query("connection == 'mine'")) == 1


@pytest.fixture
def mine(postgres_database: str) -> Iterator[dk.Connection]:
    with dk.connect(postgres_database, name="mine", application_name="mine") as connection:
        yield connection


def server_sessions(connection: dk.Connection) -> int:
    """How many sessions of `mine` the server has."""
    query = "select count(*) from pg_stat_activity where application_name = 'mine' and pid <> pg_backend_pid()"
    return int(connection.read_query(query).iloc[0, 0])


def test_re_running_a_cell_opens_no_second_connection(mine: dk.Connection, postgres_database: str) -> None:
    for _ in range(5):
        dk.connect(postgres_database, name="mine", application_name="mine").read_query("select 1")
    assert server_sessions(mine) == 0


def test_a_name_that_is_taken_by_other_settings_is_an_error(mine: dk.Connection, postgres_database: str) -> None:
    with pytest.raises(dk.ConfigError, match="replace=True"):
        dk.connect(postgres_database, name="mine", application_name="other")


@pytest.fixture
def beside(postgres_database: str) -> Iterator[dk.Connection]:
    """A connection that looks at what the others do."""
    with dk.connect(postgres_database, name="beside", application_name="beside") as connection:
        yield connection


def test_a_block_closes_what_it_opened(beside: dk.Connection, postgres_database: str) -> None:
    with dk.connect(postgres_database, name="mine", application_name="mine") as mine:
        mine.read_query("select 1")
        assert server_sessions(beside) == 1
    end = time.monotonic() + 2
    while server_sessions(beside) and time.monotonic() < end:
        time.sleep(0.01)
    assert server_sessions(beside) == 0
    with pytest.raises(dk.ConnectionFailed, match="closed"):
        mine.read_query("select 1")


def test_a_block_leaves_open_what_was_open(mine: dk.Connection, postgres_database: str) -> None:
    with dk.connect(postgres_database, application_name="mine"):
        pass
    assert mine.read_query("select 1 as a")["a"][0] == 1


@pytest.fixture
def told_by_the_environment(postgres_database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Nothing is open, and the environment names the database."""
    for name in [name for name in os.environ if name.startswith("PG")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("DATABASE_URL", postgres_database)
    dk.close()
    yield postgres_database
    dk.close()


def test_what_the_environment_describes_is_the_default(told_by_the_environment: str) -> None:
    frame = dk.read_query("select current_database() as name")
    assert frame["name"][0] == urlsplit(told_by_the_environment).path[1:]
    assert frame.attrs["dk"]["connection"] == "postgres"


def test_the_url_of_the_environment_is_the_connection_of_that_name(told_by_the_environment: str) -> None:
    assert dk.connect(told_by_the_environment) is dk.connect("postgres")


def test_connections_and_status_are_frames(mine: dk.Connection) -> None:
    listed = dk.connections().set_index("name").loc["mine"]
    assert (listed["backend"], bool(listed["open"]), listed["source"]) == ("postgres", True, "URL")
    mine.read_query("select 1")
    pool = dk.status().query("connection == 'mine'").iloc[0]
    assert (pool["size"], pool["max_size"], pool["in_use"], pool["waiting"], pool["broken"]) == (1, 8, 0, 0, 0)
    assert pool["reused"] >= 1


def test_no_password_is_shown_anywhere(mine: dk.Connection, postgres_database: str) -> None:
    password = urlsplit(postgres_database).password or ""
    shown = [repr(mine), str(mine), mine._repr_html_(), repr(mine.config), str(mine.config)]
    shown += [dk.connections().to_csv(), dk.status().to_csv(), dk.show_versions().to_csv()]
    assert [text for text in shown if password in text] == []
    assert all(part in repr(mine) for part in ("mine", "postgres", urlsplit(postgres_database).path[1:]))


def test_no_password_is_pickled(mine: dk.Connection, postgres_database: str) -> None:
    password = (urlsplit(postgres_database).password or "").encode()
    frame = mine.read_query("select 1 as a")
    assert password not in pickle.dumps(frame)
    try:
        pickled = pickle.dumps(mine.config)
    except (TypeError, pickle.PicklingError):
        pickled = b""
    assert password not in pickled


def test_versions_name_what_matters_and_the_servers_that_were_reached(mine: dk.Connection) -> None:
    found = dk.show_versions().set_index("component")["version"]
    assert {"python", "asyncpg", "pgpq", "pandas", "pyarrow"} <= set(found.index)
    server = mine.read_query("select current_setting('server_version') as said")["said"][0]
    assert found["connection mine"] == f"postgres, {mine.location}, PostgreSQL {server}"


def test_a_setting_that_does_not_exist_is_named_without_its_value(postgres_database: str) -> None:
    with pytest.raises(dk.ConfigError, match="did you mean 'sslmode'") as raised:
        dk.connect(postgres_database, sslmod="swordfish")
    assert "swordfish" not in str(raised.value)


def test_the_pool_is_as_large_as_it_is_told(postgres_database: str) -> None:
    with dk.connect(postgres_database, name="mine", pool={"max_size": 2, "timeout": 0.3}) as mine:
        chunks = [mine.iter_query("select generate_series(1, 1000)", chunk_rows=1) for _ in range(2)]
        for each in chunks:
            next(each)
        with pytest.raises(dk.PoolTimeout, match=r"0\.3 s"):
            mine.read_query("select 1")
        for each in chunks:
            each.close()  # type: ignore[attr-defined]
        assert mine.read_query("select 1 as a")["a"][0] == 1
