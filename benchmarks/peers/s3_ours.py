"""dk_notebook on S3; its settings come as JSON."""

from __future__ import annotations

import json
import sys

from served import serve

import dk_notebook as dk

connection = dk.connect(backend="s3", name="lake", **json.loads(sys.argv[1]))


def read(table: str, columns: list[str] | None = None, where: list[object] | None = None) -> object:
    return connection.read_table(table, columns=columns, where=where, as_="arrow")


serve({"read": read})
