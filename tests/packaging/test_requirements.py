"""What the extras bring, what their absence says, and the environments that repeat the requirements."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]

OURS = {"all", "demo", "dev", "docs", "testing"}
"""The extras that are no feature of notebooks."""
CALLS = [
    ("asyncpg", "postgres", "dk.connect('postgresql://ann@127.0.0.1:1/shop')"),
    ("pgpq", "postgres", "dk.connect('postgresql://ann@127.0.0.1:1/shop')"),
    ("orjson", "postgres", "dk.connect('postgresql://ann@127.0.0.1:1/shop')"),
    ("elasticsearch", "elasticsearch", "dk.connect('elasticsearch://127.0.0.1:1')"),
    ("aiohttp", "elasticsearch", "dk.connect('elasticsearch://127.0.0.1:1')"),
    ("aioboto3", "s3", "dk.connect('s3://lake')"),
    ("obstore", "s3", "dk.connect('s3://lake')"),
    ("orjson", "s3", "dk.connect('s3://lake')"),
    ("polars", "polars", "dk.read_query('select 1', 'duckdb', as_='polars')"),
    ("keyring", "keyring", "dk.connect(backend='duckdb', path={'keyring': 'shop'})"),
    ("ipywidgets", "notebook", "dk.browser()"),
    ("nest_asyncio", "notebook", "asyncio.run(nested())"),
]
"""A module that is not there, the extra that brings it, and a call that needs it."""

CALL = """
import asyncio, sys
sys.modules[{module!r}] = sys.modules["nest_asyncio2" if {module!r} == "nest_asyncio" else {module!r}] = None
import dk_notebook as dk
async def nested(): dk.allow_nested_run()
try:
    {call}
except dk.MissingDependency as error:
    print(error.hint)
"""


@pytest.mark.parametrize(("module", "extra", "call"), CALLS)
def test_a_missing_driver_is_an_error_with_the_line_that_installs_it(module: str, extra: str, call: str) -> None:
    code = CALL.format(module=module, call=call)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout.strip(), done.stderr) == (f"pip install 'dk-notebook[{extra}]'", "")


def test_every_extra_is_asked_for_but_the_one_whose_frames_the_caller_brings() -> None:
    assert {extra for _, extra, _ in CALLS} == set(EXTRAS) - {*OURS, "dask"}


def test_all_has_every_extra_of_users() -> None:
    [everything] = EXTRAS["all"]
    assert set(re.search(r"\[(.*)\]", everything)[1].split(",")) == set(EXTRAS) - OURS  # type: ignore[index]


def bounds(lines: list[str]) -> dict[str, str]:
    """The lower bound of each package."""
    found = (re.match(r"([\w-]+)[^>=]*>=([\d.]+)", line.replace(" ", "")) for line in lines)
    return {each[1]: each[2] for each in found if each}


@pytest.mark.parametrize("name", ["environment.yml", "binder/environment.yml"])
def test_an_environment_of_conda_has_the_bounds_of_the_package(name: str) -> None:
    lines = re.findall(r"^ +- (.+)$", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE)
    required = bounds([*PROJECT["dependencies"], *(line for extra in EXTRAS.values() for line in extra)])
    required["python"] = PROJECT["requires-python"].removeprefix(">=")
    said = bounds(lines)
    assert {"python", "pandas", "pyarrow", "jupyterlab"} <= set(said)
    assert said == {package: required[package] for package in said}
