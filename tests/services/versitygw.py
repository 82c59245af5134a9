"""A real S3 store for the tests: a gateway that keeps the objects in a folder.

    with VersityGateway() as store:
        store.make_bucket("things")

A key is a path there: it knows no ``a//b`` beside ``a/b``, and no ``.`` and ``..``. What Amazon's store has and this
lacks: other regions that redirect or refuse (it says its own, and takes what is signed for any), session tokens.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

from dk_notebook.errors import ConnectionFailed
from dk_notebook.testing.services.ports import free_port
from tests.services.certificates import Certificate
from tests.services.elasticsearch_node import WATCH
from tests.services.s3_address import HOST, S3Address
from tests.services.versitygw_build import built

SECONDS = 30  # for a start
PATIENCE = 10  # seconds for what is under way to end
ON_BUCKETS = {"s3:ListBucket", "s3:ListBucketMultipartUploads", "s3:GetBucketLocation"}
"""Actions whose resource is the bucket; that of others is its objects."""


class VersityGateway(S3Address):
    """The gateway on a free port of 127.0.0.1, with keys of its own, started in less than a second.

    ``options``: of the program, as ``("--max-requests", "2")``. ``accounts``: whether others than the first user can be
    made (`make_user`). ``tls``: it speaks nothing but TLS, with this certificate of ``authority``, as ``localhost``.
    ``region``: where it says that its buckets are.

    MissingDependency: Go is not there to build it.
    """

    def __init__(
        self,
        *,
        options: Sequence[str] = (),
        accounts: bool = False,
        region: str = "us-east-1",
        tls: Certificate | None = None,
        authority: Path | None = None,
    ) -> None:
        scheme, host = ("https", "localhost") if tls is not None else ("http", HOST)
        keys = f"{secrets.token_hex(8)}:{secrets.token_hex(16)}"
        super().__init__(f"{scheme}://{keys}@{host}:{free_port()}?region={region}", authority=authority)
        self._options = [*options, "--region", region, "--keep-alive"]
        if tls is not None:
            self._options += ["--cert", str(tls.file), "--key", str(tls.key)]
        self._accounts = accounts
        self._folder: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._watch: subprocess.Popen[bytes] | None = None
        self._owner = os.getpid()

    def __enter__(self) -> VersityGateway:
        self.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def start(self) -> None:
        """Start it, and return when it answers. ConnectionFailed, with its log's end, where it does not."""
        if self._process is not None:
            return
        program = built()
        atexit.register(self.close)
        for name in ("data", "sidecar", "users"):
            (self.folder / name).mkdir(exist_ok=True)
        users = ["--iam-dir", str(self.folder / "users")] if self._accounts else []
        command = [str(program), "--port", f"{HOST}:{self.port}", *self._options, *users]
        command += ["posix", "--sidecar", str(self.folder / "sidecar"), str(self.folder / "data")]
        environ = {"ROOT_ACCESS_KEY_ID": self.access_key, "ROOT_SECRET_ACCESS_KEY": self.secret, "PATH": os.defpath}
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environ, start_new_session=True
            )
        self._watch = subprocess.Popen(
            ["sh", "-c", WATCH, "sh", str(self._process.pid), str(self.folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
        )
        if not self._is_ready():
            told = " ".join(self.log.splitlines()[-5:])
            self.kill()
            raise ConnectionFailed(f"the S3 gateway did not start: {told}")

    def stop(self) -> None:
        """End it when the requests under way are answered; the objects stay, and the port for a later start."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """The same, as in a crash: what is under way is lost."""
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):  # it ended by itself
            os.killpg(self._process.pid, how)
            os.killpg(self._process.pid, signal.SIGCONT)  # or it hears nothing while it is suspended
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:  # a client that neither asks nor goes
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(PATIENCE)
        self._process = None
        if self._watch is not None:
            self._watch.communicate(b"stopped\n")
            self._watch = None

    def restart(self) -> None:
        """End it and start it again, on the same port with the same objects."""
        self.stop()
        self.start()

    def close(self) -> None:
        """End it and forget the objects."""
        if os.getpid() != self._owner:  # a fork inherits the objects, not the store
            return
        atexit.unregister(self.close)
        self.kill()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def suspend(self) -> None:
        """Let it stand still: connected, and silent."""
        os.killpg(self.process_id, signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        os.killpg(self.process_id, signal.SIGCONT)

    def make_user(self, *, role: str = "user") -> S3Address:
        """The store as somebody sees it who may nothing, until a bucket is his (``role="userplus"`` may make some)."""
        access, secret = secrets.token_hex(8), secrets.token_hex(16)
        command = [str(built()), "admin", "--allow-insecure", "-er", self.endpoint]
        command += ["-a", self.access_key, "-s", self.secret]
        command += ["create-user", "-a", access, "-s", secret, "-r", role]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ConnectionFailed(f"the S3 gateway made no user: {done.stdout}{done.stderr}")
        keys = f"{access}:{secret}@{self.host}:{self.port}"
        return S3Address(f"{self.scheme}://{keys}?region={self.region}", authority=self.authority)

    def allow(self, user: S3Address, bucket: str, *actions: str) -> None:
        """Let a user do these in a bucket, as ``s3:GetObject`` or ``s3:ListBucket``; earlier leave is withdrawn."""
        on_bucket, on_objects = _parted(actions)
        rules = [
            {"Effect": "Allow", "Principal": [user.access_key], "Action": some, "Resource": f"arn:aws:s3:::{place}"}
            for some, place in ((on_bucket, bucket), (on_objects, f"{bucket}/*"))
            if some
        ]
        with self._asked() as client:
            client.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": rules}))

    @property
    def process_id(self) -> int:
        """ConnectionFailed: it does not run."""
        if self._process is None:
            raise ConnectionFailed("the S3 gateway does not run")
        return self._process.pid

    @property
    def connections(self) -> int:
        """How many clients are connected now."""
        found = psutil.Process(self.process_id).net_connections(kind="tcp")
        return sum(each.status == psutil.CONN_ESTABLISHED for each in found)

    @property
    def log(self) -> str:
        """What it wrote so far: a line a request."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    @property
    def folder(self) -> Path:
        """Where its objects and its log lie."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="dk-s3-"))
        return self._folder

    @property
    def _log(self) -> Path:
        return self.folder / "log"

    def _is_ready(self) -> bool:
        assert self._process is not None
        end = time.monotonic() + SECONDS
        while self._process.poll() is None and time.monotonic() < end:
            try:
                self.buckets()
            except ConnectionFailed:
                time.sleep(0.05)
            else:
                return True
        return False


def _parted(actions: Sequence[str]) -> tuple[list[str], list[str]]:
    """Those on a bucket, and those on its objects."""
    return [each for each in actions if each in ON_BUCKETS], [each for each in actions if each not in ON_BUCKETS]
