import asyncio
import gc
import os
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import duckdb
import pytest

from dk_notebook.backends.base import Native
from dk_notebook.backends.duckdb import BACKEND
from dk_notebook.backends.duckdb.config import DuckDBConfig
from dk_notebook.errors import ConfigError, ConnectionFailed
from dk_notebook.testing.place import Place

pytestmark = pytest.mark.duckdb


async def value(backend, text):
    return (await Place(backend).read(Native(text=text))).column(0).to_pylist()


def elsewhere(code, path):
    """What a second process prints."""
    prelude = """
        import asyncio, sys
        from dk_notebook.backends.base import Native
        from dk_notebook.backends.duckdb import BACKEND
        from dk_notebook.backends.duckdb.config import DuckDBConfig
        from dk_notebook.testing.place import Place
        path = sys.argv[1]
        def opened(**settings):
            return asyncio.run(BACKEND.open(DuckDBConfig(path=path, **settings)))
    """
    text = textwrap.dedent(prelude) + textwrap.dedent(code)
    done = subprocess.run([sys.executable, "-c", text, str(path)], capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    return done.stdout


async def test_memory_is_one_store_whatever_the_loop():
    backend = await BACKEND.open(DuckDBConfig())
    await Place(backend).execute("create or replace table dk_shared as select 7 as a")

    async def other():
        second = await BACKEND.open(DuckDBConfig())
        try:
            return await value(second, "select a from dk_shared")
        finally:
            await second.close()

    seen = []
    thread = threading.Thread(target=lambda: seen.append(asyncio.run(other())))
    thread.start()
    await asyncio.to_thread(thread.join)
    assert seen == [[7]]
    await Place(backend).execute("drop table dk_shared")
    await backend.close()


async def test_memory_lives_as_long_as_the_process():
    backend = await BACKEND.open(DuckDBConfig())
    await Place(backend).execute("create or replace table dk_kept as select 8 as a")
    await backend.close()
    gc.collect()
    again = await BACKEND.open(DuckDBConfig())
    assert await value(again, "select a from dk_kept") == [8]
    await Place(again).execute("drop table dk_kept")
    await again.close()


async def test_the_last_of_two_pools_closes_the_file(tmp_path):
    config = DuckDBConfig(path=str(tmp_path / "shop.duckdb"))
    first, second = await BACKEND.open(config), await BACKEND.open(config)
    await Place(first).execute("create table t as select 1 as a")
    await first.close()
    assert await value(second, "select a from t") == [1]
    assert "PID" in elsewhere("try: opened()\nexcept ConnectionError as error: print(error)", config.path)
    await second.close()
    assert elsewhere("opened(); print('fine')", config.path) == "fine\n"


async def test_a_second_process_is_told_who_holds_the_file_and_what_to_do(tmp_path):
    path = tmp_path / "shop.duckdb"
    backend = await BACKEND.open(DuckDBConfig(path=str(path)))
    for settings in ("", "read_only=True"):
        told = elsewhere(f"try: opened({settings})\nexcept ConnectionError as error: print(error)", path)
        assert f"PID {os.getpid()}" in told
        assert "read_only=True" in told
    await backend.close()


async def test_many_processes_read_at_the_same_time(tmp_path):
    path = tmp_path / "shop.duckdb"
    writer = await BACKEND.open(DuckDBConfig(path=str(path)))
    await Place(writer).execute("create table t as select 5 as a")
    await writer.close()
    reader = await BACKEND.open(DuckDBConfig(path=str(path), read_only=True))
    code = """
        async def main():
            backend = await BACKEND.open(DuckDBConfig(path=path, read_only=True))
            print((await Place(backend).read(Native(text="from t"))).to_pydict())
            await backend.close()
        asyncio.run(main())
    """
    assert elsewhere(code, path) == "{'a': [5]}\n"
    await reader.close()


async def test_a_read_only_store_refuses_to_write_in_words(tmp_path):
    path = str(tmp_path / "shop.duckdb")
    await (await BACKEND.open(DuckDBConfig(path=path))).close()
    reader = await BACKEND.open(DuckDBConfig(path=path, read_only=True))
    with pytest.raises(Exception, match="read-only"):
        await Place(reader).execute("create table t (a int)")
    await reader.close()


async def test_other_settings_for_an_open_file_are_refused(tmp_path):
    path = str(tmp_path / "shop.duckdb")
    backend = await BACKEND.open(DuckDBConfig(path=path))
    with pytest.raises(ConfigError, match="other settings"):
        await BACKEND.open(DuckDBConfig(path=path, threads=1))
    await backend.close()


async def test_a_symbolic_link_is_the_file_it_points_to(tmp_path):
    path = tmp_path / "shop.duckdb"
    first = await BACKEND.open(DuckDBConfig(path=str(path)))
    (tmp_path / "link.duckdb").symlink_to(path)
    second = await BACKEND.open(DuckDBConfig(path=str(tmp_path / "link.duckdb")))
    await Place(first).execute("create table t as select 1 as a")
    assert await value(second, "select a from t") == [1]
    await first.close()
    await second.close()


async def test_a_file_that_duckdb_itself_has_open_is_refused_in_words(tmp_path):
    path = str(tmp_path / "shop.duckdb")
    with duckdb.connect(path), pytest.raises(ConnectionFailed, match="through duckdb itself"):
        await BACKEND.open(DuckDBConfig(path=path))


@pytest.mark.parametrize("make", [lambda _: None, lambda path: path.write_text("no database" * 1000), Path.mkdir])
async def test_what_is_no_database_is_a_failed_connection(tmp_path, make):
    path = tmp_path / "shop.duckdb"
    make(path)
    with pytest.raises(ConnectionFailed, match=r"shop\.duckdb"):
        await BACKEND.open(DuckDBConfig(path=str(path), read_only=True))


async def test_a_bad_memory_limit_is_a_bad_setting(tmp_path):
    with pytest.raises(ConfigError, match=r"[Mm]emory"):
        await BACKEND.open(DuckDBConfig(path=str(tmp_path / "x.duckdb"), memory_limit="much"))


async def test_settings_reach_duckdb(tmp_path):
    config = DuckDBConfig(
        path=str(tmp_path / "x.duckdb"), threads=1, memory_limit="200MiB", temp_directory=str(tmp_path)
    )
    backend = await BACKEND.open(config)
    text = "select current_setting('threads')::varchar || ' ' || current_setting('memory_limit')"
    assert await value(backend, text) == ["1 200.0 MiB"]
    await backend.close()


async def test_an_extension_that_is_not_installed_says_how(tmp_path):
    with pytest.raises(ConnectionFailed, match="INSTALL nosuchextension"):
        await BACKEND.open(DuckDBConfig(path=str(tmp_path / "x.duckdb"), extensions=("nosuchextension",)))


FORKED = """
    import os, traceback
    async def main():
        shop = await BACKEND.open(DuckDBConfig(path=path))
        memory = await BACKEND.open(DuckDBConfig())
        await Place(memory).execute("create table t as select 1 as a")
        return shop, memory
    kept = asyncio.run(main())
    child = os.fork()
    if child == 0:
        try:
            opened()
        except ConnectionError as error:
            print(error, flush=True)
        async def fresh():
            memory = await BACKEND.open(DuckDBConfig())
            await Place(memory).execute("create table t as select 2 as a")
            print((await Place(memory).read(Native(text="from t"))).to_pydict(), flush=True)
            other = await BACKEND.open(DuckDBConfig(path=path + ".other"))
            await Place(other).execute("create table u as select 3 as a")
        asyncio.run(fresh())
        os._exit(0)
    print("child ended with", os.waitpid(child, 0)[1], flush=True)
"""


def test_a_forked_child_is_refused_the_file_and_has_a_memory_of_its_own(tmp_path):
    told = elsewhere(FORKED, tmp_path / "shop.duckdb")
    assert "cannot be shared across a fork" in told
    assert "{'a': [2]}" in told
    assert "child ended with 0" in told
