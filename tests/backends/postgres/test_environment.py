"""DATABASE_URL, PG* and services: what counts, and which secret goes where."""

import pytest

from dk_notebook import descriptions
from dk_notebook.backends import registry
from dk_notebook.backends.postgres.config import PostgresConfig
from dk_notebook.backends.postgres.settings.environment import VARIABLES
from dk_notebook.config.settings import build, canonical
from dk_notebook.errors import ConfigError

pytestmark = pytest.mark.unit

PW = "hunter2"


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A user without files."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PGSYSCONFDIR", str(tmp_path / "shared"))
    monkeypatch.setattr("getpass.getuser", lambda: "me")
    return tmp_path


def made(environ, **above):
    """The settings under keywords."""
    said = canonical(PostgresConfig, above, "keyword")
    return build(PostgresConfig, [("keyword", said), *PostgresConfig.lower_levels(environ, said)])


def of_url(environ, url):
    return made(environ, **PostgresConfig.from_url(url))


def password(config):
    return config.password.reveal() if config.password else None


# --- PG*


@pytest.mark.parametrize(
    ("variable", "text", "setting", "value"),
    [
        ("PGHOST", "a,b", "host", ("a", "b")),
        ("PGHOSTADDR", "10.0.0.1", "host", "10.0.0.1"),
        ("PGPORT", "5433", "port", 5433),
        ("PGDATABASE", "shop", "database", "shop"),
        ("PGUSER", "ann", "user", "ann"),
        ("PGPASSFILE", "/p", "passfile", "/p"),
        ("PGSSLMODE", "require", "sslmode", "require"),
        ("PGSSLROOTCERT", "/ca.pem", "sslrootcert", "/ca.pem"),
        ("PGSSLCERT", "/me.pem", "sslcert", "/me.pem"),
        ("PGSSLKEY", "/me.key", "sslkey", "/me.key"),
        ("PGTARGETSESSIONATTRS", "standby", "target_session_attrs", "standby"),
        ("PGLOADBALANCEHOSTS", "random", "load_balance_hosts", "random"),
        ("PGSSLCRL", "/revoked.crl", "sslcrl", "/revoked.crl"),
        ("PGSSLMINPROTOCOLVERSION", "TLSv1.3", "ssl_min_protocol_version", "TLSv1.3"),
        ("PGSSLMAXPROTOCOLVERSION", "TLSv1.2", "ssl_max_protocol_version", "TLSv1.2"),
        ("PGKRBSRVNAME", "pg", "krbsrvname", "pg"),
        ("PGGSSLIB", "sspi", "gsslib", "sspi"),
        ("PGAPPNAME", "etl", "application_name", "etl"),
        ("PGCONNECT_TIMEOUT", "3", "connect_timeout", 3.0),
        ("PGOPTIONS", "-c work_mem=1MB", "options", "-c work_mem=1MB"),
    ],
)
def test_each_variable_acts(variable, text, setting, value):
    assert getattr(made({variable: text}), setting) == value


def test_a_password_in_the_environment_acts():
    assert password(made({"PGPASSWORD": PW})) == PW


@pytest.mark.parametrize(
    ("variable", "figure"), [("POSTGRES_POOL_MIN_SIZE", "min_size"), ("POSTGRES_POOL_MAX_SIZE", "max_size")]
)
def test_the_pools_variables_act(variable, figure):
    assert getattr(made({variable: "12"}).pool, figure) == 12


def test_a_least_size_from_the_environment_gives_way_to_a_greatest_one_above():
    assert made({"POSTGRES_POOL_MIN_SIZE": "10"}, max_connections=4).pool.min_size == 4


def test_an_empty_variable_says_nothing():
    assert made({"PGHOST": "", "PGPORT": "", "PGSSLMODE": "", "PGHOSTADDR": ""}, host="db").location == "me@db:5432/me"


def test_a_value_of_another_type_names_the_environment():
    with pytest.raises(ConfigError, match=r"'sslmode' takes .* \(environment\)"):
        made({"PGSSLMODE": "sometimes"})


def test_a_host_and_an_address_of_another_are_refused():
    with pytest.raises(ConfigError, match="PGHOSTADDR beside PGHOST"):
        made({"PGHOST": "db", "PGHOSTADDR": "10.0.0.1"})


def test_a_host_and_an_address_do_not_matter_where_another_host_is_named():
    assert made({"PGHOST": "db", "PGHOSTADDR": "10.0.0.1"}, host="other").host == "other"


def test_no_variable_is_left_out_of_what_describes_a_store():
    places = {"PGHOST", "PGPORT", "PGDATABASE", "PGUSER", "PGSERVICE"}
    assert places <= VARIABLES.keys() & set(registry.KNOWN["postgres"].variables)


# --- whose password it is

STAGING = {"PGHOST": "staging", "PGPORT": "6000", "PGUSER": "ann", "PGPASSWORD": PW, "PGDATABASE": "shop"}


@pytest.mark.parametrize(
    ("url", "location", "gets"),
    [
        ("postgresql://", "ann@staging:6000/shop", PW),
        ("postgresql:///other", "ann@staging:6000/other", PW),
        ("postgresql://staging/shop", "ann@staging:6000/shop", PW),
        ("postgresql://ann@STAGING:6000", "ann@STAGING:6000/shop", PW),
        ("postgresql://prod", "ann@prod:5432/shop", None),
        ("postgresql://staging:6001", "ann@staging:6001/shop", None),
        ("postgresql://staging,prod", "ann@staging:5432,prod:5432/shop", None),
        ("postgresql://bob@staging", "bob@staging:6000/shop", None),
        ("postgresql://bob@/shop", "bob@staging:6000/shop", None),
        ("postgresql://prod?password=other", "ann@prod:5432/shop", "other"),
    ],
)
def test_the_environments_password_goes_to_its_own_server_and_user(url, location, gets):
    config = of_url(STAGING, url)
    assert (config.location, password(config)) == (location, gets)


def test_a_password_beside_no_host_goes_where_the_user_says():
    assert password(of_url({"PGPASSWORD": PW}, "postgresql://ann@db/shop")) == PW


def test_a_password_beside_no_host_does_not_go_to_another_user():
    assert password(of_url({"PGPASSWORD": PW, "PGUSER": "bob"}, "postgresql://ann@db/shop")) is None


def test_a_host_without_a_port_is_that_of_the_usual_port():
    assert password(of_url({"PGHOST": "db", "PGPASSWORD": PW}, "postgresql://db:5433")) is None


def test_a_port_alone_stays_on_the_same_machine():
    config = made(STAGING, port=6432)
    assert (config.location, password(config)) == ("ann@staging:6432/shop", PW)


def test_a_host_that_is_not_known_yet_gets_no_password():
    said = {"host": {"env": "SHOP_HOST"}}
    levels = PostgresConfig.lower_levels(STAGING, said)
    assert "password" not in dict(levels)["environment"]


# --- DATABASE_URL

URL = {"DATABASE_URL": f"postgresql://ann:{PW}@prod:5433/shop?sslmode=require"}


@pytest.mark.parametrize(
    ("above", "location", "gets", "sslmode"),
    [
        ({}, "ann@prod:5433/shop", PW, "require"),
        ({"database": "other"}, "ann@prod:5433/other", PW, "require"),
        ({"host": "prod"}, "ann@prod:5433/shop", PW, "require"),
        ({"host": "prod", "port": 5433, "user": "ann"}, "ann@prod:5433/shop", PW, "require"),
        ({"host": "prod", "user": "bob"}, "bob@prod:5433/shop", None, "require"),
        ({"user": "bob"}, "bob@prod:5433/shop", None, "require"),
        ({"host": "db"}, "me@db:5432/me", None, None),
        ({"host": "prod", "port": 5432}, "me@prod:5432/me", None, None),
        ({"password": "other"}, "ann@prod:5433/shop", "other", "require"),
    ],
)
def test_the_url_of_the_environment_counts_as_one(above, location, gets, sslmode):
    config = made(URL, **above)
    assert (config.location, password(config), config.sslmode) == (location, gets, sslmode)


def test_the_url_of_the_environment_wins_over_its_variables():
    config = made(URL | STAGING | {"PGAPPNAME": "etl", "PGSSLMODE": "disable"})
    assert (config.location, config.application_name, config.sslmode) == ("ann@prod:5433/shop", "etl", "require")


def test_a_variables_password_does_not_go_to_the_server_of_the_url():
    assert password(made({"DATABASE_URL": "postgresql://ann@prod/shop"} | STAGING)) is None


def test_a_password_beside_no_host_completes_the_url_of_the_environment():
    assert password(made({"DATABASE_URL": "postgresql://ann@prod/shop", "PGPASSWORD": PW})) == PW


def test_another_stores_url_says_nothing():
    assert made({"DATABASE_URL": "mysql://prod/shop"}, host="db").location == "me@db:5432/me"


def test_a_bad_url_is_an_error_that_names_the_variable_and_not_the_password():
    with pytest.raises(ConfigError, match="DATABASE_URL: the host of the URL is none") as caught:
        made({"DATABASE_URL": f"postgresql://ann:{PW}/x@prod/shop"})
    assert PW not in str(caught.value)


def test_an_unknown_setting_in_the_url_is_an_error_that_names_the_variable():
    with pytest.raises(ConfigError, match=r"'colour' \(DATABASE_URL\)"):
        made({"DATABASE_URL": "postgresql://prod/shop?colour=red"})


def test_what_the_url_demands_and_cannot_be_had_is_an_error_that_names_the_variable():
    with pytest.raises(ConfigError, match=r"'channel_binding' .* \(DATABASE_URL\)"):
        made({"DATABASE_URL": "postgresql://prod/shop?channel_binding=require"})


def test_a_bad_url_does_not_matter_where_another_host_is_named():
    assert made({"DATABASE_URL": "postgresql://a:b:c/shop"}, host="db").host == "db"


# --- services

SERVICES = f"""
[prod]
host=prod
port=5433
dbname=shop
user=ann
password={PW}
sslmode=require
[other]
host=other
[half]
user=ann
password={PW}
"""


@pytest.fixture
def services(home):
    (home / ".pg_service.conf").write_text(SERVICES)


@pytest.mark.usefixtures("services")
@pytest.mark.parametrize(
    ("environ", "above", "location", "gets"),
    [
        ({}, {"service": "prod"}, "ann@prod:5433/shop", PW),
        ({"PGSERVICE": "prod"}, {}, "ann@prod:5433/shop", PW),
        ({"DATABASE_URL": "postgresql:///?service=prod"}, {}, "ann@prod:5433/shop", PW),
        # below the environment
        ({"PGDATABASE": "other"}, {"service": "prod"}, "ann@prod:5433/other", PW),
        ({"PGUSER": "bob"}, {"service": "prod"}, "bob@prod:5433/shop", None),
        ({"PGHOST": "db"}, {"service": "prod"}, "ann@db:5432/shop", None),
        # its password goes to its own server
        ({}, {"service": "prod", "host": "replica"}, "ann@replica:5432/shop", None),
        ({}, {"service": "half", "host": "replica"}, "ann@replica:5432/ann", PW),
        # a service of the environment is one thing, as the URL is
        ({"PGSERVICE": "prod"}, {"host": "db"}, "me@db:5432/me", None),
        ({"PGSERVICE": "prod"} | URL, {}, "ann@prod:5433/shop", PW),
        # what is named above is no other connection's
        (URL, {"service": "half", "host": "db"}, "ann@db:5432/ann", PW),
        (URL, {"service": "other"}, "me@other:5432/me", None),
    ],
)
def test_a_service_counts_below_the_environment(environ, above, location, gets):
    config = made(environ, **above)
    assert (config.location, password(config)) == (location, gets)


@pytest.mark.usefixtures("services")
def test_a_service_of_the_environment_does_not_matter_where_a_host_is_named():
    assert made({"PGSERVICE": "gone"}, host="db").host == "db"


@pytest.mark.usefixtures("services")
def test_an_unknown_service_names_the_nearest():
    with pytest.raises(ConfigError, match=r"no service is called 'prdo'.*\n.*'prod'"):
        made({"PGSERVICE": "prdo"})


def test_a_service_in_a_file_of_its_own(tmp_path):
    (tmp_path / "mine.conf").write_text("[x]\nhost=mine\n")
    assert made({"PGSERVICEFILE": str(tmp_path / "mine.conf")}, service="x").host == "mine"


@pytest.mark.usefixtures("services")
def test_an_unknown_setting_of_a_service_names_file_and_service(home):
    (home / ".pg_service.conf").write_text("[prod]\nhots=prod\n")
    with pytest.raises(ConfigError, match=r"'hots' \(.*\.pg_service\.conf \[prod\]\)"):
        made({}, service="prod")


# --- a project's file that nobody trusts


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Writes the project's connection `pg`; nothing else is configured."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name in ("DATABASE_URL", "PGHOSTADDR", "DK_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    root = tmp_path / "project"
    (root / ".git").mkdir(parents=True)
    monkeypatch.chdir(root)

    class Kind:
        name = "postgres"
        config_class = PostgresConfig

    monkeypatch.setattr(registry, "load", lambda _: Kind)

    def write(settings):
        (root / "dk.toml").write_text(f'[connections.pg]\nbackend = "postgres"\n{settings}\n')
        return descriptions.of_name("pg")

    return write


@pytest.mark.parametrize(
    "setting",
    [
        'passfile = "p"',
        'service = "half"',
        'servicefile = "s"',
        'sslcert = "c"',
        'sslkey = "k"',
        'options = "-c work_mem=1MB"',
    ],
)
@pytest.mark.usefixtures("services")
def test_a_project_sets_nothing_that_reads_the_users_files(project, setting):
    with pytest.raises(ConfigError, match=f"sets '{setting.split()[0]}', and .* is not trusted"):
        project(f'host = "evil"\n{setting}').config()


@pytest.mark.parametrize("environ", [{"PGPASSWORD": PW}, {"PGPASSWORD": PW, "PGHOST": "evil"}])
def test_a_projects_host_gets_no_password_of_the_environment(project, environ, monkeypatch):
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match="would get 'password' from your environment"):
        project('host = "evil"').config()


def test_a_password_for_another_server_does_not_stand_in_a_projects_way(project, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", URL["DATABASE_URL"])
    monkeypatch.setenv("PGHOST", "staging")
    monkeypatch.setenv("PGPASSWORD", PW)
    assert password(project('host = "db"').config()) is None


@pytest.mark.parametrize(
    ("line", "settings"),
    [
        ("*:*:*:*", 'host = "evil"'),
        ("db:*:*:*", 'host = "db"\nsslmode = "require"'),
        ("db:*:*:*", 'host = "db"\nsslrootcert = "ca.pem"'),
        ("b:*:*:*", 'host = "a,b"\nsslmode = "disable"'),
    ],
)
def test_a_project_gets_no_password_that_is_for_any_host_or_would_not_be_safe(project, home, line, settings):
    (home / ".pgpass").write_text(f"{line}:{PW}\n")
    (home / ".pgpass").chmod(0o600)
    with pytest.raises(ConfigError, match=r"would get a password from .*\.pgpass, and .* is not trusted"):
        project(settings).config()


@pytest.mark.parametrize(
    ("line", "settings"),
    [
        ("db:*:*:*", 'host = "db"'),
        ("localhost:*:*:*", 'host = "localhost"\nsslmode = "disable"'),
        ("other:*:*:*", 'host = "db"'),
    ],
)
def test_a_password_that_is_for_that_host_needs_no_trust(project, home, line, settings):
    (home / ".pgpass").write_text(f"{line}:{PW}\n")
    (home / ".pgpass").chmod(0o600)
    assert project(settings).config().user == "me"


def test_a_certificate_beside_the_projects_file_is_found(project, tmp_path):
    assert project('host = "db"\nsslrootcert = "ca.pem"').config().sslrootcert == str(tmp_path / "project" / "ca.pem")


def test_the_systems_authorities_are_no_file_of_the_project(project):
    assert project('host = "db"\nsslrootcert = "system"').config().sslrootcert == "system"
