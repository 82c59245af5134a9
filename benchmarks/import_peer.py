"""Importing: ours beside what it stands on."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

from timing import Pair, side_by_side


def about() -> str:
    """Nothing beyond what is said of every subject."""
    return ""


def rows() -> Iterator[Pair]:
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
    yield pair.at_most_later(0.15)
