"""``%dkbench`` and ``%%dkbench``: how long a query takes, and where the time goes."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from typing import Any

from IPython.core.error import UsageError
from IPython.core.magic import Magics, line_cell_magic, magics_class, needs_local_scope, no_var_expand
from IPython.display import display

from dk_notebook import reading
from dk_notebook.backends.sql.parameters import Spoken, parsed_for
from dk_notebook.backends.sql.statements import split
from dk_notebook.benchmark import Contender, measured
from dk_notebook.connections import resolve
from dk_notebook.jupyter.benchmark_report import BenchmarkReport, plot
from dk_notebook.jupyter.magics.flags import Flags, check_variable
from dk_notebook.jupyter.magics.secrets import refuse_password
from dk_notebook.jupyter.magics.statement import body
from dk_notebook.jupyter.namespace import parameters, visible

FLAGS = Flags(
    "dkbench",
    """
    Repeat a query and show how long it takes, and where the time goes.

    Examples::

        %dkbench select * from orders where day = :day
        %dkbench -r 30 -c pg -c lake select count(*) from orders
        %dkbench --cold -c pg select 1

        %%dkbench -c pg -r 20 -o runs
        select * from orders where customer = ANY(:customers);

        %%dkbench -r 20
        select count(*) from orders where day = :day;
        select count(*) from orders where day::text = :day::text;

    On each connection a query is run ``-w`` times to warm up and ``-r`` times that count; connections take turns, and
    so do several queries with ``;`` between them (of SQL: ES|QL has no ``;``). Each result becomes a frame, as with
    %dkquery, and is dropped. ``:name`` (``?name`` in ES|QL) is the notebook's variable ``name``. What has no result
    columns is refused; a query that also changes something, as INSERT ... RETURNING, does so with each run.

    What is shown, a column a connection and query: p50 and p95 of the runs, their interquartile range, rows and bytes
    (of Arrow data) a second at p50, and p50 of each part, which was measured as it passed:

    * pool: until there is a connection; with ``--cold`` that opens one;
    * server: until the first rows are here (DuckDB: its engine); a small result comes with its first rows;
    * transfer: until the last rows are here, as Arrow; what decodes them works at the same time;
    * conversion: making the frame;
    * rest: the way to the background loop and back, giving the connection back (cold: closing it).

    Below it stands what the runs do not tell: noise, and differences that chance alone could make (a rank test, 1 %).
    A repeated query meets warm caches on the server. With --cold, DuckDB's database and its caches are those of the
    process: a new connection is a cursor there.

    As a line: flags first, then the query; ``--`` ends the flags. As a cell: flags on the first line, the body is the
    query, or the queries, and nothing else.
    """,
)
FLAGS.add_argument("-r", "--runs", metavar="N", type=int, default=7, help="runs that count (default: 7)")
FLAGS.add_argument("-w", "--warmups", metavar="N", type=int, default=1, help="runs before those (default: 1)")
FLAGS.add_argument(
    "-c",
    "--connection",
    metavar="NAME",
    action="append",
    help="a connection's name, or a URL; again: side by side; default: the default one",
)
FLAGS.add_argument("--cold", action="store_true", help="beside it: a new connection for each run, closed after it")
FLAGS.add_argument("-o", "--out", metavar="NAME", help="store a frame in this variable: a row a run, a column a part")


@magics_class
class BenchMagics(Magics):
    """The magics that measure."""

    def __init__(self, shell: Any) -> None:
        super().__init__(shell)
        self._shell = shell

    @no_var_expand
    @needs_local_scope
    @line_cell_magic
    @FLAGS.document
    def dkbench(self, line: str, cell: str | None = None, local_ns: Mapping[str, Any] | None = None) -> None:
        """`FLAGS` writes this text."""
        flags, rest = FLAGS.split(line)
        query = body("dkbench", rest, cell, called="query")
        _check(flags)
        variables = visible(local_ns or {}, self._shell.user_ns)
        runs = measured(list(_contenders(flags, query, variables)), runs=flags.runs, warmups=flags.warmups)
        if flags.out is not None:
            self._shell.user_ns[flags.out] = runs
        for thing in (BenchmarkReport(runs), plot(runs)):
            display(thing)  # type: ignore[no-untyped-call]  # IPython has no type for it


def _check(flags: argparse.Namespace) -> None:
    if flags.runs < 1:
        raise UsageError("%dkbench: -r is a number of runs, 1 or more")
    if flags.warmups < 0:
        raise UsageError("%dkbench: -w is a number of runs, 0 or more")
    if flags.out is not None:
        check_variable("dkbench", flags.out)
    for target in flags.connection or ():
        refuse_password("dkbench", target)


def _contenders(flags: argparse.Namespace, query: str, variables: Mapping[str, Any]) -> Iterator[Contender]:
    """Each query on each connection, and beside it cold, if that is asked for."""
    for target in flags.connection or [None]:
        connection = resolve(target)
        backend = connection.store.backend
        queries = _queries(backend, query)
        for number, text in enumerate(queries, 1):
            called = f"query {number}" if len(queries) > 1 else ""
            params = parameters(parsed_for(backend, text), variables)
            native = reading.native(text, variables, params=params)
            yield Contender(connection, native, called=called)
            if flags.cold:
                yield Contender(connection, native, cold=True, called=called)


def _queries(backend: object, text: str) -> list[str]:
    """The queries of a text, which ``;`` tells apart in SQL."""
    parts = [] if isinstance(backend, Spoken) else split(text)
    return [part.text for part in parts] if len(parts) > 1 else [text]
