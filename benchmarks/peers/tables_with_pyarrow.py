"""pyarrow alone, on files of the local disk: the folder is the argument."""

from __future__ import annotations

import sys

import pyarrow.dataset as ds
from served import serve

folder = sys.argv[1]


def read() -> object:
    return ds.dataset(folder, format="parquet").to_table()


serve({"read": read})
