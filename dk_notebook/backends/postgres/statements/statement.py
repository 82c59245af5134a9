"""A statement on its way to PostgreSQL: the caller's text, its parameters, and the COPY around it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

from dk_notebook.backends.base import Native
from dk_notebook.backends.postgres.server_types import ServerType
from dk_notebook.backends.postgres.statements.parameters import literal
from dk_notebook.backends.sql.lexer import Token, tokens
from dk_notebook.backends.sql.parameters import Key, Statement, any_element, parse, shown
from dk_notebook.backends.sql.sent import Sent
from dk_notebook.backends.sql.statements import check_count, split
from dk_notebook.errors import ConfigError

Shape = Literal["rows", "returning", "modifying with", "other"]
"""What COPY has to do with a statement; ``other``: nothing, it does not take it."""

_ROWS = frozenset({"SELECT", "VALUES", "TABLE"})
_CHANGES = frozenset({"INSERT", "UPDATE", "DELETE", "MERGE"})
_MAIN = _ROWS | _CHANGES
HEAD, TAIL = "COPY (", ") TO STDOUT (FORMAT binary)"
RESULT = "dk_q"
"""The name of the user's statement inside of the COPY."""


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A statement with ``$1`` for its parameters, and their values."""

    sent: Sent
    values: tuple[Any, ...]
    """Of ``$1``, ``$2``, ..., as `values.plain` gives them."""
    statement: Statement
    bound: Mapping[Key, Any]
    raw: Mapping[Key, Any]
    """The values as the caller gave them."""


def prepared(native: Native) -> Prepared:
    """The statement as the server describes it. MissingParameter, ConfigError: params do not fit the text."""
    if not isinstance(native.text, str):
        raise ConfigError("a query for postgres is SQL text, not a Query DSL body")
    statement = parse(native.text)
    params = _kept(native.params)
    bound = statement.bind(params)
    raw = {key: params[key if isinstance(key, str) else key - 1] for key in bound}
    rendered = statement.render(bound, lambda number, _: f"${number}", membership=any_element)
    sent = Sent(text=native.text, sent=rendered.text, to_source=rendered.user_offset)
    return Prepared(sent=sent, values=tuple(bound.values()), statement=statement, bound=bound, raw=raw)


def _kept(params: Any) -> Any:
    """The params, with lists for the iterators among them, which give their values only once."""
    if isinstance(params, Mapping):
        return {str(name): list(value) if isinstance(value, Iterator) else value for name, value in params.items()}
    if params is None or isinstance(params, (str, bytes)) or not hasattr(params, "__len__"):
        return params
    return [list(value) if isinstance(value, Iterator) else value for value in params]


def plain(text: str, values: Sequence[Any] = ()) -> Prepared:
    """A statement that this package wrote itself, with ``$1`` for its values."""
    return prepared(Native(text=text, params=list(values) or None))


def with_literals(ready: Prepared, types: Sequence[ServerType]) -> Sent:
    """The statement with its values in place, each as a literal of the type that the server declares for it.

    ConfigError names the parameter whose value no literal of that type is.
    """
    if not ready.values:
        return ready.sent

    def written(number: int, key: Key) -> str:
        try:
            return literal(ready.bound[key], types[number - 1], raw=ready.raw[key])
        except ConfigError as error:
            raise ConfigError(f"parameter {shown(key)}: {error.message}", hint=error.hint) from error

    rendered = ready.statement.render(ready.bound, written, membership=any_element)
    return Sent(text=ready.sent.text, sent=rendered.text, to_source=rendered.user_offset)


def check_single(text: str) -> None:
    """Nothing, for one statement; else QueryError, before anything is sent."""
    check_count(len(split(text)), text)


def shape(text: str) -> Shape:
    """What kind of statement it is.

    >>> shape("select 1"), shape("delete from t returning a"), shape("show all")
    ('rows', 'returning', 'other')
    >>> shape("with a as (select 1) select * from a"), shape("with a as (delete from t returning a) table a")
    ('rows', 'modifying with')
    """
    code = _code(text)
    first = next((token.upper for token in code if token.text != "("), "")
    if first in _CHANGES:
        return "returning"
    if first == "WITH" and _modifies(code):
        # In parentheses it cannot be made a part of another WITH.
        return "modifying with" if code[0].text != "(" else "other"
    return "rows" if first in (*_ROWS, "WITH") else "other"


def copied(sent: Sent, kind: Shape, expressions: Sequence[str], limit: int | None) -> Sent:
    """The COPY of a statement's result, each column by an expression over ``c1``, ``c2``, ...

    >>> query = Sent(text="select 1 -- one", sent="select 1 -- one")
    >>> print(copied(query, "rows", ["c1::int8"], 5).sent)
    COPY (SELECT c1::int8 FROM (select 1 -- one
    ) AS dk_q(c1) LIMIT 5) TO STDOUT (FORMAT binary)
    """
    names = ", ".join(f"c{number}" for number in range(1, len(expressions) + 1))
    result = f"{RESULT}({names})" if names else RESULT
    chosen = ", ".join(expressions)
    rest = f"{f' LIMIT {limit}' if limit is not None else ''}{TAIL}"
    if kind == "rows":
        return _around(sent, 0, f"{HEAD}SELECT {chosen} FROM (", f"\n) AS {result}{rest}")
    if kind == "returning":
        return _around(sent, 0, f"{HEAD}WITH {result} AS (", f"\n) SELECT {chosen} FROM {RESULT}{rest}")
    # A WITH that changes data must stay at the top: what followed it becomes one more of its members.
    main = _main(_code(sent.sent))
    return _around(sent, main, f", {result} AS (", f"\n) SELECT {chosen} FROM {RESULT}{rest}", head=HEAD)


def _around(sent: Sent, at: int, before: str, after: str, *, head: str = "") -> Sent:
    """``sent`` with ``head`` in front, ``before`` at an offset and ``after`` behind it."""
    text = f"{head}{sent.sent[:at]}{before}{sent.sent[at:]}{after}"
    start, inserted = len(head), len(before)

    def to_source(offset: int) -> int:
        there = offset - start
        if there >= at:
            there = max(there - inserted, at)
        return sent.to_source(min(max(there, 0), len(sent.sent)))

    return Sent(text=sent.text, sent=text, to_source=to_source)


def _code(text: str) -> list[Token]:
    return [token for token in tokens(text) if token.kind != "blank"]


def _modifies(code: Sequence[Token]) -> bool:
    """Whether a member of the WITH, or what follows it, changes data.

    A column or table called ``update`` may look like it, which does no harm.
    """
    main = _main(code)
    return any(
        token.kind == "word" and token.upper in _CHANGES and (token.start == main or before.text in ("(", ")"))
        for before, token in pairwise(code)
    )


def _main(code: Sequence[Token]) -> int:
    """The offset of the statement that a WITH belongs to: after the members of its list.

    A member ends with a parenthesis, or with the name that ``SEARCH ... SET`` or ``CYCLE ... USING`` gives a column.
    """
    depth = 0
    for number, token in enumerate(code):
        opens = token.kind == "mark" and token.text == "("
        starts = opens or (token.kind == "word" and token.upper in _MAIN)
        if depth == 0 and starts and number > 1:
            name, before = code[number - 2 : number]
            if before.text == ")" or (name.kind == "word" and name.upper in ("SET", "USING")):
                return token.start
        depth += opens - (token.kind == "mark" and token.text == ")")
    return 0
