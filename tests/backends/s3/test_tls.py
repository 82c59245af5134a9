"""Stores whose TLS is not to be trusted: refused off this machine, accepted on it, by either carrier."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from dk_notebook.backends.s3.config import S3Config
from dk_notebook.backends.s3.connections.credentials import Credentials, session_of
from dk_notebook.backends.s3.connections.obstore_carrier import ObstoreCarrier
from dk_notebook.config.settings import build
from dk_notebook.errors import ConfigError, ConnectionFailed
from tests.backends.s3.conftest import opened, session
from tests.services.certificates import Authority, Certificate, ServerCertificates
from tests.services.s3_address import S3Address
from tests.services.s3_proxy import S3FaultProxy

pytestmark = pytest.mark.s3

AWAY = "store.example"
"""A host that is not this machine, as far as its name tells."""

Tls = Callable[[Certificate], S3FaultProxy]


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
def behind_tls(s3_store: S3Address) -> Iterator[Tls]:
    with ExitStack() as stack:
        yield lambda certificate: stack.enter_context(S3FaultProxy(s3_store, tls=certificate))


def config_by(way: S3FaultProxy, host: str, bucket: str, **said: Any) -> S3Config:
    return build(S3Config, [("keyword", {"bucket": bucket, **said}), ("store", way.settings_of(host))])


async def refused(config: S3Config) -> ConnectionFailed:
    with pytest.raises(ConnectionFailed) as raised:
        async with opened(config):
            pass
    return raised.value


@pytest.mark.parametrize(
    ("bad", "host", "setting"),
    [
        ("self_signed", AWAY, "ca_certs="),
        ("wrong_host", AWAY, "for another host"),
        ("expired", "localhost", "verify_certs=False"),
        ("good", AWAY, "for another host"),
    ],
)
async def test_a_bad_certificate_is_refused_with_the_setting_that_lets_it_pass(
    behind_tls: Tls, certificates: ServerCertificates, s3_bucket: str, bad: str, host: str, setting: str
) -> None:
    way = behind_tls(getattr(certificates, bad))
    trusted = {} if bad == "self_signed" else {"ca_certs": str(certificates.authority)}
    error = await refused(config_by(way, host, s3_bucket, **trusted))
    assert (setting in str(error.hint), "verify_certs=False" in str(error.hint)) == (True, True)


@pytest.mark.parametrize("bad", ["self_signed", "wrong_host", "expired", "good"])
async def test_on_this_machine_any_certificate_will_do(
    behind_tls: Tls, certificates: ServerCertificates, s3_bucket: str, transport: str, bad: str
) -> None:
    way = behind_tls(getattr(certificates, bad))
    async with session(config_by(way, "localhost", s3_bucket, transport=transport)) as made:
        await made.objects.put("k", b"abc")
        assert bytes((await made.objects.get("k")).data) == b"abc"


async def test_a_certificate_of_a_known_authority_is_accepted(
    behind_tls: Tls, certificates: ServerCertificates, s3_bucket: str, transport: str
) -> None:
    said = {"transport": transport, "ca_certs": str(certificates.authority), "verify_certs": True}
    async with session(config_by(behind_tls(certificates.good), "localhost", s3_bucket, **said)) as made:
        await made.objects.put("k", b"abc")
        assert bytes((await made.objects.get("k")).data) == b"abc"


@pytest.mark.parametrize("bad", ["self_signed", "wrong_host", "expired"])
async def test_obstore_checks_too(behind_tls: Tls, certificates: ServerCertificates, s3_bucket: str, bad: str) -> None:
    """Which a bad certificate does not reach: aioboto3 opens the store."""
    way = behind_tls(getattr(certificates, bad))
    config = config_by(way, "localhost", s3_bucket, ca_certs=str(certificates.authority))
    credentials = Credentials(await session_of(config), config)
    carrier = ObstoreCarrier(config, credentials, region="us-east-1", endpoint=str(config.endpoint_url))
    with pytest.raises(ConnectionFailed, match="no connection: the certificate was refused"):
        await carrier.get(s3_bucket, "k")
    carrier.close()


async def test_the_environment_names_an_authority_as_well(
    behind_tls: Tls, certificates: ServerCertificates, s3_bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    way = behind_tls(certificates.good)
    said = {"bucket": s3_bucket, "verify_certs": True, **way.settings_of("localhost")}
    levels = [("keyword", said), *S3Config.lower_levels({"AWS_CA_BUNDLE": str(certificates.authority)}, said)]
    async with opened(build(S3Config, levels)):
        pass


async def test_a_server_without_tls_is_told(s3_store: S3Address, s3_bucket: str) -> None:
    with S3FaultProxy(s3_store) as way:
        said = {**way.settings, "endpoint_url": f"https://localhost:{way.port}", "bucket": s3_bucket}
        error = await refused(build(S3Config, [("keyword", said)]))
    assert "begins with http://" in str(error.hint)


@pytest.mark.parametrize("contents", [None, "no certificate"])
async def test_an_authority_that_cannot_be_read_is_named(s3_store: S3Address, tmp_path: Path, contents: Any) -> None:
    file = tmp_path / "ca.pem"
    if contents is not None:
        file.write_text(contents)
    said = {**s3_store.settings, "bucket": "lake", "ca_certs": str(file)}
    with pytest.raises(ConfigError, match=r"'ca_certs' cannot be used: .*ca\.pem"):
        async with opened(build(S3Config, [("keyword", said)])):
            pass


async def test_another_authority_is_not_trusted(
    behind_tls: Tls, certificates: ServerCertificates, s3_bucket: str, tmp_path: Path
) -> None:
    other = Authority(tmp_path / "other")
    error = await refused(config_by(behind_tls(certificates.good), "localhost", s3_bucket, ca_certs=str(other.file)))
    assert "ca_certs=" in str(error.hint)
