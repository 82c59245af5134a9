"""Tab on S3: datasets, prefixes and their columns."""

from __future__ import annotations

import pandas as pd
import pytest

import dk_notebook as dk
from tests.jupyter.completion.tabs import Tab

pytestmark = [pytest.mark.s3, pytest.mark.usefixtures("datasets")]


@pytest.fixture
def datasets(lake: dk.Connection) -> None:
    """More of them on the connection called lake."""
    frame = pd.DataFrame({"carrier": ["AA", "UA"], "delay": [3, 8]})
    lake.write_table(frame, "by-day")
    lake.write_table(frame, "deep/down/flights")


@pytest.mark.parametrize(
    ("text", "offered"),
    [
        ("%%dkquery -c lake\nselect * from fl|", ["flights"]),
        ("%%dkquery -c lake\nselect * from b|", ['"by-day"']),
        ("%%dkquery -c lake\nselect d| from flights", ["delay"]),
        ("%%dkquery -c lake\nselect x.| from flights x", ["carrier", "delay"]),
        ('%%dkquery -c lake\nselect * from "deep/|', ['"deep/down"']),
        ('%%dkquery -c lake\nselect * from "deep/down/f|"', ['"deep/down/flights']),
        ('%%dkquery -c lake\nselect d| from "deep/down/flights"', ["delay", '"deep/down/flights"']),
        ('%%dkquery -c lake\nselect * from "nowhere/|', []),
        ("%dktables -c lake deep/|", ["deep/down"]),
        ("%dktables -c lake f|", ["flights"]),
    ],
)
def test_what_is_offered(tab: Tab, text: str, offered: list[str]) -> None:
    assert tab(text) == offered


def test_whole_urls_are_completed(tab: Tab, s3_bucket: str) -> None:
    url = f"s3://{s3_bucket}"
    assert tab(f'%%dkquery -c lake\nselect * from "{url}/data/de|') == [f'"{url}/data/deep"']
    assert tab(f"%dktables -c lake {url[:-1]}|") == [url]
    assert tab(f"%dktables -c lake {url}/|") == [f"{url}/data"]
