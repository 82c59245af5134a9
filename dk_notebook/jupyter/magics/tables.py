"""``%dktables``: the tables of a connection, or the columns of one of them."""

from __future__ import annotations

import time
from typing import Any

from IPython.core.magic import Magics, line_magic, magics_class, no_var_expand

from dk_notebook.connections import resolve
from dk_notebook.jupyter.display import Note, UnderTheCell, seconds
from dk_notebook.jupyter.magics.flags import Flags
from dk_notebook.jupyter.magics.secrets import refuse_password
from dk_notebook.words import counted

FLAGS = Flags(
    "dktables",
    """
    List the tables of a connection, or the columns of a table.

    Examples::

        %dktables                          # of the default connection
        %dktables -c pg
        %dktables -c pg sales.orders       # the columns of one
        %dktables -c lake 's3://bucket/a prefix/orders'
        tables = %dktables -c es

    The value is a frame. Of tables: schema, table, kind, rows (the store's estimate) and bytes; of columns: column,
    type, dtype, nullable, key and default. A table that holds a dot in its name stands in double quotes, a name with
    blanks in single ones. One line under the frame tells their number, the seconds and the connection.
    """,
)
FLAGS.add_argument("table", nargs="?", metavar="TABLE", help="show the columns of this table; left out: the tables")
FLAGS.add_argument("-c", "--connection", metavar="NAME", help="a connection's name, or a URL; default: the default one")
FLAGS.add_argument("-q", "--quiet", action="store_true", help="no line under the frame")


@magics_class
class TablesMagics(Magics):
    """The magic that shows what a store holds."""

    def __init__(self, shell: Any, under: UnderTheCell) -> None:
        super().__init__(shell)
        self._under = under

    @no_var_expand
    @line_magic
    @FLAGS.document
    def dktables(self, line: str) -> Any:
        """`FLAGS` writes this text."""
        flags = FLAGS.words(line, names=True)
        if flags.connection is not None:
            refuse_password("dktables", flags.connection)
        connection = resolve(flags.connection)
        started = time.perf_counter()
        frame = connection.tables() if flags.table is None else connection.columns(flags.table)
        if not flags.quiet:
            what = counted(len(frame), "table" if flags.table is None else "column")
            self._under.add(Note((what, seconds(time.perf_counter() - started), connection.name)))
        return frame
