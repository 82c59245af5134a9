"""What the server says of a statement before it runs: the types of its parameters, and its result columns.

asyncpg's own description of a column has neither its precision nor the table it comes from. The server sends both, in
RowDescription, so the messages that answer a prepare are read on their way to asyncpg.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import asyncpg

from dk_notebook.backends.postgres.statements.listening import Between, listening

PARAMETERS, COLUMNS, NO_COLUMNS, REFUSED = b"t", b"T", b"n", b"E"
"""The messages that answer a Describe, by their first byte."""

_COLUMN = struct.Struct("!IhIhih")  # table, number there, type, its size, its modifier, format


@dataclass(frozen=True)
class Column:
    """A result column as the server declares it."""

    name: str
    type: int
    """The number of its type, of a domain that of what it is made of."""
    typmod: int
    """What the type was declared with, as precision and scale; -1: nothing."""
    stored: bool
    """It is a column of a table, no expression."""


@dataclass(frozen=True)
class Description:
    """The answer to a prepare."""

    parameters: tuple[int, ...]
    """The numbers of the types of ``$1``, ``$2``, ..."""
    columns: tuple[Column, ...] | None
    """None: the statement has no result."""


async def described(connection: Any, text: str) -> Description:
    """What ``text``, with ``$1`` for its parameters, takes and gives. Prepares it (unnamed), and runs nothing.

    Until the next command the server keeps the locks that looking at the tables took: send one soon.
    """
    with listening(connection, _Answer) as answer:
        try:
            await connection.prepare(text, name="")
        except asyncpg.InternalClientError:
            # It finds no way to read a type, as the anyarray of pg_stats. It need not: what is read is cast to text.
            if not answer.whole:
                raise
    return Description(answer.parameters, answer.columns)


class _Answer(Between):
    """Reads along until the description is whole."""

    def __init__(self, behind: Any) -> None:
        super().__init__(behind)
        self._seen = bytearray()
        self.whole = False
        """There is no more to come."""
        self.parameters: tuple[int, ...] = ()
        self.columns: tuple[Column, ...] | None = None

    def seen(self, data: bytes) -> None:
        if not self.whole:
            self._seen += data
            self._read()

    def _read(self) -> None:
        # Each message: its kind, its length without the kind, its contents. One may arrive in pieces.
        start = 0
        while not self.whole and len(self._seen) >= start + 5:
            kind = bytes(self._seen[start : start + 1])
            end = start + 1 + int.from_bytes(self._seen[start + 1 : start + 5])
            if len(self._seen) < end:
                break
            self._message(kind, bytes(self._seen[start + 5 : end]))
            start = end
        del self._seen[:start]

    def _message(self, kind: bytes, contents: bytes) -> None:
        if kind == PARAMETERS:
            (count,) = struct.unpack_from("!H", contents)
            self.parameters = struct.unpack_from(f"!{count}I", contents, 2)
        elif kind == COLUMNS:
            self.columns = tuple(_columns(contents))
        self.whole = kind in (COLUMNS, NO_COLUMNS, REFUSED)


def _columns(contents: bytes) -> Iterator[Column]:
    (count,) = struct.unpack_from("!H", contents)
    offset = 2
    for _ in range(count):
        end = contents.index(b"\0", offset)
        name = contents[offset:end].decode()
        table, _, kind, _, typmod, _ = _COLUMN.unpack_from(contents, end + 1)
        yield Column(name, kind, typmod, stored=table != 0)
        offset = end + 1 + _COLUMN.size
