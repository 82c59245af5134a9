"""`make bench`: figures beside the peers, as ratios of runs that stood side by side. Markdown, for the README."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import duckdb
from timing import Pair, side_by_side


def imports() -> Pair:
    """A whole interpreter, with ours and with pandas and pyarrow alone; at most 0.15 s more."""

    # Modules are compiled once, as wherever people work; some containers switch that off.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}

    def start(code: str) -> None:
        subprocess.run([sys.executable, "-c", code], check=True, env=environment)

    pair = side_by_side(
        "import (ms); at most 150 ms more",
        lambda: start("import dk_notebook"),
        lambda: start("import pandas, pyarrow"),
        named="pandas, pyarrow",
        bound=0,
        runs=7,
    )
    return pair.at_most_later(0.15)


def main() -> None:
    """Print the table."""
    import duckdb_peer

    print(f"Python {platform.python_version()}, DuckDB {duckdb.__version__}\n")
    print("| what | ours | peer | ratio (quartiles) | at most | |")
    print("|---|---|---|---|---|---|")
    for pair in [imports(), *duckdb_peer.pairs()]:
        print(pair.row(), flush=True)
    print(duckdb_peer.growth())


if __name__ == "__main__":
    main()
