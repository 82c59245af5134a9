"""``dk.browser()``: pick a connection, walk its tables, look into one."""

from __future__ import annotations

import dataclasses
import html
import threading
from collections.abc import Mapping
from functools import partial
from typing import Any

import ipywidgets
import pandas as pd

from dk_notebook.api.connecting import connections
from dk_notebook.config.secrets import Secret
from dk_notebook.connections import Connection, resolve
from dk_notebook.errors import ConfigError
from dk_notebook.jupyter.display import Note
from dk_notebook.jupyter.widgets.contents import Contents, error_page, rows_page, table_page
from dk_notebook.jupyter.widgets.guarded import Choice
from dk_notebook.jupyter.widgets.login import Login
from dk_notebook.jupyter.widgets.opening import LoginWanted, opened
from dk_notebook.jupyter.widgets.panel import Panel, page_part
from dk_notebook.jupyter.widgets.preview import Preview, preview
from dk_notebook.jupyter.widgets.questions import Question
from dk_notebook.jupyter.widgets.tables import TableList
from dk_notebook.runtime.workers import in_worker
from dk_notebook.words import counted

PATIENCE = 0.5
"""Seconds that its display waits for the tables, so that they are on the page where no kernel runs."""


class Browser(Panel):
    """Connections, tables, columns, rows. See `dk_notebook.browser`."""

    def __init__(self, connection: str | Connection | None, *, rows: int) -> None:
        if isinstance(rows, bool) or not isinstance(rows, int) or rows < 1:
            raise ConfigError(f"rows takes a whole number of at least 1, not {rows!r}")
        begun = None if connection is None else _name(connection)
        self.lock = threading.RLock()
        self._filling = False
        self._limit = rows
        self._contents = Contents(connections())
        self._connection: Connection | None = None
        self._asking = [Question(self.lock) for _ in range(3)]
        self._tables_wanted, self._columns_wanted, self._rows_wanted = self._asking
        self._choice = Choice(self.lock, description="Connection", options=self._choices())
        refresh = {"description": "Refresh", "tooltip": "List the connections and tables again"}
        self._again = ipywidgets.Button(**refresh, layout={"width": "auto"})
        self._login = Login(self.lock)
        self._said = ipywidgets.HTML()
        self._list = TableList(self.lock, self._table_chosen)
        self._about, self._found = page_part(), page_part()
        self._look = ipywidgets.Button(description=f"First {counted(rows, 'row')}", layout={"display": "none"})
        chosen = ipywidgets.HBox((self._choice, self._again))
        super().__init__(chosen, self._login, self._said, self._list, self._about, self._look, self._found)
        self._choice.observe(self._picked, "value")
        self._again.on_click(lambda button: self._refresh())  # noqa: ARG005 (its form)
        self._look.on_click(lambda button: self._preview())  # noqa: ARG005
        begun = begun or self._open_default()
        if begun is not None:
            self._choice.value = begun

    # --- connections ------------------------------------------------------------------------------------------------

    def _choices(self) -> list[tuple[str, str | None]]:
        known = self._contents.connections
        rows = zip(known["name"], known["backend"], known["open"], strict=True)
        named = [(" · ".join([name, backend or "?", *["open"] * is_open]), name) for name, backend, is_open in rows]
        return [("choose one", None), *named]

    def _open_default(self) -> str | None:
        known = self._contents.connections
        return next(iter(known.loc[known["default"] & known["open"], "name"]), None)

    def _list_connections(self) -> None:
        """List them again; the one that is chosen stays chosen."""
        self._know(connections=connections())
        chosen = self._choice.value
        self._filling = True
        try:
            with self._choice.hold_sync():
                self._choice.options = self._choices()
                self._choice.value = chosen if chosen in [name for _, name in self._choice.options] else None
        finally:
            self._filling = False

    def _picked(self, change: Any) -> None:
        if not self._filling:
            self._chosen(change["new"])

    def _refresh(self) -> None:
        with self.lock:
            self._list_connections()
            self._chosen(self._choice.value)

    def _chosen(self, name: str | None, typed: Mapping[str, Secret] | None = None) -> None:
        """A connection is chosen: open it, and ask for its tables."""
        with self.lock:
            for each in self._asking:
                each.drop()
            self._connection = None
            self._contents = Contents(self._contents.connections, name)
            self._login.dismiss()
            self._list.show(None)
            self._table_chosen(None)
            self._said.value = "" if name is None else f"asking {html.escape(name)} …"
            if name is None:
                return

            async def find() -> tuple[Connection, pd.DataFrame]:
                connection = await in_worker(opened, name, typed or {})
                return connection, await connection.atables()

            self._tables_wanted.ask(find, self._tables_came, partial(self._no_tables, name))

    def _tables_came(self, found: tuple[Connection, pd.DataFrame]) -> None:
        self._connection, tables = found
        self._know(connection=self._connection.name, tables=tables)
        self._list_connections()  # one more may be open
        self._said.value = Note((counted(len(tables), "table"), self._connection.location))._repr_html_()
        self._list.show(tables)

    def _no_tables(self, name: str, error: Exception) -> None:
        if isinstance(error, LoginWanted):
            self._know(error=error.refused)
            self._said.value = "" if error.refused is None else error_page(error.refused)
            self._login.ask(error.questions, lambda typed: self._chosen(name, typed))
        else:
            self._know(error=error)
            self._said.value = error_page(error)

    # --- one table --------------------------------------------------------------------------------------------------

    def _table_chosen(self, table: str | None) -> None:
        """A table is chosen: ask for its columns."""
        with self.lock:
            self._columns_wanted.drop()
            self._rows_wanted.drop()
            self._know(table=table, columns=None, rows=None, error=None)
            self._found.value = ""
            connection = self._connection
            self._look.layout.display = "none" if table is None or connection is None else None
            self._about.value = "" if table is None else f"<code>{html.escape(table)}</code> …"
            if table is not None and connection is not None:
                self._columns_wanted.ask(
                    lambda: connection.acolumns(table),
                    partial(self._columns_came, connection, table),
                    partial(self._failed, self._about),
                )

    def _columns_came(self, connection: Connection, table: str, columns: pd.DataFrame) -> None:
        self._know(columns=columns)
        call = html.escape(f"dk.read_table({table!r}, {connection.name!r})")
        self._about.value = f"<code>{call}</code>{table_page(columns)}"

    def _preview(self) -> None:
        with self.lock:
            connection, table = self._connection, self._contents.table
            if connection is None or table is None:
                return
            self._found.value = "reading …"
            self._rows_wanted.ask(
                lambda: preview(connection, table, self._limit), self._rows_came, partial(self._failed, self._found)
            )

    def _rows_came(self, found: Preview) -> None:
        self._know(rows=found.frame)
        self._found.value = f'<div style="width: fit-content">{rows_page(found.frame)}</div>{found.note._repr_html_()}'

    def _failed(self, place: Any, error: Exception) -> None:
        self._know(error=error)
        place.value = error_page(error)

    # --- what it knows ----------------------------------------------------------------------------------------------

    def _know(self, **news: Any) -> None:
        self._contents = dataclasses.replace(self._contents, **news)

    def static(self) -> Contents:
        """What it knows at this moment."""
        self._tables_wanted.wait(PATIENCE)
        return self._contents

    def end(self) -> None:
        """Ask nothing more."""
        for each in self._asking:
            each.drop()


def _name(connection: str | Connection) -> str:
    """The name under which the book or a file has it. ConfigError."""
    if isinstance(connection, str) and connection in set(connections()["name"]):
        return connection  # not made here, where it could ask for a password
    return resolve(connection).name
