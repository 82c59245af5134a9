"""The first rows of a table, whatever its fields hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dk_notebook.connections import Connection
from dk_notebook.errors import ConversionError
from dk_notebook.jupyter.display import Note, first_rows, seconds
from dk_notebook.jupyter.widgets.questions import TIMEOUT


@dataclass(frozen=True)
class Preview:
    """The first rows, and what to say of them."""

    frame: Any
    note: Note


async def preview(connection: Connection, table: str, rows: int) -> Preview:
    """At most so many rows. The errors are those of `dk.read_table`, but for fields that hold lists unannounced."""
    arrays: dict[str, Any] = {}
    while True:
        try:
            # One more tells whether there are more.
            frame = await connection.aread_table(table, limit=rows + 1, timeout=TIMEOUT, progress=False, **arrays)
        except ConversionError as error:
            # Which fields of an index hold lists is not known before their first one; a reader names them, a look
            # learns them.
            known = arrays.get("arrays", [])
            if connection.backend != "elasticsearch" or "arrays=" not in (error.hint or "") or error.column in known:
                raise
            arrays["arrays"] = [*known, error.column]
            continue
        told = frame.attrs["dk"]
        first, shown = first_rows(frame, rows)
        named = [f"arrays={arrays['arrays']!r}"] if arrays else []
        return Preview(first, Note((str(shown), seconds(told["seconds"]), connection.name, *named)))
