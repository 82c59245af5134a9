from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import pytest

from dk_notebook.config.secrets import Secret
from dk_notebook.config.settings import build, canonical, own_part
from dk_notebook.errors import ConfigError

pytestmark = pytest.mark.unit


@dataclass(frozen=True, kw_only=True)
class Pool:
    min_size: int = 0
    max_size: int = 8
    timeout: float = 30.0


@dataclass(frozen=True, kw_only=True)
class Shop:
    pool: Pool = field(default_factory=Pool)
    connect_timeout: float = 10.0
    host: str = "localhost"
    port: int = 5432
    password: Secret | None = field(default=None, repr=False)
    hosts: tuple[str, ...] = ()
    ssl: bool = True
    decimals: Literal["auto", "exact"] = "auto"
    options: tuple[tuple[str, Any], ...] = ()
    token: str | None = field(default=None, repr=False)

    spellings: ClassVar[Mapping[str, str]] = {
        "server": "host",
        "region_name": "host",
        "pool.connections": "pool.min_size",
    }


def shop(*levels):
    return build(Shop, [(f"level {rank}", level) for rank, level in enumerate(levels)])


def test_nothing_said_gives_the_defaults():
    assert shop() == Shop()


def test_the_first_level_wins_setting_by_setting():
    made = shop({"host": "a"}, {"host": "b", "port": 1}, {"port": 2, "ssl": False})
    assert (made.host, made.port, made.ssl) == ("a", 1, False)


def test_pools_of_several_levels_are_merged_setting_by_setting():
    assert shop({"pool": {"max_size": 3}}, {"pool": {"max_size": 9, "timeout": 5}}).pool == Pool(max_size=3, timeout=5)


def test_none_is_not_given():
    assert shop({"host": None}, {"host": "b"}).host == "b"


def test_the_result_can_be_a_key():
    assert len({shop({"hosts": ["a"], "options": {"x": [1]}}), shop({"options": {"x": [1]}, "hosts": ("a",)})}) == 1


@pytest.mark.parametrize(
    ("setting", "text", "value"),
    [
        ("port", "8", 8),
        ("port", 8.0, 8),
        ("connect_timeout", "2.5", 2.5),
        ("connect_timeout", 2, 2.0),
        ("ssl", "off", False),
        ("ssl", "1", True),
        ("hosts", "a, b", ("a", "b")),
        ("decimals", "EXACT", "exact"),
        ("password", "x", Secret("x")),
    ],
)
def test_texts_are_cast_to_the_type_of_the_field(setting, text, value):
    assert getattr(shop({setting: text}), setting) == value


@pytest.mark.parametrize(
    ("setting", "value", "wanted"),
    [
        ("port", "eight", "a whole number, not 'eight'"),
        ("port", True, "a whole number, not True"),
        ("port", 1.5, "a whole number"),
        ("ssl", "maybe", "true or false"),
        ("decimals", "none", "'auto' or 'exact'"),
        ("host", 3, "a text, not 3"),
        ("hosts", 3, "a list"),
        ("connect_timeout", float("nan"), "a number"),
        ("connect_timeout", 0, "seconds above 0"),
    ],
)
def test_a_value_of_another_type_is_an_error_that_names_setting_and_level(setting, value, wanted):
    with pytest.raises(ConfigError, match=f"'{setting}' takes {wanted}.*level 0"):
        shop({setting: value})


def test_a_secret_of_another_type_is_not_shown():
    with pytest.raises(ConfigError, match="'password' takes a text") as caught:
        shop({"password": ["hunter2"]})
    assert "hunter2" not in str(caught.value)


def test_a_field_without_repr_is_secret_too():
    assert canonical(Shop, {"token": "x"}, "") == {"token": Secret("x")}


@pytest.mark.parametrize(
    ("typed", "meant"), [("hoost", "host"), ("serverr", "server"), ("max_siz", "max_size"), ("pasword", "password")]
)
def test_an_unknown_setting_names_the_nearest(typed, meant):
    with pytest.raises(ConfigError, match=rf"unknown setting '{typed}' \(level 0\)\nHint: did you mean '{meant}'"):
        shop({typed: "hunter2"})


def test_an_unknown_setting_of_the_pool_names_the_nearest():
    with pytest.raises(ConfigError, match=r"'pool.max_sise'.*\n.*'pool.max_size'"):
        shop({"pool": {"max_sise": 2}})


def test_a_pool_is_a_mapping():
    with pytest.raises(ConfigError, match="'pool' takes a mapping"):
        shop({"pool": 8})


def test_a_missing_setting_that_is_needed_is_named():
    @dataclass(frozen=True, kw_only=True)
    class Bucket:
        bucket: str

    with pytest.raises(ConfigError, match="missing setting 'bucket'"):
        build(Bucket, [])


# --- spellings


@pytest.mark.parametrize("word", ["min_size", "min_connections", "min_pool_size"])
def test_the_least_size_has_several_words(word):
    assert shop({word: 3}).pool.min_size == shop({"pool": {word: 3}}).pool.min_size == 3


@pytest.mark.parametrize("word", ["max_size", "maxsize", "max_connections", "max_pool_size"])
def test_the_greatest_size_has_several_words(word):
    assert shop({word: 3}).pool.max_size == shop({"pool": {word: 3}}).pool.max_size == 3


def test_a_dotted_setting_is_that_of_the_pool():
    assert shop({"pool.max_size": "3"}).pool.max_size == 3


def test_a_backend_has_words_of_its_own():
    assert (shop({"server": "a"}).host, shop({"pool": {"connections": 4}}).pool.min_size) == ("a", 4)


def test_two_spellings_at_one_level_that_agree_are_one():
    assert shop({"max_size": 5, "max_connections": "5"}).pool.max_size == 5


def test_two_spellings_at_one_level_that_disagree_are_an_error():
    with pytest.raises(ConfigError, match=r"'host' and 'server' are the same setting and disagree \(level 0\)"):
        shop({"host": "a", "server": "b"})


def test_two_spellings_at_two_levels_follow_the_levels():
    assert shop({"server": "a"}, {"host": "b"}).host == "a"


def test_inside_the_pool_max_size_wins_over_the_backends_word():
    assert shop({"pool": {"max_size": 50, "maxsize": 20}}).pool.max_size == 50


def test_inside_the_pool_min_size_wins_over_the_backends_word():
    assert shop({"pool": {"connections": 2, "min_size": 4}}).pool.min_size == 4


def test_inside_the_pool_two_words_of_backends_may_not_disagree():
    with pytest.raises(ConfigError, match="disagree"):
        shop({"pool": {"maxsize": 2, "max_connections": 4}})


def test_beside_the_pool_another_size_is_an_error():
    with pytest.raises(ConfigError, match="disagree"):
        shop({"max_connections": 2, "pool": {"max_size": 4}})


def test_disagreeing_secrets_are_not_shown():
    @dataclass(frozen=True, kw_only=True)
    class Login:
        password: Secret | None = None
        spellings: ClassVar[Mapping[str, str]] = {"passwd": "password"}

    with pytest.raises(ConfigError, match="disagree") as caught:
        build(Login, [("keyword", {"password": "hunter2", "passwd": "hunter3"})])
    assert "hunter" not in str(caught.value)


# --- sizes that fit


def test_a_min_size_from_below_an_explicit_max_size_is_lowered():
    assert shop({"max_size": 4}, {"min_size": 10}).pool == Pool(min_size=4, max_size=4)


def test_a_default_min_size_above_an_explicit_max_size_is_lowered():
    @dataclass(frozen=True, kw_only=True)
    class Warm:
        pool: Pool = field(default_factory=lambda: Pool(min_size=5, timeout=7))

    assert build(Warm, [("keyword", {"max_size": 2})]).pool == Pool(min_size=2, max_size=2, timeout=7)


def test_a_min_size_above_the_default_max_size_raises_it():
    assert shop({"min_size": 20}).pool == Pool(min_size=20, max_size=20)


def test_sizes_that_contradict_each_other_at_one_level_are_an_error():
    with pytest.raises(ConfigError, match=r"'pool.min_size' is 9, above 'pool.max_size', which is 2"):
        shop({"min_size": 9, "max_size": 2})


@pytest.mark.parametrize("pool", [{"max_size": 0}, {"min_size": -1}, {"timeout": 0}])
def test_sizes_and_times_below_the_least_are_an_error(pool):
    with pytest.raises(ConfigError, match="takes"):
        shop({"pool": pool})


# --- sources of secrets


def test_only_the_source_that_counts_is_asked(monkeypatch):
    monkeypatch.setenv("SHOP_PASSWORD", "hunter2")
    assert shop({"password": {"env": "SHOP_PASSWORD"}}, {"password": {"env": "NOT_SET"}}).password == Secret("hunter2")


def test_other_texts_may_come_from_a_source_too(monkeypatch):
    monkeypatch.setenv("SHOP_HOST", "db")
    assert shop({"host": {"env": "SHOP_HOST"}}).host == "db"


def test_for_a_list_no_source_is_asked():
    assert build(Shop, [("file", {"password": {"env": "NOT_SET"}})], reveal=False).password == Secret("")


def test_a_setting_that_is_a_mapping_itself_is_no_source():
    assert shop({"options": {"env": "x"}}).options == (("env", "x"),)


# --- whole dictionaries

NAMES = ["elasticsearch", "postgres", "s3"]


def test_of_a_whole_dictionary_the_own_part_counts():
    whole = {"elasticsearch": {"hosts": ["a"]}, "postgres": {"host": "b", "pool": {"max_size": 20}}}
    assert own_part(whole, "postgres", NAMES) == {"host": "b", "pool": {"max_size": 20}}


def test_a_whole_dictionary_without_the_own_part_is_an_error():
    with pytest.raises(ConfigError, match="no part for 'postgres', only for elasticsearch, s3"):
        own_part({"s3": {}, "elasticsearch": {}}, "postgres", NAMES)


@pytest.mark.parametrize("flat", [{"host": "a"}, {"pool": {"max_size": 3}}])
def test_settings_beside_the_parts_are_an_error(flat):
    with pytest.raises(ConfigError, match="beside the part for 'postgres'"):
        own_part({"postgres": {"host": "b"}} | flat, "postgres", NAMES)


def test_flat_settings_stay_as_they_are():
    assert own_part({"host": "a", "pool": {"max_size": 3}}, "postgres", NAMES) == {"host": "a", "pool": {"max_size": 3}}
