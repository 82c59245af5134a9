import pytest

from dk_notebook.backends.duckdb import BACKEND
from dk_notebook.backends.duckdb.config import DuckDBConfig
from dk_notebook.testing.backend import BackendTests

pytestmark = pytest.mark.duckdb


class Common(BackendTests):
    backend = BACKEND
    slow = "select count(*) from range(100000000000) as t(i) where i % 7 = 3"


class TestInMemory(Common):
    @pytest.fixture
    def config(self):
        return DuckDBConfig()


class TestInAFile(Common):
    examples = 40  # the queries are the same, and were drawn above

    @pytest.fixture
    def config(self, tmp_path):
        return DuckDBConfig(path=str(tmp_path / "shop.duckdb"))
