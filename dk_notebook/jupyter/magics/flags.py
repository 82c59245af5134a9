"""What stands on a magic's line: flags first, then the rest, as it was written."""

from __future__ import annotations

import argparse
import inspect
import keyword
import re
from typing import Any, NoReturn

from IPython.core.error import UsageError

from dk_notebook.errors import did_you_mean

_WORD = re.compile(r"""\s*((?:[^\s"']|"[^"]*"|'[^']*'|["'])+)""")  # an apostrophe without its partner is a letter
_ASSIGNED = re.compile(r"\s*([^\W\d]\w*)\s*<<(?=\s|$)")


class Flags(argparse.ArgumentParser):
    """The flags of one magic. Reads them from a line, and writes the text that ``%magic?`` shows.

    Flags end at the first word that is none of them, or after ``--``: what follows is the statement, and is never
    looked at for flags. UsageError for an unknown flag, a value that is missing or wrong.

    >>> flags = Flags("dkquery", "")
    >>> _ = flags.add_argument("-n", "--limit", type=int)
    >>> flags.split("-n 10  select  'a  b' -n 5")
    (Namespace(limit=10), "select  'a  b' -n 5")
    >>> flags.split("-n 10 -- -1")
    (Namespace(limit=10), '-1')
    """

    def __init__(self, magic: str, examples: str) -> None:
        super().__init__(prog=magic, usage=argparse.SUPPRESS, add_help=False, allow_abbrev=False, formatter_class=_Wide)
        self.examples = inspect.cleandoc(examples)

    def split(self, line: str) -> tuple[argparse.Namespace, str]:
        """The values of the flags, and the text after them, without the blanks around it."""
        words: list[str] = []
        position = 0
        while (found := _WORD.match(line, position)) and (word := found[1]).startswith("-") and word != "-":
            position = found.end()
            if word == "--":
                break
            position = self._take(word, words, line, position)
        return self.parse_args(words), line[position:].strip()

    def words(self, line: str, *, names: bool = False) -> argparse.Namespace:
        """The values of the flags and arguments of a line on which nothing else stands, in any order.

        ``# ...`` ends the line: IPython does not take comments off it. With ``names``, the arguments are names in a
        store, whose double quotes belong to them.

        >>> flags = Flags("dktables", "")
        >>> _ = flags.add_argument("table"), flags.add_argument("-c")
        >>> flags.words('shop."a b" -c "my pg"   # columns', names=True)
        Namespace(table='shop."a b"', c='my pg')
        """
        line = line[: next((found.start() for found in _WORD.finditer(line) if found[1].startswith("#")), None)]
        words: list[str] = []
        arguments: list[str] = []
        position, ended = 0, False
        while found := _WORD.match(line, position):
            word, position = found[1], found.end()
            if word == "--" and not ended:
                ended = True
            elif word.startswith("-") and word != "-" and not ended:
                position = self._take(word, words, line, position)
            else:
                arguments.append(_unquoted(word, marks="'" if names else "\"'"))
        return self.parse_args([*words, "--", *arguments] if arguments else words)

    def _take(self, flag: str, words: list[str], line: str, position: int) -> int:
        """Add a flag to ``words``, and its value, which begins at ``position``; where the next word begins."""
        words.append(_unquoted(flag))
        if self.awaited(flag) is not None and (value := _WORD.match(line, position)):
            words[-1:] = _joined(words[-1], _unquoted(value[1]))
            return value.end()
        return position

    def awaited(self, word: str) -> argparse.Action | None:
        """The flag whose value is the next word, of the flags in this one; None: none. UsageError: no such flag."""
        known = self._option_string_actions
        if word.startswith("--"):
            name, assigned, _ = word.partition("=")
            if name not in known:
                self._refuse(name)
            return None if assigned or known[name].nargs == 0 else known[name]
        for at, letter in enumerate(word[1:], start=1):  # -q, -qn 10, -n10
            flag = f"-{letter}"
            if flag not in known:
                self._refuse(flag)
            if known[flag].nargs != 0:
                return known[flag] if at == len(word) - 1 else None
        return None

    def _refuse(self, flag: str) -> NoReturn:
        near = did_you_mean(flag, self._option_string_actions)
        self.error(f"no such flag: {flag}" + (f"; {near}" if near else f"; %{self.prog}? lists them"))

    def error(self, message: str) -> NoReturn:
        """Raise UsageError, which IPython shows as one line (and which stops Run All)."""
        raise UsageError(f"%{self.prog}: {message}")

    @property
    def documentation(self) -> str:
        """The examples, then every flag."""
        return f"{self.examples}\n\n{self.format_help().strip()}\n"

    def document(self, magic: Any) -> Any:
        """A decorator: the magic with this text as its docstring, which is what ``%magic?`` shows."""
        magic.__doc__ = self.documentation
        return magic


class _Wide(argparse.HelpFormatter):
    """A flag a line, its text beside it. Of a fixed width: the text is made on import, whatever the terminal."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=28, width=110)

    def _format_action_invocation(self, action: argparse.Action) -> str:
        """``-n, --limit LIMIT``: as Python writes it from 3.13 on, on all of them."""
        if not action.option_strings or action.nargs == 0:
            return super()._format_action_invocation(action)
        value = self._format_args(action, self._get_default_metavar_for_optional(action))
        return f"{', '.join(action.option_strings)} {value}"


def check_variable(magic: str, name: str) -> None:
    """UsageError where a name cannot be that of a variable."""
    if not name.isidentifier() or keyword.iskeyword(name):
        raise UsageError(f"%{magic}: {name!r} cannot be the name of a variable")


def assignment(line: str) -> tuple[str | None, str]:
    """The name before a ``<<`` that is the second word of the line, and the rest of the line.

    >>> assignment("recent << -c pg select 1")
    ('recent', ' -c pg select 1')
    >>> assignment("select 1 << 2")
    (None, 'select 1 << 2')
    """
    found = _ASSIGNED.match(line)
    return (found[1], line[found.end() :]) if found else (None, line)


def _unquoted(word: str, *, marks: str = "\"'") -> str:
    """The word without the quotes that held its blanks together, where they are of these ``marks``."""
    return re.sub(r""""[^"]*"|'[^']*'""", lambda found: found[0][1:-1] if found[0][0] in marks else found[0], word)


def _joined(flag: str, value: str) -> list[str]:
    """The two as argparse takes them also where the value begins with a dash."""
    return [f"{flag}={value}"] if flag.startswith("--") else [flag + value]
