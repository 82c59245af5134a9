"""A running Elasticsearch: where it is, and a way to ask it without a client."""

from __future__ import annotations

import base64
import contextlib
import json
import ssl
import urllib.error
import urllib.request
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from dk_notebook.errors import ConnectionFailed, QueryError

HOST = "127.0.0.1"


class ElasticsearchAddress:
    """A running node: where it is, and a way to ask it.

    >>> ElasticsearchAddress("elasticsearch+https://ann:secret@search:9201").http
    'https://search:9201'
    """

    def __init__(self, url: str, *, authority: Path | None = None) -> None:
        parts = urlsplit(url)
        self.scheme = "https" if parts.scheme.endswith("https") else "http"
        self.host = parts.hostname or HOST
        self.port = parts.port or 9200
        self.user = unquote(parts.username or "")
        self.password = unquote(parts.password or "")
        self.authority = authority
        """The file of who signed its certificate, where that is nobody whom all trust."""
        self.trusted = ssl.create_default_context(cafile=authority) if authority else None

    @property
    def http(self) -> str:
        """``http://host:port``, which is what clients of other people take."""
        return f"{self.scheme}://{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """``elasticsearch://host:port``, with user and password if it has them."""
        return self.url_of()

    def url_of(self, *, host: str | None = None, port: int | None = None, scheme: str | None = None) -> str:
        """The URL of the way to it through something in between. ``scheme``: ``http`` or ``https``."""
        kind = "elasticsearch+https" if (scheme or self.scheme) == "https" else "elasticsearch"
        who = f"{quote(self.user, safe='')}:{quote(self.password, safe='')}@" if self.user else ""
        return f"{kind}://{who}{host or self.host}:{port or self.port}"

    def request(self, method: str, path: str, body: object = None, *, timeout: float = 30) -> Any:
        """Its answer, parsed where it is JSON. ``body``: JSON, or bytes that are lines of JSON.

        QueryError, with the answer, where the status is not 2xx; ConnectionFailed, where there is no answer.
        """
        headers = {"Content-Type": "application/x-ndjson" if isinstance(body, bytes) else "application/json"}
        if self.user:
            both = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
            headers["Authorization"] = f"Basic {both}"
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        asked = urllib.request.Request(self.http + path, data=data, headers=headers, method=method)
        try:
            with urllib.request.urlopen(asked, timeout=timeout, context=self.trusted) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            with error:
                raise QueryError(f"{error.code}: {error.read().decode(errors='replace')}") from None
        except (OSError, HTTPException) as error:
            raise ConnectionFailed(f"no answer from {self.http}: {error}") from error
        with contextlib.suppress(ValueError):
            return json.loads(text)
        return text

    def delete_indices(self, beginning: str) -> None:
        """Delete every index whose name begins so, by its whole name: servers may refuse to delete by a pattern."""
        listed = self.request("GET", f"/_cat/indices/{beginning}*?h=index&format=json&expand_wildcards=all")
        for each in listed:
            with contextlib.suppress(QueryError):  # deleted meanwhile
                self.request("DELETE", f"/{quote(each['index'], safe='')}")

    def __str__(self) -> str:
        return f"Elasticsearch at {self.http}"
