"""Rules that hold for the whole tree."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import dk_notebook as dk

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
MODULES = sorted((ROOT / "dk_notebook").rglob("*.py"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_is_over_400_lines(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 400


@pytest.mark.parametrize("name", dk.__all__)
def test_what_is_exported_is_there_and_documented(name: str) -> None:
    assert inspect.getdoc(getattr(dk, name))


TWINS = [name for name in dk.__all__ if name.startswith("a") and name[1:] in dk.__all__]


@pytest.mark.parametrize("name", TWINS)
def test_an_async_twin_takes_the_same_arguments(name: str) -> None:
    awaited, blocking = (inspect.signature(getattr(dk, each)) for each in (name, name[1:]))
    assert list(awaited.parameters) == list(blocking.parameters)


def test_there_are_twins() -> None:
    assert {"aread_query", "aread_table", "aiter_query", "aiter_table", "awrite_table"} <= set(TWINS)


METHODS = [
    "read_query",
    "read_table",
    "iter_query",
    "iter_table",
    "execute",
    "write_table",
    "tables",
    "columns",
    "explain",
]


@pytest.mark.parametrize("name", METHODS)
def test_a_connection_has_each_method_and_its_async_twin(name: str) -> None:
    blocking, awaited = (getattr(dk.Connection, each) for each in (name, f"a{name}"))
    assert list(inspect.signature(blocking).parameters) == list(inspect.signature(awaited).parameters)


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.strip()


def test_importing_loads_no_driver_no_ipython_and_starts_no_thread() -> None:
    code = (
        "import sys, threading, dk_notebook; drivers = ('duckdb', 'asyncpg', 'elasticsearch', 'aiohttp', 'orjson'); "
        "print([m for m in (*drivers, 'IPython', 'polars', 'tqdm', 'ipywidgets') if m in sys.modules], "
        "threading.active_count())"
    )
    assert run(code) == "[] 1"


def test_importing_waits_for_no_part_of_python_that_only_some_calls_need() -> None:
    slow = "'difflib', 'email', 'getpass', 'html', 'importlib.metadata', 'platform', 'tomllib', 'zipfile'"
    code = (
        "import sys, pandas, pyarrow; before = set(sys.modules); import dk_notebook; "
        f"print(sorted({{{slow}}} & (set(sys.modules) - before)))"
    )
    assert run(code) == "[]"


def test_importing_reads_no_connection_file(tmp_path: Path) -> None:
    (tmp_path / "dk.toml").write_text("this is no TOML")
    code = f"import os; os.chdir({str(tmp_path)!r}); import dk_notebook; print('fine')"
    assert run(code) == "fine"
