"""The server that speaks TLS, and the certificates that a careful client refuses."""

from __future__ import annotations

import ssl

import asyncpg
import pytest

pytestmark = pytest.mark.postgres


@pytest.fixture
def careful(postgres_certificates) -> ssl.SSLContext:
    """Checks everything, and trusts the tests' authority."""
    return ssl.create_default_context(cafile=postgres_certificates.authority)


async def attempt(proxy, tls) -> bool:
    """Whether a query went through, encrypted."""
    connection = await asyncpg.connect(proxy.url_of("postgres", host="localhost"), ssl=tls, timeout=10)
    encrypted = connection._transport.get_extra_info("cipher") is not None
    await connection.close()
    return encrypted


async def test_a_good_certificate_is_accepted(postgres_tls_server, postgres_certificates, careful) -> None:
    assert await attempt(postgres_tls_server(postgres_certificates.good), careful)


@pytest.mark.parametrize(
    ("which", "reason"),
    [
        ("wrong_host", "Hostname mismatch"),
        ("expired", "certificate has expired"),
        ("self_signed", "self-signed certificate"),
    ],
)
async def test_another_certificate_is_refused(
    postgres_tls_server, postgres_certificates, careful, which, reason
) -> None:
    proxy = postgres_tls_server(getattr(postgres_certificates, which))
    with pytest.raises(ssl.SSLCertVerificationError, match=reason):
        await attempt(proxy, careful)


async def test_a_good_certificate_is_refused_without_its_authority(postgres_tls_server, postgres_certificates) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="unable to get local issuer"):
        await attempt(postgres_tls_server(postgres_certificates.good), ssl.create_default_context())


async def test_the_plain_server_has_no_tls(postgres_server, careful) -> None:
    with pytest.raises(ConnectionError, match="rejected SSL upgrade"):
        await asyncpg.connect(postgres_server.url_of("postgres", host="localhost"), ssl=careful)


async def test_a_long_answer_passes_encrypted(postgres_tls_server, postgres_certificates, careful) -> None:
    proxy = postgres_tls_server(postgres_certificates.good)
    connection = await asyncpg.connect(proxy.url_of("postgres", host="localhost"), ssl=careful)
    text = "x" * 3_000_000
    assert await connection.fetchval("select $1 || 'y'", text) == text + "y"
    await connection.close()


async def test_an_encrypted_connection_can_be_cut(postgres_tls_server, postgres_certificates, careful) -> None:
    proxy = postgres_tls_server(postgres_certificates.good)
    connection = await asyncpg.connect(proxy.url_of("postgres", host="localhost"), ssl=careful)
    proxy.cut()
    with pytest.raises((ConnectionResetError, asyncpg.ConnectionDoesNotExistError, asyncpg.InterfaceError)):
        await connection.fetchval("select 1")
