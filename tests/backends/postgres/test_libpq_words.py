"""The settings of libpq: each acts, says what is so anyway, or is refused in words. And URLs as they are handed out."""

from __future__ import annotations

from typing import Any

import pytest

from dk_notebook.backends import registry
from dk_notebook.backends.postgres.config import PostgresConfig
from dk_notebook.backends.postgres.settings.environment import VARIABLES
from dk_notebook.backends.postgres.settings.libpq_words import WORDS
from dk_notebook.config.settings import build, canonical, leaves
from dk_notebook.errors import ConfigError

pytestmark = pytest.mark.unit

LIBPQ = """host hostaddr port dbname user password passfile require_auth channel_binding connect_timeout client_encoding
options application_name fallback_application_name keepalives keepalives_idle keepalives_interval keepalives_count
tcp_user_timeout replication gssencmode sslmode requiressl sslnegotiation sslcompression sslcert sslkey sslkeylogfile
sslpassword sslcertmode sslrootcert sslcrl sslcrldir sslsni requirepeer ssl_min_protocol_version
ssl_max_protocol_version min_protocol_version max_protocol_version krbsrvname gsslib gssdelegation scram_client_key
scram_server_key service servicefile target_session_attrs load_balance_hosts oauth_issuer oauth_client_id
oauth_client_secret oauth_scope"""
"""The words of libpq 18 (34.1.2. Parameter Key Words)."""


def of_url(url: str) -> PostgresConfig:
    assert registry.of_url(url) == "postgres"
    return build(PostgresConfig, [("URL", PostgresConfig.from_url(url))])


def said(words: str) -> PostgresConfig:
    return of_url(f"postgresql://ann@db/shop?{words}")


# --- each word


@pytest.mark.parametrize("word", LIBPQ.split())
def test_every_word_of_libpq_is_known(word: str) -> None:
    settings = {*leaves(PostgresConfig), *PostgresConfig.spellings}
    assert (word in settings) != (word in WORDS)


@pytest.mark.parametrize(
    "words",
    [
        "channel_binding=prefer",
        "channel_binding=disable",
        "channel_binding=",
        "gssencmode=disable",
        "gssencmode=prefer",
        "client_encoding=utf8",
        "client_encoding=UTF-8",
        "client_encoding=auto",
        "sslsni=1",
        "sslcompression=0",
        "sslcertmode=allow",
        "sslnegotiation=postgres",
        "replication=false",
        "gssdelegation=0",
        "min_protocol_version=3.0",
        "max_protocol_version=latest",
        "pgbouncer=false",
    ],
)
def test_what_says_how_it_is_anyway_changes_nothing(words: str) -> None:
    assert said(words) == of_url("postgresql://ann@db/shop")


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        ("channel_binding=require", "'channel_binding' takes 'disable' or 'prefer': asyncpg has no", "verify-full"),
        ("gssencmode=require", "'gssencmode' takes 'disable' or 'prefer': asyncpg does not encrypt", "verify-full"),
        ("client_encoding=latin1", "'client_encoding' takes .*: text travels as UTF-8", None),
        ("sslsni=0", "'sslsni' is always on", None),
        ("sslcompression=1", "'sslcompression' is always off", None),
        ("sslcrldir=/etc/crl", "'sslcrldir' cannot be had: revoked certificates", "sslcrl="),
        ("requirepeer=postgres", "'requirepeer' cannot be had", None),
        ("require_auth=scram-sha-256", "'require_auth' cannot be had", "verify-full"),
        ("replication=database", "'replication' is always off", None),
        ("schema=shop", "'schema' cannot be had: it is a word of Prisma", "search_path"),
        ("hostaddr=10.0.0.1", "'hostaddr' beside a host: asyncpg cannot check the certificate", "leave one"),
        ("ssl_min_protocol_version=TLSv1", "'ssl_min_protocol_version' takes 'TLSv1.2' or 'TLSv1.3'", None),
        ("keepalives_idle=-1", "'keepalives_idle' takes 0 to 32767, not -1", None),
        ("keepalives=maybe", "'keepalives' takes true or false", None),
    ],
)
def test_what_cannot_be_had_is_refused_in_words(words: str, message: str, hint: str | None) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        said(words)
    assert (hint or "") in (caught.value.hint or "")


@pytest.mark.parametrize("word", ["scram_client_key", "scram_server_key", "oauth_client_secret"])
def test_a_secret_that_cannot_be_had_is_not_shown(word: str) -> None:
    with pytest.raises(ConfigError) as caught:
        build(PostgresConfig, [("keyword", {word: "hunter2"})])
    assert "hunter2" not in str(caught.value)


def test_a_word_that_cannot_be_had_names_where_it_stands() -> None:
    with pytest.raises(ConfigError, match=r"\(dk.toml\)"):
        canonical(PostgresConfig, {"channel_binding": "require"}, "dk.toml")


@pytest.mark.parametrize("variable", ["PGCHANNELBINDING", "PGGSSENCMODE", "PGREQUIREAUTH", "PGREQUIREPEER"])
def test_what_the_environment_demands_and_cannot_be_had_is_refused(variable: str) -> None:
    with pytest.raises(ConfigError, match=rf"'{VARIABLES[variable]}' .* \(environment\)"):
        canonical(PostgresConfig, PostgresConfig.from_environment({variable: "require"}), "environment")


@pytest.mark.parametrize(
    ("words", "setting", "value"),
    [
        ("keepalives=0", "keepalives", False),
        ("keepalives_idle=60", "keepalives_idle", 60),
        ("keepalives_interval=5", "keepalives_interval", 5),
        ("keepalives_count=9", "keepalives_count", 9),
        ("tcp_user_timeout=20000", "tcp_user_timeout", 20_000),
        ("sslcrl=/revoked.crl", "sslcrl", "/revoked.crl"),
        ("ssl_min_protocol_version=tlsv1.3", "ssl_min_protocol_version", "TLSv1.3"),
        ("load_balance_hosts=random", "load_balance_hosts", "random"),
        ("pgbouncer=true", "statement_cache_size", 0),
    ],
)
def test_what_can_be_had_acts(words: str, setting: str, value: Any) -> None:
    assert getattr(said(words), setting) == value


@pytest.mark.parametrize("word", ["krbsrvname=pg", "gsslib=sspi"])
def test_what_asyncpg_takes_is_given_to_it(word: str) -> None:
    config = said(f"{word}&sslmode=disable")
    name, _, value = word.partition("=")
    assert config.connect_arguments(config.addresses()[0])[name] == value


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("fallback_application_name=report", "report"),
        ("fallback_application_name=report&application_name=mine", "mine"),
        ("application_name=", ""),
    ],
)
def test_a_name_for_where_none_is_said_counts_only_there(words: str, name: str) -> None:
    config = said(f"{words}&sslmode=disable")
    assert config.connect_arguments(config.addresses()[0])["server_settings"]["application_name"] == name


def test_an_address_alone_is_the_host() -> None:
    assert of_url("postgresql:///shop?hostaddr=10.0.0.1&user=ann").location == "ann@10.0.0.1:5432/shop"


# --- URLs as they are handed out

NEON = "ep-cool-darkness-123456.us-east-2.aws.neon.tech"
PW = "npg_x%2FY%40z9"


@pytest.mark.parametrize(
    ("url", "location", "settings"),
    [
        (
            f"postgresql://ann:{PW}@{NEON}/neondb?sslmode=require",
            f"ann@{NEON}:5432/neondb",
            {"sslmode": "require"},
        ),
        (
            (f"postgresql://ann:{PW}@ep-cool-darkness-123456-pooler.us-east-2.aws.neon.tech/neondb"
            "?sslmode=require&channel_binding=prefer"),
            "ann@ep-cool-darkness-123456-pooler.us-east-2.aws.neon.tech:5432/neondb",
            {"sslmode": "require"},
        ),
        (
            f"postgres://ann:{PW}@{NEON}/neondb?options=endpoint%3Dep-cool-darkness-123456",
            f"ann@{NEON}:5432/neondb",
            {"options": "endpoint=ep-cool-darkness-123456"},
        ),
        (
            f"postgresql://postgres:{PW}@db.abcdefghijklmnop.supabase.co:5432/postgres",
            "postgres@db.abcdefghijklmnop.supabase.co:5432/postgres",
            {},
        ),
        (
            (f"postgres://postgres.abcdefghijklmnop:{PW}@aws-0-eu-central-1.pooler.supabase.com:6543/postgres"
            "?sslmode=require&supa=base-pooler.x&pgbouncer=true"),
            "postgres.abcdefghijklmnop@aws-0-eu-central-1.pooler.supabase.com:6543/postgres",
            {"sslmode": "require", "statement_cache_size": 0},
        ),
        (
            f"postgres://u8f3k2:{PW}@ec2-34-1-2-3.compute-1.amazonaws.com:5432/d9abc",
            "u8f3k2@ec2-34-1-2-3.compute-1.amazonaws.com:5432/d9abc",
            {"sslmode": None},
        ),
        (
            (f"postgresql://ann:{PW}@shop.c9ak2.eu-west-1.rds.amazonaws.com:5432/shop"
            "?sslmode=verify-full&sslrootcert=/etc/ssl/global-bundle.pem"),
            "ann@shop.c9ak2.eu-west-1.rds.amazonaws.com:5432/shop",
            {"sslmode": "verify-full", "sslrootcert": "/etc/ssl/global-bundle.pem"},
        ),
        (
            f"postgres://avnadmin:{PW}@pg-1a2b-shop.a.aivencloud.com:23456/defaultdb?sslmode=require",
            "avnadmin@pg-1a2b-shop.a.aivencloud.com:23456/defaultdb",
            {"sslmode": "require"},
        ),
        (
            f"postgres://tsdbadmin:{PW}@a1b2c3.d4e5f6.tsdb.cloud.timescale.com:31234/tsdb?sslmode=require",
            "tsdbadmin@a1b2c3.d4e5f6.tsdb.cloud.timescale.com:31234/tsdb",
            {"sslmode": "require"},
        ),
        (
            f"postgres://application:{PW}@p.vbjrfujvlw725gvi3i.db.postgresbridge.com:5432/postgres?sslmode=require",
            "application@p.vbjrfujvlw725gvi3i.db.postgresbridge.com:5432/postgres",
            {"sslmode": "require"},
        ),
        (
            f"postgresql+psycopg2://doadmin:{PW}@db-do-user-1.b.db.ondigitalocean.com:25060/defaultdb?sslmode=require",
            "doadmin@db-do-user-1.b.db.ondigitalocean.com:25060/defaultdb",
            {"sslmode": "require"},
        ),
        (
            f"postgresql://ann%40shop:{PW}@shop.postgres.database.azure.com/postgres?sslmode=require",
            "ann@shop@shop.postgres.database.azure.com:5432/postgres",
            {"user": "ann@shop"},
        ),
        (
            ("postgresql://ann@db/shop?connect_timeout=10&application_name=etl&keepalives=1&keepalives_idle=60"
            "&target_session_attrs=read-write&gssencmode=disable&client_encoding=utf8"),
            "ann@db:5432/shop",
            {"application_name": "etl", "keepalives_idle": 60},
        ),
    ],
    ids=["Neon", "Neon's pooler", "Neon without SNI", "Supabase", "Supabase's pooler", "Heroku", "RDS", "Aiven",
         "Timescale", "Crunchy", "DigitalOcean", "Azure", "libpq"],
)  # fmt: skip
def test_a_url_that_a_host_hands_out_says_where_and_how(url: str, location: str, settings: dict[str, Any]) -> None:
    config = of_url(url)
    assert (config.location, {name: getattr(config, name) for name in settings}) == (location, settings)


def test_the_url_that_demands_channel_binding_is_told_what_to_say_instead() -> None:
    with pytest.raises(ConfigError) as caught:
        of_url(f"postgresql://ann:{PW}@{NEON}/neondb?sslmode=require&channel_binding=require")
    assert str(caught.value).splitlines()[1] == 'Hint: sslmode="verify-full" checks whom one talks to'


def test_the_name_of_an_endpoint_is_passed_on_beside_settings() -> None:
    config = said("options=endpoint%3Dep-1%20-c%20work_mem%3D1MB&sslmode=disable")
    sent = config.connect_arguments(config.addresses()[0])["server_settings"]
    assert (sent["options"], sent["work_mem"]) == ("endpoint=ep-1", "1MB")
