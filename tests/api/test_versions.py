"""What `dk.show_versions` tells, and how it shows it."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

import pandas as pd
import pytest

import dk_notebook as dk
from dk_notebook.api.versions import PACKAGES
from dk_notebook.backends.postgres.reading import decoding
from tests.services.elasticsearch_address import ElasticsearchAddress

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
USERS_EXTRAS = sorted(set(PROJECT["optional-dependencies"]) - {"all", "demo", "dev", "docs", "testing"})


def versions() -> pd.Series:
    return dk.show_versions().set_index("component")["version"]


@pytest.mark.unit
def test_every_requirement_of_the_package_and_its_extras_is_listed() -> None:
    requirements = PROJECT["dependencies"] + [
        each for extra in USERS_EXTRAS for each in PROJECT["optional-dependencies"][extra]
    ]
    required = {re.match(r"[\w-]+", each).group() for each in requirements}  # type: ignore[union-attr]
    assert required <= set(PACKAGES)


@pytest.mark.unit
def test_python_its_machine_and_what_is_installed_are_named() -> None:
    found = versions()
    assert found["python"].startswith(sys.version.partition(" ")[0])
    assert found["platform"]
    assert found["pandas"] == pd.__version__


@pytest.mark.unit
def test_what_is_not_installed_is_listed_as_that(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dk_notebook.api.versions.PACKAGES", ("no-such-package",))
    assert versions()["no-such-package"] == "not installed"


@pytest.mark.unit
@pytest.mark.parametrize(("native", "said"), [(True, "built"), (False, "not built: results are decoded in Python")])
def test_the_native_decoder_is_there_or_not(native: bool, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "NATIVE", native)
    assert versions()["native decoder"] == said


@pytest.mark.unit
def test_all_of_it_is_printed_whatever_pandas_would_cut() -> None:
    with pd.option_context("display.max_rows", 4, "display.max_colwidth", 10):
        printed = str(dk.show_versions()).splitlines()
    assert len(printed) == len(dk.show_versions())
    assert any(re.fullmatch(rf"pandas +{re.escape(pd.__version__)}", line) for line in printed)


@pytest.mark.unit
def test_a_page_has_the_same_lines() -> None:
    assert re.search(rf"pandas +{re.escape(pd.__version__)}\n", dk.show_versions()._repr_html_() or "")


@pytest.mark.unit
def test_a_part_of_it_is_a_plain_frame() -> None:
    assert type(dk.show_versions().head(2)) is pd.DataFrame


def test_an_embedded_store_has_no_server_to_name() -> None:
    with dk.connect("duckdb://", name="mine"):
        assert versions()["connection mine"] == "duckdb, :memory:"


@pytest.mark.elasticsearch
def test_a_node_is_named_as_it_named_itself(elasticsearch_node: ElasticsearchAddress) -> None:
    number = elasticsearch_node.request("GET", "/")["version"]["number"]
    with dk.connect(elasticsearch_node.url, name="mine"):
        assert versions()["connection mine"].endswith(f", Elasticsearch {number}")


def test_a_connection_that_is_closed_is_not_listed() -> None:
    dk.connect("duckdb://", name="mine").close()
    assert "connection mine" not in versions()
