import asyncio
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from dk_notebook.connections import close, connect, connections, resolve, status
from dk_notebook.errors import BlockingCallInLoop, ConfigError, ConnectionFailed
from dk_notebook.runtime import thread

pytestmark = pytest.mark.unit

URL = "vault://ann:hunter2@db/shop"


def test_a_url_opens_a_connection_at_once(vault):
    made = connect(URL, name="pg")
    assert (made.name, made.backend, made.location, made.source) == ("pg", "vault", "db/shop", "URL")
    assert [pool.closed for pool in vault.opened] == [False]


def test_the_same_url_again_gives_the_same_connection_and_pool(vault):
    assert connect(URL) is connect(URL)
    assert len(vault.opened) == 1


def test_the_same_settings_in_other_words_are_the_same_pool(vault):
    connect(URL, name="pg")
    again = connect(backend="vault", server="db", user="ann", password="hunter2", database="shop")
    assert (again.name, len(vault.opened)) == ("pg", 1)


def test_another_password_is_another_pool(vault):
    connect("vault://ann@db/shop", name="a")
    connect(URL, name="b")
    assert len(vault.opened) == 2


def test_a_wrong_password_fails_at_once_in_one_attempt_and_is_not_shown(vault):
    with pytest.raises(ConnectionFailed, match="db/shop: wrong password for ann") as caught:
        connect("vault://ann:swordfish@db/shop", name="pg")
    assert "swordfish" not in str(caught.value)
    assert len(vault.attempts) == 1


def test_a_connection_that_failed_takes_no_name(vault):
    with pytest.raises(ConnectionFailed):
        connect("vault://ann:swordfish@db/shop", name="pg")
    assert connect(URL, name="pg").name == "pg"


def test_keywords_win_over_the_url():
    assert connect(URL, database="other").location == "db/other"


def test_keywords_win_over_the_environment(monkeypatch):
    monkeypatch.setenv("VAULT_HOST", "there")
    assert connect(backend="vault", host="here").config.host == "here"


def test_the_environment_fills_what_nobody_says(monkeypatch):
    monkeypatch.setenv("VAULT_POOL_MAX_SIZE", "3")
    assert connect(URL).config.pool.max_size == 3


def test_a_whole_dictionary_serves_as_keywords():
    whole = {"vault": {"host": "db", "database": "shop"}, "s3": {"bucket": "b"}}
    assert connect(backend="vault", **whole).location == "db/shop"


def test_an_unknown_setting_is_an_error_without_its_value():
    with pytest.raises(ConfigError, match="did you mean 'password'") as caught:
        connect(URL, pasword="swordfish")
    assert "swordfish" not in str(caught.value)


def test_a_url_and_another_backend_disagree():
    with pytest.raises(ConfigError, match="backend='duckdb' for a connection of the backend 'vault'"):
        connect(URL, backend="duckdb")


def test_settings_without_a_backend_are_an_error():
    with pytest.raises(ConfigError, match="settings without a URL or a backend"):
        connect(host="db")


@pytest.mark.parametrize(
    "url", ["vault://ann:swordfish/x@db/shop", "vault://ann:swordfish@[db", "vaul://ann:swordfish@db"]
)
def test_a_malformed_url_is_an_error_without_its_password(url):
    with pytest.raises(ConfigError) as caught:
        connect(url)
    assert "swordfish" not in str(caught.value)


def test_a_driver_that_repeats_the_url_in_its_error_does_not_show_it(vault, monkeypatch):
    def from_url(url):
        raise ValueError(url)

    monkeypatch.setattr(vault.config_class, "from_url", from_url)
    with pytest.raises(ConfigError) as caught:
        connect(URL)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_something_else_than_a_name_or_url_is_an_error():
    with pytest.raises(ConfigError, match="not int"):
        connect(3)


def test_many_threads_get_one_connection_and_one_pool(vault):
    with ThreadPoolExecutor(16) as threads:
        made = list(threads.map(lambda _: connect(URL, name="pg"), range(64)))
    assert len(set(map(id, made))) == 1
    assert len(vault.opened) == 1


def test_threads_that_want_one_name_for_different_stores_see_one_winner(vault):
    start = threading.Barrier(8)

    def race(number):
        start.wait()
        try:
            return connect(f"vault://db/{number}", name="pg").location
        except ConfigError as error:
            return error.message.partition(" is taken")[1]

    with ThreadPoolExecutor(8) as threads:
        results = list(threads.map(race, range(8)))
    assert sorted(results)[:-1] == [" is taken"] * 7
    assert len(status()) == 1


def test_on_the_background_loop_itself_connect_is_refused():
    async def there():
        connect(URL)

    with pytest.raises(BlockingCallInLoop):
        thread.run(there())


# --- names


def test_a_second_name_is_an_alias_with_the_same_pool(vault):
    one, other = connect(URL, name="a"), connect(URL, name="b")
    assert (one.name, other.name, len(vault.opened)) == ("a", "b", 1)
    assert status()[0]["connection"] == "a, b"


def test_a_pool_stays_open_until_its_last_name_is_closed(vault):
    connect(URL, name="a")
    connect(URL, name="b")
    close("a")
    assert not vault.opened[0].closed
    close("b")
    assert vault.opened[0].closed


def test_an_alias_of_a_name_keeps_its_settings(vault):
    connect(URL, name="a")
    assert connect("a", name="b").location == "db/shop"
    assert connect("b").name == "b"
    assert len(vault.opened) == 1


def test_a_name_that_other_settings_have_is_an_error_that_says_so(vault):
    connect(URL, name="pg")
    with pytest.raises(ConfigError, match="'pg' is taken by vault, db/shop, with other settings") as caught:
        connect("vault://ann:hunter2@other/shop", name="pg")
    assert "replace=True" in str(caught.value)
    assert len(vault.opened) == 1


def test_replace_takes_the_name_and_closes_the_old_pool(vault):
    old = connect(URL, name="pg")
    new = connect("vault://other/shop", name="pg", replace=True)
    assert (resolve("pg"), new.location, old.closed) == (new, "other/shop", True)
    assert [pool.closed for pool in vault.opened] == [True, False]


def test_a_replacement_that_fails_leaves_the_old_connection(vault):
    old = connect(URL, name="pg")
    with pytest.raises(ConnectionFailed):
        connect("vault://ann:swordfish@other/shop", name="pg", replace=True)
    assert resolve("pg") is old
    assert not vault.opened[0].closed


def test_at_the_same_place_the_old_one_is_closed_before_the_new_one_opens(vault, monkeypatch):
    connect(URL, name="pg")
    open_first = []
    opening = vault.open

    async def watched(config):
        open_first.append([pool.closed for pool in vault.opened])
        return await opening(config)

    monkeypatch.setattr(vault, "open", watched)
    connect(URL, name="pg", replace=True, max_size=2)
    assert open_first == [[True]]


def test_replacing_with_the_same_settings_keeps_the_pool(vault):
    assert connect(URL, name="pg") is connect(URL, name="pg", replace=True)


def test_a_connection_without_a_name_is_called_after_its_place():
    assert connect("vault://db/shop.v2").name == "shop"
    assert connect("vault://other/shop").name == "shop_2"


def test_an_embedded_store_in_memory_is_the_one_that_always_exists():
    assert connect("duckdb://").name == "duckdb"


def test_the_name_that_always_exists_is_taken():
    with pytest.raises(ConfigError, match="'duckdb' is taken"):
        connect(URL, name="duckdb")


@pytest.mark.parametrize("name", ["", " pg", "vault://db", 3])
def test_a_name_that_could_not_be_used_is_an_error(name):
    with pytest.raises(ConfigError, match="no name for a connection"):
        connect(URL, name=name)


def test_a_near_miss_of_a_name_names_the_nearest():
    connect(URL, name="warehouse")
    with pytest.raises(ConfigError, match="no connection is called 'warehose'\nHint: did you mean 'warehouse'"):
        connect("warehose")


def test_names_are_matched_exactly():
    connect(URL, name="pg")
    with pytest.raises(ConfigError, match="did you mean 'pg'"):
        resolve("PG")


def test_something_like_a_url_without_a_scheme_is_not_shown_with_its_password():
    with pytest.raises(ConfigError, match="no connection is called") as caught:
        connect("ann:swordfish@db")
    assert "swordfish" not in str(caught.value)


# --- with


def test_a_block_closes_what_its_head_opened(vault):
    with connect(URL, name="pg"):
        assert not vault.opened[0].closed
    assert vault.opened[0].closed
    assert "pg" not in [row["name"] for row in connections()]


def test_a_block_closes_when_it_ends_with_an_error(vault):
    with pytest.raises(RuntimeError), connect(URL):
        raise RuntimeError
    assert vault.opened[0].closed


def test_a_block_leaves_open_what_was_open_before(vault):
    connect(URL)
    with connect(URL):
        pass
    assert not vault.opened[0].closed


def test_a_block_inside_a_block_leaves_the_closing_to_the_outer_one(vault):
    with connect(URL):
        with connect(URL):
            pass
        assert not vault.opened[0].closed
    assert vault.opened[0].closed


def test_a_block_of_another_thread_keeps_it_open_until_that_ends_too(vault):
    inside, leave = threading.Event(), threading.Event()

    def other():
        with connect(URL):
            inside.set()
            leave.wait(10)

    with connect(URL):
        running = threading.Thread(target=other)
        running.start()
        assert inside.wait(10)
    assert not vault.opened[0].closed
    leave.set()
    running.join()
    assert vault.opened[0].closed


async def test_an_async_block_closes_what_its_head_opened(vault):
    async with connect(URL):
        pass
    # Its pool is on the background loop, which closes it when it gets to it.
    for _ in range(500):
        await asyncio.sleep(0 if vault.opened[0].closed else 0.01)
    assert vault.opened[0].closed


# --- closing


def test_a_closed_connection_says_how_to_open_it_again(vault):
    made = connect(URL, name="pg")
    made.close()
    with pytest.raises(ConnectionFailed, match="'pg' is closed"):
        resolve(made)


def test_closing_twice_is_no_error():
    made = connect(URL)
    made.close()
    made.close()


def test_after_closing_the_same_url_opens_again(vault):
    connect(URL, name="pg").close()
    connect(URL, name="pg")
    assert [pool.closed for pool in vault.opened] == [True, False]


def test_close_closes_all(vault):
    connect(URL)
    connect("vault://other/shop")
    close()
    assert [pool.closed for pool in vault.opened] == [True, True]


def test_closing_an_unknown_name_names_the_nearest():
    connect(URL, name="warehouse")
    with pytest.raises(ConfigError, match="did you mean 'warehouse'"):
        close("warehose")


def test_closing_what_is_configured_and_not_open_does_nothing():
    close("duckdb")


# --- resolving


def test_to_resolve_opens_nothing(vault):
    assert resolve(URL).location == "db/shop"
    assert vault.opened == []


def test_to_resolve_a_url_twice_gives_one_connection():
    assert resolve(URL) is resolve(URL)


def test_what_was_only_resolved_does_not_hold_its_name(vault):
    resolve(URL)
    assert connect("vault://elsewhere/x", name="shop").location == "elsewhere/x"


def test_a_connection_resolves_to_itself():
    made = connect(URL)
    assert resolve(made) is made


# --- showing


def test_repr_shows_name_backend_place_and_pool_but_no_password():
    text = repr(connect(URL, name="pg"))
    assert text == "<Connection 'pg': vault, db/shop, dk_notebook loop: 0 of 8 in use, 1 idle>"


def test_html_is_escaped_and_shows_no_password():
    page = connect("vault://ann:hunter2@db/<script>", name="<b>")._repr_html_()
    assert "hunter2" not in page
    assert "<script>" not in page
    assert "&lt;b&gt;" in page


def test_nothing_that_hangs_on_a_connection_shows_the_password():
    made = connect(URL, password="hunter2")
    shown = [repr(made), str(vars(made)), str(made.config), str(made.description), str(connections()), str(status())]
    assert "hunter2" not in "".join(shown)


def test_the_status_of_a_connection_is_a_row_a_pool():
    made = connect(URL, name="pg")
    assert made.status()[["connection", "size", "max_size"]].values.tolist() == [["pg", 1, 8]]


def test_a_connection_is_not_pickled():
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(connect(URL))
