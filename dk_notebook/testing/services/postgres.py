"""A PostgreSQL server of one's own: on loopback, with a password, gone when the process is.

::

    with PostgresServer(settings={"fsync": False}) as server:
        server.psql("create table t (a int)")
        dk.connect(server.url)
"""

from __future__ import annotations

import atexit
import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from dk_notebook.errors import ConnectionFailed, QueryError
from dk_notebook.testing.services import locales
from dk_notebook.testing.services.accounts import Account
from dk_notebook.testing.services.ports import free_port
from dk_notebook.testing.services.postgres_programs import programs

HOST = "127.0.0.1"
SECONDS = 60.0  # for a start, and for an end at once
PATIENCE = 10.0  # seconds for its sessions to end

# Reads what never comes: when the process that started the server is gone, killed even, the pipe ends, and then so do
# the server and the temporary folders. A word before the end, and nothing happens.
WATCH = """
server=$1; shift
read -r word && exit
kill -QUIT $server; kill -CONT $server
for each in 1 2 3 4 5 6 7 8 9 10; do kill -0 $server 2>/dev/null && sleep 1; done
rm -rf "$@"
"""


class PostgresAddress:
    """A running server: where it is, who may enter, and ``psql`` on it.

    >>> print(PostgresAddress("postgresql://ann:secret@db:5433/shop"))
    postgresql://ann@db:5433/shop
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.host = parts.hostname or HOST
        self.port = parts.port or 5432
        self.user = unquote(parts.username or "postgres")
        self.password = unquote(parts.password or "")
        self.database = unquote(parts.path.removeprefix("/")) or self.user

    @property
    def url(self) -> str:
        """``postgresql://user:password@host:port/database``."""
        return self.url_of(self.database)

    def url_of(self, database: str, *, host: str | None = None, port: int | None = None) -> str:
        """The URL of another database, or of the way to it through something in between."""
        who = f"{quote(self.user, safe='')}:{quote(self.password, safe='')}"
        return f"postgresql://{who}@{host or self.host}:{port or self.port}/{quote(database, safe='')}"

    def psql(self, text: str, *, database: str | None = None) -> str:
        """What ``psql`` prints for one or more statements, bare: a line a row, ``|`` between columns.

        QueryError, with the server's words, where a statement failed; those after it do not run.
        """
        environ = {**os.environ, "PGPASSWORD": self.password, "PGCONNECT_TIMEOUT": "10"}
        where = ["-h", self.host, "-p", str(self.port), "-U", self.user, "-d", database or self.database]
        plain = ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-f", "-"]
        command = [str(programs() / "psql"), *where, *plain]
        # Words, no shell.
        done = subprocess.run(command, input=text, text=True, env=environ, capture_output=True, check=False)  # noqa: S603
        if done.returncode:
            raise QueryError(done.stderr.strip())
        return done.stdout.removesuffix("\n")

    def __str__(self) -> str:
        return f"postgresql://{self.user}@{self.host}:{self.port}/{self.database}"


class PostgresServer(PostgresAddress):
    r"""PostgreSQL 18 on a free port of 127.0.0.1, with SCRAM passwords, UTF8, and text sorted as people do.

    ``settings``: of ``postgresql.conf``, by name. ``folder``: where the data stay for a later start; without it they
    are in a temporary folder, which goes with the server. ``password``: a random one without it. ``database``: made
    at the first start, as ``user`` is, who is a superuser.

    MissingDependency: the wheel with the programs is not installed.

    >>> with PostgresServer(settings={"fsync": False, "work_mem": "8MB"}) as server:
    ...     server.psql("show work_mem; show fsync")
    '8MB\noff'
    """

    def __init__(
        self,
        *,
        settings: Mapping[str, object] | None = None,
        folder: Path | None = None,
        user: str = "dk",
        password: str | None = None,
        database: str = "dk",
    ) -> None:
        self.host, self.port = HOST, free_port()
        self.user, self.password, self.database = user, password or secrets.token_urlsafe(12), database
        self.settings = dict(settings or {})
        self._kept = folder
        self._account = Account()
        self._folder: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._watch: subprocess.Popen[bytes] | None = None
        self._suspended: list[int] = []
        self._owner = os.getpid()

    def __enter__(self) -> PostgresServer:
        self.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def start(self) -> None:
        """Start it, and return when it takes connections. ConnectionFailed, with its log's end, where it does not."""
        if self._process is not None:
            return
        self._programs = programs()
        atexit.register(self.close)
        fresh = not (self._data / "PG_VERSION").exists()
        if fresh:
            self._initialise()
        else:
            self.password = self._secret.read_text()
        self._launch()
        if fresh and self.database != "postgres":
            self.psql(f'create database "{self.database}"', database="postgres")

    def stop(self, *, at_once: bool = False) -> None:
        """End it; the data stay. Sessions are ended and rolled back, or with ``at_once`` cut off as in a crash."""
        if self._process is None:
            return
        self.resume()
        self._process.send_signal(signal.SIGQUIT if at_once else signal.SIGINT)
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:  # a session that hears nothing is killed at an immediate shutdown
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(SECONDS)
        self._process = None
        if self._watch is not None:
            self._watch.communicate(b"stopped\n")
            self._watch = None

    def restart(self, *, at_once: bool = False) -> None:
        """End it and start it again, on the same port with the same data."""
        self.stop(at_once=at_once)
        self.start()

    def close(self) -> None:
        """End it and forget the data, unless they have a folder of their own."""
        if os.getpid() != self._owner:  # a fork inherits the objects, not the server
            return
        atexit.unregister(self.close)
        self.stop()
        if self._kept is None and self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    @property
    def process_id(self) -> int:
        """The postmaster's; the backends' are in ``pg_stat_activity``. ConnectionFailed: it does not run."""
        if self._process is None:
            raise ConnectionFailed("the server does not run")
        return self._process.pid

    @property
    def log(self) -> str:
        """What the server wrote so far."""
        return self._log.read_text(errors="replace")

    def suspend(self, process_id: int | None = None) -> None:
        """Let one backend, or the whole server, stand still: connected, and silent (SIGSTOP)."""
        if process_id is not None:
            os.kill(process_id, signal.SIGSTOP)
            self._suspended.append(process_id)
            return
        postmaster = self.process_id
        self.suspend(postmaster)  # first, so that there are no new children
        for child in _children(postmaster):
            with contextlib.suppress(ProcessLookupError):
                self.suspend(child)

    def resume(self) -> None:
        """Let everything go on that was suspended."""
        while self._suspended:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._suspended.pop(), signal.SIGCONT)

    def standby(self, *, settings: Mapping[str, object] | None = None) -> PostgresServer:
        """A running copy that follows this server, read-only until it is told to ``promote``."""
        other = PostgresServer(
            settings={**self.settings, **(settings or {})},
            user=self.user,
            password=self.password,
            database=self.database,
        )
        other._copy(self)
        other.start()
        return other

    def promote(self) -> None:
        """Make a standby a primary, and return when it takes writes."""
        self.psql("select pg_promote(true)")

    # --- inside

    @property
    def folder(self) -> Path:
        """Where its data and its log lie."""
        if self._folder is None:
            if self._kept is None:
                self._folder = Path(tempfile.mkdtemp(prefix="dk-postgres-"))
            else:
                self._folder = self._kept.resolve()
                self._folder.mkdir(parents=True, exist_ok=True)
            self._account.own(self._folder)
        return self._folder

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    @property
    def _log(self) -> Path:
        return self.folder / "log"

    @property
    def _secret(self) -> Path:
        return self.folder / "password"

    def _environ(self, **more: str) -> dict[str, str]:
        # Nothing of PG*, and messages in English.
        environ = {"PATH": os.environ.get("PATH", os.defpath), "LC_MESSAGES": "C", **more}
        folder = locales.language().folder
        return environ if folder is None else {**environ, "LOCPATH": str(folder)}

    def _run(self, program: str, *arguments: str, **environ: str) -> None:
        command = [str(self._programs / program), *arguments]
        try:
            self._account.run(command, environ=self._environ(**environ), folder=self.folder)
        except subprocess.CalledProcessError as error:
            raise ConnectionFailed(f"{program} failed: {error.stderr.strip()}") from error

    def _initialise(self) -> None:
        """A cluster, which gets its name when it is whole: a start that was killed leaves nothing half done."""
        self._write_secret()
        fresh = self.folder / "new"
        shutil.rmtree(fresh, ignore_errors=True)
        language = ["--locale", locales.language().name, "--lc-messages", "C", "--encoding", "UTF8"]
        access = ["--username", self.user, "--pwfile", str(self._secret), "--auth", "scram-sha-256"]
        self._run("initdb", "--pgdata", str(fresh), *language, *access, "--no-sync", "--no-instructions")
        fresh.rename(self._data)

    def _copy(self, primary: PostgresServer) -> None:
        self._programs = programs()
        self._write_secret()
        where = ["-h", primary.host, "-p", str(primary.port), "-U", primary.user]
        how = ["--wal-method", "stream", "--write-recovery-conf", "--checkpoint", "fast", "--no-sync"]
        self._run("pg_basebackup", "--pgdata", str(self._data), *where, *how, PGPASSWORD=primary.password)

    def _write_secret(self) -> None:
        self._secret.touch(mode=0o600)
        self._secret.write_text(self.password)
        self._account.own(self._secret)

    def _launch(self) -> None:
        settings: dict[str, object] = {
            "listen_addresses": self.host,
            "port": self.port,
            "unix_socket_directories": "",
            **self.settings,
        }
        earlier = self._lock()
        if earlier:  # the one before was killed; its server may be on its way out
            _wait(lambda: not _alive(int(earlier[0])), seconds=10)
        with self._log.open("ab") as log:
            self._process = process = self._account.popen(
                [str(self._programs / "postgres"), "-D", str(self._data)]
                + [word for name, value in settings.items() for word in ("-c", f"{name}={_spelled(value)}")],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environ(),
                cwd=self.folder,
                start_new_session=True,  # Ctrl-C is for those who use it, not for the server
            )
        self._watch = self._account.popen(
            ["sh", "-c", WATCH, "sh", str(process.pid), *map(str, self._temporary())],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
        )
        _wait(lambda: process.poll() is not None or (self._lock() != earlier and _is_ready(self._lock())))
        if process.poll() is not None or not _is_ready(self._lock()):
            self.stop()
            raise ConnectionFailed(f"PostgreSQL did not start: {' '.join(self.log.splitlines()[-3:])}")

    def _temporary(self) -> list[Path]:
        language = locales.language().folder
        return [each for each in (language, None if self._kept else self.folder) if each is not None]

    def _lock(self) -> list[str]:
        """The lines of ``postmaster.pid``: the process first, its state last."""
        try:
            return (self._data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []


def _is_ready(lock: list[str]) -> bool:
    return len(lock) > 7 and lock[7].strip() in ("ready", "standby")


def _spelled(value: object) -> object:
    """A value as ``postgresql.conf`` has it."""
    return ("off", "on")[value] if isinstance(value, bool) else value


def _wait(condition: Callable[[], bool], *, seconds: float = SECONDS) -> bool:
    """Whether it came true in time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def _alive(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _children(process_id: int) -> list[int]:
    listed = Path(f"/proc/{process_id}/task/{process_id}/children")
    if listed.exists():
        return [int(child) for child in listed.read_text().split()]
    pairs = Account().run(["ps", "-A", "-o", "pid=,ppid="])
    return [int(child) for child, parent in map(str.split, pairs.splitlines()) if int(parent) == process_id]
