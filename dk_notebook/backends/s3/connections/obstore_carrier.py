"""Objects by way of obstore, several times as fast; keys that it would change go the other way."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import obstore
from obstore.store import S3Store

from dk_notebook.backends.http_connections import IDLE
from dk_notebook.backends.s3.config import S3Config
from dk_notebook.backends.s3.connections.credentials import Credentials
from dk_notebook.backends.s3.connections.figures import Connections, End
from dk_notebook.backends.s3.errors import OBSTORE, Unreached, of_obstore, was_answered
from dk_notebook.backends.s3.objects import Buffer, Entry, Fetched
from dk_notebook.errors import ConfigError, DkError

if TYPE_CHECKING:
    from obstore import GetOptions, PutMode
    from obstore.store import ClientConfig, S3Credential, S3CredentialProvider

SILENCE: Final = 60
"""Seconds without a byte after which a connection counts as lost."""
LONGEST: Final = timedelta(hours=1)
"""For one request with its body; operations have deadlines of their own, and silence ends a request before."""

_CHANGED: Final = re.compile(r"^/|/$|//|(^|/)\.\.?(/|$)|[\x00-\x1f\x7f]")
"""Keys that obstore refuses, or makes others of without a word (``/a`` and ``a/`` both become ``a``)."""
_IN_A_HOST: Final = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
"""Names of buckets that a certificate for all buckets is for, and DNS has."""

_used_by: int | None = None


def is_sayable(key: str) -> bool:
    """Whether obstore takes a key as it is.

    >>> is_sayable("a/b c.json"), is_sayable("/a"), is_sayable("a//b"), is_sayable("a/../b")
    (True, False, False, False)
    """
    return bool(key) and _CHANGED.search(key) is None


def hangs_here() -> bool:
    """Whether obstore would hang: the process that this one was forked from used it, and its threads are not here."""
    return _used_by is not None and _used_by != os.getpid()


class ObstoreCarrier:
    """See `Carrier`. ``endpoint``: that of all buckets in the region."""

    def __init__(self, config: S3Config, credentials: Credentials, *, region: str, endpoint: str) -> None:
        global _used_by
        _used_by = os.getpid()
        self._config = config
        self._region = region
        self._endpoint = endpoint
        self._credentials = credentials
        self._stores: dict[str, S3Store] = {}
        self._regions: dict[str, str] = {}
        self._closed = False
        self._authorities = _read(config.ca_certs) if config.ca_certs and config.verifies else None
        self.connections = Connections(idle_seconds=IDLE)

    def found_in(self, bucket: str, region: str) -> bool:
        """Ask there for a bucket from now on; False: that is where it was asked for."""
        if self._regions.get(bucket, self._region) == region:
            return False
        self._regions[bucket] = region
        self._stores.pop(bucket, None)
        return True

    def close(self) -> None:
        """Let go of the connections, which obstore then closes."""
        self._closed = True
        self._stores.clear()

    def _store(self, bucket: str) -> S3Store:
        store = self._stores.get(bucket)
        if store is None:
            store = self._made(bucket)
            if not self._closed:
                self._stores[bucket] = store
        return store

    def _made(self, bucket: str) -> S3Store:
        config = self._config
        options: ClientConfig = {
            "allow_http": True,
            "allow_invalid_certificates": not config.verifies,
            "connect_timeout": timedelta(seconds=config.connect_timeout),
            "read_timeout": timedelta(seconds=SILENCE),
            "timeout": LONGEST,
            "pool_idle_timeout": timedelta(seconds=IDLE),
            "pool_max_idle_per_host": str(config.pool.max_size),
        }
        if self._authorities is not None:
            options["root_certificate"] = self._authorities
        region = self._regions.get(bucket, self._region)
        endpoint = self._endpoint
        if config.endpoint_url is None:
            endpoint = endpoint.replace("://s3.amazonaws.com", "://s3.us-east-1.amazonaws.com")
            endpoint = endpoint.replace(f".{self._region}.", f".{region}.")
        by_path = config.by_path or _IN_A_HOST.fullmatch(bucket) is None
        if not by_path:
            scheme, _, host = endpoint.partition("://")
            endpoint = f"{scheme}://{bucket}.{host}"
        # All that obstore would take from the environment and that says where to ask, and how, is said here.
        return S3Store(
            bucket,
            region=region,
            endpoint=endpoint,
            aws_endpoint_url_s3=endpoint,
            virtual_hosted_style_request=not by_path,
            skip_signature=config.anonymous,
            unsigned_payload=False,
            conditional_put="etag",
            s3_express=False,
            client_options=options,
            retry_config={"max_retries": 0},
            credential_provider=self._login(),
        )

    def _login(self) -> S3CredentialProvider | None:
        """Who asks. Keys that are said are at hand; for others obstore asks on the loop, which must run then.

        Not as settings of obstore: beside keys it would take a token of the environment.
        """
        config = self._config
        key, secret, token = config.aws_access_key_id, config.aws_secret_access_key, config.aws_session_token
        if config.anonymous:
            return None
        if key is None or secret is None:
            return self._credentials

        def said() -> S3Credential:
            revealed = token.reveal() if token is not None else None
            return {"access_key_id": key, "secret_access_key": secret.reveal(), "token": revealed, "expires_at": None}

        return said

    async def get(
        self, bucket: str, key: str, *, part: tuple[int, int] | None = None, etag: str | None = None
    ) -> Fetched:
        """See `Carrier.get`."""
        options: GetOptions = {}
        if part is not None:
            options["range"] = part
        if etag is not None:
            options["if_match"] = etag
        with self._asking(bucket, f"read {key!r}"):
            answer = await obstore.get_async(self._store(bucket), key, options=options)
            data = await answer.buffer_async()
        return Fetched(memoryview(data), answer.meta["e_tag"] or "")

    async def put(
        self, bucket: str, key: str, data: Buffer, *, content_type: str, absent: bool = False, etag: str | None = None
    ) -> str:
        """See `Carrier.put`."""
        mode: PutMode = "create" if absent else {"e_tag": etag} if etag is not None else "overwrite"
        attributes = {"Content-Type": content_type}
        with self._asking(bucket, f"store {key!r}"):
            answer = await obstore.put_async(
                self._store(bucket),
                key,
                memoryview(data).cast("B"),
                attributes=attributes,
                mode=mode,
                use_multipart=False,
            )
        return answer["e_tag"] or ""

    async def head(self, bucket: str, key: str) -> Entry:
        """See `Carrier.head`."""
        with self._asking(bucket, f"look at {key!r}"):
            found = await obstore.head_async(self._store(bucket), key)
        return Entry(key, found["size"], found["e_tag"] or "", found["last_modified"])

    @contextmanager
    def _asking(self, bucket: str, what: str) -> Iterator[None]:
        """A request: counted, with errors of ours."""
        self.connections.take()
        end: End = "broken"
        try:
            yield
            end = "idle"
        except OBSTORE as error:
            ours = self._of(error, what, bucket)
            end = "never" if isinstance(ours, Unreached) else "idle" if was_answered(error) else "broken"
            raise ours from error
        finally:
            self.connections.give_back(end)

    def _of(self, error: Exception, what: str, bucket: str) -> DkError:
        if isinstance(error, obstore.exceptions.UnauthenticatedError) and self._credentials.failure is not None:
            return self._credentials.failure
        return of_obstore(error, what, place=f"s3://{bucket}", location=self._config.location)


def _read(authorities: str) -> bytes:
    try:
        return Path(authorities).read_bytes()
    except OSError as error:
        raise ConfigError(f"'ca_certs' cannot be used: {authorities}: {error.strerror}") from error
