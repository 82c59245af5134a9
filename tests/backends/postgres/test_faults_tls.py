"""Servers whose TLS is not to be trusted: refused off this machine, accepted on it, through a proxy that speaks TLS."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dk_notebook.errors import ConnectionFailed
from tests.backends.postgres.behind import opened, read
from tests.services.certificates import Certificate, ServerCertificates
from tests.services.proxy import FaultProxy

pytestmark = pytest.mark.postgres

AWAY = "db.example"
"""A host that is not this machine, as far as its name tells."""

TlsServer = Callable[[Certificate], FaultProxy]


@pytest.fixture(autouse=True)
def resolved(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`AWAY` leads here; and the user has no certificates."""
    monkeypatch.setenv("HOME", str(tmp_path))
    lookup = asyncio.BaseEventLoop.getaddrinfo

    async def here(loop: Any, host: Any, *arguments: Any, **how: Any) -> Any:
        return await lookup(loop, "127.0.0.1" if host in (AWAY, "elsewhere.example") else host, *arguments, **how)

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", here)


async def answer(url: str, **said: Any) -> int:
    async with opened(url, pool={"max_size": 1}, **said) as place:
        (row,) = await read(place, "select 42 as a")
        number: int = row["a"]
        return number


async def refused(url: str, **said: Any) -> ConnectionFailed:
    with pytest.raises(ConnectionFailed) as raised:
        await answer(url, **said)
    return raised.value


@pytest.mark.parametrize("bad", ["self_signed", "wrong_host", "expired"])
async def test_off_this_machine_a_bad_certificate_is_refused_with_the_setting_that_lets_it_pass(
    postgres_tls_server: TlsServer, postgres_certificates: ServerCertificates, bad: str
) -> None:
    proxy = postgres_tls_server(getattr(postgres_certificates, bad))
    error = await refused(proxy.url_of("dk", host=AWAY), sslrootcert=str(postgres_certificates.authority))
    assert (
        "certificate verify failed" in error.message.lower().replace("_", " "),
        "sslmode=" in (error.hint or ""),
    ) == (
        True,
        bad != "self_signed",
    ), (error.message, error.hint)
    assert proxy.accepted == 1


async def test_off_this_machine_an_unknown_authority_is_refused_without_any_setting(
    postgres_tls_server: TlsServer, postgres_certificates: ServerCertificates
) -> None:
    error = await refused(postgres_tls_server(postgres_certificates.good).url_of("dk", host=AWAY))
    assert "sslrootcert=" in (error.hint or "")


async def test_off_this_machine_a_server_without_tls_is_refused_and_hears_no_password(
    proxy: FaultProxy, postgres_certificates: ServerCertificates
) -> None:
    error = await refused(proxy.url_of("dk", host=AWAY))
    assert 'sslmode="prefer"' in (error.hint or "")
    assert proxy.accepted == 1


@pytest.mark.parametrize("bad", ["self_signed", "wrong_host", "expired", "good"])
async def test_on_this_machine_any_certificate_will_do(
    postgres_tls_server: TlsServer, postgres_certificates: ServerCertificates, bad: str
) -> None:
    assert await answer(postgres_tls_server(getattr(postgres_certificates, bad)).url) == 42


async def test_on_this_machine_a_server_without_tls_will_do(proxy: FaultProxy) -> None:
    assert await answer(proxy.url) == 42


async def test_a_good_certificate_of_a_known_authority_is_taken_and_checked(
    postgres_tls_server: TlsServer, postgres_certificates: ServerCertificates
) -> None:
    proxy = postgres_tls_server(postgres_certificates.good)
    url = proxy.url_of("dk", host="localhost")
    assert await answer(url, sslmode="verify-full", sslrootcert=str(postgres_certificates.authority)) == 42


async def test_off_this_machine_it_may_be_switched_off_by_the_setting_of_the_hint(
    postgres_tls_server: TlsServer, postgres_certificates: ServerCertificates
) -> None:
    proxy = postgres_tls_server(postgres_certificates.self_signed)
    assert await answer(proxy.url_of("dk", host=AWAY), sslmode="require") == 42


async def test_a_stop_over_tls_is_heard_by_the_server(
    postgres_tls_server: TlsServer, postgres_certificates: ServerCertificates
) -> None:
    proxy = postgres_tls_server(postgres_certificates.good)
    async with opened(proxy.url, sslmode="require") as place:
        task = asyncio.create_task(read(place, "select pg_sleep(60)"))
        await asyncio.sleep(0.3)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (proxy.cancels, place.backend.status().broken) == (1, 0)
