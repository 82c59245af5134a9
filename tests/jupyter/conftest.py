"""A shell in this process, with the extension, and a DuckDB of the test's own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from IPython.core.displaypub import CapturingDisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

import dk_notebook as dk
from dk_notebook.jupyter import extension
from tests.backends.elasticsearch.flights import load
from tests.services.elasticsearch_address import ElasticsearchAddress
from tests.services.s3_address import S3Address


@dataclass
class Shell:
    """Runs cells, and keeps what they display."""

    ipython: Any

    def run(self, code: str) -> Any:
        """The value of a cell that must succeed."""
        result = self.ipython.run_cell(code, store_history=True)
        result.raise_error()
        return result.result

    def fail(self, code: str) -> BaseException:
        """The exception of a cell that must fail."""
        result = self.ipython.run_cell(code, store_history=True)
        error: BaseException | None = result.error_in_exec
        assert error is not None
        return error

    @property
    def names(self) -> dict[str, Any]:
        """The notebook's variables."""
        names: dict[str, Any] = self.ipython.user_ns
        return names

    @property
    def notes(self) -> list[str]:
        """What was displayed besides values, as text; the oldest first."""
        return [output["data"]["text/plain"] for output in self.ipython.display_pub.outputs]

    def note(self) -> str:
        """The last of these, without its seconds."""
        first, _, rest = self.notes[-1].partition(" · ")
        return " · ".join([first, *[part for part in rest.split(" · ") if not part.endswith("s")]])


@pytest.fixture
def bare_shell() -> Iterator[Shell]:
    """A shell without the extension."""
    InteractiveShell.clear_instance()
    # No history: it is a database in the home folder, and a thread.
    config = Config({"HistoryManager": {"enabled": False}, "InteractiveShell": {"colors": "nocolor"}})
    ipython = InteractiveShell.instance(config=config)
    ipython.display_pub = CapturingDisplayPublisher()
    yield Shell(ipython)
    extension.unload(ipython)
    InteractiveShell.clear_instance()


@pytest.fixture
def shell(bare_shell: Shell) -> Shell:
    """A shell with the extension."""
    extension.load(bare_shell.ipython)
    return bare_shell


@pytest.fixture
def nyc(tmp_path: Path) -> Iterator[Any]:
    """A connection called nyc, with a table of five flights; the default one."""
    dk.close()
    connection = dk.connect(f"duckdb:///{tmp_path}/nyc.duckdb", name="nyc")
    connection.execute(
        "create table flights (carrier varchar, delay integer);"
        "insert into flights values ('AA', 3), ('UA', 8), ('AA', 5), ('B6', null), ('DL', -2)"
    )
    yield connection
    dk.close()


@pytest.fixture
def es(elasticsearch_node: ElasticsearchAddress, elasticsearch_index: str) -> Iterator[str]:
    """An index of flights on a connection called es; the default is another one."""
    dk.close()
    dk.connect("duckdb://")
    dk.connect(elasticsearch_node.url, name="es")
    load(elasticsearch_node, elasticsearch_index)
    yield elasticsearch_index
    dk.close()


@pytest.fixture
def lake(s3_store: S3Address, s3_bucket: str) -> Iterator[dk.Connection]:
    """A connection called lake, with a dataset of five flights; the default is another one."""
    dk.close()
    dk.connect("duckdb://")
    connection = dk.connect(f"s3://{s3_bucket}/data", name="lake", **s3_store.settings)
    frame = pd.DataFrame({"carrier": ["AA", "UA", "AA", "B6", "DL"], "delay": [3, 8, 5, 0, -2]})
    connection.write_table(frame, "flights", partition_by=["carrier"])
    yield connection
    dk.close()
