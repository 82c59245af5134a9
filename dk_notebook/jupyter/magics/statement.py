"""What the magics that take a statement share: where it stands, what it sees, and where its value goes."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from typing import Any

from IPython.core.error import UsageError
from IPython.core.magic import Magics

from dk_notebook import scope
from dk_notebook.jupyter.display import Note, UnderTheCell
from dk_notebook.jupyter.magics.flags import Flags, assignment, check_variable
from dk_notebook.jupyter.magics.secrets import refuse_password
from dk_notebook.jupyter.namespace import visible


class StatementMagics(Magics):
    """A magic whose flags have ``connection``, ``out`` and ``quiet``."""

    def __init__(self, shell: Any, under: UnderTheCell) -> None:
        super().__init__(shell)
        self._shell = shell
        self._under = under

    def deliver(
        self,
        flags: argparse.Namespace,
        local_ns: Mapping[str, Any] | None,
        answer: Callable[[Mapping[str, Any]], tuple[Any, Note]],
    ) -> Any:
        """The value of ``answer(variables)``, or None where it is stored; its note goes under the cell."""
        # The locals of the function that a line magic stands in; a cell magic stands in none.
        variables = visible(local_ns or {}, self._shell.user_ns)
        with scope.names(variables):
            value, note = answer(variables)
        if not flags.quiet:
            self._under.add(note)
        if flags.out is not None:
            self._shell.user_ns[flags.out] = value
            return None
        return value


def read(flags: Flags, line: str, cell: str | None) -> tuple[argparse.Namespace, str]:
    """The values of the flags, and the statement; ``out`` is also the name before a ``<<``. UsageError."""
    magic = flags.prog
    out, line = assignment(line)
    values, rest = flags.split(line)
    statement = body(magic, rest, cell)
    if out is not None and values.out is not None:
        raise UsageError(f"%{magic}: '{out} <<' and '-o {values.out}' both say where the frame goes")
    values.out = out or values.out
    if values.out is not None:
        check_variable(magic, values.out)
    if values.connection is not None:
        refuse_password(magic, values.connection)
    return values, statement


def body(magic: str, rest: str, cell: str | None, *, called: str = "statement") -> str:
    """What stands after the flags of a line, or below those of a cell. UsageError where it is not there, or in both."""
    if cell is not None and rest:
        raise UsageError(f"%%{magic}: the {called} goes below the first line, on which only flags stand")
    text = rest if cell is None else cell
    if not text.strip():
        raise UsageError(f"%{magic}: there is no {called}; %{magic}? shows examples")
    return text
