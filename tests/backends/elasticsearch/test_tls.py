"""Servers whose TLS is not to be trusted: refused off this machine, accepted on it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from dk_notebook.backends.elasticsearch.connections.cluster import Cluster
from dk_notebook.errors import ConnectionFailed
from tests.backends.elasticsearch.conftest import settings
from tests.services.certificates import Authority, Certificate, ServerCertificates
from tests.services.http_proxy import HttpFaultProxy
from tests.services.scripted_elasticsearch import ScriptedElasticsearch

pytestmark = pytest.mark.unit

AWAY = "search.example"
"""A host that is not this machine, as far as its name tells."""


@pytest.fixture(autouse=True)
def resolved(monkeypatch: pytest.MonkeyPatch) -> None:
    """`AWAY` leads here."""
    lookup = asyncio.BaseEventLoop.getaddrinfo

    async def here(loop: Any, host: Any, *arguments: Any, **how: Any) -> Any:
        return await lookup(loop, "127.0.0.1" if host == AWAY else host, *arguments, **how)

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", here)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> ServerCertificates:
    return ServerCertificates.made_in(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def scripted() -> Iterator[ScriptedElasticsearch]:
    with ScriptedElasticsearch() as node:
        yield node


@pytest.fixture
def behind_tls(scripted: ScriptedElasticsearch) -> Iterator[Callable[[Certificate], HttpFaultProxy]]:
    with ExitStack() as stack:
        yield lambda certificate: stack.enter_context(HttpFaultProxy(scripted, tls=certificate))


async def opened(url: str, **said: Any) -> str:
    """The name of the cluster that answers."""
    cluster = Cluster(settings(url, **said))
    await cluster.open()
    await cluster.close()
    return cluster.server.cluster


async def refused(url: str, **said: Any) -> ConnectionFailed:
    with pytest.raises(ConnectionFailed) as raised:
        await opened(url, **said)
    return raised.value


Tls = Callable[[Certificate], HttpFaultProxy]


@pytest.mark.parametrize(
    ("bad", "host", "setting"),
    [
        ("self_signed", AWAY, "ca_certs="),
        ("wrong_host", AWAY, "ssl_assert_hostname=False"),
        ("expired", "localhost", "verify_certs=False"),
    ],
)
async def test_a_bad_certificate_is_refused_with_the_setting_that_lets_it_pass(
    behind_tls: Tls, certificates: ServerCertificates, bad: str, host: str, setting: str
) -> None:
    proxy = behind_tls(getattr(certificates, bad))
    error = await refused(proxy.url_of(host=host), ca_certs=str(certificates.authority))
    assert f"https://{host}:{proxy.port}: TLS: " in error.message
    assert setting in str(error.hint)


async def test_off_this_machine_an_unknown_authority_is_refused_without_any_setting(
    behind_tls: Tls, certificates: ServerCertificates
) -> None:
    error = await refused(behind_tls(certificates.good).url_of(host=AWAY))
    assert "ca_certs=" in str(error.hint)


async def test_a_refused_server_hears_no_key(
    behind_tls: Tls, certificates: ServerCertificates, scripted: ScriptedElasticsearch
) -> None:
    await refused(behind_tls(certificates.self_signed).url_of(host=AWAY), api_key="hunter2")
    assert scripted.asked("") == []


@pytest.mark.parametrize("said", [{"verify_certs": False}, {"ssl_assert_hostname": False, "ca_certs": True}])
async def test_the_settings_of_the_hints_let_it_pass(
    behind_tls: Tls, certificates: ServerCertificates, said: dict[str, Any]
) -> None:
    if "ca_certs" in said:
        said = {**said, "ca_certs": str(certificates.authority)}
    assert await opened(behind_tls(certificates.wrong_host).url_of(host=AWAY), **said) == "scripted"


@pytest.mark.parametrize("bad", ["self_signed", "wrong_host", "expired", "good"])
async def test_on_this_machine_any_certificate_will_do(
    behind_tls: Tls, certificates: ServerCertificates, bad: str
) -> None:
    assert await opened(behind_tls(getattr(certificates, bad)).url) == "scripted"


async def test_on_this_machine_it_is_checked_where_the_authority_is_said(
    behind_tls: Tls, certificates: ServerCertificates
) -> None:
    said = {"ca_certs": str(certificates.authority)}
    assert await opened(behind_tls(certificates.good).url_of(host="localhost"), **said) == "scripted"
    await refused(behind_tls(certificates.self_signed).url_of(host="localhost"), **said)


async def test_the_authority_may_be_a_folder(behind_tls: Tls, certificates: ServerCertificates, tmp_path: Path) -> None:
    """Of files that are called by their hashes, as ``openssl rehash`` does it; an empty one trusts nobody."""
    url = behind_tls(certificates.good).url_of(host="localhost")
    assert "ca_certs=" in str((await refused(url, ca_certs=str(tmp_path))).hint)


async def test_a_client_has_a_certificate_of_its_own(
    scripted: ScriptedElasticsearch, certificates: ServerCertificates, tmp_path: Path
) -> None:
    mine = Authority(tmp_path / "mine").issue("ann")
    both = tmp_path / "both.pem"
    both.write_bytes(mine.file.read_bytes() + mine.key.read_bytes())
    with HttpFaultProxy(scripted, tls=certificates.good) as proxy:
        assert proxy.tls is not None
        proxy.tls.load_verify_locations(cafile=tmp_path / "mine" / "ca.pem")
        proxy.tls.verify_mode = 2  # required
        for said in ({"client_cert": str(mine.file), "client_key": str(mine.key)}, {"client_cert": str(both)}):
            assert await opened(proxy.url, **said) == "scripted"


async def test_a_key_with_a_password_is_refused_in_words_and_asks_nobody(tmp_path: Path) -> None:
    locked = Authority(tmp_path / "mine").issue("ann", password="hunter2")
    with pytest.raises(ValueError, match="client_key"):
        await opened("elasticsearch+https://localhost", client_cert=str(locked.file), client_key=str(locked.key))


async def test_tls_to_a_server_without_it_says_which_url_is_without(scripted: ScriptedElasticsearch) -> None:
    error = await refused(f"elasticsearch+https://127.0.0.1:{scripted.port}")
    assert "elasticsearch://" in str(error.hint)


async def test_no_tls_to_a_server_with_it_says_which_url_has_it(
    behind_tls: Tls, certificates: ServerCertificates
) -> None:
    error = await refused(f"elasticsearch://127.0.0.1:{behind_tls(certificates.good).port}")
    assert "elasticsearch+https://" in str(error.hint)
