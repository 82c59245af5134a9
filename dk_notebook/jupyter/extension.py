"""``%load_ext dk_notebook``: what it adds to a shell, and how it is taken away again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from IPython.core.magic import Magics

from dk_notebook.jupyter import tracebacks
from dk_notebook.jupyter.completion.matcher import Matcher, matcher
from dk_notebook.jupyter.display import UnderTheCell
from dk_notebook.jupyter.magics.bench import BenchMagics
from dk_notebook.jupyter.magics.close import CloseMagics
from dk_notebook.jupyter.magics.connect import ConnectMagics
from dk_notebook.jupyter.magics.explain import ExplainMagics
from dk_notebook.jupyter.magics.query import QueryMagics
from dk_notebook.jupyter.magics.status import StatusMagics
from dk_notebook.jupyter.magics.tables import TablesMagics


@dataclass(frozen=True)
class _Added:
    """What a shell got."""

    under: UnderTheCell
    matcher: Matcher


_loaded: WeakKeyDictionary[Any, _Added] = WeakKeyDictionary()


def load(shell: Any) -> None:
    """Add the magics, their completion, the line under a cell and the short tracebacks. A second time: nothing."""
    if shell in _loaded:
        return
    added = _loaded[shell] = _Added(UnderTheCell(), matcher(shell))
    for magics in _magics(shell, added.under):
        shell.register_magics(magics)
    shell.Completer.custom_matchers.append(added.matcher)
    shell.events.register("post_execute", added.under.show)
    tracebacks.shorten(shell)


def unload(shell: Any) -> None:
    """Take away what `load` added. Not loaded: nothing."""
    added = _loaded.pop(shell, None)
    if added is None:
        return
    shell.events.unregister("post_execute", added.under.show)
    if added.matcher in shell.Completer.custom_matchers:
        shell.Completer.custom_matchers.remove(added.matcher)
    for magics in _magics(shell, added.under):
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
