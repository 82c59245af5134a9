"""The node that the tests start: it is real, it speaks ES|QL, and it goes when its process goes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import psutil
import pyarrow as pa
import pytest

from dk_notebook.errors import ConnectionFailed, QueryError
from tests.services import elasticsearch_node
from tests.services.elasticsearch_address import ElasticsearchAddress
from tests.services.elasticsearch_node import QUICK_JVM, ElasticsearchNode

pytestmark = pytest.mark.elasticsearch


def test_it_is_elasticsearch_8_or_newer(elasticsearch_node: ElasticsearchAddress) -> None:
    assert int(elasticsearch_node.request("GET", "/")["version"]["number"].split(".")[0]) >= 8


def test_it_says_which_product_it_is(elasticsearch_node: ElasticsearchAddress) -> None:
    with urllib.request.urlopen(elasticsearch_node.http) as answer:
        assert answer.headers["X-Elastic-Product"] == "Elasticsearch"


def test_esql_answers_in_arrow(elasticsearch_node: ElasticsearchAddress, elasticsearch_index: str) -> None:
    elasticsearch_node.request("PUT", f"/{elasticsearch_index}/_doc/1?refresh=true", {"a": 7})
    answer = elasticsearch_node.request("POST", "/_query?format=arrow", {"query": f"FROM {elasticsearch_index}"})
    assert pa.ipc.open_stream(answer).read_all().to_pydict() == {"a": [7]}


def test_what_begins_like_the_index_of_a_test_is_deleted(elasticsearch_node: ElasticsearchAddress) -> None:
    for name in ["dk-test-begins", "dk-test-begins-2", "dk-test-other"]:
        elasticsearch_node.request("PUT", f"/{name}")
    elasticsearch_node.delete_indices("dk-test-begins")
    left = elasticsearch_node.request("GET", "/dk-test-begins*,dk-test-other?ignore_unavailable=true")
    elasticsearch_node.delete_indices("dk-test-other")
    assert list(left) == ["dk-test-other"]


def test_suspended_it_is_silent_and_resumed_it_answers(own_elasticsearch_node: ElasticsearchNode) -> None:
    own_elasticsearch_node.suspend()
    with pytest.raises(ConnectionFailed, match="timed out"):
        own_elasticsearch_node.request("GET", "/", timeout=0.3)
    own_elasticsearch_node.resume()
    assert own_elasticsearch_node.request("GET", "/_cluster/health")["status"] == "green"


def test_stopped_it_leaves_no_process_and_started_again_it_has_documents_and_address(
    own_elasticsearch_node: ElasticsearchNode,
) -> None:
    before = own_elasticsearch_node.url
    own_elasticsearch_node.request("PUT", "/things/_doc/1", {"a": 7})
    launcher = psutil.Process(own_elasticsearch_node.process_id)
    processes = [launcher, *launcher.children(recursive=True)]
    own_elasticsearch_node.suspend()
    own_elasticsearch_node.stop()
    assert (len(processes), [each for each in processes if each.is_running()]) == (2, [])
    own_elasticsearch_node.start()
    kept = own_elasticsearch_node.request("GET", "/things/_doc/1")["_source"]
    assert (own_elasticsearch_node.url, kept) == (before, {"a": 7})


def test_without_a_password_a_secure_node_refuses(secure_elasticsearch_node: ElasticsearchNode) -> None:
    stranger = ElasticsearchAddress(
        f"https://localhost:{secure_elasticsearch_node.port}", authority=secure_elasticsearch_node.authority
    )
    with pytest.raises(QueryError, match=r"401: .*security_exception"):
        stranger.request("GET", "/")


def test_an_api_key_opens_a_secure_node(secure_elasticsearch_node: ElasticsearchNode) -> None:
    key = secure_elasticsearch_node.request("POST", "/_security/api_key", {"name": "tests"})["encoded"]
    asked = urllib.request.Request(secure_elasticsearch_node.http, headers={"Authorization": f"ApiKey {key}"})
    with urllib.request.urlopen(asked, context=secure_elasticsearch_node.trusted) as answer:
        assert answer.status == 200


def test_who_speaks_without_tls_is_refused(secure_elasticsearch_node: ElasticsearchNode) -> None:
    with pytest.raises(ConnectionFailed):
        ElasticsearchAddress(f"http://localhost:{secure_elasticsearch_node.port}").request("GET", "/")


def test_a_setting_that_does_not_exist_is_an_error_that_names_it() -> None:
    node = ElasticsearchNode(settings={"no.such.setting": 1}, jvm=QUICK_JVM)
    with pytest.raises(ConnectionFailed, match=r"no\.such\.setting"):
        node.start()
    node.close()


HELD = """
import psutil, sys, time
from tests.services.elasticsearch_node import QUICK_JVM, ElasticsearchNode
node = ElasticsearchNode(jvm=QUICK_JVM)
def launched():
    while not psutil.Process(node.process_id).children(): time.sleep(0.05)
    return True
node._is_ready = launched  # what must not outlive its process need not be done with its start
node.start()
print(node.process_id, node.folder, flush=True)
"""
ROOT = Path(__file__).parents[2]


def test_a_process_that_forgets_it_leaves_nothing_behind() -> None:
    done = subprocess.run([sys.executable, "-c", HELD], capture_output=True, text=True, check=True, cwd=ROOT)
    process, folder = done.stdout.split()
    assert (psutil.pid_exists(int(process)), Path(folder).exists(), done.stderr) == (False, False, "")


def test_a_process_that_is_killed_leaves_nothing_behind() -> None:
    command = [sys.executable, "-c", f"{HELD}time.sleep(60)"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as holder:
        assert holder.stdout is not None
        launcher, folder = holder.stdout.readline().split()
        processes = [int(launcher), *(each.pid for each in psutil.Process(int(launcher)).children())]
        holder.send_signal(signal.SIGKILL)
    assert _soon(lambda: not any(map(_runs, processes)) and not Path(folder).exists())


def _runs(process: int) -> bool:
    try:
        return psutil.Process(process).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _soon(condition, seconds: float = 15) -> bool:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    return condition()


def test_a_fork_that_ends_does_not_end_it(own_elasticsearch_node: ElasticsearchNode) -> None:
    child = os.fork()
    if child == 0:
        own_elasticsearch_node.close()
        os._exit(0)
    os.waitpid(child, 0)
    assert own_elasticsearch_node.request("GET", "/_cluster/health")["status"] == "green"


def test_a_distribution_that_the_account_cannot_reach_is_copied(monkeypatch, tmp_path: Path) -> None:
    program = tmp_path / "home" / "bin" / "elasticsearch"
    program.parent.mkdir(parents=True)
    program.touch(mode=0o755)
    monkeypatch.setattr(elasticsearch_node, "built", lambda: program.parents[1])
    monkeypatch.setattr(elasticsearch_node, "_can_run", lambda _: False)
    copied = elasticsearch_node._home.__wrapped__()
    assert ((copied / "bin" / "elasticsearch").exists(), copied == program.parents[1]) == (True, False)
