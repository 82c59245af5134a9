"""The stop button, pressed fifty times in each kind of cell in a real kernel, on each store."""

from __future__ import annotations

import itertools
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import ipykernel
from contender import ROOT

from dk_notebook.testing.services.postgres import PostgresServer

sys.path.insert(0, str(ROOT))  # for the cells, which are those of the tests, and for the servers
from tests.kernels.driver import Kernel
from tests.kernels.places import duckdb, elasticsearch, postgres, s3
from tests.kernels.stops import at_rest, gone_within, many_stops
from tests.promptness import PROMISED
from tests.services.elasticsearch_node import NORMAL_JVM, ElasticsearchNode
from tests.services.versitygw import VersityGateway

PRESSES = 50
PATIENCE = 10.0
"""Seconds after which a server that still works on what was stopped is a failure, not a figure."""
HEADER = "| store | cell | presses | p50 (ms) | p95 (ms) | max (ms) | |\n|---|---|---|---|---|---|---|"
UNHEARD = "did not answer the cancel and was cut off"
RAISED = {"KeyboardInterrupt", "CancelledError"}
"""What ends a cell that was stopped; the second where a call is awaited on the kernel's own loop."""


@dataclass(frozen=True)
class Stops:
    """One kind of cell, stopped again and again."""

    store: str
    cell: str
    seconds: list[float]
    """From each press until the cell had ended and the server had nothing left of it."""
    unheard: int
    """How often the user was told that the server had not answered the cancel in time, and was cut off."""

    def row(self) -> str:
        """A line of the table, and whether all were within a second."""
        late = sum(each >= PROMISED for each in self.seconds)
        p50, p95 = statistics.median(self.seconds), statistics.quantiles(self.seconds, n=20)[-1]
        shown = " | ".join(f"{1000 * each:,.0f}" for each in (p50, p95, max(self.seconds)))
        return (
            f"| {self.store} | {self.cell} | {len(self.seconds)} | {shown} | {f'{late} TOO LATE' if late else 'ok'} |"
        )


@dataclass(frozen=True)
class Place:
    """A store that a kernel waits for."""

    connect: str
    """The cell that connects the kernel."""
    cells: Mapping[str, str]
    busy: Callable[[], int] = lambda: 0
    """How much of ours the server runs; what runs in the kernel itself ends with the cell."""


def about() -> str:
    """How it is pressed."""
    return (
        f"ipykernel {ipykernel.__version__}; each cell {PRESSES} times, up to 0.15 s after it began to wait; from the "
        "press to the end of the cell, its query on the server included"
    )


def rows() -> Iterator[Stops]:
    """Every kind of cell on every store."""
    for store in PLACES:
        yield from stopped(store)


def stopped(store: str, *, first: int = 0, last: int | None = None) -> Iterator[Stops]:
    """The kinds of cells of one store, or some of them."""
    with ExitStack() as stack:
        place = stack.enter_context(PLACES[store]())
        kernel = Kernel(Path(stack.enter_context(tempfile.TemporaryDirectory())))
        stack.callback(kernel.close)
        kernel.ok(place.connect)
        kernel.run(
            "raise KeyboardInterrupt"
        )  # the first traceback of a kernel takes long: IPython imports what draws it
        for name, code in itertools.islice(place.cells.items(), first, last):
            yield pressed(kernel, store, name, code, place.busy)
            if not at_rest(kernel):
                raise RuntimeError(f"{name} on {store} left something in its pool")


def pressed(kernel: Kernel, store: str, name: str, code: str, busy: Callable[[], int]) -> Stops:
    """One kind of cell. RuntimeError: it was not stopped, or something else was said beside."""
    found, unheard = [], 0
    for outcome, seconds in many_stops(kernel, [code], times=PRESSES):
        told = UNHEARD in outcome.stderr
        if outcome.error not in RAISED or (outcome.stderr and not told):
            raise RuntimeError(f"it was not stopped: {outcome}")
        unheard += told
        found.append(seconds + gone_within(busy, PATIENCE))
    return Stops(store, name, found, unheard)


@contextmanager
def on_duckdb() -> Iterator[Place]:
    """In the kernel."""
    yield Place(duckdb.CONNECT, {**duckdb.CELLS, **duckdb.AWAITED})


@contextmanager
def on_postgres() -> Iterator[Place]:
    """A server over loopback."""
    with PostgresServer(settings={"fsync": "off"}) as server, postgres.watched(server.url) as busy:
        yield Place(postgres.connect(server.url), {**postgres.CELLS, **postgres.AWAITED}, busy)


@contextmanager
def on_elasticsearch() -> Iterator[Place]:
    """A node over loopback, and a slow way to it."""
    with ElasticsearchNode(jvm=NORMAL_JVM) as node, elasticsearch.filled(node), elasticsearch.slow_way(node) as slowly:
        cells = {**elasticsearch.CELLS, **elasticsearch.AWAITED}
        yield Place(elasticsearch.connect(es=node.url, slowly=slowly.url), cells, elasticsearch.watched(node))


@contextmanager
def on_s3() -> Iterator[Place]:
    """A gateway over loopback, and a slow way to it."""
    with VersityGateway(options=("--quiet",)) as store, s3.filled(store), s3.slow_way(store) as slowly:
        yield Place(s3.connect(lake=store.settings, slowly=slowly.settings), {**s3.CELLS, **s3.AWAITED})


PLACES = {"DuckDB": on_duckdb, "PostgreSQL": on_postgres, "Elasticsearch": on_elasticsearch, "S3": on_s3}
