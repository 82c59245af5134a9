"""What an SQL statement reads and writes, as far as it is typed: its tables, aliases, WITH clauses and subqueries."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from dk_notebook.backends.sql.lexer import Token

TABLE_WORDS = frozenset({"FROM", "JOIN", "INTO", "UPDATE", "TABLE", "DESCRIBE", "SUMMARIZE", "USING", "TRUNCATE"})
"""Words before the name of a table."""
BETWEEN = frozenset({"ONLY", "LATERAL", "IF", "EXISTS", "NOT"})
"""Words that may stand between those and the name."""
FROM_IN_FUNCTIONS = frozenset({"EXTRACT", "SUBSTRING", "TRIM", "OVERLAY", "POSITION"})
"""Functions with a FROM of their own between their arguments."""
KEYWORDS = frozenset(
    """ALL AND ANTI AS ASC ASOF BY CASE CROSS DEFAULT DELETE DESC DISTINCT ELSE END EXCEPT FETCH FOR FROM FULL GROUP
    HAVING IN INNER INSERT INTERSECT INTO IS JOIN LATERAL LEFT LIKE LIMIT NATURAL NOT NULL OFFSET ON ONLY OR ORDER
    OUTER PIVOT POSITIONAL QUALIFY RETURNING RIGHT SAMPLE SELECT SEMI SET TABLE TABLESAMPLE THEN UNION UNPIVOT UPDATE
    USING VALUES WHEN WHERE WINDOW WITH""".split()  # noqa: SIM905 (a list of them is forty lines)
)
"""Words that are neither the name of a table nor an alias."""
_APART = frozenset({"UNION", "EXCEPT", "INTERSECT"})


@dataclass(frozen=True)
class Code:
    """A token that is neither blank nor comment, and the query that it stands in."""

    token: Token
    scope: int
    opening: int | None = None
    """The place of the parenthesis that opens the query or list of arguments it stands in."""

    @property
    def word(self) -> str:
        """The keyword that it may be; empty: it is none."""
        return self.token.upper if self.token.kind == "word" else ""

    @property
    def name(self) -> str | None:
        """The name that it may be, without quotes."""
        if self.token.kind == "identifier":
            return unquoted(self.token.text)
        return self.token.text if self.token.kind == "word" else None

    def is_mark(self, text: str) -> bool:
        """Whether it is this character."""
        return self.token.kind == "mark" and self.token.text == text


@dataclass(frozen=True)
class Source:
    """Something with columns."""

    parts: tuple[str, ...]
    """The name of a table, outermost first; empty: a subquery or function."""
    alias: str | None
    scope: int
    """The query that names it."""
    inner: int | None = None
    """The subquery that it is."""
    columns: tuple[str, ...] = ()
    """Names given to its columns."""

    @property
    def called(self) -> str | None:
        """What qualifies its columns."""
        return self.alias or (self.parts[-1] if self.parts else None)


@dataclass(frozen=True)
class Sources:
    """What a statement names."""

    all: tuple[Source, ...]
    """In the order of the text."""
    clauses: Mapping[str, Source]
    """The queries of WITH, by their names in small letters."""
    scopes: Scopes
    codes: tuple[Code, ...]

    def visible(self, scope: int) -> list[Source]:
        """What a query and those around it name, the innermost first; where that is nothing, all."""
        chain = list(self.scopes.around(scope))
        found = [source for each in chain for source in self.all if source.scope == each]
        return found or list(self.all)

    def names(self) -> list[str]:
        """What WITH calls its queries."""
        return [each.parts[0] for each in self.clauses.values()]

    def outputs(self, scope: int) -> Iterator[str | Source]:
        """The columns of a query: a name each, or something all of whose columns they are."""
        mine = [code for code in self.codes if code.scope == scope]
        here = [source for source in self.all if source.scope == scope]
        begin = next((at for at, code in enumerate(mine) if code.word == "SELECT"), None)
        if begin is None:
            yield from here  # FROM t
            return
        for item in _items(mine[begin + 1 :]):
            last = item[-1]
            if last.is_mark("*"):
                qualifier = item[-3].name if len(item) >= 3 else None
                yield from (each for each in here if qualifier is None or same(each.called, qualifier))
            elif last.name is not None and last.word not in KEYWORDS:
                yield last.name


@dataclass
class Scopes:
    """Queries within queries."""

    parents: dict[int, int | None] = field(default_factory=lambda: {0: None})

    def new(self, parent: int | None) -> int:
        """A query inside of another."""
        number = len(self.parents)
        self.parents[number] = parent
        return number

    def around(self, scope: int | None) -> Iterator[int]:
        """A query, and those around it, outwards."""
        while scope is not None:
            yield scope
            scope = self.parents[scope]


def scoped(tokens: Iterable[Token]) -> tuple[list[Code], Scopes]:
    """The code of a statement, and which query each token stands in."""
    scopes = Scopes()
    codes: list[Code] = []
    open_scopes = [0]
    openings: list[int | None] = [None]
    for token in tokens:
        if token.kind == "blank":
            continue
        if token.kind == "mark" and token.text == ")" and len(open_scopes) > 1:
            open_scopes.pop()
            openings.pop()
        elif token.kind == "word" and token.upper in _APART:
            open_scopes[-1] = scopes.new(scopes.parents[open_scopes[-1]])
        codes.append(Code(token, open_scopes[-1], openings[-1]))
        if token.kind == "mark" and token.text == "(":
            open_scopes.append(scopes.new(open_scopes[-1]))
            openings.append(len(codes) - 1)
    return codes, scopes


def sources(codes: Sequence[Code], scopes: Scopes) -> Sources:
    """What a statement names."""
    found: list[Source] = []
    clauses: dict[str, Source] = {}
    for at, code in enumerate(codes):
        if code.word in TABLE_WORDS and not is_no_table(codes, at):
            found += _list(codes, at + 1, listed=code.word in ("FROM", "USING"), called=code.word != "INTO")
        elif code.word == "WITH":
            clauses.update({each.parts[0].lower(): each for each in _clauses(codes, at + 1)})
    return Sources(tuple(found), clauses, scopes, tuple(codes))


def is_no_table(codes: Sequence[Code], at: int) -> bool:
    """Whether the FROM there is one of a function, or of IS DISTINCT FROM, and the USING one of columns."""
    if at + 1 < len(codes) and codes[at].word == "USING" and codes[at + 1].is_mark("("):
        return True
    if codes[at].word == "TABLE":  # a new one has no columns yet
        return any(codes[before].word == "CREATE" for before in range(max(0, at - 3), at))
    if codes[at].word != "FROM" or at == 0:
        return False
    if codes[at - 1].word == "DISTINCT":
        return True
    opening = codes[at].opening
    return opening is not None and opening > 0 and codes[opening - 1].word in FROM_IN_FUNCTIONS


def same(one: str | None, other: str | None) -> bool:
    """Whether two names may be one, in any capitals."""
    return one is not None and other is not None and one.lower() == other.lower()


def unquoted(text: str) -> str:
    '''What an identifier names; its closing quote may be missing.

    >>> unquoted('"a ""b"""'), unquoted('"a')
    ('a "b"', 'a')
    '''
    return text[1 : -1 if is_closed(text) else None].replace('""', '"')


def is_closed(text: str) -> bool:
    """Whether an identifier has its closing quote."""
    return len(text) > 1 and text.count('"') % 2 == 0


# --- reading --------------------------------------------------------------------------------------------------------


def _list(codes: Sequence[Code], at: int, *, listed: bool, called: bool) -> Iterator[Source]:
    """The sources that begin there, with commas between them. ``called``: a parenthesis makes it a function."""
    while True:
        source, at = _one(codes, at, called=called)
        if source is not None:
            yield source
        if not listed or at >= len(codes) or not codes[at].is_mark(","):
            return
        at += 1


def _one(codes: Sequence[Code], at: int, *, called: bool) -> tuple[Source | None, int]:
    """The source that begins there, and where the text goes on."""
    while at < len(codes) and codes[at].word in BETWEEN:
        at += 1
    if at >= len(codes):
        return None, at
    scope = codes[at].scope
    parts: tuple[str, ...] = ()
    inner: int | None = None
    if codes[at].is_mark("("):
        at, inner = _closing(codes, at) + 1, codes[at + 1].scope if at + 1 < len(codes) else None
    else:
        parts, at = _parts(codes, at)
        if not parts:
            return None, at
        if called and at < len(codes) and codes[at].is_mark("("):
            parts, at = (), _closing(codes, at) + 1
    alias, at = _alias(codes, at)
    columns: tuple[str, ...] = ()
    if alias is not None and at < len(codes) and codes[at].is_mark("("):
        end = _closing(codes, at)
        columns, at = tuple(each.name for each in codes[at + 1 : end] if each.name is not None), end + 1
    return Source(parts, alias, scope, inner, columns), at


def _parts(codes: Sequence[Code], at: int) -> tuple[tuple[str, ...], int]:
    parts: list[str] = []
    while at < len(codes) and (name := codes[at].name) is not None and codes[at].word not in KEYWORDS:
        parts.append(name)
        at += 1
        if at >= len(codes) or not codes[at].is_mark("."):
            break
        at += 1
    return tuple(parts), at


def _alias(codes: Sequence[Code], at: int) -> tuple[str | None, int]:
    if at < len(codes) and codes[at].word == "AS":
        at += 1
    if at < len(codes) and (name := codes[at].name) is not None and codes[at].word not in KEYWORDS:
        return name, at + 1
    return None, at


def _clauses(codes: Sequence[Code], at: int) -> Iterator[Source]:
    """The queries of a WITH: ``name (columns) AS (query), ...``."""
    if at < len(codes) and codes[at].word == "RECURSIVE":
        at += 1
    while at < len(codes) and (name := codes[at].name) is not None:
        scope = codes[at].scope
        at += 1
        columns: tuple[str, ...] = ()
        if at < len(codes) and codes[at].is_mark("("):
            end = _closing(codes, at)
            columns, at = tuple(each.name for each in codes[at + 1 : end] if each.name is not None), end + 1
        if at >= len(codes) or codes[at].word != "AS":
            return
        at += 1
        while at < len(codes) and codes[at].word in ("NOT", "MATERIALIZED"):
            at += 1
        if at + 1 >= len(codes) or not codes[at].is_mark("("):
            return
        yield Source((name,), None, scope, codes[at + 1].scope, columns)
        at = _closing(codes, at) + 1
        if at >= len(codes) or not codes[at].is_mark(","):
            return
        at += 1


def _closing(codes: Sequence[Code], at: int) -> int:
    """Where the parenthesis ends that opens there; the end of the text, where nothing closes it."""
    depth = 0
    for place in range(at, len(codes)):
        if codes[place].is_mark("("):
            depth += 1
        elif codes[place].is_mark(")"):
            depth -= 1
            if depth == 0:
                return place
    return len(codes)


def _items(codes: Sequence[Code]) -> Iterator[list[Code]]:
    """What stands between the commas of a SELECT, up to its FROM."""
    item: list[Code] = []
    for code in codes:
        if code.word in ("FROM", "WHERE", "GROUP", "ORDER", "LIMIT", "INTO", *_APART):
            break
        if code.is_mark(","):
            if item:
                yield item
            item = []
        else:
            item.append(code)
    if item:
        yield item
