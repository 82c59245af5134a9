from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from dk_notebook.backends.s3.backend import S3Backend
from dk_notebook.backends.s3.config import S3Config
from dk_notebook.backends.s3.records import by_id
from dk_notebook.backends.s3.records.folder import Folder
from dk_notebook.backends.s3.records.keys import Keys
from dk_notebook.backends.s3.session import S3Session
from dk_notebook.config.settings import build
from dk_notebook.runtime.operations import Operation
from tests.backends.s3.counted import CountedObjects
from tests.backends.s3.lake import Lake
from tests.services.s3_address import S3Address
from tests.services.s3_proxy import S3FaultProxy
from tests.services.scripted_s3 import ScriptedS3

TRANSPORTS = ("obstore", "aioboto3")


@pytest.fixture(autouse=True)
def no_settings_of_the_user(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Neither the environment nor ``~/.aws`` says anything, and nobody asks the machine for its role."""
    leave_out_settings(monkeypatch, tmp_path_factory.mktemp("aws"))


def leave_out_settings(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    for name in list(os.environ):
        if name.startswith(("AWS_", "S3_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(folder / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(folder / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def proxy(s3_store: S3Address) -> Iterator[S3FaultProxy]:
    """A way to the store that can be made silent, slow or mad, and counts connections."""
    with S3FaultProxy(s3_store) as way:
        yield way


def config_of(store: S3Address, bucket: str, **said: Any) -> S3Config:
    """The settings for a bucket of a store."""
    return build(S3Config, [("keyword", {"bucket": bucket, **said}), ("store", store.settings)])


@asynccontextmanager
async def opened(config: S3Config) -> AsyncIterator[S3Backend]:
    """A store, open for the time of the block."""
    backend = await S3Backend.open(config)
    try:
        yield backend
    finally:
        await backend.close()


@asynccontextmanager
async def session(config: S3Config, *, timeout: float | None = None) -> AsyncIterator[S3Session]:
    """What an operation has, in a store of its own."""
    async with opened(config) as backend:
        with Operation("a test", timeout=timeout) as operation:
            async with operation.step(), backend.session(operation) as made:
                yield made


async def settled(what: Callable[[], object], wanted: object) -> object:
    """What it gives, as soon as it is that, and at the latest after two seconds."""
    for _ in range(100):
        if what() == wanted:
            break
        await asyncio.sleep(0.02)
    return what()


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> str:
    """Each of the two carriers."""
    return str(request.param)


@pytest.fixture
def config(s3_store: S3Address, s3_bucket: str, transport: str) -> S3Config:
    """A bucket of the test's own, by either carrier."""
    return config_of(s3_store, s3_bucket, transport=transport)


@pytest.fixture
def scripted(s3_store: S3Address) -> Iterator[ScriptedS3]:
    """A way to the store on which everything can happen."""
    with ScriptedS3(s3_store) as way:
        yield way


@pytest.fixture
def by_script(scripted: ScriptedS3, s3_bucket: str, transport: str) -> S3Config:
    """The same bucket, on that way."""
    return config_of(scripted, s3_bucket, transport=transport)


@pytest.fixture(scope="module")
def shared_bucket(s3_store: S3Address) -> Iterator[str]:
    """One for the tests of a module, each of which has a prefix of its own: to make one takes longer than a test."""
    name = f"dk-test-{uuid.uuid4().hex[:12]}"
    s3_store.make_bucket(name)
    yield name
    s3_store.remove_bucket(name)


@pytest.fixture
def place(s3_store: S3Address, shared_bucket: str) -> dict[str, Any]:
    """The settings of a place in it that is empty."""
    return {**s3_store.settings, "bucket": shared_bucket, "prefix": f"test-{uuid.uuid4().hex[:12]}"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_backend(
    s3_store: S3Address, shared_bucket: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[S3Backend]:
    """An open store for the tests of a module, which share its loop too: to open one takes longer than a test."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        leave_out_settings(monkeypatch, tmp_path_factory.mktemp("aws"))
        async with opened(config_of(s3_store, shared_bucket, prefix="lake")) as backend:
            yield backend


@pytest.fixture
def lake(shared_backend: S3Backend, s3_store: S3Address, shared_bucket: str) -> Lake:
    """A place for tables there; for tests marked ``asyncio(loop_scope="module")``."""
    return Lake(shared_backend, s3_store, shared_bucket, "lake")


@pytest_asyncio.fixture
async def counted(place: dict[str, Any]) -> AsyncIterator[CountedObjects]:
    """The bucket as an operation sees it, which counts what is asked of it."""
    async with session(build(S3Config, [("keyword", place)])) as made:
        yield CountedObjects(made.objects)


@pytest_asyncio.fixture
async def folder(counted: CountedObjects, place: dict[str, Any]) -> AsyncIterator[Folder]:
    """The place of documents, by way of it."""
    made = Folder(counted, Keys(f"{place['prefix']}/"), 20)
    yield made
    await by_id.clear(made)
