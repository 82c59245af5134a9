"""What users call to get a widget. Nothing of IPython is imported before that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dk_notebook.connections import Connection
from dk_notebook.errors import MissingDependency

if TYPE_CHECKING:
    from dk_notebook.jupyter.widgets.browser import Browser
    from dk_notebook.jupyter.widgets.monitor import Monitor


def browser(connection: str | Connection | None = None, *, rows: int = 20) -> Browser:
    """A widget to pick a connection, walk its tables and look into one.

    It lists the connections, open or only configured. Choosing one opens it and asks for its tables; a table shows its
    columns, and a button its first ``rows`` rows. Stores are asked in the background: cells run on meanwhile, and an
    error is shown in the widget. A password that must be typed is asked for there; it goes to the store, and is kept in
    no state of the widget and in no notebook. Where no kernel runs, as on a saved page, the widget shows what it knew
    when it was displayed. ``close()`` ends it.

    Parameters
    ----------
    connection
        The one to begin with: a name, a URL or a Connection; None: the default one, if it is open.
    rows
        Rows of a preview.

    Raises
    ------
    MissingDependency
        ipywidgets is not installed.
    ConfigError
        Nothing has that name, or ``rows`` is no number of rows.

    Examples
    --------
    >>> import pandas as pd, dk_notebook as dk
    >>> report = dk.write_table(pd.DataFrame({"n": [1, 2, 3]}), "counted", "duckdb", mode="replace")
    >>> browser = dk.browser("duckdb")  # the last line of a cell shows it
    >>> browser.close()
    """
    _check("browser")
    from dk_notebook.jupyter.widgets.browser import Browser

    return Browser(connection, rows=rows)


def monitor() -> Monitor:
    """A widget that shows the pools and what runs, with a button that stops each call. It keeps itself up to date.

    The buttons do what `cancel` does. They work while the kernel is free (a call in a task of its own, or in another
    thread), and also while a cell runs where the front end sends widgets' messages past it: JupyterLab from 4.4 and
    Notebook from 7.4 with ipykernel from 7. Elsewhere a cell must end before a button is heard; the widget says
    which of both it is. The kernel's own stop button always works.

    Where no kernel runs, as on a saved page, the widget shows what it was when it was displayed. It stops looking when
    no page shows it any more; ``close()`` ends it.

    MissingDependency: ipywidgets is not installed.

    >>> import dk_notebook as dk
    >>> monitor = dk.monitor()  # the last line of a cell shows it
    >>> monitor.close()
    """
    _check("monitor")
    from dk_notebook.jupyter.widgets.monitor import Monitor

    return Monitor()


def _check(name: str) -> None:
    try:
        import ipywidgets  # noqa: F401 (whether it is there)
    except ModuleNotFoundError as error:
        missing = error.name or "ipywidgets"
        raise MissingDependency(f"{name} needs {missing}", hint="pip install 'dk-notebook[notebook]'") from None
