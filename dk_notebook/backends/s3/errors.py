"""What a store refuses, and what happens on the way to it, as errors of this package: tables, and one seam a carrier.

The code of a QueryError is the store's own (``NoSuchBucket``); where an answer has none, its status.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import unescape
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import aiohttp
import botocore.exceptions as boto
from botocore.parsers import ResponseParserError
from obstore import exceptions as rust

from dk_notebook.backends.s3.settings import tls
from dk_notebook.errors import ConfigError, Conflict, ConnectionFailed, DkError, NotFound, QueryError, Unsupported

# --- what is tried again ----------------------------------------------------------------------------------------------


class Lost(ConnectionFailed):
    """The answer did not come, or tells nothing: the request may have been done."""


class Unreached(Lost):
    """Nothing was sent: there was no connection."""


class Busy(ConnectionFailed):
    """The store did nothing, and may do it a little later."""


class Contended(Conflict):
    """Somebody else was changing the same object at that moment; nothing was done."""


class Elsewhere(ConnectionFailed):
    """The bucket lies in another region: in ``region``, if the store says so."""

    region: str | None = None


class Redirected(Exception):
    """A server wants to be asked elsewhere, and not in the words of S3; ``location``: where, if it says so."""

    def __init__(self, location: str) -> None:
        super().__init__(location)
        self.location = location


AGAIN: Final = (Lost, Busy, Contended)
"""What may go well at the next attempt."""

# --- what a store answers ---------------------------------------------------------------------------------------------


class Row(NamedTuple):
    """What an answer becomes."""

    kind: type[DkError]
    says: str
    """``{what}`` was to be done; ``{said}`` are the store's words."""
    hint: str | None = None


_WHO: Final = "who asks comes from aws_access_key_id, profile, the environment or ~/.aws, in this order"
_LOG_IN: Final = "log in again (as with `aws sso login`), or give another one"
_CANNOT: Final = "cannot {what}: {said}"

_KEY = Row(ConnectionFailed, "the store does not know this access key", _WHO)
_ENDED = Row(ConnectionFailed, "the session token has expired", _LOG_IN)
_CLOCK = Row(ConnectionFailed, "the clocks of this machine and of the store differ too much", "set the clock")
_REGION = Row(Elsewhere, "the bucket lies in another region")
_FORBIDDEN = Row(QueryError, "not allowed to {what}")
_BUSY = Row(Busy, "the store is too busy to {what}: {said}")
_UNCLEAR = Row(Lost, "the store failed to {what}: {said}")
_DAMAGED = Row(Busy, "what arrived is not what was sent, to {what}: {said}")
_THERE = Row(Conflict, "cannot {what}: it is there already, or was changed meanwhile")
_CONTENDED = Row(Contended, "cannot {what}: somebody else is changing it")
_ABSENT = Row(NotFound, "cannot {what}: there is no such object")
_FULL = Row(QueryError, _CANNOT, "the store has no room left")
_LACKS = Row(Unsupported, "the store cannot do that, to {what}: {said}")

CODES: Final[Mapping[str, Row]] = {
    "InvalidAccessKeyId": _KEY,
    "XAdminUserNotFound": _KEY,
    "SignatureDoesNotMatch": Row(ConnectionFailed, "the secret key is not the one of this access key", _WHO),
    "ExpiredToken": _ENDED,
    "ExpiredTokenException": _ENDED,
    "TokenRefreshRequired": _ENDED,
    "InvalidToken": Row(ConnectionFailed, "the session token is none", _WHO),
    "InvalidSecurity": Row(ConnectionFailed, "the credentials are none", _WHO),
    "NotSignedUp": Row(ConnectionFailed, "the account may not use S3"),
    "MissingSecurityHeader": Row(ConnectionFailed, "the store wants a signature", _WHO),
    "RequestTimeTooSkewed": _CLOCK,
    "RequestExpired": _CLOCK,
    "AuthorizationHeaderMalformed": Row(Elsewhere, "the store expects another region"),
    "PermanentRedirect": _REGION,
    "TemporaryRedirect": _REGION,
    "Redirect": _REGION,
    "IllegalLocationConstraintException": _REGION,
    "IncorrectEndpoint": _REGION,
    "NoSuchBucket": Row(
        NotFound,
        "there is no such bucket",
        "a bucket is never made here: make it with the store's own tools, or name another one",
    ),
    "InvalidBucketName": Row(NotFound, "no bucket can have that name"),
    "NoSuchKey": _ABSENT,
    "NoSuchVersion": _ABSENT,
    "PreconditionFailed": _THERE,
    "ConditionalRequestConflict": _CONTENDED,
    "OperationAborted": _CONTENDED,
    "AccessDenied": _FORBIDDEN,
    "AllAccessDisabled": _FORBIDDEN,
    "AccountProblem": _FORBIDDEN,
    "Forbidden": _FORBIDDEN,
    "MethodNotAllowed": Row(QueryError, _CANNOT),
    "SlowDown": _BUSY,
    "SlowDownRead": _BUSY,
    "SlowDownWrite": _BUSY,
    "ServiceUnavailable": _BUSY,
    "Throttling": _BUSY,
    "ThrottlingException": _BUSY,
    "TooManyRequests": _BUSY,
    "RequestLimitExceeded": _BUSY,
    "BandwidthLimitExceeded": _BUSY,
    "XMinioServerNotInitialized": _BUSY,
    "RequestTimeout": _DAMAGED,
    "BadDigest": _DAMAGED,
    "IncompleteBody": _DAMAGED,
    "XAmzContentSHA256Mismatch": _DAMAGED,
    "XAmzContentChecksumMismatch": _DAMAGED,
    "InternalError": _UNCLEAR,
    "InvalidObjectState": Row(QueryError, "cannot {what}: it is archived", "it has to be restored first"),
    "EntityTooLarge": Row(QueryError, "cannot {what}: it is larger than the store takes"),
    "KeyTooLongError": Row(QueryError, "cannot {what}: the store takes no names so long"),
    "QuotaExceeded": _FULL,
    "XMinioStorageFull": _FULL,
    "InsufficientStorage": _FULL,
    "NotImplemented": _LACKS,
}
"""S3's names of errors. What is in no row is decided by the status."""

STATUSES: Final[Mapping[int, Row]] = {
    301: _REGION,
    307: _REGION,
    401: _FORBIDDEN,
    403: _FORBIDDEN,
    404: _ABSENT,
    408: _UNCLEAR,
    409: Row(Conflict, _CANNOT),
    412: _THERE,
    429: _BUSY,
    500: _UNCLEAR,
    501: _LACKS,
    502: _UNCLEAR,
    503: _BUSY,
    504: _UNCLEAR,
    507: _FULL,
}


@dataclass(frozen=True)
class Refusal:
    """An answer that is no success."""

    status: int
    code: str = ""
    """S3's name of the error; empty where an answer has no body."""
    message: str = ""
    region: str | None = None
    """Where the bucket lies, if the store says so."""


def of_refusal(said: Refusal, what: str, *, place: str) -> DkError:
    """The error of an answer. ``what`` was to be done, as "read 'a.json'"; ``place``: the bucket, for people.

    >>> of_refusal(Refusal(403, "AccessDenied"), "read 'a.json'", place="s3://b")
    QueryError("s3://b: not allowed to read 'a.json'")
    """
    row = CODES.get(said.code) or STATUSES.get(said.status) or Row(QueryError, _CANNOT)
    code = said.code or str(said.status)
    words = row.says.format(what=what, said=": ".join(each for each in (code, said.message) if each))
    message = f"{place}: {words}"
    if issubclass(row.kind, QueryError):
        return row.kind(message, hint=row.hint, code=code)
    if not issubclass(row.kind, Elsewhere):
        return row.kind(message, hint=row.hint)
    error = row.kind(message, hint=f"region={said.region!r}" if said.region else "region= says which")
    error.region = said.region
    return error


# --- obstore ----------------------------------------------------------------------------------------------------------

OBSTORE: Final = (rust.BaseError, FileNotFoundError, PermissionError, NotImplementedError, ValueError)
"""What obstore raises."""

_STATUS: Final = re.compile(r"non-2xx status code: (\d{3})")
_CODE: Final = re.compile(r"<Code>([^<]+)</Code>")
_MESSAGE: Final = re.compile(r"<Message>([^<]*)</Message>")
_IN_REGION: Final = re.compile(r"<Region>([^<]+)</Region>")
_KIND: Final = re.compile(r"kind: (Connect|Timeout|Interrupted|Request|Unknown|Decode)")
_CONNECTING: Final = re.compile(r"legacy::Error\(\s*Connect,")
"""In what obstore says of itself: it happened before a byte was sent."""
_REASON: Final = re.compile(r'(?:message|error): "([^"]+)"')
_CERTIFICATE: Final = re.compile(r"InvalidCertificate\(\s*(?:Other\(\s*OtherError\(\s*)?(\w+)")
_DEBUG: Final = "\n\nDebug source:"


def was_answered(error: Exception) -> bool:
    """Whether obstore raised what a store had answered."""
    return _STATUS.search(str(error)) is not None


def of_obstore(error: Exception, what: str, *, place: str, location: str) -> DkError:
    """What obstore raised, which says only in its text what the store answered.

    ``location``: that of the connection, where there was no answer.
    """
    words, _, source = str(error).partition(_DEBUG)
    status = _STATUS.search(words)
    if status is not None:
        code, message, region = (found.search(words) for found in (_CODE, _MESSAGE, _IN_REGION))
        said = Refusal(
            int(status[1]),
            code[1] if code else "",
            unescape(message[1]) if message else "",
            region[1] if region else None,
        )
        return of_refusal(said, what, place=place)
    if "HTTP error" in words:
        kind, reason, refused = (found.search(source) for found in (_KIND, _REASON, _CERTIFICATE))
        why = f"the certificate was refused: {refused[1]}" if refused else reason[1] if reason else ""
        late = kind is not None and kind[1] == "Timeout"
        sent = _CONNECTING.search(source) is None
        return _on_the_way(why, location, what, late=late, sent=sent, hint=tls.UNCHECKED if refused else None)
    if isinstance(error, rust.UnauthenticatedError):
        return ConnectionFailed(f"{location}: the credentials could not be had", hint=_WHO)
    return QueryError(f"{place}: cannot {what}: {words.partition(chr(10))[0]}")


def _on_the_way(why: str, location: str, what: str, *, late: bool, sent: bool, hint: str | None = None) -> Lost:
    reason = f"{why[:1].lower()}{why[1:]}" if why else "no answer in time" if late else "the connection was lost"
    if not sent:
        return Unreached(f"{location}: no connection: {reason}", hint=hint)
    return Lost(f"{location}: no whole answer, to {what}: {reason}", hint=hint)


# --- botocore ---------------------------------------------------------------------------------------------------------

BOTOCORE: Final = (boto.BotoCoreError, boto.ClientError, ResponseParserError, aiohttp.ClientError, TimeoutError)
"""What aioboto3 raises."""

DRIVER: Final[Mapping[type[Exception], type[DkError]]] = {
    boto.NoCredentialsError: ConnectionFailed,
    boto.PartialCredentialsError: ConnectionFailed,
    boto.CredentialRetrievalError: ConnectionFailed,
    boto.ProfileNotFound: ConnectionFailed,
    boto.SSOError: ConnectionFailed,
    boto.TokenRetrievalError: ConnectionFailed,
    boto.MetadataRetrievalError: ConnectionFailed,
    boto.RefreshWithMFAUnsupportedError: ConnectionFailed,
    boto.InfiniteLoopConfigError: ConnectionFailed,
    boto.UnknownCredentialError: ConnectionFailed,
    boto.NoAuthTokenError: ConnectionFailed,
    boto.ConnectTimeoutError: Unreached,
    boto.SSLError: Unreached,
    boto.ProxyConnectionError: Unreached,
    boto.ConnectionError: Lost,
    boto.HTTPClientError: Lost,
    boto.IncompleteReadError: Lost,
    boto.ChecksumError: Lost,
    boto.FlexibleChecksumError: Lost,
    aiohttp.ClientConnectorError: Unreached,
    aiohttp.ClientError: Lost,
    TimeoutError: Lost,
    ResponseParserError: ConnectionFailed,
    boto.ParamValidationError: ConfigError,
    boto.ConfigParseError: ConfigError,
    boto.ConfigNotFound: ConfigError,
    boto.InvalidConfigError: ConfigError,
    boto.InvalidRegionError: ConfigError,
    boto.InvalidProxiesConfigError: ConfigError,
    boto.InvalidEndpointConfigurationError: ConfigError,
    boto.InvalidIMDSEndpointError: ConfigError,
    boto.InvalidIMDSEndpointModeError: ConfigError,
    boto.EndpointProviderError: ConfigError,
    boto.EndpointVariantError: ConfigError,
    boto.BaseEndpointResolverError: ConfigError,
    boto.BotoCoreError: QueryError,
}
"""What an exception of aioboto3 becomes that is no answer: by the nearest of its classes."""


_NO_STORE: Final = "what answers there is no S3 store"
_ITS_ADDRESS: Final = "endpoint_url= names the store's own address, not that of its pages"
_OF_PROXIES: Final = frozenset({429, 502, 503, 504})
"""What stands before a store says so, in pages for people."""


def of_botocore(error: Exception, what: str, *, place: str, location: str) -> DkError:
    """What aioboto3 raised."""
    if isinstance(error, boto.ClientError):
        said = refusal_in(error)
        if not said.code and said.status not in _OF_PROXIES and _is_page(error):
            return Lost(f"{location}: {_NO_STORE}", hint=_ITS_ADDRESS)
        return of_refusal(said, what, place=place)
    kind = next((DRIVER[each] for each in type(error).__mro__ if each in DRIVER), QueryError)
    cause = _cause_of(error)
    if isinstance(cause, Redirected):
        return _of_redirect(cause.location, place=place, location=location)
    if isinstance(error, ResponseParserError):
        return kind(f"{location}: {_NO_STORE}", hint=_ITS_ADDRESS)
    if issubclass(kind, Lost):
        late = isinstance(error, boto.ConnectTimeoutError | boto.ReadTimeoutError | TimeoutError)
        sent = not (issubclass(kind, Unreached) or isinstance(cause, aiohttp.ClientConnectorError))
        return _on_the_way(_reason_of(cause), location, what, late=late, sent=sent, hint=_hint(cause))
    if issubclass(kind, ConnectionFailed):
        ended = isinstance(error, boto.SSOError | boto.TokenRetrievalError)
        return kind(f"{location}: the credentials could not be had: {error}", hint=_LOG_IN if ended else _WHO)
    if issubclass(kind, ConfigError):
        return kind(f"{location}: {error}")
    return QueryError(f"{place}: cannot {what}: {error}")


def _of_redirect(target: str, *, place: str, location: str) -> DkError:
    if not target:
        return of_refusal(Refusal(301), "", place=place)
    parts = urlsplit(target)
    server = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" if parts.netloc else parts.path
    return ConnectionFailed(
        f"{location}: the server wants to be asked elsewhere, at {server}", hint=f"endpoint_url={server!r}"
    )


def refusal_in(error: boto.ClientError) -> Refusal:
    """The answer that a ClientError is about."""
    answer: Mapping[str, Any] = error.response
    meta = answer.get("ResponseMetadata", {})
    said = answer.get("Error", {})
    status = int(meta.get("HTTPStatusCode") or 0)
    code = str(said.get("Code") or "")
    region = said.get("Region") or meta.get("HTTPHeaders", {}).get("x-amz-bucket-region")
    return Refusal(status, "" if code.isdigit() else code, str(said.get("Message") or ""), region)


def _is_page(error: boto.ClientError) -> bool:
    """Whether it was a page for people that answered; botocore calls one with the status 200 a 500."""
    headers: Mapping[str, str] = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    return headers.get("content-type", "").startswith("text/html") and headers.get("content-length") != "0"


def _cause_of(error: BaseException) -> BaseException:
    """What botocore made its error of."""
    inner = getattr(error, "kwargs", {}).get("error")
    return inner if isinstance(inner, BaseException) else error.__cause__ or error


def _reason_of(cause: BaseException) -> str:
    """Why there was no answer, in a few words; empty: nothing that helps."""
    if isinstance(cause, boto.ChecksumError | boto.FlexibleChecksumError):
        return "what came does not have its checksum"
    inner = getattr(cause, "certificate_error", None) or getattr(cause, "os_error", None) or cause
    # Of a name with several addresses all errors are in the text of one.
    if isinstance(inner, ConnectionRefusedError) or f"[Errno {errno.ECONNREFUSED}]" in str(inner):
        return "connection refused"
    said = getattr(inner, "verify_message", None) or getattr(inner, "reason", None) or getattr(inner, "strerror", None)
    return said if isinstance(said, str) else ""


def _hint(cause: BaseException) -> str | None:
    for each in (getattr(cause, "certificate_error", None), getattr(cause, "os_error", None), cause):
        if isinstance(each, BaseException) and (found := tls.hint(each)):
            return found
    return None
