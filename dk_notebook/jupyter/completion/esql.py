"""What the cursor asks for in ES|QL text: an index, a field, a parameter."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from dk_notebook.backends.elasticsearch.esql.lexer import tokens
from dk_notebook.backends.sql.lexer import Token

_INDICES = frozenset({"FROM", "TS", "METRICS"})
"""Commands whose arguments are indices."""
_UNNAMED = frozenset({"ROW", "SHOW", "LIMIT", "SAMPLE", "ENRICH", "COMPLETION"})
"""Commands without fields, or in which a field begins nowhere that can be told."""
_INDEX = re.compile(r'"?[^\s,"|()]*\Z')


@dataclass(frozen=True)
class Place:
    """What the cursor asks for."""

    wanted: Literal["index", "field", "parameter"]
    fragment: str
    """What stands before the cursor and is to be replaced."""
    indices: tuple[str, ...] = ()
    """Those that the query reads, or patterns of them."""
    named: tuple[str, ...] = ()
    """Fields that the commands before this one make."""
    closes: bool = True
    """Whether a quoted name needs its closing quote: it may stand behind the cursor already."""

    @property
    def typed(self) -> str:
        """The name, as far as it is typed."""
        if self.fragment[:1] == "`":
            return self.fragment[1:].replace("``", "`")
        return self.fragment.removeprefix('"')


def place(text: str, cursor: int) -> Place | None:
    """What the cursor asks for; None: nothing, as in a literal or a comment.

    >>> place("FROM logs | WHERE us", 20)
    Place(wanted='field', fragment='us', indices=('logs',), named=(), closes=True)
    """
    every = list(tokens(text))
    current = next((token for token in every if token.start < cursor <= token.end), None)
    commands = _commands([token for token in every if token.start < cursor])
    words = [token.upper for token in commands[-1] if token.kind != "blank" and token.end < cursor]
    closes = text[cursor : cursor + 1] not in ('"', "`")
    if current is not None and current.kind == "parameter":
        return Place("parameter", text[current.start : cursor].lstrip("?"))
    if current is not None and current.kind == "blank" and _in_comment(current, cursor):
        return None
    if not words:
        return None  # the word that begins a command
    if words[0] in _INDICES or words[:2] == ["LOOKUP", "JOIN"]:
        if "METADATA" in words or "ON" in words or (current is not None and current.text.startswith('"""')):
            return None
        if current is not None and current.kind == "string" and _is_closed(current, cursor):
            return None
        index = _index(text, cursor)
        follows = words[-1] in (",", *_INDICES, "JOIN")
        return Place("index", index, closes=closes) if follows or index else None
    if words[0] in _UNNAMED or (current is not None and current.kind in ("string", "number", "position")):
        return None
    fragment = _field(text, every, cursor)
    if fragment is None:
        return None
    whole = _commands(every)
    return Place("field", fragment, _indices(whole), _named(commands[:-1]), closes)


def _commands(found: Sequence[Token]) -> list[list[Token]]:
    """The tokens of each command."""
    commands: list[list[Token]] = [[]]
    depth = 0
    for token in found:
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(token.text, 0)
        if token.text == "|" and depth <= 0:
            commands.append([])
        else:
            commands[-1].append(token)
    return commands


def _in_comment(blank: Token, cursor: int) -> bool:
    if blank.text.startswith("//"):
        return True
    return blank.text.startswith("/*") and (cursor < blank.end or not blank.text.endswith("*/"))


def _is_closed(string: Token, cursor: int) -> bool:
    return cursor == string.end and len(string.text) > 1 and string.text.endswith('"')


def _index(text: str, cursor: int) -> str:
    found = _INDEX.search(text, 0, cursor)
    return found[0] if found else ""


def _field(text: str, every: Sequence[Token], cursor: int) -> str | None:
    """The field before the cursor, with all of its dots; None: a quoted name that is over."""
    begin = cursor
    for token in reversed([each for each in every if each.start < cursor]):
        if token.kind == "identifier":
            is_closed = len(token.text) > 1 and token.text.count("`") % 2 == 0
            if is_closed and token.end == begin == cursor:
                return None
        elif token.kind != "word" and token.text != ".":
            break
        begin = token.start
    return text[begin:cursor]


def _indices(commands: Sequence[Sequence[Token]]) -> tuple[str, ...]:
    """What the first command reads."""
    code = [token for token in commands[0] if token.kind != "blank"]
    if not code or code[0].upper not in _INDICES:
        return ()
    text = ""
    for token in code[1:]:
        if token.kind == "word" and token.upper == "METADATA" and text[-1:] != ",":
            break
        text += token.text
    names = (name.strip('"') for name in text.split(","))
    return tuple(name for name in names if name)


def _named(commands: Sequence[Sequence[Token]]) -> tuple[str, ...]:
    """What EVAL, STATS and others call their results: ``name = ...``."""
    found: dict[str, None] = {}
    for command in commands:
        code = [token for token in command if token.kind != "blank"]
        if not code or code[0].upper not in ("EVAL", "STATS", "INLINESTATS", "ROW", "KEEP", "RENAME"):
            continue
        for at, token in enumerate(code[1:-1], start=1):
            starts = at == 1 or code[at - 1].text == "," or code[at - 1].upper == "BY"
            if starts and code[at + 1].text == "=" and token.kind in ("word", "identifier"):
                found[token.text.strip("`")] = None
    return tuple(found)
