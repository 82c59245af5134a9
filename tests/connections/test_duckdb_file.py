import pytest

from dk_notebook.connections import connect
from dk_notebook.errors import ConfigError

pytestmark = [pytest.mark.unit, pytest.mark.duckdb]


def test_a_relative_url_is_seen_from_the_current_folder(project, tmp_path, monkeypatch):
    first = connect("duckdb:///shop.duckdb")
    assert (first.name, first.location) == ("shop", str(project / "shop.duckdb"))
    monkeypatch.chdir(tmp_path)
    assert connect("duckdb:///shop.duckdb").location == str(tmp_path / "shop.duckdb")


def test_a_path_in_a_file_is_seen_from_the_file(project_file, project, monkeypatch):
    project_file('[connections.shop]\nbackend = "duckdb"\ndatabase = "shop.duckdb"\n')
    (project / "notebooks").mkdir()
    monkeypatch.chdir(project / "notebooks")
    assert connect("shop").location == str(project / "shop.duckdb")


def test_path_database_and_url_are_three_spellings_of_one_file(project):
    made = connect("duckdb:///shop.duckdb")
    assert connect(backend="duckdb", path="shop.duckdb") is made
    assert connect(backend="duckdb", database=project / "shop.duckdb") is made


def test_a_file_can_be_replaced_by_itself_read_only():
    connect("duckdb:///shop.duckdb", name="shop").execute("create table t as select 1 as a")
    again = connect("duckdb:///shop.duckdb", name="shop", read_only=True, replace=True)
    assert again.read_query("select a from t")["a"].tolist() == [1]


def test_a_block_gives_the_file_back(project):
    with connect("duckdb:///shop.duckdb") as made:
        made.execute("create table t as select 1 as a")
    with connect("duckdb:///shop.duckdb?read_only=true") as made:
        assert made.read_query("select a from t").shape == (1, 1)


def test_an_unknown_setting_in_the_url_names_the_nearest():
    with pytest.raises(ConfigError, match=r"'read_onyl' \(URL\)\nHint: did you mean 'read_only'"):
        connect("duckdb:///shop.duckdb?read_onyl=true")
