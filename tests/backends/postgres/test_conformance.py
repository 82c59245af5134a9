from __future__ import annotations

from typing import Any, ClassVar

import pyarrow as pa
import pytest

from dk_notebook.backends.postgres import BACKEND
from dk_notebook.backends.postgres.config import PostgresConfig
from dk_notebook.testing.backend import BackendTests
from tests.backends.postgres.conftest import settings

pytestmark = pytest.mark.postgres


class TestPostgres(BackendTests):
    backend = BACKEND
    slow = "select pg_sleep(60)"
    types_back: ClassVar[dict[str, pa.DataType]] = {
        "int8": pa.int16(),
        "uint8": pa.int16(),
        "uint16": pa.int32(),
        "uint32": pa.int64(),
        "uint64": pa.decimal128(20, 0),
        "enum": pa.string(),
        "struct": pa.string(),
        "map": pa.string(),
    }
    values_back: ClassVar[dict[str, list[Any]]] = {
        "struct": ['{"a": 1, "b c": "x"}', None],
        "map": ['{"a": 1}', "{}", None],
    }
    no_such_types: ClassVar[dict[str, str]] = {"nanoseconds": "timestamps of PostgreSQL have microseconds"}

    @pytest.fixture
    def config(self, postgres_database: str) -> PostgresConfig:
        return settings(postgres_database)
