"""What the driver and the server say, as errors of ours."""

from __future__ import annotations

import inspect
import json
import ssl
from typing import Any

import aiohttp
import elastic_transport
import elasticsearch
import pytest
from elastic_transport import ApiResponseMeta, HttpHeaders, NodeConfig

from dk_notebook.backends.elasticsearch import errors
from dk_notebook.backends.elasticsearch.errors import DRIVER, STATUSES, TYPES, Fault, fault_of, of_fault, refused
from dk_notebook.errors import Conflict, ConnectionFailed, DkError, NotFound, QueryError, Unsupported

pytestmark = pytest.mark.unit

CLASSES = sorted(
    {
        kind
        for module in (elastic_transport, elasticsearch, elasticsearch.exceptions)
        for _, kind in inspect.getmembers(module, inspect.isclass)
        if issubclass(kind, Exception) and not issubclass(kind, Warning)
    },
    key=lambda kind: f"{kind.__module__}.{kind.__qualname__}",
)


def meta(status: int) -> ApiResponseMeta:
    return ApiResponseMeta(status, "1.1", HttpHeaders(), 0.1, NodeConfig("http", "db", 9200))


def made(kind: type[Exception]) -> Exception:
    """An instance, as the driver raises it."""
    if issubclass(kind, elastic_transport.ApiError):
        return kind("as the server said it", meta(400), {"error": "as the server said it"})
    return kind("as the server said it")


def body(error: Any) -> bytes:
    return json.dumps({"error": error}).encode()


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: f"{kind.__module__}.{kind.__name__}")
def test_every_class_of_the_driver_has_its_row(kind: type[Exception]) -> None:
    assert kind in DRIVER


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: f"{kind.__module__}.{kind.__name__}")
def test_every_class_of_the_driver_is_one_of_ours(kind: type[Exception]) -> None:
    error = errors.translated(made(kind))
    assert isinstance(error, QueryError | ConnectionFailed)


@pytest.mark.parametrize("kind", sorted(TYPES))
def test_a_type_of_the_server_is_the_code(kind: str) -> None:
    error = of_fault(Fault(kind, "as the server said it"), 400)
    assert isinstance(error, TYPES[kind][0])
    assert isinstance(error, ConnectionFailed) or error.code in (kind, "cancelled")


@pytest.mark.parametrize("status", sorted(STATUSES))
def test_a_status_decides_where_the_type_is_unknown(status: int) -> None:
    assert type(refused(status, b"")) is STATUSES[status][0]


@pytest.mark.parametrize(
    ("status", "error", "ours"),
    [
        (404, {"type": "index_not_found_exception", "reason": "no such index [x]"}, NotFound),
        (400, {"type": "resource_already_exists_exception", "reason": "index [x/y] already exists"}, Conflict),
        (409, {"type": "version_conflict_engine_exception", "reason": "[1]: version conflict"}, Conflict),
        (401, {"type": "security_exception", "reason": "unable to authenticate user [ann]"}, ConnectionFailed),
        (403, {"type": "security_exception", "reason": "action [x] is unauthorized"}, QueryError),
        (400, {"type": "verification_exception", "reason": "line 1:1: Unknown column [x]"}, NotFound),
        (
            400,
            {
                "type": "mapper_parsing_exception",
                "reason": "Failed: The mapper type [unsigned_long] declared on field [n] does not exist.",
            },
            Unsupported,
        ),
        (400, "Incorrect HTTP method", QueryError),
        (503, {"type": "master_not_discovered_exception", "reason": None}, ConnectionFailed),
        (500, {"type": "null_pointer_exception", "reason": None}, QueryError),
        (400, ["a list"], QueryError),
        (400, {"root_cause": None, "failed_shards": None}, QueryError),
    ],
)
def test_an_answer_becomes_an_error(status: int, error: Any, ours: type[DkError]) -> None:
    found = refused(status, body(error))
    assert type(found) is ours
    assert found.message


@pytest.mark.parametrize("said", [b"", b"<html>502</html>", b"[]", b"null", b"\xff\xfe", b'{"error": null}'])
def test_an_answer_that_is_none_of_elasticsearch_tells_its_status(said: bytes) -> None:
    assert "418" in refused(418, said).message


def test_the_innermost_cause_speaks() -> None:
    error = {
        "type": "search_phase_execution_exception",
        "reason": "all shards failed",
        "root_cause": [{"type": "search_phase_execution_exception", "reason": "all shards failed"}],
        "failed_shards": [
            {
                "shard": 0,
                "reason": {
                    "type": "query_shard_exception",
                    "reason": "failed to create query",
                    "caused_by": {"type": "illegal_argument_exception", "reason": "the field is no range"},
                },
            }
        ],
    }
    found = refused(400, body(error))
    assert (found.message, found.code) == ("failed to create query: the field is no range", "query_shard_exception")


def test_what_a_cause_repeats_is_said_once() -> None:
    error = {"type": "a", "reason": "x is wrong", "caused_by": {"type": "b", "reason": "x is wrong"}}
    assert refused(400, body(error)).message == "x is wrong"


def test_a_task_that_was_cancelled_is_cancelled() -> None:
    assert of_fault(Fault("task_cancelled_exception", "by the user"), 400).code == "cancelled"


# --- values of documents

HELD = "geheim"


@pytest.mark.parametrize(
    "reason",
    [
        "failed to parse field [age] of type [long] in document with id 'geheim'. Preview of field's value: 'geheim'",
        'For input string: "geheim"',
        'For input string: "geheim "geheim""',
        "failed to parse date field [geheim [x] with format] with format [strict_date_optional_time]",
        "[1:39] Numeric value (geheim) out of range of long (-1 - 1)",
        '[1:3] oh\n at [Source: (byte[])"{"age":"geheim"}"; line: 1, column: 3]',
        "[geheim]: version conflict, document already exists (current version [1])",
        "[a]: geheim]: version conflict, document already exists (current version [1])",
    ],
)
def test_what_a_document_holds_is_not_shown(reason: str) -> None:
    error = {"type": "document_parsing_exception", "reason": reason, "caused_by": {"type": "x", "reason": reason}}
    assert HELD not in str(refused(400, body(error)))


# --- places


@pytest.mark.parametrize(
    ("query", "said", "position"),
    [
        ("FRO logs", "line 1:1: mismatched input 'FRO'", 0),
        ("FROM a\n| WHERE nmae == 1", "line 2:9: Unknown column [nmae]", 15),
        ("ROW '😀' | EVAL z", "line 1:11: x", 10),
        ("FROM a", "line 9:1: x", None),
        ("FROM a", "line 1:99: x", 6),
        ("FROM a", "no place", None),
    ],
)
def test_a_place_is_an_offset_in_the_callers_text(query: str, said: str, position: int | None) -> None:
    error = refused(400, body({"type": "parsing_exception", "reason": said}), query=query)
    assert isinstance(error, QueryError)
    assert error.position == position


def test_a_place_is_shown_with_a_caret() -> None:
    error = refused(400, body({"type": "parsing_exception", "reason": "line 1:6: oh"}), query="FROM a")
    assert str(error) == "oh\nLINE 1: FROM a\n             ^"


@pytest.mark.parametrize(
    ("reason", "message", "hint"),
    [
        ("Unknown column [nmae], did you mean [name]?", "Unknown column [nmae]", "did you mean 'name'?"),
        ("unknown field [sze] did you mean [size]", "unknown field [sze]", "did you mean 'size'?"),
        ("Unknown column [x], did you mean any of [a, b]?", "Unknown column [x]", "did you mean one of 'a', 'b'?"),
    ],
)
def test_what_was_meant_is_a_hint(reason: str, message: str, hint: str) -> None:
    found = refused(400, body({"type": "x", "reason": reason}))
    assert (found.message, found.hint) == (message, hint)


# --- connections


def caused(kind: type[Exception], cause: BaseException) -> Exception:
    error = kind(str(cause))
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (caused(elastic_transport.ConnectionError, ConnectionRefusedError(111, "no")), "connection refused"),
        (caused(elastic_transport.ConnectionError, OSError(113, "No route to host")), "No route to host"),
        (caused(elastic_transport.ConnectionTimeout, TimeoutError()), "no answer in time"),
        (caused(elastic_transport.ConnectionError, aiohttp.ServerDisconnectedError()), "Server disconnected"),
        (caused(elastic_transport.ConnectionError, ValueError()), "ValueError"),
    ],
)
def test_a_lost_connection_tells_why_and_where(error: Exception, message: str) -> None:
    found = errors.translated(error, "http://db:9200")
    assert found.message == f"http://db:9200: {message}"


def test_a_bulk_item_is_told_as_an_answer_is() -> None:
    item = {"type": "version_conflict_engine_exception", "reason": "[7]: version conflict", "index": "t"}
    fault = fault_of(item)
    assert (fault.type, fault.index, errors.message_of(fault)) == (item["type"], "t", "version conflict")


def test_http_where_tls_was_expected_says_which_url_is_without() -> None:
    cause = ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number")
    found = errors.translated(caused(elastic_transport.TlsError, cause))
    assert "elasticsearch://" in str(found.hint)
