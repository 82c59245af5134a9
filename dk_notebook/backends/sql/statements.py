"""Several statements in one text, told apart; what kind of statement one is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dk_notebook.backends.sql.lexer import Token, tokens
from dk_notebook.errors import NO_RESULT, QueryError


@dataclass(frozen=True, slots=True)
class Part:
    """One statement of several, without the ``;`` that ends it."""

    text: str
    start: int
    """Its offset in the whole text."""


def split(text: str, *, escapes: bool = True) -> list[Part]:
    """The statements of ``text``; empty ones and lone comments are none.

    A ``;`` does not end a statement inside of parentheses, nor in the ``BEGIN ... END`` body of a CREATE FUNCTION.

    >>> [part.text for part in split("select ';'; ; insert into t values (1) -- done;")]
    ["select ';'", 'insert into t values (1) -- done;']
    """
    parts = []
    code: list[Token] = []
    parentheses = bodies = 0

    def finish(end: int) -> None:
        if code:
            start = code[0].start
            parts.append(Part(text[start:end].rstrip(), start))
        code.clear()

    for token in tokens(text, escapes=escapes):
        if token.kind == "blank":
            continue
        if token.text == ";" and parentheses <= 0 and bodies <= 0:
            finish(token.start)
            parentheses = bodies = 0
            continue
        code.append(token)
        if token.kind == "mark":
            parentheses += {"(": 1, ")": -1}.get(token.text, 0)
        elif token.kind == "word" and _makes_routine(code):
            # As psql does it: CASE has an END of its own.
            if token.upper == "BEGIN" or (token.upper == "CASE" and bodies):
                bodies += 1
            elif token.upper == "END":
                bodies -= 1
    finish(len(text))
    return parts


def check_count(count: int, text: str) -> None:
    """Nothing, for the one statement that a query is; QueryError for none, and for several."""
    if count == 0:
        raise no_statement(text)
    if count > 1:
        raise QueryError(
            f"{count} statements in one query: only dk.execute runs several, in one transaction",
            hint="read them one by one",
            code=NO_RESULT,
            query=text,
        )


def no_statement(text: str) -> QueryError:
    """What is raised where there is nothing to run."""
    return QueryError("there is no statement in the text", query=text)


def no_columns(text: str, kind: str | None = None) -> QueryError:
    """What is raised where a query has no result columns. ``kind``: the store's word for what it is instead.

    >>> print(no_columns("create table t (a int)", "CREATE").message)
    a statement without result columns (CREATE) is no query
    """
    return QueryError(
        f"a statement without result columns {f'({kind}) ' if kind else ''}is no query",
        hint="dk.execute runs it and gives the number of rows affected",
        code=NO_RESULT,
        query=text,
    )


def keywords(text: str, count: int = 1, *, escapes: bool = True) -> tuple[str, ...]:
    """The first words of a statement in capitals, fewer where something else comes first; parentheses are skipped.

    >>> keywords("/* all */ ( select 1 )"), keywords("create temp table t (a int)", 3)
    (('SELECT',), ('CREATE', 'TEMP', 'TABLE'))
    """
    found: list[str] = []
    for token in _code(text, escapes=escapes):
        if len(found) == count:
            break
        if token.kind == "word":
            found.append(token.upper)
        elif found or token.text not in ("(", ";"):
            break
    return tuple(found)


def _makes_routine(code: list[Token]) -> bool:
    start = [token.upper for token in code[:4]]
    kinds = start[3:] if start[1:3] == ["OR", "REPLACE"] else start[1:2]
    return start[:1] == ["CREATE"] and kinds[:1] in (["FUNCTION"], ["PROCEDURE"])


def _code(text: str, *, escapes: bool) -> Iterator[Token]:
    return (token for token in tokens(text, escapes=escapes) if token.kind != "blank")
