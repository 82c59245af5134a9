"""Who asks: every source that AWS's tools know, and what expires is renewed."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import botocore.tokens
import pytest

from dk_notebook.backends.s3.config import S3Config
from dk_notebook.config.settings import build
from dk_notebook.errors import ConnectionFailed
from tests.backends.s3.conftest import opened, session
from tests.services.s3_address import S3Address
from tests.services.scripted_s3 import ScriptedS3

pytestmark = pytest.mark.s3


def config_by(store: S3Address, bucket: str, environ: Mapping[str, str] | None = None, **said: Any) -> S3Config:
    """The settings for a bucket, without who asks."""
    place = {"bucket": bucket, "endpoint_url": store.endpoint, **said}
    return build(S3Config, [("keyword", place), *S3Config.lower_levels(environ or {}, place)])


async def used(config: S3Config) -> bytes:
    async with session(config) as made:
        await made.objects.put("k", b"abc")
        return bytes((await made.objects.get("k")).data)


Write = Callable[[str], object]


@pytest.fixture
def aws_config() -> Write:
    """Writes ``~/.aws/config``."""
    return Path(os.environ["AWS_CONFIG_FILE"]).write_text


@pytest.fixture
def aws_credentials() -> Write:
    """Writes ``~/.aws/credentials``."""
    return Path(os.environ["AWS_SHARED_CREDENTIALS_FILE"]).write_text


def keys(store: S3Address) -> str:
    return f"aws_access_key_id = {store.access_key}\naws_secret_access_key = {store.secret}\n"


def printing(tmp_path: Path, said: dict[str, Any]) -> str:
    """A program that prints credentials."""
    (tmp_path / "said").write_text(json.dumps({"Version": 1, **said}))
    program = tmp_path / "program.py"
    program.write_text(f"print(open({str(tmp_path / 'said')!r}).read())")
    return f"{sys.executable} {program}"


async def test_keys_of_the_environment(s3_store: S3Address, s3_bucket: str, transport: str) -> None:
    environ = {"AWS_ACCESS_KEY_ID": s3_store.access_key, "AWS_SECRET_ACCESS_KEY": s3_store.secret}
    assert await used(config_by(s3_store, s3_bucket, environ, transport=transport)) == b"abc"


async def test_the_default_profile(s3_store: S3Address, s3_bucket: str, aws_credentials: Write, transport: str) -> None:
    aws_credentials(f"[default]\n{keys(s3_store)}")
    assert await used(config_by(s3_store, s3_bucket, transport=transport)) == b"abc"


@pytest.mark.parametrize("how", ["keyword", "environment"])
async def test_a_profile(s3_store: S3Address, s3_bucket: str, aws_config: Write, transport: str, how: str) -> None:
    aws_config(f"[profile work]\nregion = us-east-1\n{keys(s3_store)}")
    said, environ = ({"profile": "work"}, {}) if how == "keyword" else ({}, {"AWS_PROFILE": "work"})
    assert await used(config_by(s3_store, s3_bucket, environ, transport=transport, **said)) == b"abc"


async def test_a_profile_that_is_not_there_is_told_with_the_one_that_was_meant(
    s3_store: S3Address, s3_bucket: str, aws_config: Write
) -> None:
    aws_config("[profile work]\nregion = us-east-1\n")
    with pytest.raises(ConnectionFailed, match=r"profile \(wrok\)") as raised:
        async with opened(config_by(s3_store, s3_bucket, profile="wrok")):
            pass
    assert raised.value.hint == "did you mean 'work'?"


async def test_keys_of_the_process_that_are_for_another_server_are_not_found_again(
    s3_store: S3Address, s3_bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    environ = {
        "AWS_ACCESS_KEY_ID": s3_store.access_key,
        "AWS_SECRET_ACCESS_KEY": s3_store.secret,
        "AWS_ENDPOINT_URL": "https://mine.example",
    }
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConnectionFailed, match="no credentials were found"):
        async with opened(config_by(s3_store, s3_bucket, environ)):
            pass


# --- what expires


async def test_what_a_program_prints_is_renewed_while_it_is_used(
    scripted: ScriptedS3, s3_store: S3Address, s3_bucket: str, aws_config: Write, tmp_path: Path, transport: str
) -> None:
    """Each answer of the program is good for a few seconds: botocore renews ten minutes before the end."""
    runs = tmp_path / "runs"
    program = tmp_path / "program.py"
    program.write_text(
        "import json, datetime\n"
        f"open({str(runs)!r}, 'a').write('x')\n"
        "until = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=5)\n"
        f"print(json.dumps({{'Version': 1, 'AccessKeyId': {s3_store.access_key!r},"
        f" 'SecretAccessKey': {s3_store.secret!r}, 'Expiration': until.isoformat()}}))\n"
    )
    aws_config(f"[default]\ncredential_process = {sys.executable} {program}\n")
    async with session(config_by(scripted, s3_bucket, transport=transport)) as made:
        await made.objects.put("k", b"abc")
        first = len(runs.read_text())
        await asyncio.sleep(0.2)
        await made.objects.put("k", b"abcd")
        assert len(runs.read_text()) > first
    assert s3_store.get(s3_bucket, "k") == b"abcd"


async def test_what_is_good_for_hours_is_asked_for_once(
    s3_store: S3Address, s3_bucket: str, aws_config: Write, tmp_path: Path, transport: str
) -> None:
    until = (datetime.now(UTC) + timedelta(hours=5)).isoformat()
    said = {"AccessKeyId": s3_store.access_key, "SecretAccessKey": s3_store.secret, "Expiration": until}
    aws_config(f"[default]\ncredential_process = {printing(tmp_path, said)}\n")
    async with session(config_by(s3_store, s3_bucket, transport=transport)) as made:
        (tmp_path / "said").unlink()
        await asyncio.gather(*(made.objects.put(f"k{number}", b"abc") for number in range(20)))


async def test_a_program_that_fails_is_told(
    s3_store: S3Address, s3_bucket: str, aws_config: Write, tmp_path: Path
) -> None:
    aws_config(f"[default]\ncredential_process = {sys.executable} -c 'import sys; sys.exit(3)'\n")
    with pytest.raises(ConnectionFailed, match=r"the credentials could not be had: .*custom-process"):
        async with opened(config_by(s3_store, s3_bucket)):
            pass


async def test_a_program_that_fails_later_is_told_as_well(
    s3_store: S3Address, s3_bucket: str, aws_config: Write, tmp_path: Path, transport: str
) -> None:
    soon = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
    said = {"AccessKeyId": s3_store.access_key, "SecretAccessKey": s3_store.secret, "Expiration": soon}
    aws_config(f"[default]\ncredential_process = {printing(tmp_path, said)}\n")
    async with session(config_by(s3_store, s3_bucket, transport=transport)) as made:
        (tmp_path / "said").unlink()
        await asyncio.sleep(1.1)
        with pytest.raises(ConnectionFailed, match="the credentials could not be had"):
            await made.objects.put("k", b"abc")


# --- from servers


class _Answers(BaseHTTPRequestHandler):
    body: bytes
    bodies: dict[str, bytes]
    asked: list[str]
    headers_asked: list[Mapping[str, str]]

    def do(self) -> None:
        self.asked.append(self.path)
        self.headers_asked.append(self.headers)
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = self.bodies.get(self.path, self.body)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = do  # noqa: N815 (the standard library's names)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def answers() -> Iterator[Any]:
    """A server that answers as it is told: each path as ``bodies`` say, all others alike."""
    handler = type("Answers", (_Answers,), {"body": b"", "bodies": {}, "asked": [], "headers_asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    handler.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield handler
    server.shutdown()
    thread.join(5)
    server.server_close()


async def test_a_role_of_the_container(
    s3_store: S3Address, s3_bucket: str, answers: Any, transport: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    until = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    said = {"AccessKeyId": s3_store.access_key, "SecretAccessKey": s3_store.secret, "Token": "", "Expiration": until}
    answers.body = json.dumps(said).encode()
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{answers.url}/role")
    assert await used(config_by(s3_store, s3_bucket, transport=transport)) == b"abc"
    assert set(answers.asked) == {"/role"}


@pytest.mark.parametrize("way", ["profile", "web identity"])
async def test_a_role_that_is_assumed(
    s3_store: S3Address,
    s3_bucket: str,
    answers: Any,
    aws_config: Write,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    way: str,
) -> None:
    """The service that gives roles is asked as it is where its address is not AWS's."""
    verb = "AssumeRole" if way == "profile" else "AssumeRoleWithWebIdentity"
    until = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    answers.body = (
        f"<{verb}Response><{verb}Result><Credentials><AccessKeyId>{s3_store.access_key}</AccessKeyId>"
        f"<SecretAccessKey>{s3_store.secret}</SecretAccessKey><SessionToken></SessionToken>"
        f"<Expiration>{until}</Expiration></Credentials></{verb}Result></{verb}Response>"
    ).encode()
    role = "role_arn = arn:aws:iam::123456789012:role/reader\n"
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", answers.url)
    if way == "profile":
        aws_config(
            f"[profile base]\naws_access_key_id = a\naws_secret_access_key = b\n"
            f"[profile work]\nregion = us-east-1\nsource_profile = base\n{role}"
        )
    else:
        (tmp_path / "token").write_text("a token")
        aws_config(f"[profile work]\nregion = us-east-1\nweb_identity_token_file = {tmp_path / 'token'}\n{role}")
    caplog.set_level(logging.DEBUG)
    async with opened(config_by(s3_store, s3_bucket, profile="work")):
        assert answers.asked == ["/"]
    assert ("<SecretAccessKey>" in caplog.text, s3_store.secret in caplog.text) == (True, False)


ROLE = "/latest/meta-data/iam/security-credentials/"
"""Where a machine of AWS's has the role that it runs in."""


async def test_the_role_of_the_machine(
    s3_store: S3Address, s3_bucket: str, answers: Any, transport: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    until = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    said = {"AccessKeyId": s3_store.access_key, "SecretAccessKey": s3_store.secret, "Token": "", "Expiration": until}
    answers.bodies = {"/latest/api/token": b"a token", ROLE: b"reader", f"{ROLE}reader": json.dumps(said).encode()}
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "false")
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", answers.url)
    assert await used(config_by(s3_store, s3_bucket, transport=transport)) == b"abc"
    assert set(answers.asked) == answers.bodies.keys()
    assert answers.headers_asked[-1]["x-aws-ec2-metadata-token"] == "a token"


SSO = """
[profile work]
region = us-east-1
sso_session = mine
sso_account_id = 123456789012
sso_role_name = reader
[sso-session mine]
sso_region = us-east-1
sso_start_url = https://mine.example/start
"""


@pytest.fixture
def signed_in(aws_config: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[timedelta], None]:
    """What ``aws sso login`` leaves behind, good for so long."""
    monkeypatch.setattr(botocore.tokens.SSOTokenProvider, "_SSO_TOKEN_CACHE_DIR", str(tmp_path))
    aws_config(SSO)

    def left(good_for: timedelta) -> None:
        until = (datetime.now(UTC) + good_for).strftime("%Y-%m-%dT%H:%M:%SZ")
        token = {"startUrl": "https://mine.example/start", "region": "us-east-1", "accessToken": "abcdef"}
        name = hashlib.sha1(b"mine", usedforsecurity=False).hexdigest()
        (tmp_path / f"{name}.json").write_text(json.dumps({**token, "expiresAt": until}))

    return left


async def test_who_signed_in_in_the_browser(
    s3_store: S3Address,
    s3_bucket: str,
    answers: Any,
    signed_in: Callable[[timedelta], None],
    transport: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    signed_in(timedelta(hours=1))
    until = int((datetime.now(UTC) + timedelta(hours=1)).timestamp() * 1000)
    said = {"accessKeyId": s3_store.access_key, "secretAccessKey": s3_store.secret, "sessionToken": ""}
    answers.body = json.dumps({"roleCredentials": {**said, "expiration": until}}).encode()
    monkeypatch.setenv("AWS_ENDPOINT_URL_SSO", answers.url)
    caplog.set_level(logging.DEBUG)
    assert await used(config_by(s3_store, s3_bucket, profile="work", transport=transport)) == b"abc"
    assert {path.partition("?")[0] for path in answers.asked} == {"/federation/credentials"}
    assert [secret for secret in (s3_store.secret, "abcdef") if secret in caplog.text] == []


async def test_who_is_signed_in_no_longer_is_told_to_do_it_again(
    s3_store: S3Address, s3_bucket: str, signed_in: Callable[[timedelta], None]
) -> None:
    signed_in(timedelta(hours=-1))
    with pytest.raises(ConnectionFailed) as raised:
        async with opened(config_by(s3_store, s3_bucket, profile="work")):
            pass
    assert "the credentials could not be had" in raised.value.message
    assert "`aws sso login`" in (raised.value.hint or "")
