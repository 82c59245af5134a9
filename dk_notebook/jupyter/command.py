"""What a statement without result columns is called when it is done: psql's command tag."""

from __future__ import annotations

from collections.abc import Iterator

from dk_notebook.backends.sql.lexer import tokens
from dk_notebook.backends.sql.statements import split
from dk_notebook.words import counted

_COUNTED = {"INSERT", "UPDATE", "DELETE", "MERGE", "COPY"}
_SHAPING = {"CREATE", "DROP", "ALTER"}
_NOT_A_KIND = {"OR", "REPLACE", "TEMP", "TEMPORARY", "UNIQUE", "PERSISTENT", "UNLOGGED"}
_READING = {"SELECT", "FROM", "VALUES", "TABLE", "SHOW", "DESCRIBE", "SUMMARIZE", "EXPLAIN", "PIVOT"}


def command_tag(statement: str, rows: int) -> str:
    """The statement's verb, and the rows that it affected where there can be any.

    >>> command_tag("update t set a = 1", 5)
    'UPDATE 5'
    >>> command_tag("/* new */ create or replace table t (n int)", 0)
    'CREATE TABLE'
    >>> command_tag("with old as (select 1) delete from t using old", 2)
    'DELETE 2'
    >>> command_tag("create table t (n int); insert into t values (1), (2);", 2)
    '2 statements, 2 rows'
    """
    parts = split(statement)
    if len(parts) > 1:
        return f"{len(parts)} statements, {counted(rows, 'row')}"
    words = list(_words(statement)) or ["done"]
    verb = words[0]
    if verb == "WITH":
        verb = next((word for word in words if word in _COUNTED), verb)
    if verb in _COUNTED:
        return f"{verb} {rows:,}"
    if verb in _SHAPING:
        return " ".join([verb, *[word for word in words[1:] if word not in _NOT_A_KIND][:1]])
    return verb


def loses_a_result(text: str) -> bool:
    """Whether one of several statements is a query, whose rows nobody would see.

    >>> loses_a_result("create table t (n int); select * from t"), loses_a_result("select 1")
    (True, False)
    """
    parts = split(text)
    return len(parts) > 1 and any(next(_words(part.text), "") in _READING for part in parts)


def _words(statement: str) -> Iterator[str]:
    """The words of a statement that stand outside parentheses, in capitals."""
    depth = 0
    for token in tokens(statement):
        if token.kind == "mark":
            depth += {"(": 1, ")": -1}.get(token.text, 0)
        elif token.kind == "word" and depth == 0:
            yield token.upper
