"""The S3 store of the demo, for machines without Go: quick to have, and gone when its process goes."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import botocore.exceptions
import pandas as pd
import psutil
import pytest

import dk_notebook as dk
from dk_notebook.errors import ConnectionFailed, MissingDependency, QueryError
from dk_notebook.testing.services.moto import S3Server
from tests.services.s3_address import S3Address

pytestmark = pytest.mark.s3


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with S3Server() as running:
        yield running


@pytest.fixture(scope="module")
def store(server: S3Server) -> S3Address:
    """The same, as the tests ask stores."""
    return S3Address(server.url)


@pytest.fixture
def bucket(server: S3Server, store: S3Address) -> Iterator[str]:
    server.make_bucket("lake")
    yield "lake"
    store.remove_bucket("lake")


def until(condition: Callable[[], bool]) -> bool:
    """Whether it came true in time."""
    end = time.monotonic() + 10
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def test_its_buckets_are_told(server: S3Server, bucket: str) -> None:
    assert server.buckets() == ["lake"]


def test_a_bucket_can_be_made_again_and_keeps_its_objects(server: S3Server, store: S3Address, bucket: str) -> None:
    store.put(bucket, "a", b"1")
    server.make_bucket(bucket)
    assert store.keys(bucket) == ["a"]


@pytest.mark.parametrize("name", ["x", "x" * 64])
def test_a_name_that_no_bucket_can_have_is_refused(server: S3Server, name: str) -> None:
    with pytest.raises(QueryError, match="made no bucket"):
        server.make_bucket(name)


def test_an_object_comes_back_as_it_was_stored(store: S3Address, bucket: str) -> None:
    store.put(bucket, "a/b c=é", bytes(range(256)))
    assert store.get(bucket, "a/b c=é") == bytes(range(256))


def test_a_second_put_of_what_must_not_be_there_is_refused(store: S3Address, bucket: str) -> None:
    store.put(bucket, "a", b"1", IfNoneMatch="*")
    with pytest.raises(botocore.exceptions.ClientError, match="PreconditionFailed"):
        store.put(bucket, "a", b"2", IfNoneMatch="*")


def test_a_put_onto_another_version_is_refused(store: S3Address, bucket: str) -> None:
    store.put(bucket, "a", b"1")
    with pytest.raises(botocore.exceptions.ClientError, match="PreconditionFailed"):
        store.put(bucket, "a", b"2", IfMatch='"0123456789abcdef0123456789abcdef"')


def test_a_frame_goes_there_and_comes_back(server: S3Server, bucket: str) -> None:
    with dk.connect(f"s3://{bucket}", **server.settings) as lake:
        lake.write_table(pd.DataFrame({"a": [1, 2]}), "things")
        assert lake.read_table("things")["a"].tolist() == [1, 2]


# --- its process


def test_a_server_that_was_stopped_refuses_connections_and_forgot_all() -> None:
    server = S3Server()
    server.start()
    server.make_bucket("lake")
    server.stop()
    with pytest.raises(ConnectionFailed, match="refused"):
        server.buckets()
    server.start()
    assert server.buckets() == []
    server.stop()


def test_a_server_that_does_not_run_has_no_process() -> None:
    with pytest.raises(ConnectionFailed, match="does not run"):
        _ = S3Server().process_id


def test_a_port_that_is_taken_is_told(server: S3Server) -> None:
    other = S3Server()
    other.port = server.port
    with pytest.raises(ConnectionFailed, match=r"did not start: .*in use"):
        other.start()


def test_the_log_has_a_line_a_request(server: S3Server, bucket: str) -> None:
    assert f"PUT /{bucket} " in server.log


KEPT = """
import signal
from dk_notebook.testing.services.moto import S3Server
server = S3Server()
server.start()
print(server.process_id, server._folder, flush=True)
signal.pause()
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_process_that_ends_leaves_nothing_behind(how: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", KEPT], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        pid, folder = process.stdout.readline().split()
        process.send_signal(how)
    assert until(lambda: not psutil.pid_exists(int(pid)) and not Path(folder).exists())


def test_a_forked_child_leaves_the_server_to_its_parent(server: S3Server) -> None:
    child = os.fork()
    if child == 0:
        server.stop()
        os._exit(0)
    os.waitpid(child, 0)
    assert server.buckets() == []


@pytest.mark.parametrize("part", ["moto", "flask_cors"])
def test_a_missing_part_is_an_error_with_the_line_that_installs_it(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name == part else found(name, *more))
    with pytest.raises(MissingDependency, match=rf"(?s){part} is missing.*pip install 'moto\[server\]"):
        S3Server().start()


def test_run_as_a_program_it_tells_its_url_and_ends_on_ctrl_c() -> None:
    command = [sys.executable, "-m", "dk_notebook.testing.services.moto"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        store = S3Address(process.stdout.readline().strip())
        buckets = store.buckets()
        process.send_signal(signal.SIGINT)
        assert (buckets, process.wait(10), process.stderr.read()) == ([], 0, "")
