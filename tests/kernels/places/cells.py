"""Cells in which a call can be waited for, whatever the store: they print "running" before they wait.

A cell magic prints nothing: its body is the statement and nothing else.
"""

from __future__ import annotations


def asking(query: str, connection: str) -> dict[str, str]:
    """Place -> cell, of a query that takes minutes."""
    read = f"print('running'); dk.read_query({query!r}, {connection!r})"
    return {
        "a plain cell": read,
        "a cell with a top-level await before the call": f"import asyncio\nawait asyncio.sleep(0.01)\n{read}",
        "several calls in a row": f"""
print("running")
[dk.read_query(query, {connection!r}) for query in [{query!r}] * 3]
""",
        "a line magic": f"print('running')\n%dkquery -c {connection} {query}",
        "a cell magic": f"%%dkquery -c {connection}\n{query}",
        "a benchmark": f"print('running')\n%dkbench -c {connection} {query}",
        "explain analyze": f"print('running'); dk.explain({query!r}, {connection!r}, analyze=True)",
        "an explain magic": f"print('running')\n%dkexplain --analyze -c {connection} {query}",
    }


def awaiting(query: str, connection: str) -> dict[str, str]:
    """The same of what is awaited on the kernel's own loop."""
    return {
        "an awaited query": f"print('running'); await dk.aread_query({query!r}, {connection!r})",
        "a gather": f"""
import asyncio
print("running")
await asyncio.gather(*(dk.aread_query({query!r}, {connection!r}) for _ in range(3)))
""",
    }


def iterating(chunks: str, *, awaited: bool = False) -> str:
    """A cell that takes chunk after chunk; ``chunks`` is the call that gives them."""
    return f"print('running')\n{'async ' if awaited else ''}for frame in {chunks}:\n    pass\n"


def writing(table: str, connection: str, *, mode: str = "replace", awaited: bool = False) -> str:
    """A cell that writes for ever."""
    call = "await dk.awrite_table" if awaited else "dk.write_table"
    return f"""
def rows():
    for _ in range(1_000_000):
        yield pd.DataFrame({{"n": range(100_000), "t": "some text"}})

print("running"); {call}(rows(), {table!r}, {connection!r}, mode={mode!r})
"""
