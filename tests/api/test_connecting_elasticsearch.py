"""Connecting, as users type it, to Elasticsearch."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest

import dk_notebook as dk
from tests.services.scripted_elasticsearch import OPENSEARCH, ScriptedElasticsearch, failure

pytestmark = pytest.mark.unit


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Without what the environment and other tests have."""
    for name in list(os.environ):
        if name.startswith(("ES_", "ELASTIC")):
            monkeypatch.delenv(name)
    yield
    dk.close()


@pytest.fixture
def node() -> Iterator[ScriptedElasticsearch]:
    with ScriptedElasticsearch() as node:
        yield node


def rows(name: str) -> list[dict[str, object]]:
    return dk.status().query("connection == @name").to_dict("records")


def test_a_wrong_password_fails_at_once_naming_everything_but_the_password(node: ScriptedElasticsearch) -> None:
    node.always("GET /", failure(401, "security_exception", "unable to authenticate user [ann]"))
    start = time.monotonic()
    with pytest.raises(dk.ConnectionFailed) as raised:
        dk.connect(f"elasticsearch://ann:swordfish@127.0.0.1:{node.port}")
    text = str(raised.value)
    assert ([part for part in ("127.0.0.1", str(node.port), "ann") if part not in text], "swordfish" in text) == (
        [],
        False,
    )
    assert (time.monotonic() - start < 5, len(node.asked("GET /"))) == (True, 1)


def test_opensearch_gets_a_sentence() -> None:
    with ScriptedElasticsearch(root=OPENSEARCH, product=None) as node, pytest.raises(dk.ConnectionFailed) as raised:
        dk.connect(node.url)
    assert "OpenSearch" in str(raised.value)


def test_the_same_settings_are_the_same_pool_however_they_are_said(node: ScriptedElasticsearch) -> None:
    with dk.connect(f"elasticsearch://ann:x@127.0.0.1:{node.port}", name="mine") as mine:
        said = {"hosts": [f"http://127.0.0.1:{node.port}"], "user": "ann", "password": "x"}
        assert dk.connect(backend="elasticsearch", **said) is mine
        assert len(rows("mine")) == 1


def test_another_key_is_another_pool(node: ScriptedElasticsearch) -> None:
    dk.connect(node.url, name="mine", api_key="a")
    dk.connect(node.url, name="yours", api_key="b")
    assert (len(rows("mine")), len(rows("yours"))) == (1, 1)


def test_running_a_cell_again_opens_nothing(node: ScriptedElasticsearch) -> None:
    for _ in range(5):
        dk.connect(node.url, name="mine")
    assert rows("mine")[0]["opened"] == 1


def test_nothing_shows_a_key(node: ScriptedElasticsearch) -> None:
    mine = dk.connect(node.url, name="mine", api_key="swordfish")
    shown = f"{mine!r} {mine._repr_html_()} {dk.connections().to_string()} {dk.status().to_string()}"
    assert "swordfish" not in shown


def test_the_environment_is_a_connection_of_the_backends_name(
    node: ScriptedElasticsearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ELASTICSEARCH_URL", node.http)
    monkeypatch.setenv("ELASTIC_API_KEY", "abc")
    dk.connect("elasticsearch")
    assert node.asked("GET /")[0].headers["authorization"] == "ApiKey abc"


def test_the_key_of_the_environment_goes_nowhere_else(
    node: ScriptedElasticsearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ELASTICSEARCH_URL", "https://prod.example.org")
    monkeypatch.setenv("ELASTIC_API_KEY", "abc")
    dk.connect(node.url)
    assert node.asked("GET /")[0].headers.get("authorization") is None


def test_the_sizes_of_the_pool_are_those_of_the_quick_start(node: ScriptedElasticsearch) -> None:
    dk.connect(node.url, name="mine", pool={"connections": 0, "maxsize": 50})
    assert rows("mine")[0]["max_size"] == 50


def test_a_connection_that_was_closed_has_no_pool(node: ScriptedElasticsearch) -> None:
    dk.connect(node.url, name="mine")
    dk.close("mine")
    assert rows("mine") == []
