"""An S3 store of one's own, in memory: moto's server in a process of its own, on loopback, gone when this one is.

::

    with S3Server() as store:
        store.make_bucket("lake")
        dk.connect("s3://lake", **store.settings)

``python -m dk_notebook.testing.services.moto`` runs one until Ctrl-C and prints its URL, which ``DK_TEST_S3_URL``
takes.
"""

from __future__ import annotations

import atexit
import contextlib
import http.client
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from dk_notebook.errors import ConnectionFailed, MissingDependency, QueryError
from dk_notebook.testing.services.ports import free_port

HOST = "127.0.0.1"
REGION = "us-east-1"
KEYS = ("moto", "moto")
"""Signatures are not checked: who reaches the port may everything."""

SECONDS = 30.0  # for a start: two where nothing else runs
PATIENCE = 10.0  # seconds for a process that was ended to be gone, and for an answer
LISTENS = "Running on"  # as werkzeug logs it
PARTS = ("moto", "flask", "flask_cors")
INSTALL = "pip install 'moto[server]>=5.1.10'"

# Its stdin is a pipe that nobody writes to: it ends when who started the server is gone, killed even.
SERVE = """
import os, shutil, sys, threading
def end_with_parent():
    sys.stdin.read()
    shutil.rmtree(os.getcwd(), ignore_errors=True)
    os._exit(0)
threading.Thread(target=end_with_parent, daemon=True).start()
from moto.server import main
main(["-H", sys.argv[1], "-p", sys.argv[2]])
"""


class S3Server:
    """S3 on a free port of 127.0.0.1, empty at each start, in about two seconds.

    Conditional puts work, one at a time: of two at the very same moment both may succeed.

    MissingDependency: moto, or what its server needs, is not installed.

    >>> with S3Server() as store:
    ...     store.make_bucket("lake")
    ...     store.buckets()
    ['lake']
    """

    def __init__(self) -> None:
        self.host, self.port = HOST, free_port()
        self._folder: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = os.getpid()

    def __enter__(self) -> S3Server:
        self.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self.stop()

    @property
    def endpoint(self) -> str:
        """``http://host:port``."""
        return f"http://{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """The same with the keys: ``http://access_key:secret@host:port?region=...``."""
        access, secret = KEYS
        return f"http://{access}:{secret}@{self.host}:{self.port}?region={REGION}"

    @property
    def settings(self) -> dict[str, str]:
        """What a connection takes to get there, besides the bucket."""
        access, secret = KEYS
        keys = {"aws_access_key_id": access, "aws_secret_access_key": secret}
        return {"endpoint_url": self.endpoint, "region": REGION, **keys}

    def start(self) -> None:
        """Start it, and return when it answers. ConnectionFailed, with its log's end, where it does not."""
        if self._process is not None:
            return
        missing = [part for part in PARTS if importlib.util.find_spec(part) is None]
        if missing:
            raise MissingDependency(f"an S3 server needs moto[server]: {', '.join(missing)} is missing", hint=INSTALL)
        self._folder = Path(tempfile.mkdtemp(prefix="dk-moto-"))
        atexit.register(self.stop)
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 (words, no shell)
                [sys.executable, "-P", "-c", SERVE, self.host, str(self.port)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=self._folder,
                env={name: value for name, value in os.environ.items() if not name.startswith("MOTO_")},
                start_new_session=True,  # Ctrl-C is for those who use it, not for the server
            )
        if not self._is_ready():
            told = " ".join(self.log.splitlines()[-3:])
            self.stop()
            raise ConnectionFailed(f"the S3 server did not start: {told}")

    def stop(self) -> None:
        """End it and forget the objects; a later start is on the same port."""
        if self._process is None or os.getpid() != self._owner:  # a fork inherits the object, not the server
            return
        atexit.unregister(self.stop)
        self._process.kill()
        self._process.communicate(timeout=PATIENCE)
        self._process = None
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def make_bucket(self, name: str) -> None:
        """Make a bucket, where there is none of that name. QueryError, with the server's words: the name is none."""
        with self._asked("PUT", f"/{quote(name, safe='')}") as answer:
            text = answer.read().decode(errors="replace")
        if answer.status != http.client.OK:
            raise QueryError(f"the S3 server made no bucket {name!r}: {_between(text, 'Message') or answer.reason}")

    def buckets(self) -> list[str]:
        """The names of all buckets, sorted."""
        with self._asked("GET", "/") as answer:
            text = answer.read().decode(errors="replace")
        return sorted(each.partition("</Name>")[0] for each in text.split("<Name>")[1:])

    @property
    def process_id(self) -> int:
        """ConnectionFailed: it does not run."""
        if self._process is None:
            raise ConnectionFailed("the S3 server does not run")
        return self._process.pid

    @property
    def log(self) -> str:
        """What it wrote since its start: a line a request."""
        return self._log.read_text(errors="replace") if self._folder is not None else ""

    def __str__(self) -> str:
        return f"S3 at {self.endpoint}"

    # --- inside

    @property
    def _log(self) -> Path:
        assert self._folder is not None
        return self._folder / "log"

    @contextlib.contextmanager
    def _asked(self, method: str, path: str) -> Iterator[http.client.HTTPResponse]:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=PATIENCE)
        try:
            connection.request(method, path)
            yield connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            raise ConnectionFailed(f"no answer from {self.endpoint}: {error}") from error
        finally:
            connection.close()

    def _is_ready(self) -> bool:
        assert self._process is not None
        end = time.monotonic() + SECONDS
        while self._process.poll() is None and time.monotonic() < end:
            if LISTENS in self.log:  # before, another one on that port might answer
                self.buckets()  # which makes it load what S3 is, a quarter of a second
                return True
            time.sleep(0.02)
        return False


def _between(text: str, tag: str) -> str:
    """What an element of XML holds, or nothing."""
    return text.partition(f"<{tag}>")[2].partition(f"</{tag}>")[0]


def main() -> None:
    """Run a store until Ctrl-C."""
    with S3Server() as store:
        print(store.url, flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            signal.pause()


if __name__ == "__main__":
    main()
