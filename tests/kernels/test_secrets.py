"""Passwords and keys, looked for in all that a kernel shows and logs, in each of IPython's ways to show an error."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest

from dk_notebook.testing.services.postgres import PostgresAddress
from tests.kernels.driver import Kernel, Outcome
from tests.services.elasticsearch_address import ElasticsearchAddress
from tests.services.s3_address import S3Address

pytestmark = [pytest.mark.kernel, pytest.mark.timeout(300)]

CANARY = "swordfish-1f0c9a77"
MODES = ["Plain", "Context", "Minimal", "Verbose"]

MAGICS = [
    "%dkquery -c {name} {wrong}",
    "%%dkquery -c {name}\n{wrong}",
    "%dkexplain -c {name} {wrong}",
    "%%dkexplain --analyze -c {name}\n{wrong}",
    "%dkbench -r 1 -w 0 -c {name} {wrong}",
    "%%dkbench -r 1 -w 0 --cold -c {name}\n{wrong}",
    "%dktables -c {name} dk-absent",
    "%dkstatus -c {name}x",
    "%dkclose {name}x",
    "%dkconnect {name}x",
]
FUNCTIONS = [
    "dk.read_query({wrong!r}, {name!r})",
    "await dk.aread_table('dk-absent', {name!r})",
    "dk.write_table(pd.DataFrame({{'n': [1]}}), 'dk-absent', {name!r}, mode='truncate')",
    "login()",
]
"""Cells that fail, as all magics above do: the statement, the name or the login is wrong."""

LOOKS = """
magic = get_ipython().run_line_magic
looks = [dk.connections(), dk.status(), dk.running(), dk.show_versions(), magic("dkconnect", ""), magic("dkstatus", "")]
looks += [connection, connection.config, connection.description, magic("dktables", "-c {name}")]
for look in looks:
    print(repr(look), look, getattr(look, "_repr_html_", str)())
"""

LISTEN = """
import io, logging
heard, root = io.StringIO(), logging.getLogger()
handler, level = logging.StreamHandler(heard), root.level
root.addHandler(handler)
root.setLevel(logging.DEBUG)
"""
LISTEN_NO_MORE = """
root.setLevel(level)
root.removeHandler(handler)
"""


@dataclass(frozen=True)
class Canary:
    """A connection of a kernel, and the secrets that nothing may show. The kernel's environment has the first."""

    name: str
    connect: str
    """Python that makes ``connection``."""
    login: str
    """Python that fails to make one."""
    wrong: str
    """A statement that fails."""
    secrets: tuple[str, ...]

    def code(self, template: str) -> str:
        return template.format(name=self.name, wrong=self.wrong)

    def shown_in(self, text: str) -> list[str]:
        return [secret for secret in self.secrets if secret in text]


def _postgres(request: pytest.FixtureRequest) -> Iterator[Canary]:
    server: PostgresAddress = request.getfixturevalue("postgres_server")
    server.psql(f"create role dk_canary login password '{CANARY}'")
    parts = urlsplit(server.url)
    url = f"postgresql://dk_canary@{parts.hostname}:{parts.port}{parts.path}"
    yield Canary(
        name="pg",
        connect=f"dk.connect({url!r}, name='pg', password=secret)",
        login=f"dk.connect({url!r}, name='stranger', user='nobody', password=secret)",
        wrong="select nope",
        secrets=(CANARY,),
    )
    server.psql("drop role dk_canary")


def _elasticsearch(request: pytest.FixtureRequest) -> Iterator[Canary]:
    node: ElasticsearchAddress = request.getfixturevalue("elasticsearch_node")
    user, password = (node.user, node.password) if node.user else ("ann", CANARY)  # whom a node without users lets in
    url = f"elasticsearch{'+https' if node.scheme == 'https' else ''}://{user}@{node.host}:{node.port}"
    yield Canary(
        name="es",
        connect=f"dk.connect({url!r}, name='es', password=secret)",
        login=f"dk.connect('elasticsearch://{user}@127.0.0.1:1', name='stranger', password=secret)",
        wrong="FROM dk-absent | KEEP nope",
        secrets=(password, base64.b64encode(f"{user}:{password}".encode()).decode()),
    )


def _s3(request: pytest.FixtureRequest) -> Iterator[Canary]:
    store: S3Address = request.getfixturevalue("s3_store")
    settings = {"endpoint_url": store.endpoint, "region": store.region, "aws_access_key_id": store.access_key}
    stranger = {**settings, "aws_access_key_id": "AKIANOBODY"}
    url = f"s3://{request.getfixturevalue('s3_bucket')}"
    secrets = f"aws_secret_access_key=secret, aws_session_token={CANARY!r}"
    yield Canary(
        name="lake",
        connect=f"dk.connect({url!r}, name='lake', {secrets}, **{settings})",
        login=f"dk.connect({url!r}, name='stranger', {secrets}, **{stranger})",
        wrong="select nope from nowhere",
        secrets=(store.secret, CANARY),
    )


STORES = {"postgres": _postgres, "elasticsearch": _elasticsearch, "s3": _s3}


@pytest.fixture(params=[pytest.param(store, marks=getattr(pytest.mark, store)) for store in STORES])
def canary(request: pytest.FixtureRequest) -> Iterator[Canary]:
    yield from STORES[request.param](request)


@pytest.fixture
def kernel(kernel: Kernel, canary: Canary) -> Iterator[Kernel]:
    """A kernel with the connection, the log of everything, and a function that fails to log in."""
    hidden = base64.b64encode(canary.secrets[0].encode())  # what a kernel logs of its cells is not meant here
    token = base64.b64encode(CANARY.encode())
    kernel.ok(
        "import base64\nimport dk_notebook as dk, pandas as pd\n%load_ext dk_notebook\n"
        f"secret = base64.b64decode({hidden!r}).decode()\ntoken = base64.b64decode({token!r}).decode()\n"
        f"def login():\n    {canary.login}\n{LISTEN}connection = {canary.connect}".replace(repr(CANARY), "token")
    )
    yield kernel
    kernel.ok(f"{LISTEN_NO_MORE}\n%xmode Context\ndk.close()")


def failed(kernel: Kernel, mode: str, codes: list[str]) -> dict[str, Outcome]:
    kernel.ok(f"%xmode {mode}")
    outcomes = {code: kernel.run(code) for code in codes}
    assert {outcome.status for outcome in outcomes.values()} == {"error"}, outcomes
    return outcomes


def everything(outcome: Outcome) -> str:
    return json.dumps(outcome.outputs) + outcome.message + outcome.traceback


@pytest.mark.parametrize("mode", MODES)
def test_no_failed_cell_shows_or_logs_a_secret(kernel: Kernel, canary: Canary, mode: str) -> None:
    codes = [canary.code(code) for code in MAGICS + FUNCTIONS]
    outcomes = failed(kernel, mode, codes)
    assert [code for code, outcome in outcomes.items() if canary.shown_in(everything(outcome))] == []
    log = kernel.ok("print(heard.getvalue())").stdout
    assert canary.shown_in(log) == []


@pytest.mark.parametrize("mode", MODES[:-1])
def test_no_failed_cell_shows_lines_of_ours(kernel: Kernel, canary: Canary, mode: str) -> None:
    outcomes = failed(kernel, mode, [canary.code(code) for code in MAGICS + FUNCTIONS])
    lines = {code: outcome.traceback.splitlines() for code, outcome in outcomes.items()}
    assert [code for code, shown in lines.items() if len(shown) > 14 or "dk_notebook/" in "".join(shown)] == []


def test_no_look_shows_or_logs_a_secret(kernel: Kernel, canary: Canary) -> None:
    shown = kernel.ok(canary.code(LOOKS)).stdout
    log = kernel.ok("print(heard.getvalue())").stdout
    assert (canary.name in shown, canary.shown_in(shown + log)) == (True, [])
