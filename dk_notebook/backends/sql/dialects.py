"""What SQL stores spell differently, as data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from dk_notebook.records.patterns import Writer


@dataclass(frozen=True)
class Dialect:
    """One store's spelling of what `select` writes. Templates take ``{x}``, an expression, and ``{p}``, an operand."""

    pattern: Writer
    """How its engine writes regular expressions."""
    placeholder: Callable[[int], str] = "${}".format
    """The placeholder of the n-th value, from 1."""
    regex: str = "regexp_matches({x}, {p})"
    like: str = "{x} LIKE {p}"
    """LIKE without an escape character, by code point."""
    starts_with: str = "starts_with({x}, {p})"
    collate: str = ' COLLATE "C"'
    """After an expression: text compares by code point, whatever the collation of the column or store."""


def _re2(character: str) -> str:
    return character if character.isalnum() else f"\\x{{{ord(character):x}}}"


RE2: Final = Writer(
    character=_re2,
    classes={"d": r"\p{Nd}", "w": r"\p{L}\p{N}_", "s": r"\t-\r\x{1c}-\x{1f}\x{85}\p{Z}"},
    anchors={"^": r"\A", "$": r"(?:\n?\z)", r"\A": r"\A", r"\Z": r"\z"},
    anything=r"[^\n]",
)

DUCKDB: Final = Dialect(pattern=RE2)
