"""What the notebook server's place is taken by: the tour against Binder's servers, and what a user may type beside it.

Prints what it saw as JSON. It runs in a clone, with Binder's Python.
"""

from __future__ import annotations

import json

import nbformat
import psutil
from nbclient import NotebookClient

import dk_notebook as dk


def main() -> None:
    """The tour, with what stood there before, what it wrote, and what its processes had in memory after each cell."""
    servers = psutil.Process().children(recursive=True)
    prepared = flights()
    memory = [0]

    def measure(**_: object) -> None:
        memory.append(sum(each.memory_full_info().pss for each in psutil.Process().children(recursive=True)))

    notebook = nbformat.read("notebooks/01-tour.ipynb", as_version=4)
    [own] = [cell for cell in notebook.cells if cell.id == "postgres-server"]
    own.source = 'import os\ndk.connect(os.environ["DATABASE_URL"], name="pg")'  # else it starts one of its own
    client = NotebookClient(
        notebook,
        timeout=200,
        kernel_name="python3",
        resources={"metadata": {"path": "notebooks"}},
        on_cell_executed=measure,
    )
    client.execute()
    dk.connect("s3://lake", name="lake")
    dk.write_table(dk.read_query("select 42 as answer", "duckdb"), "t", "lake")
    found = {
        "prepared": prepared,
        "written": flights(),
        "answer": int(dk.read_table("t", "lake")["answer"][0]),
        "package": dk.__file__,
        "servers": [each.pid for each in servers],
        "memory": max(memory),
    }
    print(json.dumps(found))


def flights() -> int:
    """How many the server has."""
    return int(dk.read_query("select count(*) as n from flights", "postgres")["n"][0])


if __name__ == "__main__":
    main()
