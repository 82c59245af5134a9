"""The settings of a bucket, and how each spelling gets there."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest

from dk_notebook.backends import registry
from dk_notebook.backends.s3.config import S3Config
from dk_notebook.config.secrets import Secret
from dk_notebook.config.settings import build
from dk_notebook.database.opening import opening
from dk_notebook.errors import ConfigError

pytestmark = pytest.mark.unit

KEYS = {"aws_access_key_id": "AKIAEXAMPLE", "aws_secret_access_key": "hunter2"}


def keyword(**said: Any) -> S3Config:
    return build(S3Config, [("keyword", said)])


def of_url(url: str) -> S3Config:
    return build(S3Config, [("URL", S3Config.from_url(url))])


# --- what is said


def test_nothing_at_all_is_aws_without_a_bucket() -> None:
    config = keyword()
    assert (config.bucket, config.prefix, config.endpoint_url, config.region, config.transport) == (
        "",
        "",
        None,
        None,
        "obstore",
    )


def test_fifty_requests_run_at_once_unless_something_else_is_said() -> None:
    assert (keyword().pool.max_size, keyword(pool={"timeout": 5}).pool.max_size) == (50, 50)


@pytest.mark.parametrize(
    ("word", "setting", "value"),
    [
        ("bucket_name", "bucket", "lake"),
        ("region_name", "region", "eu-west-1"),
        ("endpoint", "endpoint_url", "http://store:9000"),
        ("access_key", "aws_access_key_id", "a"),
        ("access_key_id", "aws_access_key_id", "a"),
        ("secret_key", "aws_secret_access_key", "b"),
        ("secret_access_key", "aws_secret_access_key", "b"),
        ("session_token", "aws_session_token", "c"),
        ("profile_name", "profile", "work"),
        ("aws_profile", "profile", "work"),
        ("addressing_style", "addressing", "virtual"),
        ("anon", "anonymous", True),
        ("verify", "verify_certs", False),
        ("max_connections", "pool.max_size", 7),
        ("pool.max_connections", "pool.max_size", 7),
        ("max_pool_size", "pool.max_size", 7),
    ],
)
def test_other_words_are_the_same_setting(word: str, setting: str, value: object) -> None:
    with_keys = {} if setting in ("profile", "anonymous") else dict(KEYS)
    with_keys.pop(setting, None)
    config: Any = keyword(**{**with_keys, word: value})
    for part in setting.split("."):
        config = getattr(config, part)
    assert (config.reveal() if isinstance(config, Secret) else config) == value


def test_two_words_for_one_setting_that_disagree_are_refused() -> None:
    with pytest.raises(ConfigError, match="region"):
        keyword(region="eu-west-1", region_name="us-east-1")


def test_a_word_that_is_none_is_told_the_nearest() -> None:
    with pytest.raises(ConfigError, match="regoin") as raised:
        keyword(regoin="eu-west-1")
    assert "'region'" in str(raised.value.hint)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"bucket": "my bucket"}, "'bucket' is no name of one"),
        ({"bucket": "lake/shop"}, "'bucket' is no name of one"),
        ({"aws_access_key_id": "a"}, "a key without 'aws_secret_access_key'"),
        ({"aws_secret_access_key": "b"}, "a key without 'aws_access_key_id'"),
        ({"aws_session_token": "c"}, "'aws_session_token' without keys"),
        ({**KEYS, "profile": "work"}, "'aws_access_key_id' beside 'profile'"),
        ({"anonymous": True, "profile": "work"}, "'profile' beside 'anonymous'"),
        ({"endpoint_url": "store:9000"}, "'endpoint_url' is none"),
        ({"endpoint_url": "ftp://store"}, "'endpoint_url' is none"),
        ({"endpoint_url": "http://ann:hunter2@store"}, "'endpoint_url' names a user"),
        ({"transport": "carrier pigeon"}, "transport"),
        ({"addressing": "postal"}, "addressing"),
        ({"pool": {"max_size": 0}}, "pool.max_size"),
    ],
)
def test_what_cannot_be_is_refused(said: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        keyword(**said)
    assert (message in str(raised.value), "hunter2" in str(raised.value)) == (True, False)


@pytest.mark.parametrize("prefix", ["data", "/data", "data/", "//data//"])
def test_slashes_around_a_prefix_say_nothing(prefix: str) -> None:
    assert keyword(bucket="lake", prefix=prefix) == keyword(bucket="lake", prefix="data")


def test_a_slash_at_the_end_of_a_server_says_nothing() -> None:
    assert keyword(endpoint_url="http://store:9000/") == keyword(endpoint_url="http://store:9000")


def test_a_file_is_the_same_after_another_folder_was_entered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert keyword(ca_certs="ca.pem").ca_certs == str(tmp_path / "ca.pem")


def test_equal_settings_are_equal_and_other_keys_are_not() -> None:
    other = {**KEYS, "aws_secret_access_key": "other"}
    assert keyword(**KEYS) == keyword(**KEYS) != keyword(**other)
    assert hash(keyword(**KEYS)) == hash(keyword(**KEYS))


def test_settings_that_were_built_build_the_same_again() -> None:
    config = keyword(bucket="lake", prefix="/a/", endpoint_url="http://store/", **KEYS)
    again = S3Config(bucket=config.bucket, prefix=config.prefix, endpoint_url=config.endpoint_url, **_keys(config))
    assert again == config


def _keys(config: S3Config) -> dict[str, Any]:
    return {name: getattr(config, name) for name in KEYS}


# --- URLs


@pytest.mark.parametrize(
    ("url", "bucket", "prefix"),
    [
        ("s3://lake", "lake", ""),
        ("s3://lake/", "lake", ""),
        ("s3://lake/a/b/", "lake", "a/b"),
        ("s3://lake/with%20blank", "lake", "with blank"),
        ("s3://my_old.Bucket/a", "my_old.Bucket", "a"),
        ("s3://", "", ""),
        ("s3:///", "", ""),
    ],
)
def test_a_url_is_a_bucket_and_a_prefix(url: str, bucket: str, prefix: str) -> None:
    config = of_url(url)
    assert (config.bucket, config.prefix) == (bucket, prefix)


def test_what_follows_the_question_mark_are_settings() -> None:
    config = of_url("s3://lake/a?endpoint_url=http://store:9000&region=eu-west-1&pool.max_connections=7&anonymous=true")
    assert (config.endpoint_url, config.region, config.pool.max_size, config.anonymous) == (
        "http://store:9000",
        "eu-west-1",
        7,
        True,
    )


@pytest.mark.parametrize(
    "url",
    [
        "s3://AKIA:hunter2@lake",
        "s3://AKIA:hunt/er2@lake",
        "s3://localhost:9000/lake",
        "s3://a,b/c",
        "s3://lake?prefix=a&prefix=b",
        "s3://lake/a?prefix=b",
        "s3://lake?region",
    ],
)
def test_a_url_that_is_none_is_refused_and_never_repeated(url: str) -> None:
    with pytest.raises(ConfigError) as raised:
        of_url(url)
    assert ("hunter2" in str(raised.value), "er2" in str(raised.value)) == (False, False)


def test_urls_of_s3_are_for_this_backend() -> None:
    assert registry.of_url("s3://lake/a") == "s3"


# --- what is shown


def test_nothing_shows_a_secret() -> None:
    config = keyword(bucket="lake", **KEYS, aws_session_token="swordfish")
    shown = f"{config!r} {config} {config.location} {pickle.dumps(config)!r}"
    assert ("hunter2" in shown, "swordfish" in shown) == (False, False)


@pytest.mark.parametrize(
    ("said", "location"),
    [
        ({"bucket": "lake"}, "s3://lake"),
        ({"bucket": "lake", "prefix": "a/b"}, "s3://lake/a/b"),
        ({"bucket": "lake", "endpoint_url": "http://store:9000"}, "s3://lake at http://store:9000"),
        ({}, "s3://"),
    ],
)
def test_the_location_is_bucket_prefix_and_server(said: dict[str, Any], location: str) -> None:
    assert keyword(**said).location == location


# --- how to get there


@pytest.mark.parametrize(
    ("said", "by_path"),
    [
        ({}, False),
        ({"endpoint_url": "http://store"}, True),
        ({"endpoint_url": "http://store", "addressing": "virtual"}, False),
        ({"addressing": "path"}, True),
    ],
)
def test_the_bucket_is_in_the_path_where_there_is_a_server(said: dict[str, Any], by_path: bool) -> None:
    assert keyword(**said).by_path is by_path


@pytest.mark.parametrize(
    ("said", "verifies"),
    [
        ({}, True),
        ({"endpoint_url": "https://store"}, True),
        ({"endpoint_url": "https://localhost:9000"}, False),
        ({"endpoint_url": "https://127.0.0.2"}, False),
        ({"endpoint_url": "https://[::1]:9000"}, False),
        ({"endpoint_url": "https://localhost", "ca_certs": "ca.pem"}, True),
        ({"endpoint_url": "https://localhost", "verify_certs": True}, True),
        ({"endpoint_url": "https://store", "verify_certs": False}, False),
    ],
)
def test_whose_server_it_is_gets_checked_unless_it_is_this_machine(said: dict[str, Any], verifies: bool) -> None:
    assert keyword(**said).verifies is verifies


@pytest.mark.parametrize(
    ("said", "is_readable"),
    [
        ({}, False),
        ({"endpoint_url": "http://store"}, True),
        ({"endpoint_url": "https://store"}, False),
        ({"endpoint_url": "http://localhost"}, False),
        ({"endpoint_url": "http://store", "anonymous": True}, False),
    ],
)
def test_what_leaves_this_machine_in_plain_text_is_known(said: dict[str, Any], is_readable: bool) -> None:
    assert keyword(**said).is_readable_on_the_way() is is_readable


# --- the records API


def test_the_settings_of_the_quick_start_are_those_of_the_pool() -> None:
    made = opening("s3", {"s3": {"bucket": "my-bucket", "pool": {"max_connections": 50}}, "postgres": {"host": "db"}})
    assert (made.config.bucket, made.config.pool.max_size) == ("my-bucket", 50)  # type: ignore[attr-defined]


@pytest.mark.parametrize("word", ["max_size", "maxsize", "max_connections"])
def test_the_words_for_the_size_of_a_pool_that_users_were_promised_are_known(word: str) -> None:
    assert opening("s3", {"bucket": "my-bucket", "pool": {word: 9, "timeout": 60}}).config.pool.max_size == 9


def test_a_prefix_of_the_records_api_is_the_connections() -> None:
    assert opening("s3", {"bucket": "lake", "prefix": "people/"}).config.prefix == "people"  # type: ignore[attr-defined]
