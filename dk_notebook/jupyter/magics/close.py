"""``%dkclose``: connections end from a magic."""

from __future__ import annotations

from typing import Any

from IPython.core.magic import Magics, line_magic, magics_class, no_var_expand

from dk_notebook.connection import BOOK, Connection
from dk_notebook.connections import close
from dk_notebook.jupyter.display import Note, UnderTheCell
from dk_notebook.jupyter.magics.flags import Flags
from dk_notebook.jupyter.magics.secrets import refuse_password

FLAGS = Flags(
    "dkclose",
    """
    Close a connection, or all of them.

    Examples::

        %dkclose pg
        %dkclose        # all

    Its pool ends, and its name is free, also as the default. One line tells what was closed. What lies in a DuckDB
    in memory stays until the kernel ends. A closed connection is opened again by %dkconnect.
    """,
)
FLAGS.add_argument("name", nargs="?", metavar="NAME", help="the connection's name; left out: all")


@magics_class
class CloseMagics(Magics):
    """The magic that closes connections."""

    def __init__(self, shell: Any, under: UnderTheCell) -> None:
        super().__init__(shell)
        self._under = under

    @no_var_expand
    @line_magic
    @FLAGS.document
    def dkclose(self, line: str) -> None:
        """`FLAGS` writes this text."""
        name = FLAGS.words(line).name
        if name is not None:
            refuse_password("dkclose", name)
        held = [each for each in BOOK.all() if each.is_open]
        close(name)
        said = _all(held) if name is None else _one(name, held)
        self._under.add(Note((said,)))


def _all(held: list[Connection]) -> str:
    return f"closed {', '.join(each.name for each in held)}" if held else "no connection was open"


def _one(name: str, held: list[Connection]) -> str:
    """What to say of one name, by what was open before."""
    closed = next((each for each in held if each.name == name), None)
    if closed is None:
        return f"{name} was not open"
    others = [each.name for each in held if each is not closed and each.same(closed.description.kind, closed.config)]
    return f"closed {name}" + (f"; its pool stays open for {', '.join(others)}" if others else "")
