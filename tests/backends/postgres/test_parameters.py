"""Values as typed literals: what the server reads is the value, or there is an error that does not show it."""

from __future__ import annotations

import datetime as dt
import enum
import ipaddress
import uuid
from collections import deque
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dk_notebook.backends.base import Native
from dk_notebook.backends.postgres.server_types import ServerType
from dk_notebook.backends.postgres.statements.parameters import literal
from dk_notebook.backends.postgres.statements.statement import prepared, with_literals
from dk_notebook.backends.postgres.type_catalog import BUILT_IN
from dk_notebook.backends.sql.values import plain
from dk_notebook.errors import ConfigError
from tests.backends.postgres.sending import Driver, first_column

TYPES = {one.plain: one for one in BUILT_IN.values()}
BERLIN = ZoneInfo("Europe/Berlin")


class Size(enum.Enum):
    BIG = "big"


@pytest.fixture(scope="module")
def driver(postgres_database: str) -> Iterator[Driver]:
    driver = Driver(postgres_database)
    yield driver
    driver.close()


# --- the server reads the very value ----------------------------------------------------------------------------------


def read(driver: Driver, value: Any, type_name: str) -> Any:
    """What the server makes of the literal of a value, as the driver gives it back."""
    written = literal(plain(value), TYPES[type_name], raw=value)
    return driver.run(driver.connection.fetchval(f"select {written}"))


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"))
INSTANTS = st.datetimes(dt.datetime(1, 1, 2), dt.datetime(9999, 12, 30))
OFFSETS = st.integers(-15 * 3600, 15 * 3600).map(lambda seconds: dt.timezone(dt.timedelta(seconds=seconds)))
DRAWN: list[tuple[str, st.SearchStrategy[Any]]] = [
    ("text", TEXT),
    ("int8", st.integers(-(2**63), 2**63 - 1)),
    ("float8", st.floats(allow_nan=False)),
    ("numeric", st.decimals(allow_nan=False, allow_infinity=False).filter(lambda d: abs(d.adjusted()) < 1000)),
    ("bytea", st.binary()),
    ("bool", st.booleans()),
    ("date", st.dates()),
    ("time", st.times()),
    ("timestamp", st.datetimes()),
    ("timestamptz", st.builds(lambda moment, zone: moment.replace(tzinfo=zone), INSTANTS, OFFSETS)),
    ("text[]", st.lists(st.none() | TEXT)),
    ("text[]", st.lists(st.none() | st.sampled_from(['a"b', "\\", "{}", ",", "NULL", "", " a ", "'", "\n", "null"]))),
    ("int8[]", st.lists(st.none() | st.integers(-(2**63), 2**63 - 1))),
    ("float8[]", st.lists(st.floats(allow_nan=False))),
    ("bytea[]", st.lists(st.binary(max_size=5))),
    ("timestamp[]", st.lists(st.datetimes())),
]


@pytest.mark.postgres
@pytest.mark.parametrize(("type_name", "values"), DRAWN, ids=[f"{n}-{name}" for n, (name, _) in enumerate(DRAWN)])
def test_any_value_arrives_as_it_is(driver: Driver, type_name: str, values: st.SearchStrategy[Any]) -> None:
    @given(values)
    def arrives(value: Any) -> None:
        assert read(driver, value, type_name) == value

    arrives()


@pytest.mark.postgres
@given(st.timedeltas(dt.timedelta(days=-(10**6)), dt.timedelta(days=10**6)))
def test_any_duration_arrives_with_days_and_seconds_of_one_sign(driver: Driver, value: dt.timedelta) -> None:
    written = literal(value, TYPES["interval"])
    whole = value == dt.timedelta(0) or (value > dt.timedelta(0))
    row = driver.rows(
        f"select {written} as i, {written} >= interval '0', extract(day from {written}) * {1 if whole else -1} >= 0, "
        f"extract(microseconds from {written}) * {1 if whole else -1} >= 0"
    )[0]
    assert tuple(row) == (value, whole, True, True)


# Value, type, what the server shows as text
SHOWN: list[tuple[Any, str, str]] = [
    (1.1, "numeric", "1.1"),
    (0.1, "float4", "0.1"),
    (5.0, "int4", "5"),
    (Decimal("5.00"), "int4", "5"),
    (Decimal("1E+3"), "int8", "1000"),
    (Decimal("1.10"), "numeric", "1.10"),
    (Decimal("1.1"), "text", "1.1"),
    (5, "text", "5"),
    (1.5, "text", "1.5"),
    (True, "text", "true"),
    (True, "int4", "1"),
    (False, "float8", "0"),
    (1, "bool", "true"),
    (float("inf"), "float8", "Infinity"),
    (-float("inf"), "numeric", "-Infinity"),
    (2**70, "numeric", "1180591620717411303424"),
    (np.int64(7), "int2", "7"),
    (np.float32(0.5), "float8", "0.5"),
    (np.bool_(True), "bool", "true"),
    (pd.NA, "int4", None),
    (pd.NaT, "timestamp", None),
    (float("nan"), "float8", None),
    (Size.BIG, "text", "big"),
    (uuid.UUID(int=10), "uuid", "00000000-0000-0000-0000-00000000000a"),
    (ipaddress.ip_address("10.0.0.1"), "inet", "10.0.0.1/32"),
    (ipaddress.ip_network("2001:db8::/32"), "inet", "2001:db8::/32"),
    ("[1,5)", "text", "[1,5)"),
    ("{1,2}", "int4[]", "{1,2}"),
    ("1.50", "numeric", "1.50"),
    ('it\'s \\ "so" $1 :x $$ {} %s', "text", 'it\'s \\ "so" $1 :x $$ {} %s'),
    ({"a": [1, float("nan"), {"b": "ü"}]}, "jsonb", '{"a": [1, null, {"b": "ü"}]}'),
    ([{"a": 1}, None, "x"], "jsonb", '[{"a": 1}, null, "x"]'),
    (np.array([1, 2]), "jsonb", "[1, 2]"),
    (pd.Series([1.5, None]), "json", "[1.5, null]"),
    (deque([1]), "jsonb", "[1]"),
    (True, "jsonb", "true"),
    (Decimal("1.10"), "jsonb", "1.10"),
    (dt.date(2024, 1, 2), "jsonb", '"2024-01-02"'),
    ([{"a": 1}, None], "jsonb[]", '{"{\\"a\\": 1}",NULL}'),
    ([[1, None], [3, 4]], "int4[]", "{{1,NULL},{3,4}}"),
    ([], "text[]", "{}"),
    ((1, 2), "int8[]", "{1,2}"),
    ({2, 1}, "int8[]", "{1,2}"),
    (pd.Series([True, pd.NA], dtype="boolean"), "bool[]", "{t,NULL}"),
    (b"\x00'\\", "bytea", "\\x00275c"),
    (bytearray(b"a"), "bytea", "\\x61"),
    (dt.datetime(2024, 1, 2, 3, 4, 5, 6), "text", "2024-01-02 03:04:05.000006"),
    (pd.Timestamp("2024-01-02 03:04:05.000006007"), "text", "2024-01-02 03:04:05.000006007"),
    (pd.Timestamp("2024-01-02 03:04:05.000006"), "timestamp", "2024-01-02 03:04:05.000006"),
    (np.datetime64("2024-01-02T03:04:05.000006"), "timestamp", "2024-01-02 03:04:05.000006"),
    (dt.datetime(2024, 1, 2), "date", "2024-01-02"),
    (dt.date(2024, 1, 2), "timestamp", "2024-01-02 00:00:00"),
    (dt.datetime(2024, 7, 1, 12, tzinfo=BERLIN), "timestamptz", "2024-07-01 10:00:00+00"),
    (dt.time(3, 4, tzinfo=dt.timezone(dt.timedelta(hours=-2))), "timetz", "03:04:00-02"),
    (dt.timedelta(days=-1, seconds=86_399), "interval", "-00:00:01"),
    (dt.timedelta(days=3, microseconds=1), "interval", "3 days 00:00:00.000001"),
    ("a", "char", "a"),
    ("n" * 63, "name", "n" * 63),
]


@pytest.mark.postgres
@pytest.mark.parametrize(("value", "type_name", "text"), SHOWN, ids=[f"{v!r:.40}-{t}" for v, t, _ in SHOWN])
def test_a_value_means_in_its_type_what_one_expects(
    driver: Driver, value: Any, type_name: str, text: str | None
) -> None:
    written = literal(plain(value), TYPES[type_name], raw=value)
    driver.run(driver.connection.execute("set timezone to 'UTC'"))
    assert driver.run(driver.connection.fetchval(f"select cast({written} as text)")) == text


SETTINGS = [
    "set datestyle to 'SQL, DMY'",
    "set intervalstyle to sql_standard",
    "set intervalstyle to iso_8601",
    "set timezone to 'Asia/Tokyo'",
    "set bytea_output to escape",
    "set extra_float_digits to -15",
    "set lc_monetary to 'C'",
    "set backslash_quote to on",
]
VALUES: list[tuple[Any, str]] = [
    (dt.date(2024, 1, 2), "date"),
    (dt.datetime(2024, 1, 2, 3, 4, 5, 6), "timestamp"),
    (dt.datetime(2024, 1, 2, 3, 4, tzinfo=dt.UTC), "timestamptz"),
    (dt.timedelta(days=-2, seconds=5), "interval"),
    (b"\\\x00'", "bytea"),
    (0.1, "float8"),
    (["a", "\\", "'"], "text[]"),
]


@pytest.mark.postgres
@pytest.mark.parametrize("setting", SETTINGS)
def test_the_settings_of_a_session_do_not_change_what_is_read(driver: Driver, setting: str) -> None:
    async def values() -> list[Any]:
        change = driver.connection.transaction()
        await change.start()
        await driver.connection.execute(setting)
        # The driver reads values in binary, whatever the settings.
        found = [await driver.connection.fetchval(f"select {literal(value, TYPES[name])}") for value, name in VALUES]
        await change.rollback()
        return found

    assert driver.run(values()) == [value for value, _ in VALUES]


@pytest.mark.postgres
async def test_a_naive_time_is_read_in_the_sessions_zone(connection: asyncpg.Connection) -> None:
    await connection.execute("set timezone to 'America/New_York'")
    found = await first_column(connection, "select :t::timestamptz", {"t": dt.datetime(2024, 7, 1, 12)})
    assert found == [dt.datetime(2024, 7, 1, 16, tzinfo=dt.UTC)]


@pytest.mark.postgres
async def test_a_user_may_have_types_of_his_own(connection: asyncpg.Connection, schema: str) -> None:
    await connection.execute("create type \"Mood's\" as enum ('sad', 'it''s \"fine\"')")
    await connection.execute("create domain documents as jsonb; create domain numbers as int[]")
    assert await first_column(connection, 'select :m::"Mood\'s"::text', {"m": 'it\'s "fine"'}) == ['it\'s "fine"']
    assert await first_column(connection, 'select (:m::"Mood\'s"[])::text[]', {"m": ["sad", None]}) == [["sad", None]]
    assert await first_column(connection, "select :d::documents::text", {"d": [{"a": 1}]}) == ['[{"a": 1}]']
    assert await first_column(connection, "select :d::numbers", {"d": [1, None]}) == [[1, None]]


@pytest.mark.postgres
async def test_the_elements_of_some_arrays_stand_apart_by_semicolons(connection: asyncpg.Connection) -> None:
    found = await first_column(connection, "select :b::box[]::text", {"b": ["(1,1),(0,0)", None]})
    assert found == ["{(1,1),(0,0);NULL}"]


@pytest.mark.postgres
async def test_a_list_is_a_vector_where_one_is_compared(connection: asyncpg.Connection, schema: str) -> None:
    await connection.execute("create extension vector")
    found = await first_column(connection, "select '[1,2]'::vector <-> :v", {"v": np.array([1.0, 4.0])})
    await connection.execute("drop extension vector")
    assert found == [2.0]


# --- what no literal of the type is -----------------------------------------------------------------------------------

DOMAIN = ServerType(oid=1, name='public."d"', plain="d", kind="domain", base=TYPES["timestamp"])
PARIS = dt.datetime(2024, 1, 2, 3, 4, tzinfo=ZoneInfo("Europe/Paris"))

# Value, type, a word of the message
REFUSED: list[tuple[Any, ServerType, str]] = [
    ("a\0b", TYPES["text"], "NUL"),
    ("a\ud800", TYPES["text"], "surrogate"),
    (["a", "\0"], TYPES["text[]"], "NUL"),
    ([{"a": "\udfff"}], TYPES["jsonb"], "surrogate"),
    (pd.Timestamp("2024-01-02 00:00:00.000000001"), TYPES["timestamp"], "nanoseconds"),
    (pd.Timestamp("2024-01-02 00:00:00.000000001", tz="UTC"), TYPES["timestamptz"], "nanoseconds"),
    (pd.Timedelta(1, "ns"), TYPES["interval"], "nanoseconds"),
    ([pd.Timestamp(1)], TYPES["timestamp[]"], "nanoseconds"),
    (PARIS, TYPES["timestamp"], "zone"),
    (PARIS, DOMAIN, "zone"),
    (PARIS, TYPES["date"], "time of day"),
    (dt.datetime(2024, 1, 2, 3), TYPES["date"], "time of day"),
    (dt.time(3, tzinfo=dt.UTC), TYPES["time"], "zone"),
    (dt.datetime(2024, 1, 2, 3), TYPES["time"], "datetime.* time"),
    (dt.date(2024, 1, 2), TYPES["time"], "date.* time"),
    (dt.time(3), TYPES["interval"], "time.* interval"),
    (5, TYPES["interval"], "int.* interval"),
    (20240102, TYPES["date"], "int.* date"),
    (20240102.0, TYPES["timestamp"], "float.* timestamp"),
    (12, TYPES["bytea"], "int.* bytea"),
    (101, TYPES["bit"], "int.* bit"),
    (1.5, TYPES["money"], "float.* money"),
    (b"a", TYPES["text"], "bytes.* text"),
    (b"a", TYPES["int4"], "bytes.* int4"),
    (b"a", TYPES["jsonb"], "bytes.* jsonb"),
    ([1], TYPES["int4"], "list.* int4"),
    ([[1]], TYPES["timestamp"], "list.* timestamp"),
    (object(), TYPES["text"], "object.* text"),
    (1j, TYPES["float8"], "complex.* float8"),
    (pd.Period("2024-01"), TYPES["text"], "Period.* text"),
    ([b"a"], TYPES["jsonb"], "bytes"),
    ("ab", TYPES["char"], "1 bytes"),
    ("é", TYPES["char"], "1 bytes"),
    ("n" * 64, TYPES["name"], "63 bytes"),
]


@pytest.mark.unit
@pytest.mark.parametrize(
    ("value", "server_type", "word"), REFUSED, ids=[f"{n}-{one.plain}" for n, (_, one, _) in enumerate(REFUSED)]
)
def test_what_the_server_would_read_as_something_else_is_refused(
    value: Any, server_type: ServerType, word: str
) -> None:
    with pytest.raises(ConfigError, match=word):
        literal(plain(value), server_type, raw=value)


@pytest.mark.unit
@pytest.mark.parametrize("secret", ["hunter2\0", ["hunter2", object()], b"hunter2"])
def test_an_error_names_the_parameter_and_never_the_value(secret: Any) -> None:
    ready = prepared(Native(text="select :password", params={"password": secret}))
    with pytest.raises(ConfigError, match="parameter :password: ") as raised:
        with_literals(ready, [TYPES["text"]])
    assert "hunter2" not in str(raised.value)


@pytest.mark.unit
def test_a_parameter_without_a_name_is_named_by_its_place() -> None:
    ready = prepared(Native(text="select $1, $2", params=[1, b"x"]))
    with pytest.raises(ConfigError, match=r"parameter \$2: "):
        with_literals(ready, [TYPES["int4"], TYPES["int4"]])


@pytest.mark.unit
def test_a_type_of_the_user_is_not_the_servers_of_that_name() -> None:
    own = ServerType(oid=1, name='public."interval"', plain="interval")
    assert literal(5, own) == "CAST('5' AS public.\"interval\")"


@pytest.mark.postgres
@pytest.mark.parametrize(("value", "type_name"), [(1.5, "int4"), (2.0**53, "int8"), ("x", "int4"), (2**63, "int8")])
def test_a_number_that_a_type_does_not_have_is_for_the_server_to_refuse(
    driver: Driver, value: Any, type_name: str
) -> None:
    with pytest.raises(asyncpg.DataError):
        read(driver, value, type_name)
