"""The S3 store that the tests start: it is real, and it goes when its process goes."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import botocore.exceptions
import psutil
import pytest

from dk_notebook.errors import ConnectionFailed
from tests.services.s3_address import S3Address
from tests.services.versitygw import VersityGateway

pytestmark = pytest.mark.s3


def until(condition: Callable[[], bool], *, seconds: float = 10) -> bool:
    """Whether it came true in time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def test_an_object_comes_back_as_it_was_stored(s3_store: S3Address, s3_bucket: str) -> None:
    s3_store.put(s3_bucket, "a/b c=é", bytes(range(256)))
    assert s3_store.get(s3_bucket, "a/b c=é") == bytes(range(256))


def test_keys_are_listed_by_prefix(s3_store: S3Address, s3_bucket: str) -> None:
    for key in ("a/2", "a/1", "b/1"):
        s3_store.put(s3_bucket, key, b"")
    assert s3_store.keys(s3_bucket, "a/") == ["a/1", "a/2"]


def test_a_second_put_of_what_must_not_be_there_is_refused(s3_store: S3Address, s3_bucket: str) -> None:
    s3_store.put(s3_bucket, "a", b"1", IfNoneMatch="*")
    with pytest.raises(botocore.exceptions.ClientError, match="PreconditionFailed"):
        s3_store.put(s3_bucket, "a", b"2", IfNoneMatch="*")


def test_uploads_that_were_not_completed_are_seen(s3_store: S3Address, s3_bucket: str) -> None:
    upload = s3_store.client().create_multipart_upload(Bucket=s3_bucket, Key="large")["UploadId"]
    assert s3_store.uploads(s3_bucket) == [("large", upload)]


def test_a_bucket_is_removed_with_objects_and_uploads(s3_store: S3Address) -> None:
    s3_store.make_bucket("dk-test-full")
    s3_store.put("dk-test-full", "a/b", b"1")
    s3_store.client().create_multipart_upload(Bucket="dk-test-full", Key="large")
    s3_store.remove_bucket("dk-test-full")
    assert "dk-test-full" not in s3_store.buckets()


def test_a_wrong_secret_is_refused(s3_store: S3Address, s3_bucket: str) -> None:
    host = s3_store.endpoint.removeprefix("http://")
    stranger = S3Address(f"http://{s3_store.access_key}:wrong@{host}?region={s3_store.region}")
    with pytest.raises(botocore.exceptions.ClientError, match="SignatureDoesNotMatch"):
        stranger.keys(s3_bucket)


# --- a store of one's own


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_an_object_is_there_again_after_an_end_and_a_start(own_s3_store: VersityGateway, how: str) -> None:
    own_s3_store.make_bucket("things")
    own_s3_store.put("things", "a/b c", b"some")
    getattr(own_s3_store, how)()
    own_s3_store.start()
    assert own_s3_store.get("things", "a/b c") == b"some"


def test_a_store_that_was_stopped_refuses_connections(own_s3_store: VersityGateway) -> None:
    own_s3_store.stop()
    with pytest.raises(ConnectionFailed, match="no answer from"):
        own_s3_store.buckets()


def test_a_store_that_was_stopped_has_no_process(own_s3_store: VersityGateway) -> None:
    own_s3_store.stop()
    with pytest.raises(ConnectionFailed, match="does not run"):
        own_s3_store.suspend()


def test_suspended_it_says_nothing_and_resumed_it_answers(own_s3_store: VersityGateway) -> None:
    own_s3_store.make_bucket("things")
    own_s3_store.suspend()
    assert until(lambda: psutil.Process(own_s3_store.process_id).status() == psutil.STATUS_STOPPED)
    own_s3_store.resume()
    assert own_s3_store.keys("things") == []


def test_a_suspended_store_can_be_stopped(own_s3_store: VersityGateway) -> None:
    process = psutil.Process(own_s3_store.process_id)
    own_s3_store.suspend()
    own_s3_store.stop()
    assert not process.is_running()


def test_what_the_tests_ask_leaves_no_connection(own_s3_store: VersityGateway) -> None:
    own_s3_store.make_bucket("things")
    assert until(lambda: own_s3_store.connections == 0)


def test_connections_are_counted_as_the_store_has_them(own_s3_store: VersityGateway) -> None:
    assert until(lambda: own_s3_store.connections == 0)
    clients = [own_s3_store.client() for _ in range(3)]
    for client in clients:
        client.list_buckets()
    assert own_s3_store.connections == 3


def test_the_log_has_a_line_a_request(own_s3_store: VersityGateway) -> None:
    own_s3_store.make_bucket("things")
    assert until(lambda: "| PUT | /things |" in own_s3_store.log)


def test_a_closed_store_leaves_no_folder(own_s3_store: VersityGateway) -> None:
    folder = own_s3_store.folder
    own_s3_store.close()
    assert not folder.exists()


def test_more_requests_than_it_may_serve_are_answered_by_slow_down() -> None:
    with VersityGateway(options=("--max-requests", "1")) as store:
        store.make_bucket("things")

        def put(number: int) -> str:
            try:
                store.put("things", str(number), bytes(3_000_000))
            except botocore.exceptions.ClientError as error:
                return str(error.response["Error"]["Code"])
            return "stored"

        with ThreadPoolExecutor(12) as threads:
            assert set(threads.map(put, range(24))) == {"stored", "SlowDown"}


def test_it_says_which_region_it_is_in() -> None:
    with VersityGateway(region="eu-west-1") as store:
        store.make_bucket("things")
        assert store.client().get_bucket_location(Bucket="things")["LocationConstraint"] == "eu-west-1"


def test_an_option_that_it_does_not_know_is_told() -> None:
    with pytest.raises(ConnectionFailed, match=r"did not start: .*nonsense"):
        VersityGateway(options=("--nonsense",)).start()


# --- TLS, and users who may not all


def test_it_speaks_tls_with_who_trusts_its_authority(secure_s3_store: VersityGateway) -> None:
    secure_s3_store.make_bucket("encrypted")
    assert (secure_s3_store.endpoint[:8], secure_s3_store.keys("encrypted")) == ("https://", [])


def test_who_does_not_know_its_authority_refuses_it(secure_s3_store: VersityGateway) -> None:
    store = secure_s3_store
    stranger = S3Address(f"https://{store.access_key}:{store.secret}@{store.host}:{store.port}")
    with pytest.raises(ConnectionFailed, match="certificate verify failed"):
        stranger.buckets()


@pytest.mark.parametrize("what", ["keys", "put", "get"])
def test_a_user_may_nothing_at_first(secure_s3_store: VersityGateway, what: str) -> None:
    bucket = f"closed-{what}"
    secure_s3_store.make_bucket(bucket)
    user = secure_s3_store.make_user()
    arguments = {"keys": (), "put": ("a", b"1"), "get": ("a",)}[what]
    with pytest.raises(botocore.exceptions.ClientError, match="AccessDenied"):
        getattr(user, what)(bucket, *arguments)


def test_a_user_may_what_a_policy_of_the_bucket_says(secure_s3_store: VersityGateway) -> None:
    secure_s3_store.make_bucket("shown")
    secure_s3_store.put("shown", "a", b"1")
    user = secure_s3_store.make_user()
    secure_s3_store.allow(user, "shown", "s3:GetObject")
    assert user.get("shown", "a") == b"1"


def test_a_user_may_list_a_bucket_and_not_read_it(secure_s3_store: VersityGateway) -> None:
    secure_s3_store.make_bucket("listed")
    secure_s3_store.put("listed", "a", b"1")
    user = secure_s3_store.make_user()
    secure_s3_store.allow(user, "listed", "s3:ListBucket", "s3:PutObject")
    assert user.keys("listed") == ["a"]


def test_a_user_may_no_more_than_a_policy_of_the_bucket_says(secure_s3_store: VersityGateway) -> None:
    secure_s3_store.make_bucket("read-only")
    user = secure_s3_store.make_user()
    secure_s3_store.allow(user, "read-only", "s3:GetObject")
    with pytest.raises(botocore.exceptions.ClientError, match="AccessDenied"):
        user.put("read-only", "a", b"1")


def test_who_has_no_accounts_makes_no_user(own_s3_store: VersityGateway) -> None:
    with pytest.raises(ConnectionFailed, match="made no user"):
        own_s3_store.make_user()


# --- what is left

KEPT = """
from tests.services.versitygw import VersityGateway
import signal
store = VersityGateway()
store.start()
print(store.process_id, store.folder, flush=True)
signal.pause()
"""


def test_a_process_that_is_killed_leaves_nothing_behind() -> None:
    with subprocess.Popen([sys.executable, "-c", KEPT], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        pid, folder = process.stdout.readline().split()
        process.send_signal(signal.SIGKILL)
    assert until(lambda: not psutil.pid_exists(int(pid)) and not Path(folder).exists())
