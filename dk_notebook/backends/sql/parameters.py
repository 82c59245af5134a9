"""Parameters in SQL text: ``:name`` and ``$1``, found where they are parameters and nowhere else.

`parse` finds them, `Statement.bind` checks the caller's values against them, `Statement.render` writes each as the
store wants it. Values are never pasted: what is written is a placeholder, or a typed literal that the backend makes.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Literal, Protocol, runtime_checkable

from dk_notebook.backends.sql.lexer import Token, statement_end, tokens
from dk_notebook.backends.sql.values import plain
from dk_notebook.errors import ConfigError, MissingParameter, QueryError, did_you_mean

Key = str | int
"""A name, or a position counted from 1."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A place in the text where a value goes. ``start`` and ``end`` enclose ``:name`` or ``$1`` itself."""

    key: Key
    start: int
    end: int
    membership: Literal["in", "not in"] | None = None
    """It is all that an ``IN`` or ``NOT IN`` has on its right, with or without parentheses."""
    outer: tuple[int, int] = (0, 0)
    """With ``membership``: the stretch from ``IN`` (``NOT``) to the closing parenthesis."""

    @property
    def needs_list(self) -> bool:
        """Whether SQL has no one value here: ``IN (:id)`` takes it, ``IN :id`` does not."""
        return self.membership is not None and self.outer[1] == self.end


Placeholder = Callable[[int, Key], str]
"""What to write for a parameter, given its number among the distinct ones of the statement (from 1) and its key."""
Membership = Callable[[str, bool], str]
"""What to write instead of ``IN :ids`` for a list, given its placeholder and whether it is NOT IN."""


def in_subquery(placeholder: str, negated: bool) -> str:  # noqa: FBT001 (a Membership)
    """``IN`` over the elements of a list parameter: right for empty lists too, and of the elements' own type.

    >>> in_subquery("$1", True)
    'NOT IN (SELECT unnest($1))'
    """
    return f"{'NOT ' if negated else ''}IN (SELECT unnest({placeholder}))"


def any_element(placeholder: str, negated: bool) -> str:  # noqa: FBT001 (a Membership)
    """The same for PostgreSQL, which infers the array's type from the other side.

    >>> any_element("$1", False)
    '= ANY($1)'
    """
    return f"<> ALL({placeholder})" if negated else f"= ANY({placeholder})"


@dataclass(frozen=True)
class Rendered:
    """A statement as the store gets it."""

    text: str
    keys: tuple[Key, ...]
    """The distinct parameters in the order of their numbers."""
    _edges: tuple[tuple[int, int, bool], ...]
    """(offset here, offset in the user's text, whether the following is the user's own text), ascending."""

    def user_offset(self, offset: int) -> int:
        """The offset in the user's text that an offset (in characters, from 0) in ``text`` comes from.

        >>> statement = parse("select :long_name + b")
        >>> rendered = statement.render({"long_name": 1}, lambda number, key: f"${number}")
        >>> rendered.text.index("b"), statement.text.index("b"), rendered.user_offset(rendered.text.index("b"))
        (12, 20, 20)
        """
        here, there, verbatim = self._edges[bisect_right(self._edges, offset, key=lambda edge: edge[0]) - 1]
        return there + (max(0, offset - here) if verbatim else 0)


@dataclass(frozen=True)
class Statement:
    """SQL as the caller wrote it, and its parameters."""

    text: str
    parameters: tuple[Parameter, ...]
    end: int
    """Where the statement ends: before a final ``;`` and what follows it."""
    sign: str = ":"
    """What stands before a name; other languages have another one."""

    @cached_property
    def keys(self) -> tuple[Key, ...]:
        """The distinct parameters: names in the order of their appearance, or positions ascending."""
        keys = dict.fromkeys(parameter.key for parameter in self.parameters)
        return tuple(sorted(keys, key=lambda key: key if isinstance(key, int) else 0))

    @property
    def names(self) -> tuple[str, ...]:
        """The names used as ``:name``."""
        return tuple(key for key in self.keys if isinstance(key, str))

    @property
    def positions(self) -> tuple[int, ...]:
        """The positions used as ``$1``."""
        return tuple(key for key in self.keys if isinstance(key, int))

    def bind(self, params: Mapping[str, Any] | Sequence[Any] | None) -> dict[Key, Any]:
        """The values of the parameters, as `values.plain` gives them, in the order of `keys`.

        MissingParameter: one has no value. QueryError: one value where ``IN`` needs a list. ConfigError: a value is
        not used or is none that a statement takes, or names meet a sequence.

        >>> parse("select :a, :b").bind({"a": 1, "b": float("nan")})
        {'a': 1, 'b': None}
        """
        given = self._given(params)
        for parameter in self.parameters:
            if parameter.key not in given:
                raise self._missing(parameter, given)
        unused = [key for key in given if key not in self.keys]
        if unused:
            raise ConfigError(
                f"unused parameter{'s' if len(unused) > 1 else ''} {', '.join(self.shown(key) for key in unused)}",
                hint=self._nearest(unused[0], self.keys) or self._spelling(unused[0]),
            )
        values = {key: _plain(self.shown(key), given[key]) for key in self.keys}
        for parameter in self.parameters:
            if parameter.needs_list and not isinstance(values[parameter.key], list):
                raise self._no_list(parameter)
        return values

    def render(
        self, values: Mapping[Key, Any], placeholder: Placeholder, *, membership: Membership = in_subquery
    ) -> Rendered:
        """The text for the store. ``values``: from `bind`; only which of them are lists matters here.

        >>> query = parse("select * from t where a = :a and id not in (:ids);")
        >>> query.render({"a": 1, "ids": [2, 3]}, lambda number, key: f"${number}").text
        'select * from t where a = $1 and id NOT IN (SELECT unnest($2))'
        """
        numbers = {key: number for number, key in enumerate(self.keys, 1)}
        written, length, offset = [], 0, 0
        edges: list[tuple[int, int, bool]] = []

        def write(text: str, source: int, *, verbatim: bool) -> None:
            nonlocal length
            if text:
                edges.append((length, source, verbatim))
                written.append(text)
                length += len(text)

        for parameter in self.parameters:
            text = placeholder(numbers[parameter.key], parameter.key)
            start, end = parameter.start, parameter.end
            if parameter.membership is not None and isinstance(values.get(parameter.key), list):
                start, end = parameter.outer
                text = membership(text, parameter.membership == "not in")
            write(self.text[offset:start], offset, verbatim=True)
            write(text, parameter.start, verbatim=False)
            offset = end
        write(self.text[offset : self.end], offset, verbatim=True)
        return Rendered("".join(written), self.keys, (*edges, (length, max(offset, self.end), False)))

    def shown(self, key: Key) -> str:
        """The parameter as it stands in this text."""
        return shown(key, self.sign)

    def _given(self, params: Mapping[str, Any] | Sequence[Any] | None) -> dict[Key, Any]:
        if params is None:
            return {}
        if isinstance(params, Mapping):
            if self.positions and params:
                raise ConfigError(
                    "the statement counts its parameters ($1): params is a list", hint=f"or write {self.sign}name"
                )
            return {str(name): value for name, value in params.items()}
        if isinstance(params, (str, bytes)) or not hasattr(params, "__len__"):
            raise ConfigError(f"params is a dict or a list, not {type(params).__name__}")
        if self.names and len(params):
            raise ConfigError(
                f"the statement names its parameters ({self.sign}name): params is a dict", hint="or write $1"
            )
        return dict(enumerate(params, 1))

    def _missing(self, parameter: Parameter, given: Mapping[Key, Any]) -> MissingParameter:
        return MissingParameter(
            f"no value for the parameter {self.shown(parameter.key)}",
            hint=self._nearest(parameter.key, given) or "give it in params=",
            query=self.text,
            position=parameter.start,
        )

    def _no_list(self, parameter: Parameter) -> QueryError:
        word, name = (parameter.membership or "").upper(), self.shown(parameter.key)
        given = f"{{{parameter.key!r}: [...]}}" if isinstance(parameter.key, str) else "[[...]]"
        same, other = ("=", "<>") if self.sign == ":" else ("==", "!=")
        compared = f"{other if parameter.membership == 'not in' else same} {name}"
        return QueryError(
            f"{word} {name} takes a list, and the parameter {name} is one value",
            hint=f"params={given} gives a list; {compared} compares to one value",
            query=self.text,
            position=parameter.start,
        )

    def _spelling(self, key: Key) -> str | None:
        """How a parameter is written in another language than SQL."""
        return f"a parameter is written {self.shown(key)}" if isinstance(key, str) and self.sign != ":" else None

    @staticmethod
    def _nearest(key: Key, known: Mapping[Key, Any] | Sequence[Key]) -> str | None:
        return did_you_mean(key, [name for name in known if isinstance(name, str)]) if isinstance(key, str) else None


def _plain(key: str, value: Any) -> Any:
    try:
        return plain(value)
    except ConfigError as error:
        raise ConfigError(f"parameter {key}: {error.message}", hint=error.hint) from error


def shown(key: Key, sign: str = ":") -> str:
    """The parameter as it stands in the text.

    >>> shown("a"), shown(1), shown(1, "?")
    (':a', '$1', '?1')
    """
    return f"${key}" if isinstance(key, int) and sign == ":" else f"{sign}{key}"


@runtime_checkable
class Spoken(Protocol):
    """A backend whose language has parameters of its own kind."""

    def parsed(self, text: str) -> Statement:
        """The statement and its parameters, by that language."""


def parsed_for(backend: object, text: str) -> Statement:
    """The statement, by the language of a backend: SQL, unless the backend says otherwise."""
    return backend.parsed(text) if isinstance(backend, Spoken) else parse(text)


# --- finding them -----------------------------------------------------------------------------------------------

# Words after which an expression begins: a `[` after one opens a list, where after any other word it is a subscript.
_BEFORE_EXPRESSION: Final = frozenset(
    """ALL AND ANY ARRAY AS BETWEEN BY CASE DISTINCT ELSE EXCEPT FROM GLOB HAVING ILIKE IN INTERSECT IS LIKE LIMIT NOT
    OFFSET ON OR QUALIFY RETURN RETURNING SELECT SET SIMILAR SOME THEN TO UNION USING VALUES WHEN WHERE""".split()  # noqa: SIM905 (a list of them is forty lines)
)
_WITH_IN: Final = frozenset({"POSITION"})
"""Functions with an IN of their own between their arguments."""


def parse(text: str, *, escapes: bool = True) -> Statement:
    """The statement and its parameters. ``escapes``: backslashes escape in ``E'...'``.

    ConfigError: ``:name`` and ``$1`` in one statement, or a ``$0``.

    >>> parse("select a::int, :b from t where c = 'it is :d' and e[1:f] > :b").names
    ('b',)
    """
    code: list[Token] = []  # all but blanks and comments
    found: list[Parameter] = []
    opened: list[str] = []
    blank = True  # the beginning counts as one
    for token in tokens(text, escapes=escapes):
        if token.kind == "blank":
            blank = True
            continue
        if token.kind == "parameter" and not _is_parameter(code, opened, blank=blank):
            # A colon of SQL, and the word after it.
            code += [Token("mark", ":", token.start), Token("word", token.text[1:], token.start + 1)]
        else:
            if token.kind in ("parameter", "position"):
                key = token.text[1:] if token.kind == "parameter" else int(token.text[1:])
                found.append(_placed(key, token, code, opened))
            elif token.kind == "mark":
                _track(token, code, opened)
                if token.text == ")":
                    _close_membership(found, code, token)
            code.append(token)
        blank = False
    if len({type(parameter.key) for parameter in found}) > 1:
        raise ConfigError("the statement mixes :name and $1: use one of them")
    if any(parameter.key == 0 for parameter in found):
        raise ConfigError("there is no parameter $0: positions count from 1")
    return Statement(text, tuple(found), statement_end(text, code))


def _is_parameter(code: Sequence[Token], opened: Sequence[str], *, blank: bool) -> bool:
    """Whether an expression can begin after ``code``, so that ``:name`` there is a parameter."""
    last = code[-1] if code else None
    inside = opened[-1] if opened else ""
    if last is None:
        return True
    if not blank:
        if last.text == "[":
            return inside == "list"
        return last.kind == "cast" if last.kind != "mark" else last.text not in (")", "]", "}", ".")
    # After a blank anywhere but where `lo :hi` and `'a' :b` are a slice and a field of a struct.
    return inside not in ("subscript", "{") or _expects_operand(last)


def _expects_operand(last: Token) -> bool:
    if last.kind == "word":
        return last.upper in _BEFORE_EXPRESSION
    return last.kind == "cast" or (last.kind == "mark" and last.text not in (")", "]", "}"))


def _track(token: Token, code: Sequence[Token], opened: list[str]) -> None:
    """Keep in ``opened`` the brackets that are open."""
    if token.text == "[":
        opened.append("list" if not code or _expects_operand(code[-1]) else "subscript")
    elif token.text in ("(", "{"):
        named = token.text == "(" and code and code[-1].kind == "word" and code[-1].upper in _WITH_IN
        opened.append(code[-1].upper if named else token.text)
    elif token.text in (")", "]", "}") and opened:
        opened.pop()


def _placed(key: Key, token: Token, code: Sequence[Token], opened: Sequence[str]) -> Parameter:
    """The parameter, with its IN where it follows one directly."""
    if opened and opened[-1] in _WITH_IN:
        return Parameter(key, token.start, token.end)
    before = [earlier.upper if earlier.kind == "word" else earlier.text for earlier in code[-4:]]
    if before and before[-1] == "IN" and code[-1].kind == "word" and before[-3:-2] != ["FOR"]:
        return _member(key, token, code, before, token.end)
    return Parameter(key, token.start, token.end)


def _close_membership(found: list[Parameter], code: Sequence[Token], close: Token) -> None:
    """See in a closing parenthesis the end of ``IN (:ids)``."""
    before = [earlier.upper if earlier.kind == "word" else earlier.text for earlier in code[-5:]]
    if (
        found
        and len(before) >= 3
        and before[-3:-1] == ["IN", "("]
        and code[-1].start == found[-1].start
        and code[-3].kind == "word"
    ):
        token = code[-1]
        found[-1] = _member(found[-1].key, token, code[:-2], before[:-2], close.end)


def _member(key: Key, token: Token, code: Sequence[Token], before: Sequence[str], end: int) -> Parameter:
    negated = before[-2:-1] == ["NOT"]
    start = code[-2 if negated else -1].start
    return Parameter(key, token.start, token.end, "not in" if negated else "in", (start, end))
