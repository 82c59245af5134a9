"""A node that asks who one is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from dk_notebook.backends.elasticsearch.backend import ElasticsearchBackend
from dk_notebook.backends.elasticsearch.connections.cluster import Cluster
from dk_notebook.backends.elasticsearch.session import ElasticsearchSession
from dk_notebook.errors import ConnectionFailed, QueryError
from dk_notebook.runtime.operations import Operation
from tests.backends.elasticsearch.conftest import settings
from tests.services.certificates import ServerCertificates
from tests.services.elasticsearch_node import ElasticsearchNode

pytestmark = pytest.mark.elasticsearch


@pytest.fixture
def trusted(postgres_certificates: ServerCertificates) -> dict[str, str]:
    return {"ca_certs": str(postgres_certificates.authority)}


@pytest.fixture
def bare(secure_elasticsearch_node: ElasticsearchNode) -> str:
    """The node's URL, without a login."""
    node = secure_elasticsearch_node
    return f"elasticsearch+https://{node.host}:{node.port}"


@asynccontextmanager
async def opened(url: str, **said: Any) -> AsyncIterator[ElasticsearchSession]:
    backend = await ElasticsearchBackend.open(settings(url, **said))
    try:
        with Operation("a test") as operation:
            async with backend.session(operation) as session:
                yield session
    finally:
        await backend.close()


def key_of(node: ElasticsearchNode, **roles: Any) -> dict[str, str]:
    """A new API key."""
    made: dict[str, str] = node.request("POST", "/_security/api_key", {"name": "tests", "role_descriptors": roles})
    return made


READS_ONE = {"reader": {"index": [{"names": ["dk-test-mine*"], "privileges": ["read", "view_index_metadata"]}]}}


async def test_a_password_opens_it(secure_elasticsearch_node: ElasticsearchNode, trusted: dict[str, str]) -> None:
    async with opened(secure_elasticsearch_node.url, **trusted) as session:
        assert session.client.server.version[0] == 8


async def test_a_key_opens_it_in_both_of_its_forms(
    secure_elasticsearch_node: ElasticsearchNode, bare: str, trusted: dict[str, str]
) -> None:
    key = key_of(secure_elasticsearch_node)
    for form in (key["encoded"], f"{key['id']}:{key['api_key']}"):
        async with opened(bare, api_key=form, **trusted) as session:
            assert session.client.server.version[0] == 8


@pytest.mark.parametrize(
    "said",
    [
        {"username": "dk", "password": "hunter2"},
        {"username": "nobody", "password": "hunter2"},
        {"api_key": "c29tZS1pZDpodW50ZXIy"},
        {"api_key": "hunter2"},
        {"bearer_auth": "hunter2"},
        {},
    ],
    ids=["wrong password", "unknown user", "wrong key", "no key", "wrong token", "no login"],
)
async def test_a_wrong_login_fails_in_one_attempt_and_shows_no_secret(
    bare: str, trusted: dict[str, str], said: dict[str, str]
) -> None:
    cluster = Cluster(settings(bare, **said, **trusted))
    with pytest.raises(ConnectionFailed) as raised:
        await cluster.open()
    assert ("hunter2" in str(raised.value), bare.removeprefix("elasticsearch+") in raised.value.message) == (
        False,
        True,
    )
    assert cluster.status().opened == 1


async def test_what_a_key_may_not_do_is_told(
    secure_elasticsearch_node: ElasticsearchNode, bare: str, trusted: dict[str, str]
) -> None:
    key = key_of(secure_elasticsearch_node, **READS_ONE)
    async with opened(bare, api_key=key["encoded"], **trusted) as session:
        with pytest.raises(QueryError) as raised:
            await session.client.raw("PUT", "/dk-test-mine")
    assert (raised.value.code, "unauthorized" in raised.value.message) == ("security_exception", True)


async def test_who_may_read_one_index_sees_that_one(
    secure_elasticsearch_node: ElasticsearchNode, bare: str, trusted: dict[str, str]
) -> None:
    node = secure_elasticsearch_node
    for index in ("dk-test-mine", "dk-test-other"):
        node.request("PUT", f"/{index}/_doc/1?refresh=true", {"n": 1})
    key = key_of(node, **READS_ONE)
    async with opened(bare, api_key=key["encoded"], **trusted) as session:
        found = (await session.tables()).to_pylist()
    node.delete_indices("dk-test-")
    assert [(row["table"], row["rows"]) for row in found] == [("dk-test-mine", None)]


async def test_a_key_that_is_taken_back_ends_what_it_opened(
    secure_elasticsearch_node: ElasticsearchNode, bare: str, trusted: dict[str, str]
) -> None:
    key = key_of(secure_elasticsearch_node)
    async with opened(bare, api_key=key["encoded"], **trusted) as session:
        secure_elasticsearch_node.request("DELETE", "/_security/api_key", {"ids": [key["id"]]})
        with pytest.raises(ConnectionFailed, match="invalidated"):
            await session.client.raw("GET", "/_cluster/health")


async def test_no_tls_to_a_node_with_it_says_which_url_has_it(secure_elasticsearch_node: ElasticsearchNode) -> None:
    with pytest.raises(ConnectionFailed) as raised:
        await Cluster(settings(f"elasticsearch://localhost:{secure_elasticsearch_node.port}")).open()
    assert "elasticsearch+https://" in str(raised.value.hint)
