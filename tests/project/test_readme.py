"""The README: its sections on Elasticsearch and S3, run as they stand there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import dk_notebook as dk
from tests.docs.cells import run
from tests.services.elasticsearch_address import ElasticsearchAddress
from tests.services.s3_address import S3Address

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


IMPORTS = "```python\nimport pandas as pd\nimport dk_notebook as dk\n```\n"


def section(title: str) -> str:
    """A section, with the imports that the ones before it have."""
    found = re.search(rf"^## {title}\n.*?(?=^## )", README, re.MULTILINE | re.DOTALL)
    assert found
    return IMPORTS + found[0]


@pytest.fixture
def frames(
    elasticsearch_node: ElasticsearchAddress, elasticsearch_index: str, tmp_path: Path
) -> Iterator[list[pd.DataFrame]]:
    """What each call of the section gives; only the address and the index's name are the tests'."""
    code = section("Elasticsearch").replace("elasticsearch://localhost:9200", elasticsearch_node.url)
    code = re.sub('(?<=")posts(?=")|(?<=FROM )posts', elasticsearch_index, code)
    dk.close()
    yield run(code, tmp_path, all_values=True)[2:]  # after the connection and the report of the write
    dk.close()


@pytest.mark.elasticsearch
def test_the_section_on_elasticsearch_runs_as_it_is_written(frames: list[pd.DataFrame]) -> None:
    table, found, days, counted = frames
    assert table["id"].tolist() == [3, 1]
    assert found.loc[0, "text"] == "a slow kernel, and no stop button"
    assert found["_score"].gt(0).all()
    assert days.columns.tolist() == ["day", "author", "doc_count", "mean"]
    assert days["mean"].tolist() == [5.0, 2.0, 4.0]
    assert counted.to_dict("records") == [{"n": 1, "author": "Ann"}]


@pytest.fixture
def from_s3(
    s3_store: S3Address, s3_bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[list[Any]]:
    """What each call of the section gives; only the bucket, the store and its keys are the tests'."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_store.endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3_store.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", s3_store.secret)
    monkeypatch.setenv("AWS_REGION", s3_store.region)
    dk.close()
    code = section("S3").replace("s3://bucket/prefix", f"s3://{s3_bucket}/prefix")
    yield run(code, tmp_path, all_values=True)[1:]
    dk.close()


@pytest.mark.s3
def test_the_section_on_s3_runs_as_it_is_written(from_s3: list[Any]) -> None:
    report, table, means, plan = from_s3
    assert (report.rows, report.outcome) == (3, "ok")
    assert table.to_dict("records") == [{"carrier": "AA", "delay": 5.0}]
    assert sorted(means["carrier"]) == ["AA", "UA"]
    assert "files: 1 of 2" in plan["detail"].iloc[-1]
