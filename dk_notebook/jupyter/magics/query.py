"""``%dkquery`` and ``%%dkquery``: a statement in, a frame out."""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from typing import Any

from IPython.core.error import UsageError
from IPython.core.magic import line_cell_magic, magics_class, needs_local_scope, no_var_expand

from dk_notebook.backends.sql.parameters import parsed_for
from dk_notebook.connection import Connection
from dk_notebook.connections import resolve
from dk_notebook.errors import NO_RESULT, QueryError
from dk_notebook.jupyter.command import command_tag, loses_a_result
from dk_notebook.jupyter.display import Note, first_rows, seconds
from dk_notebook.jupyter.magics.flags import Flags
from dk_notebook.jupyter.magics.statement import StatementMagics, read
from dk_notebook.jupyter.namespace import parameters
from dk_notebook.progress import silenced

FLAGS = Flags(
    "dkquery",
    """
    Run a statement and show its result as a frame.

    Examples::

        %dkquery select count(*) from orders where day = :day
        df = %dkquery -c pg select * from orders
        %dkquery recent << -c pg select * from orders limit 10

        %%dkquery -c pg -o orders -n 1000
        select * from orders where customer = ANY(:customers);

        %dkquery -c es FROM orders | WHERE day == ?day | STATS n = COUNT(*)

    ``:name`` (``?name`` in ES|QL) is the notebook's variable ``name``, sent as a value and never pasted into the
    text. The frames of the notebook can be named in the SQL of DuckDB. The value is the frame: ``df = %dkquery ...``
    and ``_`` have it. One line under it tells the rows, the seconds and the connection. A statement without result
    columns runs; its line says ``UPDATE 5``. A statement that fails raises, in few lines; ``%xmode Verbose`` shows the
    whole traceback, without the values of variables: passwords may be among them.

    As a line: flags first, then the statement; ``--`` ends the flags. As a cell: flags on the first line, the body
    is the statement and nothing else. ``name <<`` before the flags stores the frame, as ``-o name`` does.
    """,
)
FLAGS.add_argument("-c", "--connection", metavar="NAME", help="a connection's name, or a URL; default: the default one")
FLAGS.add_argument("-o", "--out", metavar="NAME", help="store the frame in this variable and show only the line")
FLAGS.add_argument("-n", "--limit", metavar="N", type=int, help="show at most N rows, and say whether there are more")
FLAGS.add_argument(
    "--as", dest="as_", metavar="FORM", choices=["pandas", "arrow", "polars"], help="pandas (default), arrow or polars"
)
FLAGS.add_argument("--params", metavar="NAME", help="take :name from this dict (or $1 from this list) of the notebook")
FLAGS.add_argument("--timeout", metavar="S", type=float, help="seconds for the whole call")
FLAGS.add_argument("--chunk", metavar="N", type=int, help="the value is an iterator of frames of N rows")
FLAGS.add_argument("--explain", action="store_true", help="how the store would run it, instead of running it")
FLAGS.add_argument("-q", "--quiet", action="store_true", help="no line under the frame")
FLAGS.add_argument("--no-progress", action="store_true", help="no progress bar")


@magics_class
class QueryMagics(StatementMagics):
    """The magics that run statements."""

    # $ and {} in a statement are the statement's: IPython must not expand them.
    @no_var_expand
    @needs_local_scope
    @line_cell_magic
    @FLAGS.document
    def dkquery(self, line: str, cell: str | None = None, local_ns: Mapping[str, Any] | None = None) -> Any:
        """`FLAGS` writes this text."""
        flags, statement = read(FLAGS, line, cell)
        _check(flags)
        return self.deliver(flags, local_ns, lambda variables: _answer(flags, statement, variables))


def _check(flags: argparse.Namespace) -> None:
    if flags.limit is not None and flags.limit < 0:
        raise UsageError("%dkquery: -n is a number of rows, 0 or more")
    if flags.explain:
        for flag, value in {
            "-n": flags.limit,
            "--as": flags.as_,
            "--chunk": flags.chunk,
            "--timeout": flags.timeout,
            "--no-progress": flags.no_progress or None,
        }.items():
            if value is not None:
                raise UsageError(f"%dkquery: {flag} does nothing with --explain")


def _answer(flags: argparse.Namespace, statement: str, variables: Mapping[str, Any]) -> tuple[Any, Note]:
    """What the magic gives, and the line under it."""
    connection = resolve(flags.connection)
    params = parameters(parsed_for(connection.store.backend, statement), variables, source=flags.params)
    if flags.explain:
        plan = connection.explain(statement, params=params)
        return plan, Note(("the plan; nothing was run", connection.name))
    started = time.perf_counter()
    try:
        value, shown = _read(flags, connection, statement, params)
    except QueryError as error:
        if error.code != NO_RESULT or loses_a_result(statement):
            raise
        with silenced(flags.no_progress):
            rows = connection.execute(statement, params=params, timeout=flags.timeout)
        value, shown = None, command_tag(statement, rows)
    return value, Note((shown, seconds(time.perf_counter() - started), connection.name))


def _read(flags: argparse.Namespace, connection: Connection, statement: str, params: Any) -> tuple[Any, str]:
    arguments = {
        "params": params,
        "as_": flags.as_ or "pandas",
        "timeout": flags.timeout,
        "progress": False if flags.no_progress else None,
    }
    if flags.chunk is not None:
        chunks = connection.iter_query(statement, limit=flags.limit, chunk_rows=flags.chunk, **arguments)
        return chunks, f"an iterator of frames of {flags.chunk:,} rows"
    # One row more than is shown tells whether there are more, without a second query.
    limit = None if flags.limit is None else flags.limit + 1
    frame, shown = first_rows(connection.read_query(statement, limit=limit, **arguments), flags.limit)
    return frame, str(shown)
