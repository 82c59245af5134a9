"""SQL text cut into tokens, as far as telling code from literals, identifiers and comments needs it.

What a string, a comment or a ``$$body$$`` holds is never looked into. The joined tokens are the text again, whatever
the text; what is left open (a string without its closing quote) reaches to the end, and the server complains.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

Kind = Literal["blank", "string", "identifier", "word", "number", "position", "parameter", "cast", "mark"]

_SCAN = re.compile(
    r"""
      (?P<blank>\s+|--[^\r\n]*)
    | (?P<comment>/\*)
    | (?P<escaped>[eE]'(?:[^'\\]|\\.|'')*(?:'|\Z|\\\Z))
    | (?P<string>'(?:[^']|'')*(?:'|\Z))
    | (?P<identifier>"(?:[^"]|"")*(?:"|\Z))
    | (?P<dollar>\$(?:[^\W\d]\w*)?\$)
    | (?P<position>\$[0-9]+)
    | (?P<number>(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9][0-9_]*)(?:[eE][+-]?[0-9]+)?\w*)
    | (?P<word>[^\W\d][\w$]*)
    | (?P<cast>::|:=)
    | (?P<parameter>:[^\W\d]\w*)
    | (?P<mark>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_COMMENT_EDGE = re.compile(r"/\*|\*/")


@dataclass(frozen=True, slots=True)
class Token:
    """A stretch of the text. A comment is ``blank``, a ``$$body$$`` a ``string``, any other character a ``mark``.

    ``parameter`` is only the shape ``:name``; whether it is one depends on what stands before (`parameters`).
    """

    kind: Kind
    text: str
    start: int

    @property
    def end(self) -> int:
        """The offset after the last character."""
        return self.start + len(self.text)

    @property
    def upper(self) -> str:
        """The text in capitals, to compare words with keywords."""
        return self.text.upper()


KEPT = 10_000
"""Characters of a text whose tokens are kept for the next time: cells are run again, and a text is read several times
on its way."""


def tokens(text: str, *, escapes: bool = True) -> Iterator[Token]:
    r"""The tokens of ``text``. ``escapes``: in ``E'...'`` a backslash escapes, as in PostgreSQL and DuckDB.

    >>> [token.text for token in tokens("a=:b -- c")]
    ['a', '=', ':b', ' ', '-- c']
    >>> [token.kind for token in tokens(r"E'it\'s' '''' $$ :x $$")]
    ['string', 'blank', 'string', 'blank', 'string']
    """
    return iter(_kept(text, escapes)) if len(text) <= KEPT else _scanned(text, escapes=escapes)


@lru_cache(maxsize=128)
def _kept(text: str, escapes: bool) -> tuple[Token, ...]:  # noqa: FBT001 (a part of the key)
    return tuple(_scanned(text, escapes=escapes))


def _scanned(text: str, *, escapes: bool) -> Iterator[Token]:
    offset = 0
    while (found := _SCAN.match(text, offset)) is not None:
        kind, end = found.lastgroup, found.end()
        if kind == "comment":
            kind, end = "blank", comment_end(text, end)
        elif kind == "dollar":
            close = text.find(found.group(), end)
            kind, end = "string", len(text) if close < 0 else close + len(found.group())
        elif kind == "escaped":
            # Without escapes the `e` is an ordinary word before an ordinary string.
            kind, end = ("string", end) if escapes else ("word", offset + 1)
        yield Token(kind, text[offset:end], offset)  # type: ignore[arg-type]  # the groups are named after the kinds
        offset = end


def comment_end(text: str, offset: int) -> int:
    """Where the comment ends that was opened before ``offset``; comments nest."""
    depth = 1
    for edge in _COMMENT_EDGE.finditer(text, offset):
        depth += 1 if edge.group() == "/*" else -1
        if depth == 0:
            return edge.end()
    return len(text)


def statement_end(text: str, code: Sequence[Token]) -> int:
    """Before the ``;`` after which only blanks and comments follow."""
    end = len(text)
    for token in reversed(code):
        if token.text != ";" or token.kind != "mark":
            break
        end = token.start
    return end
