"""The settings of a PostgreSQL connection, and how each spelling gets there."""

import inspect
import pickle

import asyncpg
import pytest

from dk_notebook.backends.postgres.config import Address, PostgresConfig, PostgresPoolConfig
from dk_notebook.config.secrets import Secret
from dk_notebook.config.settings import build
from dk_notebook.errors import ConfigError

pytestmark = pytest.mark.unit


def keyword(**said):
    return build(PostgresConfig, [("keyword", said)])


def of_url(url):
    return build(PostgresConfig, [("URL", PostgresConfig.from_url(url))])


# --- what is left out


@pytest.fixture
def ann(monkeypatch):
    """The user of the operating system."""
    monkeypatch.setattr("getpass.getuser", lambda: "ann")


def test_the_user_is_that_of_the_system_and_the_database_is_named_like_the_user(ann):
    assert PostgresConfig(host="db").location == "ann@db:5432/ann"


def test_a_user_without_a_name_is_an_error_that_names_the_setting(monkeypatch):
    def nobody():
        raise KeyError("uid not found: 1001")

    monkeypatch.setattr("getpass.getuser", nobody)
    with pytest.raises(ConfigError, match="user="):
        PostgresConfig(host="db")


def test_the_host_is_the_folder_that_has_a_socket_of_the_port(tmp_path, monkeypatch, ann):
    (tmp_path / ".s.PGSQL.5433").touch()
    monkeypatch.setattr("dk_notebook.backends.postgres.settings.addresses.SOCKET_FOLDERS", (str(tmp_path),))
    assert (PostgresConfig(port=5433).host, PostgresConfig(port=5434).host) == (str(tmp_path), "localhost")


# --- spellings


@pytest.mark.parametrize(
    ("word", "value", "setting", "meant"),
    [
        ("host", "db", "host", "db"),
        ("hostname", "db", "host", "db"),
        ("server", "db", "host", "db"),
        ("hosts", ["a", "b"], "host", ("a", "b")),
        ("host", "a,b", "host", ("a", "b")),
        ("port", "5433", "port", 5433),
        ("database", "shop", "database", "shop"),
        ("dbname", "shop", "database", "shop"),
        ("db", "shop", "database", "shop"),
        ("user", "ann", "user", "ann"),
        ("username", "ann", "user", "ann"),
        ("password", "hunter2", "password", Secret("hunter2")),
        ("passwd", "hunter2", "password", Secret("hunter2")),
        ("sslmode", "REQUIRE", "sslmode", "require"),
        ("target_session_attrs", "read-write", "target_session_attrs", "read-write"),
        ("application_name", "etl", "application_name", "etl"),
        ("statement_cache_size", "0", "statement_cache_size", 0),
        ("connect_timeout", "2", "connect_timeout", 2.0),
        ("decimals", "float", "decimals", "float"),
    ],
)
def test_each_spelling_acts(word, value, setting, meant):
    assert getattr(keyword(**{word: value}), setting) == meant


@pytest.mark.parametrize(
    ("said", "pool"),
    [
        ({"min_connections": 10, "max_connections": 20}, {"min_size": 10, "max_size": 20}),
        ({"min_pool_size": 10, "max_pool_size": 20}, {"min_size": 10, "max_size": 20}),
        ({"min_size": 10, "max_size": 20}, {"min_size": 10, "max_size": 20}),
        ({"pool": {"min_size": 10, "max_size": 20, "timeout": 30}}, {"min_size": 10, "max_size": 20, "timeout": 30}),
        ({"pool": {"maxsize": 50}}, {"max_size": 50}),
        ({"pool": {"max_connections": 50}}, {"max_size": 50}),
        ({"pool": {"timeout": 60}}, {"timeout": 60}),
        ({"pool": {"max_lifetime": 60, "max_idle": 5}}, {"max_lifetime": 60, "max_idle": 5}),
        ({"max_lifetime": 60, "max_idle": "5"}, {"max_lifetime": 60, "max_idle": 5}),
    ],
)
def test_each_spelling_of_the_pool_acts(said, pool):
    assert keyword(**said).pool == PostgresPoolConfig(**pool)


@pytest.mark.parametrize("name", ["max_lifetime", "max_idle"])
def test_a_connection_that_may_not_live_is_an_error(name):
    with pytest.raises(ConfigError, match=f"'pool.{name}' takes seconds above 0, not 0"):
        keyword(pool={name: 0})


def test_a_near_miss_is_told():
    with pytest.raises(ConfigError, match=r"unknown setting 'sslmod'.*\n.*'sslmode'"):
        keyword(sslmod="require")


def test_two_spellings_that_disagree_are_an_error():
    with pytest.raises(ConfigError, match="'dbname' and 'database' are the same setting and disagree"):
        keyword(dbname="a", database="b")


# --- URLs


@pytest.mark.parametrize(
    ("url", "location"),
    [
        ("postgresql://ann@db/shop", "ann@db:5432/shop"),
        ("postgres://ann@db:5433/shop", "ann@db:5433/shop"),
        ("postgresql+psycopg2://ann@db/shop", "ann@db:5432/shop"),
        ("postgresql://ann@a:1,b:2/db?target_session_attrs=primary", "ann@a:1,b:2/db"),
        ("postgresql://ann@a,b:2/db", "ann@a:5432,b:2/db"),
        ("postgresql://ann@[::1]:5433/db", "ann@[::1]:5433/db"),
        ("postgresql://ann@/db?host=/socket/folder", "ann@/socket/folder:5432/db"),
        ("postgresql://ann@%2Fsocket%2Ffolder/db", "ann@/socket/folder:5432/db"),
        ("postgresql:///db?host=h&port=1&user=ann", "ann@h:1/db"),
        ("postgresql://h?dbname=db&user=ann", "ann@h:5432/db"),
        ("postgresql://a%40n@h/my%20shop", "a@n@h:5432/my shop"),
    ],
)
def test_a_url_says_where(url, location):
    assert of_url(url).location == location


def test_a_url_has_settings_after_the_question_mark():
    config = of_url(
        "postgresql://db/shop?sslmode=require&pool.max_size=3&connect_timeout=2&options=-c%20work_mem%3D1MB"
    )
    assert (config.sslmode, config.pool.max_size, config.connect_timeout) == ("require", 3, 2)
    assert config.connect_arguments(Address("db", 5432))["server_settings"]["work_mem"] == "1MB"


def test_a_url_of_java_encrypts():
    assert of_url("postgresql://db/shop?ssl=true").sslmode == "require"


def test_a_url_may_say_more_than_ssl():
    assert of_url("postgresql://db/shop?sslmode=verify-ca&ssl=true").sslmode == "verify-ca"


@pytest.mark.parametrize("url", ["postgresql://db/shop?host=other", "postgresql://db/shop?database=other"])
def test_a_url_that_says_a_thing_twice_is_an_error(url):
    with pytest.raises(ConfigError, match="twice"):
        of_url(url)


def test_a_url_that_says_a_thing_in_two_words_is_an_error():
    with pytest.raises(ConfigError, match="disagree"):
        of_url("postgresql://db/shop?dbname=other")


@pytest.mark.parametrize("url", ["postgresql://ann:hunt/er2@db/shop", "postgresql://ann:hunter2@a:b/shop"])
def test_an_error_about_a_url_does_not_show_the_password(url):
    with pytest.raises(ConfigError) as caught:
        of_url(url)
    assert "hunt" not in str(caught.value)


# --- hosts and ports


def test_one_port_is_for_all_hosts():
    assert PostgresConfig(host="a,b", port=1).addresses() == (Address("a", 1), Address("b", 1))


def test_a_port_a_host():
    assert PostgresConfig(host="a,b", port=(1, 2)).addresses() == (Address("a", 1), Address("b", 2))


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"host": "a,b", "port": "1,2,3"}, "3 ports for 2 hosts"),
        ({"host": "db", "port": 0}, "'port' takes 1 to 65535, not 0"),
        ({"host": "db", "port": "70000"}, "'port' takes 1 to 65535"),
        ({"host": "db", "port": "five"}, r"'port' takes a whole number or a list, not 'five' \(keyword\)"),
        ({"host": "db:5433"}, "'db:5433', which is no host"),
        ({"host": "a,,b"}, "an empty one among several"),
        ({"host": "db", "sslmode": "full"}, "'sslmode' takes 'disable' or"),
        ({"host": "db", "target_session_attrs": "any-old"}, "'target_session_attrs' takes"),
        ({"host": "db", "statement_cache_size": -1}, "'statement_cache_size' takes 0 or more"),
        ({"host": "db", "sslrootcert": "system", "sslmode": "require"}, 'goes with sslmode="verify-full"'),
    ],
)
def test_what_cannot_be_is_an_error_that_names_the_setting(said, message):
    with pytest.raises(ConfigError, match=message):
        keyword(**said)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"host": "a,b"}, {"hosts": ["a", "b"]}),
        ({"host": "[::1]"}, {"host": "::1"}),
        ({"host": "a,b", "port": "1,1"}, {"host": "a,b", "port": 1}),
        ({"host": "db", "user": "ann"}, {"host": "db", "user": "ann", "database": "ann"}),
    ],
)
def test_the_same_in_other_words_is_the_same_pool(one, other):
    assert len({keyword(**one), keyword(**other)}) == 1


def test_another_password_is_another_pool():
    assert len({keyword(host="db", password="a"), keyword(host="db", password="b")}) == 2


# --- what is not shown


@pytest.mark.parametrize("show", [repr, str, lambda config: config.location, lambda config: repr(pickle.dumps(config))])
def test_no_secret_is_shown(show):
    assert "hunter2" not in show(keyword(host="db", password="hunter2", sslpassword="hunter2"))


def test_no_secret_is_shown_in_what_asyncpg_is_given():
    assert "hunter2" not in repr(keyword(host="db", password="hunter2").connect_arguments(Address("db", 5432)))


# --- what asyncpg is given


@pytest.fixture
def arguments(tmp_path, monkeypatch):
    """What asyncpg is given for settings, on a machine where everything else speaks of another server."""
    home = tmp_path / "home"
    (home / ".postgresql").mkdir(parents=True)
    for name in ("root.crt", "postgresql.crt", "postgresql.key"):
        (home / ".postgresql" / name).write_text("no certificate")
    (home / ".pgpass").write_text("*:*:*:*:swordfish\n")
    (home / ".pgpass").chmod(0o600)
    monkeypatch.setenv("HOME", str(home))
    names = "HOST PORT USER PASSWORD DATABASE SERVICE SSLROOTCERT SSLCERT SSLKEY KRBSRVNAME GSSLIB SSLNEGOTIATION"
    for name in [*names.split(), "SSLMODE", "TARGETSESSIONATTRS", "SSLMINPROTOCOLVERSION"]:
        monkeypatch.setenv(f"PG{name}", "elsewhere")
    return lambda **said: keyword(**said).connect_arguments(Address("db", 5433))


def test_asyncpg_asks_neither_environment_nor_files(arguments):
    given = arguments(host="db", port=5433, user="ann", database="shop", password="hunter2", sslmode="disable")
    # Its own: it takes the arguments and everything that it finds elsewhere together.
    together = asyncpg.connect_utils._parse_connect_dsn_and_args
    names = inspect.signature(together).parameters
    places, parameters = together(**{name: given.get(name) for name in names})
    assert places == [("db", 5433)]
    assert (parameters.user, parameters.database, parameters.password()) == ("ann", "shop", "hunter2")
    assert (parameters.ssl, parameters.ssl_negotiation, parameters.target_session_attrs) == (False, "postgres", "any")
    assert (parameters.krbsrvname, parameters.gsslib) == ("postgres", "gssapi")


def test_asyncpg_finds_no_password_where_there_is_none(arguments, tmp_path):
    given = arguments(host="db", sslmode="disable", passfile=str(tmp_path / "none"))
    assert given["password"]() is None


def test_all_arguments_are_asyncpgs_own(arguments):
    given = arguments(host="db", sslmode="disable")
    assert given.keys() <= inspect.signature(asyncpg.connect).parameters.keys()


@pytest.mark.parametrize(
    ("said", "name", "value"),
    [
        ({"application_name": "etl"}, "application_name", "etl"),
        ({}, "application_name", "dk_notebook"),
        ({}, "standard_conforming_strings", "on"),
        ({"options": "-c search_path=shop -cwork_mem=1MB"}, "work_mem", "1MB"),
        ({"options": "--statement-timeout=5s"}, "statement_timeout", "5s"),
        ({"options": r"-c search_path=a,\ b"}, "search_path", "a, b"),
    ],
)
def test_the_session_begins_with_its_settings(said, name, value):
    given = keyword(host="db", **said).connect_arguments(Address("db", 5432))
    assert given["server_settings"][name] == value


@pytest.mark.parametrize("options", ["-B 5", "-c", "-c work_mem", "search_path=x", "-c =5", "--"])
def test_options_that_are_none_are_an_error(options):
    with pytest.raises(ConfigError, match="'options' takes server settings"):
        keyword(host="db", options=options)


@pytest.mark.parametrize("name", ["standard_conforming_strings", "STANDARD-conforming_strings", "datestyle"])
def test_what_the_backend_relies_on_cannot_be_changed(name):
    with pytest.raises(ConfigError, match="which this backend keeps at"):
        keyword(host="db", options=f"-c {name}=off")


def test_the_drivers_encoding_cannot_be_changed():
    with pytest.raises(ConfigError, match="UTF-8"):
        keyword(host="db", options="-c client_encoding=latin1")


# --- paths


@pytest.mark.parametrize("name", ["passfile", "servicefile", "sslrootcert", "sslcert", "sslkey"])
def test_a_file_stays_the_same_after_chdir(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert getattr(keyword(**{name: "a.pem"}), name) == str(tmp_path / "a.pem")


def test_the_systems_authorities_are_no_file():
    assert keyword(sslrootcert="system").sslrootcert == "system"
