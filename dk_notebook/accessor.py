"""``df.dk``: a frame's own way to the stores. Each method is a call into `dk_notebook.api`."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, Literal, Unpack

import pandas as pd

from dk_notebook import scope
from dk_notebook.api.reading import Target
from dk_notebook.api.twin import twin_of
from dk_notebook.api.writing import awrite_table, write_table
from dk_notebook.backends.base import Layout, Mode, WriteReport
from dk_notebook.connections import resolve
from dk_notebook.frames.pandas import to_arrow
from dk_notebook.frames.records import key_column, records_of
from dk_notebook.methods import Params
from dk_notebook.reading import ReadArguments
from dk_notebook.records.record import Record
from dk_notebook.writing import WriteArguments


@pd.api.extensions.register_dataframe_accessor("dk")
class FrameAccessor:
    """Write this frame to a store, or query it with SQL."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self._frame = frame

    def to_backend(
        self,
        connection: Target,
        table: str,
        *,
        mode: Mode = "fail",
        if_exists: Mode | None = None,
        key: str | Sequence[str] | None = None,
        index: bool = False,
        layout: Layout | None = None,
        types: Mapping[str, str] | None = None,
        errors: Literal["raise", "collect"] = "raise",
        partition_by: Sequence[str] | None = None,
        format: str = "parquet",  # noqa: A002 (the name in the public API)
        compression: str | None = None,
        timeout: float | None = None,
        progress: bool | None = None,
    ) -> WriteReport:
        """Write this frame to ``table``; the parameters, modes and errors are those of `write_table`.

        >>> import pandas as pd, dk_notebook as dk
        >>> df = pd.DataFrame({"id": [1, 2], "city": ["Oslo", "Rome"]})
        >>> df.dk.to_backend("duckdb", "towns", mode="upsert", key="id").rows
        2
        """
        return write_table(
            self._frame,
            table,
            connection,
            mode=mode,
            if_exists=if_exists,
            key=key,
            index=index,
            layout=layout,
            types=types,
            errors=errors,
            partition_by=partition_by,
            format=format,
            compression=compression,
            timeout=timeout,
            progress=progress,
        )

    @twin_of(to_backend)
    def ato_backend(
        self, connection: Target, table: str, **arguments: Unpack[WriteArguments]
    ) -> Coroutine[Any, Any, WriteReport]:
        """`to_backend`, awaited."""
        return awrite_table(self._frame, table, connection, **arguments)

    def to_records(self, key: str | None = None) -> list[Record]:
        """A record a row, a field a column; missing values are None.

        ``key``: the column of the ids; None: the column ``id`` if there is one, else an id is drawn for each.
        ConfigError: ``key`` is no column. ConversionError: an id is missing.

        >>> import pandas as pd, dk_notebook
        >>> pd.DataFrame({"code": ["a", "b"], "n": [1, None]}).dk.to_records(key="code")
        [Record({'code': 'a', 'n': 1.0}, id='a'), Record({'code': 'b', 'n': None}, id='b')]
        """
        table = to_arrow(self._frame)
        return records_of(table, key_column(table.schema, key))

    def query(self, query: str, *, params: Params = None, **arguments: Unpack[ReadArguments]) -> Any:
        """The result of SQL over this frame, which is called ``df`` there. Runs in the embedded DuckDB.

        >>> import pandas as pd, dk_notebook
        >>> pd.DataFrame({"c": ["a", "b", "a"], "x": [1, 2, 3]}).dk.query("select c, sum(x) as x from df group by c order by c")["x"].to_list()
        [4.0, 2.0]
        """  # noqa: E501 (an example is one line)
        with scope.names({"df": self._frame}):
            return resolve("duckdb").read_query(query, params=params, **arguments)
