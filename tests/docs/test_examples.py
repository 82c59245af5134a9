"""Every example of the README and the documentation, run as it stands; only the addresses of servers are the tests'."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import dk_notebook as dk
from docs.printed.page import printed
from tests.docs.cells import cells, run
from tests.services.elasticsearch_address import ElasticsearchAddress
from tests.services.s3_address import S3Address

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]

POSTGRES = "postgresql://ann@db.example.org/shop"
ELASTICSEARCH = "elasticsearch://localhost:9200"
S3 = "s3://bucket/"
INDICES = ("posts", "people", "orders")
"""Of Elasticsearch: what the examples make."""
SERVERS = (POSTGRES, ELASTICSEARCH, S3)


def asked(page: str) -> tuple[str, ...]:
    """The servers that the examples of a page need."""
    code = "\n".join(cell.text for cell in cells(page) if cell.file is None)
    return tuple(server for server in SERVERS if server in code)


def pages(*servers: str) -> pytest.MarkDecorator:
    """The pages whose examples need these servers, and no other one."""
    texts = {path: printed(path.read_text(encoding="utf-8")) for path in PAGES}
    chosen = [path for path, text in texts.items() if cells(text) and asked(text) == servers]
    return pytest.mark.parametrize("page", chosen, ids=lambda path: str(path.relative_to(ROOT)))


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """In an empty folder, without connections, and without settings of who runs the tests."""
    monkeypatch.chdir(tmp_path)
    described = ("AWS_", "DATABASE_URL", "DK_CONFIG", "ELASTIC", "ES_", "PG")
    for variable in [name for name in os.environ if name.startswith(described)]:
        monkeypatch.delenv(variable)
    home = tmp_path_factory.mktemp("home")
    for variable in ("HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(variable, str(home))
    dk.close()
    for table in dk.tables("duckdb").itertuples():  # what lies in memory stays as long as the process
        dk.execute(f'drop {table.kind} "{table.schema}"."{table.table}" cascade', "duckdb")
    dk.close()
    yield
    dk.close()


@pytest.fixture
def postgres(postgres_database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mapping[str, str]]:
    """The password is where a user has it: in no URL."""
    parts = urlsplit(postgres_database)
    monkeypatch.setenv("PGPASSWORD", unquote(parts.password or ""))
    url = parts._replace(netloc=f"{parts.username}@{parts.hostname}:{parts.port}").geturl()
    yield {POSTGRES: url, "postgresql://ann@db/shop": url}
    dk.close()
    with dk.connect(postgres_database) as connection:
        connection.execute("drop schema if exists sales cascade; drop schema public cascade; create schema public")


@pytest.fixture
def elasticsearch(elasticsearch_node: ElasticsearchAddress) -> Iterator[Mapping[str, str]]:
    yield {ELASTICSEARCH: elasticsearch_node.url, "http://localhost:9200": elasticsearch_node.http}
    for index in INDICES:
        elasticsearch_node.delete_indices(index)


@pytest.fixture
def s3(s3_store: S3Address, s3_bucket: str, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, str]:
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_store.endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3_store.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", s3_store.secret)
    monkeypatch.setenv("AWS_REGION", s3_store.region)
    return {S3: f"s3://{s3_bucket}/"}


def examples(page: Path, tmp_path: Path, *servers: Mapping[str, str]) -> None:
    replaced = {ours: real for each in servers for ours, real in each.items()}
    run(printed(page.read_text(encoding="utf-8")), tmp_path, replaced)


@pages()
def test_examples_without_a_server(page: Path, tmp_path: Path) -> None:
    examples(page, tmp_path)


@pytest.mark.postgres
@pages(POSTGRES)
def test_examples_on_postgres(page: Path, tmp_path: Path, postgres: Mapping[str, str]) -> None:
    examples(page, tmp_path, postgres)


@pytest.mark.elasticsearch
@pages(ELASTICSEARCH)
def test_examples_on_elasticsearch(page: Path, tmp_path: Path, elasticsearch: Mapping[str, str]) -> None:
    examples(page, tmp_path, elasticsearch)


@pytest.mark.s3
@pages(S3)
def test_examples_on_s3(page: Path, tmp_path: Path, s3: Mapping[str, str]) -> None:
    examples(page, tmp_path, s3)


@pytest.mark.postgres
@pytest.mark.elasticsearch
@pytest.mark.s3
@pages(POSTGRES, ELASTICSEARCH, S3)
def test_examples_on_all(
    page: Path, tmp_path: Path, postgres: Mapping[str, str], elasticsearch: Mapping[str, str], s3: Mapping[str, str]
) -> None:
    examples(page, tmp_path, postgres, elasticsearch, s3)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_page_needs_one_server_or_all(page: Path) -> None:
    text = printed(page.read_text(encoding="utf-8"))
    assert len(asked(text)) in (0, 1, len(SERVERS))
    blocks = re.findall(r"^ *```(\S+)", text, re.MULTILINE)
    assert set(blocks) <= {"python", "ipython", "output", "toml", "bash", "text"}, "a block that nothing runs"
