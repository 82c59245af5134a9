"""``%dkexplain`` and ``%%dkexplain``: a statement in, the store's plan of it out."""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from typing import Any

from IPython.core.magic import line_cell_magic, magics_class, needs_local_scope, no_var_expand

from dk_notebook.backends.sql.parameters import parsed_for
from dk_notebook.connections import resolve
from dk_notebook.jupyter.display import Note, seconds
from dk_notebook.jupyter.magics.flags import Flags
from dk_notebook.jupyter.magics.statement import StatementMagics, read
from dk_notebook.jupyter.namespace import parameters

FLAGS = Flags(
    "dkexplain",
    """
    Show how the store would run a statement, a line a node of its plan.

    Examples::

        %dkexplain select * from orders where day = :day
        %dkexplain --analyze -c pg select count(*) from orders

        %%dkexplain -c pg -o plan
        select * from orders where customer = ANY(:customers);

        %dkexplain -c es FROM orders | WHERE day == ?day | STATS n = COUNT(*)

    Without ``--analyze`` nothing is run. The value is a frame: depth, node, detail, rows_estimated, rows, seconds; the
    last two only with ``--analyze``. It shows itself as a tree. ``:name`` (``?name`` in ES|QL) is the notebook's
    variable ``name``, sent as a value.

    ``--analyze`` runs the statement: it takes as long as the statement does, and the stop button stops it. What it
    changes is rolled back on PostgreSQL and stays on DuckDB.

    As a line: flags first, then the statement; ``--`` ends the flags. As a cell: flags on the first line, the body
    is the statement and nothing else. ``name <<`` before the flags stores the frame, as ``-o name`` does.
    """,
)
FLAGS.add_argument("-c", "--connection", metavar="NAME", help="a connection's name, or a URL; default: the default one")
FLAGS.add_argument("--analyze", action="store_true", help="run the statement, and show rows and seconds of each node")
FLAGS.add_argument("-o", "--out", metavar="NAME", help="store the frame in this variable and show only the line")
FLAGS.add_argument("--params", metavar="NAME", help="take :name from this dict (or $1 from this list) of the notebook")
FLAGS.add_argument("-q", "--quiet", action="store_true", help="no line under the plan")


@magics_class
class ExplainMagics(StatementMagics):
    """The magic that shows plans."""

    # $ and {} in a statement are the statement's: IPython must not expand them.
    @no_var_expand
    @needs_local_scope
    @line_cell_magic
    @FLAGS.document
    def dkexplain(self, line: str, cell: str | None = None, local_ns: Mapping[str, Any] | None = None) -> Any:
        """`FLAGS` writes this text."""
        flags, statement = read(FLAGS, line, cell)
        return self.deliver(flags, local_ns, lambda variables: _explained(flags, statement, variables))


def _explained(flags: argparse.Namespace, statement: str, variables: Mapping[str, Any]) -> tuple[Any, Note]:
    """The plan, and the line under it."""
    connection = resolve(flags.connection)
    params = parameters(parsed_for(connection.store.backend, statement), variables, source=flags.params)
    started = time.perf_counter()
    plan = connection.explain(statement, params=params, analyze=flags.analyze)
    if not flags.analyze:
        return plan, Note(("the plan; nothing was run", connection.name))
    return plan, Note(("the plan, measured in a run", seconds(time.perf_counter() - started), connection.name))
