"""`make bench`: figures beside the peers, as ratios of runs that stood side by side. Markdown, for the README."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import chart
import duckdb_peer
import elasticsearch_peer
import import_peer
import notebook_peer
import pandas as pd
import postgres_peer
import records_peer
import s3_records_peer
import s3_tables_peer
import stops
from timing import HEADER, Amount, Pair


@dataclass(frozen=True)
class Subject:
    """What is measured together."""

    about: Callable[[], str]
    """The versions, and how it is measured."""
    rows: Callable[[], Iterable[Pair | Amount | stops.Stops]]
    charted: tuple[str, ...] = ()
    """What of it the picture shows."""
    header: str = HEADER


SUBJECTS = {
    "import": Subject(import_peer.about, import_peer.rows),
    "notebook": Subject(notebook_peer.about, notebook_peer.rows),
    "stops": Subject(stops.about, stops.rows, header=stops.HEADER),
    "duckdb": Subject(duckdb_peer.about, duckdb_peer.rows),
    "postgres": Subject(postgres_peer.about, postgres_peer.rows, postgres_peer.CHARTED),
    "records": Subject(records_peer.about, records_peer.rows),
    "s3_records": Subject(s3_records_peer.about, s3_records_peer.rows),
    "s3_tables": Subject(s3_tables_peer.about, s3_tables_peer.rows),
    "elasticsearch": Subject(elasticsearch_peer.about, elasticsearch_peer.rows, elasticsearch_peer.CHARTED),
}


def main(names: list[str]) -> str | None:
    """Print the tables of the subjects, all without names; draw their charts. What is wrong with the names."""
    if unknown := set(names) - set(SUBJECTS):
        return f"no such subject: {', '.join(unknown)}; there are {', '.join(SUBJECTS)}"
    print(f"Python {platform.python_version()}, pandas {pd.__version__}")
    for name in names or SUBJECTS:
        subject = SUBJECTS[name]
        print(f"\n### {name}\n\n{subject.about()}\n\n{subject.header}", flush=True)
        found = []
        for row in subject.rows():
            print(row.row(), flush=True)
            found.append(row)
        if subject.charted:
            path = Path(__file__).with_name(f"{name}.svg")
            chart.draw([row for row in found if isinstance(row, Pair)], subject.charted, path)
            print(f"\nThe chart: {path}")
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
