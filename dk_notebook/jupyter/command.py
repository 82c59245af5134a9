"""What a statement without result columns is called when it is done: psql's command tag."""

from __future__ import annotations

import re
from collections.abc import Iterator

_TOKEN = re.compile(
    r"""--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|"(?:[^"]|"")*"|\$(\w*)\$.*?\$\1\$|(?P<word>[^\W\d]\w*)|(?P<sign>[();])""",
    re.DOTALL,
)
_COUNTED = {"INSERT", "UPDATE", "DELETE", "MERGE", "COPY"}
_NOT_A_KIND = {"OR", "REPLACE", "TEMP", "TEMPORARY", "UNIQUE", "PERSISTENT", "UNLOGGED"}


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
    statements = list(_statements(statement))
    if len(statements) > 1:
        return f"{len(statements)} statements, {rows:,} row{'' if rows == 1 else 's'}"
    words = statements[0] if statements else ["statement"]
    verb = words[0]
    if verb == "WITH":
        verb = next((word for word in words if word in _COUNTED), verb)
    if verb in _COUNTED:
        return f"{verb} {rows:,}"
    if verb in {"CREATE", "DROP", "ALTER"}:
        kind = [word for word in words[1:] if word not in _NOT_A_KIND][:1]
        return " ".join([verb, *kind])
    return verb


def _statements(text: str) -> Iterator[list[str]]:
    """The words of each statement that stand outside parentheses, in capitals."""
    words: list[str] = []
    depth = 0
    for token in _TOKEN.finditer(text):
        sign = token["sign"]
        if sign == ";" and depth == 0:
            if words:
                yield words
            words = []
        elif sign == "(":
            depth += 1
        elif sign == ")":
            depth -= 1
        elif token["word"] and depth == 0:
            words.append(token["word"].upper())
    if words:
        yield words
