"""The same query again and again, on one connection or several side by side, and what can be said of the runs."""

from __future__ import annotations

import math
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from dk_notebook import reading
from dk_notebook.backends.base import Backend, Native, Session
from dk_notebook.errors import ConfigError
from dk_notebook.reading import Source
from dk_notebook.runtime import thread
from dk_notebook.runtime.operations import Operation
from dk_notebook.runtime.parts import PARTS
from dk_notebook.store import Store

SECONDS = [*PARTS, "rest"]
"""The columns of a frame of runs that add up to its ``total``."""
NOISY = 0.25
"""The interquartile range, as a share of p50, from which on a series is called noisy."""
SURE = 2.58
"""Standard deviations from which on two series are called different: chance alone does that once in a hundred times.
Fewer than six runs each never get that far."""
FEWEST = 6


# --- measuring ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Contender:
    """A query on a connection."""

    source: Source
    query: Native
    cold: bool = False
    """Whether each run opens a connection of its own and closes it, instead of using the pool."""
    called: str = ""
    """What tells the query from others on the same connection."""

    @property
    def name(self) -> str:
        """How its column is headed."""
        name = f"{self.source.name}, {self.called}" if self.called else self.source.name
        return f"{name} (cold)" if self.cold else name


def measured(contenders: Sequence[Contender], *, runs: int = 7, warmups: int = 1) -> pd.DataFrame:
    """A row a run: contender, connection, cold, run (from 1), pool, server, transfer, conversion, rest, total, rows, bytes.

    The parts are seconds, as `runtime.parts` defines them, and add up to ``total``, which is what the caller waits for.
    ``rest`` is what is in no part: the way to the background loop and back, and giving the connection back (cold: closing
    it). ``bytes`` are those of the Arrow tables. The contenders take turns, each round in the other direction, so that
    what changes meanwhile meets all of them; ``warmups`` rounds go before that and are not counted. Results are dropped
    one by one. Blocks, and can be interrupted; an error of a run is raised at once.
    """  # noqa: E501 (the first line is one sentence)
    if runs < 1 or warmups < 0:
        raise ConfigError(f"a benchmark has at least one run and no fewer than 0 warm-ups, not {runs} and {warmups}")
    rows: dict[str, list[dict[str, Any]]] = {contender.name: [] for contender in contenders}
    if len(rows) < len(contenders):
        names = ", ".join(contender.name for contender in contenders)
        raise ConfigError(f"a benchmark compares different connections, or queries, not {names}")
    for number in range(1 - warmups, runs + 1):
        for contender in contenders if number % 2 else reversed(contenders):
            row = _run(contender, number)
            if number > 0:
                rows[contender.name].append(row)
    return pd.DataFrame([row for each in rows.values() for row in each])


def _run(contender: Contender, number: int) -> dict[str, Any]:
    source = _Cold(contender.source) if contender.cold else contender.source
    begun = time.perf_counter()
    # No progress bar: drawing one would be measured too.
    done = thread.run(reading.performed(source, contender.query, progress=False))
    total = time.perf_counter() - begun
    return {
        "contender": contender.name,
        "connection": contender.source.name,
        "cold": contender.cold,
        "run": number,
        **{part: done.seconds[part] for part in PARTS},
        "rest": max(total - sum(done.seconds.values()), 0.0),  # rounding
        "total": total,
        "rows": done.table.num_rows,
        "bytes": done.table.nbytes,
    }


class _Cold:
    """A source whose every session has a connection of its own; the pool of that name is left alone."""

    def __init__(self, source: Source) -> None:
        self.name = source.name
        config = source.store.config
        self.store = _Unpooled(source.store.backend, replace(config, pool=replace(config.pool, min_size=0)))


class _Unpooled(Store):
    """A store that opens for each session, and closes after it."""

    @asynccontextmanager
    async def session(self, operation: Operation) -> AsyncIterator[Session]:
        """See `Store.session`."""
        operation.parts.turn("pool")
        backend = await self.backend.open(self.config)
        try:
            async with backend.session(operation) as session:
                operation.parts.turn("server")
                try:
                    yield session
                finally:
                    operation.parts.turn(None)
        finally:
            await _closed(backend)


async def _closed(backend: Backend) -> None:
    """The end of a backend, also where the one who waits is told to stop meanwhile."""
    try:
        await backend.close()
    except BaseException:
        backend.terminate()
        raise


# --- what the runs say --------------------------------------------------------------------------------------------


def summary(runs: pd.DataFrame) -> pd.DataFrame:
    """A row a contender, in the order of the runs: of the totals p50, p95, iqr; p50 of each part; rows, bytes, their rates.

    Seconds, and rows and bytes a second. Quantiles lie between two runs in proportion, as pandas has them. ``iqr`` is the
    interquartile range, from the first quarter of the runs to the third. Each part has its own p50, so that they need not
    add up to that of the total. The rates are those at p50.

    >>> runs = pd.DataFrame({"contender": "a", "total": [1.0, 2.0, 3.0, 4.0, 15.0], "rows": 6, "bytes": 60,
    ...                      "pool": 0.0, "server": [1.0, 2.0, 3.0, 4.0, 15.0], "transfer": 0.0, "conversion": 0.0,
    ...                      "rest": 0.0})
    >>> summary(runs).loc["a", ["runs", "p50", "p95", "iqr", "server", "rows_per_second"]].round(6).to_dict()
    {'runs': 5.0, 'p50': 3.0, 'p95': 12.8, 'iqr': 2.0, 'server': 3.0, 'rows_per_second': 2.0}
    """  # noqa: E501 (the first line is one sentence)
    groups = runs.groupby("contender", sort=False)
    total = groups["total"]
    found = pd.DataFrame(
        {
            "runs": total.size(),
            "p50": total.median(),
            "p95": total.quantile(0.95),
            "iqr": total.quantile(0.75) - total.quantile(0.25),
            **{part: groups[part].median() for part in SECONDS},
            "rows": groups["rows"].median(),
            "bytes": groups["bytes"].median(),
        }
    )
    for unit in ("rows", "bytes"):
        found[f"{unit}_per_second"] = found[unit] / found["p50"]
    return found


def remarks(runs: pd.DataFrame) -> list[str]:
    """What a reader of the figures should know: how far p95 goes, noise, and which differences are more than that.

    Compared is with the first contender.
    """
    found = summary(runs)
    count = int(found["runs"].iloc[0])
    said = [f"p95 of {count} runs lies between the two slowest"] if 1 < count <= 20 else []
    for name, one in found.iterrows():
        if one["iqr"] > NOISY * one["p50"]:
            said.append(
                f"{name} is noisy: the middle half of its runs spreads over {one['iqr'] / one['p50']:.0%} of p50"
            )
    if runs["rows"].nunique() > 1:
        said.append(f"the results differ: {runs['rows'].min():,} to {runs['rows'].max():,} rows")
    return said + [_compared(runs, str(found.index[0]), str(other)) for other in found.index[1:]]


def _compared(runs: pd.DataFrame, first: str, second: str) -> str:
    one, other = (runs.loc[runs["contender"] == name, "total"] for name in (first, second))
    if len(one) < FEWEST:
        return f"fewer than {FEWEST} runs cannot tell {second} from {first}"
    if not differ(one, other):
        return f"{len(one)} runs do not tell {second} from {first}: the difference is no larger than the noise"
    (less, quick), (more, slow) = sorted([(one.median(), first), (other.median(), second)])
    times = more / less
    return (
        f"{slow} takes {times:,.1f} times as long as {quick}"
        if times < 10
        else (f"{slow} takes {times:,.0f} times as long as {quick}")
    )


def differ(one: pd.Series[float], other: pd.Series[float]) -> bool:
    """Whether two series differ by more than chance: by the ranks of their values (Mann and Whitney), at `SURE`.

    >>> quick, slow = pd.Series([1.0, 2, 3, 4, 5, 6]), pd.Series([7.0, 8, 9, 10, 11, 12])
    >>> differ(quick, slow), differ(quick, quick + 1)
    (True, False)
    """
    n, m = len(one), len(other)
    ranks = pd.concat([one, other], ignore_index=True).rank()
    wins = float(ranks.iloc[:n].sum()) - n * (n + 1) / 2
    distance = max(abs(wins - n * m / 2) - 0.5, 0.0)  # 0.5: counts are whole, the curve is not
    return distance / math.sqrt(n * m * (n + m + 1) / 12) > SURE
