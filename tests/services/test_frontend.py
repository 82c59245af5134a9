"""What a client says, in pieces as the network makes them."""

from __future__ import annotations

import struct

import pytest

from tests.services.frontend import CANCEL, TLS, Frontend

pytestmark = pytest.mark.unit

START = struct.pack("!ii", 8, 196608)


def message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", 4 + len(body)) + body


def query(text: str) -> bytes:
    return message(b"Q", text.encode() + b"\0")


SAID = [
    struct.pack("!ii", 8, TLS),
    START,
    query("begin"),
    message(b"d", b"x" * 1000),
    message(b"c", b""),
    query("commit"),
]


@pytest.mark.parametrize("size", [1, 2, 5, 7, 1000, 10_000])
def test_all_bytes_pass_in_order_however_they_arrive(size: int) -> None:
    said, frontend = b"".join(SAID), Frontend()
    parts = [said[start : start + size] for start in range(0, len(said), size)]
    assert b"".join(piece.data for part in parts for piece in frontend.feed(part)) == said


@pytest.mark.parametrize("size", [1, 2, 5, 7, 1000, 10_000])
def test_queries_are_seen_however_they_arrive(size: int) -> None:
    said, frontend = b"".join(SAID), Frontend()
    parts = [said[start : start + size] for start in range(0, len(said), size)]
    pieces = [piece for part in parts for piece in frontend.feed(part)]
    assert [piece.query for piece in pieces if piece.query] == ["begin", "commit"]


def test_a_long_message_passes_before_it_is_whole() -> None:
    frontend = Frontend()
    pieces = list(frontend.feed(START + message(b"d", b"x" * 1_000_000)[:5000]))
    assert sum(len(piece.data) for piece in pieces) == len(START) + 5000


def test_a_cancel_is_seen() -> None:
    assert [piece.code for piece in Frontend().feed(struct.pack("!iiii", 16, CANCEL, 1, 2))] == [CANCEL]


@pytest.mark.parametrize("text", ["COMMIT", "commit;", " end ; ", "insert into t values (1); commit", "Commit Work"])
def test_a_commit_is_seen(text: str) -> None:
    assert [piece.commits for piece in Frontend().feed(START + query(text))] == [False, True]


@pytest.mark.parametrize("text", ["select 'commit'", "commit prepared 'a'", "rollback", "commit; select 1", "append"])
def test_what_is_no_commit_at_the_end_is_none(text: str) -> None:
    assert [piece.commits for piece in Frontend().feed(START + query(text))] == [False, False]
