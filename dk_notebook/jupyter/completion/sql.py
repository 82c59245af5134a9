"""What the cursor asks for in SQL text: a table, a column, a parameter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from dk_notebook.backends.sql.lexer import Token, tokens
from dk_notebook.backends.sql.parameters import parse
from dk_notebook.errors import ConfigError
from dk_notebook.jupyter.completion.sources import (
    BETWEEN,
    KEYWORDS,
    TABLE_WORDS,
    Code,
    Sources,
    is_closed,
    is_no_table,
    scoped,
    sources,
    unquoted,
)

Wanted = Literal["table", "column", "parameter"]

_CURSOR = "\0"
"""The text of a token that stands for what is being typed."""


@dataclass(frozen=True)
class Place:
    """What the cursor asks for."""

    wanted: Wanted
    fragment: str
    """What stands before the cursor and is to be replaced; of ``a.b`` it is ``b``."""
    qualifiers: tuple[str, ...]
    """What stands before that with dots."""
    sources: Sources
    scope: int
    """The query that the cursor is in."""
    only: tuple[str, ...] = ()
    """The one table whose columns can stand here, as in INSERT INTO t (a, b)."""
    closes: bool = True
    """Whether a quoted name needs its closing quote: it may stand behind the cursor already."""

    @property
    def is_quoted(self) -> bool:
        """Whether the name begins with a quote."""
        return self.fragment.startswith('"')

    @property
    def typed(self) -> str:
        """The name, as far as it is typed."""
        return unquoted(self.fragment) if self.is_quoted else self.fragment


def place(text: str, cursor: int) -> Place | None:
    """What the cursor asks for; None: nothing, as in a literal, in a comment, or where an alias stands.

    >>> found = place("select o. from orders o", 9)
    >>> found.wanted, found.qualifiers, [source.parts for source in found.sources.all]
    ('column', ('o',), [('orders',)])
    """
    every = list(tokens(text))
    current = next((token for token in every if token.start < cursor <= token.end), None)
    if current is not None and current.kind == "parameter":
        return _parameter(text, cursor, current.start)
    if current is not None and current.text == ":":
        return _parameter(text, cursor, current.start)
    fragment, closes = "", True
    before = [token for token in every if token.end <= cursor]
    after = [token for token in every if token.start >= cursor]
    if current is not None and current.kind in ("word", "identifier"):
        fragment = text[current.start : cursor]
        before = [token for token in before if token is not current]
        if current.kind == "identifier":
            if cursor == current.end and is_closed(current.text):
                return None
            closes = not is_closed(current.text)
            if closes:  # what is taken for its inside is the rest of the statement
                after = [Token(token.kind, token.text, token.start + cursor) for token in tokens(text[cursor:])]
    elif current is not None and (current.kind not in ("blank", "mark", "cast") or _in_comment(current, cursor)):
        return None
    elif after and after[0].start == cursor:
        after = _behind(after)
    qualifiers, before = _qualifiers(before)
    if before and before[-1].text == "::":
        return None
    codes, scopes = scoped(_statement(before, Token("mark", _CURSOR, cursor), after))
    at = next(place for place, code in enumerate(codes) if code.token.text == _CURSOR)
    wanted, only = _wanted(codes, at)
    if wanted is None:
        return None
    return Place(wanted, fragment, qualifiers, sources(codes, scopes), codes[at].scope, only, closes)


def in_literal(text: str, cursor: int) -> bool:
    """Whether the cursor stands in a string, which may name a file."""
    return any(token.kind == "string" and token.start < cursor <= token.end for token in tokens(text))


def _behind(after: list[Token]) -> list[Token]:
    """What stands behind the name that begins at the cursor, if one does."""
    begin = 0
    while begin < len(after) and _is_name(after[begin]):
        if begin + 1 >= len(after) or after[begin + 1].text != ".":
            return after[begin + 1 :]
        begin += 2
    return after[begin:]


def _is_name(token: Token) -> bool:
    return token.kind == "identifier" or (token.kind == "word" and token.upper not in KEYWORDS)


def _in_comment(blank: Token, cursor: int) -> bool:
    if blank.text.startswith("--"):
        return True
    return blank.text.startswith("/*") and (cursor < blank.end or not blank.text.endswith("*/"))


def _parameter(text: str, cursor: int, start: int) -> Place | None:
    """The name of a parameter, if the colon there begins one."""
    try:
        found = parse(text[:start] + ":x").parameters
    except ConfigError:  # the statement counts its parameters: $1
        return None
    if not found or found[-1].start != start:
        return None
    codes, scopes = scoped(())
    return Place("parameter", text[start + 1 : cursor], (), sources(codes, scopes), 0)


def _qualifiers(before: list[Token]) -> tuple[tuple[str, ...], list[Token]]:
    """The names that stand before the cursor with dots, and the tokens before them."""
    found: list[str] = []
    rest = list(before)
    while len(rest) >= 2 and rest[-1].text == "." and rest[-2].kind in ("word", "identifier"):
        name = rest[-2]
        found.insert(0, unquoted(name.text) if name.kind == "identifier" else name.text)
        rest = rest[:-2]
    return tuple(found), rest


def _statement(before: Sequence[Token], cursor: Token, after: Sequence[Token]) -> list[Token]:
    """The statement around the cursor, of several."""
    begin = next((at + 1 for at in range(len(before) - 1, -1, -1) if _ends(before[at])), 0)
    end = next((at for at, token in enumerate(after) if _ends(token)), len(after))
    return [*before[begin:], cursor, *after[:end]]


def _ends(token: Token) -> bool:
    return token.kind == "mark" and token.text == ";"


def _wanted(codes: Sequence[Code], at: int) -> tuple[Wanted | None, tuple[str, ...]]:
    """What can stand at a place, and of which table alone."""
    if at == 0:
        return None, ()  # the word that begins a statement
    last = at - 1
    while last > 0 and codes[last].word in BETWEEN:
        last -= 1
    if codes[last].word in TABLE_WORDS and not is_no_table(codes, last):
        return "table", ()
    begin = _clause(codes, at)
    if begin is None:
        return "column", _inserted(codes, at)
    if codes[at - 1].word == "AS":
        return None, ()
    if codes[begin].word != "TABLE" and (codes[begin].word not in TABLE_WORDS or is_no_table(codes, begin)):
        return "column", ()
    listed = codes[begin].word in ("FROM", "USING") and codes[at - 1].is_mark(",")
    return ("table", ()) if listed else (None, ())


_CLAUSES = TABLE_WORDS | frozenset(
    """SELECT WHERE ON GROUP ORDER BY HAVING SET VALUES RETURNING QUALIFY LIMIT OFFSET WINDOW AND OR""".split()  # noqa: SIM905 (as above)
)


def _clause(codes: Sequence[Code], at: int) -> int | None:
    """The word that begins the clause there, in the same query."""
    scope = codes[at].scope
    for before in range(at - 1, -1, -1):
        if codes[before].scope == scope and codes[before].word in _CLAUSES:
            return before
    return None


def _inserted(codes: Sequence[Code], at: int) -> tuple[str, ...]:
    """The table of ``INSERT INTO table (columns`` where the cursor is among the columns."""
    scope = codes[at].scope
    opening = next((n for n in range(at - 1, -1, -1) if codes[n].is_mark("(") and codes[n].scope != scope), None)
    if opening is None:
        return ()
    parts: list[str] = []
    place = opening - 1
    while place >= 0 and (name := codes[place].name) is not None and codes[place].word not in TABLE_WORDS:
        parts.insert(0, name)
        place -= 1
        if place < 0 or not codes[place].is_mark("."):
            break
        place -= 1
    return tuple(parts) if place >= 0 and codes[place].word == "INTO" else ()
