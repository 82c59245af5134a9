"""A running S3 store: where it is, and a way to ask it without our client."""

from __future__ import annotations

import contextlib
import functools
import threading
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

import botocore.exceptions
import botocore.session
from botocore.config import Config

from dk_notebook.errors import ConnectionFailed

HOST = "127.0.0.1"
AT_ONCE = 1_000
"""Objects that one request deletes."""
_MAKING = threading.Lock()


@functools.cache
def _session() -> botocore.session.Session:
    """One for all: each would read megabytes of what botocore knows of S3."""
    return botocore.session.Session()


class S3Address:
    """A store, and the keys of who may do everything there.

    What the store refuses is botocore's ClientError, with its words; no answer is a ConnectionFailed.

    >>> store = S3Address("https://key:secret@store.example.org?region=eu-west-1")
    >>> store.endpoint, store.access_key, store.region
    ('https://store.example.org', 'key', 'eu-west-1')
    """

    def __init__(self, url: str, *, authority: Path | None = None) -> None:
        parts = urlsplit(url)
        self.scheme = parts.scheme
        self.host = parts.hostname or HOST
        self.port = parts.port
        self.access_key = unquote(parts.username or "")
        self.secret = unquote(parts.password or "")
        self.region = parse_qs(parts.query).get("region", ["us-east-1"])[0]
        self.authority = authority
        """The file of who signed its certificate, where that is nobody whom all trust."""

    @property
    def endpoint(self) -> str:
        """``http://host:port``."""
        return f"{self.scheme}://{self.host}:{self.port}" if self.port else f"{self.scheme}://{self.host}"

    @property
    def settings(self) -> dict[str, Any]:
        """What our connections take to get there; the bucket is missing."""
        keys = {"aws_access_key_id": self.access_key, "aws_secret_access_key": self.secret}
        trusted = {"ca_certs": str(self.authority)} if self.authority else {}
        return {"endpoint_url": self.endpoint, "region": self.region, **keys, **trusted}

    def by_way_of(self, endpoint: str) -> S3Address:
        """The same store, where something that stands before it listens."""
        scheme, _, place = endpoint.partition("://")
        keys = f"{quote(self.access_key, safe='')}:{quote(self.secret, safe='')}"
        return S3Address(f"{scheme}://{keys}@{place}?region={self.region}", authority=self.authority)

    def client(self) -> Any:
        """botocore's client, which tries nothing again. Any thread."""
        with _MAKING:  # in which botocore is not thread-safe
            return self._made()

    def _made(self) -> Any:
        return _session().create_client(
            "s3",
            region_name=self.region,
            endpoint_url=self.endpoint,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret,
            verify=str(self.authority) if self.authority else None,
            config=Config(
                signature_version="s3v4",  # also in URLs, which else have an older one
                connect_timeout=2,
                read_timeout=20,
                retries={"total_max_attempts": 1},
                s3={"addressing_style": "path"},
            ),
        )

    def buckets(self) -> list[str]:
        """The names of all buckets, sorted."""
        with self._asked() as client:
            return sorted(each["Name"] for each in client.list_buckets()["Buckets"])

    def make_bucket(self, name: str) -> None:
        with self._asked() as client:
            client.create_bucket(Bucket=name)

    def remove_bucket(self, name: str) -> None:
        """With all that is in it."""
        with self._asked() as client:
            _empty(client, name)
            for key, upload in _uploads(client, name):
                client.abort_multipart_upload(Bucket=name, Key=key, UploadId=upload)
            client.delete_bucket(Bucket=name)

    def empty(self, name: str) -> None:
        """Without an object."""
        with self._asked() as client:
            _empty(client, name)

    def put(self, bucket: str, key: str, body: bytes, **more: Any) -> None:
        with self._asked() as client:
            client.put_object(Bucket=bucket, Key=key, Body=body, **more)

    def get(self, bucket: str, key: str) -> bytes:
        with self._asked() as client:
            body: bytes = client.get_object(Bucket=bucket, Key=key)["Body"].read()
            return body

    def keys(self, bucket: str, prefix: str = "") -> list[str]:
        """The keys of all objects, sorted."""
        with self._asked() as client:
            return _keys(client, bucket, prefix)

    def uploads(self, bucket: str) -> list[tuple[str, str]]:
        """Key and id of each upload in parts that is not complete."""
        with self._asked() as client:
            return _uploads(client, bucket)

    @contextlib.contextmanager
    def _asked(self) -> Any:
        """A client for one question: after an error, Python ends connections of it only when it collects them."""
        client = self.client()
        try:
            yield client
        except botocore.exceptions.BotoCoreError as error:
            raise ConnectionFailed(f"no answer from {self.endpoint}: {error}") from error
        finally:
            client.close()

    def __str__(self) -> str:
        return f"S3 at {self.endpoint}"


def _keys(client: Any, bucket: str, prefix: str = "") -> list[str]:
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return sorted(each["Key"] for page in pages for each in page.get("Contents", []))


def _uploads(client: Any, bucket: str) -> list[tuple[str, str]]:
    found = client.list_multipart_uploads(Bucket=bucket).get("Uploads") or []
    return [(each["Key"], each["UploadId"]) for each in found]


def _empty(client: Any, bucket: str) -> None:
    keys = _keys(client, bucket)
    for start in range(0, len(keys), AT_ONCE):
        objects = [{"Key": key} for key in keys[start : start + AT_ONCE]]
        client.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})
