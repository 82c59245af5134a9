"""An Elasticsearch node of one's own: on loopback, with ES|QL, gone when the process is.

::

    with ElasticsearchNode() as node:
        node.request("PUT", "/things/_doc/1?refresh=true", {"a": 1})
        dk.connect(node.url)

It is a real Elasticsearch 8.19 with ES|QL, users, API keys and TLS, without the modules that are published in the
distributions alone. So it does not have

- scripts of any kind, in runtime fields, sorts or updates; ingest processors; search templates;
- reindex, update-by-query, delete-by-query, async search (ES|QL has its own), SQL, EQL, data streams, rank_eval;
- the types `unsigned_long`, `scaled_float`, `wildcard`, `constant_keyword`, `match_only_text`, `search_as_you_type`,
  `token_count`, `rank_feature`, `join`, `percolator`, `geo_shape`, `shape`, `point`, `histogram`, `semantic_text`,
  `aggregate_metric_double`, `counted_keyword`;
- the aggregations `multi_terms`, `auto_date_histogram`, `adjacency_matrix`, `geohex_grid`, `time_series`, `geo_line`,
  `top_metrics`, `string_stats`, `boxplot`, `t_test`, `rate`, `matrix_stats`, `categorize_text`, `frequent_item_sets`,
  and of the pipelines `derivative`, `bucket_sort`, `bucket_script`, `bucket_selector`, `moving_fn`, `normalize`,
  `moving_percentiles`, `cumulative_cardinality`;
- analyzers of languages, and of filters and tokenizers all but `lowercase`, `stop`, `shingle` and `standard`;
- of ES|QL `ENRICH`, and what needs a licence, `CATEGORIZE` and `CHANGE_POINT`.

What depends on them is tested by recorded answers (`scripted_elasticsearch.py`).

``python -m tests.services.elasticsearch_node 9200`` runs one on a port until Ctrl-C.
"""

from __future__ import annotations

import atexit
import base64
import contextlib
import functools
import hashlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from dk_notebook.errors import ConnectionFailed, QueryError
from dk_notebook.testing.services.accounts import Account
from dk_notebook.testing.services.ports import free_port
from tests.services.certificates import Certificate
from tests.services.elasticsearch_address import HOST, ElasticsearchAddress
from tests.services.elasticsearch_build import built, java_home

SECONDS = 90.0  # for a start: ten where nothing else runs
PATIENCE = 20.0  # seconds for an end in good order

SETTINGS: dict[str, object] = {
    "cluster.name": "dk-notebook-tests",
    "network.host": HOST,
    "transport.port": 0,
    "discovery.type": "single-node",
    "xpack.security.enabled": False,
    "xpack.security.enrollment.enabled": False,
    "cluster.routing.allocation.disk.threshold_enabled": False,  # a full disk is not what is tested
    "cluster.max_shards_per_node": 10_000,  # many tests at once have many small indices
    "search.keep_alive_interval": "1s",  # a point in time that nobody uses goes when it should, not a minute later
}
NORMAL_JVM = ("-Xms512m", "-Xmx512m")
QUICK_JVM = ("-Xms512m", "-Xmx512m", "-XX:TieredStopAtLevel=1")
"""Half the work to start, and slower where much is asked: the compiler that takes long is left out."""

READY = "/_cluster/health?wait_for_status=yellow&wait_for_no_initializing_shards=true&timeout=2s"

# Reads what never comes: when the process that started the node is gone, killed even, the pipe ends, and then so do
# the node and its folder. A word before the end, and nothing happens.
WATCH = """
group=$1; shift
read -r word && exit
kill -KILL -$group
for each in 1 2 3 4 5 6 7 8 9 10; do kill -0 -$group 2>/dev/null && sleep 1; done
rm -rf "$@"
"""


class ElasticsearchNode(ElasticsearchAddress):
    """Elasticsearch 8.19 on a free port of 127.0.0.1, a cluster of its own, started in about ten seconds.

    ``settings``: of ``elasticsearch.yml``, by name. ``jvm``: options of Java; the process is about twice as large as
    the heap. ``password``: who asks needs it, as the user ``dk``, who may do everything, or an API key; without it all
    may. ``tls``: it speaks nothing but TLS, with this certificate of ``authority``, as ``localhost``; a password is
    made up where there is none.

    MissingDependency: Maven or a JDK is not there.
    """

    def __init__(
        self,
        *,
        settings: Mapping[str, object] | None = None,
        jvm: Sequence[str] = NORMAL_JVM,
        password: str | None = None,
        tls: Certificate | None = None,
        authority: Path | None = None,
    ) -> None:
        super().__init__(f"elasticsearch://{HOST}:{free_port()}", authority=authority)
        self.settings = dict(settings or {})
        self.jvm = list(jvm)
        if password is not None or tls is not None:
            self.user, self.password = "dk", password or secrets.token_urlsafe(12)
        if tls is not None:
            self.scheme, self.host = "https", "localhost"
        self._tls = tls
        self._account = Account()
        self._folder: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._watch: subprocess.Popen[bytes] | None = None
        self._owner = os.getpid()

    def __enter__(self) -> ElasticsearchNode:
        self.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def start(self) -> None:
        """Start it, and return when it answers. ConnectionFailed, with its log's end, where it does not."""
        if self._process is not None:
            return
        home = _home()
        atexit.register(self.close)
        if not self._config.exists():
            shutil.copytree(home / "config", self._config)
            (self.folder / "tmp").mkdir()
        self._configure()
        self._launch(home)

    def stop(self) -> None:
        """End it in good order; the data stay, and the port for a later start."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once, as a crash does: what it had acknowledged is there after the next start."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """End it and start it again, on the same port with the same data."""
        self.stop()
        self.start()

    def close(self) -> None:
        """End it and forget the data."""
        if os.getpid() != self._owner:  # a fork inherits the objects, not the node
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

    @property
    def runs(self) -> bool:
        """Whether it was started, and not ended since."""
        return self._process is not None

    @property
    def process_id(self) -> int:
        """The launcher's, whose process group the node is. ConnectionFailed: it does not run."""
        if self._process is None:
            raise ConnectionFailed("the node does not run")
        return self._process.pid

    @property
    def log(self) -> str:
        """What the node wrote so far."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    @property
    def folder(self) -> Path:
        """Where its settings, its data and its log lie."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="dk-elasticsearch-"))
        return self._folder

    # --- inside

    @property
    def _log(self) -> Path:
        return self.folder / "log"

    @property
    def _config(self) -> Path:
        return self.folder / "config"

    def _configure(self) -> None:
        own = {"http.port": self.port, "path.data": f"{self.folder}/data", "path.logs": f"{self.folder}/logs"}
        settings = {**SETTINGS, **own, **self._security(), **self.settings}
        lines = [f"{name}: {json.dumps(value)}\n" for name, value in settings.items()]  # JSON is YAML
        (self._config / "elasticsearch.yml").write_text("".join(lines))
        (self._config / "jvm.options.d" / "own.options").write_text("\n".join(self.jvm))
        for path in [self.folder, *self.folder.rglob("*")]:
            self._account.own(path)

    def _security(self) -> dict[str, object]:
        """The settings, and the files, of a node that asks who one is and may speak TLS."""
        if not self.user:
            return {}
        (self._config / "users").write_text(f"{self.user}:{_hashed(self.password)}\n")
        (self._config / "users_roles").write_text(f"superuser:{self.user}\n")
        settings: dict[str, object] = {"xpack.security.enabled": True}
        if self._tls is not None:
            for what, file in {"certificate": self._tls.file, "key": self._tls.key}.items():
                shutil.copy(file, self._config / f"http.{what}")  # it reads none but those beside its settings
                settings[f"xpack.security.http.ssl.{what}"] = f"http.{what}"
            settings["xpack.security.http.ssl.enabled"] = True
        return settings

    def _launch(self, home: Path) -> None:
        folder = self.folder
        environ = {
            "PATH": os.environ.get("PATH", os.defpath),
            "ES_JAVA_HOME": str(java_home()),
            "ES_PATH_CONF": str(self._config),
            "ES_TMPDIR": str(folder / "tmp"),
        }
        with self._log.open("ab") as log:
            self._process = self._account.popen(
                [str(home / "bin" / "elasticsearch")],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environ,
                cwd=folder,
                start_new_session=True,  # Ctrl-C is for those who use it; and one group to suspend and to kill
            )
        self._watch = self._account.popen(
            ["sh", "-c", WATCH, "sh", str(self._process.pid), str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
        )
        if not self._is_ready():
            lines = [line[:300] for line in self.log.splitlines() if line and not line.startswith("\tat ")]
            self.kill()
            raise ConnectionFailed(f"Elasticsearch did not start: {' '.join(lines[-5:])}")

    def _is_ready(self) -> bool:
        """Whether it takes requests in time, with all that it held before."""
        assert self._process is not None
        end = time.monotonic() + SECONDS
        while self._process.poll() is None and time.monotonic() < end:
            try:
                self.request("GET", READY)
            except (ConnectionFailed, QueryError):
                time.sleep(0.1)
            else:
                return True
        return False

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):  # it ended by itself
            if how == signal.SIGKILL:  # its parent, the launcher, sees it, and ends too
                for child in psutil.Process(self._process.pid).children():
                    child.kill()
            else:
                self._process.send_signal(how)
            self.resume()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(PATIENCE)
        self._process = None
        if self._watch is not None:
            self._watch.communicate(b"stopped\n")
            self._watch = None


def _hashed(password: str) -> str:
    """A password as the file of users has it: PBKDF2 with SHA-512."""
    rounds, salt = 10_000, secrets.token_bytes(32)
    key = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, rounds, 32)
    return f"{{PBKDF2}}{rounds}${base64.b64encode(salt).decode()}${base64.b64encode(key).decode()}"


@functools.cache
def _home() -> Path:
    """The distribution, where the account of the node can read it."""
    home = built()
    return home if _can_run(home) else _copied(home)


def _can_run(home: Path) -> bool:
    try:
        Account().run(["test", "-x", str(home / "bin" / "elasticsearch")])
    except subprocess.CalledProcessError:
        return False
    return True


def _copied(home: Path) -> Path:
    """A copy where everybody can read: what is below root's home is closed to the node's account."""
    root = Path(tempfile.mkdtemp(prefix="dk-elasticsearch-home-"))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    root.chmod(0o755)
    return Path(shutil.copytree(home, root / home.name))


def _run(port: int) -> None:
    node = ElasticsearchNode()
    node.port = port
    with node, contextlib.suppress(KeyboardInterrupt):
        print(f"{node.url}, data in {node.folder}", flush=True)
        signal.pause()


if __name__ == "__main__":
    _run(int(sys.argv[1]) if sys.argv[1:] else 9200)
