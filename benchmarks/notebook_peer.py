"""In a notebook: what the magics add to a call, how long Tab takes, how long loading them does."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import IPython
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell
from timing import Amount, Pair, side_by_side
from traitlets.config import Config

import dk_notebook as dk

TABLES = 2_000
LOAD = """
import pandas, pyarrow, time
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config
shell = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
begun = time.process_time()
shell.run_line_magic("load_ext", "dk_notebook")
print(time.process_time() - begun)
"""


def about() -> str:
    """The version."""
    return f"IPython {IPython.__version__}, DuckDB with {TABLES:,} tables of 20 columns"


def rows() -> Iterator[Pair | Amount]:
    """What is measured, in the order of the table."""
    # No history: it is a database in the home folder.
    shell = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
    shell.run_line_magic("load_ext", "dk_notebook")
    with tempfile.TemporaryDirectory() as folder:
        connection = dk.connect(f"duckdb:///{Path(folder) / 'bench.duckdb'}", name="bench")
        columns = ", ".join(f"column_{number} integer" for number in range(20))
        connection.execute("; ".join(f"create table table_{number:04} ({columns})" for number in range(TABLES)))
        yield overhead(shell, connection)
        yield from tabs(shell)
        connection.close()
    yield loading()


def overhead(shell: Any, connection: dk.Connection) -> Pair:
    """`select 1` to a frame: at most 2 ms above `read_query`."""
    pair = side_by_side(
        "%dkquery select 1 (ms); at most 2 ms more",
        lambda: shell.run_line_magic("dkquery", "-q select 1"),
        lambda: connection.read_query("select 1"),
        named="read_query",
        bound=0,
        runs=200,
    )
    return pair.at_most_later(0.002)


def tabs(shell: Any) -> Iterator[Amount]:
    """Tab as a front end asks: tables by prefix, and columns of a table that was not asked for before."""
    seconds = []
    for number in range(150):
        seconds.append(tab(shell, f"%%dkquery\nselect * from table_{number % 20:02}"))
        seconds.append(tab(shell, "%%dkquery\nselect t.", f" from table_{number:04} t"))
        seconds.append(tab(shell, "%%dkquery\nselect * from "))
    yield Amount(f"Tab, p95 of {len(seconds)} (ms)", 1000 * statistics.quantiles(seconds, n=20)[-1], 100)


def tab(shell: Any, before: str, after: str = "") -> float:
    """Seconds until the completions are there."""
    begun = time.perf_counter()
    with provisionalcompleter():
        offered = list(shell.Completer.completions(before + after, len(before)))
    taken = time.perf_counter() - begun
    if len(offered) < 10 and taken < 0.1:  # else it is told, as too slow
        raise RuntimeError(f"{len(offered)} completions of {before + after!r} after {taken:.3f} s")
    return taken


def loading() -> Amount:
    """`%load_ext dk_notebook` in a new interpreter that has pandas and pyarrow, the imports of ours included.

    Processor time: it waits for nothing, and beside other processes the clock measures them.
    """
    # Modules are compiled once, as wherever people work; some containers switch that off.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}

    def once() -> float:
        done = subprocess.run([sys.executable, "-c", LOAD], check=True, env=environment, capture_output=True, text=True)
        return float(done.stdout)

    once()
    return Amount("%load_ext, median of 7 (ms of processor)", 1000 * statistics.median(once() for _ in range(7)), 300)
