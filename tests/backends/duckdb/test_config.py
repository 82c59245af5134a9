from pathlib import Path

import pytest

from dk_notebook.backends.duckdb.config import DuckDBConfig
from dk_notebook.config.settings import build
from dk_notebook.errors import ConfigError

pytestmark = [pytest.mark.unit, pytest.mark.duckdb]


@pytest.mark.parametrize(
    ("url", "settings"),
    [
        ("duckdb://", {}),
        ("duckdb:///", {}),
        ("duckdb:///:memory:", {}),
        ("duckdb:///shop.duckdb", {"path": "shop.duckdb"}),
        ("duckdb:///data/shop.duckdb", {"path": "data/shop.duckdb"}),
        ("duckdb:////data/shop.duckdb", {"path": "/data/shop.duckdb"}),
        ("duckdb:////data/a%20b.duckdb?threads=2", {"path": "/data/a b.duckdb", "threads": "2"}),
        ("duckdb://?memory_limit=1GB", {"memory_limit": "1GB"}),
    ],
)
def test_slashes_mean_what_they_mean_in_sqlalchemy(url, settings):
    assert DuckDBConfig.from_url(url) == settings


@pytest.mark.parametrize("url", ["duckdb://shop.duckdb", "duckdb:///a?threads=1&threads=2", "duckdb:///a#b"])
def test_a_malformed_url_says_what_is_wrong(url):
    with pytest.raises(ConfigError):
        DuckDBConfig.from_url(url)


def test_a_path_is_absolute_whatever_the_folder_is_later(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    config = DuckDBConfig(path="shop.duckdb")
    assert config.path == str(tmp_path / "shop.duckdb")
    assert config == DuckDBConfig(path=str(tmp_path / "x" / ".." / "shop.duckdb"))


def test_the_users_folder_may_be_written_as_a_tilde():
    assert DuckDBConfig(path="~/shop.duckdb").path == str(Path.home() / "shop.duckdb")


@pytest.mark.parametrize(
    "settings", [{"pool": {"min_size": 1}}, {"min_connections": 2}, {"connect_timeout": 3}], ids=str
)
def test_a_setting_that_would_do_nothing_is_refused(settings):
    with pytest.raises(ConfigError, match=r"is for stores behind a network.*\nHint: leave it out"):
        build(DuckDBConfig, [("keyword", settings)])


def test_what_a_pool_of_duckdb_has_may_be_set_in_all_its_spellings():
    pool = build(DuckDBConfig, [("keyword", {"pool": {"max_connections": 3, "timeout": 5, "min_size": 0}})]).pool
    assert (pool.min_size, pool.max_size, pool.timeout) == (0, 3, 5)


def test_memory_has_three_spellings():
    assert DuckDBConfig() == DuckDBConfig(path="") == DuckDBConfig(path=":memory:")


def test_memory_cannot_be_read_only():
    with pytest.raises(ConfigError, match="read_only"):
        DuckDBConfig(read_only=True)


def test_threads_are_at_least_one():
    with pytest.raises(ConfigError, match="threads"):
        DuckDBConfig(threads=0)


def test_extensions_may_be_a_list_in_text():
    assert DuckDBConfig(extensions="json, parquet").extensions == ("json", "parquet")
