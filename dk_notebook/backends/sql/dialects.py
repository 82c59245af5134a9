"""What SQL stores spell differently, as data."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
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
    texts: Mapping[str, str] = field(default_factory=dict)
    """The text form of a type, by how its name begins, where a cast to text gives another than reading does."""


def _re2(character: str) -> str:
    return character if character.isalnum() else f"\\x{{{ord(character):x}}}"


RE2: Final = Writer(
    character=_re2,
    classes={"d": r"\p{Nd}", "w": r"\p{L}\p{N}_", "s": r"\t-\r\x{1c}-\x{1f}\x{85}\p{Z}"}.__getitem__,
    anchors={"^": r"\A", "$": r"(?:\n?\z)", r"\A": r"\A", r"\Z": r"\z"},
    anything=r"[^\n]",
)

DUCKDB: Final = Dialect(pattern=RE2)


def _are(character: str) -> str:
    if character.isascii() and character.isalnum():
        return character
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


@lru_cache(maxsize=3)
def _python_class(name: str) -> str:
    """A class of Python's as ranges: what PostgreSQL takes for a letter depends on the collation, and few have all."""
    # The planes after these hold no letters, digits or blanks.
    characters = "".join(map(chr, range(0x40000)))
    runs = (run.span() for run in re.finditer(rf"\{name}+", characters))
    return "".join(f"{_are(chr(start))}-{_are(chr(end - 1))}" for start, end in runs)


ARE: Final = Writer(
    character=_are,
    classes=_python_class,
    anchors={"^": r"\A", "$": r"(?:\n?\Z)", r"\A": r"\A", r"\Z": r"\Z"},
    anything=r"[^\n]",
    folds=False,
)

POSTGRES: Final = Dialect(
    pattern=ARE,
    regex="{x} ~ {p}",
    like="{x} LIKE {p} ESCAPE ''",
    texts={
        # The cast adds the width of the network, which its own text form leaves out.
        "inet": "pg_catalog.textin(pg_catalog.inet_out({x}))",
        # The cast takes the blanks away.
        "character(": "pg_catalog.textin(pg_catalog.bpcharout({x}))",
        "bpchar": "pg_catalog.textin(pg_catalog.bpcharout({x}))",
    },
)
