"""Parameters in ES|QL text: ``?name``, ``?1`` (or ``$1``) and ``?``, found where they are parameters, and bound.

The server binds the values. It takes numbers, text, booleans and NULL, so a date travels as text inside of the function
that makes a date of it, and a list as several parameters inside of the parentheses of its ``IN``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from dk_notebook.backends.elasticsearch.esql.lexer import tokens
from dk_notebook.backends.elasticsearch.esql.values import Bound, bound
from dk_notebook.backends.sql.lexer import Token, statement_end
from dk_notebook.backends.sql.parameters import Key, Parameter, Rendered, Statement
from dk_notebook.errors import ConfigError, QueryError

_SOURCES: Final = frozenset({"FROM", "TS", "METRICS"})
"""The commands that names of indices follow, in which nothing is a parameter."""
_BEFORE_EXPRESSION: Final = frozenset({"AND", "OR", "NOT", "BY", "WHERE", "STATS", "ON", "LIKE", "RLIKE"})
"""Words at which an expression begins, besides the names of commands."""
_SERVERS: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
"""The names that the server takes for parameters."""


@dataclass(frozen=True, slots=True)
class EsqlParameter(Parameter):
    """A place in ES|QL text where a value goes."""

    left: int = 0
    """With ``membership``: where the operand on its left begins."""
    is_name: bool = False
    """It is ``??name``: the value is the name of a column or a function."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """A statement as the server gets it."""

    source: str
    """As the caller wrote it."""
    rendered: Rendered
    params: list[dict[str, Any]]
    """One a parameter, as the server wants them."""

    @property
    def text(self) -> str:
        """The text that is sent."""
        return self.rendered.text

    def user_offset(self, line: int, column: int) -> int:
        """The offset in the caller's text of a place that the server names, both counted from 1."""
        lines = self.text.split("\n")
        before = sum(len(each) + 1 for each in lines[: line - 1])
        return self.rendered.user_offset(min(before + column - 1, len(self.text)))


def parse(text: str) -> Statement:
    """The statement and its parameters. ConfigError for names and positions in one statement.

    >>> parse('FROM t | WHERE a == ?b AND c == "?d" // ?e').names
    ('b',)
    >>> parse("ROW a = ?, b = ?").positions
    (1, 2)
    """
    code: list[Token] = []  # all but blanks and comments
    found: list[EsqlParameter] = []
    counted: set[str] = set()
    in_sources = False
    for token in tokens(text):
        if token.kind == "blank":
            continue
        if token.kind == "word" and (not code or code[-1].text in ("|", ";")):
            in_sources = token.upper in _SOURCES
        elif token.text == "|" or (token.kind == "word" and token.upper == "METADATA"):
            in_sources = False
        if token.kind == "parameter" and in_sources:
            raise QueryError(
                "the names of indices cannot be parameters", hint="write the name", query=text, position=token.start
            )
        if token.kind == "parameter" or (token.kind == "position" and not in_sources):
            said = token.text.lstrip("?$")
            key: Key = (int(said) if said.isdigit() else said) or len(found) + 1
            counted.add("?" if not said else "name" if isinstance(key, str) else "?1")
            if said == "0":
                raise ConfigError("there is no parameter ?0: positions count from 1")
            found.append(_placed(key, token, code))
        elif token.text == ")" and found:
            found[-1] = _closed(found[-1], code, token)
        code.append(token)
    if len(counted) > 1:
        raise ConfigError("the statement mixes ?name, ?1 and ?: use one of them")
    return Statement(text, tuple(found), statement_end(text, code), sign="?")


def requested(text: str, params: Mapping[str, Any] | Sequence[Any] | None) -> Request:
    """The text and the parameters for the server.

    MissingParameter, ConfigError: the values do not fit the text, or are such as ES|QL does not know.

    >>> from datetime import date
    >>> asked = requested("FROM t | WHERE a IN ?ids AND day >= ?day", {"ids": [1, 2], "day": date(2024, 1, 2)})
    >>> print(asked.text, asked.params)
    FROM t | WHERE a IN (?ids_1, ?ids_2) AND day >= TO_DATETIME(?day) [{'ids_1': 1}, {'ids_2': 2}, {'day': '2024-01-02'}]
    >>> print(requested("FROM t | WHERE NOT a NOT IN (?ids)", {"ids": []}).text)
    FROM t | WHERE NOT (a IS NULL OR true)
    """  # noqa: E501 (an example is one line)
    statement = parse(text)
    writing = _Writing(statement, statement.bind(params))
    places = [each for each in statement.parameters if isinstance(each, EsqlParameter)]
    edits = [edit for parameter in places for edit in writing.edits(parameter)]
    edits.sort(key=lambda edit: edit[:2])
    sent = [{name: value.sent} for name, value in writing.values.items()]
    return Request(source=text, rendered=_edited(statement, edits), params=sent)


class _Writing:
    """The names under which the server gets the values of a statement."""

    def __init__(self, statement: Statement, given: Mapping[Key, Any]) -> None:
        self._statement = statement
        self._names: dict[Key, str | list[str]] = {}
        self.values: dict[str, Bound] = {}
        for key, value in given.items():
            base = key if isinstance(key, str) and _SERVERS.fullmatch(key) else f"p{len(self._names) + 1}"
            if isinstance(value, list):
                self._names[key] = [self._added(f"{base}_{i}", each, key) for i, each in enumerate(value, 1)]
            else:
                self._names[key] = self._added(base, value, key)

    def _added(self, name: str, value: Any, key: Key) -> str:
        while name in self.values or (name != key and name in self._statement.keys):
            name += "_"
        try:
            self.values[name] = bound(value)
        except ConfigError as error:
            raise ConfigError(f"parameter {self._statement.shown(key)}: {error.message}", hint=error.hint) from error
        return name

    def edits(self, parameter: EsqlParameter) -> list[tuple[int, int, str]]:
        """What to write instead of which stretches of the text."""
        names = self._names[parameter.key]
        shown = self._statement.shown(parameter.key)
        if parameter.is_name:
            if isinstance(names, list) or not isinstance(self.values[names].sent, str) or self.values[names].wrap:
                raise ConfigError(f"parameter ?{shown} stands for a name: its value must be text")
            return [(parameter.start, parameter.end, f"??{names}")]
        if isinstance(names, str):
            written = self.values[names].written(names)
            if parameter.membership is None:
                return [(parameter.start, parameter.end, written)]
            return [(*parameter.outer, _in(parameter, [written]))]
        if parameter.membership is None:
            raise ConfigError(
                f"parameter {shown} is a list, and ES|QL takes lists only in IN", hint=f"write IN ({shown})"
            )
        if names:
            return [(*parameter.outer, _in(parameter, [self.values[name].written(name) for name in names]))]
        # IN of nothing is false and NOT IN of nothing true, also where the left side is NULL; that it is there and
        # what it is, the server still checks.
        never = "IS NULL OR true)" if parameter.membership == "not in" else "IS NULL AND false)"
        return [(parameter.left, parameter.left, "("), (*parameter.outer, never)]


def _in(parameter: Parameter, written: Sequence[str]) -> str:
    return f"{'NOT ' if parameter.membership == 'not in' else ''}IN ({', '.join(written)})"


def _edited(statement: Statement, edits: Sequence[tuple[int, int, str]]) -> Rendered:
    """The text with the edits, which are in order, and where each of its parts comes from."""
    written: list[str] = []
    edges: list[tuple[int, int, bool]] = []
    length = offset = 0

    def write(text: str, source: int, *, verbatim: bool) -> None:
        nonlocal length
        if text:
            edges.append((length, source, verbatim))
            written.append(text)
            length += len(text)

    for start, end, text in edits:
        write(statement.text[offset:start], offset, verbatim=True)
        write(text, start, verbatim=False)
        offset = end
    write(statement.text[offset : statement.end], offset, verbatim=True)
    return Rendered("".join(written), statement.keys, (*edges, (length, max(offset, statement.end), False)))


# --- finding IN -------------------------------------------------------------------------------------------------


def _placed(key: Key, token: Token, code: Sequence[Token]) -> EsqlParameter:
    """The parameter, with its IN where it follows one directly."""
    found = EsqlParameter(key, token.start, token.end, is_name=token.text.startswith("??"))
    return _member(found, code, token.end) if code and _is_in(code[-1]) else found


def _closed(parameter: EsqlParameter, code: Sequence[Token], close: Token) -> EsqlParameter:
    """The last parameter, where a closing parenthesis is the end of ``IN (?ids)``."""
    alone = len(code) >= 3 and code[-1].start == parameter.start and code[-2].text == "(" and _is_in(code[-3])
    return _member(parameter, code[:-2], close.end) if alone else parameter


def _is_in(token: Token) -> bool:
    return token.kind == "word" and token.upper == "IN"


def _member(parameter: EsqlParameter, code: Sequence[Token], end: int) -> EsqlParameter:
    """``code`` ends with IN."""
    negated = len(code) > 1 and code[-2].kind == "word" and code[-2].upper == "NOT"
    head = len(code) - (2 if negated else 1)
    return replace(
        parameter,
        membership="not in" if negated else "in",
        outer=(code[head].start, end),
        left=_left(code[:head]),
    )


def _left(code: Sequence[Token]) -> int:
    """Where the operand begins that ``code`` ends with."""
    depth = 0
    begins = code[-1].start if code else 0
    for at in range(len(code) - 1, -1, -1):
        token = code[at]
        if token.text in (")", "]"):
            depth += 1
        elif token.text in ("(", "["):
            if depth == 0:
                break
            depth -= 1
        elif depth == 0 and _separates(token, code[at - 1] if at else None):
            break
        begins = token.start
    return begins


def _separates(token: Token, before: Token | None) -> bool:
    if token.kind == "word":
        return token.upper in _BEFORE_EXPRESSION or before is None or before.text in ("|", ";")
    return token.kind == "mark" and token.text in (",", "|", "=", ";")
