"""What a store and the two carriers say, as errors of ours."""

from __future__ import annotations

import errno
import inspect
import os
import ssl
import string
from typing import Any

import aiohttp
import botocore.exceptions as boto
import pytest
from botocore.exceptions import EndpointConnectionError
from multidict import CIMultiDict, CIMultiDictProxy
from obstore import exceptions as rust
from yarl import URL

from dk_notebook.backends.s3 import errors
from dk_notebook.backends.s3.errors import (
    AGAIN,
    CODES,
    DRIVER,
    STATUSES,
    Busy,
    Contended,
    Elsewhere,
    Lost,
    Refusal,
    Unreached,
    of_botocore,
    of_obstore,
    of_refusal,
)
from dk_notebook.errors import Conflict, ConnectionFailed, DkError, NotFound, QueryError, Unsupported

pytestmark = pytest.mark.unit

WHERE: dict[str, Any] = {"place": "s3://lake", "location": "s3://lake at http://store"}


def classes(module: Any, root: type[Exception]) -> list[type[Exception]]:
    found = [kind for _, kind in inspect.getmembers(module, inspect.isclass) if issubclass(kind, root)]
    return sorted(found, key=lambda kind: kind.__name__)


def made(kind: type[Exception]) -> Exception:
    """An instance, as botocore raises it: most want words for the places in their text."""
    if issubclass(kind, boto.ClientError):
        return kind({"Error": {"Code": "Odd", "Message": "as the store says it"}}, "GetObject")
    if issubclass(kind, boto.WaiterError):
        return kind("bucket_exists", "as it says", {})
    words = dict.fromkeys(_fields(getattr(kind, "fmt", "")), "as it says")
    try:
        return kind(**words)
    except (TypeError, KeyError):
        return kind("as it says")


def _fields(text: str) -> list[str]:
    return [name for _, name, _, _ in string.Formatter().parse(text) if name]


KEY = aiohttp.client_reqrep.ConnectionKey("store", 80, False, True, None, None, None)


def of_aiohttp(kind: type[aiohttp.ClientError]) -> aiohttp.ClientError:
    """An instance, as aiohttp raises it."""
    if issubclass(kind, aiohttp.ClientConnectorError | aiohttp.ClientConnectorCertificateError):
        return kind(KEY, OSError(errno.EHOSTUNREACH, os.strerror(errno.EHOSTUNREACH)))
    if issubclass(kind, aiohttp.ClientResponseError):
        about = aiohttp.RequestInfo(URL("http://store"), "GET", CIMultiDictProxy(CIMultiDict()), URL("http://store"))
        return kind(about, ())
    if issubclass(kind, aiohttp.ServerFingerprintMismatch):
        return kind(b"", b"", "store", 443)
    return kind("as it says")


# --- the drivers' classes


@pytest.mark.parametrize("kind", [*classes(boto, boto.BotoCoreError), *classes(boto, boto.ClientError)])
def test_every_exception_of_botocore_is_one_of_ours(kind: type[Exception]) -> None:
    ours = of_botocore(made(kind), "read 'k'", **WHERE)
    assert isinstance(ours, DkError)
    assert ours.message


@pytest.mark.parametrize("kind", classes(aiohttp, aiohttp.ClientError))
def test_every_exception_of_aiohttp_is_a_lost_connection(kind: type[aiohttp.ClientError]) -> None:
    assert isinstance(of_botocore(of_aiohttp(kind), "read 'k'", **WHERE), Lost)


@pytest.mark.parametrize("kind", classes(rust, rust.BaseError))
def test_every_exception_of_obstore_is_one_of_ours(kind: type[Exception]) -> None:
    assert issubclass(kind, errors.OBSTORE)
    ours = of_obstore(kind("as it says\n\nDebug source:\nhunter2"), "read 'k'", **WHERE)
    assert (isinstance(ours, DkError), "hunter2" in str(ours)) == (True, False)


@pytest.mark.parametrize("kind", sorted(DRIVER, key=lambda kind: kind.__name__))
def test_what_an_exception_becomes_is_in_the_table(kind: type[Exception]) -> None:
    error = of_aiohttp(kind) if issubclass(kind, aiohttp.ClientError) else made(kind)
    ours = of_botocore(error, "read 'k'", **WHERE)
    assert isinstance(ours, DRIVER[kind])


@pytest.mark.parametrize("kind", classes(boto, boto.HTTPClientError) + classes(boto, boto.ConnectionError))
def test_what_happens_on_the_way_is_tried_again(kind: type[Exception]) -> None:
    assert isinstance(of_botocore(made(kind), "read 'k'", **WHERE), AGAIN)


# --- what a store answers


@pytest.mark.parametrize("code", sorted(CODES))
def test_a_code_of_the_store_is_the_code(code: str) -> None:
    error = of_refusal(Refusal(400, code, "as the store says it"), "read 'k'", place="s3://lake")
    assert type(error) is CODES[code].kind
    assert not isinstance(error, QueryError) or error.code == code


@pytest.mark.parametrize("status", sorted(STATUSES))
def test_a_status_decides_where_there_is_no_code(status: int) -> None:
    assert type(of_refusal(Refusal(status), "read 'k'", place="s3://lake")) is STATUSES[status].kind


XML = '<?xml version="1.0"?><Error><Code>{code}</Code><Message>a &lt;b&gt;</Message><Region>eu-west-1</Region></Error>'


def by_obstore(status: int, code: str) -> DkError:
    text = (
        f"Generic S3 error: Error performing GET http://s/lake/k in 1ms - Server returned non-2xx status code: {status}"
    )
    return of_obstore(rust.GenericError(f"{text} Why: {XML.format(code=code)}"), "read 'k'", **WHERE)


def by_aioboto3(status: int, code: str) -> DkError:
    said = {"Code": code, "Message": "a <b>", "Region": "eu-west-1"}
    answer = {"Error": said, "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": {}}}
    return of_botocore(boto.ClientError(answer, "GetObject"), "read 'k'", **WHERE)


@pytest.mark.parametrize("read", [by_obstore, by_aioboto3])
@pytest.mark.parametrize(
    ("status", "code", "ours", "message"),
    [
        (404, "NoSuchKey", NotFound, "cannot read 'k': there is no such object"),
        (404, "NoSuchBucket", NotFound, "there is no such bucket"),
        (412, "PreconditionFailed", Conflict, "cannot read 'k': it is there already, or was changed meanwhile"),
        (409, "ConditionalRequestConflict", Contended, "cannot read 'k': somebody else is changing it"),
        (403, "AccessDenied", QueryError, "not allowed to read 'k'"),
        (403, "InvalidAccessKeyId", ConnectionFailed, "the store does not know this access key"),
        (403, "RequestTimeTooSkewed", ConnectionFailed, "the clocks of this machine and of the store differ too much"),
        (400, "ExpiredToken", ConnectionFailed, "the session token has expired"),
        (301, "PermanentRedirect", Elsewhere, "the bucket lies in another region"),
        (503, "SlowDown", Busy, "the store is too busy to read 'k': SlowDown: a <b>"),
        (500, "InternalError", Lost, "the store failed to read 'k': InternalError: a <b>"),
        (501, "NotImplemented", Unsupported, "the store cannot do that, to read 'k': NotImplemented: a <b>"),
        (418, "Teapot", QueryError, "cannot read 'k': Teapot: a <b>"),
    ],
)  # fmt: skip
def test_both_carriers_read_an_answer_alike(
    read: Any, status: int, code: str, ours: type[DkError], message: str
) -> None:
    error = read(status, code)
    assert (type(error), error.message) == (ours, f"s3://lake: {message}")


@pytest.mark.parametrize("read", [by_obstore, by_aioboto3])
def test_the_region_that_the_store_names_is_the_hint(read: Any) -> None:
    error = read(301, "PermanentRedirect")
    assert (error.region, error.hint) == ("eu-west-1", "region='eu-west-1'")


def test_a_clock_that_is_wrong_is_to_be_set() -> None:
    assert by_aioboto3(403, "RequestTimeTooSkewed").hint == "set the clock"


@pytest.mark.parametrize("status", [404, 403, 412])
def test_an_answer_without_a_body_is_read_by_its_status(status: int) -> None:
    text = (
        f"Error performing HEAD http://s/lake/k in 1ms - Server returned non-2xx status code: {status} Why: \n\nDebug"
    )
    assert type(of_obstore(rust.GenericError(text), "look at 'k'", **WHERE)) is STATUSES[status].kind
    answer = {"Error": {"Code": str(status)}, "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": {}}}
    error = of_botocore(boto.ClientError(answer, "HeadObject"), "look at 'k'", **WHERE)
    assert (type(error), getattr(error, "code", None) in (str(status), None)) == (STATUSES[status].kind, True)


# --- what happens on the way

REFUSED = """Generic S3 error: Error performing GET http://127.0.0.1:9/lake/k in 1ms - HTTP error: error sending request

Debug source:
Generic { store: "S3", source: RetryError( RetryErrorImpl { method: GET, inner: Http( HttpError { kind: Connect, source:
reqwest::Error { kind: Request, source: hyper_util::client::legacy::Error( Connect, ConnectError( "tcp connect error",
127.0.0.1:9, Os { code: 111, kind: ConnectionRefused, message: "Connection refused", }, ), ), }, }, ), }, ), }"""
SILENT = """Generic S3 error: Error performing GET http://s:9/k in 1s - HTTP error: error sending request

Debug source:
Generic { inner: Http( HttpError { kind: Timeout, source: reqwest::Error { kind: Request, source: TimedOut }, } ) }"""
CUT = """Generic S3 error: HTTP error: request or response body error

Debug source:
Generic { store: "S3", source: HttpError { kind: Interrupted, source: reqwest::Error { kind: Body, source:
hyper::Error( Body, Custom { kind: UnexpectedEof, error: IncompleteBody, }, ), }, }, }"""
STRANGER = """Generic S3 error: Error performing GET https://s:9/k in 3ms - HTTP error: error sending request

Debug source:
Generic { kind: Connect, source: hyper_util::client::legacy::Error( Connect, Custom { kind: Other, error: Custom { kind:
InvalidData, error: InvalidCertificate( Other( OtherError( CaUsedAsEndEntity, ), ), ), }, }, ), }"""


@pytest.mark.parametrize(
    ("text", "ours", "message"),
    [
        (REFUSED, Unreached, "s3://lake at http://store: no connection: connection refused"),
        (SILENT, Lost, "s3://lake at http://store: no whole answer, to read 'k': no answer in time"),
        (CUT, Lost, "s3://lake at http://store: no whole answer, to read 'k': the connection was lost"),
        (
            STRANGER,
            Unreached,
            "s3://lake at http://store: no connection: the certificate was refused: CaUsedAsEndEntity",
        ),
    ],
)
def test_obstore_tells_in_its_text_what_happened(text: str, ours: type[DkError], message: str) -> None:
    error = of_obstore(rust.GenericError(text), "read 'k'", **WHERE)
    assert (type(error), error.message) == (ours, message)


def connector(error: OSError) -> EndpointConnectionError:
    return EndpointConnectionError(endpoint_url="http://store", error=aiohttp.ClientConnectorError(KEY, error))


@pytest.mark.parametrize(
    ("cause", "said"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connect call failed"), "connection refused"),
        (OSError(f"Multiple exceptions: [Errno {errno.ECONNREFUSED}] Connect call"), "connection refused"),
        (OSError(errno.EHOSTUNREACH, os.strerror(errno.EHOSTUNREACH)), "no route to host"),
    ],
)  # fmt: skip
def test_a_connection_that_cannot_be_made_says_why(cause: OSError, said: str) -> None:
    error = of_botocore(connector(cause), "read 'k'", **WHERE)
    assert (type(error), error.message) == (Unreached, f"s3://lake at http://store: no connection: {said}")


def test_a_server_without_tls_gets_the_word_that_leaves_it_out() -> None:
    inner = ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number")
    error = of_botocore(boto.SSLError(endpoint_url="https://store", error=inner), "read 'k'", **WHERE)
    assert "begins with http://" in str(error.hint)
