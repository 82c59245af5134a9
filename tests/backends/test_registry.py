import sys
import types

import pytest

from dk_notebook.backends import registry
from dk_notebook.errors import ConfigError, MissingDependency

pytestmark = pytest.mark.unit

MODULE = """
from dk_notebook.backends.base import Backend

class BACKEND(Backend):
    name = "vault"
"""


@pytest.fixture(autouse=True)
def _forgetful():
    registry.load.cache_clear()
    yield
    registry.load.cache_clear()


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Installs a distribution that brings a backend."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def install(name="vault", module="dk_vault", source=MODULE, package="dk-vault", value=None):
        if source is not None:
            (tmp_path / f"{module}.py").write_text(source)
        monkeypatch.delitem(sys.modules, module, raising=False)
        info = tmp_path / f"{package.replace('-', '_')}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[dk_notebook.backends]\n{name} = {value or module + ':BACKEND'}\n")

    return install


def test_a_third_partys_backend_is_found_by_its_entry_point(install):
    install()
    assert registry.load("vault").name == "vault"
    assert "vault" in registry.names()


@pytest.mark.parametrize("url", ["vault://db", "vault+https://db", "VAULT://db"])
def test_a_third_partys_urls_begin_with_its_name(install, url):
    install()
    assert registry.of_url(url) == "vault"


def test_nothing_of_a_backend_is_imported_before_its_use(install):
    install()
    registry.names()
    assert "dk_vault" not in sys.modules


def test_a_near_miss_of_a_third_partys_name_is_told(install):
    install()
    with pytest.raises(ConfigError, match="did you mean 'vault'"):
        registry.load("valt")


def test_two_packages_with_one_name_are_an_error_that_names_them(install):
    install()
    install(module="other_vault", package="other-vault")
    with pytest.raises(ConfigError, match="dk-vault, other-vault"):
        registry.load("vault")


def test_a_third_party_without_its_driver_is_a_missing_dependency(install):
    install(source="import no_such_driver")
    with pytest.raises(MissingDependency, match="pip install dk-vault no_such_driver"):
        registry.load("vault")


def test_an_entry_point_that_is_no_backend_is_an_error(install):
    install(source="BACKEND = 3")
    with pytest.raises(ConfigError, match=r"'vault' of dk_notebook.backends is no subclass"):
        registry.load("vault")


def test_nobody_else_can_take_a_name_of_ours(install, monkeypatch):
    install(name="postgres")
    monkeypatch.setitem(sys.modules, "dk_notebook.backends.postgres", None)
    with pytest.raises(MissingDependency):
        registry.load("postgres")


@pytest.mark.parametrize("name", ["postgres", "elasticsearch", "s3"])
def test_a_backend_of_ours_whose_folder_is_missing_comes_with_the_install_line(name, monkeypatch):
    monkeypatch.setitem(sys.modules, f"dk_notebook.backends.{name}", None)
    with pytest.raises(MissingDependency, match=rf"pip install 'dk-notebook\[{name}\]'"):
        registry.load(name)


@pytest.fixture
def ours(monkeypatch, tmp_path):
    """A line in the table and a folder beside the others."""
    monkeypatch.setattr(registry, "KNOWN", {**registry.KNOWN, "newone": registry.Known(schemes=("newone", "n1"))})

    def write(source):
        (tmp_path / "newone.py").write_text(source)
        monkeypatch.delitem(sys.modules, "dk_notebook.backends.newone", raising=False)

    package = sys.modules["dk_notebook.backends"]
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path)])
    yield write
    sys.modules.pop("dk_notebook.backends.newone", None)
    vars(package).pop("newone", None)


def test_a_new_backend_of_ours_needs_a_line_in_the_table_only(ours):
    ours(MODULE)
    assert registry.load(registry.of_url("n1://db")).__name__ == "BACKEND"


def test_a_backend_of_ours_without_its_driver_names_it_and_the_install_line(ours):
    ours("import no_such_driver")
    with pytest.raises(MissingDependency, match=r"no_such_driver is not installed\)\n.*dk-notebook\[newone\]"):
        registry.load("newone")


def test_a_fault_of_ours_is_not_taken_for_a_missing_driver(ours):
    ours("import dk_notebook.no_such_module")
    with pytest.raises(ModuleNotFoundError, match="no_such_module") as caught:
        registry.load("newone")
    assert not isinstance(caught.value, MissingDependency)


def test_a_folder_that_exports_nothing_is_a_backend_that_is_not_there(monkeypatch):
    monkeypatch.setitem(sys.modules, "dk_notebook.backends.s3", types.ModuleType("s3"))
    with pytest.raises(MissingDependency):
        registry.load("s3")


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("postgresql://a", "postgres"),
        ("postgres://a", "postgres"),
        ("postgresql+psycopg2://a", "postgres"),
        ("duckdb://", "duckdb"),
        ("s3://b/p", "s3"),
        ("elasticsearch://a:9200,b", "elasticsearch"),
        ("elasticsearch+https://a", "elasticsearch"),
    ],
)
def test_a_scheme_tells_the_backend(url, name):
    assert registry.of_url(url) == name


def test_an_unknown_scheme_is_an_error_that_does_not_show_the_url():
    with pytest.raises(ConfigError, match="postgre://") as caught:
        registry.of_url("postgre://ann:hunter2@db")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("environ", "names"),
    [
        ({}, ["duckdb"]),
        ({"PGHOST": "db"}, ["duckdb", "postgres"]),
        ({"PGPASSWORD": "x"}, ["duckdb"]),
        ({"DATABASE_URL": "postgres://db"}, ["duckdb", "postgres"]),
        ({"DATABASE_URL": "sqlite:///x"}, ["duckdb"]),
        ({"ES_URL": "http://a"}, ["duckdb", "elasticsearch"]),
        ({"AWS_PROFILE": "p"}, ["duckdb", "s3"]),
    ],
)
def test_what_the_environment_describes_exists(environ, names):
    assert registry.existing(environ) == names


@pytest.mark.parametrize(
    ("url", "meant"), [("http://h:9200", "elasticsearch://"), ("https://h", "elasticsearch+https://")]
)
def test_an_address_of_the_web_is_told_how_elasticsearch_is_written(url: str, meant: str) -> None:
    with pytest.raises(ConfigError) as raised:
        registry.of_url(url)
    assert meant in str(raised.value.hint)
