"""Connecting, as users type it, to S3."""

from __future__ import annotations

import logging
import os
import pickle
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import dk_notebook as dk
from tests.services.s3_address import S3Address
from tests.services.scripted_s3 import ScriptedS3

pytestmark = pytest.mark.s3


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Without what the environment, the user's files and other tests have."""
    for name in list(os.environ):
        if name.startswith(("AWS_", "S3_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    yield
    dk.close()


@pytest.fixture
def url(s3_bucket: str) -> str:
    return f"s3://{s3_bucket}/lake"


def rows(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = dk.status().query("connection == @name").to_dict("records")
    return found


def test_a_bucket_is_connected_by_its_url(s3_store: S3Address, url: str) -> None:
    with dk.connect(url, name="mine", **s3_store.settings) as mine:
        assert (mine.backend, url in repr(mine), len(rows("mine"))) == ("s3", True, 1)


def test_the_same_settings_are_the_same_pool_however_they_are_said(s3_store: S3Address, s3_bucket: str) -> None:
    with dk.connect(f"s3://{s3_bucket}/lake/", name="mine", **s3_store.settings) as mine:
        said = {
            "bucket": s3_bucket,
            "prefix": "lake",
            "endpoint": f"{s3_store.endpoint}/",
            "region_name": s3_store.region,
            "access_key": s3_store.access_key,
            "secret_key": s3_store.secret,
        }
        assert dk.connect(backend="s3", **said) is mine
        assert len(rows("mine")) == 1


def test_running_a_cell_again_opens_nothing(s3_store: S3Address, url: str) -> None:
    for _ in range(5):
        dk.connect(url, name="mine", **s3_store.settings)
    assert rows("mine")[0]["opened"] == 1


def test_a_wrong_secret_fails_at_once_naming_everything_but_the_secret(s3_store: S3Address, url: str) -> None:
    started = time.monotonic()
    with pytest.raises(dk.ConnectionFailed) as raised:
        dk.connect(url, **{**s3_store.settings, "aws_secret_access_key": "swordfish"})
    text = str(raised.value)
    assert [part for part in (url, s3_store.endpoint, s3_store.access_key[-4:]) if part not in text] == []
    assert ("swordfish" in text, time.monotonic() - started < 5) == (False, True)


def test_the_environment_is_a_connection_of_the_backends_name(
    s3_store: S3Address, s3_bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_store.endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3_store.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", s3_store.secret)
    assert f"s3://{s3_bucket}" in list(dk.tables("s3")["table"])


def test_other_keys_in_the_environment_are_another_pool(
    s3_store: S3Address, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = {"endpoint_url": s3_store.endpoint}
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3_store.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", s3_store.secret)
    dk.connect(url, name="mine", **place)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "swordfish")
    with pytest.raises(dk.ConnectionFailed, match="the secret key is not the one"):
        dk.connect(url, name="theirs", **place)


def test_keys_of_the_environment_go_to_no_other_server(
    s3_store: S3Address, scripted: ScriptedS3, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_store.endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3_store.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", s3_store.secret)
    with pytest.raises(dk.ConnectionFailed, match="no credentials were found"):
        dk.connect(url, endpoint_url=scripted.endpoint)
    assert scripted.requests == []


@pytest.fixture
def scripted(s3_store: S3Address) -> Iterator[ScriptedS3]:
    with ScriptedS3(s3_store) as way:
        yield way


def test_the_size_of_the_pool_is_the_one_of_the_quick_start(
    s3_store: S3Address, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("S3_POOL_MAX_CONNECTIONS", "20")
    dk.connect(url, name="mine", **s3_store.settings)
    dk.connect(url, name="other", pool={"max_connections": 50}, **s3_store.settings)
    assert (rows("mine")[0]["max_size"], rows("other")[0]["max_size"]) == (20, 50)


def test_a_connection_that_was_closed_has_no_pool(s3_store: S3Address, url: str) -> None:
    dk.connect(url, name="mine", **s3_store.settings)
    dk.close("mine")
    assert rows("mine") == []


# --- secrets


def test_nothing_shows_a_secret(s3_store: S3Address, url: str, caplog: pytest.LogCaptureFixture) -> None:
    """Not a connection, a list, an error with its trace, or the log of anybody who is asked to tell everything."""
    caplog.set_level(logging.DEBUG)
    mine = dk.connect(url, name="mine", aws_session_token="swordfish", **s3_store.settings)
    shown = f"{mine!r} {mine._repr_html_()} {dk.connections().to_string()} {dk.status().to_string()}"
    with pytest.raises(dk.NotFound) as raised:
        dk.read_table("absent", "mine")
    shown += "".join(traceback.format_exception(raised.value)) + str(pickle.dumps(raised.value))
    with pytest.raises(dk.ConnectionFailed) as refused:
        dk.connect(url, **{**s3_store.settings, "aws_access_key_id": "AKIAUNKNOWN"})
    shown += "".join(traceback.format_exception(refused.value)) + str(pickle.dumps(refused.value))
    shown += caplog.text
    assert ("x-amz-security-token" in shown.lower(), s3_store.secret in shown, "swordfish" in shown) == (
        True,
        False,
        False,
    )
