"""What the cursor asks for on a magic's line: a flag, the value of one, an argument, or the statement."""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass

from IPython.core.error import UsageError

from dk_notebook.jupyter.magics.flags import Flags, assignment

# As the flags read them, but for the last: its quote may still be open.
_WORD = re.compile(r"""\s*((?:[^\s"']|"[^"]*"|'[^']*'|["'][^"']*\Z)+)""")
_BLANKS = re.compile(r"\s*")


@dataclass(frozen=True)
class Flag:
    """A flag, as far as it is typed."""

    fragment: str


@dataclass(frozen=True)
class Value:
    """The value of a flag or argument, as far as it is typed."""

    of: argparse.Action
    fragment: str


@dataclass(frozen=True)
class Text:
    """The statement."""

    text: str
    cursor: int


def asked(flags: Flags, line: str, cursor: int, *, body: bool, statement: bool) -> Flag | Value | Text | None:
    """What stands at the cursor; None: nothing that is known.

    ``statement``: a statement follows the flags, unless it is the ``body``; else arguments do.
    """
    arguments = [action for action in flags._actions if not action.option_strings]
    position = _start(line) if statement else 0
    if cursor < position:
        return None
    ended = False
    waiting: argparse.Action | None = None
    while True:
        found = _WORD.match(line, position, cursor)
        begin = found.start(1) if found else _BLANKS.match(line, position, cursor).end()  # type: ignore[union-attr]
        if found is not None and found.end() < cursor:
            word, position = found[1], found.end()
            if waiting is not None:
                waiting = None
            elif word == "--" and not ended:
                ended = True
            elif word.startswith("-") and word != "-" and not ended:
                waiting = _waiting(flags, word)
            elif statement:
                return None if body else Text(line[begin:], cursor - begin)
            elif arguments:
                arguments.pop(0)
            continue
        typed = line[begin:cursor]
        if waiting is not None:
            return Value(waiting, typed)
        if not ended and (typed.startswith("-") or (not typed and (statement or not arguments))):
            return _flag(flags, typed)
        if statement:
            return None if body else Text(line[begin:], cursor - begin)
        return Value(arguments[0], typed) if arguments else None


@dataclass(frozen=True)
class Given:
    """What a line says of the whole call."""

    connection: str | None
    """The connection's name or URL; None: the default one."""
    params: str | None
    """The variable that has the parameters; None: each variable is one."""


def given(flags: Flags, line: str, *, statement: bool) -> Given:
    """What the line says. UsageError: it cannot be read."""
    if statement:
        values, _ = flags.split(assignment(line)[1])
    else:
        values = flags.words(line, names=True)
    named = getattr(values, "connection", None)
    return Given(named[0] if isinstance(named, list) else named, getattr(values, "params", None))


def _start(line: str) -> int:
    """Where the flags begin: behind ``name <<``."""
    return len(line) - len(assignment(line)[1])


def _waiting(flags: Flags, word: str) -> argparse.Action | None:
    try:
        return flags.awaited(word)
    except UsageError:  # no such flag: the magic will say so
        return None


def _flag(flags: Flags, typed: str) -> Flag | Value:
    """A flag that is being typed, or its value behind ``=`` or its letter."""
    known = flags._option_string_actions
    name, assigned, value = typed.partition("=")
    if assigned and name in known and known[name].nargs != 0:
        return Value(known[name], value)
    if not typed.startswith("--"):
        for at, letter in enumerate(typed[1:-1], start=1):
            action = known.get(f"-{letter}")
            if action is not None and action.nargs != 0:
                return Value(action, typed[at + 1 :])
    return Flag(typed)
