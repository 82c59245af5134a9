"""What all tests share."""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import pytest
from hypothesis import settings

from dk_notebook.connection import BOOK
from dk_notebook.errors import ConnectionFailed, MissingDependency
from dk_notebook.runtime import pools
from dk_notebook.testing.services.postgres import PostgresAddress, PostgresServer
from tests.services.certificates import Certificate, ServerCertificates
from tests.services.elasticsearch_address import ElasticsearchAddress
from tests.services.elasticsearch_build import built
from tests.services.elasticsearch_node import QUICK_JVM, ElasticsearchNode
from tests.services.proxy import FaultProxy
from tests.services.s3_address import S3Address
from tests.services.versitygw import VersityGateway
from tests.services.versitygw_build import built as built_gateway

# Where a change is judged, the same examples are drawn each time; elsewhere others, to find what is new.
settings.register_profile("judged", derandomize=True, deadline=None)
settings.register_profile("searching", deadline=None)
settings.load_profile("judged" if os.environ.get("CI") else "searching")

RUNNING = "DK_TEST_POSTGRES_URL"
RUNNING_ELASTICSEARCH = "DK_TEST_ELASTICSEARCH_URL"
RUNNING_S3 = "DK_TEST_S3_URL"
Server = TypeVar("Server", PostgresServer, ElasticsearchNode, VersityGateway)
QUICK = {"fsync": False, "full_page_writes": False, "max_connections": 300, "shared_buffers": "256MB"}


def pytest_collection_finish(session: pytest.Session) -> None:
    """Make the servers before the first test that needs one: a download has more time than a test."""
    nodes = {"mortal_elasticsearch_node", "secure_elasticsearch_node"}
    gateways = {"own_s3_store", "secure_s3_store"}
    if RUNNING_ELASTICSEARCH not in os.environ:
        nodes.add("elasticsearch_node")
    if RUNNING_S3 not in os.environ:
        gateways.add("s3_store")
    if session.config.option.collectonly:
        return
    needed = {name for item in session.items for name in _fixtures(item)}
    for ours, build in ((nodes, built), (gateways, built_gateway)):
        if ours & needed:
            with contextlib.suppress(MissingDependency, ConnectionFailed):  # which the fixture tells, where needed
                build()


def _fixtures(item: pytest.Item) -> Iterable[str]:
    return item.fixturenames if isinstance(item, pytest.Function) else ()


@pytest.fixture(scope="module", autouse=True)
def no_pool_is_lost() -> Iterator[None]:
    """What a module leaves open has a name, by which `dk.close` finds it."""
    yield
    named = BOOK.all()
    lost = [config for kind, config, *_ in pools.status() if not any(each.same(kind, config) for each in named)]
    assert lost == []


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresAddress]:
    """The server of all tests that leave it running: the one that the environment names, or one of our own."""
    if url := os.environ.get(RUNNING):
        yield PostgresAddress(url)
        return
    with _started(PostgresServer(settings=QUICK), RUNNING) as server:
        yield server


@pytest.fixture
def own_postgres_server() -> Iterator[PostgresServer]:
    """A server of the test's own, to stop, suspend and copy. It takes about two seconds."""
    small = {**QUICK, "max_connections": 50, "shared_buffers": "32MB"}
    with _started(PostgresServer(settings=small), RUNNING) as server:
        yield server


@pytest.fixture(scope="session")
def postgres_url(postgres_server: PostgresAddress) -> str:
    return postgres_server.url


@pytest.fixture(scope="module")
def postgres_database(postgres_server: PostgresAddress) -> Iterator[str]:
    """The URL of a database that the module has to itself."""
    name = f"dk_test_{uuid.uuid4().hex[:12]}"
    postgres_server.psql(f"create database {name}")
    yield postgres_server.url_of(name)
    postgres_server.psql(f"drop database {name} with (force)")


@pytest.fixture(scope="session")
def postgres_certificates(tmp_path_factory: pytest.TempPathFactory) -> ServerCertificates:
    return ServerCertificates.made_in(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def postgres_tls_server(postgres_server: PostgresAddress) -> Iterator[Callable[[Certificate], FaultProxy]]:
    """Gives, for a certificate, a way to the server that speaks TLS with it: the wheel's server cannot."""
    with contextlib.ExitStack() as stack:
        yield lambda certificate: stack.enter_context(FaultProxy(postgres_server, tls=certificate))


@pytest.fixture(scope="session")
def elasticsearch_node() -> Iterator[ElasticsearchAddress]:
    """The node of all tests that leave it running: the one that the environment names, or one of our own."""
    if url := os.environ.get(RUNNING_ELASTICSEARCH):
        yield ElasticsearchAddress(url)
        return
    with _started(ElasticsearchNode(jvm=QUICK_JVM), RUNNING_ELASTICSEARCH) as node:
        yield node


@pytest.fixture(scope="session")
def mortal_elasticsearch_node() -> Iterator[ElasticsearchNode]:
    with _started(ElasticsearchNode(jvm=QUICK_JVM), RUNNING_ELASTICSEARCH) as node:
        yield node


@pytest.fixture
def own_elasticsearch_node(mortal_elasticsearch_node: ElasticsearchNode) -> Iterator[ElasticsearchNode]:
    """A node that the test may stop, kill and suspend: it runs and is empty, whatever the test before has done to it.

    A start takes about ten seconds, so there is one node for all such tests.
    """
    node = mortal_elasticsearch_node
    node.start()
    yield node
    if node.runs:
        node.resume()
        node.delete_indices("")
        node.request("PUT", "/_cluster/settings", {"persistent": {"*": None}})
    else:
        node.close()


@pytest.fixture(scope="session")
def secure_elasticsearch_node(postgres_certificates: ServerCertificates) -> Iterator[ElasticsearchNode]:
    """A node of our own that speaks TLS and asks for a password or an API key; `localhost` has a good certificate."""
    certificates = postgres_certificates
    node = ElasticsearchNode(jvm=QUICK_JVM, tls=certificates.good, authority=certificates.authority)
    with _started(node, RUNNING_ELASTICSEARCH):
        yield node


@pytest.fixture(scope="session")
def elasticsearch_url(elasticsearch_node: ElasticsearchAddress) -> str:
    return elasticsearch_node.url


@pytest.fixture
def elasticsearch_index(elasticsearch_node: ElasticsearchAddress) -> Iterator[str]:
    """The name of an index that is not there. What the test calls so, or begins so, is deleted after it."""
    name = f"dk-test-{uuid.uuid4().hex[:12]}"
    yield name
    elasticsearch_node.delete_indices(name)


@pytest.fixture(scope="session")
def s3_store() -> Iterator[S3Address]:
    """The store of all tests that leave it running: the one that the environment names, or one of our own.

    It is named with its keys: ``http://access_key:secret@host:port?region=...``.
    """
    if url := os.environ.get(RUNNING_S3):
        yield S3Address(url)
        return
    with _started(VersityGateway(), RUNNING_S3) as store:
        yield store


@pytest.fixture
def own_s3_store() -> Iterator[VersityGateway]:
    """A store of the test's own, to stop and suspend. It takes half a second."""
    with _started(VersityGateway(), RUNNING_S3) as store:
        yield store


@pytest.fixture(scope="session")
def secure_s3_store(postgres_certificates: ServerCertificates) -> Iterator[VersityGateway]:
    """A store of our own that speaks TLS, with a good certificate of `localhost`, and has users who may not all."""
    certificates = postgres_certificates
    store = VersityGateway(accounts=True, tls=certificates.good, authority=certificates.authority)
    with _started(store, RUNNING_S3):
        yield store


@pytest.fixture
def s3_bucket(s3_store: S3Address) -> Iterator[str]:
    """A new bucket; it goes after the test, with all that is in it."""
    name = f"dk-test-{uuid.uuid4().hex[:12]}"
    s3_store.make_bucket(name)
    yield name
    s3_store.remove_bucket(name)


def _started(server: Server, variable: str) -> Server:
    """The server, running. Without its programs: a failure where a change is judged, elsewhere a skip."""
    try:
        server.start()
    except MissingDependency as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"{error.message}: {error.hint}, or set {variable}")
    return server
