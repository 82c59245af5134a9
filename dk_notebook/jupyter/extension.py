"""``%load_ext dk_notebook``: what it adds to a shell, and how it is taken away again."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

from IPython.core.magic import Magics

from dk_notebook.jupyter import tracebacks
from dk_notebook.jupyter.display import UnderTheCell
from dk_notebook.jupyter.magics.bench import BenchMagics
from dk_notebook.jupyter.magics.close import CloseMagics
from dk_notebook.jupyter.magics.connect import ConnectMagics
from dk_notebook.jupyter.magics.explain import ExplainMagics
from dk_notebook.jupyter.magics.query import QueryMagics
from dk_notebook.jupyter.magics.status import StatusMagics
from dk_notebook.jupyter.magics.tables import TablesMagics

_loaded: WeakKeyDictionary[Any, UnderTheCell] = WeakKeyDictionary()


def load(shell: Any) -> None:
    """Add the magics, the line under a cell and the short tracebacks. A second time: nothing."""
    if shell in _loaded:
        return
    under = _loaded[shell] = UnderTheCell()
    for magics in _magics(shell, under):
        shell.register_magics(magics)
    shell.events.register("post_execute", under.show)
    tracebacks.shorten(shell)


def unload(shell: Any) -> None:
    """Take away what `load` added. Not loaded: nothing."""
    under = _loaded.pop(shell, None)
    if under is None:
        return
    shell.events.unregister("post_execute", under.show)
    for magics in _magics(shell, under):
        for kind, names in magics.magics.items():
            for name in names:
                shell.magics_manager.magics[kind].pop(name, None)
    tracebacks.restore(shell, last=not _loaded)


def _magics(shell: Any, under: UnderTheCell) -> list[Magics]:
    return [
        QueryMagics(shell, under),
        ExplainMagics(shell, under),
        TablesMagics(shell, under),
        CloseMagics(shell, under),
        ConnectMagics(shell),
        StatusMagics(shell),
        BenchMagics(shell),
    ]
