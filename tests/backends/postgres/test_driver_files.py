"""~/.pgpass and pg_service.conf."""

import os

import pytest

from dk_notebook.backends.postgres.config import Address, PostgresConfig
from dk_notebook.backends.postgres.settings import service_file, user_files
from dk_notebook.config.secrets import Secret
from dk_notebook.errors import ConfigError

pytestmark = pytest.mark.unit

DB = Address("db", 5432)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """The home of a user without files."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("APPDATA", str(tmp_path))
    monkeypatch.setenv("PGSYSCONFDIR", str(tmp_path / "shared"))
    return tmp_path


@pytest.fixture
def pgpass():
    """Writes the password file."""

    def write(text, mode=0o600):
        path = user_files.password_file()
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
        return path

    return write


def found(address=DB, **said):
    config = PostgresConfig(**({"host": address.host, "port": address.port, "user": "ann", "database": "shop"} | said))
    secret = config.password_for(address)
    return secret.reveal() if secret else None


# --- passwords


@pytest.mark.parametrize(
    ("line", "password"),
    [
        ("db:5432:shop:ann:right", "right"),
        ("*:*:*:*:right", "right"),
        ("db:*:shop:*:right", "right"),
        ("other:5432:shop:ann:wrong", None),
        ("db:5433:shop:ann:wrong", None),
        ("db:5432:other:ann:wrong", None),
        ("db:5432:shop:bob:wrong", None),
        ("DB:5432:shop:ann:wrong", None),
        (r"db:5432:shop:ann:a\:b\\c", r"a:b\c"),
        ("db:5432:shop:ann:a:b", "a:b"),
        ("db:5432:shop:ann: blank ", " blank "),
        ("db:5432:shop:ann:", None),
        ("db:5432:shop:ann", None),
        ("# db:5432:shop:ann:no", None),
        ("", None),
        ("db:5432:shop:ann:naïve", "naïve"),
    ],
)
def test_a_line_is_for_its_login(pgpass, line, password):
    pgpass(line + "\n")
    assert found() == password


def test_names_may_hold_what_separates_them(pgpass):
    pgpass(r"fe80\:\:1:5432:sh\:op:a\\nn:right" + "\n")
    assert found(Address("fe80::1", 5432), database="sh:op", user="a\\nn") == "right"


def test_the_first_line_that_fits_counts(pgpass):
    pgpass("other:*:*:*:wrong\n*:*:*:ann:right\ndb:5432:shop:ann:late\n")
    assert found() == "right"


def test_lines_of_windows_end_where_they_end(pgpass):
    pgpass("db:5432:shop:ann:right\r\n")
    assert found() == "right"


@pytest.mark.parametrize("host", ["localhost", "/socket/folder"])
def test_a_socket_is_localhost_or_its_folder(pgpass, host):
    pgpass(f"{host}:*:*:*:right\n")
    assert found(Address("/socket/folder", 5432)) == "right"


def test_each_host_has_its_own_password(pgpass):
    pgpass("a:*:*:*:one\nb:*:*:*:two\n")
    config = PostgresConfig(host="a,b", user="ann")
    assert [config.password_for(each).reveal() for each in config.addresses()] == ["one", "two"]


def test_a_password_that_is_set_wins(pgpass):
    pgpass("*:*:*:*:wrong\n")
    assert found(password=Secret("right")) == "right"


def test_the_file_is_read_when_a_connection_is_made(pgpass):
    config = PostgresConfig(host="db", user="ann")
    pgpass("db:*:*:*:right\n")
    assert config.password_for(DB).reveal() == "right"


def test_another_file_may_be_named(pgpass, tmp_path):
    pgpass("*:*:*:*:wrong\n")
    (tmp_path / "mine").write_text("db:*:*:*:right\n")
    (tmp_path / "mine").chmod(0o600)
    assert found(passfile=str(tmp_path / "mine")) == "right"


def test_without_a_file_there_is_no_password():
    assert found() is None


def test_nothing_as_a_file_is_no_password():
    assert found(passfile=os.devnull) is None


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_file_that_others_may_read_is_not_used_and_a_warning_says_so(pgpass, mode):
    pgpass("*:*:*:*:hunter2\n", mode)
    with pytest.warns(UserWarning, match=r"\.pgpass is open to others, and not used: `chmod 600`"):
        assert found() is None


def test_a_folder_is_no_password_file(tmp_path):
    with pytest.warns(UserWarning, match="is no plain file"):
        assert found(passfile=str(tmp_path)) is None


def test_a_line_that_is_no_text_does_not_hide_the_others(pgpass):
    path = pgpass("")
    path.write_bytes(b"other:*:*:*:\xff\ndb:*:*:*:right\n")
    assert found() == "right"


def test_a_user_without_a_home_has_no_files(monkeypatch):
    def homeless():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr("pathlib.Path.home", homeless)
    assert found() is None


@pytest.mark.parametrize(("host", "known"), [("a", True), ("a,b", False), ("b", False)])
def test_nobody_needs_to_be_asked_where_each_host_has_a_password(pgpass, host, known):
    pgpass("a:*:*:*:one\n")
    assert PostgresConfig(host=host, user="ann").has_password() is known


# --- services


def service(text, name="prod"):
    user_files.service_file().write_text(text)
    return service_file.level(name)[1]


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        ("[prod]\nhost=db\nport=5433\n", {"host": "db", "port": "5433"}),
        ("# ours\n[prod]\n# where\nhost=db\n\n", {"host": "db"}),
        ("  [prod]\n  host = db \n\tport=1\n", {"host": "db", "port": "1"}),
        ("[prod]\nhost=a\n[other]\nhost=b\n", {"host": "a"}),
        ("[prod]\noptions=-c a=b\npassword=%x=#;:\n", {"options": "-c a=b", "password": "%x=#;:"}),
        ("[DEFAULT]\nhost=no\n[prod]\nport=1\n", {"port": "1"}),
    ],
)
def test_a_service_is_what_stands_below_its_name(text, settings):
    assert service(text) == settings


def test_the_place_names_file_and_service(home):
    service("[prod]\nhost=db\n")
    assert service_file.level("prod")[0] == f"{user_files.service_file()} [prod]"


def test_a_service_for_all_users_is_found_too(home):
    (home / "shared").mkdir()
    (home / "shared" / "pg_service.conf").write_text("[prod]\nhost=all\n")
    assert service("[other]\nhost=mine\n") == {"host": "all"}


def test_the_users_own_service_comes_first(home):
    (home / "shared").mkdir()
    (home / "shared" / "pg_service.conf").write_text("[prod]\nhost=all\n")
    assert service("[prod]\nhost=mine\n") == {"host": "mine"}


def test_another_file_replaces_the_users_own(home):
    (home / "mine.conf").write_text("[prod]\nhost=named\n")
    user_files.service_file().write_text("[prod]\nhost=own\n")
    assert service_file.level("prod", home / "mine.conf")[1] == {"host": "named"}


def test_a_file_that_is_named_and_not_there_is_an_error(home):
    with pytest.raises(ConfigError, match=r"'servicefile' names .*gone\.conf, which is no file"):
        service_file.level("prod", home / "gone.conf")


@pytest.mark.parametrize(("name", "hint"), [("prdo", "did you mean 'prod'"), ("xyz", "there are prod, test")])
def test_an_unknown_service_is_told_what_there_is(name, hint):
    with pytest.raises(ConfigError, match=rf"no service is called '{name}' in .*\n.*{hint}"):
        service("[prod]\nhost=a\n[test]\nhost=b\n", name)


def test_without_files_an_unknown_service_is_told_so():
    with pytest.raises(ConfigError, match="none is defined"):
        service_file.level("prod")


@pytest.mark.parametrize(
    "text", ["password=hunter2\n[prod]\n", "[prod]\nhost=db\nhunter2\n", "[prod\npassword=hunter2\n"]
)
def test_a_malformed_file_names_the_line_and_shows_nothing_of_it(text):
    with pytest.raises(ConfigError, match=r"pg_service\.conf, line \d: services are") as caught:
        service(text)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_service_of_a_service_is_an_error():
    with pytest.raises(ConfigError, match="names another service"):
        service("[prod]\nservice=other\n")


def test_a_file_that_is_no_text_is_an_error():
    user_files.service_file().write_bytes(b"[prod]\nhost=\xff\n")
    with pytest.raises(ConfigError, match="is not UTF-8"):
        service_file.level("prod")
